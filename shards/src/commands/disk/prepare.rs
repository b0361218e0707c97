//! `ringside disk prepare`: makes the store of a configuration's disks, so that the first start has
//! nothing left to write; with `--force`, over what is there.

use crate::commands::{self, ask};
use crate::crew;
use crate::store::disk::prepare::{Consent, Prepared, PreparedLog};
use crate::store::disk::progress::Console;
use indicatif::BinaryBytes;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fmt::Write;
use std::path::PathBuf;

/// Whose disks, and whether what is there counts.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
`ringside run` does the same when it starts; this does it before, as writing a large disk takes long.
When it is stopped, it goes on there the next time. What is whole is left as it is.

What is not Ringside's is not touched: a file system, a partition table, anything unknown; nor is a
store of another release, or one whose superblocks are damaged. With --force all of that is
overwritten, and is lost.

There is a file for each shard, and what moves to another shard is lost. So [shards] count should be
fixed in a configuration with disks: \"auto\" is as many as the process may use cores. Without it, a
store of another number of shards is refused, unless --force is given.

Examples:
  ringside disk prepare --config ringside.toml
  ringside disk prepare --config ringside.toml --force    overwrite what is on its disks

Exit codes: 0 all disks can be used; 1 one can't, or it was stopped; 2 the arguments or the
configuration are wrong.")]
pub struct Arguments {
    /// The configuration file, whose [disk] says where and how large
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// Overwrite what is there and is not Ringside's, or can't be used any more
    #[arg(long)]
    force: bool,
}

/// Prepares the disks, and prints what is on them then.
pub fn prepare(arguments: &Arguments) -> u8 {
    let plan = match commands::read_plan(&arguments.config) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    let mut signals = match Signals::new([SIGINT, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("ringside: signals can't be watched: {error}");
            return commands::HOST;
        }
    };
    // Asked after each piece; told once, it stays told.
    let mut is_told = false;
    let mut console = Console::new(|| {
        is_told |= signals.pending().next().is_some();
        is_told
    });
    let consent = match (arguments.force, plan.shards.count) {
        (true, _) => Consent::Overwrite,
        // Whoever writes it means it.
        (false, Some(_)) => Consent::OtherShards,
        (false, None) => Consent::Keep,
    };
    let prepared = match crew::prepare_disks(&plan, consent, &mut console) {
        Ok(Some(prepared)) => prepared,
        Ok(None) => {
            let file = arguments.config.display();
            eprintln!(
                "ringside: {file}: no [disk], so there is nothing to prepare; add\n\n[disk]\npath = \
                 \"/var/cache/ringside\"\nsize = \"100GiB\""
            );
            return commands::CONFIG;
        }
        Err(fault) => {
            eprintln!("ringside: {fault}");
            return commands::HOST;
        }
    };
    ask::print(&told(&prepared));
    // Each of them was told.
    match prepared.left_out.is_empty() {
        true => commands::OK,
        false => commands::HOST,
    }
}

fn told(prepared: &Prepared) -> String {
    let mut out = String::new();
    let mut all = 0;
    for log in &prepared.logs {
        all += log.superblock.layout().total_bytes();
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "{}", line(log));
    }
    let (logs, bytes) = (prepared.logs.len(), BinaryBytes(all));
    let _ = writeln!(out, "ready: {logs} log(s), {bytes}");
    out
}

fn line(log: &PreparedLog) -> String {
    let superblock = &log.superblock;
    format!(
        "{}: disk {}, shard {} of {}: {} segments of {}, {}",
        log.path.display(),
        log.id.device,
        log.id.shard,
        superblock.shards,
        superblock.segments,
        BinaryBytes(u64::from(superblock.segment_bytes)),
        match log.is_new {
            true => "empty",
            false => "with what it had",
        }
    )
}
