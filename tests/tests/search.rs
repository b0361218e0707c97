//! Which queries mean the same to the origin: No-Vary-Search
//! (draft-ietf-httpbis-no-vary-search).

use ringside_tests::{check_on, check_with, Answer, Ask, Setup, Stage};

/// Each request to `/s` and below gets a content of its own, and this No-Vary-Search.
fn say(stage: &Stage, rule: &'static str) {
    stage.origin.on_each("/s*", move |received, number| {
        Answer::ok(format!("{} {number}", received.target))
            .fresh()
            .field("No-Vary-Search", rule)
    });
}

/// What the origin says; the query that is stored; another; whether that one is a hit.
const ROWS: &[(&str, &str, &str, bool)] = &[
    ("params=(\"utm\")", "?x=1&utm=a", "?x=1&utm=b", true),
    ("params=(\"utm\")", "?x=1&utm=a", "?utm=c&x=1", true),
    ("params=(\"utm\")", "?x=1&utm=a", "?x=1", true),
    ("params=(\"utm\")", "?x=1", "?x=1&utm", true),
    ("params=(\"utm\")", "?x=1", "?utm=a&x=1&utm=b", true),
    ("params=(\"utm\")", "?x=1", "?x=1&", true),
    ("params=(\"utm\")", "?x=1&utm=a", "?x=2&utm=a", false),
    ("params=(\"utm\")", "?x=1&utm=a", "?x=1&UTM=a", false),
    ("params=(\"utm\")", "?x=1", "?x=1&x=1", false),
    ("params=(\"utm\")", "?x=1&y=2", "?y=2&x=1", false),
    ("params=(\"utm\" \"ref\")", "?ref=1&x=1&utm=2", "?x=1", true),
    ("params=(\"utm\");v=1", "?x=1&utm=a", "?x=1", true),
    // Names and values are compared as forms are read.
    ("params=(\"utm\")", "?x=a%20b", "?x=a+b", true),
    ("params=(\"utm\")", "?x=%31", "?x=1", true),
    ("params=(\"utm\")", "?x=1&u%74m=a", "?x=1", true),
    ("params=(\"a b\")", "?x=1&a+b=1", "?x=1&a%20b=2", true),
    ("params=(\"utm\")", "?x=a%26b", "?x=a&b", false),
    ("params=(\"utm\")", "?x", "?x=", true),
    // All but a few.
    ("params", "?a=1", "?b=2&c", true),
    ("params", "?a=1", "", true),
    ("params", "", "?a=1", true),
    ("params, except=(\"id\")", "?id=1&a=2", "?b=3&id=1", true),
    ("params, except=(\"id\")", "?id=1", "?id=2", false),
    ("params, except=(\"id\")", "?id=1", "", false),
    (
        "params=?1, except=(\"id\" \"q\")",
        "?id=1&q=2",
        "?id=1&q=3",
        false,
    ),
    // The order of names, but not that of one name's values.
    ("key-order", "?a=1&b=2", "?b=2&a=1", true),
    ("key-order", "?a=1&b=2&a=3", "?b=2&a=1&a=3", true),
    ("key-order", "?a=1&a=2", "?a=2&a=1", false),
    ("key-order", "?a=1", "?a=2", false),
    ("key-order=?0", "?a=1&b=2", "?b=2&a=1", false),
    (
        "key-order, params=(\"utm\")",
        "?a=1&utm=1&b=2",
        "?b=2&a=1",
        true,
    ),
    // Nothing, or nothing valid: every query is its own.
    ("", "?a=1", "?a=2", false),
    ("params=?0", "?a=1", "?a=2", false),
    ("params=\"utm\"", "?x=1&utm=a", "?x=1", false),
    ("params=utm", "?x=1&utm=a", "?x=1", false),
    ("params=(utm)", "?x=1&utm=a", "?x=1", false),
    ("params=(\"utm\"", "?x=1&utm=a", "?x=1", false),
    ("params=(\"utm\"),", "?x=1&utm=a", "?x=1", false),
    ("params=1", "?x=1", "?x=2", false),
    ("key-order=1", "?a=1&b=2", "?b=2&a=1", false),
    ("params, except=\"id\"", "?a=1", "?a=2", false),
];

#[test]
fn queries_that_mean_the_same_share_a_response() {
    check_on(&[1, 2, 4], |stage| {
        for (number, (rule, first, second, same)) in ROWS.iter().enumerate() {
            let path = format!("/s{number}");
            say(stage, rule);
            let (first, second) = (format!("{path}{first}"), format!("{path}{second}"));
            let stored = stage.get(&first).expect(200).text();
            let mut clients = stage.clients();
            for client in &mut clients {
                let reply = client.get(&second);
                let is_same = reply.expect(200).text() == stored;
                assert_eq!(is_same, *same, "{rule}: {first} and {second}");
                // What it was stored for is a hit as ever.
                client.get(&first).expect_hit().expect_body(&stored);
            }
            let asked = if *same { 1 } else { 2 };
            let pattern = format!("{path}*");
            assert_eq!(stage.origin.count(&pattern), asked, "{rule}: {second}");
        }
    });
}

