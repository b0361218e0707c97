//! The length of messages (RFC 9112, 6), every known way to make two recipients disagree on it,
//! and persistence (9.3).

use super::super::head::tests as heads;
use super::*;
use proptest::prelude::*;
use std::{format, string::String};

const CHUNKED: Result<Length, u16> = Ok(Length::Chunked);
const NONE: Result<Length, u16> = Ok(Length::None);

fn of_request(version: &str, fields: &str) -> Result<Length, u16> {
    let text = format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
    let (head, bytes) = heads::request(text.as_bytes());
    request(&head.view(&bytes)).map_err(|fault| fault.status)
}

fn of_response(to: Method, line: &str, fields: &str) -> Result<Length, u16> {
    let (head, bytes) = heads::response(format!("HTTP/{line}\r\n{fields}\r\n").as_bytes());
    response(to, &head.view(&bytes)).map_err(|fault| fault.status)
}

/// Each list of field lines, without CRLF, and what becomes of a request with it.
fn check(cases: &[(&[&str], Result<Length, u16>)]) {
    for (lines, want) in cases {
        let fields: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        assert_eq!(of_request("1.1", &fields), *want, "{lines:?}");
        // A response is read the same way, but has content until the end if nothing is said.
        let in_response = match want {
            Ok(Length::None) if !fields.contains("Content-Length") => Ok(Length::UntilClose),
            Ok(Length::None) => Ok(Length::Exact(0)),
            other => *other,
        };
        assert_eq!(
            of_response(Method::Get, "1.1 200 OK", &fields),
            in_response,
            "{lines:?}"
        );
    }
}

#[test]
fn content_length() {
    // RFC 9110, 8.6; RFC 9112, 6.2 and 6.3 items 5 and 6
    check(&[
        (&[], NONE),
        (&["Content-Length: 0"], NONE),
        (&["Content-Length: 5"], Ok(Length::Exact(5))),
        (&["Content-Length: 005"], Ok(Length::Exact(5))),
        (&["Content-Length:5"], Ok(Length::Exact(5))),
        (&["Content-Length: \t5 \t"], Ok(Length::Exact(5))),
        (&["content-LENGTH: 5"], Ok(Length::Exact(5))),
        (
            &["Content-Length: 9999999999999999999"],
            Ok(Length::Exact(9_999_999_999_999_999_999)),
        ),
        // Identical repeated ones are one.
        (&["Content-Length: 5, 5"], Ok(Length::Exact(5))),
        (&["Content-Length: 5,5,\t5"], Ok(Length::Exact(5))),
        (
            &["Content-Length: 5", "Content-Length: 5"],
            Ok(Length::Exact(5)),
        ),
        (
            &["Content-Length: 5", "X: 1", "CONTENT-LENGTH: 5, 5"],
            Ok(Length::Exact(5)),
        ),
    ]);
}

#[test]
fn content_length_that_is_refused() {
    let bad = Err(400);
    check(&[
        (&["Content-Length: 5, 6"], bad),
        (&["Content-Length: 5", "Content-Length: 6"], bad),
        (&["Content-Length: 0", "Content-Length: 5"], bad),
        (&["Content-Length: 5", "Content-Length:"], bad),
        (&["Content-Length:"], bad),
        (&["Content-Length: ,"], bad),
        (&["Content-Length: 5,"], bad),
        (&["Content-Length: ,5"], bad),
        (&["Content-Length: 5,,5"], bad),
        (&["Content-Length: +5"], bad),
        (&["Content-Length: -5"], bad),
        (&["Content-Length: -0"], bad),
        (&["Content-Length: 0x5"], bad),
        (&["Content-Length: 5a"], bad),
        (&["Content-Length: a"], bad),
        (&["Content-Length: 5 5"], bad),
        (&["Content-Length: 5\t5"], bad),
        (&["Content-Length: 5;q=1"], bad),
        (&["Content-Length: 5.0"], bad),
        (&["Content-Length: 5e1"], bad),
        (&["Content-Length: 1_000"], bad),
        (&["Content-Length: \"5\""], bad),
        (&["Content-Length: '5'"], bad),
        (&["Content-Length: \u{0665}"], bad),
        (&["Content-Length: 10000000000000000000"], bad),
        (&["Content-Length: 18446744073709551615"], bad),
        (&["Content-Length: 18446744073709551621"], bad),
        (&["Content-Length: 99999999999999999999999999999999"], bad),
        (&["Content-Length: 00000000000000000005"], bad),
    ]);
}

