//! What is written: requests as origins must see them, responses, pages; and that all of it is
//! read again as what it was meant to be.

use super::super::head::tests as heads;
use super::super::{framing, hop, target};
use super::*;
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;
use std::{format, string::String, vec};

fn plain() -> Forward<'static> {
    Forward {
        via_name: None,
        forwarded: Forwarded::None,
        client_ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        scheme: "http",
        host: b"example.org",
        close: false,
        length: Length::None,
        extra: b"",
        drop_conditionals: false,
        drop_range: false,
        upgrade: false,
    }
}

/// The request as it is forwarded, without "HTTP/1.1" and Host, one line a field.
fn forwarded(text: &str, forward: &Forward<'_>) -> String {
    let (head, bytes) = heads::request(text.as_bytes());
    let request = head.view(&bytes);
    let target = target::split(request.method, request.target).unwrap();
    let mut out = Vec::new();
    request_head(&mut out, &request, target.path_and_query, forward);
    // Whatever it is, it is one whole head.
    heads::request(&out);
    let out = String::from_utf8(out).unwrap();
    let (line, fields) = out
        .split_once(" HTTP/1.1\r\nHost: example.org\r\n")
        .unwrap();
    format!(
        "{line}\n{}",
        fields.strip_suffix("\r\n").unwrap().replace("\r\n", "\n")
    )
}

#[test]
fn request_lines() {
    // RFC 9112, 3.2.1, 3.2.2 and 3.2.4
    for (line, want) in [
        ("GET /a?b HTTP/1.1", "GET /a?b"),
        ("get /%41/../b HTTP/1.0", "get /%41/../b"),
        ("PROPFIND / HTTP/1.1", "PROPFIND /"),
        ("GET http://a/b?c HTTP/1.1", "GET /b?c"),
        ("GET http://a HTTP/1.1", "GET /"),
        ("GET http://a?b HTTP/1.1", "GET /?b"),
        ("OPTIONS * HTTP/1.1", "OPTIONS *"),
        ("OPTIONS http://a HTTP/1.1", "OPTIONS *"),
        ("OPTIONS http://a/ HTTP/1.1", "OPTIONS /"),
        ("GET //a HTTP/1.1", "GET //a"),
    ] {
        assert_eq!(
            forwarded(&format!("{line}\r\nHost: a\r\n\r\n"), &plain()),
            format!("{want}\n")
        );
    }
}

/// What becomes of the field lines of a GET.
fn check_fields(cases: &[(&str, &str)], forward: &Forward<'_>) {
    for (fields, want) in cases {
        let text = format!("GET / HTTP/1.1\r\n{}\r\n", fields.replace('\n', "\r\n"));
        assert_eq!(
            forwarded(&text, forward),
            format!("GET /\n{want}"),
            "{fields:?}"
        );
    }
}

#[test]
fn fields_pass_in_their_order_and_spelling() {
    check_fields(
        &[
            (
                "Host: other\nX-B: 1\nx-a:2\nX-B:  3 \n",
                "X-B: 1\nx-a: 2\nX-B: 3\n",
            ),
            ("X-Empty:\n", "X-Empty: \n"),
            (
                "Cookie: a\nAuthorization: b\nExpect: 100-continue\n",
                "Cookie: a\nAuthorization: b\nExpect: 100-continue\n",
            ),
            // RFC 9110, 7.6.1
            ("Connection: close, x-a\nX-A: 1\nX-B: 2\n", "X-B: 2\n"),
            (
                "TE: trailers\nKeep-Alive: 1\nProxy-Connection: close\nUpgrade: h2c\nTrailer: X\n",
                "",
            ),
            ("Connection: host, cookie\nCookie: a\n", "Cookie: a\n"),
            // Untouched where nothing is to be added.
            (
                "Via: 1.0 a\nX-Forwarded-For: b\nForwarded: for=\"\n",
                "Via: 1.0 a\nX-Forwarded-For: b\nForwarded: for=\"\n",
            ),
            (
                "If-None-Match: \"a\"\nRange: bytes=0-1\nIf-Range: \"a\"\n",
                "If-None-Match: \"a\"\nRange: bytes=0-1\nIf-Range: \"a\"\n",
            ),
            // Taken for framing behind a CGI-like interface.
            (
                "Content_Length: 5\nTRANSFER_ENCODING: chunked\ncontent-_length: 1\n",
                "content-_length: 1\n",
            ),
            (
                "Content.Length: 5\nTransfer~Encoding: chunked\nContent!Length: 5\nContentLength: 1\n",
                "ContentLength: 1\n",
            ),
            (
                "X_Forwarded_For: a\nX_Other: b\n",
                "X_Forwarded_For: a\nX_Other: b\n",
            ),
        ],
        &plain(),
    );
}

