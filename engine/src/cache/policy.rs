//! What the operator asked of the cache on one route, ready for decisions.
//!
//! Made once from a Plan's `Cache`, `Site` and `Control`; times in whole seconds.

use crate::limits::LIFETIME_MAX;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;
use ringside_config::{Cache, ClientDirectives, Control, Site};

pub use ringside_config::{AcceptLanguage, SetCookie};

/// The cache options of one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The cache may answer and store on this route.
    pub enabled: bool,
    /// Cache-Control and Pragma of requests count (RFC 9111, 5.2.1). Otherwise they are taken as
    /// absent, `no-store` included: the operator answers for that to the clients.
    pub honours_client: bool,
    /// Lifetime of a response that states none and has no heuristic one.
    pub default_lifetime: Option<u32>,
    /// 10 % of the time since Last-Modified, at most a day.
    pub heuristic: bool,
    /// In place of the heuristic and the default.
    pub refresh: Option<Refresh>,
    /// No lifetime is longer; [`LIFETIME_MAX`] for no such bound.
    pub lifetime_max: u32,
    /// Lifetimes by status, for responses that state none; sorted by status, each once.
    pub negative: Box<[(u16, u32)]>,
    /// Lifetimes are shortened by up to this share; at most 50.
    pub jitter_percent: u8,
    /// How long a response may be served while it is validated, if it says nothing about that.
    pub stale_while: Option<u32>,
    /// How long a response may be served in place of an error, if it says nothing about that.
    pub stale_error: Option<u32>,
    /// What becomes of a response with Set-Cookie.
    pub set_cookie: SetCookie,
    /// How Accept-Language selects.
    pub language: AcceptLanguage,
    /// Stored variants of one URL.
    pub variants_max: usize,
    /// No-Vary-Search counts.
    pub no_vary_search: bool,
    /// QUERY requests with content up to this many bytes are cached; 0 for none.
    pub query_bytes: usize,
    /// A range request on a miss asks the origin for fragments.
    pub fragments: bool,
    /// The names of the targeted fields (RFC 9213), the first to be heeded first.
    pub targets: Arc<[Box<str>]>,
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

impl Policy {
    /// The policy of a route of `site` with these options.
    pub fn of(cache: &Cache, site: &Site, control: &Control) -> Policy {
        let negative = cache.negative.iter();
        Policy {
            enabled: cache.enabled,
            honours_client: site.client_directives == ClientDirectives::Honour,
            default_lifetime: cache.default_lifetime.map(whole_seconds),
            heuristic: cache.heuristic,
            refresh: cache.refresh.map(|refresh| Refresh {
                min: whole_seconds(refresh.min),
                percent: refresh.percent,
                max: whole_seconds(refresh.max),
            }),
            lifetime_max: cache.lifetime_max.map_or(LIFETIME_MAX, whole_seconds),
            negative: negative
                .map(|(status, lifetime)| (*status, whole_seconds(*lifetime)))
                .collect(),
            // At most 50 in a Plan.
            jitter_percent: u8::try_from(cache.jitter_percent).unwrap_or(50),
            stale_while: cache.stale_while_revalidate.map(whole_seconds),
            stale_error: cache.stale_if_error.map(whole_seconds),
            set_cookie: cache.set_cookie,
            language: cache.accept_language,
            variants_max: cache.variants_max,
            no_vary_search: cache.no_vary_search,
            query_bytes: cache.query_bytes,
            fragments: cache.fragments,
            targets: control
                .targets
                .iter()
                .map(|name| Box::from(name.as_str()))
                .collect(),
        }
    }

    /// The lifetime that the operator gives a response with this status that states none.
    pub fn negative_lifetime(&self, status: u16) -> Option<u32> {
        let at = self.negative.binary_search_by_key(&status, |entry| entry.0);
        self.negative.get(at.ok()?).map(|entry| entry.1)
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
