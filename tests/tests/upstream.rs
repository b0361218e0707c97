//! The origin's side: kept connections and single-use ones, retries, several servers, timeouts
//! (RFC 9110, 9.2.2; RFC 9112, 9).

use ringside_tests::{check_on, check_with, pattern, Answer, Ask, Gate, Origin, Setup};
use std::sync::Arc;

/// On loopback, and nobody listens there: the kit's listeners are on 127.0.0.1.
const NOBODY: &str = "127.9.9.9:9";

#[test]
fn connections_are_kept_and_used_again() {
    check_on(&[1], |stage| {
        stage.origin.on("/*", Answer::ok("hello").no_store());
        stage
            .origin
            .on("/chunked", Answer::ok("hello").chunked(&[2]).no_store());
        for path in ["/a", "/chunked", "/b", "/chunked", "/c"] {
            stage.get(path).expect(200).expect_body("hello");
        }
        stage.client().ask(&Ask::head("/d")).expect(200);
        stage.client().ask(&Ask::post("/e", "x")).expect(200);
        assert_eq!(stage.origin.connections(), 1);
    });
}

#[test]
fn without_keep_alive_each_request_has_its_connection() {
    check_with(
        &[1, 2],
        &Setup::new().origin("keep_alive = false"),
        |stage| {
            stage.origin.on("/*", Answer::ok("hello").no_store());
            for number in 0..5 {
                let path = format!("/{number}");
                stage.get(&path).expect(200).expect_body("hello");
                let received = stage.origin.only(&path);
                received.expect_field("Connection", "close");
                assert_eq!(received.connection, number);
            }
            stage.origin.wait_until_unconnected();
        },
    );
}

#[test]
fn without_keep_alive_the_origin_is_free_before_the_client_reads() {
    // More than the kernel's buffers on the way take: had the proxy to wait for its client, the
    // origin would stand still in the middle.
    const BYTES: usize = 32 << 20;
    let setup = Setup::new().memory("256MiB").origin("keep_alive = false");
    check_with(&[1, 2], &setup, |stage| {
        let body = Arc::new(pattern(BYTES, 16));
        stage
            .origin
            .on("/no-store", Answer::shared(body.clone()).no_store());
        stage
            .origin
            .on("/store", Answer::shared(body.clone()).fresh());
        stage.origin.on(
            "/close",
            Answer::shared(body.clone()).until_close().no_store(),
        );
        for path in ["/no-store", "/store", "/close"] {
            let mut client = stage.client().reads_little();
            client.send(Ask::get(path).bytes());
            stage
                .origin
                .wait_on(path, 1, |received| received.answered && received.ended);
            client.reply().expect(200).expect_body(body.as_slice());
        }
    });
}

#[test]
fn an_origins_wish_to_close_is_obeyed() {
    check_on(&[1], |stage| {
        stage
            .origin
            .on("/close", Answer::ok("hello").no_store().closing());
        stage.origin.on("/keep", Answer::ok("hello").no_store());
        for path in ["/close", "/close", "/keep", "/keep"] {
            stage.get(path).expect(200).expect_body("hello");
        }
        assert_eq!(stage.origin.connections(), 3);
    });
}

#[test]
fn a_kept_connection_that_died_is_retried_on_another() {
    // RFC 9112, 9.3.1: an idle connection may close just as a request is sent on it.
    check_on(&[1, 2], |stage| {
        stage.origin.on("/warm", Answer::ok("warm").no_store());
        let seen = Arc::new(std::sync::Mutex::new(std::collections::HashSet::new()));
        stage.origin.on_each("/get", move |received, _| {
            // On a connection that was used before, the origin is gone; on a new one it answers.
            let used = !seen.lock().expect("seen").insert(received.connection);
            let warm = received.connection == 0;
            if used || warm {
                Answer::raw("")
            } else {
                Answer::ok("hello").no_store()
            }
        });
        let mut client = stage.client();
        client.get("/warm").expect(200);
        for _ in 0..4 {
            client.get("/get").expect(200).expect_body("hello");
        }
    });
}

