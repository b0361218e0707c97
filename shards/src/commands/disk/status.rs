//! `ringside disk status`: how the disks of a running server are doing, in the server's own words.

use crate::commands::ask::{self, Place};

/// How it is told, and where the server is.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
For each disk: whether it is in use and why not, or how much was found again after a start; how full
it is, its segments and records, how many questions it answered, what is written to it, how old that
is what gets overwritten, what was not written and why, its faults.
Nothing is asked of the disk itself.

Examples:
  ringside disk status                              the server whose admin listener is on 127.0.0.1:9090
  ringside disk status --config ringside.toml       the one that runs with this configuration
  ringside disk status --json | jq '.disks[].records'

Exit codes: 0 told, whatever the disks' state; 1 the server can't be reached, or refused; 2 the
arguments or the configuration are wrong.")]
pub struct Arguments {
    /// Print all numbers as JSON, as the server gave them
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Asks the server, and prints its answer.
pub fn status(arguments: &Arguments) -> u8 {
    let target = match arguments.json {
        true => "/disk",
        false => "/disk?text",
    };
    match arguments.place.ask("GET", target) {
        Ok(text) => {
            ask::print(&text);
            crate::commands::OK
        }
        Err(code) => code,
    }
}
