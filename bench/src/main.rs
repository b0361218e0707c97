//! Ringside against its rivals and against its own limit.
//!
//! ```text
//! cargo run --release -p ringside-bench -- rivals            all cases, about half an hour
//! cargo run --release -p ringside-bench -- rivals --small    all cases in about a minute, to see that they work
//! cargo run --release -p ringside-bench -- rivals --only hit-1k --rounds 9 --json hit.json
//! ```
//!
//! # What is measured
//!
//! **CPU microseconds per request** of the server's processes, user and system, all threads and
//! children, from the kernel's own clock for each process. Requests per second of a small noisy
//! machine say little; what a request costs, and how that compares with a rival in the same
//! minutes, says much. So every figure that counts is a ratio of medians over rounds in which all
//! servers had their turn (A B C, A B C, ...).
//!
//! | case | question | goal |
//! |---|---|---|
//! | hit-1k | what does a hit of 1 KiB cost? | <= 0.45 of nginx, 0.75 of HAProxy, 1.25 of the limit |
//! | hit-100k, hit-1m | and of 100 KiB, 1 MiB? | <= 1.0 of the cheapest of the three |
//! | miss | what does fetching and storing cost? | <= 0.6 of nginx that proxies and does not cache |
//! | replica, letter | what does a hit cost whose home is another shard? | <= 1.05, 1.5 of a home hit |
//! | idle | how much memory does an idle kept connection hold? | <= 1 KiB |
//! | bookkeeping | how much memory does an object take beyond its payload? | <= 200 bytes |
//! | disk-16k, disk-1m | what does a hit cost that is read from disk? | <= 0.6 of nginx that reads from disk |
//! | disk-zipf | and a request, when the set is ten times the memory? | <= 1.0 of nginx |
//! | disk-p99 | how long does a memory hit take while the disk is busy? | p99 <= 1.5 of a quiet disk |
//! | disk-restart | how soon is the cache warm after a crash? | serves in 1 s, 99 % warm in 10 s |
//!
//! # How
//!
//! The server has the first core that this process may run on, the client and the origin the
//! second. wrk drives hits and misses with one thread; a small client of our own does what wrk
//! can't (`load`). An nginx of its own is the origin. The rivals are configured as their own pages
//! advise (`servers`): keep-alive on both sides, no access log, one worker or thread; Varnish
//! keeps its thread pools, since it has no other way to run. A rival that is not installed is left
//! out with a line that names its package.
//!
//! The disk cases (`disk`) have caches in a directory of their own below `--disk`, a client and an
//! origin of our own, and two more rivals where they are installed, Squid and Traffic Server. Which
//! comparison is fair to whom is said there: rivals read through the page cache, Ringside around it.
//!
//! **The limit** (`limit`) is a server that knows no HTTP beyond the empty line: one fixed answer,
//! on the same runtime seam as Ringside. It shows what the kernel and the ring cost, so what the
//! cache adds can be seen. For misses it relays bytes between one connection and another.
//!
//! What is asserted, so that no figure is of something else: contents are compared byte by byte
//! before measuring, hits must not reach the origin, misses must, replicas must send no letters, and
//! a run with one failed request does not count.
//!
//! Everything runs on loopback and free ports, in one scratch directory; processes end with the
//! harness, also by Ctrl-C or a panic. The exit code is 0 when all cases were measured, whether or
//! not the goals were met; 1 when one could not be.

mod cases;
mod disk;
mod eviction;
mod fault;
mod http;
mod limit;
mod load;
mod process;
mod report;
mod scratch;
mod servers;
mod sys;
mod wrk;

use cases::{Effort, Which};
use clap::{Args, Parser, Subcommand, ValueEnum};
use fault::{Fault, Result};
use report::Report;
use scratch::Scratch;
use servers::{ringside, Stage};
use std::path::PathBuf;
use std::process::ExitCode;

