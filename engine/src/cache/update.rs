//! What a 304, or the answer to a HEAD, changes in a stored response (RFC 9111, 3.2, 4.3.4 and
//! 4.3.5).
//!
//! Two heads in, a new head out; the content stays as it is.

use super::age::PIVOT;
use super::control::Directives;
use super::fresh::last_modified;
use super::part::is_about_content;
use super::policy::Policy;
use super::validate::{is_strong_date, tag_of, Tag};
use super::withheld::Withheld;
use crate::http::encode::{self, push_field};
use crate::http::hop::Hops;
use crate::http::{Field, Fields, Name, Response};
use alloc::vec::Vec;

/// Is this 304, the answer to our question about `stored`, about it? (4.3.4)
///
/// A tag that differs says no, whatever else agrees. A strong validator in the 304 must be one
/// of the stored response's: its tag, or a Last-Modified that is strong. Weak validators must
/// agree. A 304 without any is taken to be about the one response that we asked about: many
/// origins leave them out, and our question held nothing else.
pub fn selects(stored: &Response<'_>, not_modified: &Response<'_>) -> bool {
    let (held, news) = (stored.fields, not_modified.fields);
    let dates_agree = same_last_modified(news, held);
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
/// What the directives that count from now on keep back is not in it, whichever of the two heads
/// it came with. Neither the stored Age nor that of the 304 is in it, since an answer from the
/// cache gets one of its own; [`Facts::validated`](super::Facts::validated) takes the latter into
/// account. The stored Date is not kept when the 304 has none, as it would make the response look
/// old: the caller then appends one (RFC 9110, 6.6.1).
pub fn freshen(
    stored: &Response<'_>,
    not_modified: &Response<'_>,
    policy: &Policy,
    out: &mut Vec<u8>,
) {
    let (held, news) = (stored.fields, not_modified.fields);
    let head = |name: &[u8]| {
        let renewed = news.get_by_text(name).is_some();
        if renewed {
            news
        } else {
            held
        }
    };
    let withheld = Withheld::of(Directives::of_response(head, &policy.targets), policy);
    let hops = Hops::of(news);
    let replaces = |field: &Field<'_>| !describes_content(field) && !hops.ends(field);
    encode::push_status_line(out, stored.status, stored.reason);
    for field in held.iter() {
        let replaced = || {
            news.iter().any(|new| {
                new.id == field.id
                    && (field.id != Name::Other || new.name.eq_ignore_ascii_case(field.name))
                    && replaces(&new)
            })
        };
        if !matches!(field.id, Name::Age | Name::Date) && !withheld.has(&field) && !replaced() {
            push_field(out, field.name, field.value);
        }
    }
    for field in news.iter() {
        if field.id != Name::Age && !withheld.has(&field) && replaces(&field) {
            push_field(out, field.name, field.value);
        }
    }
}

/// Fields of a 304 that do not belong into the stored head.
///
/// They tell how the content is sent that we hold and the 304 does not carry: 3.2 leaves out
/// Content-Length, and lets a cache keep others that its stored response depends upon. Servers do
/// send the coding that they would have used, the range, or the digest of no content, with a 304.
/// Content-Type is not among them: an origin that corrects it expects to be heard. Via tells the
/// way of the stored message, us included.
fn describes_content(field: &Field<'_>) -> bool {
    matches!(field.id, Name::ContentEncoding | Name::Via) || is_about_content(field)
}

/// What the answer to a HEAD says of a stored response to GET (4.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadEffect {
    /// It is the same: freshen it as by a 304.
    Freshens,
    /// It is another by now: stale.
    Outdates,
    /// Nothing.
    None,
}

/// What the answer to a HEAD says of a stored response with so much content that it could have
/// been chosen for.
///
/// Only a 200 says anything: that the target has a representation, so that a stored error or
/// redirect is out of date, and which one. All validators that it has must be those of the stored
/// response, weakly compared: they are not used to put content together. So must the length, if it
/// has one, and the coding, which often is all that tells two variants apart.
pub fn head_answers(stored: &Response<'_>, content_bytes: u64, head: &Response<'_>) -> HeadEffect {
    if head.status != 200 {
        return HeadEffect::None;
    }
    let (held, news) = (stored.fields, head.fields);
    let tags_agree = match (tag_of(news), tag_of(held)) {
        (None, _) => true,
        (Some(new), Some(old)) => new.opaque == old.opaque,
        (Some(_), None) => false,
    };
    let dates_agree = !news.has(Name::LastModified) || same_last_modified(news, held);
    let lengths_agree = news.all(Name::ContentLength).all(|length| {
        core::str::from_utf8(length).is_ok_and(|text| text.parse() == Ok(content_bytes))
    });
    let codings_agree = news
        .members(Name::ContentEncoding)
        .eq(held.members(Name::ContentEncoding));
    let is_success = matches!(stored.status, 200 | 203 | 206);
    if is_success && tags_agree && dates_agree && lengths_agree && codings_agree {
        HeadEffect::Freshens
    } else {
        HeadEffect::Outdates
    }
}

/// Both have a Last-Modified, and it is the same date, or the same text.
fn same_last_modified(news: Fields<'_>, held: Fields<'_>) -> bool {
    match (news.get(Name::LastModified), held.get(Name::LastModified)) {
        (Some(new), Some(old)) => {
            let (new_date, old_date) = (last_modified(news, PIVOT), last_modified(held, PIVOT));
            new == old || (new_date.is_some() && new_date == old_date)
        }
        _ => false,
    }
}
