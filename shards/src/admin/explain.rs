//! `GET /explain`: what a request would get now, and why (docs/explain.md). The decisions are the
//! engine's own; here it is found out what is stored for it, at its key's home.
//!
//! | parameter | what |
//! |---|---|
//! | `url=URL` | the request's URL |
//! | `header=FIELD: VALUE` | a field of it; may come many times |
//! | `method=METHOD` | its method; GET otherwise |

use super::{parameters, plain, url_parts, Reply};
use crate::exchange::intent::{intent, Intent, Refusal};
use crate::exchange::{inspect, look, query};
use crate::rt;
use crate::shard::Shard;
use ringside_config::HostPattern;
use ringside_engine::explain::{live, refused, Inspection};
use ringside_engine::http::{HeadLimits, Method, Parse, Request, RequestHead};
use std::rc::Rc;

const USAGE: &str =
    "say what: GET /explain?url=http://host/path, with &header=Field:%20value and &method=METHOD\n";
/// Explains, and answers with the text.
pub(super) async fn tell(shard: &Rc<Shard>, query: &[u8]) -> Reply {
    match explain(shard, query).await {
        Ok(text) => plain(200, text),
        Err((status, what)) => plain(status, what),
    }
}

async fn explain(shard: &Rc<Shard>, query: &[u8]) -> Result<String, (u16, String)> {
    let bad = |what: &str| (400, what.to_owned());
    let bytes = request_text(query).map_err(bad)?;
    let limits = HeadLimits {
        head_bytes: bytes.len(),
        ..shard.setting.head_limits
    };
    let mut head = RequestHead::default();
    match head.parse(&bytes, &limits) {
        Ok(Parse::Complete) if head.len() == bytes.len() => {}
        Ok(_) => return Err(bad("these fields make no request head\n")),
        Err(fault) => return Err((400, format!("{}\n", fault.what()))),
    }
    let request = head.view(&bytes);
    let mut out = String::new();
    let mut intent = match intent(shard, &request, &bytes) {
        Ok(intent) => intent,
        Err(Refusal {
            status,
            what,
            reason,
            ..
        }) => {
            refused(&mut out, &request, status, what, reason);
            return Ok(out);
        }
    };
    if request.method == Method::Query {
        // Nobody but the client knows its content: it is explained without any.
        intent.key = query::key(shard.setting.seed, intent.key, &request, b"");
    }
    let route = shard.setting.route(intent.route);
    let route = route.ok_or_else(|| bad("the route is gone\n"))?;
    let found = inspect::found(shard, &bytes, &head, &intent).await;
    let inspection = Inspection {
        variants: found.variants,
        marked_for_ms: found.marked_for_ms,
        flights: found.flights,
        ..place(shard, &request, &bytes, &intent)
    };
    live(&mut out, &request, &route.policy, &inspection, rt::now());
    Ok(out)
}

/// The head of the request that the parameters describe.
fn request_text(query: &[u8]) -> Result<Vec<u8>, &'static str> {
    let (mut url, mut method, mut fields) = (None, b"GET".to_vec(), Vec::new());
    for (name, value) in parameters(query) {
        match &*name {
            b"url" => url = Some(value),
            b"method" => method = value,
            b"header" => fields.push(value),
            _ => return Err(USAGE),
        }
    }
    let url = url.ok_or(USAGE)?;
    let (host, path, query) = url_parts(&url)?;
    let mut text = method;
    text.push(b' ');
    text.extend_from_slice(path);
    if let Some(query) = query {
        text.push(b'?');
        text.extend_from_slice(query);
    }
    text.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    text.extend_from_slice(host);
    text.extend_from_slice(b"\r\n");
    for line in fields {
        if line.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            return Err("a field has a line end in it\n");
        }
        text.extend_from_slice(&line);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    Ok(text)
}

/// Where a request belongs, with nothing stored for it.
fn place(shard: &Shard, request: &Request<'_>, bytes: &[u8], intent: &Intent) -> Inspection {
    let plan = &shard.setting.plan;
    let (site, route) = shard.setting.table.indexes(intent.route);
    let site = plan.sites.get(site);
    let route = site.and_then(|site| site.routes.get(route));
    let origin = route.and_then(|route| plan.origins.get(route.origin));
    let hosts = site.map(|site| site.hosts.iter().map(pattern).collect::<Vec<_>>().join(" "));
    let host = look::host_text(intent, bytes);
    let target = intent.target(bytes);
    let target = String::from_utf8_lossy(&target);
    let shown = request.fields.get(ringside_engine::http::Name::Host);
    let host = match host.is_empty() {
        true => String::from_utf8_lossy(shown.unwrap_or_default()).into_owned(),
        false => host,
    };
    Inspection {
        site: hosts.unwrap_or_default(),
        route: route.map(|route| route.path.clone()).unwrap_or_default(),
        origin: origin.map(|origin| origin.name.clone()).unwrap_or_default(),
        key: intent.key,
        url: format!("http://{host}{target}"),
        home: shard.home(intent.key),
        shards: shard.count,
        here: shard.id,
        variants: Vec::new(),
        marked_for_ms: None,
        flights: 0,
        stopping: shard.stopping.get(),
        wall: shard.wall(),
    }
}

fn pattern(host: &HostPattern) -> String {
    match host {
        HostPattern::Exact(name) => name.clone(),
        HostPattern::Suffix(suffix) => format!("*{suffix}"),
        HostPattern::Any => "*".to_owned(),
    }
}
