//! May a stored response be served to this request as it is? (RFC 9111, 4, 4.2.4, 5.2.1;
//! RFC 5861)
//!
//! Asked on every hit, so a request without directives costs one walk over its fields. Assumes
//! that the stored response is the selected one (`vary`).

use super::control::{pragma_no_cache, Control};
use super::facts::Facts;
use super::policy::Policy;
use crate::http::{Name, Request};
use crate::outcome::Reason;
use crate::time::Mono;

/// What may be done with a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serve {
    /// Serve it as it is.
    Fresh,
    /// Serve it as it is, and let one request validate it meanwhile (RFC 5861, 3).
    Stale(Reason),
    /// Ask the origin first, and why.
    Validate(Reason),
}

/// Decides for one request and one stored response.
pub fn serve(req: &Request<'_>, facts: &Facts, policy: &Policy, now: Mono) -> Serve {
    if !policy.enabled {
        return Serve::Validate(Reason::RouteOff);
    }
    if facts.has(Facts::NO_CACHE) {
        return Serve::Validate(Reason::NoCacheStored);
    }
    match asked(req, policy) {
        Asked::Nothing => by_age(facts, now),
        Asked::Directives(control) => directed(&control, facts, now),
        Asked::Pragma => Serve::Validate(Reason::NoCacheRequest),
    }
}

/// What a request asks of a cache.
enum Asked {
    Nothing,
    Directives(Control),
    /// `Pragma: no-cache`, without Cache-Control (5.4).
    Pragma,
}

fn asked(req: &Request<'_>, policy: &Policy) -> Asked {
    if !policy.honours_client {
        return Asked::Nothing;
    }
    let (mut controls, mut pragma) = (false, false);
    for field in req.fields.iter() {
        controls |= field.id == Name::CacheControl;
        pragma |= field.id == Name::Pragma;
    }
    if controls {
        Asked::Directives(Control::of(req.fields))
    } else if pragma && pragma_no_cache(req.fields) {
        Asked::Pragma
    } else {
        Asked::Nothing
    }
}

fn by_age(facts: &Facts, now: Mono) -> Serve {
    let age = facts.age(now);
    if facts.lifetime > age {
        Serve::Fresh
    } else if age - facts.lifetime < facts.stale_while {
        Serve::Stale(Reason::StaleWhileRevalidate)
    } else {
        Serve::Validate(Reason::Expired)
    }
}

/// The same, for a request with directives. Where they contradict each other the one that asks
/// for more wins.
fn directed(control: &Control, facts: &Facts, now: Mono) -> Serve {
    if insists(control) {
        return Serve::Validate(Reason::NoCacheRequest);
    }
    let age = facts.age(now);
    if is_too_old(control, age) {
        return Serve::Validate(Reason::TooOldForRequest);
    }
    if facts.lifetime > age {
        let left = facts.lifetime - age;
        if control.min_fresh.is_some_and(|least| left < least) {
            return Serve::Validate(Reason::TooOldForRequest);
        }
        return Serve::Fresh;
    }
    let staleness = age - facts.lifetime;
    let taken = takes_stale(control, staleness);
    if taken == Some(true) {
        // What the origin forbids no client can allow (5.2.2.2).
        return if facts.has(Facts::MUST_REVALIDATE) {
            Serve::Validate(Reason::MustRevalidate)
        } else {
            Serve::Fresh
        };
    }
    if taken.is_none() && staleness < facts.stale_while {
        return Serve::Stale(Reason::StaleWhileRevalidate);
    }
    Serve::Validate(Reason::Expired)
}

/// `no-cache`. A request has no use for the qualified form; whoever writes it wants no less.
fn insists(control: &Control) -> bool {
    control.no_cache || control.no_cache_fields
}

/// Ages are cut to whole seconds: at an age of N it is older than N, if by a little. So
/// max-age=0, a browser's reload, always reaches the origin (5.2.1.1).
fn is_too_old(control: &Control, age: u32) -> bool {
    control.max_age.is_some_and(|most| age >= most)
}

/// Does a request take a response that is stale by so many seconds? `None` when it says nothing
/// about that.
///
/// "Unless the max-stale request directive is also present, the client does not wish to receive a
/// stale response" (5.2.1.1), and min-fresh asks for freshness (5.2.1.3).
fn takes_stale(control: &Control, staleness: u32) -> Option<bool> {
    if control.min_fresh.is_some() {
        return Some(false);
    }
    match control.max_stale {
        Some(most) => Some(most.is_none_or(|most| staleness <= most)),
        None => control.max_age.map(|_| false),
    }
}

/// May the selected stored response be served when the origin can't be asked, or answers the
/// question with [an error](is_error)? (RFC 5861, 4; RFC 9111, 4.2.4 and 4.3.3)
///
/// - Never when the response must be validated: not for `no-cache`, `must-revalidate` and what
///   includes it.
/// - Never when the request says so: it wants the origin's word (`no-cache`), or one that is
///   younger (`max-age`) or fresh (`min-fresh`). Such a client has something to compare with, or
///   will act on what it gets; an error tells it more than an answer that it has ruled out.
/// - Otherwise as long as the client takes it, when it says how long (`stale-if-error`,
///   `max-stale`), or else as long as the response, or the route, allows.
pub fn in_place_of_error(req: &Request<'_>, facts: &Facts, policy: &Policy, now: Mono) -> bool {
    if !policy.enabled || facts.has(Facts::NO_CACHE) {
        return false;
    }
    let control = match asked(req, policy) {
        Asked::Nothing => Control::default(),
        Asked::Directives(control) => control,
        Asked::Pragma => return false,
    };
    let age = facts.age(now);
    if insists(&control) || is_too_old(&control, age) {
        return false;
    }
    if facts.lifetime > age {
        let left = facts.lifetime - age;
        return control.min_fresh.is_none_or(|least| left >= least);
    }
    if facts.has(Facts::MUST_REVALIDATE) || control.min_fresh.is_some() {
        return false;
    }
    let staleness = age - facts.lifetime;
    if let Some(most) = control.stale_if_error {
        return staleness < most;
    }
    takes_stale(&control, staleness).unwrap_or(staleness < facts.stale_error)
}

/// Answers that say that the origin can't answer (RFC 5861, 4).
pub const fn is_error(status: u16) -> bool {
    matches!(status, 500 | 502..=504)
}

/// The client takes an answer from the cache or none (5.2.1.7).
pub fn only_if_cached(req: &Request<'_>, policy: &Policy) -> bool {
    policy.honours_client
        && req.fields.has(Name::CacheControl)
        && Control::of(req.fields).only_if_cached
}
