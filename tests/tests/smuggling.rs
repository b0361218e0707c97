//! Messages that two readers could read differently are refused by the first: 400 and close
//! towards the client, and the origin sees nothing; a bad response is 502, never passed on
//! (RFC 9112, 2.2, 3, 5, 6.1, 6.3, 7.1, 11).

use ringside_tests::{check_on, Answer, Ask};

/// A request line, Host, and this; what follows an empty line would be a second request.
fn with(fields: &str, rest: &str) -> Vec<u8> {
    format!("POST /a HTTP/1.1\r\nHost: ringside.test\r\n{fields}\r\n{rest}").into_bytes()
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: ringside.test\r\n\r\n";

/// Sends each request with one smuggled behind it, and expects one refusal and the end.
#[track_caller]
fn refused(cases: &[(&str, Vec<u8>)], statuses: &[u16]) {
    check_on(&[1, 2], |stage| {
        stage.origin.on("/*", Answer::ok("seen"));
        for (why, request) in cases {
            let mut client = stage.client();
            client.send([request.as_slice(), SMUGGLED.as_bytes()].concat());
            let reply = client.reply();
            assert!(
                statuses.contains(&reply.status),
                "{why}: status {}",
                reply.status
            );
            assert!(!reply.keeps_alive(), "{why}: the connection must end");
            client.expect_closed();
            assert_eq!(stage.origin.count("/smuggled"), 0, "{why}");
            assert_eq!(stage.origin.count("/a"), 0, "{why}");
        }
    });
}

#[test]
fn framing_that_can_be_read_two_ways_is_refused() {
    // RFC 9112, 6.1 and 6.3
    let chunks = "0\r\n\r\n";
    refused(
        &[
            ("TE and CL", with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunks)),
            ("CL and TE", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunks)),
            ("differing CL", with("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!")),
            ("differing CL in a list", with("Content-Length: 5, 6\r\n", "hello!")),
            ("signed CL", with("Content-Length: +5\r\n", "hello")),
            ("negative CL", with("Content-Length: -5\r\n", "hello")),
            ("hex CL", with("Content-Length: 0x5\r\n", "hello")),
            ("CL with text", with("Content-Length: 5a\r\n", "hello")),
            ("CL with a space", with("Content-Length: 5 0\r\n", "hello")),
            ("empty CL", with("Content-Length: \r\n", "")),
            ("CL above 64 bits", with("Content-Length: 18446744073709551621\r\n", "hello")),
            ("decimal CL", with("Content-Length: 5.0\r\n", "hello")),
            ("chunked twice", with("Transfer-Encoding: chunked, chunked\r\n", chunks)),
            ("chunked in two lines", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunks)),
            ("chunked not last", with("Transfer-Encoding: chunked, identity\r\n", chunks)),
            (
                "TE in HTTP/1.0",
                b"POST /a HTTP/1.0\r\nHost: ringside.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
            ),
        ],
        &[400],
    );
}

