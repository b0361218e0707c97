//! What passes through a proxy and what must not: connections, targets, Host, hop-by-hop fields,
//! Via, Forwarded, Expect and interim responses (RFC 9110, 7 and 10.1.1; RFC 9112, 3 and 9).

use ringside_tests::{check_on, check_with, Answer, Ask, Framing, Gate, Setup};

#[test]
fn one_connection_carries_many_requests() {
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on_each("/*", |received, _| {
            Answer::ok(received.target.clone()).no_store()
        });
        let mut client = stage.client();
        for n in 0..10 {
            let reply = client.get(&format!("/{n}"));
            reply.expect(200).expect_body(format!("/{n}"));
            assert!(reply.keeps_alive());
        }
        assert_eq!(stage.origin.total(), 10);
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    check_on(&[1, 2, 4], |stage| {
        let gate = Gate::new();
        stage.origin.on_each("/*", |received, _| {
            Answer::ok(received.target.clone()).no_store()
        });
        stage.origin.on(
            "/first",
            Answer::ok("/first").no_store().wait_before_head(&gate),
        );
        stage.origin.on_each("/post", |received, _| {
            Answer::ok(format!("posted {}", received.method))
        });
        stage.origin.on("/stored", Answer::ok("stored").fresh());
        stage.get("/stored").expect(200);

        let mut client = stage.client();
        let asks = [
            Ask::get("/first"),
            Ask::get("/stored"),
            Ask::post("/post", "0123456789"),
            Ask::new("PUT", "/post").chunks(&[b"abc", b"defg"]),
            Ask::get("/last"),
        ];
        let all: Vec<u8> = asks.iter().flat_map(Ask::bytes).collect();
        client.send(all);
        stage.origin.wait_for("/first", 1);
        gate.open();
        client.reply().expect(200).expect_body("/first");
        client.reply().expect(200).expect_body("stored");
        client.reply().expect(200).expect_body("posted POST");
        client.reply().expect(200).expect_body("posted PUT");
        client.reply().expect(200).expect_body("/last");
        let posted = stage.origin.requests("/post");
        posted[0].expect_body("0123456789");
        posted[1].expect_body("abcdefg");
    });
}

#[test]
fn a_request_may_come_byte_by_byte() {
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on("/post", Answer::ok("yes"));
        let mut client = stage.client();
        client.send_in_bytes(Ask::new("POST", "/post").chunks(&[b"ab", b"cde"]).bytes());
        client.reply().expect(200).expect_body("yes");
        client.send_in_bytes(Ask::post("/post", "fgh").bytes());
        client.reply().expect(200).expect_body("yes");
        let posted = stage.origin.requests("/post");
        posted[0].expect_body("abcde");
        posted[1].expect_body("fgh");
    });
}

#[test]
fn connection_close_is_obeyed_and_said() {
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        for _ in ["miss", "hit"] {
            let mut client = stage.client();
            let reply = client.ask(&Ask::get("/a").field("Connection", "close"));
            reply
                .expect(200)
                .expect_body("hello")
                .expect_field("Connection", "close");
            client.expect_closed();
        }
    });
}

#[test]
fn empty_lines_before_a_request_are_skipped() {
    // RFC 9112, 2.2
    check_on(&[1], |stage| {
        stage.origin.on("/a", Answer::ok("hello"));
        let mut client = stage.client();
        client.send("\r\n").send(Ask::get("/a").bytes());
        client.reply().expect(200).expect_body("hello");
    });
}

#[test]
fn head_gets_the_head_and_no_content() {
    check_on(&[1, 2, 4], |stage| {
        stage
            .origin
            .on("/a", Answer::ok("hello").field("ETag", "\"1\"").no_store());
        let mut client = stage.client();
        let reply = client.ask(&Ask::head("/a"));
        reply
            .expect(200)
            .expect_field("Content-Length", "5")
            .expect_field("ETag", "\"1\"");
        // Were there content after the HEAD, it would be read as the next response.
        client.get("/a").expect(200).expect_body("hello");
    });
}