#[test]
fn spellings_of_one_host_are_one() {
    // RFC 9110, 4.2.3: the key does not tell them apart, so the origin must not see them.
    for (host, scheme, want) in [
        (&b"example.org"[..], "http", "example.org"),
        (b"Example.ORG", "http", "example.org"),
        (b"example.org.", "http", "example.org"),
        (b"example.org:", "http", "example.org"),
        (b"example.org.:80", "http", "example.org"),
        (b"example.org:80", "https", "example.org:80"),
        (b"example.org:443", "https", "example.org"),
        (b"EXAMPLE.org:8080", "http", "example.org:8080"),
        (b"[2001:DB8::1]:80", "http", "[2001:db8::1]"),
        (b"", "http", ""),
    ] {
        let forward = Forward {
            host,
            scheme,
            forwarded: Forwarded::Rfc7239,
            ..plain()
        };
        let (head, bytes) = heads::request(b"GET / HTTP/1.1\r\nHost: other\r\n\r\n");
        let mut out = Vec::new();
        request_head(&mut out, &head.view(&bytes), b"/", &forward);
        let named = match want {
            "" => String::new(),
            _ => format!(";host=\"{want}\""),
        };
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("GET / HTTP/1.1\r\nHost: {want}\r\nForwarded: for=192.0.2.1;proto={scheme}{named}\r\n\r\n")
        );
    }
    // What is no host is not quoted for the origin to trust.
    let mut out = Vec::new();
    let broken = Forward {
        host: b"a\";for=b",
        ..plain()
    };
    push_forwarded(&mut out, Fields::new(b"", &[]), &broken);
    assert_eq!(out, b"Forwarded: for=192.0.2.1;proto=http\r\n");
}

#[test]
fn conditions_and_ranges_can_be_left_out() {
    let fields = "If-None-Match: a\nIf-Modified-Since: b\nIf-Match: c\nIf-Unmodified-Since: d\nIf-Range: e\nRange: f\nX: g\n";
    let drop_conditionals = Forward {
        drop_conditionals: true,
        ..plain()
    };
    check_fields(
        &[(fields, "If-Range: e\nRange: f\nX: g\n")],
        &drop_conditionals,
    );
    let extra = Forward {
        drop_range: true,
        extra: b"If-None-Match: \"own\"\r\n",
        ..drop_conditionals
    };
    check_fields(&[(fields, "X: g\nIf-None-Match: \"own\"\n")], &extra);
}

