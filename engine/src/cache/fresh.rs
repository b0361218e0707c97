//! How long a response is fresh (RFC 9111, 4.2.1 and 4.2.2).
//!
//! From the response and the route's policy only. How much of it has passed is `age`'s part.

use super::age::{date, seconds_between};
use super::control::Control;
use super::policy::{Policy, Refresh};
use crate::http::{date, Fields, Name, Response};
use crate::limits::LIFETIME_MAX;
use crate::time::Wall;

/// Most that a heuristic gives: a day, as 4.2.2 has long suggested.
const HEURISTIC_SECONDS_MAX: u32 = 24 * 3600;

/// A freshness lifetime in seconds, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// The response states it: `s-maxage`, `max-age` or Expires.
    Explicit(u32),
    /// By the heuristic or the route's rules.
    Heuristic(u32),
    /// Nothing gives it one.
    None,
}

impl Lifetime {
    /// The seconds; 0 without a lifetime.
    pub fn seconds(self) -> u32 {
        match self {
            Lifetime::Explicit(seconds) | Lifetime::Heuristic(seconds) => seconds,
            Lifetime::None => 0,
        }
    }
}

/// The freshness lifetime of a response that arrived at `wall`.
pub fn lifetime(res: &Response<'_>, control: &Control, policy: &Policy, wall: Wall) -> Lifetime {
    if let Some(seconds) = explicit(res.fields, control, wall) {
        return Lifetime::Explicit(seconds);
    }
    // Heuristics only where the status, or `public`, allows (4.2.2).
    if !(control.public || is_heuristically_cacheable(res.status)) {
        return Lifetime::None;
    }
    let dated = date(res.fields, wall).unwrap_or(wall);
    // Modified later than sent: a clock is wrong, and there is nothing to take a share of.
    let unmodified_for = last_modified(res.fields, wall)
        .map(|modified| seconds_between(modified, dated))
        .filter(|seconds| *seconds > 0);
    let given = match policy.refresh {
        Some(refresh) => Some(by_refresh(&refresh, unmodified_for)),
        None => unmodified_for
            .filter(|_| policy.heuristic)
            .map(|seconds| (seconds / 10).min(HEURISTIC_SECONDS_MAX))
            .or(policy.default_lifetime),
    };
    given.map_or(Lifetime::None, Lifetime::Heuristic)
}

/// The stated lifetime, the first of these that is there: `s-maxage` as we are a shared cache,
/// `max-age`, Expires less Date (4.2.1).
fn explicit(fields: Fields<'_>, control: &Control, wall: Wall) -> Option<u32> {
    control
        .s_maxage
        .or(control.max_age)
        .or_else(|| by_expires(fields, wall))
}

/// Expires less Date. A value that is no date, `0` above all, is in the past (5.3); of several
/// lines the earliest counts, as with directives.
fn by_expires(fields: Fields<'_>, wall: Wall) -> Option<u32> {
    let dated = date(fields, wall).unwrap_or(wall);
    let seconds =
        |value| date::parse(value, wall).map_or(0, |expires| seconds_between(dated, expires));
    fields.all(Name::Expires).map(seconds).min()
}

fn by_refresh(refresh: &Refresh, unmodified_for: Option<u32>) -> u32 {
    let share = u64::from(unmodified_for.unwrap_or(0)) * u64::from(refresh.percent) / 100;
    let share = u32::try_from(share).unwrap_or(LIFETIME_MAX);
    share.max(refresh.min).min(refresh.max).min(LIFETIME_MAX)
}

/// Last-Modified as a date.
pub(super) fn last_modified(fields: Fields<'_>, now: Wall) -> Option<Wall> {
    date::parse(fields.get(Name::LastModified)?, now)
}

/// Status codes that a cache may give a heuristic lifetime (RFC 9110, 15.1). 206 is among them,
/// but partial responses are not stored here.
pub fn is_heuristically_cacheable(status: u16) -> bool {
    matches!(
        status,
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}
