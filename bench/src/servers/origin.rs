//! The origin: an nginx of its own on the client's core, with a few files that stay fresh for a
//! day, and any number of URLs below /u/ that all give the same 1 KiB.

use super::{nginx, Stage};
use crate::fault::{fault, Fault, Result};
use crate::http;
use crate::process::{free_port, Running};

/// The files: path below the root, bytes.
const FILES: [(&str, usize); 3] = [("1k", 1 << 10), ("100k", 100 << 10), ("1m", 1 << 20)];
/// Bytes of every URL below /u/.
pub(crate) const UNIQUE_BYTES: usize = 1024;

/// The running origin.
pub(crate) struct Origin {
    /// Where it listens on loopback.
    pub(crate) port: u16,
    // Held so that it runs.
    _running: Running,
}

impl Origin {
    /// Starts it and looks whether it answers as it should.
    ///
    /// # Errors
    /// nginx is not installed, or does not start.
    pub(crate) fn start(stage: &Stage) -> Result<Origin> {
        let nginx = nginx::installed().map_err(|absent| {
            Fault(format!(
                "nginx is needed as origin: apt-get install {}",
                absent.package
            ))
        })?;
        let root = stage.scratch.directory("origin")?;
        for (name, bytes) in FILES {
            stage
                .scratch
                .write(&format!("origin/{name}"), http::content(bytes))?;
        }
        let port = free_port()?;
        let unique = String::from_utf8_lossy(&http::content(UNIQUE_BYTES)).into_owned();
        let server = format!(
            "server {{
                listen 127.0.0.1:{port} backlog=4096;
                root {root};
                add_header Cache-Control max-age=86400;
                default_type text/plain;
                location /u/ {{ return 200 {unique}; }}
                location = /count {{ stub_status; }}
            }}",
            root = root.display()
        );
        let core = stage.client_core;
        let mut running = nginx::start(stage, &nginx, "origin", "", &server, 16_384, core)?;
        running.wait_for_port(port)?;
        let origin = Origin {
            port,
            _running: running,
        };
        for (name, bytes) in FILES {
            let reply = http::get(port, &format!("/{name}"))?;
            if reply.status != 200 || reply.body != http::content(bytes) {
                return fault(format!("the origin answers /{name} with: {}", reply.head));
            }
        }
        Ok(origin)
    }

    /// Requests it has had, those for this number left out.
    ///
    /// # Errors
    /// It has died.
    pub(crate) fn requests(&self, asked: &mut u64) -> Result<u64> {
        let reply = http::get(self.port, "/count")?;
        *asked += 1;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        let total = count(&text).ok_or_else(|| Fault(format!("the origin counts: {text}")))?;
        Ok(total.saturating_sub(*asked))
    }
}

/// The third number of nginx's stub_status: all requests, this one included.
fn count(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(' '))?;
    line.split_whitespace().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origins_own_count_is_read() {
        let text =
            "Active connections: 1 \nserver accepts handled requests\n 5 6 70 \nReading: 0\n";
        assert_eq!(count(text), Some(70));
        assert_eq!(count("Active connections: 1 \n"), None);
    }
}
