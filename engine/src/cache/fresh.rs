//! How long a response is fresh (RFC 9111, 4.2.1 and 4.2.2).
//!
//! From the response and the route's policy only. How much of it has passed is `age`'s part.

use super::age::{date, seconds_between};
use super::control::Control;
use super::facts::Times;
use super::policy::{Policy, Refresh};
use crate::http::{date, Fields, Name, Response};
use crate::limits::LIFETIME_MAX;
use crate::time::Wall;

/// The last of a key's places ([`Times::spread`]).
const SPREAD_MAX: u16 = 999;

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

/// What gives a response its lifetime, the most telling first (4.2.1 and 4.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `s-maxage`, as we are a shared cache.
    SMaxage,
    /// `max-age`
    MaxAge,
    /// Expires less Date.
    Expires,
    /// What the route says of this status.
    Status,
    /// The route's `refresh`.
    Refresh,
    /// A share of the time since Last-Modified.
    LastModified,
    /// The route's default.
    Default,
}

impl Source {
    /// The response itself.
    pub fn is_stated(self) -> bool {
        matches!(self, Source::SMaxage | Source::MaxAge | Source::Expires)
    }
}

/// The freshness lifetime of a response: as it states it, or as the route gives it, no longer than
/// the route allows, and shortened by the share that its key has of the route's jitter. A cache
/// may always take a response for stale earlier than the origin does (4.2: "allowed").
pub fn lifetime(res: &Response<'_>, control: &Control, policy: &Policy, times: &Times) -> Lifetime {
    let Some((source, seconds)) = source(res, control, policy, times.wall) else {
        return Lifetime::None;
    };
    let seconds = seconds.min(policy.lifetime_max);
    let spread = u64::from(times.spread.min(SPREAD_MAX));
    let share = u64::from(policy.jitter_percent.min(100)) * spread;
    let less = u64::from(seconds) * share / (100 * u64::from(SPREAD_MAX));
    let seconds = seconds.saturating_sub(u32::try_from(less).unwrap_or(seconds));
    if source.is_stated() {
        Lifetime::Explicit(seconds)
    } else {
        Lifetime::Heuristic(seconds)
    }
}

/// The lifetime of a response before the route's bounds, and what gives it.
pub fn source(
    res: &Response<'_>,
    control: &Control,
    policy: &Policy,
    wall: Wall,
) -> Option<(Source, u32)> {
    explicit(res.fields, control, wall).or_else(|| given(res, control, policy, wall))
}

/// The lifetime of a response that states none.
fn given(
    res: &Response<'_>,
    control: &Control,
    policy: &Policy,
    wall: Wall,
) -> Option<(Source, u32)> {
    // What the operator says of this status is more to the point than any rule of thumb.
    if let Some(seconds) = policy.negative_lifetime(res.status) {
        return Some((Source::Status, seconds));
    }
    // Heuristics only where the status, or `public`, allows (4.2.2).
    if !(control.public || is_heuristically_cacheable(res.status)) {
        return None;
    }
    let dated = date(res.fields, wall).unwrap_or(wall);
    // Modified later than sent: a clock is wrong, and there is nothing to take a share of.
    let unmodified_for = last_modified(res.fields, wall)
        .map(|modified| seconds_between(modified, dated))
        .filter(|seconds| *seconds > 0);
    if let Some(refresh) = policy.refresh {
        return Some((Source::Refresh, by_refresh(&refresh, unmodified_for)));
    }
    let heuristic = unmodified_for
        .filter(|_| policy.heuristic)
        .map(|seconds| (seconds / 10).min(HEURISTIC_SECONDS_MAX));
    let default = || Some((Source::Default, policy.default_lifetime?));
    heuristic.map_or_else(default, |seconds| Some((Source::LastModified, seconds)))
}

/// The stated lifetime, the first of these that is there: `s-maxage` as we are a shared cache,
/// `max-age`, Expires less Date (4.2.1). Expires is not looked at beside a targeted field
/// (RFC 9213, 2.2).
fn explicit(fields: Fields<'_>, control: &Control, wall: Wall) -> Option<(Source, u32)> {
    let s_maxage = control.s_maxage.map(|seconds| (Source::SMaxage, seconds));
    let max_age = control.max_age.map(|seconds| (Source::MaxAge, seconds));
    s_maxage.or(max_age).or_else(|| {
        let expires = (!control.targeted).then(|| by_expires(fields, wall));
        Some((Source::Expires, expires.flatten()?))
    })
}

/// Expires less Date. A value that is no date, `0` above all, is in the past (5.3); of several
/// lines the earliest counts, as with directives.
///
/// That goes for every form that isn't one of the three of RFC 9110, 5.6.7, as `date` reads them:
/// a weekday, month or zone in another case, another zone, two digits for the year, a missing
/// comma, digit or space, dashes and points in other places, two dates in one line. A cache "MUST
/// interpret invalid date formats […] as representing a time in the past".
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
