//! What is served stale: while it is validated, and in place of an error (RFC 5861; RFC 9111,
//! 4.2.4).

use ringside_tests::{check_on, check_with, Answer, Ask, Gate, Reply, Setup, Stage};

/// 100 seconds old when it arrives, so stale at once with a lifetime of 60.
fn aged(body: &str, control: &str) -> Answer {
    Answer::ok(body)
        .field("ETag", format!("\"{body}\""))
        .field("Cache-Control", control)
        .field("Age", "100")
}

/// The version that replaces it.
fn new() -> Answer {
    Answer::ok("new").field("ETag", "\"new\"").fresh()
}

/// Stores the stale "old" for `path`, then has the origin say something else.
#[track_caller]
fn held(stage: &Stage, path: &str, control: &str, then: Answer) {
    stage.origin.on(path, aged("old", control));
    stage.get(path).expect(200).expect_body("old");
    stage.origin.on(path, then);
}

#[track_caller]
fn expect_stale(reply: &Reply) {
    reply.expect(200).expect_body("old");
    assert!(reply.age() >= 100, "{reply:#?}");
    assert_eq!(reply.lines("Age"), 1, "{reply:#?}");
    let told = reply.status_told();
    assert!(
        told.fwd.as_deref() == Some("stale") || (told.hit && told.ttl.is_some_and(|ttl| ttl < 0)),
        "{told:?}"
    );
}

#[test]
fn stale_is_served_at_once_and_validated_once() {
    // RFC 5861, 3
    check_on(&[1, 2, 4], |stage| {
        let gate = Gate::new();
        let control = "max-age=60, stale-while-revalidate=600";
        held(stage, "/a", control, new().wait_before_head(&gate));
        // The origin holds the validation back: nobody waits for it.
        stage.everywhere(|client| {
            for _ in 0..3 {
                let reply = client.get("/a");
                expect_stale(&reply);
                let told = reply.status_told();
                assert!(told.hit, "{told:?}");
                assert_eq!(told.detail.as_deref(), Some("stale-while-revalidate"));
            }
        });
        stage.together(24, |mut client, _| expect_stale(&client.get("/a")));
        stage.origin.wait_for("/a", 2);
        stage
            .origin
            .last("/a")
            .expect_field("If-None-Match", "\"old\"");
        stage.settle();
        assert_eq!(stage.origin.count("/a"), 2, "one validation for all");
        gate.open();
        stage.wait_for_hit_of(&Ask::get("/a"), "new");
        stage.everywhere(|client| {
            client.get("/a").expect(200).expect_hit().expect_body("new");
        });
        assert_eq!(stage.origin.count("/a"), 2);
    });
}

#[test]
fn a_304_in_the_background_freshens() {
    check_on(&[1, 2, 4], |stage| {
        let gate = Gate::new();
        let not_modified = Answer::status(304).field("ETag", "\"old\"").fresh();
        let control = "max-age=60, stale-while-revalidate=600";
        held(stage, "/a", control, not_modified.wait_before_head(&gate));
        let mut client = stage.client();
        expect_stale(&client.get("/a"));
        gate.open();
        ringside_tests::wait_until("a fresh hit", || {
            let reply = client.get("/a");
            reply.expect(200).expect_body("old");
            reply.status_told().ttl.is_some_and(|ttl| ttl > 0)
        });
        stage.everywhere(|client| {
            let reply = client.get("/a");
            reply.expect_hit().expect_body("old");
            assert!(reply.age() < 60, "{reply:#?}");
        });
        assert_eq!(stage.origin.count("/a"), 2);
    });
}

#[test]
fn an_error_in_the_background_reaches_nobody() {
    check_on(&[1, 2], |stage| {
        let control = "max-age=60, stale-while-revalidate=600, stale-if-error=0";
        held(stage, "/a", control, Answer::status(503).no_store());
        let mut clients = stage.clients();
        for asked in 2..5 {
            for client in &mut clients {
                expect_stale(&client.get("/a"));
            }
            // Sooner or later it is tried again.
            ringside_tests::wait_until("another validation", || {
                expect_stale(&clients[0].get("/a"));
                stage.origin.count("/a") >= asked
            });
        }
        stage.origin.on("/a", new());
        stage.wait_for_hit_of(&Ask::get("/a"), "new");
    });
}

