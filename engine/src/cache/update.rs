//! What a 304 changes in a stored response (RFC 9111, 3.2 and 4.3.4).
//!
//! Two heads in, a new head out; the content stays as it is.

use super::age::PIVOT;
use super::fresh::last_modified;
use super::validate::{is_strong_date, push_field, tag_of, Tag};
use crate::http::{encode, hop, Field, Fields, Name, Response};
use alloc::vec::Vec;

/// Is this 304, the answer to our question about `stored`, about it? (4.3.4)
///
/// A tag that differs says no, whatever else agrees. A strong validator in the 304 must be one
/// of the stored response's: its tag, or a Last-Modified that is strong. Weak validators must
/// agree. A 304 without any is taken to be about the one response that we asked about: many
/// origins leave them out, and our question held nothing else.
pub fn selects(stored: &Response<'_>, not_modified: &Response<'_>) -> bool {
    let (held, news) = (stored.fields, not_modified.fields);
    let dates_agree = match (news.get(Name::LastModified), held.get(Name::LastModified)) {
        (Some(new), Some(old)) => {
            let (new_date, old_date) = (last_modified(news, PIVOT), last_modified(held, PIVOT));
            new == old || (new_date.is_some() && new_date == old_date)
        }
        _ => false,
    };
    match (tag_of(news), tag_of(held)) {
        (Some(new), Some(old)) if new.opaque != old.opaque => false,
        (Some(Tag { weak: false, .. }), Some(Tag { weak: false, .. })) => true,
        // nginx weakens the tag of what it compresses, but not that of its 304: there the
        // strong date says that it is the same.
        (Some(Tag { weak: false, .. }), _) => dates_agree && is_strong_date(held),
        (Some(_), Some(_)) => true,
        (Some(_), None) => dates_agree,
        (None, _) => dates_agree || !news.has(Name::LastModified),
    }
}

/// Appends the head of the freshened response, without the last empty line: each field of the
/// 304 takes the place of the stored ones of its name, the others stay (3.2).
///
/// Neither the stored Age nor that of the 304 is in it, since an answer from the cache gets one
/// of its own; [`Facts::validated`](super::Facts::validated) takes the latter into account. The
/// stored Date is not kept when the 304 has none, as it would make the response look old: the
/// caller then appends one (RFC 9110, 6.6.1).
pub fn freshen(stored: &Response<'_>, not_modified: &Response<'_>, out: &mut Vec<u8>) {
    let news = not_modified.fields;
    out.extend_from_slice(b"HTTP/1.1 ");
    encode::push_decimal(out, u64::from(stored.status));
    out.push(b' ');
    out.extend_from_slice(stored.reason);
    out.extend_from_slice(b"\r\n");
    for field in stored.fields.iter() {
        let kept = match field.id {
            Name::Age | Name::Date => false,
            Name::Other => !news
                .iter()
                .any(|new| new.name.eq_ignore_ascii_case(field.name) && replaces(&new, news)),
            id => !news.iter().any(|new| new.id == id && replaces(&new, news)),
        };
        if kept {
            push_field(out, field.name, field.value);
        }
    }
    for field in news
        .iter()
        .filter(|field| field.id != Name::Age && replaces(field, news))
    {
        push_field(out, field.name, field.value);
    }
}

/// Does this field of a 304 belong into the stored head?
///
/// Not what describes the content that we hold and the 304 does not carry: 3.2 leaves out
/// Content-Length, and lets a cache keep others that its stored response depends upon. Servers
/// do send the default Content-Type of their framework, or the coding that they would have
/// used, with a 304. Not what 3.1 keeps out of any store. Not Via, which tells the way of the
/// stored message, us included.
fn replaces(field: &Field<'_>, news: Fields<'_>) -> bool {
    !matches!(
        field.id,
        Name::ContentLength
            | Name::ContentEncoding
            | Name::ContentType
            | Name::ContentRange
            | Name::ProxyAuthenticate
            | Name::ProxyAuthenticationInfo
            | Name::ProxyAuthorization
            | Name::Via
    ) && !hop::is_hop_by_hop(field, news)
}
