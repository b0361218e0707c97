//! How many requests, and how many of their bytes, does Ringside's eviction leave to the origin?
//!
//! ```text
//! ringside-bench eviction generate mixed mixed.trace
//! ringside-bench eviction replay mixed.trace --size 100000000 --disk 1000000000
//! ```
//!
//! Replays a trace (`trace`) against the engine's own index, alone or before a log on disk
//! (`tiers`); no server runs. Rivals run over the same file: `bench/eviction/rivals.py`. What
//! came of it stands in docs/eviction.md.

mod generate;
mod tiers;
mod trace;

use crate::fault::{Fault, Result};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Replay traces against the engine's eviction, or make some.
#[derive(Subcommand)]
pub(crate) enum Eviction {
    /// Make a trace from a seed
    Generate(Generate),
    /// Print object and byte miss ratios of a trace
    Replay(Replay),
}

#[derive(Args)]
pub(crate) struct Generate {
    /// What it is like
    kind: generate::Kind,
    /// Where to write it
    file: PathBuf,
    /// How long it is
    #[arg(long, default_value_t = 2_000_000)]
    requests: usize,
    /// The same seed gives the same trace
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args)]
pub(crate) struct Replay {
    /// A trace: requests of 24 bytes, as `generate` writes them
    file: PathBuf,
    /// Bytes of memory; may be given several times
    #[arg(long, value_name = "BYTES", required = true)]
    size: Vec<usize>,
    /// Bytes of the log on disk; none without
    #[arg(long, value_name = "BYTES")]
    disk: Option<u64>,
    /// Bytes of a segment of the log
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20, requires = "disk")]
    segment: u32,
    /// Uses that an object needs to be written to the log
    #[arg(long, value_name = "USES", default_value_t = 1, requires = "disk")]
    uses: u8,
}

/// Does what was asked.
pub(crate) fn run(asked: &Eviction) -> Result<()> {
    match asked {
        Eviction::Generate(asked) => {
            let trace = generate::generate(asked.kind, asked.requests, asked.seed);
            trace::write(&asked.file, &trace)
        }
        Eviction::Replay(asked) => replay(asked),
    }
}

fn replay(asked: &Replay) -> Result<()> {
    let trace = trace::read(&asked.file)?;
    let layout = match asked.disk {
        None => None,
        Some(bytes) => {
            let layout = tiers::layout_of(bytes, asked.segment);
            let why = "--disk is too small for segments of --segment, or --segment is not one";
            Some(layout.ok_or_else(|| Fault(why.to_owned()))?)
        }
    };
    println!("memory\tdisk\tobject miss ratio\tbyte miss ratio\tfrom disk\tpages written\tagain");
    for size in &asked.size {
        let tally = tiers::Tiers::new(*size, layout, asked.uses).replay(&trace);
        let (objects, bytes) = tally.miss_ratios();
        let disk = asked.disk.unwrap_or(0);
        let from_disk = tally.from_disk as f64 / tally.requests.max(1) as f64;
        let (pages, again) = (tally.pages, tally.pages_again);
        println!("{size}\t{disk}\t{objects:.4}\t{bytes:.4}\t{from_disk:.4}\t{pages}\t{again}");
    }
    Ok(())
}
