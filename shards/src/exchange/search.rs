//! No-Vary-Search: which parts of a query make the key, as the origin says it of each path.
//!
//! A rule is learned from the newest response that is stored for a path, told to every shard, and
//! obeyed from then on by all that makes keys ([`super::intent`]). The response that brought it is
//! stored under the key that its rule makes.

use super::fetch::Fetch;
use crate::shard::{RouteFacts, Search, Shard};
use crate::siblings::{Asked, Letter};
use ringside_engine::http::Response;
use ringside_engine::key::{Key, KeyWriter, Seed};
use ringside_engine::route::search::SearchRule;
use std::sync::Arc;

/// The key that a response is stored under, after what it says of its query was learned; and
/// whether that was news, which is then on its way to the siblings.
pub fn key(
    shard: &Shard,
    fetch: &Fetch,
    route: &RouteFacts,
    response: &Response<'_>,
    stored: bool,
) -> (Key, bool) {
    let asked = &fetch.asked;
    if !stored || !route.policy.no_vary_search || response.status != 200 || asked.content.is_some()
    {
        return (asked.key, false);
    }
    let rule = SearchRule::of(response.fields).filter(|rule| !rule.is_default());
    if rule.is_none() && shard.searches.borrow().is_empty() {
        return (asked.key, false);
    }
    let Some((path, ruled)) = super::intent::keys_by_rule(shard, asked, rule.as_ref()) else {
        return (asked.key, false);
    };
    let known = shard.searches.borrow().rule(|| path).cloned();
    let news = rule.as_ref() != known.as_deref().map(|known| &known.rule);
    if news {
        learn(shard, path, rule);
    }
    (ruled, news)
}

/// Queries of this path make keys by a rule. What is stored by one is not for the disk: after a
/// restart no rule is known, and a purge of the URL would not reach it.
pub fn is_ruled(shard: &Shard, asked: &Asked) -> bool {
    let searches = shard.searches.borrow();
    !searches.is_empty()
        && super::intent::keys_by_rule(shard, asked, None)
            .is_none_or(|(path, _)| searches.rule(|| path).is_some())
}

/// Learns a rule, here and everywhere.
fn learn(shard: &Shard, path: Key, rule: Option<SearchRule>) {
    let rule = rule.map(|rule| {
        let id = id(shard.setting.seed, &rule);
        (Arc::new(rule), id)
    });
    note(shard, path, rule.clone());
    for other in (0..shard.count).filter(|other| *other != shard.id) {
        let rule = rule.clone();
        shard.send(other, Letter::Search { path, rule });
    }
}

/// Notes a rule that this shard or another has learned.
pub fn note(shard: &Shard, path: Key, rule: Option<(Arc<SearchRule>, u64)>) {
    let rule = rule.map(|(rule, id)| {
        let rule = (*rule).clone();
        Arc::new(Search { rule, id })
    });
    shard.searches.borrow_mut().note(path, rule);
}

/// Tells a rule from others; the same one has the same wherever it is learned.
pub fn id(seed: Seed, rule: &SearchRule) -> u64 {
    let mut text = KeyWriter::new(seed);
    text.bytes(format!("{rule:?}").as_bytes());
    text.finish().fold()
}
