//! Heads: what is refused and with which status (RFC 9112, 2 to 5), bounds, and properties.

use super::super::field::trim;
use super::*;
use proptest::prelude::*;
use std::{format, string::String, vec};

const LIMITS: HeadLimits = HeadLimits {
    head_bytes: 65_536,
    fields: FIELDS_MAX,
    target_bytes: 8192,
};

/// A parsed request head and its bytes, for the tests of other files too.
pub(crate) fn request(bytes: &[u8]) -> (RequestHead, Vec<u8>) {
    let mut head = RequestHead::default();
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(head.parse(bytes, &LIMITS), Ok(Parse::Complete), "{text:?}");
    (head, bytes.to_vec())
}

/// The same for a response.
pub(crate) fn response(bytes: &[u8]) -> (ResponseHead, Vec<u8>) {
    let mut head = ResponseHead::default();
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(head.parse(bytes, &LIMITS), Ok(Parse::Complete), "{text:?}");
    (head, bytes.to_vec())
}

fn refusal(bytes: &[u8]) -> u16 {
    match RequestHead::default().parse(bytes, &LIMITS) {
        Err(fault) => fault.status(),
        Ok(Parse::Complete) => 200,
        Ok(Parse::Partial) => 0,
    }
}

#[test]
fn a_request_in_its_parts() {
    let bytes = b"GET /a?b HTTP/1.1\r\nHost: example.org\r\nX-A:\t 1 \t\r\nx-empty:\r\nX-B: \xe4 \"\x80\"\r\n\r\nbody";
    let (head, bytes) = request(bytes);
    let view = head.view(&bytes);
    assert_eq!(view.method, Method::Get);
    assert_eq!((view.method_text, view.target), (&b"GET"[..], &b"/a?b"[..]));
    assert_eq!(view.version, Version::Http11);
    assert_eq!(&bytes[head.len()..], b"body");
    assert_eq!(view.fields.get(Name::Host), Some(&b"example.org"[..]));
    assert_eq!(view.fields.get_by_text(b"x-a"), Some(&b"1"[..]));
    assert_eq!(view.fields.get_by_text(b"x-empty"), Some(&b""[..]));
    assert_eq!(view.fields.get_by_text(b"x-b"), Some(&b"\xe4 \"\x80\""[..]));
}

#[test]
fn methods_are_tokens_and_case_sensitive() {
    // RFC 9110, 9.1
    for (text, method) in [
        ("GET", Method::Get),
        ("get", Method::Other),
        ("PATCH", Method::Patch),
        ("PROPFIND", Method::Other),
        ("!#$%&'*+-.^_`|~09azAZ", Method::Other),
    ] {
        let (head, bytes) = request(format!("{text} / HTTP/1.1\r\n\r\n").as_bytes());
        assert_eq!(head.view(&bytes).method, method, "{text}");
        assert_eq!(head.view(&bytes).method_text, text.as_bytes());
    }
}

