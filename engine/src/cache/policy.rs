//! What the operator asked of the cache on one route, ready for decisions.
//!
//! Made once from `ringside_config::Cache`; whole seconds, copied freely.

use crate::limits::LIFETIME_MAX;
use core::time::Duration;
use ringside_config::SetCookie;

/// The cache options of one route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The cache may answer and store on this route.
    pub enabled: bool,
    /// Lifetime of a response that states none and has no heuristic one.
    pub default_lifetime: Option<u32>,
    /// 10 % of the time since Last-Modified, at most a day.
    pub heuristic: bool,
    /// In place of the heuristic and the default.
    pub refresh: Option<Refresh>,
    /// A response with Set-Cookie may be stored when it says `public` or `s-maxage`.
    pub set_cookie_explicit: bool,
}

/// Squid's `refresh_pattern`, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// Fresh at least this long.
    pub min: u32,
    /// Share of the time since Last-Modified, in percent.
    pub percent: u32,
    /// Never fresh longer than this.
    pub max: u32,
}

const _: () = assert!(size_of::<Policy>() <= 32);

impl Policy {
    /// The policy of a route with these options.
    pub fn of(asked: &ringside_config::Cache) -> Policy {
        Policy {
            enabled: asked.enabled,
            default_lifetime: asked.default_lifetime.map(whole_seconds),
            heuristic: asked.heuristic,
            refresh: asked.refresh.map(|refresh| Refresh {
                min: whole_seconds(refresh.min),
                percent: refresh.percent,
                max: whole_seconds(refresh.max),
            }),
            set_cookie_explicit: asked.set_cookie == SetCookie::Explicit,
        }
    }
}

/// Rounded up: whoever asks for half a second wants some sharing, not none.
fn whole_seconds(time: Duration) -> u32 {
    let more = u64::from(time.subsec_nanos() > 0);
    let seconds = time.as_secs().saturating_add(more);
    u32::try_from(seconds)
        .unwrap_or(LIFETIME_MAX)
        .min(LIFETIME_MAX)
}