#[test]
fn a_post_is_never_sent_twice() {
    // RFC 9110, 9.2.2: a proxy must not repeat a request that is not idempotent.
    check_on(&[1], |stage| {
        stage.origin.on("/warm", Answer::ok("warm").no_store());
        stage.origin.on("/post", Answer::raw(""));
        stage
            .origin
            .on("/half", Answer::raw("HTTP/1.1 200 OK\r\nContent-Le"));
        for path in ["/post", "/half"] {
            let mut client = stage.client();
            client.get("/warm").expect(200);
            client.ask(&Ask::post(path, "pay")).expect(502);
            assert_eq!(stage.origin.count(path), 1, "{path}");
        }
    });
}

#[test]
fn retries_end() {
    check_with(&[1], &Setup::new().origin("retries = 2"), |stage| {
        stage.origin.on("/a", Answer::raw(""));
        stage.get("/a").expect(502);
        let asked = stage.origin.count("/a");
        assert!((1..=3).contains(&asked), "{asked} tries");
    });
}

#[test]
fn the_next_server_is_used_when_one_refuses() {
    check_with(
        &[1, 2],
        &Setup::new().servers(&[NOBODY, "ORIGIN"]),
        |stage| {
            stage
                .origin
                .on_each("/*", |received, _| Answer::ok(received.text()).no_store());
            for number in 0..6 {
                stage.get(&format!("/{number}")).expect(200);
                // No byte of it was sent to the one that refused, so even a POST goes on.
                stage.client().ask(&Ask::post("/post", "x")).expect(200);
            }
        },
    );
}

#[test]
fn servers_take_turns() {
    let other = Origin::start();
    other.on("/*", Answer::ok("hello").no_store());
    let setup = Setup::new().servers(&["ORIGIN", &format!("127.0.0.1:{}", other.port())]);
    check_with(&[1], &setup, |stage| {
        stage.origin.on("/*", Answer::ok("hello").no_store());
        for number in 0..10 {
            stage
                .get(&format!("/{number}"))
                .expect(200)
                .expect_body("hello");
        }
        let (one, two) = (stage.origin.total(), other.total());
        assert!(one >= 3 && two >= 3, "{one} and {two} of 10");
    });
}

#[test]
fn a_name_is_looked_up_and_every_address_tried() {
    // localhost is often ::1 as well, where nobody listens.
    let origin = Origin::start();
    origin.on("/a", Answer::ok("hello").no_store());
    let setup = Setup::new().servers(&[&format!("localhost:{}", origin.port())]);
    check_with(&[1, 2], &setup, |stage| {
        stage.get("/a").expect(200).expect_body("hello");
    });
}

#[test]
fn an_origin_nobody_reaches_is_an_error_page() {
    for server in [NOBODY, "nowhere.invalid:80"] {
        check_with(&[1, 2], &Setup::new().servers(&[server]), |stage| {
            let mut client = stage.client();
            for path in ["/a", "/a", "/b"] {
                let reply = client.get(path);
                assert!(
                    matches!(reply.status, 502..=504),
                    "{server}: {}",
                    reply.status
                );
                assert!(reply.complete && reply.keeps_alive(), "{server}");
            }
            let reply = client.ask(&Ask::post("/a", "x"));
            assert!(
                matches!(reply.status, 502..=504),
                "{server}: {}",
                reply.status
            );
        });
    }
}

#[test]
fn an_origin_that_comes_back_is_used_again() {
    // An error is not kept longer than it lasts.
    check_on(&[1, 2], |stage| {
        stage.origin.on("/a", Answer::raw(""));
        stage.get("/a").expect(502);
        stage.origin.on("/a", Answer::ok("hello").fresh());
        stage.get("/a").expect(200).expect_body("hello");
    });
}

