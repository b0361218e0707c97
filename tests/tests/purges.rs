//! Purges of more than a URL: by prefix, by group, of everything; hard, or soft, which marks stale.
//! Each is answered with a receipt, and the receipt is a promise.

use ringside_tests::{check_on, check_with, pattern, Answer, Ask, Gate, Received, Setup, Stage};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

/// Ways to purge `/d/a` of the default host.
const WAYS: [(&str, &[(&str, &str)]); 4] = [
    ("url", &[("url", "http://ringside.test/d/a")]),
    ("prefix", &[("prefix", "http://ringside.test/d/")]),
    ("group", &[("group", "one"), ("host", "ringside.test")]),
    ("all", &[("all", "")]),
];

const PATH: &str = "/d/a";

/// The parameters, with the soft one.
fn softly<'a>(way: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [way, &[("soft", "")]].concat()
}

/// An origin that validates: its content is the number of the version, its tag too.
fn versioned(received: &Received, version: u64) -> Answer {
    let tag = format!("\"{version}\"");
    let answer = match received.field("If-None-Match") {
        Some(tags) if tags.contains(&tag) => Answer::status(304),
        _ => Answer::ok(version.to_string()),
    };
    answer
        .fresh()
        .field("ETag", tag)
        .field("Cache-Groups", "\"one\"")
}

#[test]
fn a_receipt_says_what_was_done() {
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on("/*", Answer::ok("hello").fresh());
        stage.get(PATH).expect(200);
        for (name, way) in WAYS {
            for (force, parameters) in [("soft", softly(way)), ("hard", way.to_vec())] {
                let reply = stage.ringside.ask_for_purge(&parameters);
                let kind = reply.expect(200).field("Content-Type").unwrap_or_default();
                assert!(kind.starts_with("application/json"), "{kind}");
                let receipt = ringside_tests::Receipt::of(&reply);
                assert_eq!(receipt.purged, name);
                assert_eq!(receipt.force, force, "{name}");
                assert_eq!(receipt.shards, stage.shards as u64, "{name}");
                assert!(receipt.took_us < 20_000_000, "{receipt:?}");
            }
        }
    });
}

#[test]
fn the_receipt_of_a_url_counts_its_variants() {
    check_on(&[1, 2, 4], |stage| {
        let url = [("url", "http://ringside.test/d/a")];
        assert_eq!(stage.ringside.purge_by(&url).objects, Some(0));
        let vary = Answer::ok("hello").fresh().field("Vary", "X-Kind");
        stage.origin.on(PATH, vary);
        for kind in ["a", "b", "c"] {
            let ask = Ask::get(PATH).field("X-Kind", kind);
            stage.client().ask(&ask).expect(200);
            stage.everywhere(|client| {
                client.ask(&ask).expect_hit();
            });
        }
        // A soft purge leaves them where they are.
        assert_eq!(stage.ringside.purge_by(&softly(&url)).objects, Some(3));
        assert_eq!(stage.ringside.purge_by(&url).objects, Some(3));
        assert_eq!(stage.ringside.purge_by(&url).objects, Some(0));
    });
}

#[test]
fn a_prefix_is_purged_and_nothing_else() {
    // What is purged; host and target; whether that is hit.
    const ROWS: &[(&str, &str, &str, bool)] = &[
        ("http://ringside.test/d/", "ringside.test", "/d/", true),
        ("http://ringside.test/d/", "ringside.test", "/d/a", true),
        (
            "http://ringside.test/d/",
            "ringside.test",
            "/d/a/b?c=d",
            true,
        ),
        ("http://ringside.test/d/", "RINGSIDE.test:80", "/d/a", true),
        ("http://ringside.test/d/", "ringside.test", "/d", false),
        ("http://ringside.test/d/", "ringside.test", "/", false),
        ("http://ringside.test/d/", "ringside.test", "/da/b", false),
        ("http://ringside.test/d/", "ringside.test", "/e/d/a", false),
        ("http://ringside.test/d/", "ringside.test", "/D/a", false),
        ("http://ringside.test/d/", "other.test", "/d/a", false),
        (
            "http://ringside.test/d/",
            "ringside.test:8080",
            "/d/a",
            false,
        ),
        ("http://ringside.test/d/a", "ringside.test", "/d/a", true),
        ("http://ringside.test/d/a", "ringside.test", "/d/a/b", true),
        ("http://ringside.test/d/a", "ringside.test", "/d/a?b", true),
        ("http://ringside.test/d/a", "ringside.test", "/d/", false),
        ("http://RINGSIDE.test:80/d/", "ringside.test", "/d/a", true),
        ("http://ringside.test/%64/", "ringside.test", "/d/a", true),
        ("http://ringside.test/d/", "ringside.test", "/%64/a", true),
        ("http://ringside.test/", "ringside.test", "/d/a", true),
        ("http://ringside.test/", "other.test", "/d/a", false),
        ("http://ringside.test", "ringside.test", "/d/a", true),
        (
            "http://ringside.test:8080/d/",
            "ringside.test:8080",
            "/d/a",
            true,
        ),
        (
            "http://ringside.test:8080/d/",
            "ringside.test",
            "/d/a",
            false,
        ),
    ];
    check_on(&[1, 2, 4], |stage| {
        stage
            .origin
            .on_each("/*", |_, number| Answer::ok(number.to_string()).fresh());
        for (prefix, host, target, hit) in ROWS {
            let ask = Ask::get(target).host(host);
            let body = stage.wait_for_hit(&ask).text();
            stage.everywhere(|client| {
                client.ask(&ask).expect_hit().expect_body(&body);
            });
            stage.ringside.purge_by(&[("prefix", prefix)]);
            let mut clients = stage.clients();
            for client in &mut clients {
                let same = client.ask(&ask).expect(200).text() == body;
                assert_eq!(same, !hit, "{prefix} | {host} | {target}");
            }
        }
    });
}

