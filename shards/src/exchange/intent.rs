//! The first step: what a head asks for, or why it is refused. Everything is decided by the
//! engine; this file only asks in order.

use crate::shard::{RouteFacts, Shard};
use crate::siblings::Asked;
use ringside_engine::cache::{self, Lookup};
use ringside_engine::http::{framing, target, Form, Length, Method, Request};
use ringside_engine::key::{Key, KeyWriter, Seed};
use ringside_engine::outcome::Reason;
use ringside_engine::route::search::SearchRule;
use ringside_engine::route::RouteId;
use std::borrow::Cow;
use std::ops::Range;

/// What a request asks for. Positions are within the head's bytes.
#[derive(Clone)]
pub struct Intent {
    /// The route it takes.
    pub route: RouteId,
    /// The cache key, without variant.
    pub key: Key,
    /// The same, without content that belongs to it.
    pub url: Key,
    /// How its content is delimited.
    pub length: Length,
    /// The client wants to keep the connection.
    pub keep: bool,
    /// May the cache answer?
    pub lookup: Lookup,
    /// Path and query as they go to the origin; without the path when there was none.
    pub path_and_query: Range<usize>,
    /// Path and query for the origin where the path was not in normal form. It gets the path that
    /// the route and the key were found by: were it sent another, its answer to that could be
    /// stored under this one's key.
    pub rewritten: Option<Box<[u8]>>,
    /// Host value as it goes to the origin; empty when the client sent none.
    pub host: Range<usize>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// Status to answer with.
    pub status: u16,
    /// What was wrong, for the error page.
    pub what: &'static str,
    /// The word for logs.
    pub reason: Reason,
    /// Where the next message starts is not certain any more.
    pub close: bool,
}

impl Refusal {
    /// A malformed request, after which the connection is closed.
    pub fn malformed(status: u16, what: &'static str) -> Refusal {
        Refusal {
            status,
            what,
            reason: Reason::BadRequest,
            close: true,
        }
    }
}

/// Reads the intent of a request whose head lies at the front of `bytes`.
///
/// # Errors
/// The refusal to answer with.
pub fn intent(shard: &Shard, request: &Request<'_>, bytes: &[u8]) -> Result<Intent, Refusal> {
    let setting = &*shard.setting;
    let length =
        framing::request(request).map_err(|fault| Refusal::malformed(fault.status, fault.what))?;
    let keep = framing::keeps_alive(request.version, request.fields);
    let refuse = |status, what, reason| Refusal {
        status,
        what,
        reason,
        close: !keep || length != Length::None,
    };
    if matches!(request.method, Method::Connect | Method::Trace) {
        return Err(refuse(
            501,
            "this method is not supported here",
            Reason::Method,
        ));
    }
    let split = target::split(request.method, request.target)
        .map_err(|fault| Refusal::malformed(fault.status, fault.what))?;
    let host = target::host(request, &split)
        .map_err(|fault| Refusal::malformed(fault.status, fault.what))?;
    if split.form == Form::Absolute && !split.scheme.eq_ignore_ascii_case(b"http") {
        return Err(refuse(
            421,
            "this server does not answer for that scheme",
            Reason::NoSite,
        ));
    }
    if host.name.len() > HOST_BYTES_MAX {
        return Err(Refusal::malformed(
            400,
            "the host name is longer than names can be",
        ));
    }
    // Only a path that is not in normal form costs an allocation.
    let mut normal = Vec::new();
    let path = if target::is_normal(split.path) {
        split.path
    } else {
        target::normal_path(split.path, &mut normal);
        normal.as_slice()
    };
    let Some(found) = setting.table.find(host.name, path) else {
        return Err(if setting.table.serves(host.name) {
            refuse(404, "no route is configured for this path", Reason::NoSite)
        } else {
            refuse(421, "no site is configured for this host", Reason::NoSite)
        });
    };
    let route = setting
        .route(found.id)
        .ok_or_else(|| refuse(500, "the route has no facts", Reason::NoSite))?;
    let mut authority = Authority::default();
    let name = authority.join(host.name, host.port);
    let key = by_search(shard, route, name, path, split.query);
    Ok(Intent {
        route: found.id,
        key,
        url: key,
        length,
        keep,
        lookup: match (length, cache::request(request, &route.policy)) {
            // The content of any other method is in no key.
            (Length::Exact(_) | Length::Chunked, Lookup::Cache)
                if request.method != Method::Query =>
            {
                Lookup::Pass(Reason::Method)
            }
            (_, lookup) => lookup,
        },
        path_and_query: path_and_query(bytes, &split),
        rewritten: rewritten(&normal, &split),
        host: match host.name {
            [] => 0..0,
            _ => range_in(bytes, split_host_value(request, &split)),
        },
    })
}

