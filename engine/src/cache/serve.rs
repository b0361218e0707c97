//! May a stored response be served to this request as it is? (RFC 9111, 4, 4.2.4, 5.2.1)
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
    let (mut controls, mut pragma) = (false, false);
    for field in req.fields.iter() {
        controls |= field.id == Name::CacheControl;
        pragma |= field.id == Name::Pragma;
    }
    if controls {
        return directed(&Control::of(req.fields), facts, now);
    }
    if pragma && pragma_no_cache(req.fields) {
        return Serve::Validate(Reason::NoCacheRequest);
    }
    if facts.is_fresh(now) {
        Serve::Fresh
    } else {
        Serve::Validate(Reason::Expired)
    }
}

/// The same, for a request with directives. Where they contradict each other the one that asks
/// for more wins.
fn directed(control: &Control, facts: &Facts, now: Mono) -> Serve {
    // A request has no use for the qualified form; whoever writes it wants no less.
    if control.no_cache || control.no_cache_fields {
        return Serve::Validate(Reason::NoCacheRequest);
    }
    let age = facts.age(now);
    // Ages are cut to whole seconds: at an age of N it is older than N, if by a little. So
    // max-age=0, a browser's reload, always reaches the origin (5.2.1.1).
    if control.max_age.is_some_and(|most| age >= most) {
        return Serve::Validate(Reason::TooOldForRequest);
    }
    if facts.lifetime > age {
        let left = facts.lifetime - age;
        if control.min_fresh.is_some_and(|least| left < least) {
            return Serve::Validate(Reason::TooOldForRequest);
        }
        return Serve::Fresh;
    }
    // What the origin forbids no client can allow (5.2.2.2), and min-fresh asks for freshness.
    let staleness = age - facts.lifetime;
    let taken = match control.max_stale {
        Some(most) => most.is_none_or(|most| staleness <= most),
        None => false,
    };
    if taken && control.min_fresh.is_none() && !facts.has(Facts::MUST_REVALIDATE) {
        return Serve::Fresh;
    }
    Serve::Validate(Reason::Expired)
}

/// The client takes an answer from the cache or none (5.2.1.7).
pub fn only_if_cached(req: &Request<'_>) -> bool {
    req.fields.has(Name::CacheControl) && Control::of(req.fields).only_if_cached
}
