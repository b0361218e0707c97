//! Sizes and times as an operator writes them: `"8GiB"`, `"1m30s"`, and back to text.
//!
//! Knows units. Does not know which option a value is for, nor its bounds.

use std::time::Duration;

pub(crate) const KIB: u64 = 1 << 10;
pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const GIB: u64 = 1 << 30;
pub(crate) const TIB: u64 = 1 << 40;

/// Binary units first and largest last: showing walks them from the end.
const BINARY: [(&str, u64); 5] = [
    ("B", 1),
    ("KiB", KIB),
    ("MiB", MIB),
    ("GiB", GIB),
    ("TiB", TIB),
];
const DECIMAL: [(&str, u64); 3] = [("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000)];

/// Milliseconds, largest unit first: the order in which a sum is written.
const TIMES: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// What people write for the units of [`TIMES`].
const TIME_SLIPS: [(&str, &[&str]); 5] = [
    ("d", &["day", "days"]),
    ("h", &["hr", "hrs", "hour", "hours"]),
    ("m", &["min", "mins", "minute", "minutes"]),
    ("s", &["sec", "secs", "second", "seconds"]),
    (
        "ms",
        &[
            "msec",
            "msecs",
            "milli",
            "millis",
            "millisecond",
            "milliseconds",
        ],
    ),
];

/// Bytes of a size such as `8GiB`. The error is a suggestion, where there is one.
pub(crate) fn size(text: &str) -> Result<u64, Option<String>> {
    let (digits, unit) = split_number(text);
    let number: u64 = match digits.parse() {
        Ok(number) => number,
        Err(_) if digits.is_empty() => return Err(None),
        Err(_) => return Err(Some("that is more than any machine has".to_owned())),
    };
    let units = || BINARY.iter().chain(&DECIMAL);
    if let Some((_, bytes)) = units().find(|(name, _)| *name == unit) {
        let too_much = || Some("that is more than any machine has".to_owned());
        return number.checked_mul(*bytes).ok_or_else(too_much);
    }
    if unit.is_empty() {
        return Err(Some(format!(
            "add a unit: \"{digits}MiB\", or \"{digits}B\" for bytes"
        )));
    }
    if unit.starts_with('.') {
        return Err(Some("write a whole number of a smaller unit".to_owned()));
    }
    let unit = unit.trim();
    // "8G" and "8g" are the habit of other servers, where they are binary.
    let meant = units()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .or_else(|| {
            BINARY
                .iter()
                .find(|(name, _)| name[..1].eq_ignore_ascii_case(unit))
        });
    Err(Some(match meant {
        Some((name, _)) => format!("did you mean `{digits}{name}`?"),
        None => "units are B, KiB, MiB, GiB, TiB, and kB, MB, GB for powers of ten".to_owned(),
    }))
}

/// A time such as `30s` or `1m30s`. The error is a suggestion, where there is one.
pub(crate) fn time(text: &str) -> Result<Duration, Option<String>> {
    let mut rest = text;
    let mut total_ms = 0u64;
    let mut smallest = u64::MAX;
    if rest.is_empty() {
        return Err(None);
    }
    while !rest.is_empty() {
        let (digits, tail) = split_number(rest);
        if digits.is_empty() {
            return Err(None);
        }
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit_end);
        let Some((_, unit_ms)) = TIMES.iter().find(|(name, _)| *name == unit) else {
            return Err(Some(time_suggestion(text, digits, unit, next)));
        };
        if *unit_ms >= smallest {
            let order = "each unit at most once, the largest first: \"1h30m\"";
            return Err(Some(order.to_owned()));
        }
        smallest = *unit_ms;
        let sum = digits.parse::<u64>().ok();
        let sum = sum
            .and_then(|n| n.checked_mul(*unit_ms))
            .and_then(|ms| total_ms.checked_add(ms));
        total_ms = sum.ok_or_else(|| Some("that is longer than anyone waits".to_owned()))?;
        rest = next;
    }
    Ok(Duration::from_millis(total_ms))
}

fn time_suggestion(text: &str, digits: &str, unit: &str, next: &str) -> String {
    if unit.is_empty() && next.is_empty() {
        return format!("add a unit: \"{text}s\"");
    }
    if unit.starts_with('.') {
        return "write a sum of whole numbers: \"1m30s\"".to_owned();
    }
    let plain = unit.trim().to_ascii_lowercase();
    let meant = TIME_SLIPS
        .iter()
        .find(|(name, slips)| *name == plain || slips.contains(&&*plain));
    match meant {
        // With more to come, the rest may be wrong as well: name the part, not the whole.
        Some((name, _)) => format!("did you mean `{digits}{name}`?"),
        None => "units are ms, s, m, h, d".to_owned(),
    }
}

/// The shortest way to write `bytes` exactly.
pub(crate) fn show_size(bytes: u64) -> String {
    let even = |(_, unit): &&(&str, u64)| bytes >= *unit && bytes % unit == 0;
    let (name, unit) = BINARY.iter().rev().find(even).unwrap_or(&BINARY[0]);
    format!("{}{name}", bytes / unit)
}

/// `time` in its largest even unit, but 60s rather than 1m, as timeouts are spoken of.
pub(crate) fn show_time(time: Duration) -> String {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".to_owned();
    }
    let even = |(name, unit): &&(&str, u64)| ms % unit == 0 && !(*name == "m" && ms == *unit);
    let (name, unit) = TIMES.iter().find(even).unwrap_or(&TIMES[4]);
    format!("{}{name}", ms / unit)
}

