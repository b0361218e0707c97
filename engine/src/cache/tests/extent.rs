//! What came in parts: RFC 9110, 14.4 and 15.3.7.3; RFC 9111, 3.3 and 3.4.

use super::res;
use crate::cache::extent::{
    missing, push_range, same_entity, still_same, unsatisfied_length, whole_head, window, Extent,
};
use crate::limits::FRAGMENT_BYTES;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use proptest::prelude::*;

fn extent(first: u64, end: u64, whole: u64) -> Extent {
    Extent { first, end, whole }
}

fn range_line(span: &Range<u64>, whole: Option<u64>) -> String {
    let mut out = Vec::new();
    push_range(&mut out, span, whole);
    String::from_utf8(out).unwrap()
}

#[test]
fn what_a_206_carries() {
    let is = |first, end, whole| Some(extent(first, end, whole));
    let cases = [
        (
            "9110, 14.4",
            206,
            "Content-Range: bytes 0-4/10",
            Some(5),
            is(0, 5, 10),
        ),
        (
            "9110, 14.4 the last",
            206,
            "Content-Range: bytes 9-9/10",
            Some(1),
            is(9, 10, 10),
        ),
        (
            "9110, 14.4 all",
            206,
            "Content-Range: bytes 0-9/10",
            Some(10),
            is(0, 10, 10),
        ),
        (
            "9110, 14.4 unit in any case",
            206,
            "Content-Range: BYTES 0-4/10",
            Some(5),
            is(0, 5, 10),
        ),
        (
            "9112, 6.3 length not known yet",
            206,
            "Content-Range: bytes 0-4/10",
            None,
            is(0, 5, 10),
        ),
        (
            "9111, 3.3 shorter than it says",
            206,
            "Content-Range: bytes 4-9/10",
            Some(5),
            is(4, 9, 10),
        ),
        (
            "9111, 3.3 nothing at all",
            206,
            "Content-Range: bytes 4-9/10",
            Some(0),
            None,
        ),
        (
            "9110, 14.4 longer",
            206,
            "Content-Range: bytes 0-4/10",
            Some(6),
            None,
        ),
        (
            "9110, 14.4 length not known",
            206,
            "Content-Range: bytes 0-4/*",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 last before first",
            206,
            "Content-Range: bytes 5-4/10",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 behind the end",
            206,
            "Content-Range: bytes 0-10/10",
            Some(11),
            None,
        ),
        (
            "9110, 14.4 behind the end",
            206,
            "Content-Range: bytes 0-0/0",
            Some(1),
            None,
        ),
        ("9110, 14.4 none", 206, "X: y", Some(5), None),
        (
            "9110, 14.4 two",
            206,
            "Content-Range: bytes 0-4/10\nContent-Range: bytes 0-4/10",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 two in one",
            206,
            "Content-Range: bytes 0-4/10, bytes 0-4/10",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 other unit",
            206,
            "Content-Range: lines 0-4/10",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 unsatisfied",
            206,
            "Content-Range: bytes */10",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 grammar",
            206,
            "Content-Range: bytes=0-4/10",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 grammar",
            206,
            "Content-Range: bytes 0-4",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 grammar",
            206,
            "Content-Range: bytes -4/10",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 grammar",
            206,
            "Content-Range: bytes 0-/10",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 grammar",
            206,
            "Content-Range: bytes 0-4/",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 grammar",
            206,
            "Content-Range: bytes 0-4/+10",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 grammar",
            206,
            "Content-Range: bytes",
            Some(5),
            None,
        ),
        (
            "larger than any",
            206,
            "Content-Range: bytes 0-4/18446744073709551626",
            Some(5),
            None,
        ),
        (
            "9110, 15.3.7.2",
            206,
            "Content-Range: bytes 0-4/10\nContent-Type: Multipart/Byteranges; boundary=a",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 means nothing",
            200,
            "Content-Range: bytes 0-4/10",
            Some(5),
            None,
        ),
        (
            "9110, 14.4 means nothing",
            416,
            "Content-Range: bytes 0-4/10",
            Some(5),
            None,
        ),
    ];
    for (section, status, fields, bytes, want) in cases {
        let got = Extent::of(&res(status, fields), bytes);
        assert_eq!(got, want, "{section}: {status} {fields}, {bytes:?}");
    }
}