#[test]
fn the_origin_sees_what_the_client_sent() {
    check_on(&[1, 2], |stage| {
        say(stage, "key-order, params=(\"utm\")");
        stage.get("/s?b=2&utm=1&a=1").expect(200);
        stage.get("/s?a=2&utm=%31").expect(200);
        let asked: Vec<String> = stage
            .origin
            .requests("/s*")
            .into_iter()
            .map(|received| received.target)
            .collect();
        assert_eq!(asked, ["/s?b=2&utm=1&a=1", "/s?a=2&utm=%31"]);
    });
}

#[test]
fn what_differs_stays_apart() {
    check_on(&[1, 2, 4], |stage| {
        say(stage, "params=(\"utm\")");
        let targets: Vec<String> = (0..20)
            .map(|number| format!("/s?x={number}&utm=a"))
            .collect();
        let held: Vec<String> = targets
            .iter()
            .map(|target| stage.get(target).expect(200).text())
            .collect();
        stage.everywhere(|client| {
            for (number, body) in held.iter().enumerate() {
                let reply = client.get(&format!("/s?utm=b&x={number}"));
                reply.expect(200).expect_hit().expect_body(body);
            }
        });
        // Another path has no such rule yet, and another host is another site's business.
        stage
            .get("/s/more?x=1&utm=b")
            .expect(200)
            .expect_forwarded();
        let other = Ask::get("/s?x=1&utm=b").host("other.test");
        stage.client().ask(&other).expect(200).expect_forwarded();
        assert_eq!(stage.origin.count("/s*"), 22);
    });
}

#[test]
fn variants_and_queries_go_together() {
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/s*", |received, number| {
            let kind = received.field("X-Kind").unwrap_or_default();
            Answer::ok(format!("{kind} {number}"))
                .fresh()
                .field("Vary", "X-Kind")
                .field("No-Vary-Search", "params=(\"utm\")")
        });
        let ask =
            |utm: &str, kind: &str| Ask::get(&format!("/s?x=1&utm={utm}")).field("X-Kind", kind);
        stage.client().ask(&ask("1", "a")).expect_body("a 1");
        stage.client().ask(&ask("2", "b")).expect_body("b 2");
        stage.everywhere(|client| {
            client.ask(&ask("3", "a")).expect_hit().expect_body("a 1");
            client.ask(&ask("4", "b")).expect_hit().expect_body("b 2");
        });
    });
}

#[test]
fn the_route_may_turn_it_off() {
    let setup = Setup::new().route("cache.no_vary_search = false");
    check_with(&[1, 2], &setup, |stage| {
        say(stage, "params");
        stage.get("/s?a=1").expect(200);
        stage.get("/s?a=2").expect(200).expect_forwarded();
        stage.get("/s?a=1").expect_hit();
        stage.get("/s?a=2").expect_hit();
    });
}

#[test]
fn any_of_the_queries_names_what_is_to_go() {
    // A purge, or an unsafe request (RFC 9111, 4.4), for one of them is for what answers it.
    check_on(&[1, 2, 4], |stage| {
        say(stage, "params=(\"utm\")");
        let stored = |stage: &Stage| {
            let hit = stage.wait_for_hit(&Ask::get("/s?x=1&utm=a"));
            stage.everywhere(|client| {
                client
                    .get("/s?x=1&utm=b")
                    .expect_hit()
                    .expect_body(&hit.body);
            });
            hit.text()
        };
        let gone = |old: &str| {
            let mut clients = stage.clients();
            for client in &mut clients {
                for target in ["/s?x=1&utm=a", "/s?utm=z&x=1", "/s?x=1"] {
                    assert_ne!(client.get(target).expect(200).text(), old, "{target}");
                }
            }
        };
        for target in ["/s?x=1&utm=a", "/s?x=1&utm=b", "/s?x=1", "/s?utm=c&x=1"] {
            let old = stored(stage);
            let url = format!("http://ringside.test{target}");
            stage.ringside.purge(&url).expect(200);
            gone(&old);
            let old = stored(stage);
            stage.client().ask(&Ask::post(target, "x")).expect(200);
            gone(&old);
        }
        let old = stored(stage);
        stage
            .ringside
            .purge_by(&[("prefix", "http://ringside.test/s")]);
        gone(&old);
    });
}

#[test]
fn a_stale_response_is_validated_for_all_its_queries() {
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/s*", |received, _| {
            let answer = match received.field("If-None-Match") {
                Some(_) => Answer::status(304),
                None => Answer::ok("hello").field("Age", "100"),
            };
            answer
                .fresh()
                .field("ETag", "\"1\"")
                .field("No-Vary-Search", "params=(\"utm\")")
        });
        stage.get("/s?x=1&utm=a").expect(200);
        stage.get("/s?x=1&utm=b").expect(200).expect_body("hello");
        let last = stage.origin.last("/s*");
        last.expect_field("If-None-Match", "\"1\"");
        stage.everywhere(|client| {
            for target in ["/s?x=1&utm=a", "/s?x=1&utm=b", "/s?x=1&utm=c"] {
                client.get(target).expect_hit().expect_body("hello");
            }
        });
        assert_eq!(stage.origin.count("/s*"), 2);
    });
}
