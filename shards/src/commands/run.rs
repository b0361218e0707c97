//! `ringside run`: serve a configuration until told to stop.

use crate::crew::{self, Crew};
use crate::store::disk::progress::Console;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::path::Path;

/// Runs until SIGTERM or SIGINT; a second one ends the process at once.
pub fn run(path: &Path) -> u8 {
    let plan = match super::read_plan(path) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    // Before any thread runs, so that no signal is missed.
    let mut signals = match Signals::new([SIGINT, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("ringside: signals can't be watched: {error}");
            return super::HOST;
        }
    };
    let mut console = Console::new(|| signals.pending().next().is_some());
    let crew = match crew::start(plan, &mut console) {
        Ok(crew) => crew,
        Err(fault) => {
            eprintln!("ringside: {fault}");
            return super::HOST;
        }
    };
    for address in &crew.listening {
        println!("ringside: listening on {address}");
    }
    if let Some(address) = crew.admin {
        println!("ringside: admin on {address}");
    }
    println!("ringside: ready, {}", shards_line(&crew));
    wait(signals);
    println!("ringside: stopping; a second signal ends at once");
    summarise(crew);
    super::OK
}

/// How many shards run where.
pub fn shards_line(crew: &Crew) -> String {
    let cores: Vec<String> = crew.cores.iter().flatten().map(usize::to_string).collect();
    let count = crew.shards();
    match cores.is_empty() {
        true => format!("{count} shard(s), not pinned"),
        false => format!("{count} shard(s) on core(s) {}", cores.join(", ")),
    }
}

/// Waits for the first signal; a second one ends the process.
pub fn wait(mut signals: Signals) {
    let _ = signals.forever().next();
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            std::process::exit(130);
        }
    });
}

/// Stops the crew and prints what it did.
pub fn summarise(crew: Crew) {
    let done = crew.stop();
    let ratio = match done.requests {
        0 => 0.0,
        requests => 100.0 * done.hits as f64 / requests as f64,
    };
    println!(
        "ringside: served {} requests, {ratio:.1} % from the cache, {} bytes sent, {} bytes fetched",
        done.requests, done.sent_bytes, done.fetched_bytes
    );
}
