//! The directives of Cache-Control (RFC 9111, 5.2), of requests and responses alike, as plain
//! values; of responses also those of a targeted field, which takes its place
//! (RFC 9213).
//!
//! Only directives that something here acts on are read; others are ignored as extensions are
//! (5.2.3). It does not know what the directives lead to: that is decided where they are used.

use crate::http::field::{self, is_token};
use crate::http::{Fields, Name};
use crate::limits::{LIFETIME_MAX, WITHHELD_MAX};
use alloc::boxed::Box;
use alloc::vec::Vec;

mod targeted;

/// Delta seconds (RFC 9111, 1.2.2), at most [`LIFETIME_MAX`].
pub type Delta = u32;

/// All Cache-Control directives of one head.
///
/// A directive that comes more than once, with different arguments, counts in its most
/// restrictive form. That is always one of the two things that 4.2.1 allows: where the smallest
/// lifetime has not passed, so has not the first one's; where it has, the response is considered
/// stale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// `max-age`, of either side. An argument that is not a number is 0.
    pub max_age: Option<Delta>,
    /// `s-maxage` of a response.
    pub s_maxage: Option<Delta>,
    /// `min-fresh` of a request.
    pub min_fresh: Option<Delta>,
    /// `max-stale` of a request; `Some(None)` takes a response of any staleness.
    pub max_stale: Option<Option<Delta>>,
    /// `stale-while-revalidate` of a response (RFC 5861, 3).
    pub stale_while_revalidate: Option<Delta>,
    /// `stale-if-error`, of either side (RFC 5861, 4).
    pub stale_if_error: Option<Delta>,
    /// `no-cache`, for the whole message.
    pub no_cache: bool,
    /// `no-cache="…"`: only the listed fields need validation.
    pub no_cache_fields: bool,
    /// `no-store`
    pub no_store: bool,
    /// `private`, for the whole response.
    pub private: bool,
    /// `private="…"`: only the listed fields are private.
    pub private_fields: bool,
    /// `public`
    pub public: bool,
    /// `must-revalidate`
    pub must_revalidate: bool,
    /// `proxy-revalidate`
    pub proxy_revalidate: bool,
    /// `must-understand`
    pub must_understand: bool,
    /// `only-if-cached` of a request.
    pub only_if_cached: bool,
    /// `immutable` (RFC 8246). It asks a client not to reload what is fresh. A shared cache does
    /// not ask the origin about what is fresh in any case, so here it changes nothing: it is
    /// passed on to those whom it is for, and what a client insists on is done.
    pub immutable: bool,
    /// They are those of a targeted field: Cache-Control, Expires and Pragma say nothing then
    /// (RFC 9213, 2.2).
    pub targeted: bool,
}

/// The directives of one head, and the fields that they name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directives<'b> {
    pub(super) control: Control,
    /// The arguments of `no-cache="…"` and `private="…"`; at most [`WITHHELD_MAX`].
    pub(super) named: Vec<&'b [u8]>,
}

impl Control {
    /// The directives of all Cache-Control lines: of a request, or of a response without regard
    /// to targeted fields.
    pub fn of(fields: Fields<'_>) -> Control {
        Directives::of(fields).control
    }

    /// The directives that a response has for this cache: those of the first of the targeted
    /// fields `targets` that is there and valid, or else those of Cache-Control.
    pub fn of_response(fields: Fields<'_>, targets: &[Box<str>]) -> Control {
        Directives::of_response(|_| fields, targets).control
    }
}

impl<'b> Directives<'b> {
    fn of(fields: Fields<'b>) -> Directives<'b> {
        let mut read = Directives::default();
        for member in fields.members(Name::CacheControl) {
            read.member(member);
            if has_open_quote(member) {
                read.doubtful(member);
            }
        }
        read
    }

    /// Those of a response. `head` gives the head that has the last word on a field's name: a
    /// response may be put together from a stored one and a 304 (RFC 9111, 3.2).
    pub(super) fn of_response(
        head: impl Fn(&[u8]) -> Fields<'b>,
        targets: &[Box<str>],
    ) -> Directives<'b> {
        targets
            .iter()
            .find_map(|name| {
                let name = name.as_bytes();
                targeted::read(head(name).all_by_text(name))
            })
            .unwrap_or_else(|| Directives::of(head(Name::CacheControl.as_str().as_bytes())))
    }

    /// A quote that is never closed swallows what follows it. What that forbids is heeded
    /// nevertheless; what it allows is not.
    fn doubtful(&mut self, member: &'b [u8]) {
        let mut doubtful = Directives::default();
        member
            .split(|byte| *byte == b',')
            .for_each(|part| doubtful.member(part.trim_ascii()));
        let (control, doubtful) = (&mut self.control, doubtful.control);
        control.no_store |= doubtful.no_store;
        control.no_cache |= doubtful.no_cache || doubtful.no_cache_fields;
        control.private |= doubtful.private || doubtful.private_fields;
        control.must_revalidate |= doubtful.must_revalidate || doubtful.proxy_revalidate;
    }

