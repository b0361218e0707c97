//! Content both ways: by Content-Length, chunked, until close, with trailers, streamed while it
//! arrives (RFC 9112, 6 and 7).

use ringside_tests::{check_on, pattern, Answer, Ask, Framing, Gate};

/// Sizes around the buffers a proxy is likely to have.
const SIZES: [usize; 9] = [
    0,
    1,
    4095,
    4096,
    16_384,
    65_537,
    262_144,
    1 << 20,
    3_000_000,
];

#[test]
fn responses_keep_their_content_however_it_was_framed() {
    check_on(&[1, 2, 4], |stage| {
        let mut client = stage.client();
        for size in SIZES {
            let body = pattern(size, 1);
            let answers = [
                ("length", Answer::ok(body.clone())),
                (
                    "chunked",
                    Answer::ok(body.clone()).chunked(&[1, 1000, 65_536]),
                ),
                ("close", Answer::ok(body.clone()).until_close()),
            ];
            for (name, answer) in answers {
                for (storing, control) in [("pass", "no-store"), ("store", "max-age=60")] {
                    let path = format!("/{name}/{storing}/{size}");
                    let answer = answer.clone().field("Cache-Control", control);
                    stage.origin.on(&path, answer);
                    for _ in 0..2 {
                        let reply = client.get(&path);
                        reply.expect(200).expect_body(&body);
                        // A 1.1 client never needs the connection's end to know the content's.
                        assert_ne!(reply.framing, Framing::UntilClose, "{path}");
                    }
                    let asked = if storing == "pass" { 2 } else { 1 };
                    assert_eq!(stage.origin.count(&path), asked, "{path}");
                }
            }
        }
    });
}

#[test]
fn a_known_length_is_stated() {
    check_on(&[1, 2], |stage| {
        stage.origin.on("/length", Answer::ok("hello").no_store());
        stage
            .origin
            .on("/chunked", Answer::ok("hello").chunked(&[1, 1]).fresh());
        stage
            .get("/length")
            .expect_framing(Framing::Length)
            .expect_body("hello");
        stage.get("/chunked").expect(200).expect_body("hello");
        // Stored whole, its length is known now.
        let hit = stage.get("/chunked");
        hit.expect_hit()
            .expect_framing(Framing::Length)
            .expect_body("hello");
    });
}

#[test]
fn statuses_without_content_have_none() {
    check_on(&[1], |stage| {
        stage.origin.on("/204", Answer::status(204).fresh());
        stage.origin.on("/after", Answer::ok("after"));
        let mut client = stage.client();
        for _ in 0..2 {
            client.get("/204").expect(204).expect_framing(Framing::None);
            client.get("/after").expect(200).expect_body("after");
        }
        let reply = client.get("/204");
        reply
            .expect_no_field("Content-Length")
            .expect_no_field("Transfer-Encoding");
    });
}

#[test]
fn requests_keep_their_content_however_it_was_framed() {
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on("/*", Answer::ok("thanks"));
        let mut client = stage.client();
        for size in SIZES.into_iter().filter(|size| *size <= 1 << 20) {
            let body = pattern(size, 2);
            let path = format!("/length/{size}");
            client.ask(&Ask::post(&path, body.clone())).expect(200);
            stage.origin.only(&path).expect_body(&body);

            let path = format!("/chunked/{size}");
            let chunks: Vec<&[u8]> = body.chunks(size / 7 + 1).collect();
            client
                .ask(&Ask::new("PUT", &path).chunks(&chunks))
                .expect(200);
            stage.origin.only(&path).expect_body(&body);
        }
    });
}

#[test]
fn trailers_pass_both_ways() {
    // RFC 9110, 6.5
    check_on(&[1, 2], |stage| {
        stage.origin.on(
            "/a",
            Answer::ok("hello")
                .no_store()
                .field("Trailer", "X-Checksum")
                .chunked(&[2])
                .trailer("X-Checksum", "abc"),
        );
        let ask = Ask::new("POST", "/a")
            .field("TE", "trailers")
            .field("Connection", "TE")
            .field("Trailer", "X-Sum")
            .chunks(&[b"123", b"45"])
            .trailer("X-Sum", "15");
        let mut client = stage.client();
        let reply = client.ask(&ask);
        reply
            .expect(200)
            .expect_body("hello")
            .expect_framing(Framing::Chunked);
        assert_eq!(
            reply.trailers,
            [("X-Checksum".to_string(), "abc".to_string())]
        );
        let received = stage.origin.only("/a");
        received.expect_body("12345");
        assert_eq!(received.trailers, [("X-Sum".to_string(), "15".to_string())]);
        client.get("/missing").expect(404);
    });
}

