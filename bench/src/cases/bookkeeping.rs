//! How much memory does a stored object take beyond what was stored?
//!
//! Fills the cache with many objects of 1 KiB, each under a URL of its own, with memory for all.
//! From what the process grew by, the payload is taken away: the content and the head as it is
//! stored, which is what a hit shows without the fields that are written anew for every answer.

use super::{Effort, Pinned, OURS};
use crate::fault::{fault, wait_for, Result};
use crate::http::{self, sample};
use crate::load;
use crate::report::{Case, Goal, Row};
use crate::servers::origin::{Origin, UNIQUE_BYTES};
use crate::servers::ringside::{Ringside, Setting};
use crate::servers::Stage;
use ringside_shards::rt;
use std::time::Duration;

const CONNECTIONS: usize = 64;
/// Objects stored before the growth is counted, so that pools and buffers are there already.
const WARM: u64 = 2000;
/// Budget for each object: more than any bookkeeping in sight, so that nothing is evicted.
const ROOM_BYTES: u64 = 3072;

/// Fields of a hit that are not stored but written for each answer. Content-Length is not among
/// them: it is stored with the head.
const WRITTEN_ANEW: [&str; 3] = ["age:", "connection:", "cache-status:"];

/// Fills in the case.
pub(super) fn measure(case: &mut Case, stage: &Stage, effort: &Effort) -> Result<()> {
    let objects = effort.objects;
    case.question =
        format!("how much memory does a stored object take beyond its payload? {objects} of 1 KiB");
    case.unit = "bytes/object";
    if stage.ringside.is_none() {
        case.notes
            .push(format!("{OURS} left out: --without-ringside"));
        return Ok(());
    }
    let origin = Origin::start(stage)?;
    let memory_mib = (((objects + WARM) * ROOM_BYTES) >> 20) + 64;
    let setting = Setting {
        memory_mib,
        ..Setting::single(stage)
    };
    let ringside = Ringside::start(stage, origin.port, &setting)?;
    let _pinned = Pinned::to(stage.client_core)?;
    let running = &ringside.server.running;
    let (before, after) = rt::run(async {
        let connections = load::open(ringside.server.port, CONNECTIONS).await?;
        load::each(&connections, "/u/warm-", WARM).await?;
        stored(&ringside, WARM)?;
        let before = running.resident_bytes();
        eprintln!("{}: storing {objects} objects", case.name);
        load::each(&connections, "/u/object-", objects).await?;
        stored(&ringside, WARM + objects)?;
        Ok::<_, crate::fault::Fault>((before, running.resident_bytes()))
    })??;
    let head = stored_head_bytes(&http::get(ringside.server.port, "/u/object-1")?.head);
    let grown = after.saturating_sub(before) as f64 / objects as f64;
    let beyond = grown - (head + UNIQUE_BYTES) as f64;
    let mut row = Row {
        name: OURS.to_owned(),
        version: ringside.server.version.clone(),
        ..Row::default()
    };
    row.cost.push(beyond);
    case.rows.push(row);
    let what = "bytes per object".to_owned();
    case.goals.push(Goal {
        what,
        value: beyond,
        at_most: 200.0,
    });
    let charged = sample(&ringside.metrics()?, "ringside_objects_bytes", "");
    case.notes.push(format!(
        "grew by {grown:.0} bytes an object, {UNIQUE_BYTES} of content and {head} of stored head; \
         the budget is charged {:.0}",
        charged / (WARM + objects) as f64
    ));
    Ok(())
}

/// Waits until all of `count` objects are stored. The number is brought up to date now and then.
fn stored(ringside: &Ringside, count: u64) -> Result<()> {
    let mut last = 0.0;
    let all = wait_for("all objects to be stored", Duration::from_secs(5), || {
        last = sample(&ringside.metrics()?, "ringside_objects", "");
        Ok((last >= count as f64).then_some(()))
    });
    match all {
        Ok(()) => Ok(()),
        Err(why) => fault(format!("{last} of {count} objects are stored: {why}")),
    }
}

/// Bytes of the head as it is stored, of the head of a hit.
fn stored_head_bytes(head: &str) -> usize {
    let anew = |line: &str| {
        let line = line.to_ascii_lowercase();
        WRITTEN_ANEW.iter().any(|start| line.starts_with(start))
    };
    head.split("\r\n")
        .filter(|line| !anew(line))
        .map(|line| line.len() + 2)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_written_for_each_answer_are_no_payload() {
        let head = "HTTP/1.1 200 OK\r\nAGE: 7\r\nVia: 1.1 a\r\nContent-Length: 9\r\nX-Age: 1";
        let kept = "HTTP/1.1 200 OK\r\nVia: 1.1 a\r\nContent-Length: 9\r\nX-Age: 1\r\n";
        assert_eq!(stored_head_bytes(head), kept.len());
    }
}
