//! What would happen to a request: the decisions in the order in which the shards come to them.

use super::text::parse_stored;
use super::{Inspection, Kept, Stored, DISK};
use crate::cache::{self, Facts, Lookup, Policy, Serve};
use crate::http::{Method, Request, ResponseHead};
use crate::outcome::{Outcome, Reason};
use crate::purge::Verdict;
use crate::time::Mono;

/// What would happen, and on which way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prediction<'i> {
    /// May the cache answer at all?
    pub(super) lookup: Lookup,
    /// The stored response that the request selects, unless it is gone.
    pub(super) selected: Option<&'i Stored>,
    /// May it be served?
    pub(super) serve: Option<Serve>,
    /// Why nothing that is stored is served.
    pub(super) why: Reason,
    /// What it comes to.
    pub(super) outcome: Outcome,
}

/// Decides.
pub(super) fn predict<'i>(
    request: &Request<'_>,
    policy: &Policy,
    inspection: &'i Inspection,
    now: Mono,
) -> Prediction<'i> {
    let lookup = cache::request(request, policy);
    let mut prediction = Prediction {
        lookup,
        selected: None,
        serve: None,
        why: Reason::None,
        outcome: Outcome::Hit,
    };
    if let Lookup::Pass(reason) = lookup {
        prediction.outcome = Outcome::Pass(reason);
        return prediction;
    }
    let is_there = |stored: &&Stored| stored.verdict != Verdict::Dead;
    let mut variants = inspection.variants.iter().filter(is_there).peekable();
    let others = variants.peek().is_some();
    prediction.selected = variants.find(|stored| stored.selected);
    prediction.why = match prediction.selected {
        Some(stored) => {
            let facts = facts_now(stored, now);
            let serve = cache::serve(request, &facts, policy, now);
            let served = match serve {
                Serve::Fresh if facts.is_fresh(now) && stored.tier == DISK => Ok(Outcome::DiskHit),
                Serve::Fresh if facts.is_fresh(now) => Ok(Outcome::Hit),
                // The client takes it stale (RFC 9111, 5.2.1.2).
                Serve::Fresh => Ok(Outcome::Stale(stale_by(stored, Reason::Expired, now))),
                Serve::Stale(reason) => Ok(Outcome::Stale(reason)),
                Serve::Validate(reason) => Err(stale_by(stored, reason, now)),
            };
            prediction.serve = Some(serve);
            match served {
                Ok(_) if !guards_hold(request, stored) => Reason::Precondition,
                Ok(_) if lacks(request, policy, stored) => Reason::PartMissing,
                // It is fetched, whatever else there is to say of the request.
                Ok(Outcome::Hit | Outcome::DiskHit) if stored.kept == Kept::Less => {
                    prediction.why = Reason::PartMissing;
                    prediction.outcome = Outcome::Miss(Reason::PartMissing);
                    return prediction;
                }
                Ok(outcome) => {
                    prediction.outcome = outcome;
                    return prediction;
                }
                Err(reason) => reason,
            }
        }
        None if others => Reason::VaryMiss,
        None => Reason::NotStored,
    };
    prediction.outcome = without(request, policy, inspection, prediction.why);
    prediction
}

/// The cache alone may answer, and has not all that the answer takes.
fn lacks(request: &Request<'_>, policy: &Policy, stored: &Stored) -> bool {
    stored.kept != Kept::All && cache::only_if_cached(request, policy)
}

/// What becomes of a request that nothing stored can be served to.
fn without(
    request: &Request<'_>,
    policy: &Policy,
    inspection: &Inspection,
    reason: Reason,
) -> Outcome {
    // A request that wants the origin's word now is not served by a fetch begun before it.
    let joins = inspection.flights > 0 && reason != Reason::NoCacheRequest;
    if cache::only_if_cached(request, policy) {
        Outcome::Refused(Reason::OnlyIfCached)
    } else if inspection.stopping {
        Outcome::Pass(Reason::Shutdown)
    } else if cache::guards(request) {
        Outcome::Pass(Reason::Precondition)
    } else if request.method == Method::Head {
        // Its answer can't be stored for those who want the content: no flight for it.
        Outcome::Pass(reason)
    } else if joins {
        Outcome::Collapsed(reason)
    } else if inspection.marked_for_ms.is_some() {
        Outcome::Pass(Reason::HitForMiss)
    } else {
        Outcome::Miss(reason)
    }
}

/// The facts as the purges leave them.
pub(super) fn facts_now(stored: &Stored, now: Mono) -> Facts {
    match stored.verdict {
        Verdict::Stale => stored.facts.soft_purged(now),
        Verdict::Valid | Verdict::Dead => stored.facts,
    }
}

/// What would be fresh without a soft purge is stale because of it.
pub(super) fn stale_by(stored: &Stored, reason: Reason, now: Mono) -> Reason {
    let purged = stored.verdict == Verdict::Stale && stored.facts.is_fresh(now);
    match reason {
        Reason::Expired if purged => Reason::SoftPurge,
        reason => reason,
    }
}

/// The request has no conditions that guard against a change, or the stored response meets them.
fn guards_hold(request: &Request<'_>, stored: &Stored) -> bool {
    if !cache::guards(request) {
        return true;
    }
    let mut head = ResponseHead::default();
    let response = parse_stored(&stored.head, &mut head);
    response.is_some_and(|response| cache::guards_hold(request, &response))
}
