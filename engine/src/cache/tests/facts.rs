//! Age and freshness: section 4.2, and that no number is too large for them.

use super::{req, res, seconds, usual, NOON, NOON_TEXT};
use crate::cache::{Facts, Policy, Refresh, Times};
use crate::time::{Mono, Wall};
use alloc::format;
use alloc::string::String;
use proptest::prelude::*;

/// Asked at 100 s, answered at 103 s, at noon.
const TIMES: Times = Times {
    requested: Mono(100_000),
    received: Mono(103_000),
    wall: NOON,
    spread: 0,
};

fn facts(fields: &str, policy: &Policy) -> Facts {
    Facts::of(&req("GET", ""), &res(200, fields), policy, &TIMES)
}

#[test]
fn age_at_arrival() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, u32)] = &[
        ("4.2.3 the delay alone", "Date: Mon, 15 Jun 2026 12:00:00 GMT", 3),
        ("4.2.3 no Date", "", 3),
        ("4.2.3 apparent age", "Date: Mon, 15 Jun 2026 11:59:00 GMT", 60),
        ("4.2.3 Age and delay", "Date: Mon, 15 Jun 2026 12:00:00 GMT\nAge: 10", 13),
        ("4.2.3 the larger", "Date: Mon, 15 Jun 2026 11:59:00 GMT\nAge: 10", 60),
        ("4.2.3 the larger", "Date: Mon, 15 Jun 2026 11:59:00 GMT\nAge: 100", 103),
        ("4.2.3 Date ahead of us", "Date: Mon, 15 Jun 2026 13:00:00 GMT", 3),
        ("9110 6.6.1 no date", "Date: yesterday", 3),
        ("5.1 first member", "Age: 7, 9", 10),
        ("5.1 first line", "Age: 7\nAge: 9", 10),
        ("5.1 not a number", "Age: old", 3),
        ("5.1 negative", "Age: -7", 3),
        ("5.1 fraction", "Age: 7.5", 3),
        ("5.1 invalid first, valid second", "Age: x, 7", 3),
        ("1.2.2 too large", "Age: 99999999999999", 1 << 31),
        ("1.2.2 as large as can be", "Age: 2147483648", 1 << 31),
        ("9110 5.6.7 obsolete form", "Date: Monday, 15-Jun-26 11:59:00 GMT", 60),
        ("9110 5.6.7 asctime", "Date: Mon Jun 15 11:59:00 2026", 60),
    ];
    for (section, fields, want) in cases {
        assert_eq!(
            facts(fields, &usual()).initial_age,
            *want,
            "{section}: {fields}"
        );
    }
}