#[test]
fn everything_can_be_purged() {
    let other = "[[sites]]\nhosts = [\"other.test\"]\n\n\
                 [[sites.routes]]\npath = \"/\"\norigin = \"app\"\n";
    check_with(&[1, 2, 4], &Setup::new().more(other), |stage| {
        stage
            .origin
            .on_each("/*", |_, number| Answer::ok(number.to_string()).fresh());
        let mut held = Vec::new();
        for number in 0..40 {
            let host = ["ringside.test", "other.test"][number % 2];
            let ask = Ask::get(&format!("/{number}")).host(host);
            let body = stage.client().ask(&ask).expect(200).text();
            stage.client().ask(&ask).expect_hit();
            held.push((ask, body));
        }
        stage.ringside.purge_by(&[("all", "")]);
        let mut clients = stage.clients();
        for (number, (ask, body)) in held.iter().enumerate() {
            let at = number % clients.len();
            assert_ne!(clients[at].ask(ask).expect(200).text(), *body);
        }
    });
}

#[test]
fn after_a_purge_all_is_stored_as_before() {
    check_on(&[1, 2, 4], |stage| {
        for (name, way) in WAYS {
            for parameters in [way.to_vec(), softly(way)] {
                stage
                    .origin
                    .on_each(PATH, |received, _| versioned(received, 1));
                stage.get(PATH).expect(200);
                stage.ringside.purge_by(&parameters);
                stage.wait_for_hit_of(&Ask::get(PATH), "1");
                stage.everywhere(|client| {
                    client.get(PATH).expect_hit().expect_body("1");
                });
                let asked = stage.origin.count(PATH);
                stage.everywhere(|client| {
                    client.get(PATH).expect_hit();
                });
                assert_eq!(stage.origin.count(PATH), asked, "{name}");
            }
        }
    });
}

#[test]
fn a_hard_purge_leaves_nothing_to_validate() {
    check_on(&[1, 2], |stage| {
        for (name, way) in WAYS {
            stage
                .origin
                .on_each(PATH, |received, _| versioned(received, 1));
            stage.wait_for_hit_of(&Ask::get(PATH), "1");
            stage.ringside.purge_by(way);
            let reply = stage.get(PATH);
            reply.expect(200).expect_forwarded().expect_body("1");
            stage.origin.last(PATH).expect_no_field("If-None-Match");
            // Nor something to stand in for an error.
            stage.wait_for_hit_of(&Ask::get(PATH), "1");
            stage.ringside.purge_by(way);
            stage.origin.on(PATH, Answer::status(503).no_store());
            assert_eq!(stage.get(PATH).status, 503, "{name}");
        }
    });
}

