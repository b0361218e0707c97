//! How a request was answered and why, in closed lists. The same words stand in Cache-Status, in
//! the log and in metrics.

/// Why something was not answered from the cache, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nothing to explain.
    None,
    /// Nothing is stored for this URL.
    NotStored,
    /// Something is stored for this URL, but for other request fields.
    VaryMiss,
    /// What is stored is not fresh any more.
    Expired,
    /// The request demands the origin's word.
    NoCacheRequest,
    /// The stored response demands validation before each use.
    NoCacheStored,
    /// The request wants it fresher than it is.
    TooOldForRequest,
    /// It is stale and may not be served so, whatever the request allows.
    MustRevalidate,
    /// The method is not answered from a cache.
    Method,
    /// The route does not cache.
    RouteOff,
    /// The request forbids storing.
    RequestNoStore,
    /// The last response for this URL could not be shared.
    HitForMiss,
    /// The client wants another protocol.
    Upgrade,
    /// Only the cache may answer, and it can't.
    OnlyIfCached,
    /// A queue or the memory was full.
    Busy,
    /// The request is malformed.
    BadRequest,
    /// The request is too large.
    TooLarge,
    /// No site or route answers for it.
    NoSite,
    /// The client took too long.
    Timeout,
    /// The origin did not answer, or answered nonsense.
    OriginBroken,
    /// The origin took too long.
    OriginTimeout,
}

impl Reason {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Reason::None => "",
            Reason::NotStored => "not-stored",
            Reason::VaryMiss => "vary-miss",
            Reason::Expired => "expired",
            Reason::NoCacheRequest => "no-cache-request",
            Reason::NoCacheStored => "no-cache-stored",
            Reason::TooOldForRequest => "too-old-for-request",
            Reason::MustRevalidate => "must-revalidate",
            Reason::Method => "method",
            Reason::RouteOff => "route-off",
            Reason::RequestNoStore => "request-no-store",
            Reason::HitForMiss => "hit-for-miss",
            Reason::Upgrade => "upgrade",
            Reason::OnlyIfCached => "only-if-cached",
            Reason::Busy => "busy",
            Reason::BadRequest => "bad-request",
            Reason::TooLarge => "too-large",
            Reason::NoSite => "no-site",
            Reason::Timeout => "timeout",
            Reason::OriginBroken => "origin-broken",
            Reason::OriginTimeout => "origin-timeout",
        }
    }
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// From the cache, fresh.
    Hit,
    /// From the cache, after the origin confirmed it.
    Revalidated(Reason),
    /// From the cache, stale, as the rules allow.
    Stale(Reason),
    /// From the origin.
    Miss(Reason),
    /// From a fetch that another request had begun.
    Collapsed(Reason),
    /// From the origin, for this client only.
    Pass(Reason),
    /// Handed to another protocol.
    Tunnel,
    /// By a page of our own.
    Refused(Reason),
}

impl Outcome {
    /// How many outcomes there are.
    pub const COUNT: usize = 8;
    /// Their words, by index.
    pub const WORDS: [&'static str; Self::COUNT] =
        ["hit", "revalidated", "stale", "miss", "collapsed", "pass", "tunnel", "refused"];

    /// Its place in [`Outcome::WORDS`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Outcome::Hit => 0,
            Outcome::Revalidated(_) => 1,
            Outcome::Stale(_) => 2,
            Outcome::Miss(_) => 3,
            Outcome::Collapsed(_) => 4,
            Outcome::Pass(_) => 5,
            Outcome::Tunnel => 6,
            Outcome::Refused(_) => 7,
        }
    }

    /// The word for logs and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        Self::WORDS[self.index()]
    }

    /// Why.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Outcome::Hit | Outcome::Tunnel => Reason::None,
            Outcome::Revalidated(reason)
            | Outcome::Stale(reason)
            | Outcome::Miss(reason)
            | Outcome::Collapsed(reason)
            | Outcome::Pass(reason)
            | Outcome::Refused(reason) => reason,
        }
    }

    /// The parameters of our member of Cache-Status (RFC 9211, 2).
    #[must_use]
    pub const fn cache_status(self) -> &'static str {
        match self {
            Outcome::Hit | Outcome::Stale(_) => "hit",
            Outcome::Revalidated(_) => "fwd=stale; fwd-status=304",
            Outcome::Collapsed(reason) => match reason {
                Reason::VaryMiss => "fwd=vary-miss; collapsed",
                Reason::Expired | Reason::NoCacheStored | Reason::MustRevalidate => "fwd=stale; collapsed",
                Reason::NoCacheRequest | Reason::TooOldForRequest => "fwd=request; collapsed",
                _ => "fwd=uri-miss; collapsed",
            },
            Outcome::Miss(reason) | Outcome::Pass(reason) => match reason {
                Reason::VaryMiss => "fwd=vary-miss",
                Reason::Expired | Reason::NoCacheStored | Reason::MustRevalidate => "fwd=stale",
                Reason::NoCacheRequest | Reason::TooOldForRequest | Reason::RequestNoStore => "fwd=request",
                Reason::Method => "fwd=method",
                Reason::RouteOff | Reason::Upgrade => "fwd=bypass",
                Reason::HitForMiss => "fwd=miss; detail=hit-for-miss",
                Reason::Busy => "fwd=miss; detail=busy",
                _ => "fwd=uri-miss",
            },
            Outcome::Tunnel => "fwd=bypass",
            Outcome::Refused(_) => "detail=refused",
        }
    }
}

/// Why a response was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotStored {
    /// Answers to this method are not stored.
    Method,
    /// This status needs explicit freshness to be stored.
    Status,
    /// The response says no-store.
    NoStore,
    /// The response is for one user.
    Private,
    /// The request had Authorization and the response does not allow sharing.
    Authorization,
    /// The response sets a cookie and is not explicitly public.
    SetCookie,
    /// Neither a lifetime nor a validator: it could never be used.
    NoLifetime,
    /// It varies on everything.
    VaryStar,
    /// The request says no-store.
    RequestNoStore,
    /// It is larger than an object may be.
    TooLarge,
    /// There was no memory.
    NoMemory,
    /// The route does not cache.
    RouteOff,
    /// It is a part of a representation.
    Partial,
    /// A purge came while it was fetched.
    Purged,
}

impl NotStored {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            NotStored::Method => "method",
            NotStored::Status => "status",
            NotStored::NoStore => "no-store",
            NotStored::Private => "private",
            NotStored::Authorization => "authorization",
            NotStored::SetCookie => "set-cookie",
            NotStored::NoLifetime => "no-lifetime",
            NotStored::VaryStar => "vary-star",
            NotStored::RequestNoStore => "request-no-store",
            NotStored::TooLarge => "too-large",
            NotStored::NoMemory => "no-memory",
            NotStored::RouteOff => "route-off",
            NotStored::Partial => "partial",
            NotStored::Purged => "purged",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_word() {
        let all = [
            Outcome::Hit,
            Outcome::Revalidated(Reason::Expired),
            Outcome::Stale(Reason::Expired),
            Outcome::Miss(Reason::NotStored),
            Outcome::Collapsed(Reason::NotStored),
            Outcome::Pass(Reason::Method),
            Outcome::Tunnel,
            Outcome::Refused(Reason::BadRequest),
        ];
        for (at, outcome) in all.into_iter().enumerate() {
            assert_eq!(outcome.index(), at);
            assert_eq!(outcome.word(), Outcome::WORDS[at]);
        }
    }
}
