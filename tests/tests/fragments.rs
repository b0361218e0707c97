//! Ranges of what is not stored, or not all of it: fetched in aligned fragments and answered with
//! the first bytes (RFC 9110, 14). Whether parts belong together: `versions`.

use ringside_tests::{
    check_on, check_with, http_date, pattern, wait_until, Answer, Ask, Entity, Gate, Reply, Setup,
    Stage,
};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

const FRAGMENT: usize = 1 << 20;
/// Five fragments and a bit.
const LARGE: usize = 5 * FRAGMENT + 123;

/// An entity of [`LARGE`] bytes with a strong validator.
fn large(seed: u64, tag: &str) -> Entity {
    Entity::new(pattern(LARGE, seed)).fresh().field("ETag", tag)
}

fn ask(path: &str, range: &str) -> Ask {
    Ask::get(path).field("Range", range)
}

fn range_of(stage: &Stage, path: &str, range: &str) -> Reply {
    stage.client().ask(&ask(path, range))
}

/// Asks until the cache answers by itself; what comes before must be right, too.
#[track_caller]
fn wait_for_hit(stage: &Stage, ask: &Ask, right: impl Fn(&Reply)) {
    wait_until("the bytes to be stored", || {
        let reply = stage.client().ask(ask);
        right(&reply);
        reply.is_hit()
    });
}

/// What the origin was asked for, in order.
#[track_caller]
fn asked(stage: &Stage, path: &str, len: usize) -> Vec<Range<usize>> {
    let requests = stage.origin.requests(path);
    requests.iter().map(|one| one.asks_for(len)).collect()
}

/// Fails unless the origin was asked for each byte just once.
#[track_caller]
fn expect_each_byte_once(stage: &Stage, path: &str, len: usize) {
    let mut spans = asked(stage, path, len);
    spans.sort_by_key(|span| span.start);
    let mut at = 0;
    for span in &spans {
        assert_eq!(span.start, at, "asked for {spans:?}");
        at = span.end;
    }
    assert_eq!(at, len, "asked for {spans:?}");
}

#[test]
fn a_range_on_a_miss_fetches_its_fragment_only() {
    check_on(&[1, 2], |stage| {
        let entity = large(1, "\"a\"");
        let end = LARGE;
        for (number, (range, span, line)) in [
            ("bytes=0-0", 0..1, "bytes=0-1048575"),
            ("bytes=100-199", 100..200, "bytes=0-1048575"),
            (
                "bytes=1048575-1048575",
                1_048_575..1_048_576,
                "bytes=0-1048575",
            ),
            (
                "bytes=1048576-1048576",
                1_048_576..1_048_577,
                "bytes=1048576-2097151",
            ),
            (
                "bytes=1500000-1600000",
                1_500_000..1_600_001,
                "bytes=1048576-2097151",
            ),
            (
                "bytes=5242900-5242949",
                5_242_900..5_242_950,
                "bytes=5242880-6291455",
            ),
            ("bytes=5242900-", 5_242_900..end, "bytes=5242880-6291455"),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/{number}");
            stage.origin.publish(&path, &entity);
            let reply = range_of(stage, &path, range);
            reply
                .expect_part(entity.content(), span)
                .expect_forwarded()
                .expect_field("ETag", "\"a\"");
            stage.origin.last(&path).expect_field("Range", line);
            assert_eq!(stage.origin.count(&path), 1, "{range}");
        }
    });
}

#[test]
fn interim_responses_do_not_get_between_the_parts() {
    // RFC 9110, 15.2: they precede the final response. The origin sends them for each fragment.
    check_on(&[1, 2], |stage| {
        let entity = large(11, "\"a\"");
        let own = entity.clone();
        stage.origin.on_each("/a", move |received, _| {
            own.answer(received).first(103, &[("Link", "</a>")])
        });
        let mut client = stage.client();
        let ask = ask("/a", "bytes=100-");
        client.send(ask.bytes());
        let status = client.informational().status;
        assert_eq!(status, 103, "of the first fetch");
        let reply = client.reply();
        reply.expect_part(entity.content(), 100..LARGE);
        assert!(stage.origin.count("/a") > 1, "one fetch would show nothing");
        client.get("/a").expect(200).expect_body(entity.content());
    });
}

