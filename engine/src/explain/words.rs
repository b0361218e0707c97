//! What each word of the outcomes means: one sentence, and the section that it follows from.

use crate::outcome::{NotStored, Reason};
use core::fmt;

/// A sentence without its capital and its full stop, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saying {
    /// The sentence.
    pub what: &'static str,
    /// The section.
    pub section: &'static str,
}

impl fmt::Display for Saying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.section)
    }
}

const fn say(what: &'static str, section: &'static str) -> Saying {
    Saying { what, section }
}

/// Why something was not answered from the cache.
#[must_use]
pub const fn of_reason(reason: Reason) -> Saying {
    match reason {
        Reason::None => say("nothing stands against it", "RFC 9111, 4"),
        Reason::NotStored => say("nothing is stored for this URL", "RFC 9111, 4"),
        Reason::VaryMiss => say(
            "what is stored for this URL was selected by other request fields",
            "RFC 9111, 4.1",
        ),
        Reason::Expired => say("its freshness lifetime has passed", "RFC 9111, 4.2"),
        Reason::NoCacheRequest => say(
            "the request demands the origin's word: no-cache",
            "RFC 9111, 5.2.1.4 and 5.4",
        ),
        Reason::NoCacheStored => say(
            "the stored response demands validation before each use: no-cache",
            "RFC 9111, 5.2.2.4",
        ),
        Reason::TooOldForRequest => say(
            "the request wants it younger, or fresh for longer, than it is: max-age, min-fresh",
            "RFC 9111, 5.2.1.1 and 5.2.1.3",
        ),
        Reason::MustRevalidate => say(
            "it is stale and must not be served so, whatever the request allows",
            "RFC 9111, 5.2.2.2",
        ),
        Reason::Method => say(
            "this method, or content with a method that has none, is not answered from a cache",
            "RFC 9110, 9.2.3",
        ),
        Reason::RouteOff => say(
            "the route does not cache: cache.enabled = false",
            "RFC 9111, 2",
        ),
        Reason::RequestNoStore => say("the request forbids storing: no-store", "RFC 9111, 5.2.1.5"),
        Reason::HitForMiss => say(
            "the last response for this URL could not be shared, so each client asks for itself \
             for a while",
            "RFC 9111, 3",
        ),
        Reason::Upgrade => say(
            "the client offers another protocol, which only the origin can take",
            "RFC 9110, 7.8",
        ),
        Reason::OnlyIfCached => say(
            "only the cache may answer, and it can't: only-if-cached",
            "RFC 9111, 5.2.1.7",
        ),
        Reason::Busy => say("a queue or the memory was full", "RFC 9110, 15.6.4"),
        Reason::BadRequest => say("the request is malformed", "RFC 9110, 15.5.1"),
        Reason::TooLarge => say("the request is too large", "RFC 9110, 15.5.14"),
        Reason::ClientGone => say("the client left before its answer", "RFC 9112, 9.6"),
        Reason::NoSite => say("no site or route answers for it", "RFC 9110, 7.4"),
        Reason::Timeout => say("the client took too long", "RFC 9110, 15.5.9"),
        Reason::OriginBroken => say(
            "the origin did not answer, or answered nonsense",
            "RFC 9110, 15.6.3",
        ),
        Reason::OriginTimeout => say("the origin took too long", "RFC 9110, 15.6.5"),
        Reason::Shutdown => say(
            "this server is stopping, and begins no fetch that others could share",
            "RFC 9112, 9.6",
        ),
        Reason::StaleWhileRevalidate => say(
            "it is stale, and may be served while one request validates it",
            "RFC 5861, 3",
        ),
        Reason::SoftPurge => say("a soft purge has made it stale", "RFC 9111, 4.4"),
        Reason::Precondition => say(
            "its If-Match or If-Unmodified-Since is met by nothing that could be served, and only \
             the origin can say that it fails",
            "RFC 9111, 4.3.2",
        ),
        Reason::PartMissing => say(
            "a part of it is stored, but not all that was asked for",
            "RFC 9111, 3.3",
        ),
        Reason::OriginError => say(
            "the origin answered with a server error, and what is stored may take its place",
            "RFC 5861, 4",
        ),
    }
}

/// Why a response was not stored.
#[must_use]
pub const fn of_not_stored(why: NotStored) -> Saying {
    match why {
        NotStored::Method => say("answers to this request are not stored", "RFC 9111, 3"),
        NotStored::Status => say(
            "this status is not one that may be stored, or not without explicit freshness",
            "RFC 9111, 3; RFC 9110, 15.1",
        ),
        NotStored::NoStore => say("the response forbids it: no-store", "RFC 9111, 5.2.2.5"),
        NotStored::Private => say("the response is for one user: private", "RFC 9111, 5.2.2.7"),
        NotStored::Authorization => say(
            "the request has Authorization, and the response has none of public, s-maxage and \
             must-revalidate, which would allow it",
            "RFC 9111, 3.5",
        ),
        NotStored::SetCookie => say(
            "the response sets a cookie, and the route does not let that be shared: \
             cache.set_cookie",
            "RFC 9111, 7.3",
        ),
        NotStored::NoLifetime => say(
            "it has neither a lifetime nor a validator, so that it could never be used",
            "RFC 9111, 3",
        ),
        NotStored::VaryStar => say(
            "its Vary is *, or names too much, so that no later request would select it",
            "RFC 9111, 4.1",
        ),
        NotStored::RequestNoStore => say("the request forbids it: no-store", "RFC 9111, 5.2.1.5"),
        NotStored::TooLarge => say("it is larger than an object may be", "RFC 9111, 3"),
        NotStored::NoMemory => say("there was no memory for it", "RFC 9111, 3"),
        NotStored::RouteOff => say(
            "the route does not cache: cache.enabled = false",
            "RFC 9111, 2",
        ),
        NotStored::Partial => say(
            "it is a part of a representation, and not one that can be put together",
            "RFC 9111, 3.3",
        ),
        NotStored::Incomplete => say("it broke off before its end", "RFC 9111, 3.3"),
        NotStored::Purged => say("a purge came while it was fetched", "RFC 9111, 4.4"),
        NotStored::Busy => say(
            "the shard that should have stored it had too much to do",
            "RFC 9111, 3",
        ),
        NotStored::Groups => say(
            "it is in more groups than an object can hold, and could not be purged by all of them",
            "RFC 9875, 2",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn every_word_has_a_sentence_of_its_own_and_a_section() {
        let reasons: Vec<Saying> = Reason::ALL
            .iter()
            .map(|reason| of_reason(*reason))
            .collect();
        let stores: Vec<Saying> = NotStored::ALL
            .iter()
            .map(|why| of_not_stored(*why))
            .collect();
        for sayings in [reasons, stores] {
            for (at, saying) in sayings.iter().enumerate() {
                let Saying { what, section } = *saying;
                assert!(what.len() > 15 && !what.ends_with('.'), "{what}");
                assert!(
                    what.starts_with(|first: char| first.is_ascii_lowercase()),
                    "{what}"
                );
                assert!(!what.contains("  "), "{what}");
                let number = section
                    .strip_prefix("RFC ")
                    .and_then(|rest| rest.split_once(", "));
                let (rfc, place) = number.expect(section);
                assert!(
                    rfc.len() == 4 && rfc.bytes().all(|byte| byte.is_ascii_digit()),
                    "{section}"
                );
                assert!(
                    place.starts_with(|first: char| first.is_ascii_digit()),
                    "{section}"
                );
                assert!(
                    sayings[..at].iter().all(|other| other.what != what),
                    "{what} twice"
                );
            }
        }
    }
}
