//! What a 304 is about and what it changes: sections 3.2 and 4.3.4.

use super::{res, usual};
use crate::cache::{freshen, selects};
use alloc::string::String;
use alloc::vec::Vec;

#[test]
fn what_a_304_is_about() {
    const LATER: &str =
        "Date: Mon, 15 Jun 2026 13:00:00 GMT\nLast-Modified: Mon, 15 Jun 2026 12:00:00 GMT";
    const SAME_SECOND: &str =
        "Date: Mon, 15 Jun 2026 12:00:00 GMT\nLast-Modified: Mon, 15 Jun 2026 12:00:00 GMT";
    const DATE: &str = "Last-Modified: Mon, 15 Jun 2026 12:00:00 GMT";
    const OTHER: &str = "Last-Modified: Mon, 15 Jun 2026 12:00:09 GMT";
    let with = |tag: &str, date: &str| alloc::format!("ETag: {tag}\n{date}");
    #[rustfmt::skip]
    let cases: &[(&str, String, String, bool)] = &[
        ("same strong tag", with("\"a\"", ""), with("\"a\"", ""), true),
        ("other strong tag", with("\"a\"", ""), with("\"b\"", ""), false),
        ("other tag, same date", with("\"a\"", LATER), with("\"b\"", DATE), false),
        ("same weak tag", with("W/\"a\"", ""), with("W/\"a\"", ""), true),
        ("weak in the 304", with("\"a\"", ""), with("W/\"a\"", ""), true),
        ("other weak tag", with("W/\"a\"", ""), with("W/\"b\"", ""), false),
        ("strong in the 304, weak held", with("W/\"a\"", ""), with("\"a\"", ""), false),
        ("the same, and a strong date agrees", with("W/\"a\"", LATER), with("\"a\"", DATE), true),
        ("the same, but the date is weak", with("W/\"a\"", SAME_SECOND), with("\"a\"", DATE), false),
        ("the same, but the date differs", with("W/\"a\"", LATER), with("\"a\"", OTHER), false),
        ("strong in the 304, none held", LATER.into(), with("\"a\"", ""), false),
        ("none held, a strong date agrees", LATER.into(), with("\"a\"", DATE), true),
        ("weak in the 304, none held", LATER.into(), with("W/\"a\"", ""), false),
        ("weak in the 304, dates agree", SAME_SECOND.into(), with("W/\"a\"", DATE), true),
        ("same date", DATE.into(), DATE.into(), true),
        ("same date in another form", DATE.into(), "Last-Modified: Mon Jun 15 12:00:00 2026".into(), true),
        ("same text that is no date", "Last-Modified: x".into(), "Last-Modified: x".into(), true),
        ("other text that is no date", "Last-Modified: x".into(), "Last-Modified: y".into(), false),
        ("other date", DATE.into(), OTHER.into(), false),
        ("a date, only a tag held", with("\"a\"", ""), DATE.into(), false),
        ("no validator in the 304", with("\"a\"", LATER), String::new(), true),
        ("none on either side", String::new(), String::new(), true),
    ];
    for (why, held, news, want) in cases {
        let got = selects(&res(200, held.trim_end()), &res(304, news.trim_end()));
        assert_eq!(got, *want, "4.3.4 {why}: {held} / {news}");
    }
}

fn freshened(stored: &str, news: &str) -> String {
    let mut out = Vec::new();
    freshen(&res(203, stored), &res(304, news), &usual(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn what_a_304_changes() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str, &str)] = &[
        ("others stay", "A: 1\nB: 2", "", "A: 1\r\nB: 2\r\n"),
        ("the new one replaces", "A: 1\nB: 2", "a: 3", "B: 2\r\na: 3\r\n"),
        ("all lines of a name", "A: 1\nA: 2\nB: 3", "A: 4\nA: 5", "B: 3\r\nA: 4\r\nA: 5\r\n"),
        ("new names are added", "A: 1", "C: 3", "A: 1\r\nC: 3\r\n"),
        ("known names too", "Cache-Control: max-age=1\nETag: \"a\"", "Cache-Control: max-age=2", "ETag: \"a\"\r\nCache-Control: max-age=2\r\n"),
        ("3.2 Content-Length", "Content-Length: 5", "Content-Length: 0", "Content-Length: 5\r\n"),
        ("3.2 not even a new one", "A: 1", "Content-Length: 0", "A: 1\r\n"),
        ("3.2 what the content depends on", "Content-Type: image/png\nContent-Encoding: br", "Content-Type: text/html\nContent-Encoding: gzip\nContent-Range: bytes 0-1/2", "Content-Encoding: br\r\nContent-Type: text/html\r\n"),
        ("3.1 what is for the next hop", "A: 1", "Connection: close, X\nX: 1\nKeep-Alive: 5\nTransfer-Encoding: chunked\nTrailer: t\nUpgrade: u\nProxy-Authenticate: p\nProxy-Authentication-Info: i", "A: 1\r\n"),
        ("3.1 and does not remove the stored", "X: 1", "Connection: X\nX: 2", "X: 1\r\n"),
        ("4.2.3 Age is of that message", "Age: 5\nA: 1", "Age: 7", "A: 1\r\n"),
        ("4.2.3 Date", "Date: old", "Date: new", "Date: new\r\n"),
        ("9110 6.6.1 no Date", "Date: old\nA: 1", "", "A: 1\r\n"),
        ("the way of the stored message", "Via: 1.1 a, 1.1 us", "Via: 1.1 b", "Via: 1.1 a, 1.1 us\r\n"),
    ];
    for (section, stored, news, want) in cases {
        let want = alloc::format!("HTTP/1.1 203 Fine\r\n{want}");
        assert_eq!(
            freshened(stored, news),
            want,
            "{section}: {stored} / {news}"
        );
    }
}
