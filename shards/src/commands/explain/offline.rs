//! `ringside explain --response FILE`: what becomes of a response, by its head and that of its
//! request, without any server. The rules are the engine's; here the heads are found.
//!
//! Knows how heads lie in files. Does not know what room a server has: whether an object is too
//! large for it, or in too many groups, is for that server to say.

use super::super::{ask, read_plan, CONFIG, OK};
use ringside_config::{HostPattern, Plan};
use ringside_engine::cache::{Policy, Times};
use ringside_engine::explain;
use ringside_engine::http::{framing, target};
use ringside_engine::http::{HeadLimits, Parse, Request, RequestHead, ResponseHead};
use ringside_engine::route::Table;
use ringside_engine::time::{Mono, Wall};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a file that are read: a head lies at its front.
const FILE_BYTES_MAX: u64 = 1 << 20;
const LIMITS: HeadLimits = HeadLimits {
    head_bytes: 2 << 20,
    fields: 1024,
    target_bytes: 64 << 10,
};
/// Without a configuration all options are as they are by default; this origin is never asked.
const DEFAULTS: &str = "[origins.any]\nservers = [\"127.0.0.1:80\"]\n";

/// Where the request's head comes from.
pub(super) enum Asked<'a> {
    /// It was made of the arguments.
    Made(String),
    /// It lies in a file.
    In(&'a Path),
}

/// Explains, and prints that.
pub(super) fn run(asked: &Asked<'_>, response: &Path, config: Option<&Path>) -> u8 {
    let read = match config {
        Some(file) => read_plan(file),
        None => ringside_config::read(DEFAULTS, "(defaults)").map_err(|faults| {
            eprintln!("{faults}");
            CONFIG
        }),
    };
    let plan = match read {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    match explain(asked, response, &plan, config) {
        Ok(text) => {
            ask::print(&text);
            OK
        }
        Err(fault) => {
            eprintln!("ringside: {fault}");
            CONFIG
        }
    }
}

fn explain(
    asked: &Asked<'_>,
    response: &Path,
    plan: &Plan,
    config: Option<&Path>,
) -> Result<String, String> {
    let (text, from) = match asked {
        Asked::Made(text) => (text.clone().into_bytes(), "the request".to_owned()),
        Asked::In(path) => (read(path)?, path.display().to_string()),
    };
    let at_request = |what: &str| format!("{from}: {what}");
    let (head, mut positions) = (cut(&text).0, RequestHead::default());
    match positions.parse(&head, &LIMITS) {
        Ok(Parse::Complete) => {}
        Ok(Parse::Partial) => return Err(at_request("it has no request head")),
        Err(fault) => return Err(at_request(fault.what())),
    }
    let request = positions.view(&head);
    framing::request(&request).map_err(|fault| at_request(fault.what))?;
    let (place, policy) = policy(plan, config, &request).map_err(|what| at_request(&what))?;

    let answered = read(response)?;
    let at_response = |what: &str| format!("{}: {what}", response.display());
    let (head, positions) = final_head(&answered).map_err(at_response)?;
    let response = positions.view(&head);
    framing::response(request.method, &response).map_err(|fault| at_response(fault.what))?;
    let times = Times {
        requested: Mono(0),
        received: Mono(0),
        wall: wall(),
        spread: 0,
    };
    let mut out = format!("by {place}\n");
    // That it is not stored is told in the text.
    let _ = explain::offline(&mut out, &request, &response, &policy, &times);
    Ok(out)
}

/// The policy of the route that a request takes, and what to call that.
fn policy(
    plan: &Plan,
    config: Option<&Path>,
    request: &Request<'_>,
) -> Result<(String, Policy), String> {
    let split = target::split(request.method, request.target).map_err(|fault| fault.what)?;
    let host = target::host(request, &split).map_err(|fault| fault.what)?;
    let mut path = Vec::new();
    target::normal_path(split.path, &mut path);
    let table = Table::compile(plan);
    let Some(found) = table.find(host.name, &path) else {
        let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
        return Err(match table.serves(host.name) {
            true => format!("no route is configured for the path {}", shown(&path)),
            false => format!("no site is configured for the host {}", shown(host.name)),
        });
    };
    let (site, route) = table.indexes(found.id);
    let site = plan.sites.get(site).ok_or("the site is gone")?;
    let route = site.routes.get(route).ok_or("the route is gone")?;
    let place = match config {
        Some(file) => {
            let hosts: Vec<String> = site.hosts.iter().map(pattern).collect();
            let (file, hosts) = (file.display(), hosts.join(" "));
            format!("{file}: site {hosts}, route {}", route.path)
        }
        None => "the default configuration".to_owned(),
    };
    Ok((place, Policy::of(&route.cache, site, &plan.control)))
}

fn pattern(host: &HostPattern) -> String {
    match host {
        HostPattern::Exact(name) => name.clone(),
        HostPattern::Suffix(suffix) => format!("*{suffix}"),
        HostPattern::Any => "*".to_owned(),
    }
}

/// The front of a file.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let opened = File::open(path);
    let read = opened.and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    match read {
        Ok(0) => Err(format!("{}: it is empty", path.display())),
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("{}: can't be read: {error}", path.display())),
    }
}

/// The head at the front of `bytes`, with the line ends that the protocol has and its empty line,
/// and what follows it. A head may end with the file.
fn cut(bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let (mut head, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after.get(1..).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        head.extend_from_slice(line);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    (head, rest)
}

/// The head of the final response: clients write down the interim ones before it, too, and call
/// the version by what they speak themselves.
fn final_head(mut bytes: &[u8]) -> Result<(Vec<u8>, ResponseHead), &'static str> {
    loop {
        let (mut head, rest) = cut(bytes);
        if let [b'H', b'T', b'T', b'P', b'/', b'2' | b'3', b' ', ..] = head.as_slice() {
            head.splice(..b"HTTP/2".len(), *b"HTTP/1.1");
        }
        let mut positions = ResponseHead::default();
        match positions.parse(&head, &LIMITS) {
            Ok(Parse::Complete) => {}
            Ok(Parse::Partial) => return Err("it has no response head"),
            Err(fault) => return Err(fault.what()),
        }
        let is_interim = matches!(positions.view(&head).status, 100 | 102..=199);
        if !is_interim {
            return Ok((head, positions));
        }
        if rest.is_empty() {
            return Err("it has an interim response only (RFC 9110, 15.2)");
        }
        bytes = rest;
    }
}

/// The clock, for what comes without a Date.
fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    Wall(i64::try_from(seconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