#[test]
fn transfer_encoding() {
    // RFC 9112, 6.1 and 6.3 items 3 and 4
    let (bad, unknown) = (Err(400), Err(501));
    check(&[
        (&["Transfer-Encoding: chunked"], CHUNKED),
        (&["Transfer-Encoding:chunked"], CHUNKED),
        (&["Transfer-Encoding: \t chunked \t"], CHUNKED),
        (&["transfer-encoding: CHUNKED"], CHUNKED),
        (&["TRANSFER-ENCODING: Chunked"], CHUNKED),
        // Together with Content-Length, whatever either says.
        (&["Transfer-Encoding: chunked", "Content-Length: 5"], bad),
        (&["Content-Length: 5", "Transfer-Encoding: chunked"], bad),
        (&["Transfer-Encoding: chunked", "Content-Length: 0"], bad),
        (&["Transfer-Encoding: chunked", "Content-Length:"], bad),
        (&["Transfer-Encoding: identity", "Content-Length: 5"], bad),
        (&["Transfer-Encoding:", "Content-Length: 5"], bad),
        (
            &["Transfer-Encoding: gzip, chunked", "Content-Length: 5"],
            bad,
        ),
        // Not ending in exactly one chunked.
        (&["Transfer-Encoding:"], bad),
        (&["Transfer-Encoding: identity"], bad),
        (&["Transfer-Encoding: gzip"], bad),
        (&["Transfer-Encoding: chunked, identity"], bad),
        (&["Transfer-Encoding: chunked, gzip"], bad),
        (
            &["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
            bad,
        ),
        (&["Transfer-Encoding: chunked", "Transfer-Encoding:"], bad),
        (&["Transfer-Encoding:", "Transfer-Encoding: chunked"], bad),
        (&["Transfer-Encoding: chunked, chunked"], bad),
        (
            &["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
            bad,
        ),
        (&["Transfer-Encoding: chunked, gzip, chunked"], bad),
        // Not quite chunked.
        (&["Transfer-Encoding: xchunked"], bad),
        (&["Transfer-Encoding: chunkedx"], bad),
        (&["Transfer-Encoding: x chunked"], bad),
        (&["Transfer-Encoding: chunked x"], bad),
        (&["Transfer-Encoding: chunk"], bad),
        (&["Transfer-Encoding: \"chunked\""], bad),
        (&["Transfer-Encoding: 'chunked'"], bad),
        (&["Transfer-Encoding: chunked;a=b"], bad),
        (&["Transfer-Encoding: chunked;"], bad),
        (&["Transfer-Encoding: chun\tked"], bad),
        (&["Transfer-Encoding: chunked\u{a0}"], bad),
        (&["Transfer-Encoding: \u{212a}chunked"], bad),
        (&["Transfer-Encoding: \"a, chunked\""], bad),
        // Empty members, which two recipients may count differently.
        (&["Transfer-Encoding: chunked,"], bad),
        (&["Transfer-Encoding: ,chunked"], bad),
        (&["Transfer-Encoding: , chunked"], bad),
        (&["Transfer-Encoding: gzip,,chunked"], bad),
        (
            &[
                "Transfer-Encoding: gzip",
                "Transfer-Encoding:",
                "Transfer-Encoding: chunked",
            ],
            bad,
        ),
        // The end is certain, but the coding before it is not known.
        (&["Transfer-Encoding: gzip, chunked"], unknown),
        (&["Transfer-Encoding: identity, chunked"], unknown),
        (
            &["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"],
            unknown,
        ),
        (&["Transfer-Encoding: \"a, chunked"], unknown),
        // Other names, other fields.
        (&["Transfer_Encoding: chunked"], NONE),
        (&["X-Transfer-Encoding: chunked"], NONE),
        (&["Transfer-Encodin: chunked"], NONE),
    ]);
}

#[test]
fn transfer_encoding_in_http_1_0() {
    // RFC 9112, 6.1: "MUST treat the message as if the framing is faulty"
    assert_eq!(
        of_request("1.0", "Transfer-Encoding: chunked\r\n"),
        Err(400)
    );
    assert_eq!(
        of_request("1.0", "Content-Length: 5\r\n"),
        Ok(Length::Exact(5))
    );
    assert_eq!(of_request("1.2", "Transfer-Encoding: chunked\r\n"), CHUNKED);
    let fields = "Transfer-Encoding: chunked\r\n";
    assert_eq!(of_response(Method::Get, "1.0 200 OK", fields), Err(400));
}

#[test]
fn responses_without_content() {
    // RFC 9112, 6.3 items 1 and 2: whatever the fields say
    for (to, line) in [
        (Method::Head, "1.1 200 OK"),
        (Method::Head, "1.1 404 Not Found"),
        (Method::Get, "1.1 100 Continue"),
        (Method::Get, "1.1 101 Switching Protocols"),
        (Method::Get, "1.1 103 Early Hints"),
        (Method::Get, "1.1 199 x"),
        (Method::Get, "1.1 204 No Content"),
        (Method::Get, "1.1 304 Not Modified"),
        (Method::Post, "1.1 304 Not Modified"),
        (Method::Connect, "1.1 200 OK"),
        (Method::Connect, "1.1 299 x"),
    ] {
        for fields in [
            "",
            "Content-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\n",
        ] {
            assert_eq!(
                of_response(to, line, fields),
                NONE,
                "{to:?} {line} {fields}"
            );
        }
        // But a sender that contradicts itself is not trusted with the connection.
        let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
        assert_eq!(of_response(to, line, both), Err(400), "{to:?} {line}");
        assert_eq!(
            of_response(to, line, "Content-Length: x\r\n"),
            Err(400),
            "{to:?} {line}"
        );
    }
    for (to, line) in [
        (Method::Get, "1.1 200 OK"),
        (Method::Get, "1.1 205 Reset Content"),
        (Method::Get, "1.1 206 Partial Content"),
        (Method::Connect, "1.1 407 Proxy Authentication Required"),
        (Method::Other, "1.1 500 x"),
    ] {
        let length = |fields| of_response(to, line, fields);
        assert_eq!(
            length("Content-Length: 5\r\n"),
            Ok(Length::Exact(5)),
            "{to:?} {line}"
        );
        assert_eq!(
            length("Transfer-Encoding: chunked\r\n"),
            CHUNKED,
            "{to:?} {line}"
        );
        assert_eq!(length(""), Ok(Length::UntilClose), "{to:?} {line}");
    }
}

#[test]
fn persistence() {
    // RFC 9112, 9.3
    for (version, fields, want) in [
        ("1.1", "", true),
        ("1.1", "Connection: keep-alive\r\n", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: CLOSE\r\n", false),
        ("1.1", "Connection: x, close ,y\r\n", false),
        ("1.1", "Connection: x\r\nConnection: close\r\n", false),
        ("1.1", "Connection: keep-alive, close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.1", "Connection: upgrade\r\n", true),
        ("1.1", "Proxy-Connection: close\r\n", true),
        ("1.1", "Connection: \"close\"\r\n", true),
        ("1.2", "", true),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
        ("1.0", "Connection: Keep-Alive, x\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
        ("1.0", "Connection: close\r\n", false),
        ("1.0", "Connection: x\r\n", false),
        ("1.0", "Keep-Alive: timeout=5\r\n", false),
        ("1.0", "Proxy-Connection: keep-alive\r\n", false),
    ] {
        let text = format!("GET / HTTP/{version}\r\n{fields}\r\n");
        let (head, bytes) = heads::request(text.as_bytes());
        let view = head.view(&bytes);
        assert_eq!(keeps_alive(view.version, view.fields), want, "{text:?}");
    }
}

proptest! {
    #[test]
    fn chunked_is_only_ever_that_one_word(value in "[ \t]{0,2}[chunkedCHUNKED,; \"x]{0,12}") {
        let plain = value.trim_matches([' ', '\t']).eq_ignore_ascii_case("chunked");
        let got = of_request("1.1", &format!("Transfer-Encoding: {value}\r\n"));
        prop_assert_eq!(got == CHUNKED, plain, "{:?}", value);
        prop_assert!(plain || got.is_err());
    }

    #[test]
    fn a_length_is_only_ever_digits(value in "[ \t]{0,2}[0-9+,x. -]{0,24}") {
        let trimmed: std::vec::Vec<&str> = value.split(',').map(|v| v.trim_matches([' ', '\t'])).collect();
        let digits = |text: &str| text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit());
        let numbers: Option<std::vec::Vec<u64>> =
            trimmed.iter().map(|text| text.parse().ok().filter(|_| digits(text))).collect();
        let want = match numbers.as_deref() {
            Some([0, rest @ ..]) if rest.iter().all(|n| *n == 0) => NONE,
            Some([first, rest @ ..]) if rest.iter().all(|n| n == first) => Ok(Length::Exact(*first)),
            _ => Err(400),
        };
        prop_assert_eq!(of_request("1.1", &format!("Content-Length: {value}\r\n")), want);
    }
}
