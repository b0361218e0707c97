//! Parts of stored responses: RFC 9110, 13.1.5, 14 and 15.3.7.

use super::{req, res};
use crate::cache::part::{
    multipart_bytes, multipart_head, part, partial_head, push_last_boundary, push_part_head,
    unsatisfiable_head, Part,
};
use crate::http::Name;
use crate::time::Wall;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use proptest::prelude::*;

/// With a date that is strong: sent a second after the last change (8.8.2.2).
const TAGGED: &str = "ETag: \"a\"\nLast-Modified: Mon, 15 Jun 2026 12:00:00 GMT\n\
                      Date: Mon, 15 Jun 2026 12:00:01 GMT";

#[test]
fn what_a_request_asks_for() {
    use Part::{Span, Spans, Unsatisfiable, Whole};
    let far = || Spans(vec![900..1000, 0..1]);
    let cases = [
        ("14.2 none", "GET", "", 200, Whole),
        ("14.2", "GET", "Range: bytes=2-4", 200, Span(2..5)),
        (
            "14.2 suffix",
            "GET",
            "Range: bytes=-3",
            200,
            Span(997..1000),
        ),
        (
            "14.2 all of it",
            "GET",
            "Range: bytes=0-",
            200,
            Span(0..1000),
        ),
        ("14.2 GET only", "HEAD", "Range: bytes=2-4", 200, Whole),
        ("14.2 GET only", "HEAD", "Range: bytes=2000-", 200, Whole),
        ("14.2 of a 200 only", "GET", "Range: bytes=2-4", 404, Whole),
        ("14.2 of a 200 only", "GET", "Range: bytes=2-4", 203, Whole),
        (
            "14.2 several lines",
            "GET",
            "Range: bytes=2-4\nRange: bytes=5-6",
            200,
            Whole,
        ),
        (
            "14.2 several ranges",
            "GET",
            "Range: bytes=-100,0-0",
            200,
            far(),
        ),
        (
            "15.3.7.2 close ones",
            "GET",
            "Range: bytes=0-0,2-2",
            200,
            Span(0..3),
        ),
        ("14.2 malformed", "GET", "Range: bytes=0-0,x", 200, Whole),
        ("14.2 unit", "GET", "Range: lines=0-1", 200, Whole),
        ("15.5.17", "GET", "Range: bytes=1000-", 200, Unsatisfiable),
        (
            "13.1.5 same tag",
            "GET",
            "Range: bytes=2-4\nIf-Range: \"a\"",
            200,
            Span(2..5),
        ),
        (
            "13.1.5 several",
            "GET",
            "Range: bytes=-100,0-0\nIf-Range: \"a\"",
            200,
            far(),
        ),
        (
            "13.1.5 other tag",
            "GET",
            "Range: bytes=2-4\nIf-Range: \"b\"",
            200,
            Whole,
        ),
        (
            "13.1.5 other tag, no such range",
            "GET",
            "Range: bytes=1000-\nIf-Range: \"b\"",
            200,
            Whole,
        ),
        (
            "13.1.5 same tag, no such range",
            "GET",
            "Range: bytes=1000-\nIf-Range: \"a\"",
            200,
            Unsatisfiable,
        ),
        (
            "13.1.5 weak",
            "GET",
            "Range: bytes=2-4\nIf-Range: W/\"a\"",
            200,
            Whole,
        ),
        (
            "13.1.5 no tag",
            "GET",
            "Range: bytes=2-4\nIf-Range: a",
            200,
            Whole,
        ),
        (
            "13.1.5 one only",
            "GET",
            "Range: bytes=2-4\nIf-Range: \"a\"\nIf-Range: \"b\"",
            200,
            Whole,
        ),
        (
            "13.1.5 same date",
            "GET",
            "Range: bytes=2-4\nIf-Range: Mon, 15 Jun 2026 12:00:00 GMT",
            200,
            Span(2..5),
        ),
        (
            "13.1.5 later date",
            "GET",
            "Range: bytes=2-4\nIf-Range: Mon, 15 Jun 2026 12:00:01 GMT",
            200,
            Whole,
        ),
        (
            "13.1.5 earlier date",
            "GET",
            "Range: bytes=2-4\nIf-Range: Mon, 15 Jun 2026 11:59:59 GMT",
            200,
            Whole,
        ),
    ];
    for (section, method, fields, status, want) in cases {
        let (request, response) = (req(method, fields), res(status, TAGGED));
        let got = part(&request, &response, 1000);
        assert_eq!(got, want, "{section}: {method} {fields} of a {status}");
    }
}