#[test]
fn transfer_codings_nobody_knows_are_refused() {
    // RFC 9112, 6.1: 501 where the coding is unknown, 400 where chunked is not last.
    refused(
        &[
            ("identity", with("Transfer-Encoding: identity\r\n", "")),
            (
                "gzip before chunked",
                with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
            ),
            (
                "misspelt",
                with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
            ),
            (
                "quoted",
                with("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"),
            ),
            (
                "vertical tab",
                with("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
            ),
            ("empty", with("Transfer-Encoding: \r\n", "0\r\n\r\n")),
        ],
        &[400, 501],
    );
}

#[test]
fn heads_that_break_the_grammar_are_refused() {
    // RFC 9112, 2.2, 3, 5.1, 5.2
    let get = |fields: &str| {
        format!("GET /a HTTP/1.1\r\nHost: ringside.test\r\n{fields}\r\n").into_bytes()
    };
    refused(
        &[
            ("space before colon", get("X-Field : 1\r\n")),
            ("tab before colon", get("X-Field\t: 1\r\n")),
            (
                "TE with a space before colon",
                with("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
            ),
            ("obs-fold", get("X-Field: 1\r\n 2\r\n")),
            ("obs-fold with a tab", get("X-Field: 1\r\n\t2\r\n")),
            (
                "a space before the first field",
                b"GET /a HTTP/1.1\r\n Host: ringside.test\r\n\r\n".to_vec(),
            ),
            (
                "bare LF after a field",
                b"GET /a HTTP/1.1\r\nHost: ringside.test\nX: 1\r\n\r\n".to_vec(),
            ),
            (
                "bare LF after the request line",
                b"GET /a HTTP/1.1\nHost: ringside.test\r\n\r\n".to_vec(),
            ),
            (
                "bare LF ends the head",
                b"GET /a HTTP/1.1\r\nHost: ringside.test\r\n\n".to_vec(),
            ),
            ("bare CR in a value", get("X-Field: a\rb\r\n")),
            ("NUL in a value", get("X-Field: a\0b\r\n")),
            ("NUL in a name", get("X-\0Field: a\r\n")),
            ("a control in a value", get("X-Field: a\x01b\r\n")),
            ("DEL in a value", get("X-Field: a\x7fb\r\n")),
            ("an empty name", get(": a\r\n")),
            ("no colon", get("X-Field\r\n")),
            ("a name with a bracket", get("X[Field]: a\r\n")),
            (
                "two spaces in the request line",
                b"GET  /a HTTP/1.1\r\nHost: ringside.test\r\n\r\n".to_vec(),
            ),
            (
                "a tab in the request line",
                b"GET\t/a HTTP/1.1\r\nHost: ringside.test\r\n\r\n".to_vec(),
            ),
            (
                "a space in the target",
                b"GET /a b HTTP/1.1\r\nHost: ringside.test\r\n\r\n".to_vec(),
            ),
            (
                "a fragment in the target",
                b"GET /a#b HTTP/1.1\r\nHost: ringside.test\r\n\r\n".to_vec(),
            ),
            (
                "no version",
                b"GET /a\r\nHost: ringside.test\r\n\r\n".to_vec(),
            ),
            (
                "a lower-case version",
                b"GET /a http/1.1\r\nHost: ringside.test\r\n\r\n".to_vec(),
            ),
            (
                "a method with a colon",
                b"GE:T /a HTTP/1.1\r\nHost: ringside.test\r\n\r\n".to_vec(),
            ),
            (
                "no slash",
                b"GET a HTTP/1.1\r\nHost: ringside.test\r\n\r\n".to_vec(),
            ),
            (
                "TLS",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
            ),
        ],
        &[400],
    );
}

#[test]
fn versions_we_do_not_speak_are_refused() {
    refused(
        &[
            (
                "2.0",
                b"GET /a HTTP/2.0\r\nHost: ringside.test\r\n\r\n".to_vec(),
            ),
            (
                "the HTTP/2 preface",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            ),
            (
                "0.9",
                b"GET /a HTTP/0.9\r\nHost: ringside.test\r\n\r\n".to_vec(),
            ),
        ],
        &[505, 400],
    );
}

#[test]
fn a_bad_chunk_ends_the_connection() {
    // RFC 9112, 7.1. The head was fine, so the origin may have seen a beginning, but never a whole
    // request, and never what stands behind it.
    check_on(&[1, 2], |stage| {
        stage.origin.on("/*", Answer::ok("seen"));
        for (number, body) in [
            "x\r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            "-1\r\nhello\r\n0\r\n\r\n",
            " 5\r\nhello\r\n0\r\n\r\n",
            "5 \r\nhello\r\n0\r\n\r\n",
            "\r\nhello\r\n0\r\n\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhelloo\r\n0\r\n\r\n",
            "4\r\nhello\r\n0\r\n\r\n",
            "5;a\nb\r\nhello\r\n0\r\n\r\n",
            "5;a\0b\r\nhello\r\n0\r\n\r\n",
            "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
            "10000000000000005\r\nhello\r\n0\r\n\r\n",
            "5\r\nhello\r\n0\r\nX : 1\r\n\r\n",
            "5\r\nhello\r\n0\r\nX: 1\n\r\n",
            "5\r\nhello\r\n0\r\n folded\r\n\r\n",
        ]
        .iter()
        .enumerate()
        {
            let path = format!("/chunk/{number}");
            let mut client = stage.client();
            client.send(format!(
                "POST {path} HTTP/1.1\r\nHost: ringside.test\r\nTransfer-Encoding: chunked\r\n\r\n\
                 {body}{SMUGGLED}"
            ));
            let reply = client.reply();
            assert_eq!(reply.status, 400, "{body:?}");
            assert!(!reply.keeps_alive(), "{body:?}: the connection must end");
            client.expect_closed();
            assert_eq!(stage.origin.count("/smuggled"), 0, "{body:?}");
            let whole = stage
                .origin
                .requests(&path)
                .iter()
                .filter(|r| r.arrived)
                .count();
            assert_eq!(whole, 0, "{body:?}: the origin took it for whole");
        }
    });
}

#[test]
fn repeated_equal_lengths_are_one() {
    // RFC 9112, 6.3: identical values may be taken as one, and only one is sent on.
    check_on(&[1], |stage| {
        stage.origin.on("/a", Answer::ok("thanks"));
        for fields in [
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5, 5\r\n",
        ] {
            let mut client = stage.client();
            client.send(with(fields, "hello"));
            client.reply().expect(200);
            stage
                .origin
                .last("/a")
                .expect_body("hello")
                .expect_field("Content-Length", "5");
            client.get("/b").expect(404);
        }
    });
}

#[test]
fn a_body_is_not_the_next_request() {
    check_on(&[1, 2], |stage| {
        stage.origin.on("/*", Answer::ok("seen"));
        let mut client = stage.client();
        // The content is a request; whoever loses count of it serves it.
        client.ask(&Ask::post("/length", SMUGGLED)).expect(200);
        client.ask(&Ask::get("/get").content(SMUGGLED)).expect(200);
        client
            .ask(&Ask::new("POST", "/chunked").chunks(&[SMUGGLED.as_bytes()]))
            .expect(200);
        client.get("/end").expect(200);
        assert_eq!(stage.origin.count("/smuggled"), 0);
        assert_eq!(stage.origin.total(), 4);
        stage.origin.only("/get").expect_body(SMUGGLED);
    });
}

#[test]
fn bad_origin_responses_are_502() {
    check_on(&[1, 2], |stage| {
        let ok = |fields: &str, rest: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n{rest}");
        let long = format!("X-Long: {}\r\n", "a".repeat(300_000));
        let many = "X-Many: 1\r\n".repeat(2000);
        for (number, (why, response)) in [
            (
                "TE and CL",
                ok(
                    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                    "0\r\n\r\n",
                ),
            ),
            (
                "differing CL",
                ok("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"),
            ),
            ("negative CL", ok("Content-Length: -1\r\n", "")),
            ("signed CL", ok("Content-Length: +5\r\n", "hello")),
            (
                "CL above 64 bits",
                ok("Content-Length: 18446744073709551621\r\n", "hello"),
            ),
            (
                "chunked not last",
                ok("Transfer-Encoding: chunked, gzip\r\n", "hello"),
            ),
            (
                "unknown coding",
                ok("Transfer-Encoding: brew, chunked\r\n", "0\r\n\r\n"),
            ),
            (
                "TE in HTTP/1.0",
                "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            ),
            ("space before colon", ok("Content-Length : 5\r\n", "hello")),
            (
                "obs-fold",
                ok("X: a\r\n b\r\nContent-Length: 5\r\n", "hello"),
            ),
            (
                "bare LF",
                "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello".into(),
            ),
            (
                "NUL in a value",
                ok("X: a\0b\r\nContent-Length: 5\r\n", "hello"),
            ),
            (
                "bare CR in a value",
                ok("X: a\rb\r\nContent-Length: 5\r\n", "hello"),
            ),
            ("no colon", ok("Content-Length\r\n", "")),
            (
                "HTTP/2.0",
                "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n".into(),
            ),
            (
                "two digits",
                "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n".into(),
            ),
            (
                "four digits",
                "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n".into(),
            ),
            (
                "no digits",
                "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n".into(),
            ),
            (
                "status 099",
                "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n".into(),
            ),
            ("no HTTP", "hello world\r\n\r\n".into()),
            ("nothing", String::new()),
            ("half a head", "HTTP/1.1 200 OK\r\nContent-Le".into()),
            (
                "unasked 101",
                "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".into(),
            ),
            ("a head too large", ok(&long, "")),
            ("too many fields", ok(&many, "")),
            (
                "endless interim responses",
                "HTTP/1.1 102 Processing\r\n\r\n".repeat(5000),
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/{number}");
            stage.origin.on(&path, Answer::raw(response));
            let mut client = stage.client();
            client.send(Ask::get(&path).bytes());
            let reply = client.reply();
            assert_eq!(reply.status, 502, "{why}");
            assert!(reply.complete, "{why}");
            reply.expect_no_field("X");
        }
        // None of it was stored, and the shards still serve.
        stage.origin.on("/good", Answer::ok("good"));
        stage.everywhere(|client| {
            client.get("/good").expect(200).expect_body("good");
        });
    });
}

#[test]
fn a_bad_chunk_from_the_origin_is_never_a_whole_response() {
    check_on(&[1, 2], |stage| {
        let head =
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (number, body) in [
            "5\r\nhello\r\nx\r\n",
            "5\r\nhelloo\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello\r\n0\n\n",
            "5\r\nhello\r\n",
            "5\r\nhello\r\n0\r\n",
            "5\r\nhello\r\nfffffffffffffffff\r\n",
        ]
        .iter()
        .enumerate()
        {
            let path = format!("/{number}");
            stage.origin.on(&path, Answer::raw(format!("{head}{body}")));
            let reply = stage.get(&path);
            assert!(
                reply.status == 502 || !reply.complete,
                "{body:?}: {reply:#?}"
            );
            // Nothing of it was stored: the next one asks again, and gets the repaired response.
            stage.origin.on(&path, Answer::ok("repaired").fresh());
            stage.get(&path).expect(200).expect_body("repaired");
        }
    });
}

#[test]
fn bytes_after_a_response_never_answer_the_next_request() {
    check_on(&[1, 2], |stage| {
        let evil = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nevil";
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: no-store\r\n\r\nok";
        stage
            .origin
            .on("/two", Answer::raw(format!("{head}{evil}")));
        stage.origin.on("/good", Answer::ok("good").no_store());
        for _ in 0..5 {
            let mut client = stage.client();
            client.get("/two").expect(200).expect_body("ok");
            client.get("/good").expect(200).expect_body("good");
        }
    });
}
