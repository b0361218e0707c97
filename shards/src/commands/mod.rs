//! One file per subcommand, and `ask` and `url` for those that ask a running server. Each returns the process's exit code; what it prints is for people.

pub mod ask;
pub mod check;
pub mod demo;
pub mod disk;
pub mod explain;
pub mod purge;
pub mod reference;
pub mod run;
pub mod url;

/// Everything went well.
pub const OK: u8 = 0;
/// The host did not let us: a port in use, no rings, too few descriptors; or a running server that
/// was to be asked is not there, or refused.
pub const HOST: u8 = 1;
/// The configuration has faults, or can't be read.
pub const CONFIG: u8 = 2;

use ringside_config::Plan;
use std::path::Path;

/// Reads and checks a configuration; says what is wrong with it.
///
/// # Errors
/// The exit code, after the faults were printed.
pub fn read_plan(path: &Path) -> Result<Plan, u8> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        eprintln!("ringside: {}: can't be read: {error}", path.display());
        CONFIG
    })?;
    ringside_config::read(&text, &path.display().to_string()).map_err(|faults| {
        eprintln!("{faults}");
        CONFIG
    })
}
