//! QUERY: safe, idempotent, and cacheable with its content in the key (RFC 10008).

use ringside_tests::{check_on, check_with, pattern, Answer, Ask, Gate, Setup};

fn query(content: impl Into<Vec<u8>>) -> Ask {
    Ask::new("QUERY", "/q")
        .field("Content-Type", "application/sql")
        .content(content)
}

/// Tells method, content and number of the request.
fn telling(stage: &ringside_tests::Stage, path: &str) {
    stage.origin.on_each(path, |received, number| {
        Answer::ok(format!("{} {number}", received.method)).fresh()
    });
}

#[test]
fn the_same_question_is_answered_from_the_cache() {
    // RFC 10008, 2.7
    check_on(&[1, 2, 4], |stage| {
        telling(stage, "/q");
        let ask = query("select a");
        let first = stage.client().ask(&ask);
        first.expect(200).expect_forwarded().expect_body("QUERY 1");
        let received = stage.origin.only("/q");
        received.expect_body("select a");
        received.expect_field("Content-Type", "application/sql");
        stage.everywhere(|client| {
            for _ in 0..2 {
                client
                    .ask(&ask)
                    .expect(200)
                    .expect_hit()
                    .expect_body("QUERY 1");
            }
            // What follows it on the connection is read from the right place.
            let told = client.ask(&ask).status_told();
            assert!(told.hit && told.ttl.is_some_and(|ttl| ttl > 0), "{told:?}");
        });
        assert_eq!(stage.origin.count("/q"), 1);
    });
}

#[test]
fn another_question_has_another_answer() {
    check_on(&[1, 2, 4], |stage| {
        telling(stage, "/q*");
        let asks = [
            query("select a"),
            query("select b"),
            query("select a "),
            query(""),
            Ask::new("QUERY", "/q").content("select a"),
            Ask::new("QUERY", "/q")
                .field("Content-Type", "text/plain")
                .content("select a"),
            Ask::new("QUERY", "/q")
                .field("Content-Type", "application/sql")
                .field("Content-Encoding", "gzip")
                .content("select a"),
            Ask::new("QUERY", "/q?x")
                .field("Content-Type", "application/sql")
                .content("select a"),
            query("select a").host("other.test"),
            Ask::get("/q"),
        ];
        let mut bodies = Vec::new();
        for (number, ask) in asks.iter().enumerate() {
            let reply = stage.client().ask(ask);
            assert!(!reply.expect(200).is_hit(), "{ask:?}");
            assert!(reply.text().ends_with(&format!(" {}", number + 1)));
            bodies.push(reply.text());
        }
        stage.everywhere(|client| {
            for (ask, body) in asks.iter().zip(&bodies) {
                let reply = client.ask(ask);
                assert!(reply.expect(200).is_hit(), "{ask:?}");
                reply.expect_body(body);
            }
        });
        assert_eq!(stage.origin.total(), asks.len());
    });
}

#[test]
fn get_and_query_do_not_answer_for_each_other() {
    check_on(&[1, 2], |stage| {
        telling(stage, "/q");
        stage.client().ask(&query("")).expect_body("QUERY 1");
        stage.get("/q").expect_forwarded().expect_body("GET 2");
        stage
            .client()
            .ask(&Ask::head("/q"))
            .expect(200)
            .expect_hit()
            .expect_field("Content-Length", "5");
        stage.get("/q").expect_hit().expect_body("GET 2");
        stage
            .client()
            .ask(&query(""))
            .expect_hit()
            .expect_body("QUERY 1");
        // A POST with the same content is no question.
        let post = Ask::post("/q", "select a");
        stage.client().ask(&post).expect_body("POST 3");
        stage.client().ask(&post).expect_body("POST 4");
    });
}