#[test]
fn a_small_object_comes_whole_with_its_first_range() {
    check_on(&[1, 2], |stage| {
        let entity = Entity::new(pattern(1000, 2)).fresh().field("ETag", "\"a\"");
        stage.origin.publish("/a", &entity);
        range_of(stage, "/a", "bytes=2-4").expect_part(entity.content(), 2..5);
        stage
            .origin
            .only("/a")
            .expect_field("Range", "bytes=0-1048575");
        wait_for_hit(stage, &Ask::get("/a"), |reply| {
            reply
                .expect(200)
                .expect_body(entity.content())
                .expect_no_field("Content-Range");
        });
        stage.everywhere(|client| {
            client
                .ask(&ask("/a", "bytes=-5"))
                .expect_part(entity.content(), 995..1000)
                .expect_hit();
            client.get("/a").expect_hit().expect_body(entity.content());
        });
        assert_eq!(stage.origin.count("/a"), 1);
    });
}

#[test]
fn the_first_bytes_go_out_before_the_fragment_is_there() {
    check_on(&[1, 2], |stage| {
        let entity = large(3, "\"a\"");
        let gate = Gate::new();
        let (own, waiting) = (entity.clone(), gate.clone());
        stage.origin.on_each("/a", move |received, number| {
            let answer = own.answer(received);
            if number == 1 {
                answer.wait_after(300_000, &waiting)
            } else {
                answer
            }
        });
        // All that is wanted came.
        range_of(stage, "/a", "bytes=100-199").expect_part(entity.content(), 100..200);
        // Some of it did.
        let mut client = stage.client();
        client.send(ask("/a", "bytes=200000-1999999").bytes());
        let mut reading = client.begin("GET");
        let first = reading.read_at_least(50_000);
        assert_eq!(first.status, 206);
        assert!(entity.content()[200_000..].starts_with(&first.body));
        assert_eq!(stage.origin.count("/a"), 1);
        gate.open();
        reading
            .finish()
            .expect_part(entity.content(), 200_000..2_000_000);
    });
}

#[test]
fn fragments_follow_one_another() {
    check_on(&[1, 2], |stage| {
        let entity = large(4, "\"a\"");
        stage.origin.publish("/a", &entity);
        stage.origin.publish("/end", &entity);
        let reply = range_of(stage, "/a", "bytes=1000000-3500000");
        reply.expect_part(entity.content(), 1_000_000..3_500_001);
        let lines: Vec<Option<String>> = stage
            .origin
            .requests("/a")
            .iter()
            .map(|request| request.field("Range"))
            .collect();
        let fragment = |at: usize| format!("bytes={}-{}", at * FRAGMENT, (at + 1) * FRAGMENT - 1);
        let want: Vec<Option<String>> = (0..4).map(|at| Some(fragment(at))).collect();
        assert_eq!(lines, want);
        // To the end, the length of which the first fragment told.
        let reply = range_of(stage, "/end", "bytes=4000000-");
        reply.expect_part(entity.content(), 4_000_000..LARGE);
        let spans = asked(stage, "/end", LARGE);
        assert_eq!(
            spans,
            [
                3 * FRAGMENT..4 * FRAGMENT,
                4 * FRAGMENT..5 * FRAGMENT,
                5 * FRAGMENT..LARGE
            ]
        );
        stage
            .origin
            .last("/end")
            .expect_field("Range", "bytes=5242880-");
    });
}

#[test]
fn another_range_of_a_fragment_is_a_hit_on_every_shard() {
    check_on(&[1, 2], |stage| {
        let entity = large(5, "\"a\"");
        stage.origin.publish("/a", &entity);
        range_of(stage, "/a", "bytes=1048576-1048580").expect(206);
        wait_for_hit(stage, &ask("/a", "bytes=2000000-2000099"), |reply| {
            reply.expect_part(entity.content(), 2_000_000..2_000_100);
        });
        stage.everywhere(|client| {
            for (range, span) in [
                ("bytes=1048576-2097151", FRAGMENT..2 * FRAGMENT),
                ("bytes=1100000-1100000", 1_100_000..1_100_001),
            ] {
                client
                    .ask(&ask("/a", range))
                    .expect_part(entity.content(), span)
                    .expect_hit();
            }
            // The length is known, too, whichever fragment it came with.
            client
                .ask(&ask("/a", "bytes=6000000-"))
                .expect_unsatisfiable(LARGE)
                .expect_hit();
        });
        assert_eq!(stage.origin.count("/a"), 1);
    });
}