#[test]
fn the_length_that_a_416_states() {
    let cases = [
        ("9110, 15.5.17", 416, "Content-Range: bytes */10", Some(10)),
        ("of nothing", 416, "Content-Range: bytes */0", Some(0)),
        (
            "unit in any case",
            416,
            "Content-Range: Bytes */10",
            Some(10),
        ),
        ("not stated", 416, "X: y", None),
        (
            "two",
            416,
            "Content-Range: bytes */10\nContent-Range: bytes */11",
            None,
        ),
        ("grammar", 416, "Content-Range: bytes */*", None),
        ("grammar", 416, "Content-Range: */10", None),
        ("satisfied", 416, "Content-Range: bytes 0-4/10", None),
        ("not of a 206", 206, "Content-Range: bytes */10", None),
    ];
    for (section, status, fields, want) in cases {
        let got = unsatisfied_length(&res(status, fields));
        assert_eq!(got, want, "{section}: {status} {fields}");
    }
}

#[test]
fn windows_are_aligned() {
    const F: u64 = FRAGMENT_BYTES;
    let long = 5 * F + 123;
    let cases = [
        (0, None, 0..F),
        (F - 1, None, 0..F),
        (F, None, F..2 * F),
        (0, Some(10), 0..10),
        (9, Some(10), 0..10),
        (10, Some(10), 10..10),
        (0, Some(0), 0..0),
        (5 * F, Some(long), 5 * F..long),
        (4 * F + 1, Some(long), 4 * F..5 * F),
        (long + F, Some(long), long..long),
        (u64::MAX - 1, None, u64::MAX - (F - 1)..u64::MAX),
        (u64::MAX, None, u64::MAX..u64::MAX),
    ];
    for (at, whole, want) in cases {
        assert_eq!(window(at, whole), want, "byte {at} of {whole:?}");
    }
}

#[test]
fn range_lines() {
    let cases = [
        (0..1_048_576, None, "Range: bytes=0-1048575\r\n"),
        (
            1_048_576..2_097_152,
            Some(5_000_000),
            "Range: bytes=1048576-2097151\r\n",
        ),
        (5..10, Some(10), "Range: bytes=5-\r\n"),
        (0..10, Some(10), "Range: bytes=0-\r\n"),
        (5..9, Some(10), "Range: bytes=5-8\r\n"),
        (5..10, None, "Range: bytes=5-9\r\n"),
        (5..5, Some(10), ""),
        (10..10, Some(10), ""),
    ];
    for (span, whole, want) in cases {
        assert_eq!(
            range_line(&span, whole),
            want,
            "9110, 14.1.1: {span:?} of {whole:?}"
        );
    }
}

#[test]
fn what_is_missing() {
    let cases = [
        ("the end", extent(0, 5, 10), 0..10, 5..10),
        ("the front", extent(4, 10, 10), 0..10, 0..4),
        ("nothing", extent(0, 10, 10), 0..10, 10..10),
        ("nothing of less", extent(2, 8, 10), 4..6, 6..6),
        ("both sides", extent(4, 9, 10), 0..10, 0..10),
        ("beside it", extent(0, 4, 10), 6..10, 6..10),
        ("beside it", extent(6, 10, 10), 0..4, 0..4),
        ("up to it", extent(6, 10, 10), 0..6, 0..6),
        ("behind it", extent(0, 6, 10), 6..10, 6..10),
        ("over the edge", extent(3, 7, 10), 5..10, 7..10),
        ("over the edge", extent(3, 7, 10), 0..5, 0..3),
        (
            "a window that is longer than all",
            extent(0, 5, 10),
            0..1000,
            5..10,
        ),
        ("a window behind all", extent(0, 5, 10), 20..1000, 10..10),
    ];
    for (what, held, window, want) in cases {
        assert_eq!(
            missing(&held, &window),
            want,
            "{what}: {held:?} in {window:?}"
        );
    }
}

/// The public conformance tests ask in this way.
#[test]
fn a_front_and_a_suffix_make_the_whole() {
    let front = extent(0, 5, 10);
    let rest = missing(&front, &window(0, Some(10)));
    assert_eq!(rest, 5..10);
    assert_eq!(range_line(&rest, Some(10)), "Range: bytes=5-\r\n");
    let suffix = res(206, "Content-Range: bytes 4-9/10\nContent-Length: 5");
    let suffix = Extent::of(&suffix, Some(5)).unwrap();
    assert_eq!(suffix, extent(4, 9, 10));
    assert!(!suffix.is_whole() && suffix.covers(&(4..9)) && !suffix.covers(&(4..10)));
    assert!(extent(0, 10, 10).is_whole() && extent(3, 4, 10).covers(&(7..7)));
}

