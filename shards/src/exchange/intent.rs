//! The first step: what a head asks for, or why it is refused. Everything is decided by the
//! engine; this file only asks in order.

use crate::shard::Setting;
use ringside_engine::cache::{self, Lookup};
use ringside_engine::http::{framing, target, Form, Length, Method, Request};
use ringside_engine::key::Key;
use ringside_engine::outcome::Reason;
use ringside_engine::route::RouteId;
use std::ops::Range;

/// What a request asks for. Positions are within the head's bytes.
#[derive(Clone)]
pub struct Intent {
    /// The route it takes.
    pub route: RouteId,
    /// The cache key, without variant.
    pub key: Key,
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
pub fn intent(setting: &Setting, request: &Request<'_>, bytes: &[u8]) -> Result<Intent, Refusal> {
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
    let key = route
        .key_rule
        .key(setting.seed, route.site, name, path, split.query);
    Ok(Intent {
        route: found.id,
        key,
        length,
        keep,
        lookup: match length {
            Length::None => cache::request(request, &route.policy),
            _ => match cache::request(request, &route.policy) {
                Lookup::Cache => Lookup::Pass(Reason::Method),
                pass => pass,
            },
        },
        path_and_query: path_and_query(bytes, &split),
        rewritten: rewritten(&normal, &split),
        host: match host.name {
            [] => 0..0,
            _ => range_in(bytes, split_host_value(request, &split)),
        },
    })
}

/// The key of a URL, as [`intent`] finds it for a request to it.
pub fn key_of(setting: &Setting, host: &[u8], path: &[u8], query: Option<&[u8]>) -> Option<Key> {
    let mut normal = Vec::new();
    target::normal_path(path, &mut normal);
    let host = target::authority(host).ok()?;
    let found = setting.table.find(host.name, &normal)?;
    let route = setting.route(found.id)?;
    let mut authority = Authority::default();
    let name = authority.join(host.name, host.port);
    Some(
        route
            .key_rule
            .key(setting.seed, route.site, name, &normal, query),
    )
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
