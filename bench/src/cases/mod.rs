//! The cases: each file answers one question, in its first line, and fills in a report's case.
//!
//! What they share is here: how hard to try, who takes part, and the turns: in every round each
//! server gets one run of wrk (A B C, A B C, ...), so that what disturbs the machine disturbs all.
//!
//! The cost of a request is the CPU time that the server's processes used from before a run to
//! after it, over the responses the client got. A run that had a failed request counts for nothing.

mod bookkeeping;
mod hit;
mod idle;
mod miss;
mod remote;

use crate::disk;
use crate::fault::{check, fault, Result};
use crate::http;
use crate::report::{Case, Row};
use crate::servers::ringside::{Ringside, Setting};
use crate::servers::{Absent, Server, Stage};
use crate::sys;
use crate::wrk;
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// How hard to try.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Turns of every server.
    pub(crate) rounds: u32,
    /// Seconds of each turn.
    pub(crate) seconds: u32,
    /// Idle connections held.
    pub(crate) idle: usize,
    /// Objects stored for the bookkeeping.
    pub(crate) objects: u64,
    /// Whether only to see that all works.
    pub(crate) small: bool,
}

/// A case by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    /// 1 KiB hits on one core
    #[value(name = "hit-1k")]
    Hit1k,
    /// 100 KiB hits on one core
    #[value(name = "hit-100k")]
    Hit100k,
    /// 1 MiB hits on one core
    #[value(name = "hit-1m")]
    Hit1m,
    /// URLs that nobody asked for before, through an origin that keeps connections
    Miss,
    /// Hits on another shard's object, by a replica
    Replica,
    /// Hits on another shard's object, by asking it every time
    Letter,
    /// Memory of idle connections
    Idle,
    /// Memory of a stored object beyond its payload
    Bookkeeping,
    /// 16 KiB hits from disk, of a set far larger than memory
    #[value(name = "disk-16k")]
    Disk16k,
    /// 1 MiB hits from disk
    #[value(name = "disk-1m")]
    Disk1m,
    /// A set ten times the memory, sizes and popularity as on the Web
    DiskZipf,
    /// Latency of memory hits while the disk is busy
    DiskP99,
    /// Time until the cache is warm again after a crash
    DiskRestart,
}

impl Which {
    /// Filling a disk takes its time, also in the small mode: there only when it is named.
    pub(crate) fn takes_long(self) -> bool {
        matches!(
            self,
            Which::Disk16k | Which::Disk1m | Which::DiskP99 | Which::DiskRestart
        )
    }
}

/// Measures one case. What goes wrong is in the case.
pub(crate) fn measure(which: Which, stage: &Stage, effort: &Effort) -> Case {
    let name = which
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().into());
    let mut case = Case {
        name,
        ..Case::default()
    };
    let done = match which {
        Which::Hit1k => hit::measure(&mut case, stage, effort, &hit::ONE_KIB),
        Which::Hit100k => hit::measure(&mut case, stage, effort, &hit::HUNDRED_KIB),
        Which::Hit1m => hit::measure(&mut case, stage, effort, &hit::ONE_MIB),
        Which::Miss => miss::measure(&mut case, stage, effort),
        Which::Replica => remote::measure(&mut case, stage, effort, &remote::REPLICA),
        Which::Letter => remote::measure(&mut case, stage, effort, &remote::LETTER),
        Which::Idle => idle::measure(&mut case, stage, effort),
        Which::Bookkeeping => bookkeeping::measure(&mut case, stage, effort),
        Which::Disk16k => disk::hits::measure(&mut case, stage, effort, &disk::hits::SMALL),
        Which::Disk1m => disk::hits::measure(&mut case, stage, effort, &disk::hits::LARGE),
        Which::DiskZipf => disk::zipf::measure(&mut case, stage, effort),
        Which::DiskP99 => disk::p99::measure(&mut case, stage, effort),
        Which::DiskRestart => disk::restart::measure(&mut case, stage, effort),
    };
    case.fault = done.err().map(|fault| fault.to_string());
    case
}

/// The name of our own row.
pub(crate) const OURS: &str = "Ringside";

/// Those who take part in a case.
#[derive(Default)]
struct Entrants(Vec<Server>);

