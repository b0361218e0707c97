//! How long after a crash does the cache answer, and how long until it has what it had?
//!
//! Many objects of 1 KiB on disk. Then the server is killed (SIGKILL to all its processes) or asked to
//! stop, and started again. From its start on, objects of a sample are asked for in windows, none
//! twice, and the origin counts: a window is warm when it hears of at most 1 % of it.
//!
//! nginx looks for the file of a key that it does not know until its loader is done, which begins a
//! minute after the start; so it hits at once, and is warm in this sense before it knows how much it
//! holds. Its rows with a tuned loader show whether loading disturbs that.

use super::client;
use super::draw::shuffled;
use super::source::Source;
use super::{fill, row};
use crate::cases::{Effort, Pinned, OURS};
use crate::fault::{check, fault, Result};
use crate::http;
use crate::report::{Case, Goal, Row};
use crate::scratch::Scratch;
use crate::servers::nginx::{self, Kind, OnDisk};
use crate::servers::ringside::{Disk, Ringside, Setting};
use crate::servers::{Server, Stage};
use ringside_shards::rt;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 16;
const OBJECT_BYTES: usize = 1024;
const MEMORY_MIB: u64 = 64;
/// The part of a window that may be fetched.
const COLD: f64 = 0.01;
/// Windows in sequence that must be warm.
const STEADY: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(60);
const STOPPING: Duration = Duration::from_secs(60);
/// nginx's loader with more files a turn than its defaults (100 files, 200 ms, then 50 ms of sleep).
const TUNED: &str = "loader_files=10000 loader_threshold=1s loader_sleep=1ms";

/// nginx has so many times fewer objects.
const FEWER: u32 = 8;

/// Starts a server on what is there.
type Start<'s> = &'s dyn Fn() -> Result<Server>;

/// How it ended before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Killed,
    Stopped,
}

