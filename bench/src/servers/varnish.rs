//! Varnish: its memory store, its default thread pools, all on the one core.
//!
//! Varnish runs one thread per busy connection whatever the cores, and always writes its log to
//! shared memory; both are left as they come. Its working directory is in memory, as its
//! installation guide advises. It compiles its configuration with the C compiler at the start.

use super::{Absent, Server, Stage};
use crate::fault::Result;
use crate::process::{free_port, Running};
use crate::sys;
use std::path::PathBuf;
use std::process::Command;

/// The program, or the note that it is missing.
///
/// # Errors
/// It isn't installed.
pub(crate) fn installed() -> std::result::Result<PathBuf, Absent> {
    super::installed("Varnish", "varnishd", "varnish")
}

/// Varnish as a cache.
///
/// # Errors
/// It isn't installed, or does not start.
pub(crate) fn cache(stage: &Stage, origin: u16) -> Result<Server> {
    let varnishd = installed().map_err(|absent| absent.fault())?;
    let port = free_port()?;
    let text =
        format!("vcl 4.1;\nbackend origin {{ .host = \"127.0.0.1\"; .port = \"{origin}\"; }}\n");
    let name = format!("varnish-{port}");
    let file = stage.scratch.write(&format!("{name}.vcl"), text)?;
    let home = stage.scratch.directory(&format!("{name}-home"))?;
    let mut command = Command::new(&varnishd);
    if sys::is_root() {
        // Its jail would change to a user that may not enter our directory.
        command.args(["-j", "none"]);
    }
    command.arg("-F").arg("-n").arg(home).arg("-f").arg(file);
    command.args(["-a", &format!("127.0.0.1:{port}"), "-s", "malloc,512m"]);
    command.args([
        "-T",
        "none",
        "-p",
        "timeout_idle=3600",
        "-p",
        "idle_send_timeout=60",
    ]);
    let mut running = Running::start(&name, command, &[stage.server_core], &stage.scratch)?;
    running.wait_for_port(port)?;
    Ok(Server {
        name: "Varnish",
        version: super::version(&varnishd, "-V"),
        port,
        running,
    })
}
