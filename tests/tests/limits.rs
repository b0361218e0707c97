//! Bounds on what clients ask: sizes and counts, each with its status; times, each with its end
//! (RFC 9110, 15.5; RFC 6585).

use ringside_tests::{check_with, pattern, Answer, Ask, Framing, Setup};

#[test]
fn a_target_too_long_is_414() {
    check_with(&[1, 2], &Setup::new().limits("uri = \"1KiB\""), |stage| {
        stage.origin.on("/*", Answer::ok("hello").no_store());
        stage.get(&format!("/{}", "a".repeat(1000))).expect(200);
        let mut client = stage.client();
        client.get(&format!("/{}", "a".repeat(1024))).expect(414);
        client.expect_closed();
        // Told before the end of the line, so an endless one can't fill memory.
        let mut client = stage.client();
        client.send(format!("GET /{}", "a".repeat(4000)));
        client.reply().expect(414);
        assert_eq!(stage.origin.total(), 1);
    });
}

#[test]
fn a_head_too_large_is_431() {
    check_with(&[1, 2], &Setup::new().limits("head = \"4KiB\""), |stage| {
        stage.origin.on("/*", Answer::ok("hello").no_store());
        let ask = |bytes: usize| Ask::get("/a").field("X-Long", "a".repeat(bytes));
        stage.client().ask(&ask(3500)).expect(200);
        let mut client = stage.client();
        client.ask(&ask(5000)).expect(431);
        client.expect_closed();
        let mut client = stage.client();
        client.send(format!(
            "GET /a HTTP/1.1\r\nHost: ringside.test\r\nX-Long: {}",
            "a".repeat(100_000)
        ));
        client.reply().expect(431);
        assert_eq!(stage.origin.total(), 1);
    });
}

#[test]
fn too_many_fields_are_431() {
    check_with(&[1], &Setup::new().limits("fields = 10"), |stage| {
        stage.origin.on("/*", Answer::ok("hello").no_store());
        // Host is one of them.
        let ask = |fields: usize| {
            (1..fields).fold(Ask::get("/a"), |ask, n| ask.field(&format!("X-{n}"), "1"))
        };
        stage.client().ask(&ask(10)).expect(200);
        stage.client().ask(&ask(11)).expect(431);
        assert_eq!(stage.origin.total(), 1);
    });
}

#[test]
fn content_too_large_is_413() {
    check_with(&[1, 2], &Setup::new().limits("body = \"10KiB\""), |stage| {
        stage.origin.on("/*", Answer::ok("thanks"));
        let (most, more) = (pattern(10 << 10, 19), pattern((10 << 10) + 1, 19));
        stage
            .client()
            .ask(&Ask::post("/fits", most.clone()))
            .expect(200);
        let chunks: Vec<&[u8]> = most.chunks(1000).collect();
        stage
            .client()
            .ask(&Ask::new("POST", "/fits").chunks(&chunks))
            .expect(200);

        let mut client = stage.client();
        client.ask(&Ask::post("/length", more.clone())).expect(413);
        client.expect_closed();
        // Known from the head alone, the content need not come.
        let mut client = stage.client();
        client
            .send("POST /length HTTP/1.1\r\nHost: ringside.test\r\nContent-Length: 10241\r\n\r\n");
        client.reply().expect(413);
        assert_eq!(stage.origin.count("/length"), 0);

        let chunks: Vec<&[u8]> = more.chunks(1000).collect();
        let mut client = stage.client();
        client
            .ask(&Ask::new("POST", "/chunked").chunks(&chunks))
            .expect(413);
        client.expect_closed();
        // The origin may have seen a beginning, but never a whole request.
        let whole = stage
            .origin
            .requests("/chunked")
            .iter()
            .filter(|r| r.arrived)
            .count();
        assert_eq!(whole, 0);
    });
}

#[test]
fn a_slow_head_is_408() {
    let setup = Setup::new().limits("head_timeout = \"300ms\"");
    check_with(&[1, 2], &setup, |stage| {
        let whole = Ask::get("/a").field("X-Field", "value").bytes();
        // Wherever it stops, what came is the beginning of a good head: nothing else is wrong.
        stage.together(whole.len() - 1, |mut client, last| {
            let beginning = &whole[..=last];
            client.send(beginning);
            let status = client.reply().status;
            assert_eq!(status, 408, "{:?}", String::from_utf8_lossy(beginning));
            client.expect_closed();
        });
        assert_eq!(stage.origin.total(), 0);
    });
}

#[test]
fn slow_content_is_given_up() {
    check_with(
        &[1, 2],
        &Setup::new().limits("body_timeout = \"300ms\""),
        |stage| {
            stage.origin.on("/a", Answer::ok("thanks"));
            let mut client = stage.client();
            client
                .send("POST /a HTTP/1.1\r\nHost: ringside.test\r\nContent-Length: 10\r\n\r\nhello");
            client.reply().expect(408);
            client.expect_closed();
            let whole = stage
                .origin
                .requests("/a")
                .iter()
                .filter(|r| r.arrived)
                .count();
            assert_eq!(whole, 0);
        },
    );
}

#[test]
fn an_idle_connection_ends_silently() {
    check_with(
        &[1, 2, 4],
        &Setup::new().limits("idle = \"300ms\""),
        |stage| {
            stage.origin.on("/a", Answer::ok("hello").fresh());
            let mut fresh = stage.client();
            fresh.expect_closed();
            let mut used = stage.client();
            used.get("/a").expect(200).expect_framing(Framing::Length);
            used.expect_closed();
        },
    );
}

#[test]
fn no_more_connections_than_configured() {
    check_with(&[1, 2], &Setup::new().limits("connections = 8"), |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        let mut kept: Vec<_> = (0..8).map(|_| stage.client()).collect();
        for client in &mut kept {
            client.get("/a").expect(200);
        }
        for _ in 0..4 {
            let mut extra = stage.client();
            extra.send(Ask::get("/a").bytes());
            // Told so, or simply ended; never served, never left hanging.
            if let Some(reply) = extra.reply_if_any() {
                assert_eq!(reply.status, 503);
            }
        }
        for client in &mut kept {
            client.get("/a").expect_hit();
        }
        // Room again once some are gone.
        kept.clear();
        ringside_tests::wait_until("room for a connection", || {
            let mut client = stage.client();
            client.send(Ask::get("/a").bytes());
            client
                .reply_if_any()
                .is_some_and(|reply| reply.status == 200)
        });
    });
}