#[test]
fn framing_is_ours() {
    for (line, length, want) in [
        (
            "GET / HTTP/1.1\r\nContent-Length: 5",
            Length::None,
            "GET /\n",
        ),
        (
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked",
            Length::None,
            "GET /\n",
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 5, 5",
            Length::Exact(5),
            "POST /\nContent-Length: 5\n",
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5",
            Length::Exact(5),
            "POST /\nContent-Length: 5\n",
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: CHUNKED",
            Length::Chunked,
            "POST /\nTransfer-Encoding: chunked\n",
        ),
        (
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum",
            Length::Chunked,
            "PUT /\nTransfer-Encoding: chunked\nTrailer: X-Sum\n",
        ),
        (
            "PUT / HTTP/1.1\r\nTrailer: X-Sum",
            Length::Exact(u64::MAX),
            "PUT /\nContent-Length: 18446744073709551615\n",
        ),
        // RFC 9110, 8.6
        (
            "POST / HTTP/1.1",
            Length::None,
            "POST /\nContent-Length: 0\n",
        ),
        ("PUT / HTTP/1.1", Length::None, "PUT /\nContent-Length: 0\n"),
        (
            "PATCH / HTTP/1.1",
            Length::None,
            "PATCH /\nContent-Length: 0\n",
        ),
        ("DELETE / HTTP/1.1", Length::None, "DELETE /\n"),
    ] {
        let forward = Forward { length, ..plain() };
        assert_eq!(
            forwarded(&format!("{line}\r\n\r\n"), &forward),
            want,
            "{line}"
        );
    }
}

#[test]
fn via_is_appended_with_the_version_received() {
    // RFC 9110, 7.6.3
    let via = Forward {
        via_name: Some("us"),
        ..plain()
    };
    check_fields(
        &[
            ("X: 1\n", "X: 1\nVia: 1.1 us\n"),
            (
                "Via: 1.0 a\nX: 1\nvia: 1.1 b (c), 1.1 d\nVia:\n",
                "X: 1\nVia: 1.0 a, 1.1 b (c), 1.1 d, 1.1 us\n",
            ),
        ],
        &via,
    );
    assert_eq!(
        forwarded("GET / HTTP/1.0\r\n\r\n", &via),
        "GET /\nVia: 1.0 us\n"
    );
}

#[test]
fn the_client_is_named() {
    let x = Forward {
        forwarded: Forwarded::XForwarded,
        ..plain()
    };
    check_fields(
        &[
            ("", "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: http\n"),
            (
                "X-Forwarded-For: a, b\nX-Forwarded-Proto: https\nx-forwarded-for: c\nForwarded: for=d\n",
                "Forwarded: for=d\nX-Forwarded-For: a, b, c, 192.0.2.1\nX-Forwarded-Proto: https, http\n",
            ),
            ("Connection: x-forwarded-for\n", "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: http\n"),
            ("X_Forwarded_For: a\nx_forwarded-proto: b\n", "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: http\n"),
        ],
        &x,
    );
    // RFC 7239, 4 to 6
    let rfc = Forward {
        forwarded: Forwarded::Rfc7239,
        ..plain()
    };
    let own = "for=192.0.2.1;proto=http;host=\"example.org\"";
    check_fields(
        &[
            ("", &format!("Forwarded: {own}\n")),
            (
                "Forwarded: for=\"[::1]:1\";by=a, for=b\nForwarded: for=c\nX-Forwarded-For: d\n",
                &format!(
                    "X-Forwarded-For: d\nForwarded: for=\"[::1]:1\";by=a, for=b, for=c, {own}\n"
                ),
            ),
            // It would swallow ours.
            (
                "Forwarded: for=a\nForwarded: for=\"b\n",
                &format!("Forwarded: for=a, {own}\n"),
            ),
            ("Forwarded: for=\"b\\\"\n", &format!("Forwarded: {own}\n")),
        ],
        &rfc,
    );
    let both = Forward {
        forwarded: Forwarded::Both,
        scheme: "https",
        ..plain()
    };
    let want = "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: https\nForwarded: for=192.0.2.1;proto=https;host=\"example.org\"\n";
    check_fields(&[("", want)], &both);
}