#[test]
fn the_whole_afterwards_fetches_what_is_missing_only() {
    check_on(&[1, 2], |stage| {
        let entity = large(6, "\"a\"");
        stage.origin.publish("/a", &entity);
        let part = ask("/a", "bytes=2000000-2000099");
        wait_for_hit(stage, &part, |reply| {
            reply.expect_part(entity.content(), 2_000_000..2_000_100);
        });
        let reply = stage.get("/a");
        reply
            .expect(200)
            .expect_body(entity.content())
            .expect_no_field("Content-Range");
        expect_each_byte_once(stage, "/a", LARGE);
        let asked = stage.origin.count("/a");
        wait_for_hit(stage, &Ask::get("/a"), |reply| {
            reply.expect(200).expect_body(entity.content());
        });
        stage.everywhere(|client| {
            let reply = client.get("/a");
            reply.expect(200).expect_hit().expect_body(entity.content());
            reply.expect_field("Content-Length", &LARGE.to_string());
        });
        assert_eq!(stage.origin.count("/a"), asked);
    });
}

#[test]
fn clients_of_one_fragment_share_its_fetch() {
    check_on(&[1, 2], |stage| {
        let entity = large(7, "\"a\"");
        let gate = Gate::new();
        let (own, waiting) = (entity.clone(), gate.clone());
        stage.origin.on_each("/a", move |received, _| {
            own.answer(received).wait_after(100_000, &waiting)
        });
        let two = stage.together(20, |mut client, number| {
            let first = (number % 2) * 2 * FRAGMENT + number * 100;
            let reply = client.ask(&ask("/a", &format!("bytes={first}-{}", first + 99)));
            reply.expect_part(entity.content(), first..first + 100);
            first / FRAGMENT
        });
        assert!(two.contains(&0) && two.contains(&2));
        let mut spans = asked(stage, "/a", LARGE);
        spans.sort_by_key(|span| span.start);
        assert_eq!(spans, [0..FRAGMENT, 2 * FRAGMENT..3 * FRAGMENT]);
        gate.open();
    });
}

#[test]
fn several_ranges_and_suffixes_on_a_miss_are_right() {
    check_on(&[1, 2], |stage| {
        let entity = large(8, "\"a\"");
        for path in ["/many", "/suffix", "/long-suffix"] {
            stage.origin.publish(path, &entity);
        }
        // Several may be answered with the whole, as long as nothing is known (RFC 9110, 14.2).
        let many = ask("/many", "bytes=0-9,3000000-3000009,-5");
        let spans = [0..10, 3_000_000..3_000_010, LARGE - 5..LARGE];
        let right = |reply: &Reply| {
            if reply.status == 206 {
                reply.expect_parts(entity.content(), &spans);
            } else {
                reply.expect(200).expect_body(entity.content());
            }
        };
        right(&stage.client().ask(&many));
        wait_for_hit(stage, &many, |reply| {
            right(reply);
        });
        stage
            .client()
            .ask(&many)
            .expect_parts(entity.content(), &spans);

        let reply = range_of(stage, "/suffix", "bytes=-50");
        reply.expect_part(entity.content(), LARGE - 50..LARGE);
        let reply = range_of(stage, "/long-suffix", "bytes=-1500000");
        reply.expect_part(entity.content(), LARGE - 1_500_000..LARGE);
        for path in ["/suffix", "/long-suffix"] {
            for request in stage.origin.requests(path) {
                assert!(request.field("Range").is_some(), "the end is enough");
            }
            stage.get(path).expect(200).expect_body(entity.content());
        }
    });
}

#[test]
fn an_origin_that_ignores_ranges_is_no_obstacle() {
    // RFC 9110, 14.2: it may. The client gets its part all the same.
    check_on(&[1, 2], |stage| {
        for (path, bytes) in [("/small", 1000), ("/large", LARGE)] {
            let entity = Entity::new(pattern(bytes, 9))
                .fresh()
                .field("ETag", "\"a\"");
            stage.origin.on(path, entity.whole());
            range_of(stage, path, "bytes=100-199").expect_part(entity.content(), 100..200);
            wait_for_hit(stage, &ask(path, "bytes=-50"), |reply| {
                reply.expect_part(entity.content(), bytes - 50..bytes);
            });
            stage.everywhere(|client| {
                client
                    .get(path)
                    .expect(200)
                    .expect_hit()
                    .expect_body(entity.content());
            });
            assert_eq!(stage.origin.count(path), 1, "it gave all of it at once");
        }
        // Nor does it make anybody wait for what was not asked for.
        let entity = large(10, "\"a\"");
        let gate = Gate::new();
        let answer = entity.whole().wait_after(300_000, &gate);
        stage.origin.on("/slow", answer);
        range_of(stage, "/slow", "bytes=100-199").expect_part(entity.content(), 100..200);
        gate.open();
        stage.get("/slow").expect(200).expect_body(entity.content());
    });
}