/// Ringside against its rivals and its own limit: CPU per request, in turns.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure Ringside, nginx, HAProxy, Varnish and the limit server
    Rivals(Rivals),
    /// Measure what eviction leaves to the origin, over traces of requests
    #[command(subcommand)]
    Eviction(eviction::Eviction),
    /// Run the limit server: one fixed answer, until ended
    Limit {
        /// Port on loopback; 0 lets the kernel choose
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Bytes of content in the answer
        #[arg(long, default_value_t = 1024, value_name = "BYTES")]
        body: usize,
        /// Instead of a fixed answer, relay every request to the origin on this port of loopback
        #[arg(long, value_name = "PORT", conflicts_with = "body")]
        relay: Option<u16>,
    },
    /// Run the origin of the disk cases: objects of any size, until ended
    Source {
        /// Port on loopback; 0 lets the kernel choose
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
}

#[derive(Args)]
struct Rivals {
    /// Short turns and small counts: shows that the harness works, not how fast anything is
    #[arg(long)]
    small: bool,
    /// Turns of every server [default: 5; small: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Seconds of each turn [default: 4; small: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: Option<u32>,
    /// Only this case; may be given several times
    #[arg(long, value_name = "CASE")]
    only: Vec<Which>,
    /// Where the disk cases make their directories [default: the temporary directory]
    #[arg(long, value_name = "DIRECTORY")]
    disk: Option<PathBuf>,
    /// Also write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The binary to measure, instead of building it
    #[arg(long, value_name = "FILE")]
    ringside: Option<PathBuf>,
    /// Measure the rivals and the limit only
    #[arg(long, conflicts_with = "ringside")]
    without_ringside: bool,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Rivals(rivals) => measure(&rivals),
        Command::Eviction(asked) => eviction::run(&asked).map(|()| true),
        Command::Limit { port, body, relay } => {
            let kind = relay.map_or(limit::Kind::Fixed(body), limit::Kind::Relay);
            limit::serve(port, kind).map(|()| true)
        }
        Command::Source { port } => disk::source::serve(port).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("ringside-bench: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the cases and prints them; true when all could be measured.
fn measure(rivals: &Rivals) -> Result<bool> {
    let (rounds, seconds, idle, objects) = match rivals.small {
        true => (1, 1, 400, 20_000),
        false => (5, 4, 8000, 1_000_000),
    };
    let effort = Effort {
        rounds: rivals.rounds.unwrap_or(rounds),
        seconds: rivals.seconds.unwrap_or(seconds),
        idle,
        objects,
        small: rivals.small,
    };
    let binary = match rivals.without_ringside {
        true => None,
        false => Some(ringside::binary(rivals.ringside.as_deref())?),
    };
    fault::watch_signals()?;
    let disk = rivals.disk.clone().unwrap_or_else(std::env::temp_dir);
    let stage = stage(binary, disk)?;
    let small = if rivals.small {
        ", small mode: the figures say little"
    } else {
        ""
    };
    let mut report = Report {
        machine: machine(),
        mode: format!("{} round(s) of {} s{small}", effort.rounds, effort.seconds),
        cases: Vec::new(),
    };
    println!("{}; {}\n", report.machine, report.mode);
    let all = Which::value_variants().iter();
    let unnamed: Vec<Which> = all
        .filter(|which| !rivals.small || !which.takes_long())
        .copied()
        .collect();
    for which in if rivals.only.is_empty() {
        &unnamed
    } else {
        &rivals.only
    } {
        let case = cases::measure(*which, &stage, &effort);
        println!("{}", case.table());
        report.cases.push(case);
        if fault::interrupted() {
            break;
        }
    }
    if let Some(path) = &rivals.json {
        let text = format!("{:#}\n", report.json());
        std::fs::write(path, text)
            .map_err(|error| Fault(format!("{}: {error}", path.display())))?;
    }
    Ok(!report.has_faults())
}

fn stage(ringside: Option<PathBuf>, disk: PathBuf) -> Result<Stage> {
    let cores = sys::cores()?;
    let Some(server_core) = cores.first().copied() else {
        return fault::fault("this process may run on no core");
    };
    let client_core = cores.get(1).copied().unwrap_or(server_core);
    if client_core == server_core {
        eprintln!("ringside-bench: one core only: client and server share it");
    }
    let descriptors = sys::raise_descriptors();
    Ok(Stage {
        scratch: Scratch::new()?,
        disk,
        server_core,
        client_core,
        ringside,
        descriptors,
    })
}

/// Kernel and processor, for the head of the report.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("", |rest| rest.trim_start_matches([' ', '\t', ':']));
    format!("Linux {}, {model}", kernel.trim())
}