#[test]
fn a_silent_origin_is_a_504() {
    let setup = Setup::new().origin("first_byte_timeout = \"200ms\"");
    check_with(&[1, 2, 4], &setup, |stage| {
        let gate = Gate::new();
        stage
            .origin
            .on("/get", Answer::ok("late").fresh().wait_before_head(&gate));
        stage
            .origin
            .on("/post", Answer::ok("late").wait_before_head(&gate));
        stage.get("/get").expect(504);
        stage.client().ask(&Ask::post("/post", "x")).expect(504);
        assert_eq!(stage.origin.count("/post"), 1);
        // The late answer is for nobody.
        gate.open();
        stage.origin.on("/get", Answer::ok("in time").fresh());
        stage.get("/get").expect(200).expect_body("in time");
    });
}

#[test]
fn a_slow_interim_response_does_not_hide_a_silent_origin() {
    let setup = Setup::new().origin("first_byte_timeout = \"200ms\"");
    check_with(&[1], &setup, |stage| {
        let gate = Gate::new();
        let answer = Answer::ok("late")
            .no_store()
            .first(103, &[("Link", "</a>")]);
        stage.origin.on("/a", answer.wait_before_head(&gate));
        let reply = stage.get("/a");
        reply.expect(504);
        assert_eq!(reply.informational.len(), 1);
        gate.open();
    });
}

#[test]
fn silence_within_a_response_cuts_it() {
    let setup = Setup::new().origin("between_bytes_timeout = \"200ms\"");
    check_with(&[1, 2], &setup, |stage| {
        let gate = Gate::new();
        for (path, control) in [("/pass", "no-store"), ("/store", "max-age=60")] {
            for (kind, chunked) in [("length", false), ("chunked", true)] {
                let path = format!("{path}/{kind}");
                let answer = Answer::ok(pattern(2000, 17)).field("Cache-Control", control);
                let answer = if chunked {
                    answer.chunked(&[500])
                } else {
                    answer
                };
                stage.origin.on(&path, answer.wait_after(1000, &gate));
                let reply = stage.get(&path);
                assert_eq!(reply.status, 200);
                reply.expect_broken();
                // Nothing of it was stored.
                stage.origin.on(&path, Answer::ok("new").fresh());
                stage
                    .get(&path)
                    .expect(200)
                    .expect_forwarded()
                    .expect_body("new");
            }
        }
        gate.open();
    });
}

#[test]
fn no_more_connections_than_configured() {
    const MOST: usize = 3;
    let setup = Setup::new().origin(&format!("connections = {MOST}"));
    check_with(&[1], &setup, |stage| {
        let gate = Gate::new();
        stage.origin.on("/a", Answer::ok("hello").no_store());
        stage.get("/a").expect(200);
        stage
            .origin
            .on("/a", Answer::ok("hello").no_store().wait_before_head(&gate));
        let origin = &stage.origin;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                gate.wait_for_waiting(MOST);
                assert!(origin.open_connections() <= MOST);
                gate.open();
            });
            stage.together(10, |mut client, _| {
                let reply = client.get("/a");
                // Queued until a connection is free, or told that there is none.
                assert!(matches!(reply.status, 200 | 503), "{}", reply.status);
                assert!(origin.open_connections() <= MOST);
            });
        });
    });
}

#[test]
fn a_client_that_leaves_frees_the_origin() {
    // What can't be shared is fetched for one client; without it there is nobody to fetch for.
    check_on(&[1, 2], |stage| {
        let gate = Gate::new();
        let body = Arc::new(pattern(32 << 20, 18));
        stage.origin.on(
            "/a",
            Answer::shared(body).no_store().wait_after(1000, &gate),
        );
        let mut client = stage.client();
        client.send(Ask::post("/a", "x").bytes());
        client.begin("POST").read_at_least(1000);
        client.abort();
        gate.open();
        stage.origin.wait_on("/a", 1, |received| received.ended);
        assert!(
            !stage.origin.only("/a").answered,
            "nobody takes 32 MiB for nobody"
        );
    });
}