impl Entrants {
    /// Starts a rival; one that is not installed or does not start is left out, and noted.
    fn rival(
        &mut self,
        case: &mut Case,
        installed: std::result::Result<PathBuf, Absent>,
        start: impl FnOnce() -> Result<Server>,
    ) -> Result<()> {
        match installed {
            Ok(_) => match start() {
                Ok(server) => self.0.push(server),
                Err(fault) => case.notes.push(format!("left out: {fault}")),
            },
            Err(Absent { name, package }) => {
                let note = format!("{name} left out: not installed (apt-get install {package})");
                case.notes.push(note);
            }
        }
        check()
    }

    /// Starts Ringside, unless only rivals are to be measured.
    fn ours(
        &mut self,
        case: &mut Case,
        stage: &Stage,
        origin: u16,
        setting: &Setting,
    ) -> Result<()> {
        match stage.ringside {
            Some(_) => self.0.push(Ringside::start(stage, origin, setting)?.server),
            None => case
                .notes
                .push(format!("{OURS} left out: --without-ringside")),
        }
        Ok(())
    }
}

/// Asks a server for `path` and looks at the answer.
fn expect(server: &Server, path: &str, body: &[u8]) -> Result<()> {
    let reply = http::get(server.port, path)?;
    match reply.status == 200 && reply.body == body {
        true => Ok(()),
        false => fault(format!(
            "{} answers {path} with {} bytes of content and this head: {}",
            server.name,
            reply.body.len(),
            reply.head
        )),
    }
}

/// Gives every server one run of wrk in each round; fills in the case's rows. `check_turn` is told
/// who answered how many requests, and says when that run must not count.
///
/// A rival that fails a turn leaves the case with a note. If Ringside does, the case fails.
fn turns(
    case: &mut Case,
    stage: &Stage,
    effort: &Effort,
    servers: &[Server],
    turn: &Turn<'_>,
    mut check_turn: impl FnMut(&Server, u64) -> Result<()>,
) -> Result<()> {
    let row = |server: &Server| Row {
        name: server.name.to_owned(),
        version: server.version.clone(),
        ..Row::default()
    };
    let mut rows: Vec<Option<Row>> = servers.iter().map(|server| Some(row(server))).collect();
    for round in 1..=effort.rounds {
        for (server, slot) in servers.iter().zip(&mut rows) {
            let Some(row) = slot else { continue };
            let done = one_turn(stage, effort, server, turn, row)
                .and_then(|(requests, cost)| check_turn(server, requests).map(|()| cost));
            match done {
                Ok(cost) => {
                    let (case, name) = (&case.name, server.name);
                    eprintln!("{case} {round}/{} {name}: {cost:.1} us", effort.rounds);
                }
                Err(fault) if server.name == OURS => return Err(fault),
                Err(fault) => {
                    check()?;
                    case.notes
                        .push(format!("{} left out: {fault}", server.name));
                    *slot = None;
                }
            }
        }
    }
    case.rows.extend(rows.into_iter().flatten());
    Ok(())
}

/// What wrk does in every turn.
struct Turn<'r> {
    path: &'r str,
    connections: u32,
    /// A script, given a word that no other turn gives it.
    script: Option<&'r Path>,
}

fn one_turn(
    stage: &Stage,
    effort: &Effort,
    server: &Server,
    turn: &Turn<'_>,
    row: &mut Row,
) -> Result<(u64, f64)> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let word = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
    let run = wrk::Run {
        port: server.port,
        path: turn.path,
        connections: turn.connections,
        seconds: effort.seconds,
        script: turn.script.map(|path| (path, word.as_str())),
    };
    let before = server.running.cpu();
    let outcome = wrk::run(&run, stage.client_core, &stage.scratch)?;
    let used = server.running.cpu().since(&before);
    let cost = used.seconds * 1e6 / outcome.requests as f64;
    row.cost.push(cost);
    row.user_share.push(used.user_share);
    row.rate.push(outcome.rate);
    row.p50_us.push(outcome.p50_us);
    row.p99_us.push(outcome.p99_us);
    Ok((outcome.requests, cost))
}

/// This thread on the client's core, until dropped.
pub(crate) struct Pinned(Vec<usize>);

impl Pinned {
    /// Until the value is dropped.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn to(core: usize) -> Result<Pinned> {
        let before = sys::cores()?;
        sys::pin(&[core])?;
        Ok(Pinned(before))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // Fails only if those cores have gone away meanwhile.
        let _ = sys::pin(&self.0);
    }
}
