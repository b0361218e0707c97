//! Squid: an accelerator before one origin, its cache on disk by `aufs`.
//!
//! Follows its wiki ("Basic reverse proxy") and squid.conf's own pages on `cache_dir`: aufs reads and
//! writes on threads of its own, through the page cache. Squid does not run as root; its user gets
//! the directory.

use super::{Absent, Server, Stage};
use crate::fault::{fault, Fault, Result};
use crate::process::{free_port, Running};
use crate::sys;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The program, or the note that it is missing.
///
/// # Errors
/// It isn't installed.
pub(crate) fn installed() -> std::result::Result<PathBuf, Absent> {
    super::installed("Squid", "squid", "squid")
}

/// Squid with a cache of so many MiB in memory and on disk, in `directory`.
///
/// # Errors
/// It isn't installed, or does not start.
pub(crate) fn cache(
    stage: &Stage,
    origin: u16,
    directory: &Path,
    memory_mib: u64,
    disk_mib: u64,
) -> Result<Server> {
    let squid = installed().map_err(|absent| absent.fault())?;
    let port = free_port()?;
    let user = match sys::is_root() {
        true => {
            give(directory, "proxy")?;
            "cache_effective_user proxy\n"
        }
        false => "",
    };
    let home = directory.display();
    let text = format!(
        "http_port 127.0.0.1:{port} accel defaultsite=bench no-vhost
cache_peer 127.0.0.1 parent {origin} 0 no-query no-digest originserver name=origin
http_access allow all
cache_peer_access origin allow all
never_direct allow all
{user}cache_mem {memory_mib} MB
maximum_object_size 4 MB
maximum_object_size_in_memory 2 MB
cache_dir aufs {home}/cache {disk_mib} 16 256
access_log none
cache_store_log none
cache_log {home}/cache.log
netdb_filename none
pid_filename {home}/squid.pid
coredump_dir {home}
pinger_enable off
icp_port 0
shutdown_lifetime 1 seconds
client_idle_pconn_timeout 1 hours
server_idle_pconn_timeout 1 hours
pconn_lifetime 0
"
    );
    let name = format!("squid-{port}");
    let file = stage.scratch.write(&format!("{name}.conf"), text)?;
    let cores = [stage.server_core];
    let command = |option: &str| {
        let mut command = Command::new(&squid);
        command.arg("-N").arg(option).arg("-f").arg(&file);
        command
    };
    let making = Running::start(
        &format!("{name}-make"),
        command("-z"),
        &cores,
        &stage.scratch,
    )?;
    making.finish(Duration::from_secs(30))?;
    let mut running = Running::start(&name, command("-C"), &cores, &stage.scratch)?;
    running.wait_for_port(port)?;
    Ok(Server {
        name: "Squid",
        version: super::version(&squid, "-v"),
        port,
        running,
    })
}

/// Makes this user the owner of `directory`.
pub(super) fn give(directory: &Path, user: &str) -> Result<()> {
    let users = std::fs::read_to_string("/etc/passwd")?;
    let line = users
        .lines()
        .find_map(|line| line.strip_prefix(user)?.strip_prefix(':'));
    let mut numbers = line.unwrap_or_default().split(':').skip(1);
    let mut number = || numbers.next().and_then(|text| text.parse::<u32>().ok());
    let (Some(uid), Some(gid)) = (number(), number()) else {
        return fault(format!("there is no user {user}"));
    };
    std::os::unix::fs::chown(directory, Some(uid), Some(gid)).map_err(Fault::from)
}
