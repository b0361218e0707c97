//! What does a miss cost, fetched through an origin that keeps its connections?
//!
//! Every request is for a URL that nobody asked for before. Ringside caches what it gets, with so
//! little memory that it evicts as it goes; the rivals only pass the response on, so that the
//! comparison is against doing less. The relay is our own limit: it moves the bytes between the two
//! connections on our runtime and does nothing else. The origin must hear every request.

use super::{expect, turns, Effort, Entrants, Turn, OURS};
use crate::fault::{fault, Result};
use crate::http::content;
use crate::report::Case;
use crate::servers::origin::{Origin, UNIQUE_BYTES};
use crate::servers::ringside::Setting;
use crate::servers::{haproxy, limit, nginx, Server, Stage};
use crate::wrk;

const CONNECTIONS: u32 = 64;
/// A few seconds of misses fill it.
const MEMORY_MIB: u64 = 32;

/// Fills in the case.
pub(super) fn measure(case: &mut Case, stage: &Stage, effort: &Effort) -> Result<()> {
    case.question = format!(
        "what does a miss of 1 KiB cost? {CONNECTIONS} connections, unique URLs, one core; \
         the rivals don't cache"
    );
    case.unit = "CPU us/request";
    let origin = Origin::start(stage)?;
    let mut entrants = Entrants::default();
    entrants.rival(case, nginx::installed(), || nginx::pass(stage, origin.port))?;
    entrants.rival(case, haproxy::installed(), || {
        haproxy::start(stage, origin.port, false)
    })?;
    let setting = Setting {
        memory_mib: MEMORY_MIB,
        ..Setting::single(stage)
    };
    entrants.ours(case, stage, origin.port, &setting)?;
    let Entrants(mut servers) = entrants;
    servers.push(limit::relay(stage, origin.port)?);
    let script = stage.scratch.write("unique.lua", wrk::UNIQUE_PATHS)?;
    let turn = Turn {
        path: "/u/",
        connections: CONNECTIONS,
        script: Some(&script),
    };
    for server in &servers {
        expect(server, "/u/first", &content(UNIQUE_BYTES))?;
    }
    let mut asked = 0;
    let mut heard = origin.requests(&mut asked)?;
    let mut all_missed = |server: &Server, requests: u64| {
        let more = origin.requests(&mut asked)? - heard;
        heard += more;
        match more >= requests {
            true => Ok(()),
            false => fault(format!(
                "{}: the origin heard {more} of {requests}",
                server.name
            )),
        }
    };
    // Fills the pools of connections, and Ringside's cache to where it evicts.
    let mut warming = Case {
        name: format!("{} (warming)", case.name),
        ..Case::default()
    };
    let once = Effort {
        rounds: 1,
        ..*effort
    };
    turns(&mut warming, stage, &once, &servers, &turn, &mut all_missed)?;
    case.notes.append(&mut warming.notes);
    turns(case, stage, effort, &servers, &turn, &mut all_missed)?;
    case.compare(OURS, "nginx", 0.6);
    Ok(())
}