#[test]
fn addresses() {
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    for (ip, x, rfc) in [
        (
            IpAddr::V4(Ipv4Addr::new(203, 0, 113, 255)),
            "203.0.113.255",
            "203.0.113.255",
        ),
        (IpAddr::V6(v6), "2001:db8::1", "\"[2001:db8::1]\""),
        // An IPv4 client of a socket that takes both.
        (
            IpAddr::V6(Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped()),
            "192.0.2.7",
            "192.0.2.7",
        ),
    ] {
        let forward = Forward {
            client_ip: ip,
            forwarded: Forwarded::Both,
            ..plain()
        };
        let want = format!(
            "X-Forwarded-For: {x}\nX-Forwarded-Proto: http\nForwarded: for={rfc};proto=http;host=\"example.org\"\n"
        );
        check_fields(&[("", &want)], &forward);
    }
}

#[test]
fn the_connection_to_the_origin() {
    let close = Forward {
        close: true,
        ..plain()
    };
    check_fields(
        &[("Connection: keep-alive\n", "Connection: close\n")],
        &close,
    );
    // RFC 9110, 7.8
    let upgrade = Forward {
        upgrade: true,
        ..plain()
    };
    let asked = "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n";
    let want = "Sec-WebSocket-Version: 13\nUpgrade: websocket\nConnection: upgrade\n";
    check_fields(&[(asked, want), ("Connection: upgrade\n", "")], &upgrade);
    check_fields(&[(asked, "Sec-WebSocket-Version: 13\n")], &plain());
}

#[test]
fn max_forwards_counts_down() {
    // RFC 9110, 7.6.2
    for (line, value, want) in [
        ("OPTIONS *", "10", "Max-Forwards: 9\n"),
        ("OPTIONS /", "1", "Max-Forwards: 0\n"),
        ("TRACE /", "1", "Max-Forwards: 0\n"),
        ("OPTIONS /", "0", "Max-Forwards: 0\n"),
        ("OPTIONS /", "+1", ""),
        ("OPTIONS /", "a", ""),
        ("GET /", "10", "Max-Forwards: 10\n"),
    ] {
        let text = format!("{line} HTTP/1.1\r\nMax-Forwards: {value}\r\n\r\n");
        assert_eq!(forwarded(&text, &plain()), format!("{line}\n{want}"));
    }
}

#[test]
fn a_1_0_client_expects_nothing() {
    // RFC 9110, 10.1.1
    let text = "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nX: 1\r\n\r\n";
    let forward = Forward {
        length: Length::Exact(3),
        ..plain()
    };
    assert_eq!(
        forwarded(text, &forward),
        "PUT /\nX: 1\nContent-Length: 3\n"
    );
}

fn answered(text: &str, answer: &Answer<'_>) -> String {
    let (head, bytes) = heads::response(text.as_bytes());
    let mut out = Vec::new();
    response_head(&mut out, &head.view(&bytes), answer);
    let out = String::from_utf8(out).unwrap();
    heads::response(format!("{out}\r\n").as_bytes());
    out.replace("\r\n", "\n")
}

#[test]
fn response_heads() {
    let answer = Answer {
        via_name: Some("us"),
        drop_age: true,
        now: Some(Wall(784_111_777)),
    };
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\n";
    for (text, want) in [
        ("HTTP/1.1 200 OK\r\n", format!("HTTP/1.1 200 OK\n{date}Via: 1.1 us\n")),
        ("HTTP/1.0 404 \r\n", format!("HTTP/1.1 404 Not Found\n{date}Via: 1.0 us\n")),
        ("HTTP/1.1 299 Fine\r\nDate: x\r\n", "HTTP/1.1 299 Fine\nDate: x\nVia: 1.1 us\n".into()),
        (
            "HTTP/1.1 200 OK\r\ndate: x\r\nContent-Length: 5\r\nAge: 3\r\nETag: \"a\"\r\nX-B: 1\r\nVia: 1.0 a\r\n",
            "HTTP/1.1 200 OK\ndate: x\nETag: \"a\"\nX-B: 1\nVia: 1.0 a, 1.1 us\n".into(),
        ),
        (
            "HTTP/1.1 200 OK\r\nDate: x\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n",
            "HTTP/1.1 200 OK\nDate: x\nSet-Cookie: a\nSet-Cookie: b\nVia: 1.1 us\n".into(),
        ),
    ] {
        assert_eq!(answered(&format!("{text}\r\n"), &answer), want, "{text}");
    }
    let untouched = Answer {
        via_name: None,
        drop_age: false,
        now: None,
    };
    let text = "HTTP/1.1 200 OK\r\nVia: 1.0 a\r\nAge: 3\r\n\r\n";
    assert_eq!(
        answered(text, &untouched),
        "HTTP/1.1 200 OK\nVia: 1.0 a\nAge: 3\n"
    );
}