#[test]
fn lifetimes() {
    let policy = |default_lifetime, heuristic, refresh: Option<(u32, u32, u32)>| Policy {
        default_lifetime,
        heuristic,
        refresh: refresh.map(|(min, percent, max)| Refresh { min, percent, max }),
        ..usual()
    };
    let default = || policy(Some(77), true, None);
    let squid = || policy(Some(77), true, Some((1800, 20, 216_000)));
    let an_hour_ago = "Last-Modified: Mon, 15 Jun 2026 11:00:00 GMT";
    #[rustfmt::skip]
    let cases: [(&str, &str, Policy, u32, bool); 26] = [
        ("4.2.1 s-maxage first", "Cache-Control: max-age=1, s-maxage=2\nExpires: 0", usual(), 2, false),
        ("4.2.1 max-age next", "Cache-Control: max-age=1\nExpires: Mon, 15 Jun 2099 12:00:00 GMT", usual(), 1, false),
        ("4.2.1 Expires less Date", "Expires: Mon, 15 Jun 2026 12:01:00 GMT\nDate: Mon, 15 Jun 2026 11:59:00 GMT", usual(), 120, false),
        ("4.2.1 Expires less now", "Expires: Mon, 15 Jun 2026 12:01:00 GMT", usual(), 60, false),
        ("4.2.1 before Date", "Expires: Mon, 15 Jun 2026 12:01:00 GMT\nDate: Mon, 15 Jun 2026 12:02:00 GMT", usual(), 0, false),
        ("5.3 invalid", "Expires: 0", usual(), 0, false),
        ("5.3 invalid, not heuristic", "Expires: 0\nLast-Modified: Mon, 15 Jun 2020 12:00:00 GMT", default(), 0, false),
        ("5.3 two of them", "Expires: Mon, 15 Jun 2026 12:01:00 GMT\nExpires: Mon, 15 Jun 2026 12:00:30 GMT", usual(), 30, false),
        ("1.2.2", "Expires: Fri, 31 Dec 9999 23:59:59 GMT", usual(), 1 << 31, false),
        ("4.2.1 invalid max-age, not Expires", "Cache-Control: max-age=x\nExpires: Mon, 15 Jun 2099 12:00:00 GMT", default(), 0, false),
        ("4.2.2 a tenth", an_hour_ago, usual(), 360, true),
        ("4.2.2 of Date", "Last-Modified: Mon, 15 Jun 2026 11:00:00 GMT\nDate: Mon, 15 Jun 2026 11:10:00 GMT", usual(), 60, true),
        ("4.2.2 at most a day", "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT", usual(), 86_400, true),
        ("4.2.2 modified in the future", "Last-Modified: Mon, 15 Jun 2026 13:00:00 GMT", usual(), 0, false),
        ("4.2.2 modified in the future, default", "Last-Modified: Mon, 15 Jun 2026 13:00:00 GMT", default(), 77, true),
        ("4.2.2 no date, default", "Last-Modified: once", default(), 77, true),
        ("the heuristic goes before the default", an_hour_ago, default(), 360, true),
        ("no heuristic", an_hour_ago, policy(None, false, None), 0, false),
        ("no heuristic, default", an_hour_ago, policy(Some(77), false, None), 77, true),
        ("refresh: the least", an_hour_ago, squid(), 1800, true),
        ("refresh: no Last-Modified", "", squid(), 1800, true),
        ("refresh: the share", "Last-Modified: Sun, 14 Jun 2026 12:00:00 GMT", squid(), 17_280, true),
        ("refresh: the most", "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT", squid(), 216_000, true),
        ("refresh: over 100 %", an_hour_ago, policy(None, true, Some((0, 500, u32::MAX))), 18_000, true),
        ("refresh: no overflow", "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT", policy(None, true, Some((0, u32::MAX, u32::MAX))), 1 << 31, true),
        ("refresh: explicit goes before", "Cache-Control: max-age=5", squid(), 5, false),
    ];
    for (section, fields, policy, want, heuristic) in cases {
        let got = facts(fields, &policy);
        let got = (got.lifetime, got.has(Facts::HEURISTIC));
        assert_eq!(got, (want, heuristic), "{section}: {fields}");
    }
    // 4.2.2: not every status may have a heuristic.
    for (status, fields, want) in [
        (500, "", 0),
        (500, "Cache-Control: public", 77),
        (404, "", 77),
    ] {
        let got = Facts::of(&req("GET", ""), &res(status, fields), &default(), &TIMES).lifetime;
        assert_eq!(got, want, "{status} {fields}");
    }
}