#[test]
fn the_target_reaches_the_origin_as_sent() {
    check_on(&[1], |stage| {
        stage.origin.on("/*", Answer::ok("yes").no_store());
        for target in [
            "/",
            "/a%2Fb?x=%7e&&y=",
            "/a//b;c=d",
            "/?",
            "/~user/%C3%A4",
            "/a?b?c=/../d",
        ] {
            stage.get(target).expect(200);
            assert_eq!(stage.origin.last(target).target, target);
        }
    });
}

#[test]
fn an_absolute_target_is_sent_on_in_origin_form() {
    // RFC 9112, 3.2.2
    check_on(&[1, 2], |stage| {
        stage.origin.on("/*", Answer::ok("yes").no_store());
        for (target, host, seen) in [
            ("http://ringside.test/a?q=1", "ringside.test", "/a?q=1"),
            ("http://ringside.test/b", "RINGSIDE.test", "/b"),
            ("HTTP://ringside.test/c", "ringside.test", "/c"),
            ("http://ringside.test:80/d", "ringside.test", "/d"),
            ("http://ringside.test", "ringside.test", "/"),
            ("http://ringside.test?e", "ringside.test", "/?e"),
        ] {
            let reply = stage.client().ask(&Ask::get(target).host(host));
            assert_eq!(reply.status, 200, "{target}");
            let received = stage.origin.last(seen);
            assert_eq!(received.target, seen, "{target}");
            let host = received
                .field("Host")
                .unwrap_or_default()
                .to_ascii_lowercase();
            assert!(
                host == "ringside.test" || host == "ringside.test:80",
                "{target}: {host}"
            );
        }
    });
}

#[test]
fn an_absolute_target_and_host_that_disagree_are_refused() {
    check_on(&[1], |stage| {
        let reply = stage
            .client()
            .ask(&Ask::get("http://one.test/a").host("two.test"));
        reply.expect(400);
        assert_eq!(stage.origin.total(), 0);
    });
}

#[test]
fn bad_hosts_are_refused() {
    // RFC 9112, 3.2: none, several, or an invalid one.
    check_on(&[1], |stage| {
        for ask in [
            Ask::get("/a").without_host(),
            Ask::get("/a").field("Host", "ringside.test"),
            Ask::get("/a").field("Host", "other.test"),
            Ask::get("/a").host("ring side.test"),
            Ask::get("/a").host("user@ringside.test"),
            Ask::get("/a").host("ringside.test/path"),
            Ask::get("/a").host("ringside.test:port"),
            Ask::get("/a").host("a,b"),
            Ask::get("http://user@ringside.test/a"),
        ] {
            let reply = stage.client().ask(&ask);
            assert_eq!(reply.status, 400, "{ask:?}");
        }
        assert_eq!(stage.origin.total(), 0);
    });
}

#[test]
fn a_1_0_client_gets_no_chunks_and_a_close() {
    check_on(&[1, 2, 4], |stage| {
        stage
            .origin
            .on("/chunked", Answer::ok("hello").chunked(&[2, 2]).no_store());
        stage
            .origin
            .on("/close", Answer::ok("hello").until_close().no_store());
        stage
            .origin
            .on("/stored", Answer::ok("hello").chunked(&[2, 2]).fresh());
        for path in ["/chunked", "/close", "/stored", "/stored"] {
            let mut client = stage.client();
            let reply = client.ask(&Ask::get(path).http10());
            reply
                .expect(200)
                .expect_body("hello")
                .expect_no_field("Transfer-Encoding");
            assert_ne!(reply.framing, Framing::Chunked);
            client.expect_closed();
        }
    });
}

#[test]
fn a_1_0_client_needs_no_host() {
    check_on(&[1], |stage| {
        stage.origin.on("/a", Answer::ok("hello").no_store());
        let ask = Ask::get("/a").http10().without_host();
        stage.client().ask(&ask).expect(200).expect_body("hello");
    });
}

