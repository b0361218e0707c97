//! The directives of Cache-Control (RFC 9111, 5.2), of requests and responses alike, as plain
//! values.
//!
//! Only directives that something here acts on are read; others are ignored as extensions are
//! (5.2.3). It does not know what the directives lead to: that is decided where they are used.

use crate::http::{Fields, Name};
use crate::limits::LIFETIME_MAX;

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
}

impl Control {
    /// The directives of all Cache-Control lines.
    pub fn of(fields: Fields<'_>) -> Control {
        let mut control = Control::default();
        for member in fields.members(Name::CacheControl) {
            control.read(member);
            if has_open_quote(member) {
                control.read_doubtful(member);
            }
        }
        control
    }

    /// A quote that is never closed swallows what follows it. What that forbids is heeded
    /// nevertheless; what it allows is not.
    fn read_doubtful(&mut self, member: &[u8]) {
        let mut doubtful = Control::default();
        member
            .split(|byte| *byte == b',')
            .for_each(|part| doubtful.read(part.trim_ascii()));
        self.no_store |= doubtful.no_store;
        self.no_cache |= doubtful.no_cache || doubtful.no_cache_fields;
        self.private |= doubtful.private || doubtful.private_fields;
        self.must_revalidate |= doubtful.must_revalidate || doubtful.proxy_revalidate;
    }

    fn read(&mut self, member: &[u8]) {
        let at = memchr::memchr(b'=', member);
        let (name, argument) = match at {
            Some(at) => (&member[..at], Some(&member[at + 1..])),
            None => (member, None),
        };
        // Whitespace around "=" is against the grammar. The name still shows what was meant; the
        // argument with its space is no number, so a lifetime becomes 0.
        let name = name.trim_ascii_end();
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        match name.len() {
            6 if is("public") => self.public = true,
            7 if is("max-age") => least(&mut self.max_age, argument),
            7 if is("private") => match argument {
                None => self.private = true,
                Some(_) => self.private_fields = true,
            },
            8 if is("no-cache") => match argument {
                None => self.no_cache = true,
                Some(_) => self.no_cache_fields = true,
            },
            8 if is("no-store") => self.no_store = true,
            8 if is("s-maxage") => least(&mut self.s_maxage, argument),
            9 if is("min-fresh") => {
                self.min_fresh = self.min_fresh.max(Some(delta(argument)));
            }
            9 if is("max-stale") => self.read_max_stale(argument),
            14 if is("only-if-cached") => self.only_if_cached = true,
            15 if is("must-revalidate") => self.must_revalidate = true,
            15 if is("must-understand") => self.must_understand = true,
            16 if is("proxy-revalidate") => self.proxy_revalidate = true,
            _ => {}
        }
    }

    fn read_max_stale(&mut self, argument: Option<&[u8]>) {
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

fn least(held: &mut Option<Delta>, argument: Option<&[u8]>) {
    let read = delta(argument);
    *held = Some(held.map_or(read, |before| before.min(read)));
}

/// An argument as seconds: plain or, as recipients ought to accept (5.2), quoted. What is not a
/// number is 0: stale (4.2.1). What is too large is the largest we hold (1.2.2).
fn delta(argument: Option<&[u8]>) -> Delta {
    let argument = argument.unwrap_or_default();
    let digits = match argument {
        [b'"', inner @ .., b'"'] => inner,
        plain => plain,
    };
    digits_to_seconds(digits).unwrap_or(0)
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
