//! One origin fetch, streamed to everybody who waits, on every shard; what can't be shared isn't.

use ringside_tests::{check_on, check_with, pattern, wait_until, Answer, Ask, Gate, Setup};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

#[test]
fn five_hundred_clients_and_one_origin_request() {
    const CLIENTS: usize = 500;
    const BYTES: usize = 8 << 20;
    const FIRST: usize = 64 << 10;
    // An object may take a quarter of a shard's share at most.
    check_with(&[1, 2, 4], &Setup::new().memory("256MiB"), |stage| {
        let body = Arc::new(pattern(BYTES, 5));
        let gate = Gate::new();
        let answer = Answer::shared(body.clone())
            .fresh()
            .wait_after(1 << 20, &gate);
        stage.origin.on("/big", answer);
        let reading = AtomicUsize::new(0);
        let whole = stage.together(CLIENTS, |mut client, number| {
            client.send(Ask::get("/big").bytes());
            let mut response = client.begin("GET");
            assert_eq!(response.so_far().status, 200);
            response.read_at_least(FIRST);
            // The last one to have its first bytes lets the rest come: all of them read along
            // while the object arrives.
            if reading.fetch_add(1, Ordering::SeqCst) + 1 == CLIENTS {
                gate.open();
            }
            if number % 10 == 3 {
                client.abort();
                return false;
            }
            let first = response.so_far().body.clone();
            assert!(
                first == body[..first.len()],
                "client {number}: the first bytes"
            );
            let mut at = first.len();
            let reply = response.finish_into(&mut |piece| {
                assert!(
                    body[at..].starts_with(piece),
                    "client {number}: differs after {at}"
                );
                at += piece.len();
            });
            reply.expect(200);
            assert_eq!(at, BYTES, "client {number}");
            true
        });
        assert_eq!(
            whole.iter().filter(|whole| **whole).count(),
            CLIENTS - CLIENTS / 10
        );
        assert_eq!(stage.origin.count("/big"), 1);
        stage.get("/big").expect_hit().expect_body(body.as_slice());
    });
}

#[test]
fn a_flight_outlives_the_client_that_caused_it() {
    check_on(&[1, 2, 4], |stage| {
        for (path, body) in [
            ("/small", pattern(3000, 6)),
            ("/large", pattern(500_000, 6)),
        ] {
            let gate = Gate::new();
            stage.origin.on(
                path,
                Answer::ok(body.clone()).fresh().wait_after(1000, &gate),
            );
            let mut first = stage.client();
            first.send(Ask::get(path).bytes());
            first.begin("GET").read_at_least(1000);
            let mut second = stage.client();
            second.send(Ask::get(path).bytes());
            second.begin("GET").read_at_least(1000);
            first.abort();
            let mut third = stage.client();
            third.send(Ask::get(path).bytes());
            let mut reading = third.begin("GET");
            reading.read_at_least(1000);
            gate.open();
            reading.finish().expect(200).expect_body(&body);
            assert_eq!(stage.origin.count(path), 1);
        }
    });
}

#[test]
fn a_flight_nobody_waits_for_is_finished_and_stored() {
    check_on(&[1, 2, 4], |stage| {
        let gate = Gate::new();
        let body = pattern(100_000, 7);
        stage.origin.on(
            "/a",
            Answer::ok(body.clone()).fresh().wait_after(1000, &gate),
        );
        let mut only = stage.client();
        only.send(Ask::get("/a").bytes());
        only.begin("GET").read_at_least(1000);
        only.abort();
        gate.open();
        stage.origin.wait_on("/a", 1, |received| received.answered);
        stage.get("/a").expect(200).expect_body(&body);
        assert_eq!(stage.origin.count("/a"), 1);
    });
}

#[test]
fn shards_that_race_for_a_key_ask_once() {
    check_on(&[2, 4], |stage| {
        for round in 0..30 {
            let path = format!("/race/{round}");
            stage
                .origin
                .on(&path, Answer::ok(pattern(20_000, round)).fresh());
            let clients = stage.clients();
            let start = std::sync::Barrier::new(clients.len());
            std::thread::scope(|scope| {
                for mut client in clients {
                    let (path, start) = (&path, &start);
                    scope.spawn(move || {
                        start.wait();
                        client
                            .get(path)
                            .expect(200)
                            .expect_body(pattern(20_000, round));
                    });
                }
            });
            assert_eq!(stage.origin.count(&path), 1, "{path}");
        }
    });
}

#[test]
fn when_the_origin_fails_midway_nobody_gets_a_whole_body() {
    check_on(&[1, 2, 4], |stage| {
        let good = pattern(200_000, 8);
        let answer = |gate: &Gate| Answer::ok(good.clone()).fresh().wait_after(50_000, gate);
        type Break = fn(Answer) -> Answer;
        let breaks: [(&str, Break); 5] = [
            ("/length-cut", |answer| answer.cut_after(100_000)),
            ("/length-reset", |answer| answer.reset_after(100_000)),
            ("/chunked-cut", |answer| {
                answer.chunked(&[60_000]).cut_after(100_000)
            }),
            ("/chunked-reset", |answer| {
                answer.chunked(&[60_000]).reset_after(100_000)
            }),
            ("/close-reset", |answer| {
                answer.until_close().reset_after(100_000)
            }),
        ];
        for (path, broken) in breaks {
            let gate = Gate::new();
            stage.origin.on(path, broken(answer(&gate)));
            let reading = AtomicUsize::new(0);
            stage.together(12, |mut client, number| {
                // Some of them speak 1.0: no chunk tells them the end, so only a reset can.
                let ask = Ask::get(path);
                let ask = if number % 3 == 2 { ask.http10() } else { ask };
                client.send(ask.bytes());
                let mut response = client.begin("GET");
                response.read_at_least(50_000);
                if reading.fetch_add(1, Ordering::SeqCst) + 1 == 12 {
                    gate.open();
                }
                let reply = response.finish();
                reply.expect_broken();
                assert!(good.starts_with(&reply.body), "{path}");
            });
            assert_eq!(stage.origin.count(path), 1, "{path}");
            // Nothing partial was stored: the next one fetches anew.
            stage.origin.on(path, Answer::ok(good.clone()).fresh());
            stage
                .get(path)
                .expect(200)
                .expect_forwarded()
                .expect_body(&good);
            stage.get(path).expect(200).expect_hit().expect_body(&good);
            assert_eq!(stage.origin.count(path), 2, "{path}");
        }
    });
}

