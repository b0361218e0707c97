//! Parts of a representation that came from the origin: which bytes a 206 carries, what to ask for
//! next, and whether two parts are of one version (RFC 9110, 14.4 and 15.3.7.3; RFC 9111, 3.3 and
//! 3.4).
//!
//! Numbers and heads only. Knows nothing of where fragments lie, nor of freshness.

use super::part::is_about_content;
use super::validate::{is_strong_date, tag_of, Tag};
use crate::http::encode::{push_decimal, push_field, push_status_line};
use crate::http::{Name, Response};
use crate::limits::FRAGMENT_BYTES;
use alloc::vec::Vec;
use core::ops::Range;

/// The bytes of a representation that a response carries. Never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Position of the first byte.
    pub first: u64,
    /// Position behind the last byte.
    pub end: u64,
    /// Bytes of the whole representation.
    pub whole: u64,
}

impl Extent {
    /// What a 206 carries, by its one Content-Range, which must state the complete length.
    ///
    /// `content_bytes` is the length of the message's content, if it is known. Content that is
    /// shorter than its Content-Range says is the front of it, as of any incomplete response
    /// (RFC 9111, 3.3). `None` for content that is longer, for several parts, and for whatever
    /// else is not clear: such a response can be passed on, but not built upon.
    #[must_use]
    pub fn of(res: &Response<'_>, content_bytes: Option<u64>) -> Option<Extent> {
        if res.status != 206 {
            return None;
        }
        let (first, last, whole) = stated(content_range(res)?)?;
        let bytes = last - first + 1;
        let came = content_bytes.unwrap_or(bytes);
        (1..=bytes).contains(&came).then_some(Extent {
            first,
            end: first + came,
            whole,
        })
    }

    /// The same as a range.
    #[must_use]
    pub fn span(&self) -> Range<u64> {
        self.first..self.end
    }

    /// It is all of the representation.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.first == 0 && self.end == self.whole
    }

    /// All of `span` is in it.
    #[must_use]
    pub fn covers(&self, span: &Range<u64>) -> bool {
        span.is_empty() || (self.first <= span.start && span.end <= self.end)
    }
}

/// The complete length that a 416 states: N of `bytes */N` (RFC 9110, 14.4 and 15.5.17).
#[must_use]
pub fn unsatisfied_length(res: &Response<'_>) -> Option<u64> {
    if res.status != 416 {
        return None;
    }
    position(content_range(res)?.strip_prefix(b"*/")?)
}

/// The value of the one Content-Range line, behind its unit. A message with several parts has
/// none of its own (RFC 9110, 15.3.7.2).
fn content_range<'b>(res: &Response<'b>) -> Option<&'b [u8]> {
    let value = res.fields.get(Name::ContentRange)?;
    if res.fields.count(Name::ContentRange) > 1 || is_multipart(res) {
        return None;
    }
    let (unit, rest) = value.split_at_checked(6)?;
    unit.eq_ignore_ascii_case(b"bytes ").then_some(rest)
}

fn is_multipart(res: &Response<'_>) -> bool {
    const TYPE: &[u8] = b"multipart/byteranges";
    res.fields.all(Name::ContentType).any(|value| {
        value
            .get(..TYPE.len())
            .is_some_and(|kind| kind.eq_ignore_ascii_case(TYPE))
    })
}

/// First and last byte and complete length of `a-b/N`, if they make sense together.
fn stated(value: &[u8]) -> Option<(u64, u64, u64)> {
    let slash = memchr::memchr(b'/', value)?;
    let (range, whole) = (value.get(..slash)?, value.get(slash + 1..)?);
    let dash = memchr::memchr(b'-', range)?;
    let (first, last) = (
        position(range.get(..dash)?)?,
        position(range.get(dash + 1..)?)?,
    );
    let whole = position(whole)?;
    (first <= last && last < whole).then_some((first, last, whole))
}

