//! The limit server (`crate::limit`) as a process of its own, like every other.

use super::{port_of, Server, Stage};
use crate::fault::Result;
use crate::process::Running;
use std::process::Command;

/// The limit server, every answer with `body` bytes.
///
/// # Errors
/// It does not start.
pub(crate) fn fixed(stage: &Stage, body: usize) -> Result<Server> {
    start(stage, "limit", ["--body", &body.to_string()])
}

/// The limit server that passes every request on to `origin`.
///
/// # Errors
/// It does not start.
pub(crate) fn relay(stage: &Stage, origin: u16) -> Result<Server> {
    start(stage, "relay", ["--relay", &origin.to_string()])
}

fn start(stage: &Stage, name: &'static str, kind: [&str; 2]) -> Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["limit", "--port", "0"]).args(kind);
    let mut running = Running::start(name, command, &[stage.server_core], &stage.scratch)?;
    let port = port_of(&running.wait_for_line("limit: listening on ")?)?;
    Ok(Server {
        name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        port,
        running,
    })
}
