//! RFC 9110, 14.1, 14.2 and 15.3.7.2: tables and properties of ranges.

use super::*;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use proptest::prelude::*;

#[test]
fn ranges_of_a_known_length() {
    use Ranges::{Ignore, Many, One, Unsatisfiable};
    let cases = [
        ("14.1.2", "bytes=0-499", One(0..500)),
        ("14.1 units in any case", "Bytes=500-999", One(500..1000)),
        ("14.1.2 suffix", "bytes=-500", One(9500..10_000)),
        ("14.1.2 open", "bytes=9500-", One(9500..10_000)),
        (
            "14.1.2 first and last",
            "bytes=0-0,-1",
            Many(vec![0..1, 9999..10_000]),
        ),
        (
            "14.1.2 as asked for",
            "bytes=-1,0-0",
            Many(vec![9999..10_000, 0..1]),
        ),
        (
            "14.1.2 middle",
            "bytes= 0-999, 4500-5499, -1000",
            Many(vec![0..1000, 4500..5500, 9000..10_000]),
        ),
        ("5.6.1.2 empty members", "bytes=,0-0, ,", One(0..1)),
        ("14.1.2 one is there", "bytes=0-0, 20000-", One(0..1)),
        ("14.1.2 one is there", "bytes=20000-, -0, 0-0", One(0..1)),
        ("14.1.2 behind the end", "bytes=0-99999", One(0..10_000)),
        ("14.1.2 longer than all", "bytes=-99999", One(0..10_000)),
        ("14.1.2 none is there", "bytes=10000-", Unsatisfiable),
        ("14.1.2 none of several", "bytes=10000-, -0", Unsatisfiable),
        ("14.1.2 no bytes", "bytes=-0", Unsatisfiable),
        ("14.1.1 last before first", "bytes=5-4", Ignore),
        ("14.1.1 one of them", "bytes=0-1,5-4", Ignore),
        ("14.1.1 also behind the end", "bytes=20000-10000", Ignore),
        ("14.1.1", "bytes=a-b", Ignore),
        ("14.1.1", "bytes=-", Ignore),
        ("14.1.1", "bytes=5", Ignore),
        ("14.1.1", "bytes=+1-2", Ignore),
        ("14.1.1", "bytes=--1", Ignore),
        ("14.1.1", "bytes=0 - 1", Ignore),
        ("14.1.1", "bytes=", Ignore),
        ("14.1.1", "bytes", Ignore),
        ("14.1.1", "bytes 0-1", Ignore),
        ("14.1 unit", "lines=1-2", Ignore),
        ("14.1.1", "bytes=0-1-2", Ignore),
        (
            "14.1.2 large",
            "bytes=99999999999999999999999-",
            Unsatisfiable,
        ),
        // 2^64 + 4: not the fifth byte.
        ("14.1.2 large", "bytes=18446744073709551620-", Unsatisfiable),
        (
            "14.1.2 large",
            "bytes=0-18446744073709551620",
            One(0..10_000),
        ),
        ("15.3.7.2 overlap", "bytes=0-9,5-99,50-60", One(0..100)),
        ("15.3.7.2 touch", "bytes=10-19,0-9", One(0..20)),
        ("15.3.7.2 a gap of 79", "bytes=0-0,80-80", One(0..81)),
        (
            "15.3.7.2 a gap of 80",
            "bytes=0-0,81-81",
            Many(vec![0..1, 81..82]),
        ),
        (
            "15.3.7.2 through a third",
            "bytes=0-9,170-179,85-94",
            One(0..180),
        ),
        (
            "15.3.7.2 in the first's place",
            "bytes=5000-5009,0-9,4990-5020,-1",
            Many(vec![4990..5021, 0..10, 9999..10_000]),
        ),
        (
            "15.3.7.2 in the first's place",
            "bytes=4990-5020,0-9,5000-5009",
            Many(vec![4990..5021, 0..10]),
        ),
        ("15.3.7.2 all", "bytes=5000-,0-4999", One(0..10_000)),
    ];
    for (section, value, want) in cases {
        assert_eq!(
            parse_all(value.as_bytes(), 10_000),
            want,
            "{section}: {value}"
        );
    }
    for value in ["bytes=0-", "bytes=-1", "bytes=0-0,-5"] {
        assert_eq!(
            parse_all(value.as_bytes(), 0),
            Unsatisfiable,
            "{value} of nothing"
        );
    }
    assert_eq!(
        parse_all(b"bytes=-1", u64::MAX),
        One(u64::MAX - 1..u64::MAX)
    );
    let last = format!("bytes={}-{0}", u64::MAX);
    assert_eq!(parse_all(last.as_bytes(), u64::MAX), Unsatisfiable);
}

#[test]
fn ranges_of_an_unknown_length() {
    use Wanted::{From, Ignore, Many, Suffix};
    let cases = [
        ("bytes=0-499", From(0, Some(499))),
        ("BYTES=500-", From(500, None)),
        ("bytes=-500", Suffix(500)),
        ("bytes=-0", Suffix(0)),
        ("bytes=0-0,-1", Many),
        ("bytes=0-0,0-0", Many),
        ("bytes=,3-4,", From(3, Some(4))),
        ("bytes=0-18446744073709551620", From(0, Some(u64::MAX))),
        ("bytes=5-4", Ignore),
        ("bytes=0-0,x", Ignore),
        ("bytes=", Ignore),
        ("lines=0-1", Ignore),
    ];
    for (value, want) in cases {
        assert_eq!(wanted(value.as_bytes()), want, "14.1: {value}");
    }
}

