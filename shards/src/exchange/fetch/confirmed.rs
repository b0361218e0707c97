//! What a 304, or the answer to a HEAD, confirms: the stored object lives on under a new head
//! (RFC 9111, 3.2 and 4.3.4).

use super::head::{groups_of, variant_of};
use super::{Arrived, Fetch, Held};
use crate::exchange::home;
use crate::shard::{RouteFacts, Shard};
use crate::siblings::Asked;
use crate::store::object::{parse_stored, Notes};
use crate::store::replicas::takes_place_of;
use crate::store::{Object, Opening};
use ringside_engine::cache::{self, Facts, Times};
use ringside_engine::http::{encode, Method, Name, Request, Response, ResponseHead};
use std::sync::Arc;

/// The origin confirmed what we hold (RFC 9111, 4.3.4). `false`: the 304 is about something else.
pub(super) fn validated(fetch: &Fetch, route: &RouteFacts, held: &Held, arrived: &Arrived) -> bool {
    let shard = &fetch.shard;
    let news = arrived.view();
    let mut heads: Vec<ResponseHead> = Vec::new();
    heads.resize_with(held.objects.len(), ResponseHead::default);
    let mut responses = Vec::with_capacity(heads.len());
    for (object, head) in held.objects.iter().zip(&mut heads) {
        let Some(response) = parse_stored(object.head(), head) else {
            return false;
        };
        responses.push(response);
    }
    let Some(at) = cache::selected(&responses, &news) else {
        return false;
    };
    let Some(stale) = held.objects.get(at) else {
        return false;
    };
    // Another variant than the request's own: it stays, and answers this request as well.
    let own = at == 0 && held.selected;
    let times = arrived.times(shard, fetch.asked.key);
    home::unlist(shard, &fetch.flight);
    let may_store = fetch.flight.may_store();
    let (object, storable) = freshen(
        shard,
        &fetch.asked,
        route,
        stale,
        &news,
        &times,
        own && may_store,
    );
    // Without memory for a new head it is the stored object itself.
    let is_new = !Arc::ptr_eq(&object, stale);
    if may_store && storable && !own && is_new {
        let mut memory = shard.memory.borrow_mut();
        memory.put_freshened(object.clone(), stale, route.policy.variants_max);
    } else if own && !(may_store && storable) {
        // A purge came meanwhile, or it may not be stored any more: for the readers only.
        shard.memory.borrow_mut().remove(stale);
    }
    if is_new && !(may_store && storable) {
        object.kill();
    }
    // What the 304 made private is for the one whose request it answers.
    fetch.flight.open(Opening::Object(object), !storable);
    shard.bury_dead();
    true
}

/// The stored object with the head that `news` gives it, and whether that may be stored; with
/// `put` it is, in its place, if it may.
pub fn freshen(
    shard: &Shard,
    asked: &Asked,
    route: &RouteFacts,
    stale: &Arc<Object>,
    news: &Response<'_>,
    times: &Times,
    put: bool,
) -> (Arc<Object>, bool) {
    // What a HEAD says is said of the answer to GET.
    let method = Method::Get;
    let request = Request {
        method,
        ..asked.request()
    };
    let mut old_head = ResponseHead::default();
    let Some(old) = parse_stored(stale.head(), &mut old_head) else {
        return (stale.clone(), false);
    };
    let mut head = Vec::with_capacity(stale.head().len() + 64);
    cache::freshen(&old, news, &route.policy, &mut head);
    if !news.fields.has(Name::Date) {
        // What a 304 without Date freshened was confirmed now (RFC 9110, 6.6.1).
        encode::push_date(&mut head, shard.wall());
    }
    let mut new_head = ResponseHead::default();
    let Some(fresh) = parse_stored(&head, &mut new_head) else {
        return (stale.clone(), false);
    };
    let facts = Facts::validated(&request, &fresh, news, &route.policy, times);
    let (names, variant) = variant_of(shard, route, &fresh, &request);
    let mut groups = Vec::new();
    let grouped = groups_of(shard, route, asked, &fresh, &mut groups);
    let storable = cache::storable(&request, &fresh, &route.policy).is_ok() && grouped;
    let notes = Notes {
        variant,
        vary: &names,
        groups: &groups,
    };
    let Some(object) = stale.freshened(&head, notes, facts) else {
        return (stale.clone(), storable);
    };
    if put && storable {
        let mut memory = shard.memory.borrow_mut();
        if !takes_place_of(&object, stale) {
            memory.remove(stale);
        }
        memory.put_freshened(object.clone(), stale, route.policy.variants_max);
    }
    (object, storable)
}
