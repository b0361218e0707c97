//! Byte ranges (RFC 9110, 14): what part of a representation a Range field asks for.
//!
//! Knows neither the representation nor whether the request may ask at all (method, If-Range).

/// What a Range field asks of a representation of known length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// Not bytes, or malformed: the field is ignored and the whole is sent.
    Ignore,
    /// Nothing of it exists.
    Unsatisfiable,
    /// One range, first and last byte.
    One(u64, u64),
    /// Several ranges.
    Many,
}

/// Reads a Range field for a representation of `len` bytes.
#[must_use]
pub fn parse(value: &[u8], len: u64) -> Ranges {
    let Some(set) = value
        .get(..6)
        .filter(|unit| unit.eq_ignore_ascii_case(b"bytes="))
    else {
        return Ranges::Ignore;
    };
    let mut found = Ranges::Unsatisfiable;
    let mut count = 0;
    for spec in super::field::members(value.get(set.len()..).unwrap_or_default()) {
        count += 1;
        match one(spec, len) {
            None => return Ranges::Ignore,
            Some(None) => {}
            Some(Some((first, last))) => {
                found = match found {
                    Ranges::Unsatisfiable => Ranges::One(first, last),
                    _ => Ranges::Many,
                };
            }
        }
    }
    if count == 0 {
        Ranges::Ignore
    } else {
        found
    }
}

/// One range of the set: malformed, unsatisfiable, or first and last byte.
fn one(spec: &[u8], len: u64) -> Option<Option<(u64, u64)>> {
    let dash = spec.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (spec.get(..dash)?, spec.get(dash + 1..)?);
    if first.is_empty() {
        let suffix = number(last)?;
        return Some((suffix > 0 && len > 0).then(|| (len.saturating_sub(suffix), len - 1)));
    }
    let first = number(first)?;
    let last = if last.is_empty() {
        u64::MAX
    } else {
        number(last)?
    };
    if last < first {
        return None;
    }
    Some((first < len).then(|| (first, last.min(len - 1))))
}

/// Digits; a number that does not fit is as good as the largest.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(sum.saturating_mul(10).saturating_add(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;

    #[test]
    fn rfc_9110_14_1_2() {
        use Ranges::{Ignore, Many, One, Unsatisfiable};
        let cases = [
            ("bytes=0-499", One(0, 499)),
            ("Bytes=500-999", One(500, 999)),
            ("bytes=-500", One(9500, 9999)),
            ("bytes=9500-", One(9500, 9999)),
            ("bytes=0-0,-1", Many),
            ("bytes=0-0, 20000-", One(0, 0)),
            ("bytes=0-99999", One(0, 9999)),
            ("bytes=-99999", One(0, 9999)),
            ("bytes=10000-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=5-4", Ignore),
            ("bytes=a-b", Ignore),
            ("bytes=", Ignore),
            ("bytes", Ignore),
            ("lines=1-2", Ignore),
            ("bytes=0-1-2", Ignore),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            // 2^64 + 4: not the fifth byte.
            ("bytes=18446744073709551620-", Unsatisfiable),
            ("bytes=0-18446744073709551620", One(0, 9999)),
        ];
        for (value, want) in cases {
            assert_eq!(parse(value.as_bytes(), 10_000), want, "{value}");
        }
        assert_eq!(parse(b"bytes=0-", 0), Unsatisfiable);
        assert_eq!(parse(b"bytes=-1", 0), Unsatisfiable);
    }

    proptest! {
        #[test]
        fn a_range_lies_within(value in "bytes=[0-9,-]{0,24}", len in 0_u64..2000) {
            if let Ranges::One(first, last) = parse(value.as_bytes(), len) {
                prop_assert!(first <= last && last < len);
            }
        }

        #[test]
        fn a_plain_range_is_what_it_says(len in 1_u64..5000, a in 0_u64..6000, b in 0_u64..6000) {
            let want = match (a, b) {
                _ if b < a => Ranges::Ignore,
                _ if a >= len => Ranges::Unsatisfiable,
                _ => Ranges::One(a, b.min(len - 1)),
            };
            prop_assert_eq!(parse(format!("bytes={a}-{b}").as_bytes(), len), want);
        }

        #[test]
        fn any_bytes_are_survived(value in prop::collection::vec(any::<u8>(), 0..60), len: u64) {
            let _ = parse(&value, len);
            let _ = parse(&[b"bytes=", &value[..]].concat(), len);
        }
    }
}