/// The key of a URL: by the rule of its path, if its responses gave one (No-Vary-Search).
fn by_search(
    shard: &Shard,
    route: &RouteFacts,
    host: &[u8],
    path: &[u8],
    query: Option<&[u8]>,
) -> Key {
    let (seed, site) = (shard.setting.seed, route.site);
    let key_rule = &route.key_rule;
    let searches = shard.searches.borrow();
    match searches.rule(|| key_rule.key(seed, site, host, path, None)) {
        Some(search) => {
            let query = canonical(&search.rule, query);
            let key = key_rule.key(seed, site, host, path, query.as_deref());
            ruled(seed, key, search.id)
        }
        None => key_rule.key(seed, site, host, path, query),
    }
}

/// A key that only this rule leads to.
fn ruled(seed: Seed, key: Key, id: u64) -> Key {
    let mut ruled = KeyWriter::new(seed);
    ruled.bytes(&key.0.to_le_bytes());
    ruled.bytes(&id.to_le_bytes());
    ruled.finish()
}

/// The query that stands for all that the rule makes equal.
fn canonical(rule: &SearchRule, query: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    rule.apply(query.unwrap_or_default(), &mut out);
    (!out.is_empty()).then_some(out)
}

/// A URL as it was found: its route, and what makes its keys.
struct Place<'a> {
    id: RouteId,
    route: &'a RouteFacts,
    host: HostText,
    path: Vec<u8>,
}

fn place<'a>(shard: &'a Shard, host: &[u8], path: &[u8]) -> Option<Place<'a>> {
    let mut normal = Vec::new();
    target::normal_path(path, &mut normal);
    let name = target::authority(host).ok()?;
    let found = shard.setting.table.find(name.name, &normal)?;
    Some(Place {
        id: found.id,
        route: shard.setting.route(found.id)?,
        host: HostText::of(host),
        path: normal,
    })
}

/// The keys of a URL, as [`intent`] finds them for requests to it: the one by the rule of its
/// path, and the one that its response was fetched by before that was known.
pub fn keys_of(shard: &Shard, host: &[u8], path: &[u8], query: Option<&[u8]>) -> Vec<Key> {
    let Some(place) = place(shard, host, path) else {
        return Vec::new();
    };
    let ruled = by_search(shard, place.route, place.host.as_ref(), &place.path, query);
    let seed = shard.setting.seed;
    let rule = &place.route.key_rule;
    let host = place.host.as_ref();
    let plain = rule.key(seed, place.route.site, host, &place.path, query);
    let mut keys = vec![ruled, plain];
    keys.dedup();
    keys
}

/// The route of a URL.
pub fn route_of(shard: &Shard, host: &[u8], path: &[u8]) -> Option<RouteId> {
    place(shard, host, path).map(|place| place.id)
}

/// The key of a path without a query, by which its rule is known, and the key that `rule` makes
/// of what was asked.
pub fn keys_by_rule(shard: &Shard, asked: &Asked, rule: Option<&SearchRule>) -> Option<(Key, Key)> {
    let (path, query) = target::split_query(asked.path_and_query());
    let path = if path.is_empty() { b"/" } else { path };
    let place = place(shard, asked.host(), path)?;
    let (seed, site, key_rule) = (shard.setting.seed, place.route.site, &place.route.key_rule);
    let host = place.host.as_ref();
    let plain = key_rule.key(seed, site, host, &place.path, None);
    let ruled = match rule {
        Some(rule) => {
            let query = canonical(rule, query);
            let key = key_rule.key(seed, site, host, &place.path, query.as_deref());
            ruled(seed, key, super::search::id(seed, rule))
        }
        None => key_rule.key(seed, site, host, &place.path, query),
    };
    Some((plain, ruled))
}

