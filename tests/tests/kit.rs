//! The kit against itself: what origin and client say to each other is what the scripts rely on,
//! so each way of answering is read back here without Ringside between.

use ringside_tests::{pattern, Answer, Ask, Client, Framing, Gate, Origin};

#[test]
fn every_framing_is_read_back() {
    let origin = Origin::start();
    let body = pattern(100_000, 1);
    origin.on("/length", Answer::ok(body.clone()));
    origin.on(
        "/chunked",
        Answer::ok(body.clone())
            .chunked(&[1, 70_000])
            .trailer("X-Sum", "7"),
    );
    origin.on("/close", Answer::ok(body.clone()).until_close());
    let mut client = Client::connect(origin.port());
    client
        .get("/length")
        .expect(200)
        .expect_body(&body)
        .expect_framing(Framing::Length);
    let chunked = client.get("/chunked");
    chunked
        .expect(200)
        .expect_body(&body)
        .expect_framing(Framing::Chunked);
    assert_eq!(chunked.chunks, [1, 69_999 + 1, 100_000 - 70_001]);
    assert_eq!(chunked.trailers, [("X-Sum".to_string(), "7".to_string())]);
    client
        .get("/close")
        .expect(200)
        .expect_body(&body)
        .expect_framing(Framing::UntilClose);
    client.expect_closed();
    assert_eq!(origin.connections(), 1);
    assert_eq!(origin.total(), 3);
}

#[test]
fn a_cut_is_seen_as_a_broken_body() {
    let origin = Origin::start();
    origin.on("/cut", Answer::ok(pattern(5000, 1)).cut_after(1000));
    origin.on("/reset", Answer::ok(pattern(5000, 1)).reset_after(1000));
    origin.on(
        "/chunks",
        Answer::ok(pattern(5000, 1)).chunked(&[100]).cut_after(1000),
    );
    for path in ["/cut", "/chunks"] {
        let reply = Client::connect(origin.port()).get(path);
        reply.expect_broken();
        assert_eq!(reply.body_bytes, 1000, "{path}");
    }
    Client::connect(origin.port()).get("/reset").expect_broken();
}

#[test]
fn requests_are_on_record_with_content_and_trailers() {
    let origin = Origin::start();
    origin.on_each("/x", |received, number| {
        Answer::ok(format!("{} {number}", received.method))
    });
    let mut client = Client::connect(origin.port());
    let ask = Ask::new("PUT", "/x?a=1")
        .chunks(&[b"ab", b"c"])
        .trailer("T", "1");
    client.ask(&ask).expect(200).expect_body("PUT 1");
    client.ask(&Ask::post("/x", "hello")).expect_body("POST 2");
    client.send_in_bytes(Ask::get("/x").bytes());
    client.reply().expect_body("GET 3");
    let all = origin.requests("/x");
    assert_eq!(all[0].text(), "abc");
    assert_eq!(all[0].chunks, [2, 1]);
    assert_eq!(all[0].trailers, [("T".to_string(), "1".to_string())]);
    assert_eq!(all[1].text(), "hello");
    all[2].expect_field("host", "ringside.test");
    client.ask(&Ask::get("/unknown")).expect(404);
}

#[test]
fn interim_responses_and_gates_keep_their_order() {
    let origin = Origin::start();
    let (before, within) = (Gate::new(), Gate::new());
    origin.on(
        "/slow",
        Answer::ok("abcdef")
            .first(103, &[("Link", "</a>")])
            .wait_before_head(&before)
            .wait_after(3, &within),
    );
    let mut client = Client::connect(origin.port());
    client.send(Ask::get("/slow").bytes());
    let early = client.informational();
    assert_eq!((early.status, early.fields[0].1.as_str()), (103, "</a>"));
    before.wait_for_waiting(1);
    before.open();
    let mut reading = client.begin("GET");
    reading.read_at_least(3).expect_broken();
    within.wait_for_waiting(1);
    within.open();
    reading.finish().expect(200).expect_body("abcdef");
}

#[test]
fn a_later_rule_wins_and_an_exact_one_over_a_prefix() {
    let origin = Origin::start();
    origin.on("/a", Answer::ok("first"));
    origin.on("/a", Answer::ok("second"));
    origin.on("/*", Answer::ok("any"));
    let mut client = Client::connect(origin.port());
    client.get("/a").expect_body("second");
    client.get("/b").expect_body("any");
}

#[test]
#[should_panic(expected = "what Ringside sent to the origin")]
fn a_request_with_both_framing_fields_fails_the_test() {
    let origin = Origin::start();
    let mut client = Client::connect(origin.port());
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    client.expect_closed();
}

#[test]
#[should_panic(expected = "a bare LF")]
fn a_bare_lf_in_a_response_fails_the_test() {
    let origin = Origin::start();
    origin.on("/x", Answer::raw("HTTP/1.1 200 OK\nContent-Length: 0\n\n"));
    Client::connect(origin.port()).get("/x");
}

#[test]
fn an_origin_leaves_and_comes_back() {
    let origin = Origin::start();
    origin.on("/a", Answer::ok("hello"));
    let mut kept = Client::connect(origin.port());
    kept.get("/a").expect(200);
    let address = (std::net::Ipv4Addr::LOCALHOST, origin.port());
    origin.leave();
    kept.expect_closed();
    let refused = std::net::TcpStream::connect(address);
    assert!(refused.is_err(), "nobody should listen");
    origin.come_back();
    Client::connect(origin.port())
        .get("/a")
        .expect(200)
        .expect_body("hello");
    assert_eq!(origin.count("/a"), 2);
}
