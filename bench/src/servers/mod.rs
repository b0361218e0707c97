//! The servers that are measured, and the origin behind them: each file holds one server's
//! configuration as its own documentation advises it, and starts it on a free port of loopback.
//!
//! All get the same terms: one core, keep-alive to clients and to the origin, no access log, room
//! for everything that is asked for. None of these files knows what is measured.

pub(crate) mod haproxy;
pub(crate) mod limit;
pub(crate) mod nginx;
pub(crate) mod origin;
pub(crate) mod ringside;
pub(crate) mod squid;
pub(crate) mod trafficserver;
pub(crate) mod varnish;

use crate::fault::{Fault, Result};
use crate::process::{program, Running};
use crate::scratch::Scratch;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where servers and clients run.
pub(crate) struct Stage {
    /// Configurations, logs, caches.
    pub(crate) scratch: Scratch,
    /// Where the disk cases make their directories.
    pub(crate) disk: PathBuf,
    /// The core of the server that is measured.
    pub(crate) server_core: usize,
    /// The core of the client and the origin; the same one where there is only one.
    pub(crate) client_core: usize,
    /// The binary `ringside`; without it only the rivals are measured.
    pub(crate) ringside: Option<PathBuf>,
    /// Descriptors that a process may open.
    pub(crate) descriptors: u64,
}

/// A server that answers on `port`.
pub(crate) struct Server {
    /// As it is called in the report.
    pub(crate) name: &'static str,
    /// As it says of itself.
    pub(crate) version: String,
    /// Where it listens on loopback.
    pub(crate) port: u16,
    /// Its processes.
    pub(crate) running: Running,
}

/// A server that is not installed here, and what would install it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Absent {
    /// As it is called in the report.
    pub(crate) name: &'static str,
    /// Debian's package.
    pub(crate) package: &'static str,
}

impl Absent {
    /// The same as a fault, where the rival can't be left out.
    fn fault(&self) -> Fault {
        Fault(format!(
            "{} is not installed: apt-get install {}",
            self.name, self.package
        ))
    }
}

/// A program of a server, or the note that it is missing.
///
/// # Errors
/// It isn't installed: leave the rival out and say so.
fn installed(
    name: &'static str,
    command: &str,
    package: &'static str,
) -> std::result::Result<PathBuf, Absent> {
    program(command).ok_or(Absent { name, package })
}

/// The first line that a program prints about its version, on either stream.
fn version(program: &Path, option: &str) -> String {
    let Ok(output) = Command::new(program).arg(option).output() else {
        return String::new();
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// The port at the end of `127.0.0.1:8080` or of a longer line that begins so.
pub(crate) fn port_of(address: &str) -> Result<u16> {
    let word = address.split_whitespace().next().unwrap_or_default();
    let port = word.rsplit(':').next().and_then(|port| port.parse().ok());
    port.ok_or_else(|| Fault(format!("no port in {address:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_from_what_servers_print() {
        assert_eq!(port_of("127.0.0.1:8080").unwrap(), 8080);
        assert_eq!(port_of("[::1]:81 and more").unwrap(), 81);
        assert!(port_of("nowhere").is_err());
    }

    #[test]
    fn what_is_not_installed_names_its_package() {
        let absent = installed("Rival", "no-such-program-anywhere", "rival-server").unwrap_err();
        assert_eq!(absent.package, "rival-server");
        assert!(installed("sh", "sh", "dash").is_ok());
    }
}
