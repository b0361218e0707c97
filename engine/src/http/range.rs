//! Byte ranges (RFC 9110, 14): what parts of a representation a Range field asks for.
//!
//! Knows neither the representation nor whether the request may ask at all (method, If-Range).
//!
//! A set of ranges is a way to make a server work (RFC 9110, 17.15). Here it can't: at most
//! [`RANGES_MAX`] are read, and those that overlap or nearly touch become one. So what is sent is
//! never more than the whole and some part heads, and 14.2's other signs of abuse, overlaps and
//! many small ranges in disorder, need no refusal.

use crate::limits::RANGES_MAX;
use alloc::vec::Vec;
use core::ops::Range;

/// Bytes that a part of a multipart response costs beside its content, about: a smaller gap
/// between two ranges is cheaper to send than to leave out (RFC 9110, 15.3.7.2).
pub const GAP_BYTES: u64 = 80;

/// Ranges that lie within the representation and neither overlap nor nearly touch, in the order in
/// which they were asked for. At least two, at most [`RANGES_MAX`].
pub type Spans = Vec<Range<u64>>;

/// What a Range field asks of a representation of known length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// Not bytes, malformed, or too many: the field is ignored and the whole is sent.
    Ignore,
    /// Nothing of it exists.
    Unsatisfiable,
    /// One range, also one that several came to.
    One(Range<u64>),
    /// Several ranges.
    Many(Spans),
}

/// What a Range field asks for while the length is not known: on a miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Not bytes, malformed, or too many: the field is ignored.
    Ignore,
    /// From this byte to this one, or to the end. Either may lie behind the end.
    From(u64, Option<u64>),
    /// So many bytes at the end. None at all is never satisfiable.
    Suffix(u64),
    /// Several ranges.
    Many,
}

/// Reads a Range field for a representation of `len` bytes.
///
/// Costs one look at each byte of the value and a sort of at most [`RANGES_MAX`] ranges; several
/// satisfiable ranges allocate once.
#[must_use]
pub fn parse_all(value: &[u8], len: u64) -> Ranges {
    let mut one = None;
    let mut more = Vec::new();
    let read = each(value, |spec| {
        let Some(span) = spec.within(len) else { return };
        if one.is_none() {
            one = Some(span);
        } else {
            more.push(span);
        }
    });
    match (read, one) {
        (None, _) => Ranges::Ignore,
        (Some(()), None) => Ranges::Unsatisfiable,
        (Some(()), Some(first)) if more.is_empty() => Ranges::One(first),
        (Some(()), Some(first)) => {
            more.insert(0, first);
            coalesce(more)
        }
    }
}

/// Reads a Range field without the length that it is about.
#[must_use]
pub fn wanted(value: &[u8]) -> Wanted {
    let mut wanted = None;
    let read = each(value, |spec| {
        wanted = Some(match (wanted, spec) {
            (None, Spec::From(first, last)) => Wanted::From(first, last),
            (None, Spec::Suffix(bytes)) => Wanted::Suffix(bytes),
            (Some(_), _) => Wanted::Many,
        });
    });
    read.and(wanted).unwrap_or(Wanted::Ignore)
}

/// One range of a set (14.1.1).
enum Spec {
    From(u64, Option<u64>),
    Suffix(u64),
}

impl Spec {
    /// The bytes that it means in a representation of `len`; `None` if there are none.
    fn within(self, len: u64) -> Option<Range<u64>> {
        let span = match self {
            Spec::From(first, None) => first..len,
            Spec::From(first, Some(last)) => first..last.saturating_add(1).min(len),
            Spec::Suffix(bytes) => len.saturating_sub(bytes)..len,
        };
        (span.start < span.end).then_some(span)
    }
}

/// Calls `take` for each range of the set. `None` if the field is to be ignored.
fn each(value: &[u8], mut take: impl FnMut(Spec)) -> Option<()> {
    let (unit, set) = value.split_at_checked(6)?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let mut count = 0;
    for text in super::field::members(set) {
        count += 1;
        if count > RANGES_MAX {
            return None;
        }
        take(spec(text)?);
    }
    (count > 0).then_some(())
}

fn spec(text: &[u8]) -> Option<Spec> {
    let dash = memchr::memchr(b'-', text)?;
    let (first, last) = (text.get(..dash)?, text.get(dash + 1..)?);
    if first.is_empty() {
        return Some(Spec::Suffix(number(last)?));
    }
    let first = number(first)?;
    if last.is_empty() {
        return Some(Spec::From(first, None));
    }
    let last = number(last)?;
    (first <= last).then_some(Spec::From(first, Some(last)))
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

/// Joins ranges that overlap or have a gap that is not worth a part. A joined one has the place of
/// its first member, the others keep theirs: parts go out as they were asked for (15.3.7.2).
fn coalesce(spans: Spans) -> Ranges {
    let mut sorted: Vec<(usize, Range<u64>)> = spans.into_iter().enumerate().collect();
    sorted.sort_unstable_by_key(|(_, span)| span.start);
    let mut joined: Vec<(usize, Range<u64>)> = Vec::with_capacity(sorted.len());
    for (place, span) in sorted {
        match joined.last_mut() {
            Some((first, last)) if span.start < last.end.saturating_add(GAP_BYTES) => {
                *first = place.min(*first);
                last.end = last.end.max(span.end);
            }
            _ => joined.push((place, span)),
        }
    }
    joined.sort_unstable_by_key(|(place, _)| *place);
    let mut spans: Spans = joined.into_iter().map(|(_, span)| span).collect();
    match spans.len() {
        1 => spans.pop().map_or(Ranges::Ignore, Ranges::One),
        _ => Ranges::Many(spans),
    }
}

#[cfg(test)]
mod tests;