/// Fills in the case.
pub(crate) fn measure(case: &mut Case, stage: &Stage, effort: &Effort) -> Result<()> {
    let objects = u32::try_from(effort.objects).unwrap_or(u32::MAX);
    case.question =
        format!("how soon is a cache of {objects} objects of 1 KiB warm after a crash?");
    case.unit = "s to 99 % warm";
    let scratch = Scratch::below(&stage.disk)?;
    let source = Source::start(stage)?;
    let _pinned = Pinned::to(stage.client_core)?;
    let setting = Setting {
        memory_mib: MEMORY_MIB,
        disk: Some(Disk {
            path: scratch.directory("ringside")?,
            mib: (u64::from(objects) >> 8) * 5 / 4 + 96,
            rule: "always",
        }),
        ..Setting::single(stage)
    };
    let ours = || Ok(Ringside::start(stage, source.port, &setting)?.server);
    let directory = scratch.directory("nginx")?;
    let nginx = |loader| {
        let setting = OnDisk {
            name: "nginx",
            directory: &directory,
            directives: "",
            kind: Kind::Cache(source.port, 64 << 30, objects.into(), loader),
        };
        nginx::on_disk(stage, &setting)
    };
    let (plain, tuned) = (|| nginx(""), || nginx(TUNED));
    match stage.ringside {
        Some(_) => {
            let ends = [
                ("Ringside killed", End::Killed),
                ("Ringside stopped", End::Stopped),
            ];
            let starts: [Start<'_>; 2] = [&ours, &ours];
            restarts(case, effort, &source, objects, ends, starts)?;
        }
        None => case
            .notes
            .push(format!("{OURS} left out: --without-ringside")),
    }
    let ends = [("nginx killed", End::Killed), ("nginx tuned", End::Killed)];
    let starts: [Start<'_>; 2] = [&plain, &tuned];
    // A file for each object: removing a million of them may take longer than all else here.
    let objects = objects / FEWER;
    case.notes.push(format!("nginx has {objects} objects"));
    restarts(case, effort, &source, objects, ends, starts)?;
    if let Some(row) = case.row("Ringside killed") {
        let first = row.more_median("first answer, s");
        let warm = row.cost.median();
        for (what, value, at_most) in [
            ("seconds to the first answer", first, 1.0),
            ("seconds to 99 % warm", warm, 10.0),
        ] {
            let what = what.to_owned();
            case.goals.push(Goal {
                what,
                value,
                at_most,
            });
        }
    }
    Ok(())
}

/// Fills one cache, then ends and starts its server in turns.
fn restarts(
    case: &mut Case,
    effort: &Effort,
    source: &Source,
    objects: u32,
    ends: [(&str, End); 2],
    starts: [Start<'_>; 2],
) -> Result<()> {
    let [first, _] = starts;
    let mut server = first()?;
    let path = |number| format!("/{OBJECT_BYTES}/r{number}");
    fill(&server, source, objects.into(), COLD / 4.0, path)?;
    // Never the same one twice over all rounds.
    let sample = Rc::new(RefCell::new(shuffled(objects, 5)));
    let mut rows = ends.map(|(name, _)| row(name, &server));
    for round in 1..=effort.rounds {
        for (((name, end), start), row) in ends.iter().zip(starts).zip(&mut rows) {
            match end {
                End::Killed => server.running.kill(),
                End::Stopped => {
                    let took = server.running.stop(STOPPING)?;
                    row.more("stopping, s", took.as_secs_f64());
                }
            }
            let began = Instant::now();
            server = start()?;
            let warm = observe(&server, source, objects, &sample, began, row)?;
            eprintln!(
                "{} {round}/{} {name}: {warm:.2} s",
                case.name, effort.rounds
            );
        }
    }
    case.rows.extend(rows);
    Ok(())
}

/// Asks for one window after the other until some in sequence were warm; gives how long after `began`
/// the first of those began.
fn observe(
    server: &Server,
    source: &Source,
    objects: u32,
    sample: &Rc<RefCell<Vec<u32>>>,
    began: Instant,
    row: &mut Row,
) -> Result<f64> {
    let next = |sample: &RefCell<Vec<u32>>| {
        let number = sample.borrow_mut().pop();
        number.map(|number| format!("/{OBJECT_BYTES}/r{number}"))
    };
    let Some(path) = next(sample) else {
        return fault("no object of the sample is left");
    };
    http::get(server.port, &path)?;
    row.more("first answer, s", began.elapsed().as_secs_f64());
    let window = u64::from(objects / 1000).clamp(100, 1000);
    let (mut warm_since, mut warm_windows) = (0.0, 0);
    let (mut asked, mut fetched) = (0, 0);
    while warm_windows < STEADY {
        check()?;
        let start = began.elapsed().as_secs_f64();
        let heard = source.heard()?.requests;
        let (sample, mut left) = (sample.clone(), window);
        let tally = rt::run(async {
            let clients = client::open(server.port, CONNECTIONS).await?;
            client::run(&clients, move |request| {
                let path = next(&sample).filter(|_| left > 0);
                left = left.saturating_sub(1);
                path.is_some_and(|path| {
                    client::write_request(request, &path);
                    true
                })
            })
            .await
        })??;
        if tally.answered == 0 {
            return fault("no object of the sample is left");
        }
        let missed = source.heard()?.requests - heard;
        asked += tally.answered;
        fetched += missed;
        if missed as f64 > COLD * tally.answered as f64 {
            warm_windows = 0;
        } else {
            if warm_windows == 0 {
                warm_since = start;
            }
            warm_windows += 1;
        }
        if began.elapsed() > PATIENCE {
            return fault(format!(
                "{} was not warm after {} s: {missed} of the last {} were fetched",
                row.name,
                PATIENCE.as_secs(),
                tally.answered
            ));
        }
    }
    row.cost.push(warm_since);
    row.more(
        "fetched until then, %",
        100.0 * fetched as f64 / asked as f64,
    );
    Ok(warm_since)
}
