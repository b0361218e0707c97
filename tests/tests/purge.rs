//! Purge means purged: once `POST /purge` is answered nobody gets the old object, on any shard, and
//! no fetch begun before can store it.

use ringside_tests::{check_on, Answer, Ask, Client, Gate};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

const URL: &str = "http://ringside.test/a";

#[test]
fn a_purged_object_is_fetched_anew_by_every_shard() {
    check_on(&[1, 2, 4], |stage| {
        stage
            .origin
            .on_each("/a", |_, number| Answer::ok(number.to_string()).fresh());
        stage.get("/a").expect(200).expect_body("1");
        stage.everywhere(|client| {
            client.get("/a").expect_hit().expect_body("1");
        });
        stage.ringside.purge(URL).expect(200);
        let mut clients = stage.clients();
        for client in &mut clients {
            client.get("/a").expect(200).expect_body("2");
        }
        assert_eq!(stage.origin.count("/a"), 2);
    });
}

#[test]
fn a_purge_is_of_one_url() {
    check_on(&[1, 2], |stage| {
        stage
            .origin
            .on_each("/*", |_, number| Answer::ok(number.to_string()).fresh());
        let asks = [
            Ask::get("/a"),
            Ask::get("/a?x=1"),
            Ask::get("/b"),
            Ask::get("/a").host("other.test"),
        ];
        for ask in &asks {
            stage.client().ask(ask).expect(200).expect_forwarded();
        }
        stage.ringside.purge(URL).expect(200);
        for (number, ask) in asks.iter().enumerate() {
            let reply = stage.client().ask(ask);
            assert_eq!(reply.is_hit(), number != 0, "{ask:?}");
        }
        stage
            .ringside
            .purge("http://ringside.test/a?x=1")
            .expect(200);
        stage.client().ask(&asks[1]).expect_forwarded();
        stage.client().ask(&asks[2]).expect_hit();
    });
}

#[test]
fn a_purge_takes_every_variant() {
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on_each("/a", |_, number| {
            Answer::ok(number.to_string())
                .fresh()
                .field("Vary", "Accept-Language")
        });
        let ask = |language| Ask::get("/a").field("Accept-Language", language);
        for language in ["en", "de"] {
            stage.client().ask(&ask(language)).expect(200);
            stage.client().ask(&ask(language)).expect_hit();
        }
        stage.ringside.purge(URL).expect(200);
        for language in ["en", "de"] {
            stage
                .client()
                .ask(&ask(language))
                .expect(200)
                .expect_forwarded();
        }
    });
}

#[test]
fn what_is_not_stored_can_be_purged_too() {
    check_on(&[1, 2], |stage| {
        let status = stage.ringside.purge(URL).status;
        assert!(matches!(status, 200 | 404), "{status}");
        stage.origin.on("/a", Answer::ok("hello").fresh());
        stage.get("/a").expect(200);
        stage.get("/a").expect_hit();
    });
}

#[test]
fn a_faulty_purge_is_told() {
    check_on(&[1], |stage| {
        let admin = || Client::connect(stage.ringside.admin());
        for target in [
            "/purge",
            "/purge?url=",
            "/purge?url=nonsense",
            "/purge?link=http%3A%2F%2Fa%2F",
        ] {
            let reply = admin().ask(&Ask::post(target, ""));
            assert_eq!(reply.status, 400, "{target}");
            assert!(!reply.body.is_empty(), "{target}: says why");
        }
        admin()
            .ask(&Ask::get("/purge?url=http%3A%2F%2Fringside.test%2Fa"))
            .expect(405);
    });
}

#[test]
fn a_purge_can_not_come_from_the_clients_side() {
    check_on(&[1], |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        stage.get("/a").expect(200);
        let target = "/purge?url=http%3A%2F%2Fringside.test%2Fa";
        stage.client().ask(&Ask::post(target, "")).expect(404);
        assert_eq!(
            stage.origin.count("/purge"),
            1,
            "it is a request like any other"
        );
        stage.get("/a").expect_hit();
    });
}