#[test]
fn pages_of_our_own() {
    let (mut head, mut page) = (b"before".to_vec(), b"before".to_vec());
    error_page(502, "a < b & c", "us&them", &mut head, &mut page);
    let (head, page) = (head.split_off(6), page.split_off(6));
    let page_text = core::str::from_utf8(&page).unwrap();
    assert!(
        page_text.contains("<title>502 Bad Gateway</title>"),
        "{page_text}"
    );
    assert!(page_text.contains("<p>a &lt; b &amp; c.\n"), "{page_text}");
    assert!(
        page_text.contains("<small>us&amp;them</small>"),
        "{page_text}"
    );
    let (parsed, bytes) = heads::response(&[&head[..], b"\r\n"].concat());
    let view = parsed.view(&bytes);
    assert_eq!((view.status, view.reason), (502, &b"Bad Gateway"[..]));
    assert_eq!(view.fields.get(Name::CacheControl), Some(&b"no-store"[..]));
    assert_eq!(
        framing::response(Method::Get, &view),
        Ok(Length::Exact(page.len() as u64))
    );
}

#[test]
fn reasons() {
    for status in [
        100, 200, 304, 400, 404, 408, 412, 413, 414, 416, 421, 431, 500, 501, 502, 503, 504, 505,
    ] {
        assert_ne!(reason(status), "Unknown", "{status}");
    }
    assert_eq!(reason(299), "Unknown");
}

#[test]
fn decimals() {
    for value in [0, 1, 9, 10, 99, 12_345, u64::MAX] {
        let mut out = Vec::new();
        push_decimal(&mut out, value);
        assert_eq!(out, format!("{value}").as_bytes());
    }
}

fn any_request() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "GET / HTTP/1.1",
        "POST /a?b HTTP/1.0",
        "OPTIONS * HTTP/1.1",
        "OPTIONS http://a HTTP/1.1",
        "PUT http://a?b HTTP/1.5",
        "BREW //x HTTP/1.1",
        "HEAD /%zz HTTP/1.1",
    ]);
    let name = prop::sample::select(vec![
        "Host",
        "Connection",
        "Content-Length",
        "Content_Length",
        "Transfer-Encoding",
        "Via",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "Trailer",
        "TE",
        "Upgrade",
        "Expect",
        "Max-Forwards",
        "Range",
        "If-None-Match",
        "Cookie",
        "X-A",
        "x-b",
        "Keep-Alive",
    ]);
    let value = prop_oneof![
        "[ -~]{0,20}",
        prop::sample::select(vec![
            "chunked",
            "5",
            "close, x-a",
            "x-b",
            "\"",
            "upgrade",
            "\\",
            "0",
            "host"
        ])
        .prop_map(String::from),
    ];
    (line, prop::collection::vec((name, value), 0..8)).prop_map(|(line, fields)| {
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!("{line}\r\n{fields}\r\n").into_bytes()
    })
}

