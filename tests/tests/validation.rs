//! Conditional requests, both ways: answered from the cache, and made to the origin
//! (RFC 9110, 13; RFC 9111, 4.3).

use ringside_tests::{check_on, http_date, Answer, Ask, Gate, Received};
use std::sync::Arc;

/// An origin that validates: 304 when `If-None-Match` names its ETag, else 200.
fn validating(received: &Received, etag: &str, control: &str) -> Answer {
    let matches = received
        .field("If-None-Match")
        .is_some_and(|value| value.contains(etag));
    let answer = if matches {
        Answer::status(304)
    } else {
        Answer::ok("hello")
    };
    answer.field("ETag", etag).field("Cache-Control", control)
}

#[test]
fn if_none_match_is_answered_from_the_cache() {
    // RFC 9110, 13.1.2: lists, weak comparison, `*`.
    check_on(&[1, 2, 4], |stage| {
        stage
            .origin
            .on("/a", Answer::ok("hello").fresh().field("ETag", "\"1\""));
        stage.origin.on(
            "/weak",
            Answer::ok("hello").fresh().field("ETag", "W/\"1\""),
        );
        for path in ["/a", "/weak"] {
            stage.get(path).expect(200);
            for (value, status) in [
                ("\"1\"", 304),
                ("W/\"1\"", 304),
                ("\"0\", \"1\"", 304),
                ("\"0\" , W/\"1\",\"2\"", 304),
                ("*", 304),
                ("\"2\"", 200),
                ("\"0\", \"2\"", 200),
                ("\"1, 2\"", 200),
                ("\"11\"", 200),
            ] {
                let mut client = stage.client();
                let reply = client.ask(&Ask::get(path).field("If-None-Match", value));
                reply.expect(status).expect_hit();
                if status == 304 {
                    assert!(reply.field("ETag").is_some(), "{value}");
                    assert!(reply.field("Date").is_some(), "{value}");
                    assert!(reply.field("Cache-Control").is_some(), "{value}");
                } else {
                    reply.expect_body("hello");
                }
                // Had the 304 content, this would read it.
                client.get(path).expect(200).expect_body("hello");
            }
            assert_eq!(stage.origin.count(path), 1);
        }
    });
}

#[test]
fn if_modified_since_is_answered_from_the_cache() {
    // RFC 9110, 13.1.3
    check_on(&[1, 2], |stage| {
        let modified = http_date(-1000);
        stage.origin.on(
            "/a",
            Answer::ok("hello")
                .fresh()
                .field("Last-Modified", &modified),
        );
        stage.get("/a").expect(200);
        for (date, status) in [
            (http_date(-1000), 304),
            (http_date(-500), 304),
            (http_date(-2000), 200),
            ("yesterday".to_string(), 200),
        ] {
            let ask = Ask::get("/a").field("If-Modified-Since", &date);
            stage.client().ask(&ask).expect(status).expect_hit();
            let ask = Ask::head("/a").field("If-Modified-Since", &date);
            stage.client().ask(&ask).expect(status).expect_hit();
        }
        // If-None-Match wins where both stand (RFC 9110, 13.2.2).
        let ask = Ask::get("/a")
            .field("If-None-Match", "\"other\"")
            .field("If-Modified-Since", &modified);
        stage.client().ask(&ask).expect(200).expect_body("hello");
        assert_eq!(stage.origin.count("/a"), 1);
    });
}

#[test]
fn a_stale_response_is_validated_and_freshened() {
    // RFC 9111, 4.3.1, 4.3.4 and 3.2
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on_each("/a", |received, number| {
            let answer =
                validating(received, "\"1\"", "max-age=60").field("X-Number", number.to_string());
            // Too old at first, young after the validation.
            if number == 1 {
                answer.field("Age", "100")
            } else {
                answer
            }
        });
        stage.get("/a").expect(200).expect_field("X-Number", "1");
        let validated = stage.get("/a");
        validated
            .expect(200)
            .expect_body("hello")
            .expect_forwarded()
            .expect_field("X-Number", "2");
        stage
            .origin
            .last("/a")
            .expect_field("If-None-Match", "\"1\"");
        stage.everywhere(|client| {
            let hit = client.get("/a");
            hit.expect(200)
                .expect_hit()
                .expect_body("hello")
                .expect_field("X-Number", "2");
            hit.expect_field("Content-Length", "5");
            assert!(hit.age() < 60, "the old Age must be gone");
        });
        assert_eq!(stage.origin.count("/a"), 2);
    });
}

