//! One hard budget: ten times of it in objects, large bodies and slow readers, and the process
//! stays within it plus a constant.

use ringside_tests::{check_with, pattern, Answer, Ask, Ringside, Setup};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

const MIB: u64 = 1 << 20;

/// What the process may hold beside its budget: the allocator's slack, stacks and rings of up to
/// four shards, tables. Measured against the resident memory when idle.
const BESIDE_BUDGET_BYTES: u64 = 48 * MIB;

/// The largest resident memory seen while `act` runs.
fn peak_rss(ringside: &Ringside, act: impl FnOnce()) -> u64 {
    let done = AtomicBool::new(false);
    let peak = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(ringside.rss_bytes(), Ordering::Relaxed);
                // The sampling rate, not synchronisation.
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        let _done = Finally(&done);
        act();
    });
    peak.load(Ordering::Relaxed).max(ringside.rss_bytes())
}

/// Sets its flag when dropped, so that the sampling ends even when the script fails.
struct Finally<'a>(&'a AtomicBool);

impl Drop for Finally<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[track_caller]
fn within(budget: u64, idle: u64, peak: u64) {
    let bound = idle + budget + BESIDE_BUDGET_BYTES;
    assert!(
        peak <= bound,
        "resident {} MiB; idle {}, budget {}, constant {} allow {}",
        peak / MIB,
        idle / MIB,
        budget / MIB,
        BESIDE_BUDGET_BYTES / MIB,
        bound / MIB
    );
}

#[test]
fn ten_times_the_budget_in_objects_and_slow_readers() {
    const OBJECT: usize = 200 << 10;
    const OBJECTS: usize = 10 * 16 * 1024 / 200;
    check_with(&[1, 2, 4], &Setup::new().memory("16MiB"), |stage| {
        let body = Arc::new(pattern(OBJECT, 10));
        let shared = body.clone();
        stage
            .origin
            .on_each("/*", move |_, _| Answer::shared(shared.clone()).fresh());
        let idle = stage.ringside.rss_bytes();
        let peak = peak_rss(&stage.ringside, || {
            // They ask for an object each and read nothing yet.
            let mut slow: Vec<_> = (0..64).map(|_| stage.client().reads_little()).collect();
            for (number, client) in slow.iter_mut().enumerate() {
                client.send(Ask::get(&format!("/slow/{number}")).bytes());
            }
            stage.together(8, |mut client, worker| {
                for number in (worker..OBJECTS).step_by(8) {
                    let path = format!("/object/{number}");
                    client.get(&path).expect(200).expect_body(body.as_slice());
                }
            });
            for mut client in slow {
                client.reply().expect(200).expect_body(body.as_slice());
            }
        });
        within(16 * MIB, idle, peak);
        // And it still caches: what was asked for just now is there.
        stage.get("/last").expect(200);
        stage
            .get("/last")
            .expect(200)
            .expect_hit()
            .expect_body(body.as_slice());
    });
}

#[test]
fn many_small_objects_stay_within_the_budget() {
    const OBJECTS: usize = 20_000;
    check_with(&[1, 2], &Setup::new().memory("8MiB"), |stage| {
        let body = Arc::new(pattern(2000, 11));
        let shared = body.clone();
        stage
            .origin
            .on_each("/*", move |_, _| Answer::shared(shared.clone()).fresh());
        let idle = stage.ringside.rss_bytes();
        let peak = peak_rss(&stage.ringside, || {
            stage.together(4, |mut client, worker| {
                for number in (worker..OBJECTS).step_by(4) {
                    client
                        .get(&format!("/{number}"))
                        .expect(200)
                        .expect_body(body.as_slice());
                }
            });
        });
        within(8 * MIB, idle, peak);
    });
}

#[test]
fn a_body_larger_than_the_budget_passes_through() {
    const BYTES: usize = 64 << 20;
    const SLOW: usize = 3;
    check_with(&[1, 2], &Setup::new().memory("16MiB"), |stage| {
        let body = Arc::new(pattern(BYTES, 12));
        stage
            .origin
            .on("/no-store", Answer::shared(body.clone()).no_store());
        stage
            .origin
            .on("/storable", Answer::shared(body.clone()).fresh());
        stage
            .origin
            .on("/close", Answer::shared(body.clone()).until_close().fresh());
        let idle = stage.ringside.rss_bytes();
        for path in ["/no-store", "/storable", "/close"] {
            let all_began = Barrier::new(SLOW);
            let peak = peak_rss(&stage.ringside, || {
                stage.together(SLOW, |client, _| {
                    let mut client = client.reads_little();
                    client.send(Ask::get(path).bytes());
                    let mut reading = client.begin("GET");
                    // Most of it still stands before each of them; the server may hold what its
                    // budget allows and no more.
                    reading.read_at_least(1000);
                    all_began.wait();
                    let first = reading.so_far().body.clone();
                    let mut at = first.len();
                    let reply = reading.finish_into(&mut |piece| {
                        assert!(body[at..].starts_with(piece), "{path}: differs after {at}");
                        at += piece.len();
                    });
                    reply.expect(200);
                    assert_eq!(at, BYTES, "{path}");
                });
            });
            within(16 * MIB, idle, peak);
        }
        // Too large for the budget, so it was not stored.
        let ask = Ask::get("/storable").field("Cache-Control", "only-if-cached");
        stage.client().ask(&ask).expect(504);
    });
}

#[test]
fn a_large_upload_passes_through() {
    const BYTES: usize = 48 << 20;
    check_with(&[1, 2], &Setup::new().memory("16MiB"), |stage| {
        stage.origin.on("/upload", Answer::ok("thanks"));
        let body = pattern(BYTES, 13);
        let idle = stage.ringside.rss_bytes();
        let peak = peak_rss(&stage.ringside, || {
            stage
                .client()
                .ask(&Ask::post("/upload", body.clone()))
                .expect(200);
        });
        stage.origin.only("/upload").expect_body(&body);
        within(16 * MIB, idle, peak);
    });
}

#[test]
fn clients_that_never_read_are_cut_and_their_memory_returns() {
    let setup = Setup::new()
        .memory("16MiB")
        .limits("send_timeout = \"300ms\"");
    check_with(&[1, 2], &setup, |stage| {
        let body = Arc::new(pattern(24 << 20, 14));
        stage
            .origin
            .on("/big", Answer::shared(body.clone()).no_store());
        let mut stuck: Vec<_> = (0..4).map(|_| stage.client().reads_little()).collect();
        for client in &mut stuck {
            client.send(Ask::get("/big").bytes());
        }
        stage.origin.wait_for("/big", 4);
        // Cut by the server, so the origin's side ends too, though nobody read a byte.
        for number in 1..=4 {
            stage.origin.wait_on("/big", number, |received| {
                received.ended || received.answered
            });
        }
        for client in &mut stuck {
            // Some of it was on the way already; a reset may have taken that back.
            if let Some(reply) = client.reply_if_any() {
                reply.expect_broken();
            }
        }
        // What they held is free again: a stored object fits.
        stage
            .origin
            .on("/a", Answer::ok(pattern(1 << 20, 15)).fresh());
        stage.get("/a").expect(200);
        stage.get("/a").expect(200).expect_hit();
    });
}