#[test]
fn a_whole_of_unknown_length_is_given_in_part_or_whole() {
    // Until its end is seen nobody can say what a 206 must say, so the whole may come.
    check_on(&[1, 2], |stage| {
        for (path, bytes) in [("/small", 1000), ("/large", LARGE)] {
            let entity = Entity::new(pattern(bytes, 11))
                .fresh()
                .field("ETag", "\"a\"");
            stage.origin.on(path, entity.whole().chunked(&[600]));
            let right = |reply: &Reply| {
                if reply.status == 206 {
                    reply.expect(206).expect_body(&entity.content()[100..200]);
                } else {
                    reply.expect(200).expect_body(entity.content());
                }
            };
            right(&range_of(stage, path, "bytes=100-199"));
            wait_for_hit(stage, &ask(path, "bytes=100-199"), |reply| right(reply));
            range_of(stage, path, "bytes=100-199")
                .expect_part(entity.content(), 100..200)
                .expect_hit();
        }
    });
}

#[test]
fn what_can_not_be_satisfied_is_a_416_on_a_miss_too() {
    // RFC 9110, 15.5.17
    check_on(&[1, 2], |stage| {
        for (path, bytes, range) in [
            ("/small", 10, "bytes=20-"),
            ("/large", LARGE, "bytes=9999999-"),
            ("/edge", LARGE, "bytes=5243003-5243010"),
            ("/none", LARGE, "bytes=-0"),
        ] {
            let entity = Entity::new(pattern(bytes, 12))
                .fresh()
                .field("ETag", "\"a\"");
            stage.origin.publish(path, &entity);
            for _ in 0..3 {
                let reply = range_of(stage, path, range);
                reply.expect_unsatisfiable(bytes);
            }
            // And it is in nobody's way.
            range_of(stage, path, "bytes=2-4").expect_part(entity.content(), 2..5);
            stage.get(path).expect(200).expect_body(entity.content());
            range_of(stage, path, range).expect_unsatisfiable(bytes);
        }
    });
}

#[test]
fn if_range_is_honoured_on_a_miss() {
    // RFC 9110, 13.1.5
    check_on(&[1, 2], |stage| {
        let modified = http_date(-5000);
        let entity = large(13, "\"a\"").field("Last-Modified", &modified);
        for (number, (validator, is_part)) in [
            ("\"a\"", true),
            ("\"b\"", false),
            ("W/\"a\"", false),
            (modified.as_str(), true),
            (&http_date(-4000), false),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/{number}");
            stage.origin.publish(&path, &entity);
            let ask = ask(&path, "bytes=2000000-2000099").field("If-Range", validator);
            for _ in 0..2 {
                let reply = stage.client().ask(&ask);
                if is_part {
                    reply.expect_part(entity.content(), 2_000_000..2_000_100);
                } else {
                    reply.expect(200).expect_body(entity.content());
                }
            }
            range_of(stage, &path, "bytes=5-9").expect_part(entity.content(), 5..10);
        }
    });
}

#[test]
fn what_may_not_be_stored_comes_right_as_well() {
    check_on(&[1, 2], |stage| {
        for (path, control) in [
            ("/no-store", "no-store"),
            ("/private", "private, max-age=60"),
        ] {
            let entity = Entity::new(pattern(LARGE, 20))
                .field("ETag", "\"a\"")
                .field("Cache-Control", control);
            stage.origin.publish(path, &entity);
            for (range, span) in [
                ("bytes=100-199", 100..200),
                ("bytes=100-199", 100..200),
                ("bytes=1000000-3500000", 1_000_000..3_500_001),
                ("bytes=-50", LARGE - 50..LARGE),
            ] {
                let before = stage.origin.count(path);
                let reply = range_of(stage, path, range);
                reply.expect_part(entity.content(), span).expect_forwarded();
                assert!(stage.origin.count(path) > before, "{path} {range}");
            }
        }
        // For one user only, since it answers credentials.
        stage.origin.publish("/user", &large(21, "\"a\""));
        for number in 1..=2 {
            let ask = ask("/user", "bytes=100-199").field("Authorization", "x");
            let reply = stage.client().ask(&ask);
            reply.expect_part(large(21, "\"a\"").content(), 100..200);
            assert!(stage.origin.count("/user") >= number);
        }
    });
}

