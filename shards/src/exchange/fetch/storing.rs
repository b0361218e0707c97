//! May a response be stored, and what is to be done for it or instead: what it replaces makes way,
//! what it outdates is dropped, and what is kept goes to its home.

use super::head::{groups_of, may_be_grouped};
use super::Fetch;
use crate::exchange::content::Aside;
use crate::exchange::part::Slices;
use crate::exchange::{home, keeping};
use crate::rt;
use crate::shard::RouteFacts;
use crate::siblings::letter::Keepsake;
use crate::siblings::Letter;
use crate::store::{FlightHead, Object, Piece};
use ringside_engine::cache;
use ringside_engine::http::{encode, Method, Response};
use ringside_engine::key::Key;
use ringside_engine::limits::FRAGMENT_BYTES;
use ringside_engine::outcome::{NotStored, Reason};
use ringside_engine::store::disk::{variant_bits, KillForce};
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

/// A response waits so long at most until a disk has noted what it replaces.
const NOTED_PATIENCE: Duration = Duration::from_secs(5);
/// And for a disk that a start has not found the end of, only so long after that start.
const FOUND_PATIENCE: Duration = Duration::from_secs(1);

/// May this response be stored and shared?
pub(super) fn decide(
    fetch: &Fetch,
    route: &RouteFacts,
    response: &Response<'_>,
    content_bytes: Option<u64>,
) -> Result<(), NotStored> {
    let request = fetch.asked.request();
    if let Some(reason) = fetch.pass {
        let storable = request.method == Method::Get
            && cache::storable(&request, response, &route.policy).is_ok();
        if reason == Reason::HitForMiss && storable {
            let shard = &fetch.shard;
            shard.unmark(fetch.asked.key);
            let home = shard.home(fetch.asked.key);
            if home != shard.id {
                shard.send(
                    home,
                    Letter::Unmark {
                        key: fetch.asked.key,
                    },
                );
            }
        }
        return Err(NotStored::Method);
    }
    cache::storable(&request, response, &route.policy)?;
    fits(fetch, route, response, content_bytes)
}

/// What else stands in the way of storing a response.
pub fn fits(
    fetch: &Fetch,
    route: &RouteFacts,
    response: &Response<'_>,
    content_bytes: Option<u64>,
) -> Result<(), NotStored> {
    let shard = &fetch.shard;
    if content_bytes.is_some_and(|bytes| bytes > shard.whole_bytes_max()) {
        return Err(NotStored::TooLarge);
    }
    let grouped = may_be_grouped(shard, response);
    if grouped && !groups_of(shard, route, &fetch.asked, response, &mut Vec::new()) {
        return Err(NotStored::Groups);
    }
    if !fetch.flight.may_store() {
        return Err(NotStored::Purged);
    }
    Ok(())
}

/// A response that can't be shared: say so to those who come next, and drop what it outdates.
pub fn settle_unstored(fetch: &Fetch, why: NotStored, status: u16) {
    let shard = &fetch.shard;
    home::unlist(shard, &fetch.flight);
    // A purge says nothing of the response, and a server error nothing of the resource
    // (RFC 9111, 4.3.3): what comes next may well be shared, and what we hold is as good as before.
    if fetch.pass.is_some() {
        return;
    }
    shard.counters.not_stored(why);
    // Nor does what this one request brought with it.
    let of_request = matches!(why, NotStored::Authorization | NotStored::RequestNoStore)
        || matches!(status, 412 | 416 | 417);
    if why == NotStored::Purged || of_request || status >= 500 {
        return;
    }
    shard.mark(fetch.asked.key, rt::now());
    drop_outdated(fetch);
}

/// Drops what a newer response would have replaced that is not stored itself.
pub(super) fn drop_outdated(fetch: &Fetch) {
    if let Some(stale) = fetch.held.own() {
        fetch.shard.memory.borrow_mut().remove(stale);
        fetch.shard.bury_dead();
    }
}