/// The leading digits, and what follows them.
fn split_number(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes, shown) in [
            ("0B", 0, "0B"),
            ("1023B", 1023, "1023B"),
            ("1024B", 1024, "1KiB"),
            ("8GiB", 8 * GIB, "8GiB"),
            ("3TiB", 3 * TIB, "3TiB"),
            ("1536MiB", 1536 * MIB, "1536MiB"),
            ("5kB", 5000, "5000B"),
            ("2MB", 2_000_000, "2000000B"),
            ("1GB", 1_000_000_000, "1000000000B"),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
            assert_eq!(show_size(bytes), shown, "{text}");
            assert_eq!(size(shown), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn bad_sizes_get_a_suggestion() {
        for (text, suggestion) in [
            ("", None),
            ("GiB", None),
            ("-1B", None),
            ("512", Some("add a unit: \"512MiB\", or \"512B\" for bytes")),
            ("8G", Some("did you mean `8GiB`?")),
            ("8g", Some("did you mean `8GiB`?")),
            ("8gb", Some("did you mean `8GB`?")),
            ("8 GiB", Some("did you mean `8GiB`?")),
            ("8gib", Some("did you mean `8GiB`?")),
            ("1.5GiB", Some("write a whole number of a smaller unit")),
            (
                "8 apples",
                Some("units are B, KiB, MiB, GiB, TiB, and kB, MB, GB for powers of ten"),
            ),
            ("16777216TiB", Some("that is more than any machine has")),
            (
                "99999999999999999999B",
                Some("that is more than any machine has"),
            ),
        ] {
            assert_eq!(size(text), Err(suggestion.map(str::to_owned)), "{text}");
        }
        assert_eq!(
            size("16777215TiB"),
            Ok(16_777_215 * TIB),
            "the last one that fits 64 bits"
        );
    }

    #[test]
    fn times_are_read_and_shown() {
        for (text, ms, shown) in [
            ("0s", 0, "0s"),
            ("1ms", 1, "1ms"),
            ("1500ms", 1500, "1500ms"),
            ("30s", 30_000, "30s"),
            ("1m", 60_000, "60s"),
            ("1m30s", 90_000, "90s"),
            ("60m", 3_600_000, "1h"),
            ("1d2h3m4s5ms", 93_784_005, "93784005ms"),
            ("60h", 216_000_000, "60h"),
            ("365d", 31_536_000_000, "365d"),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(ms)), "{text}");
            assert_eq!(show_time(Duration::from_millis(ms)), shown, "{text}");
            assert_eq!(time(shown), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn bad_times_get_a_suggestion() {
        for (text, suggestion) in [
            ("", None),
            ("s", None),
            ("-1s", None),
            (" 1s", None),
            ("30", Some("add a unit: \"30s\"")),
            ("30S", Some("did you mean `30s`?")),
            ("30 s", Some("did you mean `30s`?")),
            ("5min", Some("did you mean `5m`?")),
            ("1h5min", Some("did you mean `5m`?")),
            ("1.5h", Some("write a sum of whole numbers: \"1m30s\"")),
            ("2 weeks", Some("units are ms, s, m, h, d")),
            (
                "30s1m",
                Some("each unit at most once, the largest first: \"1h30m\""),
            ),
            (
                "1s1s",
                Some("each unit at most once, the largest first: \"1h30m\""),
            ),
            (
                "99999999999999999999s",
                Some("that is longer than anyone waits"),
            ),
            (
                "18446744073709551615s",
                Some("that is longer than anyone waits"),
            ),
        ] {
            assert_eq!(time(text), Err(suggestion.map(str::to_owned)), "{text}");
        }
    }
}
