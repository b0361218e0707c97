//! Targeted cache control: a response field for this class of caches, in the place of
//! Cache-Control (RFC 9213).
//!
//! A Dictionary of structured fields, and read as strictly: what breaks the grammar, and a
//! directive whose value has the wrong type, make the field as if it were not there (2.1, 2.2).
//! Parameters are ignored. Does not know which fields are on the target list.

use super::{Control, Delta, Directives};
use crate::http::structured::{self, Dictionary, Value};
use crate::limits::LIFETIME_MAX;
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// The directives of a targeted field with these lines. `None`: none is there, it is empty, or it
/// is not valid.
pub(super) fn read<'b>(lines: impl Iterator<Item = &'b [u8]>) -> Option<Directives<'b>> {
    let mut lines = lines.peekable();
    lines.peek()?;
    let members = structured::dictionary(lines)?;
    if members.is_empty() {
        return None;
    }
    let control = Control {
        max_age: seconds(&members, "max-age")?,
        s_maxage: seconds(&members, "s-maxage")?,
        stale_while_revalidate: seconds(&members, "stale-while-revalidate")?,
        stale_if_error: seconds(&members, "stale-if-error")?,
        no_store: flag(&members, "no-store")?,
        public: flag(&members, "public")?,
        must_revalidate: flag(&members, "must-revalidate")?,
        proxy_revalidate: flag(&members, "proxy-revalidate")?,
        must_understand: flag(&members, "must-understand")?,
        immutable: flag(&members, "immutable")?,
        targeted: true,
        ..Control::default()
    };
    let mut read = Directives {
        control,
        named: Vec::new(),
    };
    match fields(&members, "no-cache")? {
        Argument::Absent => {}
        Argument::None => read.no_cache(None),
        Argument::Names(names) => read.no_cache(Some(names)),
    }
    match fields(&members, "private")? {
        Argument::Absent => {}
        Argument::None => read.private(None),
        Argument::Names(names) => read.private(Some(names)),
    }
    Some(read)
}

/// A directive that takes seconds: an Integer. A negative one is no delta-seconds, which is 0:
/// stale (RFC 9111, 4.2.1).
fn seconds(members: &Dictionary<'_>, name: &str) -> Option<Option<Delta>> {
    let Some(member) = members.get(name) else {
        return Some(None);
    };
    let seconds = member.integer()?.clamp(0, i64::from(LIFETIME_MAX));
    // Within 0..=LIFETIME_MAX, which fits.
    Some(Some(seconds as Delta))
}

/// A directive without an argument: a Boolean. False says that it is not meant.
fn flag(members: &Dictionary<'_>, name: &str) -> Option<bool> {
    match members.get(name) {
        Some(member) => member.boolean(),
        None => Some(false),
    }
}

/// How a directive that may name fields came.
enum Argument<'b> {
    /// Not at all.
    Absent,
    /// Without names.
    None,
    Names(&'b [u8]),
}

/// A directive that may name fields: a Boolean, or a String with their names between commas as in
/// Cache-Control; one name may be a Token.
fn fields<'b>(members: &Dictionary<'b>, name: &str) -> Option<Argument<'b>> {
    let Some(member) = members.get(name) else {
        return Some(Argument::Absent);
    };
    match member.value()? {
        Value::Boolean(true) => Some(Argument::None),
        Value::Boolean(false) => Some(Argument::Absent),
        Value::String(Cow::Borrowed(names)) | Value::Token(names) => Some(Argument::Names(names)),
        // What needed an escape is no name. The directive counts nevertheless.
        Value::String(Cow::Owned(_)) => Some(Argument::None),
        _ => None,
    }
}
