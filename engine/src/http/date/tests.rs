//! RFC 9110, 5.6.7.

use super::*;
use core::str::from_utf8;
use proptest::prelude::*;
use std::{format, string::String};

/// Wed, 18 Nov 2026 11:06:40 GMT
const NOW: Wall = Wall(1_795_000_000);

#[test]
fn the_three_formats() {
    let cases = [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Sun Nov  6 08:49:37 1994", 784_111_777),
        ("Sun Nov 06 08:49:37 1994", 784_111_777),
        ("Wed Nov 16 08:49:37 1994", 784_975_777),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800),
        ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LAST),
        ("Sat, 01 Jan 0000 00:00:00 GMT", FIRST),
        // A leap second is the next minute's first.
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
    ];
    for (text, want) in cases {
        assert_eq!(parse(text.as_bytes(), NOW), Some(Wall(want)), "{text}");
    }
}

#[test]
fn what_is_no_date() {
    for text in [
        "",
        "0",
        "-1",
        ",",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994  08:49:37 GMT",
        "Foo, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06 Nov 94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
    ] {
        assert_eq!(parse(text.as_bytes(), NOW), None, "{text}");
    }
}

#[test]
fn two_digit_years_are_within_50_years() {
    let year = |date: &str, now: Wall| {
        let text = format!("Sunday, {date} 11:06:40 GMT");
        parse(text.as_bytes(), now).map(|at| civil(at.0.div_euclid(DAY)).0)
    };
    let in_2090 = Wall(3_800_000_000);
    let cases = [
        ("06-Nov-26", NOW, 2026),
        ("06-Nov-27", NOW, 2027),
        ("06-Nov-25", NOW, 2025),
        ("06-Nov-76", NOW, 2076),
        ("18-Nov-76", NOW, 2076),
        ("19-Nov-76", NOW, 1976),
        ("31-Dec-76", NOW, 1976),
        ("01-Jan-77", NOW, 1977),
        ("06-Nov-99", NOW, 1999),
        ("06-Nov-00", NOW, 2000),
        // The century of now is not that of every date.
        ("06-Nov-05", in_2090, 2105),
        ("06-Nov-95", in_2090, 2095),
        ("06-Nov-45", in_2090, 2045),
    ];
    for (date, now, want) in cases {
        assert_eq!(year(date, now), Some(want), "{date} at {now:?}");
    }
}

#[test]
fn years_without_four_digits_are_written_as_the_nearest() {
    let written = |at| {
        let mut out = [0; 29];
        String::from(from_utf8(format(Wall(at), &mut out)).unwrap())
    };
    assert_eq!(written(i64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_eq!(written(i64::MIN), "Sat, 01 Jan 0000 00:00:00 GMT");
}

/// The names of the day and the month, by another way than `format` takes.
fn spelled(at: i64) -> (String, String) {
    let (year, month, day) = civil(at.div_euclid(DAY));
    // Sakamoto's rule for the day of the week.
    let table = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
    let y = if month < 3 { year - 1 } else { year };
    let sum = y + y.div_euclid(4) - y.div_euclid(100)
        + y.div_euclid(400)
        + table[month as usize - 1]
        + day;
    let week = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    (
        week[sum.rem_euclid(7) as usize].into(),
        format!("{day:02} "),
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(at in FIRST..=LAST) {
        let mut out = [0; 29];
        let text = format(Wall(at), &mut out);
        prop_assert_eq!(parse(text, NOW), Some(Wall(at)));
        let (week, day) = spelled(at);
        prop_assert!(text.starts_with(week.as_bytes()) && text[5..].starts_with(day.as_bytes()));
    }

    #[test]
    fn the_old_formats_say_the_same(at in 0_i64..LAST) {
        let mut out = [0; 29];
        let text = from_utf8(format(Wall(at), &mut out)).unwrap();
        let (day, month, year, time) = (&text[5..7], &text[8..11], &text[12..16], &text[17..25]);
        let c = format!("{} {month} {:>2} {time} {year}", &text[..3], day.trim_start_matches('0'));
        prop_assert_eq!(parse(c.as_bytes(), NOW), Some(Wall(at)), "{}", c);
        let long = LONG_DAYS.iter().find(|long| long.starts_with(&text.as_bytes()[..3])).unwrap();
        let old = format!("{}, {day}-{month}-{} {time} GMT", from_utf8(long).unwrap(), &year[2..]);
        prop_assert_eq!(parse(old.as_bytes(), Wall(at)), Some(Wall(at)), "{}", old);
    }

    #[test]
    fn a_two_digit_year_is_never_more_than_50_years_ahead(
        now in 0_i64..LAST, year in 0..100, month in 0_usize..12, day in 1..29,
    ) {
        let month = from_utf8(MONTHS[month]).unwrap();
        let text = format!("Monday, {day:02}-{month}-{year:02} 00:00:00 GMT");
        let at = parse(text.as_bytes(), Wall(now)).unwrap().0;
        // 50 years have 12 or 13 leap days.
        prop_assert!(at - now <= (50 * 365 + 13) * DAY && now - at <= (50 * 365 + 14) * DAY);
    }

    #[test]
    fn any_bytes_and_any_time_are_survived(text in "[A-Za-z0-9:, -]{0,40}", at: i64) {
        let _ = parse(text.as_bytes(), Wall(at));
        let _ = parse(b"Sunday, 06-Nov-94 08:49:37 GMT", Wall(at)).unwrap();
        let _ = format(Wall(at), &mut [0; 29]);
    }
}