#[test]
fn whether_parts_are_of_one_version() {
    const LATER: &str =
        "Date: Mon, 15 Jun 2026 12:00:01 GMT\nLast-Modified: Mon, 15 Jun 2026 12:00:00 GMT";
    const AT_ONCE: &str =
        "Date: Mon, 15 Jun 2026 12:00:00 GMT\nLast-Modified: Mon, 15 Jun 2026 12:00:00 GMT";
    const OTHER: &str =
        "Date: Mon, 15 Jun 2026 12:00:09 GMT\nLast-Modified: Mon, 15 Jun 2026 12:00:01 GMT";
    // Section, held, new, share a strong validator, nothing says otherwise.
    let cases = [
        (
            "9111, 3.4 strong tag",
            "ETag: \"a\"",
            "ETag: \"a\"",
            true,
            true,
        ),
        (
            "9111, 3.4 other tag",
            "ETag: \"a\"",
            "ETag: \"b\"",
            false,
            false,
        ),
        (
            "9110, 8.8.3.2 in other case",
            "ETag: \"a\"",
            "ETag: \"A\"",
            false,
            false,
        ),
        (
            "9110, 8.8.3.2 weak",
            "ETag: W/\"a\"",
            "ETag: W/\"a\"",
            false,
            true,
        ),
        (
            "9110, 8.8.3.2 weakened",
            "ETag: \"a\"",
            "ETag: W/\"a\"",
            false,
            false,
        ),
        ("9111, 3.4 tag gone", "ETag: \"a\"", "X: y", false, false),
        ("9111, 3.4 tag new", "X: y", "ETag: \"a\"", false, false),
        ("9110, 8.8.2.2 strong date", LATER, LATER, true, true),
        ("9110, 8.8.2.2 weak date", LATER, AT_ONCE, false, true),
        ("9110, 8.8.2.2 weak date", AT_ONCE, LATER, false, true),
        ("9110, 8.8.2 other date", LATER, OTHER, false, false),
        ("9110, 8.8.2 date gone", LATER, "X: y", false, false),
        ("9110, 15.3.7.3 nothing", "X: y", "X: y", false, true),
    ];
    for (section, held, new, same, still) in cases {
        let (held, new) = (res(206, held), res(206, new));
        assert_eq!(
            same_entity(&held, &new),
            same,
            "{section}: {held:?} {new:?}"
        );
        assert_eq!(
            still_same(&held, &new),
            still,
            "{section}: {held:?} {new:?}"
        );
    }
    // A tag goes before the dates, whatever they say (9110, 8.8.1).
    let tagged = |tag: &str| res(206, &format!("ETag: {tag}\n{LATER}"));
    assert!(same_entity(
        &tagged("\"a\""),
        &res(206, &format!("ETag: \"a\"\n{OTHER}"))
    ));
    assert!(!same_entity(&tagged("W/\"a\""), &tagged("W/\"a\"")));
    assert!(!same_entity(&tagged("\"a\""), &res(206, LATER)));
}

#[test]
fn parts_of_another_length_are_of_another_version() {
    let ten = "ETag: \"a\"\nContent-Range: bytes 0-4/10";
    let cases = [
        (
            206,
            ten,
            206,
            "ETag: \"a\"\nContent-Range: bytes 5-9/10",
            true,
        ),
        (
            206,
            ten,
            206,
            "ETag: \"a\"\nContent-Range: bytes 5-9/11",
            false,
        ),
        (206, ten, 200, "ETag: \"a\"\nContent-Length: 10", true),
        (206, ten, 200, "ETag: \"a\"\nContent-Length: 5", false),
        (206, ten, 200, "ETag: \"a\"", true),
        (200, "ETag: \"a\"", 206, ten, true),
        (
            206,
            ten,
            206,
            "ETag: \"a\"\nContent-Range: bytes 5-9/*",
            true,
        ),
    ];
    for (status, held, new_status, new, want) in cases {
        let (held, new) = (res(status, held), res(new_status, new));
        assert_eq!(
            same_entity(&held, &new),
            want,
            "9111, 3.4: {held:?} {new:?}"
        );
        assert_eq!(still_same(&held, &new), want, "{held:?} {new:?}");
    }
}

