//! What the head of a response means for what is stored already: an unsafe request that succeeded
//! outdates (RFC 9111, 4.4; RFC 9875, 3), one to HEAD freshens or outdates (RFC 9111, 4.3.5), one
//! to POST may answer later GETs (RFC 9110, 9.3.3).

use super::fetch::{self, Arrived, Fetch};
use super::intent::HostText;
use super::{home, intent, purging};
use crate::rt;
use crate::shard::{RouteFacts, Shard};
use crate::siblings::letter::{HeadSeen, Whom};
use crate::store::FlightHead;
use ringside_engine::cache::{self, Lookup};
use ringside_engine::http::target::split_query;
use ringside_engine::http::{encode, Method, Name, Response};
use ringside_engine::key::Key;
use ringside_engine::outcome::Reason;
use ringside_engine::purge::{groups, Force};
use std::rc::Rc;

/// What is to be done before the response is passed on.
#[derive(Default)]
pub struct Aftermath {
    keys: Vec<Key>,
    groups: Vec<u64>,
    seen: Option<HeadSeen>,
    copying: bool,
}

impl Aftermath {
    /// What follows from this response. A fetch that others share is for a safe method.
    pub fn of(
        fetch: &Fetch,
        route: &RouteFacts,
        arrived: &Arrived,
        head: &FlightHead,
    ) -> Aftermath {
        let request = fetch.asked.request();
        let response = arrived.view();
        let Some(reason) = fetch.pass else {
            return Aftermath::default();
        };
        if cache::invalidates(&request, response.status) {
            return outdating(fetch, route, &response);
        }
        let looked = matches!(cache::request(&request, &route.policy), Lookup::Cache);
        // What credentials get says nothing of what is stored for those without.
        let asks = looked
            && request.method == Method::Head
            && reason != Reason::RouteOff
            && !request.fields.has(Name::Authorization);
        if !asks || response.status != 200 || cache::has_conditions(&request) {
            return Aftermath::default();
        }
        Aftermath {
            seen: Some(HeadSeen {
                asked: fetch.asked.clone(),
                head: stated(head, &response),
                times: arrived.times(&fetch.shard, fetch.asked.key),
            }),
            ..Aftermath::default()
        }
    }

    /// Does it; when this returns, no shard serves what is outdated. If the response answers later
    /// requests, once its content is kept: the moment since which nothing else was purged.
    pub async fn carry_out(self, shard: &Rc<Shard>, requested_us: u64) -> Option<u64> {
        let mut before_us = 0;
        for (at, key) in self.keys.iter().enumerate() {
            let purged = purging::purge_anywhere(shard, *key, Force::Hard).await;
            if at == 0 {
                before_us = purged.before_us;
            }
        }
        if !self.groups.is_empty() {
            let whom = self.groups.into_iter().map(Whom::Group).collect();
            purging::decree_everywhere(shard, whom, Force::Hard).await;
        }
        if let Some(seen) = self.seen {
            home::tell_head(shard, seen).await;
        }
        // A purge while the origin was asked forbids to keep what it said.
        (self.copying && before_us <= requested_us).then(rt::now_us)
    }
}

/// The head with the length and the age that it states.
fn stated(head: &FlightHead, response: &Response<'_>) -> Vec<u8> {
    let mut text = head.head.clone();
    if let Some(age) = response.fields.get(Name::Age) {
        encode::push_field(&mut text, b"Age", age);
    }
    if let Some(bytes) = head.length {
        encode::push_length(&mut text, bytes);
    }
    text
}

/// An unsafe request has succeeded.
fn outdating(fetch: &Fetch, route: &RouteFacts, response: &Response<'_>) -> Aftermath {
    let (shard, request) = (&fetch.shard, fetch.asked.request());
    let host = fetch.asked.host();
    let mut keys = vec![fetch.asked.key];
    let target = fetch.asked.path_and_query();
    let own = std::iter::once(intent::with_path(target));
    for target in own.chain(cache::invalidate::targets(host, target, response)) {
        let (path, query) = split_query(&target);
        let named = intent::keys_of(shard, host, path, query);
        for key in named {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    let mut named = Vec::new();
    let (seed, own) = (shard.setting.seed, HostText::of(host));
    groups::invalidated(seed, route.site, own.as_ref(), response.fields, &mut named);
    Aftermath {
        keys,
        groups: named,
        seen: None,
        copying: cache::post_answers_get(&request, response, &route.policy, host, target)
            && fetch::groups_of(shard, route, &fetch.asked, response, &mut Vec::new()),
    }
}
