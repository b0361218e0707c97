//! What decisions about a stored response need, in one small value beside its head.
//!
//! Computed once, when the response arrives; after that freshness is one subtraction and one
//! comparison (RFC 9111, 4.2).

use super::age;
use super::control::Control;
use super::fresh::{last_modified, lifetime, Lifetime};
use super::policy::Policy;
use super::stale;
use crate::http::{Name, Request, Response};
use crate::time::{Mono, Wall};

/// When a response was asked for and when it came.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When the request was sent: `request_time` of 4.2.3.
    pub requested: Mono,
    /// When the head arrived: `response_time`.
    pub received: Mono,
    /// The wall clock at `received`.
    pub wall: Wall,
    /// The key's place among all keys, 0 to 999: how much of the route's jitter its lifetimes get.
    pub spread: u16,
}

/// Facts about a response, as of its arrival or last validation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// When it arrived.
    pub received: Mono,
    /// Milliseconds that it took to arrive.
    pub delay_ms: u32,
    /// Age at arrival, in seconds.
    pub initial_age: u32,
    /// Freshness lifetime, in seconds.
    pub lifetime: u32,
    /// Seconds after the lifetime in which it may be served while it is validated.
    pub stale_while: u32,
    /// Seconds after the lifetime in which it may be served in place of an error.
    pub stale_error: u32,
    /// Status code.
    pub status: u16,
    /// The bits below.
    pub flags: u16,
}

// It lies in every stored object.
const _: () = assert!(size_of::<Facts>() <= 32);

impl Facts {
    /// Once stale it must not be served without validation, whatever the client would take:
    /// `must-revalidate`, `proxy-revalidate`, or `s-maxage`, which includes the latter
    /// (5.2.2.2, 5.2.2.8, 5.2.2.10).
    pub const MUST_REVALIDATE: u16 = 1;
    /// It must not be served without validation, fresh or not (5.2.2.4).
    pub const NO_CACHE: u16 = 1 << 1;
    /// It has an entity tag.
    pub const HAS_ETAG: u16 = 1 << 2;
    /// It has a Last-Modified that is a date.
    pub const HAS_LAST_MODIFIED: u16 = 1 << 3;
    /// Its lifetime was not stated by the origin.
    pub const HEURISTIC: u16 = 1 << 4;

    /// The facts of a response that has just arrived. `_req` is what it answers.
    pub fn of(_req: &Request<'_>, res: &Response<'_>, policy: &Policy, times: &Times) -> Facts {
        let control = Control::of_response(res.fields, &policy.targets);
        let modified = last_modified(res.fields, times.wall);
        let lifetime = lifetime(res, &control, policy, times);
        let flags = [
            (stale::must_revalidate(&control), Facts::MUST_REVALIDATE),
            (control.no_cache, Facts::NO_CACHE),
            (res.fields.has(Name::ETag), Facts::HAS_ETAG),
            (modified.is_some(), Facts::HAS_LAST_MODIFIED),
            (matches!(lifetime, Lifetime::Heuristic(_)), Facts::HEURISTIC),
        ];
        let delay_ms = times.received.since(times.requested);
        Facts {
            received: times.received,
            delay_ms: u32::try_from(delay_ms).unwrap_or(u32::MAX),
            initial_age: age::initial(res.fields, times),
            lifetime: lifetime.seconds(),
            stale_while: stale::while_revalidate(&control, lifetime, policy),
            stale_error: stale::if_error(&control, policy),
            status: res.status,
            flags: flags
                .iter()
                .filter(|(is, _)| *is)
                .map(|(_, flag)| flag)
                .sum(),
        }
    }

    /// The facts of a stored response that a 304, or the answer to a HEAD, has freshened: what it
    /// says is in `fresh`, the merged head of [`freshen`](super::freshen); its age counts from that
    /// answer, whose Age is not in that head (RFC 9111, 4.2.3: "from the origin server or
    /// validated").
    pub fn validated(
        req: &Request<'_>,
        fresh: &Response<'_>,
        not_modified: &Response<'_>,
        policy: &Policy,
        times: &Times,
    ) -> Facts {
        let initial_age = age::initial(not_modified.fields, times);
        Facts {
            initial_age,
            ..Facts::of(req, fresh, policy, times)
        }
    }

    /// When it was asked for: what was purged since then reaches it, however late it came.
    #[must_use]
    pub fn born(&self) -> Mono {
        Mono(self.received.0.saturating_sub(u64::from(self.delay_ms)))
    }

    /// The same, stale from `now` on: a soft purge. What may be done with it while stale may still
    /// be done, counted from now.
    #[must_use]
    pub fn soft_purged(&self, now: Mono) -> Facts {
        Facts {
            lifetime: self.lifetime.min(self.age(now)),
            ..*self
        }
    }

    /// Is this flag set?
    pub fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Age in seconds, for the Age field and for freshness.
    pub fn age(&self, now: Mono) -> u32 {
        age::current(self.initial_age, self.received, now)
    }

    /// Its lifetime has not passed (4.2: lifetime > age).
    pub fn is_fresh(&self, now: Mono) -> bool {
        self.lifetime > self.age(now)
    }

    /// As they are stored: a count in bytes, the little end first, in the order of the fields.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (wide, narrow) = bytes.split_at_mut(8);
        wide.copy_from_slice(&self.received.0.to_le_bytes());
        let words = [
            self.delay_ms,
            self.initial_age,
            self.lifetime,
            self.stale_while,
            self.stale_error,
            u32::from(self.status) | u32::from(self.flags) << 16,
        ];
        for (four, word) in narrow.chunks_exact_mut(4).zip(words) {
            four.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// From these bytes; none when they have no status code. Flags that are not known here are
    /// kept.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Facts> {
        let (wide, narrow) = bytes.split_at(8);
        let received = u64::from_le_bytes(wide.try_into().ok()?);
        let mut words = [0; 6];
        for (word, four) in words.iter_mut().zip(narrow.chunks_exact(4)) {
            *word = u32::from_le_bytes(four.try_into().ok()?);
        }
        let [delay_ms, initial_age, lifetime, stale_while, stale_error, last] = words;
        let status = (last & 0xffff) as u16;
        (100..=999).contains(&status).then_some(Facts {
            received: Mono(received),
            delay_ms,
            initial_age,
            lifetime,
            stale_while,
            stale_error,
            status,
            flags: (last >> 16) as u16,
        })
    }

    /// Seconds of freshness left; 0 when stale.
    pub fn fresh_for(&self, now: Mono) -> u32 {
        self.lifetime.saturating_sub(self.age(now))
    }
}
