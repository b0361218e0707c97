//! Conditions of clients and our own: section 4.3, and RFC 9110, 13.

use super::{req, res};
use crate::cache::{conditionals, not_modified_head, preconditions, Verdict};
use alloc::string::String;
use alloc::vec::Vec;

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn conditions_of_clients() {
    use Verdict::{Failed, NotModified, Proceed};
    const TAG: &str = "ETag: \"a\"\nLast-Modified: Mon, 15 Jun 2026 12:00:00 GMT";
    const WEAK: &str = "ETag: W/\"a\"";
    const DATED: &str = "Date: Mon, 15 Jun 2026 12:00:00 GMT";
    type Row = (
        &'static str,
        &'static str,
        &'static str,
        u16,
        &'static str,
        Verdict,
    );
    #[rustfmt::skip]
    let cases: &[Row] = &[
        ("no condition", "GET", "", 200, TAG, Proceed),
        // 9110 13.1.2
        ("13.1.2", "GET", "If-None-Match: \"a\"", 200, TAG, NotModified),
        ("13.1.2 HEAD", "HEAD", "If-None-Match: \"a\"", 200, TAG, NotModified),
        ("13.1.2 other", "GET", "If-None-Match: \"b\"", 200, TAG, Proceed),
        ("13.1.2 weak comparison", "GET", "If-None-Match: W/\"a\"", 200, TAG, NotModified),
        ("13.1.2 weak comparison", "GET", "If-None-Match: \"a\"", 200, WEAK, NotModified),
        ("13.1.2 list", "GET", "If-None-Match: \"x\", W/\"y\" ,\"a\"", 200, TAG, NotModified),
        ("13.1.2 lines", "GET", "If-None-Match: \"x\"\nIf-None-Match: \"a\"", 200, TAG, NotModified),
        ("13.1.2 *", "GET", "If-None-Match: *", 200, DATED, NotModified),
        ("13.1.2 no tag held", "GET", "If-None-Match: \"a\"", 200, DATED, Proceed),
        ("13.1.2 tags are case-sensitive", "GET", "If-None-Match: \"A\"", 200, TAG, Proceed),
        ("8.8.3 comma in a tag", "GET", "If-None-Match: \"x,y\"", 200, "ETag: \"x,y\"", NotModified),
        ("8.8.3 not a part of one", "GET", "If-None-Match: \"x,\"a\",y\"", 200, "ETag: \"y\"", Proceed),
        ("8.8.3 no escapes", "GET", "If-None-Match: \"x\\\", \"a\"", 200, TAG, NotModified),
        ("8.8.3 without quotes, as sent", "GET", "If-None-Match: a1", 200, "ETag: a1", NotModified),
        ("8.8.3 quotes are forgiven", "GET", "If-None-Match: a", 200, TAG, NotModified),
        ("8.8.3 quotes are forgiven", "GET", "If-None-Match: \"a1\"", 200, "ETag: a1", NotModified),
        ("8.8.3 open quote", "GET", "If-None-Match: \"a", 200, TAG, NotModified),
        ("8.8.3 case of W", "GET", "If-None-Match: w/\"a\"", 200, WEAK, NotModified),
        ("8.8.3 empty", "GET", "If-None-Match:", 200, TAG, Proceed),
        ("8.8.3 empty tag", "GET", "If-None-Match: \"\"", 200, "ETag: \"\"", NotModified),
        // 9110 13.1.3, 9111 4.3.2
        ("13.1.3 same", "GET", "If-Modified-Since: Mon, 15 Jun 2026 12:00:00 GMT", 200, TAG, NotModified),
        ("13.1.3 later", "GET", "If-Modified-Since: Mon, 15 Jun 2026 12:00:01 GMT", 200, TAG, NotModified),
        ("13.1.3 earlier", "GET", "If-Modified-Since: Mon, 15 Jun 2026 11:59:59 GMT", 200, TAG, Proceed),
        ("13.1.3 obsolete form", "GET", "If-Modified-Since: Monday, 15-Jun-26 12:00:00 GMT", 200, TAG, NotModified),
        ("13.1.3 no date", "GET", "If-Modified-Since: today", 200, TAG, Proceed),
        ("13.1.3 several", "GET", "If-Modified-Since: Mon, 15 Jun 2026 12:00:00 GMT\nIf-Modified-Since: Mon, 15 Jun 2026 12:00:00 GMT", 200, TAG, Proceed),
        ("13.1.3 not this method", "POST", "If-Modified-Since: Mon, 15 Jun 2026 12:00:00 GMT", 200, TAG, Proceed),
        ("4.3.2 against Date", "GET", "If-Modified-Since: Mon, 15 Jun 2026 12:00:00 GMT", 200, DATED, NotModified),
        ("4.3.2 against Date", "GET", "If-Modified-Since: Mon, 15 Jun 2026 11:00:00 GMT", 200, DATED, Proceed),
        ("4.3.2 bad Last-Modified", "GET", "If-Modified-Since: Mon, 15 Jun 2026 12:00:00 GMT", 200, "Last-Modified: x\nDate: Mon, 15 Jun 2026 12:00:00 GMT", NotModified),
        ("4.3.2 nothing to compare", "GET", "If-Modified-Since: Mon, 15 Jun 2026 12:00:00 GMT", 200, "", Proceed),
        // 9110 13.2.2: the tag decides
        ("13.2.2", "GET", "If-None-Match: \"b\"\nIf-Modified-Since: Mon, 15 Jun 2026 12:00:00 GMT", 200, TAG, Proceed),
        ("13.2.2", "GET", "If-None-Match: \"a\"\nIf-Modified-Since: Mon, 15 Jun 2020 12:00:00 GMT", 200, TAG, NotModified),
        // 9110 13.2.1
        ("13.2.1 only a success", "GET", "If-None-Match: \"a\"", 404, TAG, Proceed),
        ("13.2.1 only a success", "GET", "If-None-Match: *", 301, TAG, Proceed),
        ("13.2.1 any success", "GET", "If-None-Match: \"a\"", 203, TAG, NotModified),
        // 9111 4.3.2: not for a cache
        ("4.3.2 If-Match", "GET", "If-Match: \"b\"", 200, TAG, Proceed),
        ("4.3.2 If-Unmodified-Since", "GET", "If-Unmodified-Since: Mon, 15 Jun 2020 12:00:00 GMT", 200, TAG, Proceed),
        ("13.1.2 a method that changes", "PUT", "If-None-Match: *", 200, TAG, Failed),
    ];
    for (section, method, asks, status, holds, want) in cases {
        let got = preconditions(&req(method, asks), &res(*status, holds));
        assert_eq!(
            got, *want,
            "{section}: {method} {asks} for {status} {holds}"
        );
    }
}