#[test]
fn what_may_not_be_shared_is_fetched_for_each() {
    check_on(&[1, 2, 4], |stage| {
        const CLIENTS: usize = 8;
        let (first, others) = (Gate::new(), Gate::new());
        let (at_first, at_others) = (first.clone(), others.clone());
        stage.origin.on_each("/private", move |_, number| {
            let gate = if number == 1 { &at_first } else { &at_others };
            let answer = Answer::ok(format!("for request {number}"));
            answer
                .field("Cache-Control", "private")
                .wait_before_head(gate)
        });
        let origin = &stage.origin;
        let mut bodies = std::thread::scope(|scope| {
            scope.spawn(|| {
                origin.wait_for("/private", 1);
                first.open();
                // Once the head shows that it can't be shared, the others go on side by side.
                others.wait_for_waiting(CLIENTS - 1);
                others.open();
            });
            stage.together(CLIENTS, |mut client, _| {
                client.get("/private").expect(200).text()
            })
        });
        bodies.sort();
        bodies.dedup();
        assert_eq!(
            bodies.len(),
            CLIENTS,
            "everybody has a response of their own"
        );
    });
}

#[test]
fn a_known_miss_does_not_queue() {
    // Hit-for-miss: the mark an uncacheable response leaves lets the next ones pass side by side.
    check_on(&[1, 2, 4], |stage| {
        const CLIENTS: usize = 8;
        stage.origin.on("/a", Answer::ok("first").no_store());
        stage.get("/a").expect(200);
        let gate = Gate::new();
        stage
            .origin
            .on("/a", Answer::ok("next").no_store().wait_before_head(&gate));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                gate.wait_for_waiting(CLIENTS);
                gate.open();
            });
            stage.together(CLIENTS, |mut client, _| {
                client.get("/a").expect(200).expect_body("next");
            });
        });
    });
}

#[test]
fn what_becomes_storable_is_soon_stored() {
    // The mark is hit-for-miss: it keeps requests from waiting for each other, and ends with the
    // first response that can be stored, not with its time.
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on("/a", Answer::ok("for one").no_store());
        stage.get("/a").expect(200);
        stage.origin.on("/a", Answer::ok("for all").fresh());
        wait_until("a hit", || {
            let reply = stage.get("/a");
            reply.expect(200).expect_body("for all");
            reply.is_hit()
        });
        let asked = stage.origin.count("/a");
        assert!(asked <= 6, "{asked} requests before it was stored");
    });
}

#[test]
fn an_error_of_the_origin_is_no_reason_to_stop_caching() {
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on("/a", Answer::status(503).no_store());
        stage.get("/a").expect(503);
        stage.origin.on("/a", Answer::ok("well again").fresh());
        stage.get("/a").expect(200).expect_forwarded();
        stage.everywhere(|client| {
            client.get("/a").expect_hit().expect_body("well again");
        });
    });
}

#[test]
fn a_slow_reader_does_not_slow_the_others() {
    check_with(&[1, 2, 4], &Setup::new().memory("256MiB"), |stage| {
        let body = Arc::new(pattern(8 << 20, 9));
        stage
            .origin
            .on("/big", Answer::shared(body.clone()).fresh());
        let mut slow: Vec<_> = (0..4).map(|_| stage.client().reads_little()).collect();
        for client in &mut slow {
            client.send(Ask::get("/big").bytes());
        }
        // They have begun and read nothing; everybody else gets it all.
        stage.everywhere(|client| {
            client.get("/big").expect(200).expect_body(body.as_slice());
        });
        for mut client in slow {
            client.reply().expect(200).expect_body(body.as_slice());
        }
        assert_eq!(stage.origin.count("/big"), 1);
    });
}

#[test]
fn variants_of_one_key_are_not_mixed_up_in_flight() {
    // The head of the first flight says Vary: who asked with another value must not get its body.
    check_on(&[1, 2, 4], |stage| {
        let gate = Gate::new();
        let before = gate.clone();
        stage.origin.on_each("/a", move |received, number| {
            let language = received.field("Accept-Language").unwrap_or_default();
            let answer = Answer::ok(language)
                .fresh()
                .field("Vary", "Accept-Language");
            if number == 1 {
                answer.wait_before_head(&before)
            } else {
                answer
            }
        });
        let origin = &stage.origin;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                origin.wait_for("/a", 1);
                gate.open();
            });
            stage.together(16, |mut client, number| {
                let language = ["en", "de", "fr", "it"][number % 4];
                let ask = Ask::get("/a").field("Accept-Language", language);
                client.ask(&ask).expect(200).expect_body(language);
            });
        });
    });
}