#[test]
fn a_soft_purge_marks_stale() {
    check_on(&[1, 2, 4], |stage| {
        for (name, way) in WAYS {
            stage
                .origin
                .on_each(PATH, |received, _| versioned(received, 1));
            stage.wait_for_hit_of(&Ask::get(PATH), "1");
            stage.everywhere(|client| {
                client.get(PATH).expect_hit();
            });
            stage.ringside.purge_by(&softly(way));
            // It is validated, and the origin's word makes it fresh again.
            let before = stage.origin.count(PATH);
            let reply = stage.get(PATH);
            reply.expect(200).expect_forwarded().expect_body("1");
            assert_eq!(stage.origin.count(PATH), before + 1, "{name}");
            let asked = stage.origin.last(PATH);
            asked.expect_field("If-None-Match", "\"1\"");
            stage.wait_for_hit_of(&Ask::get(PATH), "1");
            // Again, and now it has changed.
            stage.ringside.purge_by(&softly(way));
            stage
                .origin
                .on_each(PATH, |received, _| versioned(received, 2));
            let mut clients = stage.clients();
            for client in &mut clients {
                client.get(PATH).expect(200).expect_body("2");
            }
            // Again, and the origin fails: it may stand in, as anything stale.
            stage.wait_for_hit_of(&Ask::get(PATH), "2");
            stage.ringside.purge_by(&softly(way));
            stage.origin.on(PATH, Answer::status(503).no_store());
            stage.everywhere(|client| {
                client.get(PATH).expect(200).expect_body("2");
            });
            // But not once it was purged for good, whatever soft purge comes later.
            stage.ringside.purge_by(way);
            stage.ringside.purge_by(&softly(way));
            stage.everywhere(|client| {
                assert_eq!(client.get(PATH).status, 503, "{name}");
            });
        }
    });
}

#[test]
fn what_a_soft_purge_marked_is_validated_in_the_background_where_it_may() {
    let setup = Setup::new().route("cache.stale_while_revalidate = \"10m\"");
    check_with(&[1, 2], &setup, |stage| {
        for (name, way) in WAYS {
            stage
                .origin
                .on_each(PATH, |received, _| versioned(received, 1));
            stage.wait_for_hit_of(&Ask::get(PATH), "1");
            stage.ringside.purge_by(&softly(way));
            let gate = Gate::new();
            let before = gate.clone();
            stage.origin.on_each(PATH, move |received, _| {
                versioned(received, 2).wait_before_head(&before)
            });
            let asked = stage.origin.count(PATH);
            stage.everywhere(|client| {
                client.get(PATH).expect(200).expect_body("1");
            });
            stage.origin.wait_for(PATH, asked + 1);
            stage.settle();
            assert_eq!(stage.origin.count(PATH), asked + 1, "{name}");
            gate.open();
            stage.wait_for_hit_of(&Ask::get(PATH), "2");
            stage.ringside.purge_by(way);
        }
    });
}

#[test]
fn no_directive_revives_what_is_dead() {
    check_on(&[1, 2], |stage| {
        for (name, way) in WAYS {
            stage
                .origin
                .on_each(PATH, |received, _| versioned(received, 1));
            stage.wait_for_hit_of(&Ask::get(PATH), "1");
            stage.ringside.purge_by(way);
            for directive in ["only-if-cached", "only-if-cached, max-stale=9999"] {
                let ask = Ask::get(PATH).field("Cache-Control", directive);
                stage.everywhere(|client| {
                    assert_eq!(client.ask(&ask).status, 504, "{name}: {directive}");
                });
            }
        }
    });
}

#[test]
fn a_fetch_begun_before_the_purge_does_not_store() {
    check_on(&[1, 2, 4], |stage| {
        for (number, (name, way)) in WAYS.into_iter().enumerate() {
            for in_body in [false, true] {
                // Everything is named alike, so it is another purge that ends the round before.
                stage.ringside.purge_by(&[("all", "")]);
                let gate = Gate::new();
                let before = gate.clone();
                let early_body = format!("early {number} {in_body}");
                let said = early_body.clone();
                stage.origin.on_each(PATH, move |_, _| {
                    let answer = Answer::ok(said.clone())
                        .fresh()
                        .field("Cache-Groups", "\"one\"");
                    match in_body {
                        false => answer.wait_before_head(&before),
                        true => answer.wait_after(4, &before),
                    }
                });
                let asked = stage.origin.count(PATH) + 1;
                let mut early = stage.client();
                early.send(Ask::get(PATH).bytes());
                stage.origin.wait_for(PATH, asked);
                if in_body {
                    early.begin("GET").read_at_least(4);
                } else {
                    gate.wait_for_waiting(1);
                }
                stage.ringside.purge_by(way);
                let late = Answer::ok("late").fresh().field("Cache-Groups", "\"one\"");
                stage.origin.on(PATH, late);
                // A group is known only once a head has come; all else is known to be outdated,
                // and nobody who asks now may join it.
                let mut joining = (name != "group" || in_body).then(|| stage.client());
                if let Some(client) = &mut joining {
                    client.get(PATH).expect(200).expect_body("late");
                }
                gate.open();
                stage
                    .origin
                    .wait_on(PATH, asked, |received| received.answered);
                if !in_body {
                    early.reply().expect(200).expect_body(&early_body);
                }
                stage.everywhere(|client| {
                    client.get(PATH).expect(200).expect_body("late");
                });
                stage.wait_for_hit_of(&Ask::get(PATH), "late");
            }
        }
    });
}

