//! How a request was answered and why, in closed lists. The same words stand in Cache-Status, in
//! the log and in metrics.

/// A closed list whose members each have one word.
macro_rules! words {
    ($(#[$about:meta])* pub enum $name:ident {
        $($(#[$meaning:meta])* $member:ident $word:literal,)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$meaning])* $member,)* }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [$name] = &[$($name::$member,)*];

            /// The word for logs and metrics.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $($name::$member => $word,)* }
            }
        }
    };
}

words! {
    /// Why something was not answered from the cache, or not at all.
    pub enum Reason {
        /// Nothing to explain.
        None "",
        /// Nothing is stored for this URL.
        NotStored "not-stored",
        /// Something is stored for this URL, but for other request fields.
        VaryMiss "vary-miss",
        /// What is stored is not fresh any more.
        Expired "expired",
        /// The request demands the origin's word.
        NoCacheRequest "no-cache-request",
        /// The stored response demands validation before each use.
        NoCacheStored "no-cache-stored",
        /// The request wants it fresher than it is.
        TooOldForRequest "too-old-for-request",
        /// It is stale and may not be served so, whatever the request allows.
        MustRevalidate "must-revalidate",
        /// The method is not answered from a cache.
        Method "method",
        /// The route does not cache.
        RouteOff "route-off",
        /// The request forbids storing.
        RequestNoStore "request-no-store",
        /// The last response for this URL could not be shared.
        HitForMiss "hit-for-miss",
        /// The client wants another protocol.
        Upgrade "upgrade",
        /// Only the cache may answer, and it can't.
        OnlyIfCached "only-if-cached",
        /// A queue or the memory was full.
        Busy "busy",
        /// The request is malformed.
        BadRequest "bad-request",
        /// The request is too large.
        TooLarge "too-large",
        /// The client left before its answer.
        ClientGone "client-gone",
        /// No site or route answers for it.
        NoSite "no-site",
        /// The client took too long.
        Timeout "timeout",
        /// The origin did not answer, or answered nonsense.
        OriginBroken "origin-broken",
        /// The origin took too long.
        OriginTimeout "origin-timeout",
        /// This server is stopping.
        Shutdown "shutdown",
        /// It is stale, and may be served while a validation is under way.
        StaleWhileRevalidate "stale-while-revalidate",
        /// It was marked stale by a soft purge.
        SoftPurge "soft-purge",
        /// The request has a precondition that only the origin can judge.
        Precondition "precondition",
        /// A part of it is stored, but not all that was asked for.
        PartMissing "part-missing",
        /// The origin answered with a server error.
        OriginError "origin-error",
    }
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// From the cache, fresh.
    Hit,
    /// The same, read from disk.
    DiskHit,
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
    pub const COUNT: usize = 9;
    /// Their words, by index.
    pub const WORDS: [&'static str; Self::COUNT] = [
        "hit",
        "revalidated",
        "stale",
        "miss",
        "collapsed",
        "pass",
        "tunnel",
        "refused",
        "disk-hit",
    ];

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
            Outcome::DiskHit => 8,
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
            Outcome::Hit | Outcome::DiskHit | Outcome::Tunnel => Reason::None,
            Outcome::Revalidated(reason)
            | Outcome::Stale(reason)
            | Outcome::Miss(reason)
            | Outcome::Collapsed(reason)
            | Outcome::Pass(reason)
            | Outcome::Refused(reason) => reason,
        }
    }
}

words! {
    /// Why a response was not stored.
    pub enum NotStored {
        /// Answers to this method are not stored.
        Method "method",
        /// This status needs explicit freshness to be stored.
        Status "status",
        /// The response says no-store.
        NoStore "no-store",
        /// The response is for one user.
        Private "private",
        /// The request had Authorization and the response does not allow sharing.
        Authorization "authorization",
        /// The response sets a cookie and is not explicitly public.
        SetCookie "set-cookie",
        /// Neither a lifetime nor a validator: it could never be used.
        NoLifetime "no-lifetime",
        /// It varies on everything.
        VaryStar "vary-star",
        /// The request says no-store.
        RequestNoStore "request-no-store",
        /// It is larger than an object may be.
        TooLarge "too-large",
        /// There was no memory.
        NoMemory "no-memory",
        /// The route does not cache.
        RouteOff "route-off",
        /// It is a part of a representation.
        Partial "partial",
        /// It broke off before its end.
        Incomplete "incomplete",
        /// A purge came while it was fetched.
        Purged "purged",
        /// Its home had no time for it.
        Busy "busy",
        /// It is in more groups than an object can hold.
        Groups "groups",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn words_are_kebab_case_and_tell_apart() {
        let reasons: Vec<&str> = Reason::ALL.iter().map(|reason| reason.word()).collect();
        let stores: Vec<&str> = NotStored::ALL.iter().map(|reason| reason.word()).collect();
        for words in [reasons, stores, Outcome::WORDS.to_vec()] {
            for (at, word) in words.iter().enumerate() {
                assert!(
                    word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                    "{word}"
                );
                assert!(!words[..at].contains(word), "{word} twice");
            }
        }
    }

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
            Outcome::DiskHit,
        ];
        for (at, outcome) in all.into_iter().enumerate() {
            assert_eq!(outcome.index(), at);
            assert_eq!(outcome.word(), Outcome::WORDS[at]);
        }
    }
}