#[test]
fn a_query_changes_nothing() {
    // RFC 10008, 2: it is safe.
    check_on(&[1, 2], |stage| {
        telling(stage, "/q");
        stage.get("/q").expect_body("GET 1");
        stage
            .client()
            .ask(&query("select a"))
            .expect_body("QUERY 2");
        stage
            .client()
            .ask(&query("select b"))
            .expect_body("QUERY 3");
        stage.get("/q").expect_hit().expect_body("GET 1");
        stage
            .client()
            .ask(&query("select a"))
            .expect_hit()
            .expect_body("QUERY 2");
    });
}

#[test]
fn what_changes_the_resource_outdates_its_answers() {
    // RFC 9111, 4.4: all that is stored for the target URI; a purge of the URL does no less.
    check_on(&[1, 2, 4], |stage| {
        telling(stage, "/q");
        let asks = [query("select a"), query("select b"), Ask::get("/q")];
        let stored = || -> Vec<String> {
            let hits = asks.iter().map(|ask| stage.wait_for_hit(ask).text());
            hits.collect()
        };
        let gone = |old: &[String], why: &str| {
            let mut clients = stage.clients();
            for client in &mut clients {
                for (ask, old) in asks.iter().zip(old) {
                    assert_ne!(client.ask(ask).expect(200).text(), *old, "{why}: {ask:?}");
                }
            }
        };
        let old = stored();
        stage.client().ask(&Ask::post("/q", "x")).expect(200);
        gone(&old, "POST");
        let old = stored();
        stage.ringside.purge("http://ringside.test/q").expect(200);
        gone(&old, "a purge");
        let old = stored();
        stage
            .ringside
            .purge_by(&[("prefix", "http://ringside.test/q")]);
        gone(&old, "a purge of the prefix");
    });
}

#[test]
fn content_above_the_bound_passes() {
    for (line, bound) in [("", 64 << 10), ("cache.query_bytes = \"1KiB\"", 1024)] {
        check_with(&[1, 2], &Setup::new().route(line), |stage| {
            telling(stage, "/q");
            let most = query(pattern(bound, 1));
            stage.client().ask(&most).expect_body("QUERY 1");
            stage
                .client()
                .ask(&most)
                .expect_hit()
                .expect_body("QUERY 1");
            let above = query(pattern(bound + 1, 2));
            for number in 2..4 {
                let reply = stage.client().ask(&above);
                reply
                    .expect(200)
                    .expect_forwarded()
                    .expect_body(format!("QUERY {number}"));
                let received = stage.origin.last("/q");
                received.expect_body(pattern(bound + 1, 2));
            }
            // Far above, in many chunks: the bound is found out on the way.
            let large = pattern(900_000, 3);
            let chunks: Vec<&[u8]> = large.chunks(10_000).collect();
            let ask = Ask::new("QUERY", "/q").chunks(&chunks);
            stage.client().ask(&ask).expect(200).expect_body("QUERY 4");
            stage.origin.last("/q").expect_body(&large);
            stage.client().ask(&most).expect_hit();
        });
    }
    let none = Setup::new().route("cache.query_bytes = \"0B\"");
    check_with(&[1, 2], &none, |stage| {
        telling(stage, "/q");
        for number in 1..4 {
            let reply = stage.client().ask(&query("select a"));
            reply
                .expect(200)
                .expect_forwarded()
                .expect_body(format!("QUERY {number}"));
            stage.origin.last("/q").expect_body("select a");
        }
    });
}

