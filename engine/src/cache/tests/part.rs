//! Parts of stored responses: RFC 9110, 13.1.5 and 14.

use super::{req, res};
use crate::cache::part::{part, partial_head, unsatisfiable_head, Part};
use crate::time::Wall;
use alloc::string::String;
use alloc::vec::Vec;

#[test]
fn what_a_request_asks_for() {
    use Part::{Span, Unsatisfiable, Whole};
    const TAGGED: &str = "ETag: \"a\"\nLast-Modified: Mon, 15 Jun 2026 12:00:00 GMT";
    const WEAK: &str = "ETag: W/\"a\"";
    let cases = [
        ("14.2 none", "GET", "", 200, TAGGED, Whole),
        ("14.2", "GET", "Range: bytes=2-4", 200, TAGGED, Span(2..5)),
        (
            "14.2 suffix",
            "GET",
            "Range: bytes=-3",
            200,
            TAGGED,
            Span(7..10),
        ),
        (
            "14.2 GET only",
            "HEAD",
            "Range: bytes=2-4",
            200,
            TAGGED,
            Whole,
        ),
        (
            "14.2 of a 200 only",
            "GET",
            "Range: bytes=2-4",
            404,
            TAGGED,
            Whole,
        ),
        (
            "14.2 several lines",
            "GET",
            "Range: bytes=2-4\nRange: bytes=5-6",
            200,
            TAGGED,
            Whole,
        ),
        (
            "14.2 several ranges",
            "GET",
            "Range: bytes=0-0,2-2",
            200,
            TAGGED,
            Whole,
        ),
        (
            "15.5.17",
            "GET",
            "Range: bytes=10-",
            200,
            TAGGED,
            Unsatisfiable,
        ),
        (
            "13.1.5 same tag",
            "GET",
            "Range: bytes=2-4\nIf-Range: \"a\"",
            200,
            TAGGED,
            Span(2..5),
        ),
        (
            "13.1.5 other tag",
            "GET",
            "Range: bytes=2-4\nIf-Range: \"b\"",
            200,
            TAGGED,
            Whole,
        ),
        (
            "13.1.5 weak tags never",
            "GET",
            "Range: bytes=2-4\nIf-Range: W/\"a\"",
            200,
            WEAK,
            Whole,
        ),
        (
            "13.1.5 same date",
            "GET",
            "Range: bytes=2-4\nIf-Range: Mon, 15 Jun 2026 12:00:00 GMT",
            200,
            TAGGED,
            Span(2..5),
        ),
        (
            "13.1.5 later date",
            "GET",
            "Range: bytes=2-4\nIf-Range: Mon, 15 Jun 2026 12:00:01 GMT",
            200,
            TAGGED,
            Whole,
        ),
    ];
    for (section, method, fields, status, stored, want) in cases {
        let (request, response) = (req(method, fields), res(status, stored));
        let got = part(&request, &response, 10);
        assert_eq!(got, want, "{section}: {fields}");
    }
}

#[test]
fn the_heads_of_parts() {
    let mut out = Vec::new();
    let response = res(200, "Content-Length: 10\nETag: \"a\"");
    partial_head(&response, &(2..5), 10, &mut out);
    let want = "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nContent-Range: bytes 2-4/10\r\n\
                Content-Length: 3\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), want);
    let mut out = Vec::new();
    unsatisfiable_head(10, Wall(784_111_777), &mut out);
    let want = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */10\r\n\
                Content-Length: 0\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), want);
}