    fn member(&mut self, member: &'b [u8]) {
        let at = memchr::memchr(b'=', member);
        let (name, argument) = match at {
            Some(at) => (&member[..at], Some(&member[at + 1..])),
            None => (member, None),
        };
        // Whitespace around "=" is against the grammar. The name still shows what was meant; the
        // argument is none that we read, so a lifetime becomes 0.
        let spaced = name.last().is_some_and(u8::is_ascii_whitespace);
        let argument = if spaced { Some(&b""[..]) } else { argument };
        let name = name.trim_ascii_end();
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        let control = &mut self.control;
        match name.len() {
            6 if is("public") => control.public = true,
            7 if is("max-age") => least(&mut control.max_age, delta(argument)),
            7 if is("private") => self.private(argument.map(unquoted)),
            8 if is("no-cache") => self.no_cache(argument.map(unquoted)),
            8 if is("no-store") => control.no_store = true,
            8 if is("s-maxage") => least(&mut control.s_maxage, delta(argument)),
            9 if is("immutable") => control.immutable = true,
            9 if is("min-fresh") => {
                control.min_fresh = control.min_fresh.max(Some(delta(argument)));
            }
            9 if is("max-stale") => control.max_stale(argument),
            14 if is("only-if-cached") => control.only_if_cached = true,
            14 if is("stale-if-error") => least(&mut control.stale_if_error, delta(argument)),
            15 if is("must-revalidate") => control.must_revalidate = true,
            15 if is("must-understand") => control.must_understand = true,
            16 if is("proxy-revalidate") => control.proxy_revalidate = true,
            22 if is("stale-while-revalidate") => {
                least(&mut control.stale_while_revalidate, delta(argument));
            }
            _ => {}
        }
    }

    fn no_cache(&mut self, list: Option<&'b [u8]>) {
        match list.map(|list| self.name_all(list)) {
            Some(true) => self.control.no_cache_fields = true,
            Some(false) | None => self.control.no_cache = true,
        }
    }

    fn private(&mut self, list: Option<&'b [u8]>) {
        match list.map(|list| self.name_all(list)) {
            Some(true) => self.control.private_fields = true,
            Some(false) | None => self.control.private = true,
        }
    }

    /// Notes the names in the argument of a qualified directive. `false`: the directive counts as
    /// the unqualified one, which is always allowed (5.2.2.4, 5.2.2.7). So it is when the argument
    /// is no list of names, when there are too many, and when what is left without them would be
    /// something else.
    fn name_all(&mut self, list: &'b [u8]) -> bool {
        let before = self.named.len();
        for name in field::members(list) {
            let well = name.iter().all(|byte| is_token(*byte)) && !is_essential(name);
            if !well || self.named.len() == WITHHELD_MAX {
                self.named.truncate(before);
                return false;
            }
            self.named.push(name);
        }
        self.named.len() > before
    }
}

impl Control {
    fn max_stale(&mut self, argument: Option<&[u8]>) {
        let taken = argument.map(|_| delta(argument));
        self.max_stale = Some(match (self.max_stale, taken) {
            (Some(Some(before)), Some(now)) => Some(before.min(now)),
            (Some(Some(before)), None) => Some(before),
            (Some(None) | None, now) => now,
        });
    }
}

/// `Pragma: no-cache`, which counts only where there is no Cache-Control (RFC 9111, 5.4).
pub fn pragma_no_cache(fields: Fields<'_>) -> bool {
    fields.has_token(Name::Pragma, "no-cache")
}

/// Fields without which the content would be read otherwise, or the rules for it be lost.
fn is_essential(name: &[u8]) -> bool {
    matches!(
        Name::from_bytes(name),
        Name::CacheControl
            | Name::ContentEncoding
            | Name::ContentRange
            | Name::ContentType
            | Name::Date
            | Name::Vary
    )
}

fn has_open_quote(member: &[u8]) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for byte in member {
        match (byte, quoted) {
            (_, true) if escaped => escaped = false,
            (b'\\', true) => escaped = true,
            (b'"', _) => quoted = !quoted,
            _ => {}
        }
    }
    quoted
}

fn least(held: &mut Option<Delta>, read: Delta) {
    *held = Some(held.map_or(read, |before| before.min(read)));
}

/// Arguments are tokens or, as recipients ought to accept (5.2), quoted.
fn unquoted(argument: &[u8]) -> &[u8] {
    match argument {
        [b'"', inner @ .., b'"'] => inner,
        plain => plain,
    }
}

/// An argument as seconds. What is not a number is 0: stale (4.2.1). What is too large is the
/// largest we hold (1.2.2).
fn delta(argument: Option<&[u8]>) -> Delta {
    digits_to_seconds(unquoted(argument.unwrap_or_default())).unwrap_or(0)
}

/// Digits as seconds, at most [`LIFETIME_MAX`]; `None` when there is anything but digits.
pub(super) fn digits_to_seconds(digits: &[u8]) -> Option<Delta> {
    if digits.is_empty() {
        return None;
    }
    let mut seconds: u64 = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        seconds = (seconds * 10 + u64::from(byte - b'0')).min(u64::from(LIFETIME_MAX));
    }
    // Never more than LIFETIME_MAX, which fits.
    Some(seconds as u32)
}