#[test]
fn if_range_wants_a_strong_validator() {
    use Part::{Span, Whole};
    const NOON: &str = "Mon, 15 Jun 2026 12:00:00 GMT";
    let by_date = "Range: bytes=2-4\nIf-Range: Mon, 15 Jun 2026 12:00:00 GMT";
    let cases = [
        (
            "13.1.5 weak tags never",
            "ETag: W/\"a\"",
            "Range: bytes=2-4\nIf-Range: W/\"a\"",
            Whole,
        ),
        (
            "13.1.5 weak tags never",
            "ETag: W/\"a\"",
            "Range: bytes=2-4\nIf-Range: \"a\"",
            Whole,
        ),
        (
            "13.1.5 no tag",
            "X: y",
            "Range: bytes=2-4\nIf-Range: \"a\"",
            Whole,
        ),
        (
            "8.8.2.2 a second later",
            "Date: Mon, 15 Jun 2026 12:00:01 GMT",
            by_date,
            Span(2..5),
        ),
        (
            "8.8.2.2 the same second",
            "Date: Mon, 15 Jun 2026 12:00:00 GMT",
            by_date,
            Whole,
        ),
        (
            "8.8.2.2 before",
            "Date: Mon, 15 Jun 2026 11:00:00 GMT",
            by_date,
            Whole,
        ),
        ("8.8.2.2 no date", "X: y", by_date, Whole),
    ];
    for (section, stored, fields, want) in cases {
        let stored = alloc::format!("{stored}\nLast-Modified: {NOON}");
        let got = part(&req("GET", fields), &res(200, &stored), 10);
        assert_eq!(got, want, "{section}: {fields} of {stored}");
    }
    let no_dates = part(&req("GET", by_date), &res(200, "X: y"), 10);
    assert_eq!(no_dates, Whole, "13.1.5 nothing to compare with");
}

#[test]
fn the_head_of_one_part() {
    let mut out = Vec::new();
    let response = res(
        200,
        "Content-Length: 10\nETag: \"a\"\nContent-Digest: sha-256=:AA==:\nRepr-Digest: sha-256=:AA==:",
    );
    partial_head(&response, &(2..5), 10, &mut out);
    // RFC 9530, 2: a digest of the content is not one of this content.
    let want = "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nRepr-Digest: sha-256=:AA==:\r\n\
                Content-Range: bytes 2-4/10\r\nContent-Length: 3\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), want, "15.3.7.1");
}

#[test]
fn the_head_of_a_416() {
    let mut out = Vec::new();
    unsatisfiable_head(10, Wall(784_111_777), &mut out);
    let want = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */10\r\n\
                Content-Length: 0\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), want, "15.5.17");
}

#[test]
fn the_message_of_several_parts() {
    let mut out = Vec::new();
    let response = res(
        200,
        "Content-Length: 1000\nContent-Type: text/plain\nETag: \"a\"\nContent-MD5: AA==",
    );
    let spans = [900..903, 0..2];
    multipart_head(&response, 0xab, &spans, 1000, &mut out);
    let want = "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\n\
                Content-Type: multipart/byteranges; boundary=00000000000000ab\r\n\
                Content-Length: 193\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), want, "15.3.7.2");

    let body = compose(0xab, Some(b"text/plain"), &spans, 1000, &[b'x'; 1000]);
    let want = "--00000000000000ab\r\nContent-Type: text/plain\r\n\
                Content-Range: bytes 900-902/1000\r\n\r\nxxx\r\n\
                --00000000000000ab\r\nContent-Type: text/plain\r\n\
                Content-Range: bytes 0-1/1000\r\n\r\nxx\r\n\
                --00000000000000ab--\r\n";
    assert_eq!(
        String::from_utf8(body).unwrap(),
        want,
        "14.6; RFC 2046, 5.1.1"
    );
    assert_eq!(want.len(), 193);
}