#[test]
fn the_head_of_the_whole() {
    let part = res(
        206,
        "Date: Mon, 15 Jun 2026 12:00:00 GMT\nContent-Range: bytes 0-4/10\nContent-Length: 5\n\
         Content-Type: text/plain\nETag: \"a\"\nContent-Digest: sha-256=:AA==:\nX: 1\nx: 2",
    );
    let mut out = Vec::new();
    whole_head(&part, &mut out);
    let want = "HTTP/1.1 200 OK\r\nDate: Mon, 15 Jun 2026 12:00:00 GMT\r\n\
                Content-Type: text/plain\r\nETag: \"a\"\r\nX: 1\r\nx: 2\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), want, "9111, 3.4");
}

/// An extent of a whole, both any.
fn extents() -> impl Strategy<Value = Extent> {
    let whole = prop_oneof![1_u64..5_000_000, 1_u64..=u64::MAX];
    (whole, any::<u64>(), any::<u64>()).prop_map(|(whole, a, b)| {
        let (a, b) = (a % whole, b % whole);
        extent(a.min(b), a.max(b) + 1, whole)
    })
}

proptest! {
    #[test]
    fn a_window_holds_its_byte_and_no_other_fragment(at: u64, whole: Option<u64>) {
        let got = window(at, whole);
        prop_assert!(got.start <= got.end && got.end - got.start <= FRAGMENT_BYTES);
        if at < whole.unwrap_or(u64::MAX) {
            prop_assert!(got.contains(&at) && got.start % FRAGMENT_BYTES == 0);
            prop_assert!(got.end % FRAGMENT_BYTES == 0 || got.end == whole.unwrap_or(u64::MAX));
        } else {
            prop_assert!(got.is_empty());
        }
    }

    #[test]
    fn what_is_held_and_what_is_missing_fill_the_window(held in extents(), at: u64, known: bool) {
        let at = at % held.whole;
        let window = window(at, known.then_some(held.whole));
        let asked = missing(&held, &window);
        let inside = window.start..window.end.min(held.whole);
        prop_assert!(inside.start <= asked.start && asked.start <= asked.end && asked.end <= inside.end);
        if asked.is_empty() {
            prop_assert!(held.covers(&inside));
        } else if asked != inside {
            // One side is held to where the other begins.
            let front = held.covers(&(inside.start..asked.start)) && asked.end == inside.end;
            let back = asked.start == inside.start && held.covers(&(asked.end..inside.end));
            prop_assert!(front || back, "{:?} {:?} {:?}", held, inside, asked);
            prop_assert!(!held.span().contains(&asked.start) && !held.span().contains(&(asked.end - 1)));
        }
        // And the line that asks for it reads as just that.
        let line = range_line(&asked, known.then_some(held.whole));
        let value = line.strip_prefix("Range: ").and_then(|line| line.strip_suffix("\r\n"));
        let read = value.map(|value| crate::http::range::parse_all(value.as_bytes(), held.whole));
        let want = (!asked.is_empty()).then_some(crate::http::Ranges::One(asked));
        prop_assert_eq!(read, want);
    }

    #[test]
    fn an_extent_is_read_as_it_was_written(held in extents(), less in 0_u64..3) {
        let written = format!("Content-Range: bytes {}-{}/{}", held.first, held.end - 1, held.whole);
        let bytes = (held.end - held.first).saturating_sub(less);
        let read = Extent::of(&res(206, &written), Some(bytes));
        let surely_fits = held.whole < 10_u64.pow(19);
        let want = (surely_fits && bytes > 0).then_some(Extent { end: held.first + bytes, ..held });
        prop_assert_eq!(read, want);
    }

    #[test]
    fn any_content_range_is_survived(value in "[ -~]{0,40}", numbers in "bytes [0-9*]{0,21}-?[0-9]{0,21}/[0-9*]{0,21}", bytes: Option<u64>) {
        for value in [value, numbers] {
            let fields = format!("Content-Range: {value}");
            if let Some(got) = Extent::of(&res(206, &fields), bytes) {
                prop_assert!(got.first < got.end && got.end <= got.whole);
            }
            let _ = unsatisfied_length(&res(416, &fields));
        }
    }
}