#[test]
fn how_the_content_comes_does_not_matter() {
    check_on(&[1, 2], |stage| {
        telling(stage, "/q");
        stage
            .client()
            .ask(&query("select a"))
            .expect_body("QUERY 1");
        let chunked = Ask::new("QUERY", "/q")
            .field("Content-Type", "application/sql")
            .chunks(&[b"sel", b"e", b"ct a"]);
        stage
            .client()
            .ask(&chunked)
            .expect(200)
            .expect_hit()
            .expect_body("QUERY 1");
        // Byte by byte, and the next request right behind it.
        let mut client = stage.client();
        client.send_in_bytes(query("select a").bytes());
        client.send(query("select b").bytes());
        client.send(query("select a").bytes());
        client
            .reply()
            .expect(200)
            .expect_hit()
            .expect_body("QUERY 1");
        client.reply().expect(200).expect_body("QUERY 2");
        client
            .reply()
            .expect(200)
            .expect_hit()
            .expect_body("QUERY 1");
        // A question that is never finished is not asked.
        let mut leaving = stage.client();
        let whole = query("select c").bytes();
        leaving.send(&whole[..whole.len() - 3]);
        stage.settle();
        leaving.abort();
        stage.settle();
        stage
            .client()
            .ask(&query("select d"))
            .expect_body("QUERY 3");
    });
}

#[test]
fn many_who_ask_the_same_share_one_answer() {
    check_on(&[1, 2, 4], |stage| {
        let gate = Gate::new();
        let before = gate.clone();
        stage.origin.on_each("/q", move |_, number| {
            Answer::ok(number.to_string())
                .fresh()
                .wait_before_head(&before)
        });
        let origin = &stage.origin;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                origin.wait_for("/q", 1);
                stage.settle();
                gate.open();
            });
            stage.together(24, |mut client, _| {
                let reply = client.ask(&query("select a"));
                reply.expect(200).expect_body("1");
            });
        });
        stage.origin.only("/q").expect_body("select a");
    });
}

#[test]
fn a_stale_answer_is_validated_with_the_question() {
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/q", |received, _| {
            let answer = match received.field("If-None-Match") {
                Some(_) => Answer::status(304),
                None => Answer::ok("answer").field("Age", "100"),
            };
            answer.fresh().field("ETag", "\"1\"")
        });
        let ask = query("select a");
        stage.client().ask(&ask).expect(200).expect_body("answer");
        let reply = stage.client().ask(&ask);
        reply.expect(200).expect_forwarded().expect_body("answer");
        stage.origin.wait_on("/q", 2, |received| received.arrived);
        let last = stage.origin.last("/q");
        last.expect_body("select a");
        last.expect_field("If-None-Match", "\"1\"");
        stage.everywhere(|client| {
            client.ask(&ask).expect_hit().expect_body("answer");
        });
        assert_eq!(stage.origin.count("/q"), 2);
    });
}

#[test]
fn a_question_lost_on_its_way_is_asked_again() {
    // RFC 10008, 2: it is idempotent. The origin closed the kept connection, or closes it now.
    check_on(&[1, 2], |stage| {
        for bytes in [8, 40_000, 200_000] {
            let path = format!("/q/{bytes}");
            stage.origin.on_each(&path, |_, number| match number {
                1 => Answer::raw(""),
                _ => Answer::ok("answer").fresh(),
            });
            stage.origin.on("/warm", Answer::ok("warm").no_store());
            let content = pattern(bytes, 4);
            let ask = Ask::new("QUERY", &path).content(content.clone());
            let mut client = stage.client();
            client.get("/warm").expect(200);
            let reply = client.ask(&ask);
            if bytes <= 64 << 10 {
                reply.expect(200).expect_body("answer");
                let asked = stage.origin.requests(&path);
                assert_eq!(asked.len(), 2);
                assert!(asked.iter().all(|one| one.body == content));
            } else {
                // What was not kept can't be sent again.
                assert!(matches!(reply.status, 200 | 502), "{}", reply.status);
            }
        }
    });
}

#[test]
fn what_may_not_be_stored_is_asked_each_time() {
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/q", |received, number| {
            Answer::ok(format!("{} {number}", received.method)).no_store()
        });
        for number in 1..5 {
            let reply = stage.client().ask(&query("select a"));
            reply.expect(200).expect_body(format!("QUERY {number}"));
            stage.origin.last("/q").expect_body("select a");
        }
        stage.get("/q").expect(200).expect_body("GET 5");
    });
}