#[test]
fn trailers_never_become_fields() {
    // RFC 9110, 6.5.1: a trailer that frames or routes must not be merged into the head.
    check_on(&[1], |stage| {
        stage.origin.on(
            "/a",
            Answer::ok("hello")
                .fresh()
                .chunked(&[2])
                .trailer("Set-Cookie", "a=b"),
        );
        stage
            .get("/a")
            .expect(200)
            .expect_body("hello")
            .expect_no_field("Set-Cookie");
        stage
            .get("/a")
            .expect(200)
            .expect_body("hello")
            .expect_no_field("Set-Cookie");
    });
}

#[test]
fn chunk_extensions_are_dropped() {
    // RFC 9112, 7.1.1: a recipient ignores what it does not know; it is for one hop.
    check_on(&[1], |stage| {
        stage.origin.on("/a", Answer::ok("thanks"));
        let mut client = stage.client();
        client.send(
            "POST /a HTTP/1.1\r\nHost: ringside.test\r\nTransfer-Encoding: chunked\r\n\r\n\
             3;name=value\r\nabc\r\n2;q=\"a;b\"\r\nde\r\n0;last\r\n\r\n",
        );
        client.reply().expect(200);
        stage.origin.only("/a").expect_body("abcde");
    });
}

#[test]
fn a_response_streams_to_the_client_while_it_arrives() {
    check_on(&[1, 2, 4], |stage| {
        for (path, control) in [("/pass", "no-store"), ("/store", "max-age=60")] {
            for (kind, length) in [("length", true), ("chunked", false)] {
                let gate = Gate::new();
                let path = format!("{path}/{kind}");
                let body = pattern(50_000, 3);
                let answer = Answer::ok(body.clone()).field("Cache-Control", control);
                let answer = if length {
                    answer
                } else {
                    answer.chunked(&[10_000])
                };
                stage.origin.on(&path, answer.wait_after(10_000, &gate));
                let mut client = stage.client();
                client.send(Ask::get(&path).bytes());
                let mut reading = client.begin("GET");
                // The origin stands at the gate: these bytes can only come while it is under way.
                reading.read_at_least(10_000);
                assert!(!reading.so_far().complete);
                gate.open();
                reading.finish().expect(200).expect_body(&body);
            }
        }
    });
}

#[test]
fn an_upload_streams_to_the_origin_while_it_arrives() {
    check_on(&[1, 2], |stage| {
        stage.origin.on("/a", Answer::ok("thanks"));
        for head in [
            "Content-Length: 10\r\n\r\nhello",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ] {
            let number = stage.origin.count("/a") + 1;
            let mut client = stage.client();
            client.send(format!("POST /a HTTP/1.1\r\nHost: ringside.test\r\n{head}"));
            stage
                .origin
                .wait_on("/a", number, |received| received.body == b"hello");
            let rest = if head.starts_with('C') {
                "world"
            } else {
                "5\r\nworld\r\n0\r\n\r\n"
            };
            client.send(rest);
            client.reply().expect(200);
            stage.origin.last("/a").expect_body("helloworld");
        }
    });
}

#[test]
fn a_client_that_leaves_within_its_upload_is_no_whole_request() {
    check_on(&[1], |stage| {
        stage.origin.on("/a", Answer::ok("thanks"));
        for head in [
            "Content-Length: 10\r\n\r\nhello",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ] {
            let number = stage.origin.count("/a") + 1;
            let mut client = stage.client();
            client.send(format!("POST /a HTTP/1.1\r\nHost: ringside.test\r\n{head}"));
            stage
                .origin
                .wait_on("/a", number, |received| received.body == b"hello");
            client.abort();
            stage
                .origin
                .wait_on("/a", number, |received| received.ended);
            assert!(
                !stage.origin.last("/a").arrived,
                "the origin must see it broken off"
            );
        }
    });
}

#[test]
fn many_small_chunks_add_up() {
    check_on(&[1, 2], |stage| {
        let body = pattern(5000, 4);
        let ones = vec![1; 5000];
        stage
            .origin
            .on("/pass", Answer::ok(body.clone()).chunked(&ones).no_store());
        stage
            .origin
            .on("/store", Answer::ok(body.clone()).chunked(&ones).fresh());
        for path in ["/pass", "/store", "/store"] {
            stage.get(path).expect(200).expect_body(&body);
        }
        let chunks: Vec<&[u8]> = body.chunks(1).collect();
        stage.origin.on("/post", Answer::ok("thanks"));
        stage
            .client()
            .ask(&Ask::new("POST", "/post").chunks(&chunks))
            .expect(200);
        stage.origin.only("/post").expect_body(&body);
    });
}