#[test]
fn a_validation_begun_before_the_purge_does_not_revive() {
    check_on(&[1, 2, 4], |stage| {
        for (name, way) in WAYS {
            stage.ringside.purge_by(&[("all", "")]);
            let held = Answer::ok("held")
                .fresh()
                .field("ETag", "\"1\"")
                .field("Cache-Groups", "\"one\"");
            stage.origin.on(PATH, held.clone().field("Age", "100"));
            ringside_tests::wait_until("something to validate", || {
                stage.get(PATH).expect(200);
                let last = stage.origin.last(PATH);
                last.field("If-None-Match").is_some()
            });
            let gate = Gate::new();
            let not_modified = Answer::status(304).fresh().field("ETag", "\"1\"");
            stage.origin.on(PATH, not_modified.wait_before_head(&gate));
            let asked = stage.origin.count(PATH) + 1;
            let mut early = stage.client();
            early.send(Ask::get(PATH).bytes());
            stage.origin.wait_for(PATH, asked);
            stage.ringside.purge_by(way);
            stage.origin.on(PATH, Answer::ok("late").fresh());
            stage.get(PATH).expect(200).expect_body("late");
            gate.open();
            stage
                .origin
                .wait_on(PATH, asked, |received| received.answered);
            // Who asked before the purge may get what was held then, or what came after.
            let reply = early.reply();
            let seen = reply.expect(200).text();
            assert!(["held", "late"].contains(&seen.as_str()), "{name}: {seen}");
            stage.everywhere(|client| {
                client.get(PATH).expect(200).expect_body("late");
            });
        }
    });
}

#[test]
fn readers_never_see_what_was_purged_before() {
    const READERS: usize = 8;
    const PURGES: u64 = 12;
    check_on(&[1, 2, 4], |stage| {
        let version = Arc::new(AtomicU64::new(1));
        let told = version.clone();
        stage.origin.on_each(PATH, move |received, _| {
            // What an origin does: it reads its content when the request comes.
            versioned(received, told.load(Ordering::SeqCst))
        });
        // The version of the last purge that was answered.
        let purged = AtomicU64::new(0);
        let done = AtomicBool::new(false);
        let reads = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let last = Finally(&done);
                for (_, way) in WAYS {
                    for number in 0..PURGES {
                        let parameters = match number % 2 {
                            0 => way.to_vec(),
                            _ => softly(way),
                        };
                        let new = version.fetch_add(1, Ordering::SeqCst) + 1;
                        stage.ringside.purge_by(&parameters);
                        purged.store(new, Ordering::SeqCst);
                        // Let some reads happen between purges.
                        let seen = reads.load(Ordering::SeqCst);
                        ringside_tests::wait_until("reads", || {
                            reads.load(Ordering::SeqCst) >= seen + READERS as u64
                        });
                    }
                }
                drop(last);
            });
            stage.together(READERS, |mut client, number| {
                while !done.load(Ordering::SeqCst) {
                    let least = purged.load(Ordering::SeqCst);
                    let reply = client.get(PATH);
                    let seen: u64 = reply.expect(200).text().parse().expect("a version");
                    reads.fetch_add(1, Ordering::SeqCst);
                    assert!(
                        seen >= least,
                        "reader {number} saw {seen} after the purge of {least}"
                    );
                }
            });
        });
    });
}

/// Sets its flag when dropped, so that the readers end even when the writer fails.
struct Finally<'a>(&'a AtomicBool);

impl Drop for Finally<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_large_object_is_purged_whole() {
    // Its content lies in pieces on several shards: none of an old one may meet a new one.
    const BYTES: usize = (3 << 20) + 777;
    let say = |stage: &Stage, seed: u64| {
        let body = Arc::new(pattern(BYTES, seed));
        let answer = Answer::shared(body.clone()).fresh();
        stage
            .origin
            .on(PATH, answer.field("Cache-Groups", "\"one\""));
        body
    };
    check_with(&[1, 2, 4], &Setup::new().memory("256MiB"), |stage| {
        let mut seed = 1;
        for (_, way) in WAYS {
            let old = say(stage, seed);
            stage.ringside.purge_by(&[("all", "")]);
            stage.get(PATH).expect(200).expect_body(old.as_slice());
            stage.everywhere(|client| {
                client.get(PATH).expect(200).expect_body(old.as_slice());
            });
            let new = say(stage, seed + 1);
            stage.ringside.purge_by(way);
            stage.everywhere(|client| {
                client.get(PATH).expect(200).expect_body(new.as_slice());
            });
            seed += 2;
        }
    });
}

