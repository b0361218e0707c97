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
        Refusal { status, what, reason: Reason::BadRequest, close: true }
    }
}

/// Reads the intent of a request whose head lies at the front of `bytes`.
///
/// # Errors
/// The refusal to answer with.
pub fn intent(setting: &Setting, request: &Request<'_>, bytes: &[u8]) -> Result<Intent, Refusal> {
    let length = framing::request(request)
        .map_err(|fault| Refusal::malformed(fault.status, fault.what))?;
    let keep = framing::keeps_alive(request.version, request.fields);
    let refuse = |status, what, reason| {
        Refusal { status, what, reason, close: !keep || length != Length::None }
    };
    if matches!(request.method, Method::Connect | Method::Trace) {
        return Err(refuse(501, "this method is not supported here", Reason::Method));
    }
    let split = target::split(request.method, request.target)
        .map_err(|fault| Refusal::malformed(fault.status, fault.what))?;
    let host = target::host(request, &split)
        .map_err(|fault| Refusal::malformed(fault.status, fault.what))?;
    if split.form == Form::Absolute && !split.scheme.eq_ignore_ascii_case(b"http") {
        return Err(refuse(421, "this server does not answer for that scheme", Reason::NoSite));
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
    let authority = range_in(bytes, host.name);
    let with_port = match host.port {
        Some(port) if port != 80 => bytes.get(authority.start..authority.end + 1 + digits(port)),
        _ => None,
    };
    let name = with_port.unwrap_or(host.name);
    let key = route.key_rule.key(setting.seed, route.site, name, path, split.query);
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
        host: match host.name {
            [] => 0..0,
            _ => range_in(bytes, split_host_value(request, &split)),
        },
    })
}

/// Key and home of a URL, as [`intent`] finds them for a request to it.
pub fn key_of(setting: &Setting, host: &[u8], path: &[u8], query: Option<&[u8]>) -> Option<Key> {
    let mut normal = Vec::new();
    target::normal_path(path, &mut normal);
    let (name, port) = match host.iter().rposition(|byte| *byte == b':') {
        Some(at) if !host.ends_with(b"]") => (&host[..at], &host[at + 1..]),
        _ => (host, &b""[..]),
    };
    let found = setting.table.find(name, &normal)?;
    let route = setting.route(found.id)?;
    let name = if port.is_empty() || port == b"80" { name } else { host };
    Some(route.key_rule.key(setting.seed, route.site, name, &normal, query))
}

fn split_host_value<'b>(request: &Request<'b>, split: &target::Target<'b>) -> &'b [u8] {
    match split.form {
        Form::Absolute => split.authority,
        _ => request.fields.get(ringside_engine::http::Name::Host).unwrap_or_default(),
    }
}

/// Path and query within `bytes`. The path of an absolute target that has none is not there: the
/// range is then empty, or begins with the question mark.
fn path_and_query(bytes: &[u8], split: &target::Target<'_>) -> Range<usize> {
    let path = range_in(bytes, split.path);
    match split.query {
        Some(query) => {
            let query = range_in(bytes, query);
            let from = if path.is_empty() { query.start.saturating_sub(1) } else { path.start };
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

fn digits(port: u16) -> usize {
    match port {
        0..=9 => 1,
        10..=99 => 2,
        100..=999 => 3,
        1000..=9999 => 4,
        _ => 5,
    }
}