proptest! {
    #[test]
    fn a_forwarded_request_is_what_was_asked(
        bytes in any_request(),
        length in prop_oneof![Just(Length::None), Just(Length::Chunked), (0..10_u64.pow(19)).prop_map(Length::Exact)],
        kind in 0_usize..4, via: bool, close: bool, upgrade: bool, drop_conditionals: bool, drop_range: bool, v6: u128,
    ) {
        let (head, bytes) = heads::request(&bytes);
        let asked = head.view(&bytes);
        let Ok(target) = target::split(asked.method, asked.target) else { return Ok(()) };
        let kinds = [Forwarded::None, Forwarded::XForwarded, Forwarded::Rfc7239, Forwarded::Both];
        let forward = Forward {
            via_name: via.then_some("us"), forwarded: kinds[kind], length, close, upgrade, drop_conditionals, drop_range,
            client_ip: IpAddr::V6(Ipv6Addr::from(v6)), ..plain()
        };
        let mut out = Vec::new();
        request_head(&mut out, &asked, target.path_and_query, &forward);
        let (parsed, again) = heads::request(&out);
        prop_assert_eq!(parsed.len(), out.len());
        let view = parsed.view(&again);
        prop_assert_eq!((view.method_text, view.version), (asked.method_text, Version::Http11));
        let parts = target::split(view.method, view.target).unwrap();
        prop_assert!(matches!(parts.form, target::Form::Origin | target::Form::Asterisk));
        // Nothing that the client sent can change the framing, the host or the hop.
        let want = if length == Length::Exact(0) { Length::None } else { length };
        prop_assert_eq!(framing::request(&view), Ok(want));
        prop_assert_eq!(view.fields.count(Name::Host), 1);
        prop_assert_eq!(target::host(&view, &parts).unwrap().name, b"example.org");
        let tunnel = upgrade && asked.fields.has(Name::Upgrade);
        prop_assert_eq!(framing::keeps_alive(view.version, view.fields), !close || tunnel);
        let options: Vec<&[u8]> = hop::connection_options(view.fields).collect();
        prop_assert_eq!(options.len(), usize::from(close || tunnel));
        prop_assert_eq!(view.fields.has(Name::Upgrade), tunnel);
        prop_assert!(!view.fields.has(Name::Te) && !view.fields.has(Name::KeepAlive));
        prop_assert_eq!(view.fields.has(Name::TransferEncoding), length == Length::Chunked);
        // What we say about the client is the last word.
        if kind & 1 == 1 {
            let last = view.fields.members(Name::XForwardedFor).last();
            if asked.fields.all(Name::XForwardedFor).all(super::super::field::is_balanced) {
                let ip = format!("{}", forward.client_ip.to_canonical());
                prop_assert_eq!(last, Some(ip.as_bytes()));
            }
        }
        if kind & 2 == 2 {
            let last = view.fields.members(Name::Forwarded).last().unwrap();
            prop_assert!(last.starts_with(b"for=") && last.ends_with(b";proto=http;host=\"example.org\""));
        }
    }

    #[test]
    fn an_answer_has_no_framing_but_what_is_added(bytes in any_request(), status in 100_u16..600, via: bool) {
        let fields = bytes.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let text = [format!("HTTP/1.1 {status} x").as_bytes(), &bytes[fields..]].concat();
        let (head, text) = heads::response(&text);
        let mut out = Vec::new();
        let answer = Answer { via_name: via.then_some("us"), drop_age: true, now: Some(Wall(0)) };
        response_head(&mut out, &head.view(&text), &answer);
        out.extend_from_slice(b"Content-Length: 7\r\n\r\n");
        let (parsed, again) = heads::response(&out);
        let view = parsed.view(&again);
        prop_assert_eq!(view.status, status);
        let bodiless = matches!(status, 100..=199 | 204 | 304);
        let want = if bodiless { Length::None } else { Length::Exact(7) };
        prop_assert_eq!(framing::response(Method::Get, &view), Ok(want));
        prop_assert!(!view.fields.has(Name::Connection) && framing::keeps_alive(view.version, view.fields));
    }
}
