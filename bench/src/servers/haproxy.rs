//! HAProxy: one thread, its memory cache, connections to the origin kept and shared.
//!
//! Follows its configuration manual: `nbthread`, section 6 (cache), `http-reuse always`.

use super::{Absent, Server, Stage};
use crate::fault::Result;
use crate::process::{free_port, Running};
use std::path::PathBuf;
use std::process::Command;

/// The program, or the note that it is missing.
///
/// # Errors
/// It isn't installed.
pub(crate) fn installed() -> std::result::Result<PathBuf, Absent> {
    super::installed("HAProxy", "haproxy", "haproxy")
}

/// HAProxy as a cache, or as a plain proxy.
///
/// # Errors
/// It isn't installed, or does not start.
pub(crate) fn start(stage: &Stage, origin: u16, caching: bool) -> Result<Server> {
    let haproxy = installed().map_err(|absent| absent.fault())?;
    let port = free_port()?;
    let (section, rules) = match caching {
        true => (
            "cache all\n    total-max-size 512\n    max-object-size 4194304\n    max-age 86400\n",
            "    http-request cache-use all\n    http-response cache-store all\n",
        ),
        false => ("", ""),
    };
    let text = format!(
        "global
    nbthread 1
    maxconn 8192
{section}
defaults
    mode http
    option http-keep-alive
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-request 30s
    timeout http-keep-alive 1h
frontend clients
    bind 127.0.0.1:{port} backlog 4096
{rules}    default_backend origin
backend origin
    http-reuse always
    server origin 127.0.0.1:{origin}
"
    );
    let name = format!("haproxy-{port}");
    let file = stage.scratch.write(&format!("{name}.cfg"), text)?;
    let mut command = Command::new(&haproxy);
    command.arg("-db").arg("-f").arg(file);
    let mut running = Running::start(&name, command, &[stage.server_core], &stage.scratch)?;
    running.wait_for_port(port)?;
    Ok(Server {
        name: "HAProxy",
        version: super::version(&haproxy, "-v"),
        port,
        running,
    })
}
