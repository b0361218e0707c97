//! Which part of a stored response a request asks for (RFC 9110, 13.1.5 and 14), and the heads
//! that such answers have.

use crate::http::encode::{push_date, push_decimal, push_field, push_length, push_status_line};
use crate::http::{range, Method, Name, Ranges, Request, Response};
use crate::time::Wall;
use alloc::vec::Vec;
use core::ops::Range;

/// What of a stored response is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// These bytes, as a 206.
    Span(Range<u64>),
    /// Nothing: no such bytes exist, which is a 416.
    Unsatisfiable,
}

/// Which part of a stored response with content of `bytes` a request asks for. A Range that can't
/// be served as one span is ignored, as it may be (14.2).
#[must_use]
pub fn part(request: &Request<'_>, response: &Response<'_>, bytes: u64) -> Part {
    let Some(value) = request.fields.get(Name::Range) else {
        return Part::Whole;
    };
    let applies = request.method == Method::Get
        && response.status == 200
        && request.fields.count(Name::Range) == 1
        && if_range_holds(request, response);
    if !applies {
        return Part::Whole;
    }
    match range::parse(value, bytes) {
        Ranges::One(first, last) => Part::Span(first..last + 1),
        Ranges::Unsatisfiable => Part::Unsatisfiable,
        Ranges::Ignore | Ranges::Many => Part::Whole,
    }
}

fn if_range_holds(request: &Request<'_>, response: &Response<'_>) -> bool {
    let Some(wanted) = request.fields.get(Name::IfRange) else {
        return true;
    };
    // Strong comparison only: a weak tag never matches (13.1.5).
    if wanted.starts_with(b"\"") {
        return response.fields.get(Name::ETag) == Some(wanted);
    }
    !wanted.starts_with(b"W/") && response.fields.get(Name::LastModified) == Some(wanted)
}

/// Appends the head of a 206 for `span` of a stored response with content of `whole` bytes,
/// without the last fields and the empty line.
pub fn partial_head(response: &Response<'_>, span: &Range<u64>, whole: u64, out: &mut Vec<u8>) {
    push_status_line(out, 206, b"");
    for field in response.fields.iter() {
        if field.id != Name::ContentLength {
            push_field(out, field.name, field.value);
        }
    }
    out.extend_from_slice(b"Content-Range: bytes ");
    push_decimal(out, span.start);
    out.push(b'-');
    push_decimal(out, span.end.saturating_sub(1));
    out.push(b'/');
    push_decimal(out, whole);
    out.extend_from_slice(b"\r\n");
    push_length(out, span.end.saturating_sub(span.start));
}

/// Appends the head of a 416 for content of `whole` bytes, likewise.
pub fn unsatisfiable_head(whole: u64, now: Wall, out: &mut Vec<u8>) {
    push_status_line(out, 416, b"");
    out.extend_from_slice(b"Content-Range: bytes */");
    push_decimal(out, whole);
    out.extend_from_slice(b"\r\n");
    push_length(out, 0);
    push_date(out, now);
}