#[test]
fn last_modified_validates_too() {
    check_on(&[1, 2], |stage| {
        let modified = http_date(-100_000);
        let date = modified.clone();
        stage.origin.on_each("/a", move |received, _| {
            let since = received.field("If-Modified-Since");
            let answer = if since.as_ref() == Some(&date) {
                Answer::status(304)
            } else {
                Answer::ok("hello")
            };
            answer
                .field("Last-Modified", &date)
                .field("Cache-Control", "max-age=0")
        });
        for _ in 0..3 {
            stage.get("/a").expect(200).expect_body("hello");
        }
        let asked = stage.origin.requests("/a");
        assert_eq!(asked.len(), 3);
        asked[0].expect_no_field("If-Modified-Since");
        asked[1].expect_field("If-Modified-Since", &modified);
        asked[2].expect_field("If-Modified-Since", &modified);
    });
}

#[test]
fn no_cache_is_validated_each_time() {
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/a", |received, _| {
            validating(received, "\"1\"", "no-cache, max-age=60")
        });
        for number in 1..=3 {
            stage
                .get("/a")
                .expect(200)
                .expect_body("hello")
                .expect_forwarded();
            assert_eq!(stage.origin.count("/a"), number);
        }
        stage
            .origin
            .last("/a")
            .expect_field("If-None-Match", "\"1\"");
    });
}

#[test]
fn a_changed_response_replaces_the_stored_one() {
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on(
            "/a",
            Answer::ok("old")
                .field("ETag", "\"1\"")
                .fresh()
                .field("Age", "100"),
        );
        stage.get("/a").expect(200).expect_body("old");
        stage
            .origin
            .on("/a", Answer::ok("new one").field("ETag", "\"2\"").fresh());
        stage
            .get("/a")
            .expect(200)
            .expect_body("new one")
            .expect_field("ETag", "\"2\"");
        stage.everywhere(|client| {
            client.get("/a").expect_hit().expect_body("new one");
        });
        assert_eq!(stage.origin.count("/a"), 2);
    });
}

#[test]
fn the_clients_own_condition_is_answered_after_validation() {
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/a", |received, _| {
            validating(received, "\"1\"", "max-age=0")
        });
        stage.get("/a").expect(200);
        let ask = Ask::get("/a").field("If-None-Match", "\"1\"");
        stage
            .client()
            .ask(&ask)
            .expect(304)
            .expect_field("ETag", "\"1\"");
        let ask = Ask::get("/a").field("If-None-Match", "\"other\"");
        stage.client().ask(&ask).expect(200).expect_body("hello");
    });
}

#[test]
fn a_condition_on_nothing_stored_does_no_harm() {
    // The origin's 304 is for this client alone: stored, it would be served to everybody.
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/a", |received, _| {
            validating(received, "\"1\"", "max-age=60")
        });
        let ask = Ask::get("/a").field("If-None-Match", "\"1\"");
        stage.client().ask(&ask).expect(304);
        stage.get("/a").expect(200).expect_body("hello");
        stage.get("/a").expect_hit().expect_body("hello");
        stage.client().ask(&ask).expect(304).expect_hit();
    });
}

#[test]
fn an_error_while_validating_is_told_and_not_kept() {
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/a", |received, _| {
            validating(received, "\"1\"", "max-age=0, must-revalidate")
        });
        stage.get("/a").expect(200);
        stage.origin.on("/a", Answer::status(503).no_store());
        stage.get("/a").expect(503);
        stage.origin.on_each("/a", |received, _| {
            validating(received, "\"1\"", "max-age=60")
        });
        stage.get("/a").expect(200).expect_body("hello");
        stage.get("/a").expect_hit();
    });
}