#[test]
fn more_ranges_than_the_bound_are_ignored() {
    // RFC 9110, 14.2 and 17.15. Those that do not exist count: they cost as much to read.
    for unit in ["100000-,", "0-0,"] {
        let set = |count: usize| format!("bytes={}1-2", unit.repeat(count - 1));
        assert_eq!(
            parse_all(set(RANGES_MAX).as_bytes(), 10),
            Ranges::One(if unit.starts_with('0') { 0..3 } else { 1..3 })
        );
        assert_eq!(wanted(set(RANGES_MAX).as_bytes()), Wanted::Many);
        assert_eq!(
            parse_all(set(RANGES_MAX + 1).as_bytes(), 10),
            Ranges::Ignore
        );
        assert_eq!(wanted(set(RANGES_MAX + 1).as_bytes()), Wanted::Ignore);
    }
}

/// A range as a client might write it: half of them small, so that they meet.
fn written() -> impl Strategy<Value = String> {
    let place = || prop_oneof![0_u64..600, 0_u64..6000];
    prop_oneof![
        4 => (place(), 0_u64..200).prop_map(|(a, bytes)| format!("{a}-{}", a + bytes)),
        1 => place().prop_map(|a| format!("{a}-")),
        1 => place().prop_map(|bytes| format!("-{bytes}")),
    ]
}

/// What 15.3.7.2 lets us do, done slowly: as long as any two are close, the later joins the
/// earlier.
fn joined_slowly(mut spans: Vec<Range<u64>>) -> Vec<Range<u64>> {
    'again: loop {
        for a in 0..spans.len() {
            for b in a + 1..spans.len() {
                let (x, y) = (spans[a].clone(), spans[b].clone());
                if x.start < y.end + GAP_BYTES && y.start < x.end + GAP_BYTES {
                    spans[a] = x.start.min(y.start)..x.end.max(y.end);
                    spans.remove(b);
                    continue 'again;
                }
            }
        }
        return spans;
    }
}

proptest! {
    #[test]
    fn spans_are_those_that_the_slow_way_gives(
        specs in prop::collection::vec(written(), 1..=RANGES_MAX), len in 0_u64..5000,
    ) {
        let value = format!("bytes={}", specs.join(", "));
        let single = |spec: &String| match parse_all(format!("bytes={spec}").as_bytes(), len) {
            Ranges::One(span) => Some(span),
            _ => None,
        };
        let mut want = joined_slowly(specs.iter().filter_map(single).collect());
        let want = match want.len() {
            0 => Ranges::Unsatisfiable,
            1 => Ranges::One(want.remove(0)),
            _ => Ranges::Many(want),
        };
        prop_assert_eq!(parse_all(value.as_bytes(), len), want, "{} of {}", value, len);
    }

    #[test]
    fn spans_lie_within_apart_and_never_come_to_more_than_the_whole(
        value in "bytes=([0-9]{0,4}-[0-9]{0,4},?){0,36}", len in 0_u64..12_000,
    ) {
        match parse_all(value.as_bytes(), len) {
            Ranges::One(span) => prop_assert!(span.start < span.end && span.end <= len),
            Ranges::Many(spans) => {
                prop_assert!((2..=RANGES_MAX).contains(&spans.len()));
                prop_assert!(spans.iter().all(|span| span.start < span.end && span.end <= len));
                prop_assert!(spans.iter().map(|span| span.end - span.start).sum::<u64>() <= len);
                let mut sorted = spans;
                sorted.sort_by_key(|span| span.start);
                prop_assert!(sorted.windows(2).all(|two| two[0].end + GAP_BYTES <= two[1].start));
            }
            Ranges::Ignore | Ranges::Unsatisfiable => {}
        }
    }

    #[test]
    fn a_plain_range_is_what_it_says(len in 1_u64..5000, a in 0_u64..6000, b in 0_u64..6000) {
        let want = match (a, b) {
            _ if b < a => Ranges::Ignore,
            _ if a >= len => Ranges::Unsatisfiable,
            _ => Ranges::One(a..b.min(len - 1) + 1),
        };
        prop_assert_eq!(parse_all(format!("bytes={a}-{b}").as_bytes(), len), want);
    }

    #[test]
    fn what_is_wanted_is_what_is_found_once_the_length_is_known(
        value in "bytes=[0-9,-]{0,24}", len in 1_u64..2000,
    ) {
        let found = parse_all(value.as_bytes(), len);
        match wanted(value.as_bytes()) {
            Wanted::Ignore => prop_assert_eq!(found, Ranges::Ignore),
            Wanted::From(first, _) if first >= len => prop_assert_eq!(found, Ranges::Unsatisfiable),
            Wanted::From(first, last) => {
                let end = last.map_or(len, |last| last.saturating_add(1).min(len));
                prop_assert_eq!(found, Ranges::One(first..end));
            }
            Wanted::Suffix(0) => prop_assert_eq!(found, Ranges::Unsatisfiable),
            Wanted::Suffix(bytes) => {
                prop_assert_eq!(found, Ranges::One(len.saturating_sub(bytes)..len));
            }
            Wanted::Many => prop_assert_ne!(found, Ranges::Ignore),
        }
    }

    #[test]
    fn any_bytes_are_survived(value in prop::collection::vec(any::<u8>(), 0..60), len: u64) {
        for value in [value.clone(), [b"bytes=", &value[..]].concat()] {
            let ignored = parse_all(&value, len) == Ranges::Ignore;
            prop_assert_eq!(ignored, wanted(&value) == Wanted::Ignore);
        }
    }
}