#[test]
fn a_head_over_a_copy_is_the_same() {
    let (head, bytes) = request(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (copy, longer) = (
        head.clone(),
        [&bytes[..], b"GET / HTTP/1.1\r\n\r\n"].concat(),
    );
    drop(bytes);
    assert_eq!(copy.view(&longer).fields.get(Name::Host), Some(&b"a"[..]));
    // Over fewer bytes than it was made from it shows less, and nothing panics.
    assert_eq!(copy.view(b"\r\nGET").fields.get(Name::Host), Some(&b""[..]));
}

#[test]
fn a_head_that_is_used_again_forgets() {
    let (mut head, _) = request(b"GET /first HTTP/1.0\r\nHost: a\r\nCookie: b\r\n\r\n");
    let second = b"PUT /second HTTP/1.1\r\nAge: 1\r\n\r\n";
    assert_eq!(head.parse(b"GET / HT", &LIMITS), Ok(Parse::Partial));
    assert_eq!(head.view(b"").fields.len(), 0);
    assert_eq!(head.parse(second, &LIMITS), Ok(Parse::Complete));
    let view = head.view(second);
    assert_eq!(
        (view.method, view.target, view.version),
        (Method::Put, &b"/second"[..], Version::Http11)
    );
    assert_eq!(view.fields.len(), 1);
}

#[test]
fn requests_that_are_refused() {
    let cases: &[(&str, &[&str])] = &[
        (
            "RFC 9112, 2.2: bare LF and bare CR",
            &[
                "GET / HTTP/1.1\nHost: a\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\n\n",
                "GET / HTTP/1.1\r\n\n",
                "GET / HTTP/1.1\n\n",
                "\nGET / HTTP/1.1\r\n\r\n",
                "\r\n\nGET / HTTP/1.1\r\n\r\n",
                "\rGET / HTTP/1.1\r\n\r\n",
                "GET / HTTP/1.1\rHost: a\r\n\r\n",
                "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n",
                "GET / HTTP/1.1\r\nX: a\r\r\n\r\n",
                "GET / HTTP/1.1\r\r\nX: a\r\n\r\n",
                "GET / HTTP/1.1\r\nX\r: a\r\n\r\n",
            ],
        ),
        (
            "RFC 9112, 2.2: space before the first field",
            &[
                "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
                "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n",
            ],
        ),
        (
            "RFC 9112, 3: the request line is three words with single spaces",
            &[
                "GET  / HTTP/1.1\r\n\r\n",
                "GET /  HTTP/1.1\r\n\r\n",
                " GET / HTTP/1.1\r\n\r\n",
                "GET / HTTP/1.1 \r\n\r\n",
                "GET\t/ HTTP/1.1\r\n\r\n",
                "GET /\tHTTP/1.1\r\n\r\n",
                "GET /\x0bHTTP/1.1\r\n\r\n",
                "GET /\x0cHTTP/1.1\r\n\r\n",
                "GET / a HTTP/1.1\r\n\r\n",
                "GET /\r\n\r\n",
                "GET\r\n\r\n",
                "GET HTTP/1.1\r\n\r\n",
                "/ HTTP/1.1\r\n\r\n",
                "G@T / HTTP/1.1\r\n\r\n",
                "GE\u{e9}T / HTTP/1.1\r\n\r\n",
                "G\0T / HTTP/1.1\r\n\r\n",
                "GET /\0 HTTP/1.1\r\n\r\n",
                "GET /\x7f HTTP/1.1\r\n\r\n",
            ],
        ),
        (
            "RFC 9112, 2.3: a version that is none",
            &[
                "GET / HTTP/1.1a\r\n\r\n",
                "GET / HTTP/1.\r\n\r\n",
                "GET / HTTP/1.a\r\n\r\n",
                "GET / HTTP/11\r\n\r\n",
                "GET / HTTP/1.11\r\n\r\n",
                "GET / HTTP/1.23\r\n\r\n",
                "GET / HTTP/12.1\r\n\r\n",
                "GET / HTTP/2.0 \r\n\r\n",
                "GET / HTTP/2.0 x\r\n\r\n",
                "GET / HTTP/2.00\r\n\r\n",
                "GET / HTTP/2.x\r\n\r\n",
                "GET / a HTTP/2.0\r\n\r\n",
                "GET / HTTP/a.1\r\n\r\n",
                "GET / http/1.1\r\n\r\n",
                "GET / HTTP 1.1\r\n\r\n",
                "GET / XTTP/1.1\r\n\r\n",
                "GET / HTTPS/1.1\r\n\r\n",
            ],
        ),
        (
            "RFC 9112, 5.1: space between name and colon, and names that are no tokens",
            &[
                "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
                "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n",
                "GET / HTTP/1.1\r\nContent-Length : 5\r\n\r\n",
                "GET / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n",
                "GET / HTTP/1.1\r\nTransfer-Encoding\x0b: chunked\r\n\r\n",
                "GET / HTTP/1.1\r\nTransfer Encoding: chunked\r\n\r\n",
                "GET / HTTP/1.1\r\n: a\r\n\r\n",
                "GET / HTTP/1.1\r\nHost\r\n\r\n",
                "GET / HTTP/1.1\r\nX(a): b\r\n\r\n",
                "GET / HTTP/1.1\r\nX\0: b\r\n\r\n",
                "GET / HTTP/1.1\r\nX\u{e4}: b\r\n\r\n",
                "GET / HTTP/1.1\r\n\"X\": b\r\n\r\n",
            ],
        ),
        (
            "RFC 9112, 5.2: obsolete line folding",
            &[
                "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
                "GET / HTTP/1.1\r\nX: a\r\n\tb\r\n\r\n",
                "GET / HTTP/1.1\r\nX: a\r\n \r\n\r\n",
                "GET / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
                "GET / HTTP/1.1\r\nX: a\r\n : b\r\n\r\n",
            ],
        ),
        (
            "RFC 9110, 5.5: controls in values",
            &[
                "GET / HTTP/1.1\r\nX: a\0\r\n\r\n",
                "GET / HTTP/1.1\r\nX: \0\r\n\r\n",
                "GET / HTTP/1.1\r\nX: a\x01b\r\n\r\n",
                "GET / HTTP/1.1\r\nX: a\x08b\r\n\r\n",
                "GET / HTTP/1.1\r\nX: a\x7fb\r\n\r\n",
                "GET / HTTP/1.1\r\nX: a\x1fb\r\n\r\n",
                "GET / HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
                "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\x0c\r\n\r\n",
            ],
        ),
        (
            "no HTTP at all",
            &[
                "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03",
                "\0",
                "{\"a\": 1}\r\n\r\n",
            ],
        ),
    ];
    for (why, requests) in cases {
        for request in *requests {
            assert_eq!(refusal(request.as_bytes()), 400, "{why}: {request:?}");
        }
    }
}

#[test]
fn every_control_byte_is_refused_everywhere() {
    // RFC 9110, 5.5 and 5.6.2; RFC 9112, 3
    for control in (0..0x20).chain([0x7f]) {
        for (before, after) in [
            ("G", "T / HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("GET /", " HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("GET / HTTP/1.1", "\r\nHost: a\r\n\r\n"),
            ("GET / HTTP/1.1\r\n", "Host: a\r\n\r\n"),
            ("GET / HTTP/1.1\r\nHo", "st: a\r\n\r\n"),
            ("GET / HTTP/1.1\r\nHost", ": a\r\n\r\n"),
            ("GET / HTTP/1.1\r\nHost: a", "b\r\n\r\n"),
            ("GET / HTTP/1.1\r\nHost: a\r\n", "\r\n"),
        ] {
            let bytes = [before.as_bytes(), &[control], after.as_bytes()].concat();
            let want = if control == b'\t' && before.ends_with(": a") {
                200
            } else {
                400
            };
            assert_eq!(
                refusal(&bytes),
                want,
                "{:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}

#[test]
fn cleanness_does_not_rest_on_the_grammar() {
    // httparse refuses most of these as well; a version of it that did not must not open a hole.
    for text in [
        "a\nb", "a\rb", "\n", "\r\r\n", "\r\n\n", "a\n\r", "\0", "a\0", "\x01", "a\x0b", "\x1f",
        "\x7f", "a\x7f",
    ] {
        assert!(!is_clean(text.as_bytes()), "{text:?}");
    }
    for text in [
        "", "a", "\r", "a\r", "\r\n", "\r\n\r\n", "\t", "a\tb\r\n", "\u{80}",
    ] {
        assert!(is_clean(text.as_bytes()), "{text:?}");
    }
    // A clean text has no unclean beginning: what is told of a part is never taken back.
    assert_eq!(refusal(b"GET / HTTP/1.1\r\nX: a\x7f"), 400);
}

#[test]
fn every_byte_has_its_places() {
    // RFC 9110, 5.5, 5.6.2 and 9.1; RFC 9112, 3 and 5: each byte in a method, a name, a value.
    for byte in 0..=u8::MAX {
        let tried = |before: &str, after: &str| {
            let bytes = [before.as_bytes(), &[byte], after.as_bytes()].concat();
            refusal(&bytes) == 200
        };
        let token = super::super::field::is_token(byte);
        assert_eq!(tried("A", "B / HTTP/1.1\r\n\r\n"), token, "{byte}");
        assert_eq!(tried("", "GET / HTTP/1.1\r\n\r\n"), token, "{byte}");
        let field = "GET / HTTP/1.1\r\nX";
        assert_eq!(tried(field, "Y: b\r\n\r\n"), token || byte == b':');
        assert_eq!(tried(field, ": b\r\n\r\n"), token || byte == b':');
        assert_eq!(tried("GET / HTTP/1.1\r\n", "Y: b\r\n\r\n"), token, "{byte}");
        let text = byte == b'\t' || (byte >= 0x20 && byte != 0x7f);
        for (before, after) in [("X: ", "b"), ("X: a", ""), ("X:", ""), ("X: a", "b")] {
            let before = format!("GET / HTTP/1.1\r\n{before}");
            let after = format!("{after}\r\n\r\n");
            assert_eq!(tried(&before, &after), text, "{byte} in {before:?}");
        }
        // No byte makes three words of two, or ends a version.
        assert!(!tried("GET /", "HTTP/1.1\r\n\r\n") || byte == b' ');
        assert!(!tried("GET", "/ HTTP/1.1\r\n\r\n") || byte == b' ');
        assert!(!tried("GET / HTTP/1.1", "\r\n\r\n"), "{byte}");
    }
}

#[test]
fn versions() {
    // RFC 9110, 2.5: a higher minor version is taken as the highest known; 15.6.6 for 505.
    for (version, want) in [
        ("HTTP/1.0", Ok(Version::Http10)),
        ("HTTP/1.1", Ok(Version::Http11)),
        ("HTTP/1.2", Ok(Version::Http11)),
        ("HTTP/1.9", Ok(Version::Http11)),
        ("HTTP/0.9", Err(505)),
        ("HTTP/2.0", Err(505)),
        ("HTTP/2", Err(505)),
        ("HTTP/3", Err(505)),
        ("HTTP/9.9", Err(505)),
    ] {
        let mut head = RequestHead::default();
        let bytes = format!("\r\nGET /a {version}\r\nHost: b\r\n\r\n");
        let got = head
            .parse(bytes.as_bytes(), &LIMITS)
            .map_err(HeadFault::status);
        match want {
            Ok(version) => {
                assert_eq!(got, Ok(Parse::Complete), "{version:?}");
                let view = head.view(bytes.as_bytes());
                assert_eq!((view.version, view.target), (version, &b"/a"[..]));
                assert_eq!(view.fields.get(Name::Host), Some(&b"b"[..]));
                assert_eq!(head.len(), bytes.len());
            }
            Err(status) => assert_eq!(got, Err(status), "{version}"),
        }
        let bytes = format!("{version} 200 OK\r\nAge: 1\r\n\r\n");
        let mut head = ResponseHead::default();
        let got = head.parse(bytes.as_bytes(), &LIMITS);
        assert_eq!(got.is_ok(), want.is_ok(), "{version}");
        assert_eq!(
            want.ok(),
            got.ok().map(|_| head.view(bytes.as_bytes()).version)
        );
    }
    assert_eq!(refusal(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
    // What a higher version brings is no less strict, and bounded as well.
    assert_eq!(refusal(b"GET / HTTP/1.2\r\nHost : a\r\n\r\n"), 400);
    assert_eq!(refusal(b"GET / HTTP/1.2\nHost: a\r\n\r\n"), 400);
    let limits = HeadLimits {
        head_bytes: 64,
        ..LIMITS
    };
    let endless = [&b"GET / HTTP/1.3\r\nX: "[..], &[b'a'; 1000]].concat();
    assert_eq!(
        RequestHead::default().parse(&endless, &limits),
        Err(HeadFault::TooLarge)
    );
}

#[test]
fn empty_lines_before_a_request() {
    // RFC 9112, 2.2: "SHOULD ignore at least one empty line"
    let rest = "GET / HTTP/1.1\r\n\r\n";
    for lines in 0..=EMPTY_LINES_MAX {
        let bytes = "\r\n".repeat(lines) + rest;
        let (head, _) = request(bytes.as_bytes());
        assert_eq!(head.len(), bytes.len());
    }
    assert_eq!(
        refusal(("\r\n".repeat(EMPTY_LINES_MAX + 1) + rest).as_bytes()),
        400
    );
    assert_eq!(refusal("\r\n".repeat(EMPTY_LINES_MAX).as_bytes()), 0);
    assert_eq!(refusal(b"\r"), 0);
    assert_eq!(refusal(b""), 0);
}

#[test]
fn a_head_at_its_bound_and_above() {
    let line = "GET /target HTTP/1.1\r\n";
    let with_fields = |n: usize| format!("{line}{}\r\n", "A: b\r\n".repeat(n));
    let parse =
        |bytes: &str, limits: &HeadLimits| RequestHead::default().parse(bytes.as_bytes(), limits);
    // Fields: RFC 6585, 5
    let limits = HeadLimits {
        fields: 10,
        ..LIMITS
    };
    assert_eq!(parse(&with_fields(10), &limits), Ok(Parse::Complete));
    assert_eq!(
        parse(&with_fields(11), &limits),
        Err(HeadFault::TooManyFields)
    );
    let endless = with_fields(11);
    assert_eq!(
        parse(&endless[..endless.len() - 2], &limits),
        Err(HeadFault::TooManyFields)
    );
    assert_eq!(
        parse(&with_fields(FIELDS_MAX), &LIMITS),
        Ok(Parse::Complete)
    );
    assert_eq!(
        parse(
            &with_fields(FIELDS_MAX + 1),
            &HeadLimits {
                fields: 10_000,
                ..LIMITS
            }
        ),
        Err(HeadFault::TooManyFields)
    );
    // Bytes: told as soon as it is certain, without the end of the head.
    let whole = with_fields(10);
    let limits = |head_bytes| HeadLimits {
        head_bytes,
        ..LIMITS
    };
    assert_eq!(parse(&whole, &limits(whole.len())), Ok(Parse::Complete));
    assert_eq!(
        parse(&format!("\r\n{whole}"), &limits(whole.len())),
        Ok(Parse::Complete)
    );
    assert_eq!(
        parse(&whole, &limits(whole.len() - 1)),
        Err(HeadFault::TooLarge)
    );
    assert_eq!(parse(&whole[..40], &limits(41)), Ok(Parse::Partial));
    assert_eq!(parse(&whole[..40], &limits(40)), Err(HeadFault::TooLarge));
    // What follows the head does not count.
    assert_eq!(
        parse(&whole.repeat(3), &limits(whole.len())),
        Ok(Parse::Complete)
    );
    // The target: RFC 9110, 15.5.15
    let limits = |target_bytes| HeadLimits {
        target_bytes,
        ..LIMITS
    };
    assert_eq!(parse(line, &limits(7)), Ok(Parse::Partial));
    for part in ["GET /target", "GET /target ", "GET /target H", line, &whole] {
        assert_eq!(
            parse(part, &limits(6)),
            Err(HeadFault::TargetTooLong),
            "{part}"
        );
    }
    assert_eq!(parse("GET /targe", &limits(6)), Ok(Parse::Partial));
    assert_eq!(HeadFault::TargetTooLong.status(), 414);
    assert_eq!(
        (
            HeadFault::TooLarge.status(),
            HeadFault::TooManyFields.status()
        ),
        (431, 431)
    );
}

#[test]
fn responses() {
    let cases = [
        ("HTTP/1.1 200 OK\r\n\r\n", 200, "OK"),
        ("HTTP/1.1 200 \r\n\r\n", 200, ""),
        (
            "HTTP/1.1 404 Not  Found \t\r\nA: b\r\n\r\n",
            404,
            "Not  Found \t",
        ),
        ("HTTP/1.0 599 x\r\n\r\n", 599, "x"),
        ("HTTP/1.1 100 Continue\r\n\r\n", 100, "Continue"),
        // The reason is for people, and this one is in no known character set.
        ("HTTP/1.1 200 \u{e4}\r\n\r\n", 200, ""),
    ];
    for (text, status, reason) in cases {
        let (head, bytes) = response(text.as_bytes());
        let view = head.view(&bytes);
        assert_eq!(
            (view.status, view.reason),
            (status, reason.as_bytes()),
            "{text:?}"
        );
        assert_eq!(head.len(), bytes.len());
    }
}

#[test]
fn responses_that_are_refused() {
    for text in [
        // RFC 9112, 2.2: an empty line may come before a request only.
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "\nHTTP/1.1 200 OK\r\n\r\n",
        "\r",
        // RFC 9112, 4
        "HTTP/1.1  200 OK\r\n\r\n",
        " HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1\t200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "HTTP/1.1 999 OK\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n",
        "HTTP/1.1 200 O\x7fK\r\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.x 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        // RFC 9112, 2.2, 5.1, 5.2
        "HTTP/1.1 200 OK\nA: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n\n",
        "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\x7f\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
    ] {
        let got = ResponseHead::default().parse(text.as_bytes(), &LIMITS);
        assert!(got.is_err(), "{text:?}: {got:?}");
    }
}

/// A head that may be right, wrong or half.
fn any_head(first: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let name = prop::sample::select(vec![
        "Host",
        "X-A",
        "",
        "Content-Length",
        "x y",
        "Transfer-Encoding",
        "A\t",
        "B\0",
    ]);
    let value = prop::collection::vec(
        prop_oneof![8 => 0x20_u8..0x7f, 1 => any::<u8>(), 1 => Just(b'\t'), 1 => Just(b' ')],
        0..40,
    );
    let colon = prop::sample::select(vec![": ", ":", ":\t ", " :", ""]);
    let end = prop_oneof![20 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r"), 1 => Just("\r\n ")];
    let line = (name, colon, value, end).prop_map(|(name, colon, value, end)| {
        [name.as_bytes(), colon.as_bytes(), &value, end.as_bytes()].concat()
    });
    let lines = prop::collection::vec(line, 0..6);
    let last = prop::sample::select(vec!["\r\n", "\r\n", "\r\n", "\n", ""]);
    (prop::sample::select(first), lines, last, 0_usize..200).prop_map(
        |(first, lines, last, cut)| {
            let mut bytes = [first.as_bytes(), &lines.concat(), last.as_bytes()].concat();
            if cut < bytes.len() / 8 {
                bytes.truncate(cut * 8);
            }
            bytes
        },
    )
}

/// What every head must be that was let through, judged anew and byte by byte.
fn assert_strict(head: &[u8], fields: Fields<'_>) {
    assert!(head.ends_with(b"\r\n\r\n"));
    let text: Vec<&[u8]> = head.split(|byte| *byte == b'\n').collect();
    let (last, lines) = text.split_last().unwrap();
    assert!(last.is_empty());
    let lines: Vec<&[u8]> = lines
        .iter()
        .map(|line| line.strip_suffix(b"\r").unwrap())
        .collect();
    assert!(lines
        .iter()
        .all(|line| line.iter().all(|b| *b == b'\t' || *b >= 0x20 && *b != 0x7f)));
    let named: Vec<&[u8]> = lines
        .iter()
        .copied()
        .skip_while(|line| line.is_empty())
        .skip(1)
        .collect();
    let (empty, named) = named.split_last().unwrap();
    assert!(empty.is_empty());
    assert_eq!(named.len(), fields.len());
    for (line, field) in named.iter().zip(fields.iter()) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap();
        assert_eq!(&line[..colon], field.name);
        assert_eq!(trim(&line[colon + 1..]), field.value);
        assert!(!field.name.is_empty());
        assert!(field
            .name
            .iter()
            .all(|byte| super::super::field::is_token(*byte)));
    }
}

proptest! {
    #[test]
    fn a_request_let_through_is_strict(bytes in any_head(&[
        "GET / HTTP/1.1\r\n", "\r\nPOST /a?b HTTP/1.0\r\n", "X http://a/ HTTP/1.7\r\n", "GET / HTTP/1.1\n",
    ])) {
        let mut head = RequestHead::default();
        if head.parse(&bytes, &LIMITS) == Ok(Parse::Complete) {
            assert_strict(&bytes[..head.len()], head.view(&bytes).fields);
        }
    }

    #[test]
    fn a_response_let_through_is_strict(bytes in any_head(&[
        "HTTP/1.1 200 OK\r\n", "HTTP/1.4 304 \r\n", "HTTP/1.0 500 a b\r\n", "HTTP/1.1 200\n",
    ])) {
        let mut head = ResponseHead::default();
        if head.parse(&bytes, &LIMITS) == Ok(Parse::Complete) {
            assert_strict(&bytes[..head.len()], head.view(&bytes).fields);
        }
    }

    #[test]
    fn byte_by_byte_comes_to_the_same(bytes in any_head(&[
        "GET / HTTP/1.1\r\n", "\r\nPOST /a?b HTTP/1.0\r\n", "GET / HTTP/1.3\r\n", "GET / HTTP/2.0\r\n",
    ])) {
        let mut head = RequestHead::default();
        let whole = head.parse(&bytes, &LIMITS);
        let parts = (0..=bytes.len()).map(|n| (n, RequestHead::default().parse(&bytes[..n], &LIMITS)));
        let first = parts.into_iter().find(|(_, part)| *part != Ok(Parse::Partial));
        match (whole, first) {
            (Ok(Parse::Complete), Some((n, part))) => {
                prop_assert_eq!(part, Ok(Parse::Complete));
                prop_assert_eq!(n, head.len());
            }
            // Which fault is seen first may depend on how much is there; that there is one, not.
            (Err(_), Some((_, part))) => prop_assert!(part.is_err()),
            (whole, first) => prop_assert!(whole == Ok(Parse::Partial) && first.is_none(), "{:?}", (whole, first)),
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = RequestHead::default().parse(&bytes, &LIMITS);
        let _ = ResponseHead::default().parse(&bytes, &LIMITS);
    }
}