#[test]
fn hundreds_of_prefixes_are_all_obeyed() {
    // More than are kept apart: those folded together purge more, never less.
    check_on(&[1, 2], |stage| {
        stage
            .origin
            .on_each("/*", |_, number| Answer::ok(number.to_string()).fresh());
        let targets: Vec<String> = (0..600).map(|number| format!("/p{number}/a")).collect();
        let mut client = stage.client();
        let held: Vec<String> = targets
            .iter()
            .map(|target| client.get(target).expect(200).text())
            .collect();
        for number in 0..600 {
            let prefix = format!("http://ringside.test/p{number}/");
            stage.ringside.purge_by(&[("prefix", &prefix)]);
        }
        for (target, body) in targets.iter().zip(&held) {
            assert_ne!(client.get(target).expect(200).text(), *body, "{target}");
        }
        for target in targets.iter().take(20) {
            stage.wait_for_hit(&Ask::get(target));
        }
    });
}

#[test]
fn a_faulty_purge_is_told_in_one_line() {
    check_on(&[1, 2], |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        stage.get("/a").expect(200);
        let faults: [&[(&str, &str)]; 6] = [
            &[("soft", "")],
            &[("prefix", "")],
            &[("prefix", "nonsense")],
            &[("group", "")],
            &[("group", ""), ("host", "ringside.test")],
            &[("everything", "")],
        ];
        for parameters in faults {
            let reply = stage.ringside.ask_for_purge(parameters);
            assert_eq!(reply.status, 400, "{parameters:?}: {}", reply.text());
            let text = reply.text();
            let lines = text.trim_end().lines().count();
            assert_eq!(lines, 1, "{parameters:?}: {text:?}");
        }
        stage.get("/a").expect_hit();
    });
}

#[test]
fn a_path_alone_is_a_prefix_on_every_host() {
    check_on(&[1, 2], |stage| {
        stage
            .origin
            .on_each("/*", |_, number| Answer::ok(number.to_string()).fresh());
        let asks = [
            (Ask::get("/d/a"), true),
            (Ask::get("/d/a").host("other.test"), true),
            (Ask::get("/d/a").host("other.test:8080"), true),
            (Ask::get("/e/a"), false),
        ];
        let held: Vec<String> = asks
            .iter()
            .map(|(ask, _)| stage.wait_for_hit(ask).text())
            .collect();
        stage.ringside.purge_by(&[("prefix", "/d/")]);
        for ((ask, hit), body) in asks.iter().zip(&held) {
            let same = stage.client().ask(ask).expect(200).text() == *body;
            assert_eq!(same, !hit, "{ask:?}");
        }
    });
}

#[test]
fn the_command_does_the_same() {
    check_on(&[1, 2], |stage| {
        stage
            .origin
            .on_each(PATH, |received, number| versioned(received, number as u64));
        let admin = format!("127.0.0.1:{}", stage.ringside.admin());
        let command = ringside_tests::Command::with_config("");
        for arguments in [
            &["http://ringside.test/d/a"][..],
            &["--prefix", "http://ringside.test/d/"],
            &["--prefix", "/d/"],
            &["--group", "one"],
            &["--group", "one", "--host", "ringside.test"],
            &["--all"],
            &["--all", "--soft"],
            &["http://ringside.test/d/a", "--soft"],
        ] {
            let old = stage.wait_for_hit(&Ask::get(PATH)).text();
            let all = [&["purge", "--admin", &admin][..], arguments].concat();
            let output = command.run(&all);
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{arguments:?}: {output:?}");
            assert!(said.starts_with("purged"), "{arguments:?}: {said}");
            assert_ne!(stage.get(PATH).expect(200).text(), old, "{arguments:?}");
        }
        let json = command.run(&["purge", "--admin", &admin, "--all", "--json"]);
        let receipt: serde_json::Value =
            serde_json::from_slice(&json.stdout).expect("the receipt as JSON");
        assert_eq!(receipt["purged"], "all");
        // What the server refuses is told.
        let refused = command.run(&["purge", "--admin", &admin, "http://"]);
        assert!(!refused.status.success() && !refused.stderr.is_empty());
    });
}
