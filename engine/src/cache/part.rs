//! Which parts of a stored response a request asks for (RFC 9110, 13.1.5 and 14), and the heads
//! that such answers have, and their parts (15.3.7).
//!
//! Knows only lengths and heads: whether the content lies in one piece or in fragments, and who
//! writes it between the part heads, is the caller's matter.

use super::validate::is_strong_date;
use crate::http::encode::{push_date, push_decimal, push_field, push_length, push_status_line};
use crate::http::{range, Field, Method, Name, Ranges, Request, Response, Spans};
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
    /// These parts, as a 206 of type multipart/byteranges, in this order.
    Spans(Spans),
    /// Nothing: no such bytes exist, which is a 416.
    Unsatisfiable,
}

/// Which part of a stored response with content of `bytes` a request asks for. A Range that can't
/// be served is ignored, as it may be (14.2).
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
    match range::parse_all(value, bytes) {
        Ranges::One(span) => Part::Span(span),
        Ranges::Many(spans) => Part::Spans(spans),
        Ranges::Unsatisfiable => Part::Unsatisfiable,
        Ranges::Ignore => Part::Whole,
    }
}

/// May the request have a part of this response? Yes without If-Range; with it only if the
/// validator is the response's and strong (13.1.5): a weak tag never matches, and a date only if
/// the response was sent later than it was changed (8.8.2.2).
#[must_use]
pub fn if_range_holds(request: &Request<'_>, response: &Response<'_>) -> bool {
    let Some(wanted) = request.fields.get(Name::IfRange) else {
        return true;
    };
    if request.fields.count(Name::IfRange) > 1 {
        return false;
    }
    if wanted.starts_with(b"\"") {
        return response.fields.get(Name::ETag) == Some(wanted);
    }
    response.fields.get(Name::LastModified) == Some(wanted) && is_strong_date(response.fields)
}

/// Is this field about the content of one message rather than about the representation? It does
/// not hold for a part when it held for the whole, and the other way round.
pub(super) fn is_about_content(field: &Field<'_>) -> bool {
    match field.id {
        Name::ContentLength | Name::ContentRange => true,
        // RFC 9530, 2: of the bytes in the message; Repr-Digest is of the whole, and stays.
        Name::Other => {
            field.name.eq_ignore_ascii_case(b"content-digest")
                || field.name.eq_ignore_ascii_case(b"content-md5")
        }
        _ => false,
    }
}

/// Appends the head of a 206 for `span` of a stored response with content of `whole` bytes,
/// without the last fields and the empty line.
///
/// All fields of the 200 are in it, also when the request had If-Range. 15.3.7 would leave some
/// out then, to save bytes; but a client may have lost what it had, and a cache between may not
/// have had it.
pub fn partial_head(response: &Response<'_>, span: &Range<u64>, whole: u64, out: &mut Vec<u8>) {
    push_status_line(out, 206, b"");
    for field in response.fields.iter().filter(|f| !is_about_content(f)) {
        push_field(out, field.name, field.value);
    }
    push_content_range(out, span, whole);
    push_length(out, span.end.saturating_sub(span.start));
}

/// Appends the head of a 206 with several parts, likewise. The type that the content has by itself
/// stands in each part instead, and there is no Content-Range (15.3.7.2).
///
/// `boundary` must be a number that nobody could foresee: content that holds it would end its part
/// early.
pub fn multipart_head(
    response: &Response<'_>,
    boundary: u64,
    spans: &[Range<u64>],
    whole: u64,
    out: &mut Vec<u8>,
) {
    push_status_line(out, 206, b"");
    for field in response.fields.iter() {
        if field.id != Name::ContentType && !is_about_content(&field) {
            push_field(out, field.name, field.value);
        }
    }
    out.extend_from_slice(b"Content-Type: multipart/byteranges; boundary=");
    push_boundary(out, boundary);
    out.extend_from_slice(b"\r\n");
    let content_type = response.fields.get(Name::ContentType);
    push_length(out, multipart_bytes(content_type, spans, whole));
}

/// Appends what stands before the bytes of one part: the boundary and the part's head. All but the
/// first also end the part before (RFC 2046, 5.1.1).
pub fn push_part_head(
    out: &mut Vec<u8>,
    boundary: u64,
    content_type: Option<&[u8]>,
    span: &Range<u64>,
    whole: u64,
    first: bool,
) {
    out.extend_from_slice(if first { b"--" } else { b"\r\n--" });
    push_boundary(out, boundary);
    out.extend_from_slice(b"\r\n");
    if let Some(value) = content_type {
        push_field(out, b"Content-Type", value);
    }
    push_content_range(out, span, whole);
    out.extend_from_slice(b"\r\n");
}

/// Appends what stands after the last part.
pub fn push_last_boundary(out: &mut Vec<u8>, boundary: u64) {
    out.extend_from_slice(b"\r\n--");
    push_boundary(out, boundary);
    out.extend_from_slice(b"--\r\n");
}

/// Bytes of the content that these parts make, with their heads and boundaries.
#[must_use]
pub fn multipart_bytes(content_type: Option<&[u8]>, spans: &[Range<u64>], whole: u64) -> u64 {
    // Composed once, and not counted by rules of its own: so what is announced is what is sent.
    let mut composed = Vec::new();
    let mut content = 0_u64;
    for (at, span) in spans.iter().enumerate() {
        push_part_head(&mut composed, 0, content_type, span, whole, at == 0);
        content = content.saturating_add(span.end.saturating_sub(span.start));
    }
    push_last_boundary(&mut composed, 0);
    content.saturating_add(composed.len() as u64)
}

/// A boundary of 16 characters whatever the number is, so that lengths do not depend on it.
fn push_boundary(out: &mut Vec<u8>, boundary: u64) {
    for byte in boundary.to_be_bytes() {
        for half in [byte >> 4, byte & 15] {
            out.push(if half < 10 {
                b'0' + half
            } else {
                b'a' + half - 10
            });
        }
    }
}

/// Appends the Content-Range line of `span` out of `whole` bytes (RFC 9110, 14.4).
pub fn push_content_range(out: &mut Vec<u8>, span: &Range<u64>, whole: u64) {
    out.extend_from_slice(b"Content-Range: bytes ");
    push_decimal(out, span.start);
    out.push(b'-');
    push_decimal(out, span.end.saturating_sub(1));
    out.push(b'/');
    push_decimal(out, whole);
    out.extend_from_slice(b"\r\n");
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