#[test]
fn our_conditions() {
    let date = "Mon, 15 Jun 2026 12:00:00 GMT";
    for (fields, want) in [
        ("ETag: W/\"a\"", "If-None-Match: W/\"a\"\r\n".into()),
        (
            "Last-Modified: Mon, 15 Jun 2026 12:00:00 GMT",
            alloc::format!("If-Modified-Since: {date}\r\n"),
        ),
        (
            "Last-Modified: Mon, 15 Jun 2026 12:00:00 GMT\nETag: \"a\"",
            alloc::format!("If-None-Match: \"a\"\r\nIf-Modified-Since: {date}\r\n"),
        ),
        // As it was sent, whatever it is: the origin knows its own.
        ("Last-Modified: once", "If-Modified-Since: once\r\n".into()),
        ("ETag:\nDate: Mon, 15 Jun 2026 12:00:00 GMT", String::new()),
    ] {
        assert_eq!(
            text(|out| conditionals(&res(200, fields), out)),
            want,
            "4.3.1: {fields}"
        );
    }
}

#[test]
fn the_head_of_a_304() {
    let stored = "Server: x\nDate: d\nContent-Type: text/html\nETag: \"a\"\nVary: a\nvary: b\nContent-Length: 5\n\
                  Cache-Control: max-age=1\nexpires: e\nLast-Modified: l\nContent-Location: /c\nVia: 1.1 y\nSet-Cookie: s";
    let want = "HTTP/1.1 304 Not Modified\r\nDate: d\r\nETag: \"a\"\r\nVary: a\r\nvary: b\r\n\
                Cache-Control: max-age=1\r\nexpires: e\r\nContent-Location: /c\r\nVia: 1.1 y\r\n";
    assert_eq!(
        text(|out| not_modified_head(&res(200, stored), out)),
        want,
        "9110 15.4.5"
    );
    let untagged = text(|out| not_modified_head(&res(200, "Last-Modified: l\nX: y"), out));
    assert_eq!(
        untagged, "HTTP/1.1 304 Not Modified\r\nLast-Modified: l\r\n",
        "no tag: the date guides"
    );
}