#[test]
fn a_validation_in_the_background_outlives_its_client() {
    check_on(&[1, 2, 4], |stage| {
        let gate = Gate::new();
        let control = "max-age=60, stale-while-revalidate=600";
        held(stage, "/a", control, new().wait_before_head(&gate));
        let mut client = stage.client();
        expect_stale(&client.get("/a"));
        stage.origin.wait_for("/a", 2);
        client.abort();
        gate.open();
        stage.wait_for_hit_of(&Ask::get("/a"), "new");
        assert_eq!(stage.origin.count("/a"), 2);
    });
}

#[test]
fn stale_while_revalidate_has_its_window() {
    // Who asks what, and whether "old" may be the answer to the second request, with or without
    // the route's ten minutes.
    const ROWS: &[(&str, &str, bool, bool)] = &[
        ("", "max-age=60, stale-while-revalidate=600", true, true),
        ("", "max-age=60, stale-while-revalidate=20", false, false),
        ("", "max-age=60", false, true),
        ("", "max-age=60, stale-while-revalidate=0", false, false),
        // RFC 9111, 4.2.4 and 5.2.2: what the origin forbids no extension allows.
        (
            "",
            "max-age=60, must-revalidate, stale-while-revalidate=600",
            false,
            false,
        ),
        (
            "",
            "max-age=60, proxy-revalidate, stale-while-revalidate=600",
            false,
            false,
        ),
        ("", "s-maxage=60, stale-while-revalidate=600", false, false),
        (
            "",
            "max-age=60, no-cache, stale-while-revalidate=600",
            false,
            false,
        ),
        // 5.2.1: the request asks for more.
        (
            "no-cache",
            "max-age=60, stale-while-revalidate=600",
            false,
            false,
        ),
        (
            "max-age=0",
            "max-age=60, stale-while-revalidate=600",
            false,
            false,
        ),
        (
            "max-age=90",
            "max-age=60, stale-while-revalidate=600",
            false,
            false,
        ),
        (
            "min-fresh=1",
            "max-age=60, stale-while-revalidate=600",
            false,
            false,
        ),
    ];
    for by_route in [false, true] {
        let setup = match by_route {
            false => Setup::new(),
            true => Setup::new().route("cache.stale_while_revalidate = \"10m\""),
        };
        check_with(&[1, 2], &setup, |stage| {
            for (number, (asked, control, alone, routed)) in ROWS.iter().enumerate() {
                let path = format!("/{number}");
                let stale = if by_route { routed } else { alone };
                // Where both are on their way, the newer one may be there first.
                let gate = Gate::new();
                let answer = match stale {
                    true => new().wait_before_head(&gate),
                    false => new(),
                };
                held(stage, &path, control, answer);
                let ask = match *asked {
                    "" => Ask::get(&path),
                    directive => Ask::get(&path).field("Cache-Control", directive),
                };
                let reply = stage.client().ask(&ask);
                gate.open();
                let body = if *stale { "old" } else { "new" };
                assert_eq!(
                    reply.expect(200).text(),
                    body,
                    "{asked} | {control} | by route: {by_route}"
                );
            }
        });
    }
}

/// Ways of an origin to fail, and how the client sees it when nothing takes its place.
fn failures() -> Vec<(&'static str, Answer, u16)> {
    let mut all: Vec<_> = [500, 502, 503, 504]
        .map(|status| ("a status", Answer::status(status).no_store(), status))
        .into();
    all.push(("closed without a word", Answer::raw(""), 502));
    all.push(("half a head", Answer::raw("HTTP/1.1 200 OK\r\nConte"), 502));
    all.push(("nonsense", Answer::raw("what?\r\n\r\n"), 502));
    all
}

