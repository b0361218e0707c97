//! Validation, on both sides (RFC 9111, 4.3; RFC 9110, 13): does the client have what is stored,
//! and how is the origin asked whether what is stored still holds?
//!
//! Heads in, field lines out. Whether validation is needed is `serve`'s question, what an answer
//! changes is `update`'s.

use super::age::{date, PIVOT};
use super::fresh::last_modified;
use super::update::selects;
use crate::http::encode::push_field;
use crate::http::{date, Fields, Method, Name, Request, Response};
use crate::limits::{TAGS_ASKED_BYTES_MAX, TAGS_ASKED_MAX};
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
    /// Without its quotes. Some senders leave them out; the text tells tags apart all the same.
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
/// If-Unmodified-Since are passed over here: see [`guards_hold`]. If-Range is for whoever serves
/// ranges.
pub fn preconditions(req: &Request<'_>, res: &Response<'_>) -> Verdict {
    // Conditions are about a representation, and only a success carries one
    // (RFC 9110, 13.2.1).
    if !(200..300).contains(&res.status) {
        return Verdict::Proceed;
    }
    let reads = matches!(req.method, Method::Get | Method::Head | Method::Query);
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

/// Has the request conditions that guard against a change: If-Match, If-Unmodified-Since?
pub fn guards(req: &Request<'_>) -> bool {
    req.fields.has(Name::IfMatch) || req.fields.has(Name::IfUnmodifiedSince)
}

/// Does a stored response meet them (RFC 9110, 13.1.1 and 13.1.4)?
///
/// They "are not applicable to a cache" (RFC 9111, 4.3.2): only the origin can say that they
/// fail. Where a fresh response meets them its use is what the client asked for; where it does
/// not, or can't tell, the request is for the origin.
pub fn guards_hold(req: &Request<'_>, res: &Response<'_>) -> bool {
    if !(200..300).contains(&res.status) {
        return false;
    }
    if req.fields.has(Name::IfMatch) {
        let held = tag_of(res.fields).filter(|tag| !tag.weak);
        return req.fields.all(Name::IfMatch).any(|line| {
            line == b"*" || held.is_some_and(|held| tags(line).any(|tag| tag == held))
        });
    }
    // What is no date, and a list of dates, is ignored (13.1.4).
    let mut lines = req.fields.all(Name::IfUnmodifiedSince);
    let since = lines.next().and_then(|since| date::parse(since, PIVOT));
    match (since, lines.next()) {
        (Some(since), None) => {
            last_modified(res.fields, PIVOT).is_some_and(|modified| modified <= since)
        }
        _ => true,
    }
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
/// and has no escapes; one without quotes ends at the next comma; `w/` is taken for `W/`.
fn tags(line: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = line;
    core::iter::from_fn(move || {
        while let [b' ' | b'\t' | b',', after @ ..] = rest {
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        let (weak, body) = match rest {
            [b'W' | b'w', b'/', body @ ..] => (true, body),
            body => (false, body),
        };
        let (opaque, after) = match body {
            [b'"', inner @ ..] => {
                let end = memchr::memchr(b'"', inner).unwrap_or(inner.len());
                let (opaque, after) = inner.split_at_checked(end).unwrap_or((inner, b""));
                (opaque, after.get(1..).unwrap_or_default())
            }
            _ => {
                let end = memchr::memchr(b',', body).unwrap_or(body.len());
                let (opaque, after) = body.split_at_checked(end).unwrap_or((body, b""));
                (opaque.trim_ascii(), after)
            }
        };
        rest = after;
        Some(Tag { weak, opaque })
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

/// The same for several stored responses to one URL, the one that the request selects (or else
/// the newest) first: their tags, each once, so that the origin can name any of them (RFC 9110,
/// 13.1.2; RFC 9111, 4.3.1). A date could not say which one it is about, so only one alone brings
/// its own. At most [`TAGS_ASKED_MAX`] tags and [`TAGS_ASKED_BYTES_MAX`] bytes.
pub fn conditionals_of(held: &[Response<'_>], out: &mut Vec<u8>) {
    if let [only] = held {
        return conditionals(only, out);
    }
    let mut asked: Vec<&[u8]> = Vec::new();
    let mut bytes = 0;
    for stored in held {
        let Some(value) = stored.fields.get(Name::ETag).filter(|tag| is_one_tag(tag)) else {
            continue;
        };
        let fits = asked.len() < TAGS_ASKED_MAX && bytes + value.len() <= TAGS_ASKED_BYTES_MAX;
        if fits && !asked.contains(&value) {
            asked.push(value);
            bytes += value.len();
        }
    }
    if !asked.is_empty() {
        push_field(out, b"If-None-Match", &asked.join(&b", "[..]));
    }
}

/// One tag as it should be, which does not run into its neighbours in a list.
fn is_one_tag(value: &[u8]) -> bool {
    let quoted = value.strip_prefix(b"W/").unwrap_or(value);
    match quoted {
        [b'"', inner @ .., b'"'] => memchr::memchr(b'"', inner).is_none(),
        _ => false,
    }
}

/// Which of several stored responses a 304 is about (RFC 9111, 4.3.4): the first that it
/// [selects]. One without any validator could be about each of several, and so is about none.
pub fn selected(held: &[Response<'_>], not_modified: &Response<'_>) -> Option<usize> {
    let news = not_modified.fields;
    if held.len() > 1 && tag_of(news).is_none() && !news.has(Name::LastModified) {
        return None;
    }
    held.iter().position(|stored| selects(stored, not_modified))
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