/// Sees to it that what a new version is to replace, while it would still be served, does not come
/// back from disk: not even after a crash. What is stale is validated when it comes back.
pub async fn make_way(fetch: &Fetch, key: Key, head: &FlightHead) {
    let disk = fetch.shard.disk.as_ref();
    let Some(disk) = disk.filter(|disk| disk.may_come_back(key)) else {
        return;
    };
    let is_stale = |held: &Arc<Object>| !held.facts.is_fresh(rt::now());
    if fetch.held.own().is_some_and(is_stale) {
        return;
    }
    let bits = variant_bits(head.variant, !head.vary.is_empty());
    fetch.shard.memory.borrow().keep_off_disk(key, bits);
    // A disk that can't note it holds nothing that is served; one that hangs is about to fail.
    // One that is still being looked for may be so for minutes. What is stored is not overtaken even
    // then: there, the kill is written before anything that is stored later; and what another disk
    // has taken lies in a segment that was opened later than the older version's, so it is found
    // first. If the process ends before the kill is written, and memory alone had the new version,
    // the older one is found again, fresh by its own word.
    let kept = disk.kill(key, Some(bits), KillForce::Hard);
    let noted = kept.if_found_within(FOUND_PATIENCE).into_future();
    let _: Option<Result<_, _>> = rt::within(NOTED_PATIENCE, noted).await;
}

/// Stores a complete flight: whole, or (`true`) as an outline with its fragments.
pub(super) fn store(
    fetch: &Fetch,
    route: &RouteFacts,
    head: &FlightHead,
    key: Key,
    aside: &mut Aside<'_>,
    begun_us: u64,
) -> bool {
    let (shard, flight) = (&fetch.shard, &fetch.flight);
    // Where it is not the flight's own key, a purge does not find the flight by it.
    let begun_us = (key != flight.key).then_some(begun_us);
    // What is held back stays so until the caller lets it go.
    let (held, slices, back) = match std::mem::replace(aside, Aside::None) {
        Aside::Held(Some(held)) => (Some(held.clone()), None, Some(held)),
        Aside::End(_, last) => {
            let last: Vec<Piece> = last.into_iter().collect();
            (
                Some([flight.body(), last.clone()].concat()),
                None,
                Some(last),
            )
        }
        Aside::Slices(slices, last) => (None, Some(slices), last.map(|piece| vec![piece])),
        _ => (None, None, None),
    };
    *aside = Aside::Held(back);
    let body = held.unwrap_or_else(|| match slices {
        Some(_) => Vec::new(),
        None => flight.body(),
    });
    let bytes: u64 = body.iter().map(|piece| piece.len() as u64).sum();
    let slices = slices.or_else(|| {
        let new = || Slices::new(shard, key, head, bytes, route);
        let mut slices = (bytes > FRAGMENT_BYTES).then(new)?;
        body.iter().for_each(|piece| slices.put(piece));
        Some(slices)
    });
    let mut sent = match slices {
        Some(slices) => {
            let outline = slices.finish();
            let mut sent = keepsake(route, key, head, Vec::new(), begun_us);
            sent.outline = Some(outline);
            sent
        }
        None => keepsake(route, key, head, body, begun_us),
    };
    let bytes = match sent.outline {
        Some((bytes, _)) => bytes,
        None => sent.body.iter().map(|piece| piece.len() as u64).sum(),
    };
    if !matches!(head.status, 204 | 304) {
        encode::push_length(&mut sent.head, bytes);
    }
    sent.to_disk = route.for_length(sent.to_disk, bytes);
    let sliced = sent.outline.is_some();
    keeping::bring(shard, sent);
    shard.unmark(fetch.asked.key);
    sliced
}

/// What is stored of a response with this head and body.
pub fn keepsake(
    route: &RouteFacts,
    key: Key,
    head: &FlightHead,
    body: Vec<Piece>,
    begun_us: Option<u64>,
) -> Keepsake {
    let kept = head.kept_head.as_ref().unwrap_or(&head.head);
    let mut text = Vec::with_capacity(kept.len() + 32);
    text.extend_from_slice(kept);
    Keepsake {
        key,
        facts: head.facts,
        head: text,
        to_disk: head.to_disk,
        variant: head.variant,
        vary: head.vary.clone(),
        groups: head.groups.clone(),
        body,
        outline: None,
        variants_max: route.policy.variants_max,
        begun_us,
    }
}
