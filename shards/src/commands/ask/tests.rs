//! Answers in pieces, answers of others, and a listener that is one.

use super::*;
use std::net::TcpListener;
use std::thread;

const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhealthy";

fn ok(text: &str) -> Answer {
    Answer {
        status: 200,
        text: text.to_owned(),
    }
}

#[test]
fn an_answer_is_read_once_it_is_whole() {
    for end in 0..WHOLE.len() {
        let part = &WHOLE.as_bytes()[..end];
        assert_eq!(answer(part, false), Ok(None), "{end}");
        let hung_up = answer(part, true).unwrap_err();
        assert!(hung_up.starts_with("it hung up"), "{end}: {hung_up}");
    }
    assert_eq!(answer(WHOLE.as_bytes(), false), Ok(Some(ok("healthy"))));
    let more = format!("{WHOLE} and more");
    assert_eq!(answer(more.as_bytes(), false), Ok(Some(ok("healthy"))));
}

#[test]
fn an_answer_without_length_ends_with_the_connection() {
    let bytes = b"HTTP/1.0 200 OK\r\n\r\nhealthy";
    assert_eq!(answer(bytes, false), Ok(None));
    assert_eq!(answer(bytes, true), Ok(Some(ok("healthy"))));
    let bytes = b"HTTP/1.1 204 No Content\r\n\r\n";
    let none = Answer {
        status: 204,
        text: String::new(),
    };
    assert_eq!(answer(bytes, false), Ok(Some(none)));
}

#[test]
fn answers_of_others_are_told_apart() {
    for bytes in [
        "SSH-2.0-OpenSSH_9.9\r\n",
        "\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n",
    ] {
        let fault = answer(bytes.as_bytes(), false).unwrap_err();
        assert!(
            fault.starts_with("that is not Ringside's admin listener: "),
            "{fault}"
        );
    }
    let endless = format!(
        "HTTP/1.0 200 OK\r\n\r\n{}",
        "a".repeat(ANSWER_BYTES_MAX + 1)
    );
    assert!(answer(endless.as_bytes(), false).is_err());
    let endless = format!("HTTP/1.0 200 OK\r\nA: {}", "a".repeat(HEAD.head_bytes));
    assert!(answer(endless.as_bytes(), false).is_err());
}

#[test]
fn a_terminal_is_told_nothing() {
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\na\tb\x1b[2J\r\n\xc2\x9bc\xff";
    let text = "a\tb\\u{1b}[2J\\r\n\\u{9b}c\u{fffd}";
    assert_eq!(answer(&bytes[..], true), Ok(Some(ok(text))));
}

#[test]
fn what_listens_everywhere_is_asked_on_loopback() {
    for (listens, asked) in [
        ("0.0.0.0:9", "127.0.0.1:9"),
        ("[::]:9", "[::1]:9"),
        ("192.0.2.1:9", "192.0.2.1:9"),
        ("[2001:db8::1]:9", "[2001:db8::1]:9"),
    ] {
        assert_eq!(reachable(listens.parse().unwrap()).to_string(), asked);
    }
}

/// A listener that says `answer` to one request; returns the request.
fn listener(answer: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(stream.read(&mut byte).unwrap(), 1);
            request.extend(byte);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    (place, asked)
}

fn asked(place: &str, method: &str, target: &str) -> Result<String, u8> {
    let place = Place {
        admin: Some(place.to_owned()),
        config: None,
    };
    place.ask(method, target)
}

#[test]
fn a_question_goes_there_and_an_answer_comes_back() {
    let (place, listener) = listener(WHOLE);
    assert_eq!(
        asked(&place, "POST", "/purge?all"),
        Ok("healthy".to_owned())
    );
    assert_eq!(
        listener.join().unwrap(),
        format!("POST /purge?all HTTP/1.1\r\nHost: {place}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    );
}

#[test]
fn refusals_and_silence_are_exit_code_1() {
    for answer in [
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nno\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nno",
        "",
    ] {
        let (place, listener) = listener(answer);
        assert_eq!(asked(&place, "GET", "/"), Err(1), "{answer}");
        listener.join().unwrap();
    }
    // Bound and closed again: nobody is there.
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(asked(&nobody.to_string(), "GET", "/"), Err(1));
    assert_eq!(asked("no such host.invalid:80", "GET", "/"), Err(1));
}

#[test]
fn a_configuration_says_where() {
    let path = std::env::temp_dir().join(format!("ringside-ask-{}.toml", std::process::id()));
    let find = |admin: &str| {
        let text = format!("{}{admin}", ringside_config::minimal());
        std::fs::write(&path, text).unwrap();
        let place = Place {
            admin: None,
            config: Some(path.clone()),
        };
        place.find()
    };
    assert_eq!(
        find("[admin]\naddress = \":9\"\n"),
        Ok("127.0.0.1:9".to_owned())
    );
    assert_eq!(find(""), Err(1), "no [admin]");
    assert_eq!(
        find("[admin]\naddress = \"127.0.0.1:0\"\n"),
        Err(1),
        "the kernel chooses"
    );
    assert_eq!(find("[admin]\naddress = 9\n"), Err(2), "a fault");
    std::fs::remove_file(&path).unwrap();
    let usual = Place {
        admin: None,
        config: None,
    };
    assert_eq!(usual.find(), Ok(USUAL.to_owned()));
}
