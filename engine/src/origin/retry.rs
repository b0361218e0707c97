//! May a request that got no answer be sent again? (RFC 9110, 9.2.2; RFC 9112, 9.3.1)

use crate::http::Method;

/// How far a request had come when its connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// No byte of it left us.
    Nothing,
    /// The head, or part of it, on a connection that had served before: most likely the origin
    /// closed it for idleness at the same moment.
    HeadOnReusedConnection,
    /// The head, or part of it, on a new connection.
    Head,
    /// Some of its content, which is not kept.
    PartOfBody,
    /// Some of the response.
    ResponseBegun,
}

/// May it be sent again? `attempt` counts the tries before the one that failed, `retries` is how
/// many more than one the operator allows.
///
/// A proxy must not repeat by itself what is not idempotent, unless it knows that nothing was
/// sent. A kept connection that was closed on us is no failure of the origin and costs none of
/// the operator's tries.
#[must_use]
pub fn may_retry(method: Method, sent: Sent, attempt: u32, retries: u32) -> bool {
    let left = attempt < retries;
    match sent {
        Sent::Nothing => left,
        Sent::HeadOnReusedConnection => method.is_idempotent() && (left || attempt == 0),
        Sent::Head => method.is_idempotent() && left,
        // The content can't be had again; a response can't be taken back.
        Sent::PartOfBody | Sent::ResponseBegun => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_sent_again() {
        use Method::{Delete, Get, Head as HeadMethod, Other, Patch, Post, Put};
        use Sent::{Head, HeadOnReusedConnection, Nothing, PartOfBody, ResponseBegun};
        for (method, sent, attempt, retries, want) in [
            // RFC 9110, 9.2.2: idempotent methods, whatever became of the first.
            (Get, Head, 0, 1, true),
            (HeadMethod, Head, 0, 1, true),
            (Put, Head, 0, 1, true),
            (Delete, Head, 0, 1, true),
            (Post, Head, 0, 1, false),
            (Patch, Head, 0, 1, false),
            (Other, Head, 0, 1, false),
            // Nothing was sent: any method.
            (Post, Nothing, 0, 1, true),
            (Post, Nothing, 1, 1, false),
            (Post, Nothing, 0, 0, false),
            // The operator's bound.
            (Get, Head, 0, 0, false),
            (Get, Head, 1, 1, false),
            (Get, Head, 1, 2, true),
            // RFC 9112, 9.3.1: a kept connection closed meanwhile.
            (Get, HeadOnReusedConnection, 0, 0, true),
            (Get, HeadOnReusedConnection, 1, 0, false),
            (Get, HeadOnReusedConnection, 1, 2, true),
            (Post, HeadOnReusedConnection, 0, 2, false),
            // Nothing to send again, or too late.
            (Put, PartOfBody, 0, 2, false),
            (Get, ResponseBegun, 0, 2, false),
        ] {
            let got = may_retry(method, sent, attempt, retries);
            assert_eq!(
                got, want,
                "{method:?} {sent:?} attempt {attempt} of {retries}"
            );
        }
    }
}