/// A host as it stands in keys: in lower case, with its port unless that is the default one.
/// Empty for what is no host. Made without an allocation.
pub struct HostText {
    text: Authority,
    len: usize,
}

impl HostText {
    /// The text of a Host value.
    pub fn of(host: &[u8]) -> HostText {
        let mut made = HostText {
            text: Authority::default(),
            len: 0,
        };
        if let Ok(found) = target::authority(host) {
            if found.name.len() <= HOST_BYTES_MAX {
                let mut text = Authority::default();
                let joined = text.join(found.name, found.port);
                made.len = joined.len();
                made.text.0[..joined.len()].copy_from_slice(joined);
                made.text.0.make_ascii_lowercase();
            }
        }
        made
    }
}

/// Path and query; an absolute target may have had a query without a path.
pub fn with_path(target: &[u8]) -> Cow<'_, [u8]> {
    match target {
        [] => Cow::Borrowed(b"/"),
        query @ [b'?', ..] => Cow::Owned([b"/", query].concat()),
        whole => Cow::Borrowed(whole),
    }
}

impl AsRef<[u8]> for HostText {
    fn as_ref(&self) -> &[u8] {
        self.text.0.get(..self.len).unwrap_or_default()
    }
}

impl Intent {
    /// Path and query as they go to the origin. `bytes` are the head's.
    pub fn target<'a>(&'a self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let sent = || bytes.get(self.path_and_query.clone()).unwrap_or(b"/");
        with_path(self.rewritten.as_deref().unwrap_or_else(sent))
    }
}

/// Room for a host name with its port, without an allocation.
struct Authority([u8; HOST_BYTES_MAX + 6]);

/// Bytes of a host name at most (RFC 1035, 2.3.4).
const HOST_BYTES_MAX: usize = 255;

impl Default for Authority {
    fn default() -> Self {
        Authority([0; HOST_BYTES_MAX + 6])
    }
}

impl Authority {
    /// The name, with its port unless that is the default one.
    fn join<'a>(&'a mut self, name: &'a [u8], port: Option<u16>) -> &'a [u8] {
        let Some(port) = port.filter(|port| *port != 80) else {
            return name;
        };
        // The intent refuses longer names.
        let Some(room) = self.0.get_mut(..name.len() + 6) else {
            return name;
        };
        room[..name.len()].copy_from_slice(name);
        room[name.len()] = b':';
        for (at, digit) in room[name.len() + 1..].iter_mut().enumerate() {
            *digit = b'0' + (port / 10_u16.pow(4 - at as u32) % 10) as u8;
        }
        room
    }
}

/// Path and query for the origin, when the path had to be put into normal form.
fn rewritten(normal: &[u8], split: &target::Target<'_>) -> Option<Box<[u8]>> {
    if normal.is_empty() {
        return None;
    }
    let mut whole = normal.to_vec();
    if let Some(query) = split.query {
        whole.push(b'?');
        whole.extend_from_slice(query);
    }
    Some(whole.into_boxed_slice())
}

fn split_host_value<'b>(request: &Request<'b>, split: &target::Target<'b>) -> &'b [u8] {
    match split.form {
        Form::Absolute => split.authority,
        _ => request
            .fields
            .get(ringside_engine::http::Name::Host)
            .unwrap_or_default(),
    }
}

/// Path and query within `bytes`. The path of an absolute target that has none is not there: the
/// range is then empty, or begins with the question mark.
fn path_and_query(bytes: &[u8], split: &target::Target<'_>) -> Range<usize> {
    let path = range_in(bytes, split.path);
    match split.query {
        Some(query) => {
            let query = range_in(bytes, query);
            let from = if path.is_empty() {
                query.start.saturating_sub(1)
            } else {
                path.start
            };
            from..query.end
        }
        None => path,
    }
}

/// Where `part`, a slice of `whole`, lies in it.
fn range_in(whole: &[u8], part: &[u8]) -> Range<usize> {
    let from = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    if from <= whole.len() && part.len() <= whole.len() - from {
        from..from + part.len()
    } else {
        0..0
    }
}