#[test]
fn flags_and_values() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, u16)] = &[
        ("", "", 0),
        ("5.2.2.2", "Cache-Control: must-revalidate", Facts::MUST_REVALIDATE),
        ("5.2.2.8", "Cache-Control: proxy-revalidate", Facts::MUST_REVALIDATE),
        ("5.2.2.10", "Cache-Control: s-maxage=5", Facts::MUST_REVALIDATE),
        ("5.2.2.4", "Cache-Control: no-cache", Facts::NO_CACHE),
        ("5.2.2.4 qualified", "Cache-Control: no-cache=\"set-cookie\"", 0),
        ("5.2.2.4 qualified, malformed", "Cache-Control: no-cache=\"a b\"", Facts::NO_CACHE),
        ("9110 8.8.3", "ETag: W/\"x\"", Facts::HAS_ETAG),
        ("9110 8.8.2", "Last-Modified: Mon, 15 Jun 2026 12:00:00 GMT", Facts::HAS_LAST_MODIFIED),
        ("9110 8.8.2 no date", "Last-Modified: once", 0),
    ];
    for (section, fields, want) in cases {
        assert_eq!(facts(fields, &usual()).flags, *want, "{section}: {fields}");
    }
    let all = facts(
        "Date: Mon, 15 Jun 2026 11:59:00 GMT\nLast-Modified: Mon, 15 Jun 2026 11:00:00 GMT\nETag: \"x\"\nAge: 1",
        &usual(),
    );
    let want = Facts {
        received: Mono(103_000),
        delay_ms: all.delay_ms,
        initial_age: 60,
        lifetime: 354,
        stale_while: 0,
        stale_error: 3600,
        status: 200,
        flags: Facts::HAS_ETAG | Facts::HAS_LAST_MODIFIED | Facts::HEURISTIC,
    };
    assert_eq!(all, want);
}

#[test]
fn freshness_ends_with_the_second() {
    let fields = format!("Date: {NOON_TEXT}\nCache-Control: max-age=10\nAge: 2");
    let facts = facts(&fields, &usual());
    // 5 s old on arrival at 103 s: fresh until 108 s.
    for (now, age, fresh, left) in [
        (seconds(103), 5, true, 5),
        (Mono(103_999), 5, true, 5),
        (seconds(104), 6, true, 4),
        (Mono(107_999), 9, true, 1),
        (seconds(108), 10, false, 0),
        (seconds(1000), 902, false, 0),
        (seconds(0), 5, true, 5),
        (Mono(u64::MAX), 1 << 31, false, 0),
    ] {
        let got = (facts.age(now), facts.is_fresh(now), facts.fresh_for(now));
        assert_eq!(got, (age, fresh, left), "4.2: {now:?}");
    }
}

#[test]
fn a_validated_response_is_as_old_as_its_confirmation() {
    let merged = res(
        200,
        &format!("Date: {NOON_TEXT}\nCache-Control: max-age=60\nETag: \"x\""),
    );
    let confirmation = res(304, &format!("Date: {NOON_TEXT}\nAge: 20"));
    let facts = Facts::validated(&req("GET", ""), &merged, &confirmation, &usual(), &TIMES);
    assert_eq!(
        (facts.initial_age, facts.lifetime, facts.status),
        (23, 60, 200)
    );
    assert!(facts.has(Facts::HAS_ETAG));
}

fn any_number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u64>().prop_map(|n| format!("{n}")),
        any::<i64>().prop_map(|n| format!("{n}")),
        "[0-9]{1,40}",
        "\\PC{0,12}".prop_filter("one line", |text| !text.contains(['\r', '\n'])),
    ]
}

fn any_date() -> impl Strategy<Value = String> {
    prop_oneof![
        (-62_167_219_200_i64..=253_402_300_799).prop_map(|at| {
            let mut out = [0; 29];
            let text = crate::http::date::format(Wall(at), &mut out);
            String::from_utf8(text.to_vec()).unwrap()
        }),
        any_number(),
    ]
}