#[test]
fn many_clients_share_one_validation() {
    check_on(&[1, 2, 4], |stage| {
        let gate = Arc::new(Gate::new());
        let before = gate.clone();
        stage.origin.on_each("/a", move |received, number| {
            let answer = validating(received, "\"1\"", "max-age=60");
            match number {
                1 => answer.field("Age", "100"),
                _ => answer.wait_before_head(&before),
            }
        });
        stage.get("/a").expect(200);
        let (gate, origin) = (&gate, &stage.origin);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                origin.wait_for("/a", 2);
                gate.open();
            });
            stage.together(24, |mut client, _| {
                client.get("/a").expect(200).expect_body("hello");
            });
        });
        assert_eq!(stage.origin.count("/a"), 2);
        stage
            .origin
            .last("/a")
            .expect_field("If-None-Match", "\"1\"");
    });
}

/// Waits until this many requests for `/a` wait in one fetch, then lets the origin answer.
fn joined(
    stage: &ringside_tests::Stage,
    gate: &Gate,
    asks: [Ask; 2],
) -> Vec<ringside_tests::Reply> {
    let mut clients = Vec::new();
    for ask in asks {
        let mut client = stage.client();
        client.send(ask.bytes());
        stage.origin.wait_for("/a", 2);
        clients.push(client);
    }
    // The second asks for nothing at the origin that could be waited for. Should it come later than
    // this, it is answered by a fetch of its own, and the script holds all the same.
    std::thread::sleep(std::time::Duration::from_millis(100));
    gate.open();
    clients.iter_mut().map(|client| client.reply()).collect()
}

#[test]
fn a_validation_answers_its_own_variant_only() {
    // RFC 9111, 4.1: who waits for another variant's validation must not get that variant.
    check_on(&[1, 2], |stage| {
        let gate = Arc::new(Gate::new());
        let before = gate.clone();
        stage.origin.on_each("/a", move |received, number| {
            let who = received.field("X-User").unwrap_or_default().to_owned();
            let tag = format!("\"{who}\"");
            let vary = |answer: Answer| {
                answer
                    .field("Vary", "X-User")
                    .field("ETag", &tag)
                    .field("Cache-Control", "max-age=0")
            };
            // A variant of another is not theirs, although its tag is among those asked about.
            match (number, received.field("If-None-Match")) {
                (_, Some(tags)) if tags.contains(&tag) => {
                    vary(Answer::status(304)).wait_before_head(&before)
                }
                _ => vary(Answer::ok(format!("for {who}"))),
            }
        });
        let alice = Ask::get("/a").field("X-User", "alice");
        stage
            .client()
            .ask(&alice)
            .expect(200)
            .expect_body("for alice");
        let bob = Ask::get("/a").field("X-User", "bob");
        let replies = joined(stage, &gate, [alice, bob]);
        replies[0].expect(200).expect_body("for alice");
        replies[1].expect(200).expect_body("for bob");
    });
}

#[test]
fn a_cookie_on_a_304_is_for_one_client() {
    // RFC 9111, 7.3
    check_on(&[1, 2], |stage| {
        let gate = Arc::new(Gate::new());
        let before = gate.clone();
        stage.origin.on_each("/a", move |received, _| {
            let answer = match received.field("If-None-Match") {
                Some(_) => Answer::status(304)
                    .field("Set-Cookie", "sid=alice")
                    .wait_before_head(&before),
                None => Answer::ok("hello"),
            };
            answer
                .field("ETag", "\"1\"")
                .field("Cache-Control", "max-age=0")
        });
        stage.get("/a").expect(200);
        let replies = joined(stage, &gate, [Ask::get("/a"), Ask::get("/a")]);
        let cookies = |reply: &ringside_tests::Reply| reply.field("Set-Cookie").is_some();
        assert!(cookies(&replies[0]) && !cookies(&replies[1]));
    });
}
