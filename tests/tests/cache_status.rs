//! What Cache-Status says (RFC 9211): how a request was answered, for whom it is told, and in what
//! company.

use ringside_tests::{check_on, check_with, Answer, Ask, CacheStatus, Gate, Reply, Setup};

fn say(body: &str, tag: &str) -> Answer {
    Answer::ok(body).field("ETag", format!("\"{tag}\""))
}

/// About 60 seconds, as clocks go.
fn is_minute(ttl: Option<i64>) -> bool {
    ttl.is_some_and(|ttl| (50..=60).contains(&ttl))
}

#[test]
fn cache_status_says_how_it_went() {
    // RFC 9211, 2
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on("/a", say("hello", "1").fresh());
        let reply = stage.get("/a");
        let told = reply.status_told();
        assert_eq!(told.fwd.as_deref(), Some("uri-miss"));
        assert_eq!((told.fwd_status, told.stored), (Some(200), true));
        assert!(
            is_minute(told.ttl) && !told.collapsed && !told.hit,
            "{told:?}"
        );
        stage.everywhere(|client| {
            let told = client.get("/a").status_told();
            assert!(told.hit && is_minute(told.ttl), "{told:?}");
            let plain = (told.fwd.is_none(), told.fwd_status, told.stored, told.key);
            assert_eq!(plain, (true, None, false, None));
        });
        let insisting = Ask::get("/a").field("Cache-Control", "no-cache");
        let told = stage.client().ask(&insisting).status_told();
        assert_eq!(told.fwd.as_deref(), Some("request"));
        let told = stage.client().ask(&Ask::post("/a", "x")).status_told();
        assert_eq!(told.fwd.as_deref(), Some("method"));
        assert_eq!((told.fwd_status, told.stored), (Some(200), false));
        stage.origin.on("/a", Answer::status(404).no_store());
        let told = stage.get("/a").status_told();
        assert_eq!(told.fwd.as_deref(), Some("uri-miss"));
        assert_eq!((told.fwd_status, told.stored), (Some(404), false));
        // Stale: confirmed, and replaced.
        let aged = say("hello", "1").fresh().field("Age", "100");
        stage.origin.on("/b", aged);
        let told = stage.get("/b").status_told();
        assert!(
            told.ttl.is_none_or(|ttl| (-50..=-40).contains(&ttl)),
            "{told:?}"
        );
        let not_modified = Answer::status(304).field("ETag", "\"1\"");
        stage
            .origin
            .on("/b", not_modified.field("Cache-Control", "max-age=0"));
        let told = stage.get("/b").status_told();
        assert_eq!(told.fwd.as_deref(), Some("stale"));
        assert_eq!(told.fwd_status, Some(304));
        stage.origin.on("/b", say("other", "2").fresh());
        let told = stage.get("/b").status_told();
        assert_eq!(told.fwd.as_deref(), Some("stale"));
        assert_eq!((told.fwd_status, told.stored), (Some(200), true));
        assert!(is_minute(told.ttl), "{told:?}");
        // Another variant.
        let vary = say("hello", "1").fresh().field("Vary", "X-One");
        stage.origin.on("/c", vary);
        stage.get("/c").expect(200);
        let other = Ask::get("/c").field("X-One", "1");
        let told = stage.client().ask(&other).status_told();
        assert_eq!(told.fwd.as_deref(), Some("vary-miss"));
        // Conditions are answered from the cache.
        let own = Ask::get("/c").field("If-None-Match", "\"1\"");
        let reply = stage.client().ask(&own);
        assert!(reply.expect(304).status_told().hit);
    });
    let off = Setup::new().route("cache.enabled = false");
    check_with(&[1], &off, |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        let told = stage.get("/a").status_told();
        assert_eq!(told.fwd.as_deref(), Some("bypass"));
        assert_eq!((told.fwd_status, told.stored), (Some(200), false));
    });
}

#[test]
fn cache_status_tells_who_waited_for_another() {
    // RFC 9211, 2.6
    check_on(&[1, 2, 4], |stage| {
        let gate = Gate::new();
        stage
            .origin
            .on("/a", Answer::ok("hello").fresh().wait_before_head(&gate));
        let mut clients = stage.clients();
        clients.push(stage.client());
        clients.push(stage.client());
        clients[0].send(Ask::get("/a").bytes());
        stage.origin.wait_for("/a", 1);
        for client in &mut clients[1..] {
            client.send(Ask::get("/a").bytes());
        }
        stage.settle();
        gate.open();
        for (number, client) in clients.iter_mut().enumerate() {
            let reply = client.reply();
            let told = reply.expect(200).status_told();
            assert_eq!(told.fwd.as_deref(), Some("uri-miss"), "{number}: {told:?}");
            assert_eq!(told.collapsed, number > 0, "{number}: {told:?}");
        }
        assert_eq!(stage.origin.count("/a"), 1);
    });
}

