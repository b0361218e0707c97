//! Upgrade as a tunnel (RFC 9110, 7.8; RFC 6455 as its usual user): after 101 bytes pass both ways
//! unread.

use ringside_tests::{check_on, pattern, Answer, Ask, Client, Stage};
use std::io::{Read, Write};
use std::sync::mpsc;
use std::sync::Mutex;

fn upgrade(path: &str) -> Ask {
    Ask::get(path)
        .field("Connection", "Upgrade")
        .field("Upgrade", "websocket")
        .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .field("Sec-WebSocket-Version", "13")
}

#[track_caller]
fn open_tunnel(stage: &Stage, path: &str) -> Client {
    let mut client = stage.client();
    client.send(upgrade(path).bytes());
    let reply = client.reply();
    assert_eq!(reply.status, 101, "{reply:#?}");
    reply.expect_field("Upgrade", "websocket");
    let connection = reply.field("Connection").unwrap_or_default();
    assert!(connection.eq_ignore_ascii_case("upgrade"), "{connection}");
    client
}

#[test]
fn bytes_pass_both_ways_after_101() {
    check_on(&[1, 2, 4], |stage| {
        stage
            .origin
            .on("/ws", Answer::upgrade("websocket", |talk| talk.echo()));
        let mut clients: Vec<Client> = (0..8).map(|_| open_tunnel(stage, "/ws")).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            for round in 0..5 {
                let bytes = pattern(1 + round * 20_000, number as u64);
                client.send(&bytes);
                assert!(
                    client.read_raw(bytes.len()) == bytes,
                    "client {number}, round {round}"
                );
            }
        }
        let received = &stage.origin.requests("/ws")[0];
        received.expect_field("Upgrade", "websocket");
        received.expect_field("Sec-WebSocket-Version", "13");
        let connection = received.field("Connection").unwrap_or_default();
        assert!(
            connection.to_ascii_lowercase().contains("upgrade"),
            "{connection}"
        );
    });
}

#[test]
fn the_origin_may_speak_first() {
    check_on(&[1], |stage| {
        let talk = |mut talk: ringside_tests::Talk| {
            talk.write_all(b"welcome").expect("written");
            talk.echo();
        };
        stage.origin.on("/ws", Answer::upgrade("websocket", talk));
        let mut client = open_tunnel(stage, "/ws");
        assert_eq!(client.read_raw(7), b"welcome");
        client.send("hello");
        assert_eq!(client.read_raw(5), b"hello");
    });
}

#[test]
fn bytes_sent_right_behind_the_request_are_not_lost() {
    check_on(&[1, 2], |stage| {
        stage
            .origin
            .on("/ws", Answer::upgrade("websocket", |talk| talk.echo()));
        let mut client = stage.client();
        client.send([upgrade("/ws").bytes(), b"early".to_vec()].concat());
        assert_eq!(client.reply().status, 101);
        assert_eq!(client.read_raw(5), b"early");
    });
}

#[test]
fn either_end_may_end_it() {
    check_on(&[1, 2], |stage| {
        // The client ends: the origin sees it.
        let (ended, origin_saw) = mpsc::channel();
        let ended = Mutex::new(ended);
        stage.origin.on(
            "/client-ends",
            Answer::upgrade("websocket", move |mut talk| {
                let mut all = Vec::new();
                // A reset instead of an orderly end would be an error here.
                let read = talk.read_to_end(&mut all).map(|_| all);
                ended.lock().expect("sender").send(read.ok()).expect("told");
            }),
        );
        let mut client = open_tunnel(stage, "/client-ends");
        client.send("last words").end_sending();
        let all = origin_saw
            .recv_timeout(ringside_tests::PATIENCE)
            .expect("an end");
        assert_eq!(all.as_deref(), Some(&b"last words"[..]));
        client.expect_closed();

        // The origin ends: the client gets all of it, then the end.
        let talk = |mut talk: ringside_tests::Talk| talk.write_all(b"goodbye").expect("written");
        stage
            .origin
            .on("/origin-ends", Answer::upgrade("websocket", talk));
        let mut client = open_tunnel(stage, "/origin-ends");
        assert_eq!(client.read_raw(7), b"goodbye");
        client.expect_closed();
    });
}

#[test]
fn an_origin_that_declines_answers_as_usual() {
    check_on(&[1, 2], |stage| {
        stage
            .origin
            .on("/plain", Answer::ok("no websocket here").no_store());
        let mut client = stage.client();
        client
            .ask(&upgrade("/plain"))
            .expect(200)
            .expect_body("no websocket here");
        client
            .get("/plain")
            .expect(200)
            .expect_body("no websocket here");
    });
}

#[test]
fn an_upgrade_is_never_answered_from_the_cache() {
    check_on(&[1, 2], |stage| {
        stage.origin.on("/ws", Answer::ok("page").fresh());
        stage.get("/ws").expect(200).expect_body("page");
        stage
            .origin
            .on("/ws", Answer::upgrade("websocket", |talk| talk.echo()));
        let mut client = open_tunnel(stage, "/ws");
        client.send("x");
        assert_eq!(client.read_raw(1), b"x");
        stage.get("/ws").expect_hit().expect_body("page");
    });
}

#[test]
fn upgrade_without_connection_is_of_another_hop() {
    // RFC 9110, 7.8: Upgrade must be listed in Connection, or it is not for us.
    check_on(&[1], |stage| {
        stage.origin.on("/a", Answer::ok("hello").no_store());
        let ask = Ask::get("/a").field("Upgrade", "websocket");
        stage.client().ask(&ask).expect(200);
        stage.origin.only("/a").expect_no_field("Upgrade");
    });
}