#[test]
fn a_1_0_client_may_ask_to_keep_the_connection() {
    // RFC 9112, 9.3: kept only if the response says so; what it says must then hold.
    check_on(&[1], |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        let ask = Ask::get("/a").http10().field("Connection", "keep-alive");
        let mut client = stage.client();
        let reply = client.ask(&ask);
        reply.expect(200).expect_body("hello");
        let says_keep = reply
            .field("Connection")
            .is_some_and(|c| c.eq_ignore_ascii_case("keep-alive"));
        if says_keep {
            client.ask(&ask).expect(200).expect_body("hello");
        } else {
            client.expect_closed();
        }
    });
}

#[test]
fn fields_of_one_hop_stay_on_their_hop() {
    // RFC 9110, 7.6.1
    check_on(&[1, 2], |stage| {
        stage.origin.on(
            "/a",
            Answer::ok("hello")
                .fresh()
                .field("Connection", "X-Origin-Hop, x-other-hop")
                .field("X-Origin-Hop", "1")
                .field("X-Other-Hop", "2")
                .field("Keep-Alive", "timeout=5")
                .field("Proxy-Connection", "keep-alive")
                .field("X-End", "to end"),
        );
        let ask = Ask::get("/a")
            .field("Connection", "X-Client-Hop,  keep-alive")
            .field("Connection", "x-second-hop")
            .field("X-Client-Hop", "1")
            .field("X-Second-Hop", "2")
            .field("Keep-Alive", "timeout=5")
            .field("Proxy-Connection", "keep-alive")
            .field("TE", "trailers, deflate")
            .field("X-End", "to end");
        for _ in ["miss", "hit"] {
            let reply = stage.client().ask(&ask);
            reply.expect(200).expect_field("X-End", "to end");
            for gone in [
                "X-Origin-Hop",
                "X-Other-Hop",
                "Keep-Alive",
                "Proxy-Connection",
            ] {
                reply.expect_no_field(gone);
            }
        }
        let received = stage.origin.only("/a");
        received.expect_field("X-End", "to end");
        for gone in [
            "X-Client-Hop",
            "X-Second-Hop",
            "Keep-Alive",
            "Proxy-Connection",
            "TE",
        ] {
            received.expect_no_field(gone);
        }
    });
}

#[test]
fn connection_can_not_remove_what_a_message_lives_by() {
    check_on(&[1], |stage| {
        stage.origin.on("/a", Answer::ok("hello"));
        let ask = Ask::post("/a", "12345")
            .field(
                "Connection",
                "host, content-length, authorization, cache-control, x-forwarded-for",
            )
            .field("Authorization", "Basic abc")
            .field("Cache-Control", "no-transform");
        stage.client().ask(&ask).expect(200);
        let received = stage.origin.only("/a");
        received
            .expect_body("12345")
            .expect_field("Host", "ringside.test");
        received
            .expect_field("Authorization", "Basic abc")
            .expect_field("Cache-Control", "no-transform");
        received.expect_field("X-Forwarded-For", "127.0.0.1");
    });
}

#[test]
fn via_names_us_both_ways() {
    // RFC 9110, 7.6.3: appended, with the version received.
    check_on(&[1], |stage| {
        stage.origin.on("/*", Answer::ok("hello").fresh());
        stage.origin.on(
            "/via",
            Answer::ok("hello").fresh().field("Via", "1.0 inner"),
        );
        stage.get("/a").expect_field("Via", "1.1 ringside");
        stage
            .get("/a")
            .expect_hit()
            .expect_field("Via", "1.1 ringside");
        stage.origin.only("/a").expect_field("Via", "1.1 ringside");
        let reply = stage
            .client()
            .ask(&Ask::get("/via").field("Via", "1.1 outer"));
        reply.expect_field("Via", "1.0 inner, 1.1 ringside");
        stage
            .origin
            .only("/via")
            .expect_field("Via", "1.1 outer, 1.1 ringside");
        stage.client().ask(&Ask::get("/old").http10()).expect(200);
        stage
            .origin
            .only("/old")
            .expect_field("Via", "1.0 ringside");
    });
}