#[test]
fn a_fetch_begun_before_the_purge_may_not_store() {
    check_on(&[1, 2, 4], |stage| {
        for (path, in_body) in [("/a", false), ("/b", true)] {
            let gate = Gate::new();
            let before = gate.clone();
            stage.origin.on_each(path, move |_, number| {
                let answer = Answer::ok(format!("version {number}")).fresh();
                match (number, in_body) {
                    (1, false) => answer.wait_before_head(&before),
                    (1, true) => answer.wait_after(4, &before),
                    _ => answer,
                }
            });
            let mut early = stage.client();
            early.send(Ask::get(path).bytes());
            stage.origin.wait_for(path, 1);
            if in_body {
                early.begin("GET").read_at_least(4);
            } else {
                gate.wait_for_waiting(1);
            }
            stage
                .ringside
                .purge(&format!("http://ringside.test{path}"))
                .expect(200);
            // The old fetch is still under way; whoever asks now must not join it.
            stage.get(path).expect(200).expect_body("version 2");
            gate.open();
            stage.origin.wait_on(path, 1, |received| received.answered);
            if !in_body {
                early.reply().expect(200).expect_body("version 1");
            }
            stage.everywhere(|client| {
                client.get(path).expect(200).expect_body("version 2");
            });
            assert_eq!(stage.origin.count(path), 2, "{path}");
        }
    });
}

#[test]
fn readers_never_see_a_version_from_before_an_answered_purge() {
    const READERS: usize = 8;
    const PURGES: u64 = 60;
    check_on(&[1, 2, 4], |stage| {
        let version = Arc::new(AtomicU64::new(1));
        let told = version.clone();
        stage.origin.on_each("/a", move |_, _| {
            // What an origin does: it reads its content when the request comes.
            let body = told.load(Ordering::SeqCst).to_string();
            Answer::ok(body).fresh().chunked(&[1])
        });
        // The version of the last purge that was answered.
        let purged = AtomicU64::new(0);
        let done = AtomicBool::new(false);
        let reads = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let last = Finally(&done);
                for _ in 0..PURGES {
                    let new = version.fetch_add(1, Ordering::SeqCst) + 1;
                    stage.ringside.purge(URL).expect(200);
                    purged.store(new, Ordering::SeqCst);
                    // Let some reads happen between purges.
                    let seen = reads.load(Ordering::SeqCst);
                    ringside_tests::wait_until("reads", || {
                        reads.load(Ordering::SeqCst) >= seen + READERS as u64
                    });
                }
                drop(last);
            });
            stage.together(READERS, |mut client, number| {
                while !done.load(Ordering::SeqCst) {
                    let least = purged.load(Ordering::SeqCst);
                    let reply = client.get("/a");
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
fn a_slow_validation_that_was_overtaken_stores_nothing_after_a_purge() {
    // A request with no-cache starts a newer fetch beside the one under way; the purge must
    // reach both.
    check_on(&[1, 2], |stage| {
        stage.origin.on(
            "/a",
            Answer::ok("first")
                .field("ETag", "\"1\"")
                .field("Cache-Control", "max-age=0"),
        );
        stage.get("/a").expect(200).expect_body("first");
        let gate = Gate::new();
        stage
            .origin
            .on("/a", Answer::ok("old").fresh().wait_before_head(&gate));
        let mut slow = stage.client();
        slow.send(Ask::get("/a").bytes());
        stage.origin.wait_for("/a", 2);
        stage.origin.on("/a", Answer::ok("newer").fresh());
        let insisting = Ask::get("/a").field("Cache-Control", "no-cache");
        stage
            .client()
            .ask(&insisting)
            .expect(200)
            .expect_body("newer");
        stage.ringside.purge(URL).expect(200);
        gate.open();
        slow.reply().expect(200).expect_body("old");
        stage.origin.on("/a", Answer::ok("newest").fresh());
        stage.get("/a").expect(200).expect_body("newest");
    });
}