#[test]
fn without_fragments_the_whole_is_fetched() {
    let setup = Setup::new().route("cache.fragments = false");
    check_with(&[1, 2], &setup, |stage| {
        let entity = large(24, "\"a\"");
        stage.origin.publish("/a", &entity);
        range_of(stage, "/a", "bytes=2000000-2000099")
            .expect_part(entity.content(), 2_000_000..2_000_100);
        stage.origin.only("/a").expect_no_field("Range");
        wait_for_hit(stage, &Ask::get("/a"), |reply| {
            reply.expect(200).expect_body(entity.content());
        });
        assert_eq!(stage.origin.count("/a"), 1);
    });
}

#[test]
fn a_fragment_that_breaks_off_is_not_taken_for_one() {
    check_on(&[1, 2], |stage| {
        let entity = large(25, "\"a\"");
        for (path, cut) in [("/first", 1), ("/second", 2)] {
            let own = entity.clone();
            stage.origin.on_each(path, move |received, number| {
                let answer = own.answer(received);
                if number == cut {
                    answer.cut_after(300_000)
                } else {
                    answer
                }
            });
            let reply = range_of(stage, path, "bytes=0-1999999");
            assert!(
                entity.content().starts_with(&reply.body),
                "what came is right"
            );
            if reply.complete {
                // It may have been asked for again.
                assert_eq!(reply.body.len(), 2_000_000, "{path}");
            }
            range_of(stage, path, "bytes=0-1999999").expect_part(entity.content(), 0..2_000_000);
            stage.get(path).expect(200).expect_body(entity.content());
        }
    });
}

#[test]
fn an_error_in_place_of_a_fragment_is_no_content() {
    check_on(&[1, 2], |stage| {
        let entity = large(26, "\"a\"");
        let fails = Arc::new(AtomicBool::new(false));
        let (own, failing) = (entity.clone(), Arc::clone(&fails));
        stage.origin.on_each("/a", move |received, _| {
            if failing.load(Ordering::SeqCst) {
                Answer::status(500).no_store()
            } else {
                own.answer(received)
            }
        });
        wait_for_hit(stage, &ask("/a", "bytes=0-99"), |reply| {
            reply.expect_part(entity.content(), 0..100);
        });
        fails.store(true, Ordering::SeqCst);
        for ask in [
            ask("/a", "bytes=2000000-2000099"),
            ask("/a", "bytes=1000000-2000099"),
            Ask::get("/a"),
        ] {
            let reply = stage.client().ask(&ask);
            if reply.status < 500 {
                reply.expect_broken();
            }
        }
        range_of(stage, "/a", "bytes=500-599")
            .expect_part(entity.content(), 500..600)
            .expect_hit();
        fails.store(false, Ordering::SeqCst);
        stage.get("/a").expect(200).expect_body(entity.content());
        // What is not there is not there in part either.
        stage.origin.on("/gone", Answer::status(404).fresh());
        range_of(stage, "/gone", "bytes=0-99")
            .expect(404)
            .expect_body("404");
        stage.get("/gone").expect(404).expect_body("404");
    });
}

#[test]
fn head_on_a_miss_knows_no_ranges() {
    // RFC 9110, 14.2
    check_on(&[1, 2], |stage| {
        let entity = large(31, "\"a\"");
        stage.origin.publish("/a", &entity);
        let reply = stage
            .client()
            .ask(&Ask::head("/a").field("Range", "bytes=2-4"));
        reply.expect(200).expect_no_field("Content-Range");
        reply.expect_field("Content-Length", &LARGE.to_string());
        wait_for_hit(stage, &ask("/a", "bytes=0-99"), |reply| {
            reply.expect_part(entity.content(), 0..100);
        });
        // One fragment tells all that a HEAD asks for.
        let reply = stage.client().ask(&Ask::head("/a"));
        reply.expect(200).expect_no_field("Content-Range");
        reply.expect_field("Content-Length", &LARGE.to_string());
    });
}