#[test]
fn via_can_be_off_and_the_name_chosen() {
    check_with(&[1], &Setup::new().proxy("via = false"), |stage| {
        stage.origin.on("/a", Answer::ok("hello"));
        stage.get("/a").expect(200).expect_no_field("Via");
        stage.origin.only("/a").expect_no_field("Via");
    });
    check_with(&[1], &Setup::new().proxy("name = \"edge-7\""), |stage| {
        stage.origin.on("/a", Answer::ok("hello"));
        let reply = stage.get("/a");
        reply.expect_field("Via", "1.1 edge-7");
        let status = reply.field("Cache-Status").unwrap_or_default();
        assert!(status.starts_with("edge-7;"), "{status}");
    });
}

#[test]
fn the_origin_learns_of_the_client_as_configured() {
    // RFC 7239 for Forwarded.
    for (choice, x, rfc7239) in [
        ("x-forwarded", true, false),
        ("forwarded", false, true),
        ("both", true, true),
        ("none", false, false),
    ] {
        let setup = Setup::new().proxy(&format!("forwarded = \"{choice}\""));
        check_with(&[1], &setup, |stage| {
            stage.origin.on("/*", Answer::ok("hello").no_store());
            stage.get("/a").expect(200);
            let received = stage.origin.only("/a");
            let lines = |name: &str| received.field(name);
            assert_eq!(
                lines("X-Forwarded-For").as_deref(),
                x.then_some("127.0.0.1"),
                "{choice}"
            );
            assert_eq!(
                lines("X-Forwarded-Proto").as_deref(),
                x.then_some("http"),
                "{choice}"
            );
            let forwarded = lines("Forwarded").unwrap_or_default().to_ascii_lowercase();
            assert_eq!(
                forwarded.contains("for=127.0.0.1"),
                rfc7239,
                "{choice}: {forwarded}"
            );
            assert_eq!(
                forwarded.contains("proto=http"),
                rfc7239,
                "{choice}: {forwarded}"
            );

            // What came is kept and added to, or left alone.
            let ask = Ask::get("/b")
                .field("X-Forwarded-For", "192.0.2.1")
                .field("Forwarded", "for=192.0.2.1");
            stage.client().ask(&ask).expect(200);
            let received = stage.origin.only("/b");
            let expected = if x {
                "192.0.2.1, 127.0.0.1"
            } else {
                "192.0.2.1"
            };
            received.expect_field("X-Forwarded-For", expected);
            let forwarded = received.field("Forwarded").unwrap_or_default();
            assert!(
                forwarded.starts_with("for=192.0.2.1"),
                "{choice}: {forwarded}"
            );
            assert_eq!(
                forwarded.contains("for=127.0.0.1"),
                rfc7239,
                "{choice}: {forwarded}"
            );
        });
    }
}

#[test]
fn any_method_passes() {
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/a", |received, _| {
            Answer::ok(received.method.clone()).fresh()
        });
        let mut client = stage.client();
        for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "BREW"] {
            for _ in 0..2 {
                client
                    .ask(&Ask::new(method, "/a"))
                    .expect(200)
                    .expect_body(method);
            }
        }
        assert_eq!(stage.origin.count("/a"), 12);
    });
}

#[test]
fn connect_is_refused() {
    check_on(&[1], |stage| {
        let mut client = stage.client();
        client.send("CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n");
        let status = client.reply().status;
        assert!((400..=505).contains(&status), "{status}");
        assert_eq!(stage.origin.total(), 0);
    });
}

