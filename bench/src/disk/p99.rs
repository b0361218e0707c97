//! How long does a memory hit take while the disk is as busy as it gets?
//!
//! One set of connections asks for a 1 KiB object that is in memory, at a fixed pace far below what
//! the server can do. Meanwhile another set asks for 1 MiB objects on disk as fast as they come, and
//! a third for new ones, which are fetched and written. Everything is on one shard.
//!
//! A third state tells what of the difference is the disk: the same two sets at full speed, but for
//! objects in memory, so that the shard copies as many bytes and reads none.
//!
//! The probe's thread runs before the other clients on their core, else they would make it wait. Each
//! row tells what the host of a virtual machine took of the processors meanwhile: where that is a
//! percent, the slowest percent of the answers is the host's doing.

use super::client::{self, Tally};
use super::draw::shuffled;
use super::source::Source;
use super::{fill, row};
use crate::cases::{Effort, Pinned, OURS};
use crate::fault::{fault, Fault, Result};
use crate::report::{Case, Goal, Row};
use crate::scratch::Scratch;
use crate::servers::ringside::{Disk, Ringside, Setting};
use crate::servers::Stage;
use crate::sys;
use ringside_shards::rt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// Connections of the probe, and how often each asks.
const PROBES: usize = 16;
const PACE_US: u64 = 8000;
/// Connections that read from disk, and that write to it.
const READERS: usize = 8;
const WRITERS: usize = 2;
const MEMORY_MIB: u64 = 64;
const LARGE: usize = 1 << 20;
const PROBE: &str = "/1024/probe";
const AT_MOST: f64 = 1.5;

/// What happens beside the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Nothing,
    Disk,
    Memory,
}

/// Fills in the case.
pub(crate) fn measure(case: &mut Case, stage: &Stage, effort: &Effort) -> Result<()> {
    let objects: u32 = if effort.small { 128 } else { 2048 };
    case.question = format!(
        "how long does a 1 KiB memory hit take beside {READERS} readers and {WRITERS} writers of \
         1 MiB on disk? {} a second on {PROBES} connections",
        PROBES as u64 * 1_000_000 / PACE_US
    );
    case.unit = "p99 us";
    if stage.ringside.is_none() {
        case.notes
            .push(format!("{OURS} left out: --without-ringside"));
        return Ok(());
    }
    let scratch = Scratch::below(&stage.disk)?;
    let source = Source::start(stage)?;
    let _pinned = Pinned::to(stage.client_core)?;
    let setting = Setting {
        memory_mib: MEMORY_MIB,
        disk: Some(Disk {
            path: scratch.directory("ringside")?,
            // The writers go round behind the readers' objects for the whole of a run.
            mib: u64::from(objects) * 3 + 128,
            rule: "always",
        }),
        ..Setting::single(stage)
    };
    let ringside = Ringside::start(stage, source.port, &setting)?;
    let server = &ringside.server;
    fill(server, &source, objects.into(), 0.01, |number| {
        format!("/{LARGE}/{number}")
    })?;
    let states = [
        ("quiet", Beside::Nothing),
        ("disk busy", Beside::Disk),
        ("copying", Beside::Memory),
    ];
    let mut rows: Vec<(Beside, Row)> = states
        .iter()
        .map(|(name, beside)| (*beside, row(name, server)))
        .collect();
    let time = Duration::from_secs(effort.seconds.into());
    for round in 1..=effort.rounds {
        for (beside, row) in &mut rows {
            let before = sys::stolen_ticks();
            let (tally, moved) = observe(server.port, *beside, objects, round, time)?;
            let after = sys::stolen_ticks();
            let stolen = (after.0 - before.0) as f64 / (after.1 - before.1).max(1) as f64;
            row.more("stolen by the host, %", 100.0 * stolen);
            row.cost.push(tally.within_us(0.99));
            tally.add_to(row);
            if let Some(moved) = moved {
                row.more(
                    "beside, MiB/s",
                    moved.bytes as f64 / moved.seconds / LARGE as f64,
                );
            }
            let (name, p99) = (&row.name, tally.within_us(0.99));
            eprintln!(
                "{} {round}/{} {name}: {p99:.0} us",
                case.name, effort.rounds
            );
        }
    }
    case.rows.extend(rows.into_iter().map(|(_, row)| row));
    ratio(case, "disk busy", "quiet", Some(AT_MOST));
    ratio(case, "copying", "quiet", None);
    ratio(case, "disk busy", "copying", None);
    Ok(())
}

fn ratio(case: &mut Case, one: &str, other: &str, at_most: Option<f64>) {
    let (Some(above), Some(below)) = (case.row(one), case.row(other)) else {
        return;
    };
    let (p99, p99_below) = (above.cost.median(), below.cost.median());
    let (p50, p50_below) = (above.p50_us.median(), below.p50_us.median());
    match at_most {
        Some(at_most) => case.goals.push(Goal {
            what: format!("p99 {one} / {other}"),
            value: p99 / p99_below,
            at_most,
        }),
        None => case.notes.push(format!(
            "{one} / {other}: p50 {:.2}, p99 {:.2}",
            p50 / p50_below,
            p99 / p99_below
        )),
    }
}

/// Probes for `time` while something else happens; also tells what that moved.
fn observe(
    port: u16,
    beside: Beside,
    objects: u32,
    round: u32,
    time: Duration,
) -> Result<(Tally, Option<Tally>)> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    let load = (beside != Beside::Nothing)
        .then(|| std::thread::spawn(move || press(port, beside, objects, round, &told)));
    // The load needs a moment to become one.
    std::thread::sleep(Duration::from_millis(200));
    let probe = std::thread::spawn(move || probe(port, time)).join();
    stop.store(true, Ordering::Relaxed);
    let moved = load.map(|load| load.join()).transpose();
    let panicked = || Fault("the client panicked".to_owned());
    let tally = probe.map_err(|_| panicked())??;
    let moved = moved.map_err(|_| panicked())?.transpose()?;
    Ok((tally, moved))
}

/// Asks at a fixed pace: every connection at its own moments, whether or not the others wait.
fn probe(port: u16, time: Duration) -> Result<Tally> {
    sys::prefer_this_thread();
    rt::run(async {
        let clients = client::open(port, PROBES).await?;
        let end = client::end_us(time);
        client::paced(&clients, PACE_US, move |request| {
            client::write_request(request, PROBE);
            rt::now_us() < end
        })
        .await
    })?
}

/// Reads and writes large objects until told to stop.
fn press(
    port: u16,
    beside: Beside,
    objects: u32,
    round: u32,
    stop: &Arc<AtomicBool>,
) -> Result<Tally> {
    let (stop, order) = (stop.clone(), shuffled(objects, round.into()));
    rt::run(async {
        let clients = client::open(port, READERS + WRITERS).await?;
        let mut number = 0_usize;
        client::run(&clients, move |request| {
            number += 1;
            // As many new ones as there are writers among all.
            let new = number % (READERS + WRITERS) < WRITERS;
            let path = match (beside, new) {
                (Beside::Disk, true) => format!("/{LARGE}/new-{round}-{number}"),
                (Beside::Disk, false) => {
                    let old = order.get(number % order.len().max(1)).copied().unwrap_or(0);
                    format!("/{LARGE}/{old}")
                }
                _ => format!("/{LARGE}/memory-{}", number % 8),
            };
            client::write_request(request, &path);
            !stop.load(Ordering::Relaxed)
        })
        .await
    })?
    .and_then(|tally| match tally.answered {
        0 => fault("nothing was answered beside the probe"),
        _ => Ok(tally),
    })
}
