//! What does a hit cost, on one core, over kept connections?
//!
//! Every cache is asked for the object until it has it; then the origin must hear nothing more,
//! neither in a few single requests nor during all rounds, or the case fails.

use super::{expect, turns, Effort, Entrants, Turn, OURS};
use crate::fault::{fault, Result};
use crate::http::content;
use crate::report::Case;
use crate::servers::nginx::{self, Nopush};
use crate::servers::origin::Origin;
use crate::servers::ringside::Setting;
use crate::servers::{haproxy, limit, varnish, Server, Stage};

/// One size of object.
pub(super) struct Size {
    path: &'static str,
    words: &'static str,
    bytes: usize,
    connections: u32,
    goals: Goals,
}

enum Goals {
    /// Against nginx, HAProxy and the limit, each.
    Each([f64; 3]),
    /// Against the cheapest of the three.
    Best(f64),
}

/// Where the answer is one packet and the request is what costs.
pub(super) const ONE_KIB: Size = Size {
    path: "/1k",
    words: "1 KiB",
    bytes: 1 << 10,
    connections: 64,
    goals: Goals::Each([0.45, 0.75, 1.25]),
};
/// Where copying begins to count.
pub(super) const HUNDRED_KIB: Size = Size {
    path: "/100k",
    words: "100 KiB",
    bytes: 100 << 10,
    connections: 32,
    goals: Goals::Best(1.0),
};
/// Where copying is all.
pub(super) const ONE_MIB: Size = Size {
    path: "/1m",
    words: "1 MiB",
    bytes: 1 << 20,
    connections: 16,
    goals: Goals::Best(1.0),
};

/// What fits into one segment over loopback, whose packets hold 64 KiB.
const ONE_PACKET: usize = 60 << 10;
/// Connections the servers are configured for.
const ROOM: usize = 4096;

/// Fills in the case.
pub(super) fn measure(case: &mut Case, stage: &Stage, effort: &Effort, size: &Size) -> Result<()> {
    case.question = format!(
        "what does a hit of {} cost? {} connections, one core",
        size.words, size.connections
    );
    case.unit = "CPU us/request";
    let origin = Origin::start(stage)?;
    let mut entrants = Entrants::default();
    let port = origin.port;
    let nopush = if size.bytes < ONE_PACKET {
        Nopush::On
    } else {
        Nopush::Off
    };
    entrants.rival(case, nginx::installed(), || {
        nginx::cache(stage, port, ROOM, nopush)
    })?;
    entrants.rival(case, haproxy::installed(), || {
        haproxy::start(stage, port, true)
    })?;
    entrants.rival(case, varnish::installed(), || varnish::cache(stage, port))?;
    entrants.ours(case, stage, port, &Setting::single(stage))?;
    let Entrants(mut servers) = entrants;
    let body = content(size.bytes);
    let mut asked = 0;
    let mut cached = Vec::new();
    for server in servers.drain(..) {
        match fill(&server, &origin, &mut asked, size, &body) {
            Ok(()) => cached.push(server),
            Err(fault) if server.name == OURS => return Err(fault),
            Err(fault) => case
                .notes
                .push(format!("{} left out: {fault}", server.name)),
        }
    }
    let limit = limit::fixed(stage, size.bytes)?;
    expect(&limit, size.path, &body)?;
    cached.push(limit);
    let mut heard = origin.requests(&mut asked)?;
    let turn = Turn {
        path: size.path,
        connections: size.connections,
        script: None,
    };
    turns(case, stage, effort, &cached, &turn, |server, _| {
        let leaked = origin.requests(&mut asked)? - heard;
        heard += leaked;
        match leaked {
            0 => Ok(()),
            _ => fault(format!(
                "{leaked} requests of {} went to the origin",
                server.name
            )),
        }
    })?;
    match size.goals {
        Goals::Each(goals) => {
            for (rival, at_most) in ["nginx", "HAProxy", "limit"].into_iter().zip(goals) {
                case.compare(OURS, rival, at_most);
            }
        }
        Goals::Best(at_most) => case.compare_best(OURS, &["nginx", "HAProxy", "limit"], at_most),
    }
    Ok(())
}

/// Brings the object into the cache and proves that it is there.
fn fill(server: &Server, origin: &Origin, asked: &mut u64, size: &Size, body: &[u8]) -> Result<()> {
    for _ in 0..3 {
        expect(server, size.path, body)?;
    }
    let before = origin.requests(asked)?;
    for _ in 0..8 {
        expect(server, size.path, body)?;
    }
    match origin.requests(asked)? - before {
        0 => Ok(()),
        more => fault(format!(
            "{} does not cache {}: {more} more requests",
            server.name, size.path
        )),
    }
}