#[test]
fn a_host_or_path_nobody_serves_has_an_error_page() {
    let setup = Setup::new()
        .hosts(&["ringside.test", "*.inside.test"])
        .path("/only/");
    check_with(&[1], &setup, |stage| {
        stage.origin.on("/*", Answer::ok("hello"));
        stage.get("/only/a").expect(200);
        stage.get("/other").expect(404);
        stage
            .client()
            .ask(&Ask::get("/only/b").host("a.inside.test"))
            .expect(200);
        for host in ["outside.test", "inside.test"] {
            let reply = stage.client().ask(&Ask::get("/only/a").host(host));
            reply.expect(421);
            assert!(reply.body.len() < 2048, "small");
            let kind = reply.field("Content-Type").unwrap_or_default();
            assert!(kind.starts_with("text/"), "plain: {kind}");
            let control = reply.field("Cache-Control").unwrap_or_default();
            assert!(control.contains("no-store"), "not to be kept: {control}");
        }
        assert_eq!(stage.origin.total(), 2);
    });
}

#[test]
fn an_error_page_to_head_has_no_content() {
    check_with(&[1], &Setup::new().path("/only/"), |stage| {
        stage.origin.on("/*", Answer::ok("hello"));
        let mut client = stage.client();
        client.ask(&Ask::head("/other")).expect(404);
        client.get("/only/a").expect(200).expect_body("hello");
    });
}

#[test]
fn expect_100_is_passed_on_and_answered_by_the_origin() {
    // RFC 9110, 10.1.1
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on("/a", Answer::ok("thanks").continuing());
        for ask in [
            Ask::post("/a", "12345"),
            Ask::new("POST", "/a").chunks(&[b"123", b"45"]),
        ] {
            let ask = ask.field("Expect", "100-continue");
            let mut client = stage.client();
            client.send(ask.head_bytes());
            assert_eq!(client.informational().status, 100);
            client.send(ask.content_bytes());
            client.reply().expect(200).expect_body("thanks");
            let received = stage.origin.last("/a");
            received
                .expect_field("Expect", "100-continue")
                .expect_body("12345");
        }
    });
}

#[test]
fn a_refusal_comes_before_the_content_is_sent() {
    check_on(&[1], |stage| {
        stage.origin.on("/a", Answer::status(401).unread());
        let ask = Ask::post("/a", "12345").field("Expect", "100-continue");
        let mut client = stage.client();
        client.send(ask.head_bytes());
        // The content is never sent: a proxy that waits for it hangs here.
        let reply = client.reply();
        reply.expect(401);
        assert!(reply.informational.is_empty());
    });
}

#[test]
fn interim_responses_are_passed_on_at_once() {
    // RFC 9110, 15.2; RFC 8297
    check_on(&[1, 2, 4], |stage| {
        for (path, control) in [("/pass", "no-store"), ("/store", "max-age=60")] {
            let gate = Gate::new();
            stage.origin.on(
                path,
                Answer::ok("hello")
                    .field("Cache-Control", control)
                    .first(102, &[])
                    .first(103, &[("Link", "</style.css>; rel=preload")])
                    .wait_before_head(&gate),
            );
            let mut client = stage.client();
            client.send(Ask::get(path).bytes());
            assert_eq!(client.informational().status, 102, "{path}");
            let early = client.informational();
            assert_eq!(early.status, 103, "{path}");
            let link = early
                .fields
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("link"));
            assert_eq!(
                link.map(|(_, value)| value.as_str()),
                Some("</style.css>; rel=preload")
            );
            gate.open();
            client.reply().expect(200).expect_body("hello");
        }
    });
}

#[test]
fn a_1_0_client_gets_no_interim_response() {
    check_on(&[1], |stage| {
        stage.origin.on(
            "/a",
            Answer::ok("hello")
                .no_store()
                .first(103, &[("Link", "</a>")]),
        );
        let reply = stage.client().ask(&Ask::get("/a").http10());
        reply.expect(200).expect_body("hello");
        assert!(reply.informational.is_empty());
    });
}

#[test]
fn an_early_answer_to_an_upload_reaches_the_client() {
    check_on(&[1, 2], |stage| {
        stage.origin.on("/a", Answer::status(403).unread());
        let mut client = stage.client();
        // The content is announced and only begun.
        client
            .send("POST /a HTTP/1.1\r\nHost: ringside.test\r\nContent-Length: 1000000\r\n\r\nabc");
        client.reply().expect(403);
    });
}