/// The content of a multipart response, put together as a sender does.
fn compose(
    boundary: u64,
    content_type: Option<&[u8]>,
    spans: &[Range<u64>],
    whole: u64,
    content: &[u8],
) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        push_part_head(&mut out, boundary, content_type, span, whole, at == 0);
        out.extend_from_slice(&content[span.start as usize..span.end as usize]);
    }
    push_last_boundary(&mut out, boundary);
    out
}

/// Takes a multipart content apart as a client does (RFC 2046, 5.1.1): heads and contents.
fn apart(body: &[u8], boundary: &str) -> Vec<(String, Vec<u8>)> {
    let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
    let body = [b"\r\n", body].concat();
    let mut parts = Vec::new();
    let mut rest = &body[..];
    loop {
        let next = rest
            .windows(delimiter.len())
            .position(|text| text == delimiter)
            .expect("a boundary");
        parts.push(rest[..next].to_vec());
        rest = &rest[next + delimiter.len()..];
        if rest.starts_with(b"--") {
            assert_eq!(rest, b"--\r\n");
            break;
        }
    }
    assert!(parts.remove(0).is_empty(), "nothing before the first part");
    let split = |part: Vec<u8>| {
        let end = part
            .windows(4)
            .position(|text| text == b"\r\n\r\n")
            .expect("a head");
        (
            String::from_utf8(part[2..end].to_vec()).unwrap(),
            part[end + 4..].to_vec(),
        )
    };
    parts.into_iter().map(split).collect()
}

proptest! {
    #[test]
    fn parts_have_the_announced_length_and_are_read_back(
        specs in "([0-9]{1,3}-,?|[0-9]{1,2}-[1-9][0-9]{2,3},?|-[1-9][0-9]{0,2},?){2,12}",
        content in prop::collection::vec(any::<u8>(), 200..2000),
        boundary: u64,
        typed: bool,
    ) {
        let whole = content.len() as u64;
        let fields = alloc::format!("Range: bytes={specs}");
        let Part::Spans(spans) = part(&req("GET", &fields), &res(200, ""), whole) else {
            return Ok(());
        };
        let response = res(200, if typed { "Content-Type: text/plain; a=b" } else { "X: y" });
        let kind = response.fields.get(Name::ContentType);
        let body = compose(boundary, kind, &spans, whole, &content);
        prop_assert_eq!(multipart_bytes(kind, &spans, whole), body.len() as u64);

        let mut head = Vec::new();
        multipart_head(&response, boundary, &spans, whole, &mut head);
        let head = String::from_utf8(head).unwrap();
        let length = alloc::format!("\r\nContent-Length: {}\r\n", body.len());
        prop_assert!(head.contains(&length) && !head.contains("Content-Range"));
        let (_, named) = head.split_once("boundary=").expect("a boundary is named");
        let parts = apart(&body, named.split_once("\r\n").expect("a line").0);
        prop_assert_eq!(parts.len(), spans.len());
        for ((head, bytes), span) in parts.iter().zip(&spans) {
            let range = alloc::format!("Content-Range: bytes {}-{}/{whole}", span.start, span.end - 1);
            let kind = if typed { "Content-Type: text/plain; a=b\r\n" } else { "" };
            prop_assert_eq!(head, &alloc::format!("{kind}{range}"));
            prop_assert_eq!(&bytes[..], &content[span.start as usize..span.end as usize]);
        }
    }

    #[test]
    fn the_length_of_any_spans_is_counted_without_overflow(
        spans in prop::collection::vec((any::<u64>(), any::<u64>()), 0..5), whole: u64,
    ) {
        let spans: Vec<Range<u64>> = spans.into_iter().map(|(a, b)| a..b).collect();
        let _ = multipart_bytes(Some(b"text/plain"), &spans, whole);
        partial_head(&res(200, ""), &spans.first().cloned().unwrap_or(0..0), whole, &mut Vec::new());
    }
}