#[test]
fn stale_stands_in_for_errors_by_header() {
    // RFC 5861, 4; a closed connection is as good as an error (RFC 9111, 4.2.4).
    let setup = Setup::new().route("cache.stale_if_error = \"off\"");
    check_with(&[1, 2, 4], &setup, |stage| {
        for (number, (how, failure, status)) in failures().into_iter().enumerate() {
            let (may, may_not) = (format!("/may/{number}"), format!("/not/{number}"));
            held(
                stage,
                &may,
                "max-age=60, stale-if-error=600",
                failure.clone(),
            );
            stage.everywhere(|client| expect_stale(&client.get(&may)));
            held(stage, &may_not, "max-age=60", failure);
            let reply = stage.get(&may_not);
            assert_eq!(reply.status, status, "{how}");
        }
    });
}

#[test]
fn stale_stands_in_for_errors_by_default() {
    check_on(&[1, 2, 4], |stage| {
        for (number, (_, failure, _)) in failures().into_iter().enumerate() {
            let path = format!("/{number}");
            held(stage, &path, "max-age=60", failure);
            stage.everywhere(|client| expect_stale(&client.get(&path)));
        }
        // It is as good a basis for a condition as the origin's answer would be.
        let ask = Ask::get("/0").field("If-None-Match", "\"old\"");
        stage.client().ask(&ask).expect(304);
        let reply = stage.client().ask(&Ask::head("/0"));
        reply.expect(200).expect_field("Content-Length", "3");
    });
}

#[test]
fn other_answers_are_no_errors() {
    check_on(&[1, 2], |stage| {
        for status in [400, 403, 404, 410, 429, 501] {
            let path = format!("/{status}");
            let answer = Answer::status(status).no_store();
            held(stage, &path, "max-age=60, stale-if-error=600", answer);
            let reply = stage.get(&path);
            reply.expect(status).expect_body(status.to_string());
        }
    });
}

#[test]
fn stale_if_error_has_its_window() {
    const ROWS: &[(&str, &str, bool)] = &[
        ("", "max-age=60, stale-if-error=600", true),
        ("", "max-age=60, stale-if-error=20", false),
        ("", "max-age=60, stale-if-error=0", false),
        ("", "max-age=60, must-revalidate, stale-if-error=600", false),
        (
            "",
            "max-age=60, proxy-revalidate, stale-if-error=600",
            false,
        ),
        ("", "s-maxage=60, stale-if-error=600", false),
        ("", "max-age=60, no-cache, stale-if-error=600", false),
        ("no-cache", "max-age=60, stale-if-error=600", false),
        ("max-age=0", "max-age=60, stale-if-error=600", false),
        ("min-fresh=1", "max-age=60, stale-if-error=600", false),
        // The client's own wish (RFC 5861, 4), which forbids as little as it commands the origin.
        ("stale-if-error=600", "max-age=60", true),
        ("stale-if-error=20", "max-age=60", false),
        ("stale-if-error=600", "max-age=60, must-revalidate", false),
    ];
    let setup = Setup::new().route("cache.stale_if_error = \"off\"");
    check_with(&[1, 2], &setup, |stage| {
        for (number, (asked, control, stale)) in ROWS.iter().enumerate() {
            let path = format!("/{number}");
            held(stage, &path, control, Answer::status(503).no_store());
            let ask = match *asked {
                "" => Ask::get(&path),
                directive => Ask::get(&path).field("Cache-Control", directive),
            };
            let reply = stage.client().ask(&ask);
            let status = if *stale { 200 } else { 503 };
            assert_eq!(reply.status, status, "{asked} | {control}");
            assert!(reply.complete);
        }
    });
}