#[test]
fn an_error_of_our_own_has_a_cache_status_too() {
    check_on(&[1, 2], |stage| {
        let only = Ask::get("/a").field("Cache-Control", "only-if-cached");
        let told = stage.client().ask(&only).expect(504).status_told();
        assert!(!told.hit, "{told:?}");
        stage.origin.on("/a", Answer::raw(""));
        let told = stage.get("/a").expect(502).status_told();
        assert!(!told.hit && !told.stored, "{told:?}");
        assert_eq!(told.fwd_status, None, "the origin answered nothing");
    });
}

/// The members named in the Cache-Status of a reply.
fn names(reply: &Reply) -> Vec<String> {
    let members = reply.statuses().into_iter();
    members.map(|member: CacheStatus| member.name).collect()
}

#[test]
fn ours_is_appended_to_what_came() {
    // RFC 9211, 2: the first member is the cache closest to the origin.
    check_on(&[1, 2], |stage| {
        let answer = say("hello", "1").fresh().field(
            "Cache-Status",
            "Shield; hit; ttl=1100, \"the, other\"; fwd=miss",
        );
        stage.origin.on("/a", answer.clone());
        stage.origin.on(
            "/pass",
            answer.no_store().field("Cache-Status", "third; hit"),
        );
        for _ in 0..3 {
            let reply = stage.get("/a");
            assert_eq!(names(&reply), ["Shield", "the, other", "ringside"]);
        }
        let reply = stage.get("/a");
        reply.expect_hit();
        assert_eq!(reply.statuses()[0].ttl, Some(1100), "as it was said");
        let reply = stage.get("/pass");
        assert_eq!(names(&reply), ["Shield", "the, other", "third", "ringside"]);
        // A 304 says how it went this time; what the shield said before is no longer true.
        let aged = say("hello", "1").fresh().field("Age", "100");
        stage
            .origin
            .on("/b", aged.field("Cache-Status", "Shield; fwd=miss"));
        stage.get("/b").expect(200);
        let not_modified = Answer::status(304).field("ETag", "\"1\"").fresh();
        stage
            .origin
            .on("/b", not_modified.field("Cache-Status", "Shield; hit"));
        stage.get("/b").expect(200);
        let reply = stage.get("/b");
        assert_eq!(names(&reply), ["Shield", "ringside"]);
        assert!(reply.statuses()[0].hit);
    });
}

#[test]
fn cache_status_is_limited_to_those_it_is_for() {
    for (to, told) in [
        ("\"all\"", true),
        ("\"none\"", false),
        ("[\"127.0.0.0/8\"]", true),
        ("[\"10.0.0.0/8\", \"127.0.0.1\"]", true),
        ("[\"10.0.0.0/8\", \"::1\"]", false),
    ] {
        let setup = Setup::new().more(&format!("[cache_status]\nto = {to}\n"));
        check_with(&[1, 2], &setup, |stage| {
            stage.origin.on("/a", Answer::ok("hello").fresh());
            stage.get("/a").expect(200);
            stage.everywhere(|client| {
                for ask in [
                    Ask::get("/a"),
                    Ask::get("/a").field("X", "y"),
                    Ask::head("/a"),
                ] {
                    let reply = client.ask(&ask);
                    assert_eq!(
                        reply.expect(200).field("Cache-Status").is_some(),
                        told,
                        "{to}"
                    );
                }
            });
            let posted = stage.client().ask(&Ask::post("/a", "x"));
            assert_eq!(posted.field("Cache-Status").is_some(), told, "{to}");
            assert_eq!(stage.origin.count("/a"), 2);
        });
    }
}

#[test]
fn cache_status_has_a_key_where_that_is_wished() {
    let setup = Setup::new().more("[cache_status]\nkey = true\n");
    check_with(&[1, 2], &setup, |stage| {
        stage.origin.on("/*", Answer::ok("hello").fresh());
        for path in ["/a?x=1", "/with%22quote%5Cand?y=%C3%A9"] {
            let first = stage.get(path).expect(200).status_told();
            let key = first.key.expect("a key");
            assert!(!key.is_empty());
            stage.everywhere(|client| {
                let told = client.get(path).status_told();
                assert!(told.hit);
                assert_eq!(told.key.as_deref(), Some(key.as_str()));
            });
        }
        let one = stage.get("/a?x=1").status_told().key;
        assert_ne!(one, stage.get("/a?x=2").status_told().key);
    });
}

#[test]
fn details_and_the_name_are_the_operator_s() {
    let setup = Setup::new().more("[cache_status]\ndetail = false\n");
    check_with(&[1, 2], &setup, |stage| {
        let stale = say("hello", "1").fresh().field("Age", "100");
        stage.origin.on("/a", stale);
        stage.origin.on("/b", Answer::ok("hello").no_store());
        for path in ["/a", "/b", "/a", "/b", "/a", "/b"] {
            let told = stage.get(path).status_told();
            assert_eq!(told.detail, None, "{told:?}");
        }
    });
    let setup = Setup::new().proxy("name = \"edge-1\"");
    check_with(&[1], &setup, |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        assert_eq!(names(&stage.get("/a")), ["edge-1"]);
        let hit = stage.get("/a").statuses().pop().expect("a member");
        assert!(hit.hit && hit.name == "edge-1");
    });
}