/// Digits only, and no more than surely fit: 19 of them. What is larger than any content is a
/// mistake, and is not to be rounded to something else.
fn position(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// The fragment that holds byte `at`: aligned, of [`FRAGMENT_BYTES`], the last one shorter when
/// the length of the `whole` is known. Empty when `at` is not within the whole.
#[must_use]
pub fn window(at: u64, whole: Option<u64>) -> Range<u64> {
    let whole = whole.unwrap_or(u64::MAX);
    if at >= whole {
        return whole..whole;
    }
    let first = at - at % FRAGMENT_BYTES;
    first..first.saturating_add(FRAGMENT_BYTES).min(whole)
}

/// Appends the Range line that asks for `span`; open-ended when that reaches the end of the
/// `whole`. Nothing for an empty span: no Range can ask for that.
pub fn push_range(out: &mut Vec<u8>, span: &Range<u64>, whole: Option<u64>) {
    if span.is_empty() {
        return;
    }
    out.extend_from_slice(b"Range: bytes=");
    push_decimal(out, span.start);
    out.push(b'-');
    if whole.is_none_or(|whole| span.end < whole) {
        push_decimal(out, span.end - 1);
    }
    out.extend_from_slice(b"\r\n");
}

/// What to ask for so that `held` and it together fill the window, as far as the representation
/// goes: the part after `held`, the part before, or all of the window when one part more would not
/// do. Empty when nothing is missing.
#[must_use]
pub fn missing(held: &Extent, window: &Range<u64>) -> Range<u64> {
    let end = window.end.min(held.whole);
    let start = window.start.min(end);
    let has_front = held.first <= start && start < held.end;
    let has_back = held.first < end && end <= held.end;
    match (has_front, has_back) {
        (true, _) => held.end.min(end)..end,
        (false, true) => start..held.first,
        (false, false) => start..end,
    }
}

/// May content of these two responses be put together? Only if they share a strong validator
/// (RFC 9111, 3.4; RFC 9110, 15.3.7.3): a strong tag; or else, when neither has any tag, a
/// Last-Modified that is strong in both. And if neither states another length than the other.
#[must_use]
pub fn same_entity(held: &Response<'_>, new: &Response<'_>) -> bool {
    let validators = match (tag_of(held.fields), tag_of(new.fields)) {
        (
            Some(Tag {
                weak: false,
                opaque,
            }),
            Some(Tag {
                weak: false,
                opaque: other,
            }),
        ) => opaque == other,
        (None, None) => {
            held.fields.has(Name::LastModified)
                && is_same(held, new, Name::LastModified)
                && is_strong_date(held.fields)
                && is_strong_date(new.fields)
        }
        _ => false,
    };
    validators && lengths_agree(held, new)
}

/// Does nothing say that these two responses are of different versions? Enough for a part that is
/// fetched again and combined with nothing, not for putting parts together.
#[must_use]
pub fn still_same(held: &Response<'_>, new: &Response<'_>) -> bool {
    is_same(held, new, Name::ETag)
        && is_same(held, new, Name::LastModified)
        && lengths_agree(held, new)
}

fn is_same(held: &Response<'_>, new: &Response<'_>, name: Name) -> bool {
    held.fields.get(name) == new.fields.get(name)
}

fn lengths_agree(held: &Response<'_>, new: &Response<'_>) -> bool {
    match (whole_of(held), whole_of(new)) {
        (Some(held), Some(new)) => held == new,
        _ => true,
    }
}

/// The length of the whole representation, if the head states it.
fn whole_of(res: &Response<'_>) -> Option<u64> {
    match res.status {
        206 => Extent::of(res, None).map(|extent| extent.whole),
        200 => position(res.fields.get(Name::ContentLength)?),
        _ => None,
    }
}

/// Appends the head that a 200 with all the content would have had, without Content-Length and the
/// empty line: what is stored for a representation that comes in parts.
pub fn whole_head(part: &Response<'_>, out: &mut Vec<u8>) {
    push_status_line(out, 200, b"");
    for field in part.fields.iter().filter(|f| !is_about_content(f)) {
        push_field(out, field.name, field.value);
    }
}
