//! What is read from a response's head, and what becomes of it: the head that clients get and that
//! is stored, its variant, and its groups.

use super::{Arrived, Fetch};
use crate::exchange::intent::HostText;
use crate::exchange::search;
use crate::rt;
use crate::shard::{RouteFacts, Shard};
use crate::siblings::Asked;
use crate::store::object::parse_stored;
use crate::store::FlightHead;
use ringside_engine::cache::{self, vary, Facts, SetCookie};
use ringside_engine::http::{
    encode, Answer, Field, Length, Method, Name, Request, Response, ResponseHead,
};
use ringside_engine::purge::groups;
use std::sync::Arc;

/// The head as clients will get it.
pub fn flight_head(
    fetch: &Fetch,
    route: &RouteFacts,
    arrived: &Arrived,
    length: Length,
) -> FlightHead {
    let (shard, request, response) = (&fetch.shard, fetch.asked.request(), arrived.view());
    let proxy = &shard.setting.plan.proxy;
    let options = Answer {
        via_name: proxy.via.then_some(proxy.name.as_str()),
        drop_age: true,
        now: Some(shard.wall()),
    };
    let mut head = Vec::with_capacity(arrived.head.len() + 64);
    encode::response_head(&mut head, &response, &options);
    let (mut own_head, mut kept_head) = (None, None);
    let withheld = cache::withheld(&response, &route.policy);
    let withholds = withheld.any(response.fields);
    if fetch.pass.is_none() && withholds {
        (head, own_head) = withhold(head, route);
    } else if request.method == Method::Post {
        kept_head = Some(withhold(head.clone(), route).0);
    }
    let (vary, variant) = variant_of(shard, route, &response, &request);
    let times = arrived.times(shard, fetch.asked.key);
    let stated = response
        .fields
        .get(Name::ContentLength)
        .and_then(parse_length);
    let mut groups = Vec::new();
    if may_be_grouped(shard, &response) {
        groups_of(shard, route, &fetch.asked, &response, &mut groups);
    }
    FlightHead {
        head,
        own_head,
        kept_head,
        verbatim: None,
        status: response.status,
        forwarded: response.status,
        stored: false,
        // An answer to HEAD, or a 304, states the length of what it does not carry.
        length: match length {
            Length::None => stated,
            Length::Exact(bytes) => Some(bytes),
            _ => None,
        },
        has_content: length != Length::None,
        facts: Facts::of(&request, &response, &route.policy, &times),
        to_disk: route.to_disk(&fetch.asked, search::is_ruled(shard, &fetch.asked)),
        aged: response.fields.has(Name::Age),
        vary,
        variant,
        groups,
        part: None,
        switches: false,
        at_us: rt::now_us(),
    }
}

/// A head without the fields that are only for the client whose request was sent, and with them
/// for that one, if there are such (RFC 9111, 5.2.2.4 and 5.2.2.7). Where cookies are stripped,
/// nobody gets them.
fn withhold(head: Vec<u8>, route: &RouteFacts) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut parsed = ResponseHead::default();
    let Some(response) = parse_stored(&head, &mut parsed) else {
        return (head, None);
    };
    let withheld = cache::withheld(&response, &route.policy);
    if !withheld.any(response.fields) {
        return (head, None);
    }
    let strips = route.policy.set_cookie == SetCookie::Strip;
    let write = |leaves_out: &dyn Fn(&Field<'_>) -> bool| {
        let mut out = Vec::with_capacity(head.len());
        encode::push_status_line(&mut out, response.status, response.reason);
        for field in response.fields.iter().filter(|field| !leaves_out(field)) {
            encode::push_field(&mut out, field.name, field.value);
        }
        out
    };
    let shared = write(&|field| withheld.has(field));
    let own = write(&|field| strips && field.id == Name::SetCookie);
    (shared, Some(own))
}

/// Trailer fields without those that are only for the client whose request was sent. That one does
/// not get them either: trailers may be dropped (RFC 9110, 6.5.1), and are kept once for all.
pub(super) fn shared_trailers(trailers: Arc<[u8]>, head: &[u8], route: &RouteFacts) -> Arc<[u8]> {
    if trailers.is_empty() {
        return trailers;
    }
    let mut parsed = ResponseHead::default();
    let Some(response) = parse_stored(head, &mut parsed) else {
        return Arc::from(&b""[..]);
    };
    let withheld = cache::withheld(&response, &route.policy);
    let mut out = Vec::with_capacity(trailers.len());
    for line in trailers.split_inclusive(|byte| *byte == b'\n') {
        let end = line.iter().position(|byte| *byte == b':');
        let name = line.get(..end.unwrap_or(0)).unwrap_or_default();
        let (id, value) = (Name::from_bytes(name), &b""[..]);
        if !withheld.has(&Field { id, name, value }) {
            out.extend_from_slice(line);
        }
    }
    out.into()
}

/// The names in Vary in normal form, and the hash of the request's fields of those names.
pub(super) fn variant_of(
    shard: &Shard,
    route: &RouteFacts,
    response: &Response<'_>,
    request: &Request<'_>,
) -> (Vec<u8>, u64) {
    let mut names = Vec::new();
    let language = route.policy.language;
    vary::normal_names(response.fields, request.fields, language, &mut names);
    if names.is_empty() {
        return (names, 0);
    }
    let variant = vary::secondary_of_names(shard.setting.seed, &names, request.fields);
    (names, variant)
}

/// The groups of a response; `false`: it is in more than can be kept.
pub fn groups_of(
    shard: &Shard,
    route: &RouteFacts,
    asked: &Asked,
    response: &Response<'_>,
    out: &mut Vec<u8>,
) -> bool {
    let (seed, tags) = (shard.setting.seed, &shard.setting.tags);
    let host = HostText::of(asked.host());
    groups::read(seed, route.site, host.as_ref(), response.fields, tags, out).is_ok()
}

/// It has a field that no one here knows, as those of groups and tags are.
pub(super) fn may_be_grouped(shard: &Shard, response: &Response<'_>) -> bool {
    let named = |field: Field<'_>| {
        field.id == Name::Other || shard.setting.tags.iter().any(|tag| is_name(&field, tag))
    };
    response.fields.iter().any(named)
}

fn is_name(field: &Field<'_>, name: &str) -> bool {
    field.name.eq_ignore_ascii_case(name.as_bytes())
}

fn parse_length(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