#[test]
fn the_route_s_stale_if_error_is_for_silent_responses() {
    let setup = Setup::new().route("cache.stale_if_error = \"30s\"");
    check_with(&[1, 2], &setup, |stage| {
        for (path, control, status) in [
            ("/over", "max-age=60", 503),
            ("/within", "max-age=80", 200),
            ("/more", "max-age=60, stale-if-error=600", 200),
            ("/less", "max-age=80, stale-if-error=0", 503),
            ("/must", "max-age=80, must-revalidate", 503),
        ] {
            held(stage, path, control, Answer::status(503).no_store());
            assert_eq!(stage.get(path).status, status, "{path}: {control}");
        }
    });
    // An hour, where the route says nothing.
    check_on(&[1], |stage| {
        for (age, status) in [("3000", 200), ("4000", 503)] {
            let path = format!("/{age}");
            let answer = Answer::ok("old").fresh().field("ETag", "\"1\"");
            stage.origin.on(&path, answer.field("Age", age));
            stage.get(&path).expect(200);
            stage.origin.on(&path, Answer::status(503).no_store());
            assert_eq!(stage.get(&path).status, status, "at an age of {age} s");
        }
    });
}

#[test]
fn stale_stands_in_for_an_origin_that_is_gone() {
    check_on(&[1, 2, 4], |stage| {
        held(stage, "/a", "max-age=60", new());
        held(stage, "/must", "max-age=60, must-revalidate", new());
        stage.origin.leave();
        stage.everywhere(|client| {
            expect_stale(&client.get("/a"));
            // RFC 9111, 5.2.2.2: an error, whatever else is configured.
            let status = client.get("/must").status;
            assert!(matches!(status, 502..=504), "{status}");
            // What is not stored has no stand-in.
            let status = client.get("/b").status;
            assert!(matches!(status, 502..=504), "{status}");
            let insisting = Ask::get("/a").field("Cache-Control", "no-cache");
            let status = client.ask(&insisting).status;
            assert!(matches!(status, 502..=504), "{status}");
        });
        stage.origin.come_back();
        stage.wait_for_hit_of(&Ask::get("/a"), "new");
    });
}

#[test]
fn stale_stands_in_for_a_silent_origin() {
    let setup = Setup::new().origin("first_byte_timeout = \"500ms\"");
    check_with(&[1, 2], &setup, |stage| {
        let gate = Gate::new();
        held(stage, "/a", "max-age=60", new().wait_before_head(&gate));
        let silent = new().wait_before_head(&gate);
        held(stage, "/must", "max-age=60, must-revalidate", silent);
        expect_stale(&stage.get("/a"));
        stage.get("/must").expect(504);
        gate.open();
        stage.wait_for_hit_of(&Ask::get("/a"), "new");
    });
}

#[test]
fn everybody_who_waited_gets_the_stand_in() {
    check_on(&[1, 2, 4], |stage| {
        let gate = Gate::new();
        let failing = Answer::status(503).no_store().wait_before_head(&gate);
        held(stage, "/a", "max-age=60", failing);
        let origin = &stage.origin;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                origin.wait_for("/a", 2);
                gate.open();
            });
            stage.together(24, |mut client, number| {
                // Some say that they take nothing stale, and are told the truth.
                if number % 4 == 3 {
                    let ask = Ask::get("/a").field("Cache-Control", "no-cache");
                    client.ask(&ask).expect(503).expect_body("503");
                } else {
                    expect_stale(&client.get("/a"));
                }
            });
        });
        stage.origin.on("/a", new());
        stage.wait_for_hit_of(&Ask::get("/a"), "new");
    });
}

#[test]
fn an_error_does_not_end_what_is_held() {
    // RFC 9111, 4.3.3: a server error says nothing of what is stored.
    check_on(&[1, 2], |stage| {
        held(stage, "/a", "max-age=60", Answer::status(503).no_store());
        for _ in 0..3 {
            expect_stale(&stage.get("/a"));
        }
        stage.client().ask(&Ask::post("/a", "x")).expect(503);
        expect_stale(&stage.get("/a"));
        stage
            .origin
            .on("/a", Answer::status(304).field("ETag", "\"old\"").fresh());
        ringside_tests::wait_until("the old one to be fresh again", || {
            let reply = stage.get("/a");
            reply.expect(200).expect_body("old");
            reply.age() < 60
        });
    });
}
