//! How much memory does an idle kept connection hold?
//!
//! Each connection makes one request for a 1 KiB hit and then waits. What the server grew by is
//! counted from a server with room for few connections and none open, so that a table that is
//! allocated beforehand for all connections counts as well. Only the processes' memory is
//! counted, not the kernel's.

use super::{Effort, OURS};
use crate::fault::{check, fault, Result};
use crate::http;
use crate::report::{Case, Goal, Row};
use crate::servers::nginx::{self, Nopush};
use crate::servers::origin::Origin;
use crate::servers::ringside::{Ringside, Setting};
use crate::servers::{Server, Stage};
use std::net::TcpStream;
use std::time::Duration;

/// Connections of the server that the growth is counted from.
const FEW: usize = 64;
/// Time to return what a burst needed.
const SETTLE: Duration = Duration::from_millis(500);
/// Memory does not vary as time does.
const ROUNDS_MAX: u32 = 3;

/// Starts a server with room for so many connections.
type Start<'s> = &'s dyn Fn(usize) -> Result<Server>;

/// Fills in the case.
pub(super) fn measure(case: &mut Case, stage: &Stage, effort: &Effort) -> Result<()> {
    // Our own end needs as many descriptors as the server's.
    let spare = usize::try_from(stage.descriptors)
        .unwrap_or(usize::MAX)
        .saturating_sub(500);
    let count = effort.idle.min(spare / 2).max(1);
    case.question = format!("how much memory does an idle connection hold? {count} of them");
    case.unit = "bytes/connection";
    if count < effort.idle {
        case.notes.push(format!(
            "{count} connections instead of {}: `ulimit -n` is {}",
            effort.idle, stage.descriptors
        ));
    }
    let origin = Origin::start(stage)?;
    let nginx = |connections| nginx::cache(stage, origin.port, connections, Nopush::On);
    let ours = |connections| {
        let setting = Setting {
            connections,
            ..Setting::single(stage)
        };
        Ok(Ringside::start(stage, origin.port, &setting)?.server)
    };
    let mut kinds: Vec<(&str, Start<'_>)> = vec![("nginx", &nginx)];
    match stage.ringside {
        Some(_) => kinds.push((OURS, &ours)),
        None => case
            .notes
            .push(format!("{OURS} left out: --without-ringside")),
    }
    for (name, start) in kinds {
        let mut row = Row {
            name: name.to_owned(),
            ..Row::default()
        };
        for round in 1..=effort.rounds.min(ROUNDS_MAX) {
            let (few, _) = resident(start(FEW)?, 0)?;
            let (many, version) = resident(start(room_for(count))?, count)?;
            let each = (many - few) / count as f64;
            eprintln!("{} {round} {name}: {each:.0} bytes", case.name);
            row.cost.push(each);
            row.version = version;
        }
        case.rows.push(row);
    }
    if let Some(row) = case.row(OURS) {
        let value = row.cost.median();
        let what = "bytes per idle connection".to_owned();
        case.goals.push(Goal {
            what,
            value,
            at_most: 1024.0,
        });
    }
    Ok(())
}

/// Connections a server is configured for: nginx closes idle ones when less than a sixteenth of its
/// table is free, so an eighth more than will be open.
fn room_for(count: usize) -> usize {
    count + count / 8 + FEW
}

/// Resident bytes of a server that has served, with `count` connections idle.
fn resident(server: Server, count: usize) -> Result<(f64, String)> {
    let mut warm = http::connect(server.port)?;
    for _ in 0..FEW {
        ask(&mut warm)?;
    }
    drop(warm);
    let mut idle = Vec::with_capacity(count);
    for number in 0..count {
        if number % 64 == 0 {
            check()?;
        }
        let mut connection = http::connect(server.port)?;
        ask(&mut connection)?;
        idle.push(connection);
    }
    std::thread::sleep(SETTLE);
    let bytes = server.running.resident_bytes();
    // They must all have been there to the end.
    for connection in &mut idle {
        ask(connection)?;
    }
    Ok((bytes as f64, server.version.clone()))
}

fn ask(connection: &mut TcpStream) -> Result<()> {
    let reply = http::ask(connection, "/1k", false)?;
    match (reply.status, reply.body.len()) {
        (200, 1024) => Ok(()),
        _ => fault(format!("/1k is answered with: {}", reply.head)),
    }
}