proptest! {
    // A failure prints its smallest input, and keeps its seed under proptest-regressions.

    #[test]
    fn no_number_is_too_large(
        (age, max_age, expires) in (any_number(), any_number(), any_date()),
        (date, modified) in (any_date(), any_date()),
        (requested, received, now) in (any::<u64>(), any::<u64>(), any::<u64>()),
        wall in any::<i64>(),
        (min, percent, max, with_refresh) in (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>()),
        explicit in any::<bool>(),
        (jitter_percent, spread) in (0_u8..=50, any::<u16>()),
    ) {
        let mut fields = format!("Date: {date}\nAge: {age}\nLast-Modified: {modified}");
        if explicit {
            fields += &format!("\nCache-Control: max-age={max_age}\nExpires: {expires}");
        }
        let Some(response) = parsed(&fields) else { return Ok(()) };
        let policy = Policy {
            refresh: with_refresh.then_some(Refresh { min, percent, max }),
            jitter_percent,
            ..usual()
        };
        let times = Times { requested: Mono(requested), received: Mono(received), wall: Wall(wall), spread };
        let facts = Facts::of(&req("GET", ""), &response, &policy, &times);
        let now = Mono(now);
        const MOST: u32 = crate::limits::LIFETIME_MAX;
        prop_assert!(facts.initial_age <= MOST);
        prop_assert!(facts.lifetime <= MOST);
        prop_assert!(facts.age(now) <= MOST);
        prop_assert!(facts.age(now) >= facts.initial_age);
        prop_assert_eq!(facts.is_fresh(now), facts.fresh_for(now) > 0);
        // A later look never makes it younger or fresher.
        let later = Mono(now.0.saturating_add(1000));
        prop_assert!(facts.age(later) >= facts.age(now));
        prop_assert!(facts.fresh_for(later) <= facts.fresh_for(now));
        // Nothing is fresh once the largest lifetime has passed.
        prop_assert!(!facts.is_fresh(Mono(u64::MAX)) || received > u64::MAX - u64::from(MOST) * 1000);
    }

    #[test]
    fn the_wall_clock_may_jump_once_it_is_stored(
        lifetime in 0_u32..1000,
        passed_ms in 0_u64..2_000_000,
    ) {
        // Only Mono counts after arrival: freshness is the same whatever the wall clock says.
        let facts = facts(&format!("Date: {NOON_TEXT}\nCache-Control: max-age={lifetime}"), &usual());
        let now = Mono(103_000 + passed_ms);
        prop_assert_eq!(facts.age(now), 3 + (passed_ms / 1000) as u32);
        prop_assert_eq!(facts.is_fresh(now), facts.age(now) < lifetime);
    }
}

/// A response whose fields the parser lets through.
fn parsed(fields: &str) -> Option<crate::http::Response<'static>> {
    let bytes = super::bytes("HTTP/1.1 200 Fine", fields);
    let head: &mut crate::http::ResponseHead =
        alloc::boxed::Box::leak(alloc::boxed::Box::default());
    head.parse(bytes, &super::LIMITS).ok()?;
    Some(head.view(bytes))
}

#[test]
fn facts_in_bytes_have_their_places() {
    let facts = Facts {
        received: Mono(0x0807_0605_0403_0201),
        delay_ms: 0x0c0b_0a09,
        initial_age: 0x100f_0e0d,
        lifetime: 0x1413_1211,
        stale_while: 0x1817_1615,
        stale_error: 0x1c1b_1a19,
        status: 200,
        flags: 0x201f,
    };
    let mut want: [u8; 32] = core::array::from_fn(|at| at as u8 + 1);
    want[28..30].copy_from_slice(&200_u16.to_le_bytes());
    assert_eq!(facts.to_bytes(), want);
    assert_eq!(Facts::from_bytes(&want), Some(facts));
    for (status, good) in [
        (0, false),
        (99, false),
        (100, true),
        (999, true),
        (1000, false),
    ] {
        want[28..30].copy_from_slice(&u16::to_le_bytes(status));
        assert_eq!(Facts::from_bytes(&want).is_some(), good, "{status}");
    }
}

proptest! {
    #[test]
    fn facts_come_back_from_bytes(bytes in proptest::array::uniform32(any::<u8>())) {
        if let Some(facts) = Facts::from_bytes(&bytes) {
            prop_assert_eq!(facts.to_bytes(), bytes);
        }
    }
}
