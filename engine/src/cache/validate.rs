//! Validation, on both sides (RFC 9111, 4.3; RFC 9110, 13): does the client have what is stored,
//! and how is the origin asked whether what is stored still holds?
//!
//! Heads in, field lines out. Whether validation is needed is `serve`'s question, what an answer
//! changes is `update`'s.

use super::age::{date, PIVOT};
use super::fresh::last_modified;
use crate::http::{date, Fields, Method, Name, Request, Response};
use crate::time::Wall;
use alloc::vec::Vec;

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answer as if there were none.
    Proceed,
    /// The client has it: 304.
    NotModified,
    /// A condition does not hold and the method changes things: 412.
    Failed,
}

/// An entity tag (RFC 9110, 8.8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag<'b> {
    pub(super) weak: bool,
    /// With its quotes; without, as some origins send it.
    pub(super) opaque: &'b [u8],
}

/// Has the request fields that make an answer depend on more than freshness: conditions and ranges?
pub fn has_conditions(req: &Request<'_>) -> bool {
    use Name::{IfMatch, IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince, Range};
    req.fields.iter().any(|field| {
        matches!(
            field.id,
            IfNoneMatch | IfModifiedSince | IfMatch | IfUnmodifiedSince | IfRange | Range
        )
    })
}

/// What a request's conditions come to for a stored response that would be served (4.3.2).
///
/// If-None-Match goes before If-Modified-Since (RFC 9110, 13.2.2). If-Match and
/// If-Unmodified-Since guard changes at the origin; 4.3.2 says that they are not for a cache, so
/// they are passed over. If-Range is for whoever serves ranges.
pub fn preconditions(req: &Request<'_>, res: &Response<'_>) -> Verdict {
    // Conditions are about a representation, and only a success carries one
    // (RFC 9110, 13.2.1).
    if !(200..300).contains(&res.status) {
        return Verdict::Proceed;
    }
    let reads = matches!(req.method, Method::Get | Method::Head);
    if req.fields.has(Name::IfNoneMatch) {
        return match (any_matches(req.fields, res.fields), reads) {
            (false, _) => Verdict::Proceed,
            (true, true) => Verdict::NotModified,
            (true, false) => Verdict::Failed,
        };
    }
    if reads && unmodified_since(req.fields, res.fields) {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// If-None-Match names the stored response: by `*`, or by its tag, weakly compared.
fn any_matches(req: Fields<'_>, res: Fields<'_>) -> bool {
    let held = tag_of(res);
    req.all(Name::IfNoneMatch).any(|line| {
        line == b"*" || held.is_some_and(|held| tags(line).any(|tag| tag.opaque == held.opaque))
    })
}

/// If-Modified-Since is one date, and what is stored is no younger (RFC 9110, 13.1.3): by its
/// Last-Modified, or else by its Date (RFC 9111, 4.3.2).
fn unmodified_since(req: Fields<'_>, res: Fields<'_>) -> bool {
    let Some(since) = req.get(Name::IfModifiedSince) else {
        return false;
    };
    if req.count(Name::IfModifiedSince) > 1 {
        return false;
    }
    let modified = last_modified(res, PIVOT).or_else(|| date(res, PIVOT));
    match (date::parse(since, PIVOT), modified) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// The entity tag of a response.
pub(super) fn tag_of(fields: Fields<'_>) -> Option<Tag<'_>> {
    tags(fields.get(Name::ETag)?).next()
}

/// The tags in a line. Written for what is sent, not for what should be: a tag may hold commas
/// and has no escapes; one without quotes ends at the next comma.
fn tags(line: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = line;
    core::iter::from_fn(move || {
        while let [b' ' | b'\t' | b',', after @ ..] = rest {
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        let weak = rest.starts_with(b"W/");
        let from = if weak { 2 } else { 0 };
        let body = rest.get(from..).unwrap_or_default();
        let len = match body {
            [b'"', inner @ ..] => match memchr::memchr(b'"', inner) {
                Some(at) => at + 2,
                None => body.len(),
            },
            _ => memchr::memchr(b',', body).unwrap_or(body.len()),
        };
        let (opaque, after) = body.split_at_checked(len).unwrap_or((body, b""));
        rest = after;
        Some(Tag {
            weak,
            opaque: opaque.trim_ascii(),
        })
    })
}

/// Appends the field lines that ask the origin whether this stored response still holds: its tag
/// and its modification date, as they were sent (4.3.1).
pub fn conditionals(res: &Response<'_>, out: &mut Vec<u8>) {
    if let Some(tag) = res.fields.get(Name::ETag).filter(|tag| !tag.is_empty()) {
        push_field(out, b"If-None-Match", tag);
    }
    if let Some(modified) = res
        .fields
        .get(Name::LastModified)
        .filter(|date| !date.is_empty())
    {
        push_field(out, b"If-Modified-Since", modified);
    }
}

/// Appends the head of the 304 that stands for a stored response, without the last empty line:
/// the fields that a 200 would have had and that guide a client's cache (RFC 9110, 15.4.5).
pub fn not_modified_head(res: &Response<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 304 Not Modified\r\n");
    let has_tag = res.fields.has(Name::ETag);
    for field in res.fields.iter() {
        let wanted = match field.id {
            Name::CacheControl
            | Name::ContentLocation
            | Name::Date
            | Name::ETag
            | Name::Expires
            | Name::Vary
            | Name::Via => true,
            // Only "when there is no entity tag" is it of use.
            Name::LastModified => !has_tag,
            _ => false,
        };
        if wanted {
            push_field(out, field.name, field.value);
        }
    }
}

/// The stored response's Last-Modified is a strong validator: it was sent at least a second
/// after, so a second change within that second would show (RFC 9110, 8.8.2.2).
pub(super) fn is_strong_date(res: Fields<'_>) -> bool {
    match (last_modified(res, PIVOT), date(res, PIVOT)) {
        (Some(Wall(modified)), Some(Wall(sent))) => sent > modified,
        _ => false,
    }
}

pub(super) fn push_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_line_is_read_to_its_end(line in proptest::collection::vec(
            prop_oneof![Just(b'"'), Just(b','), Just(b'W'), Just(b'/'), Just(b'\\'), Just(b' '), any::<u8>()],
            0..40,
        )) {
            let all: Vec<Tag<'_>> = tags(&line).collect();
            let bytes: usize = all.iter().map(|tag| tag.opaque.len()).sum();
            prop_assert!(bytes <= line.len(), "no byte is in two tags");
            prop_assert!(all.len() <= line.len());
        }

        #[test]
        fn tags_are_read_as_they_were_written(
            written in proptest::collection::vec((any::<bool>(), "[!#-~]{0,8}"), 0..6),
        ) {
            let one = |(weak, text): &(bool, String)| format!("{}\"{text}\"", if *weak { "W/" } else { "" });
            let line = written.iter().map(one).collect::<Vec<_>>().join(" , ");
            let read: Vec<(bool, String)> = tags(line.as_bytes())
                .map(|tag| (tag.weak, String::from_utf8_lossy(tag.opaque).trim_matches('"').into()))
                .collect();
            prop_assert_eq!(read, written);
        }
    }
}
