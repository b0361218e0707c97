//! Names to addresses, off the shards: one thread asks the system's resolver for every server
//! that is a name, and tells all shards what changed.

use crate::siblings::{Letter, Outside};
use ringside_config::{Plan, Server};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often names are resolved again.
const AGAIN: Duration = Duration::from_secs(30);
/// How long the start waits for the first answers.
const FIRST_PATIENCE: Duration = Duration::from_secs(5);

/// The resolver's thread.
pub struct Resolver {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

struct Name {
    origin: u16,
    server: u16,
    asked: Server,
}

/// Starts resolving; returns when the first round is through or took too long. `None`: all
/// servers are addresses.
pub fn start(
    plan: &Plan,
    outside: Outside,
    warn: impl Fn(String) + Send + 'static,
) -> Option<Resolver> {
    let names = names(plan);
    if names.is_empty() {
        return None;
    }
    let (stop, stopped) = channel::<()>();
    let (first_done, first) = channel::<()>();
    let thread = std::thread::Builder::new()
        .name("resolver".into())
        .spawn(move || {
            let mut known: HashMap<(u16, u16), Arc<[SocketAddr]>> = HashMap::new();
            let mut first_done = Some(first_done);
            loop {
                for name in &names {
                    look_up(name, &mut known, &outside, &warn);
                }
                if let Some(done) = first_done.take() {
                    let _ = done.send(());
                }
                if stopped.recv_timeout(AGAIN) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
    let _ = first.recv_timeout(FIRST_PATIENCE);
    thread.ok().map(|thread| Resolver { stop, thread })
}

fn names(plan: &Plan) -> Vec<Name> {
    let mut names = Vec::new();
    for (origin, asked) in (0_u16..).zip(&plan.origins) {
        for (server, asked) in (0_u16..).zip(&asked.servers) {
            if asked.host.parse::<IpAddr>().is_err() {
                names.push(Name {
                    origin,
                    server,
                    asked: asked.clone(),
                });
            }
        }
    }
    names
}

fn look_up(
    name: &Name,
    known: &mut HashMap<(u16, u16), Arc<[SocketAddr]>>,
    outside: &Outside,
    warn: &impl Fn(String),
) {
    let found = (name.asked.host.as_str(), name.asked.port).to_socket_addrs();
    let place = (name.origin, name.server);
    match found {
        Ok(found) => {
            let addresses: Arc<[SocketAddr]> = found.collect();
            let changed = known.get(&place) != Some(&addresses);
            if changed && !addresses.is_empty() {
                known.insert(place, addresses.clone());
                outside.tell_all(|| Letter::Addresses {
                    origin: name.origin,
                    server: name.server,
                    addresses: addresses.clone(),
                });
            }
        }
        // What was known stays in use: an answer may be missing for a while.
        Err(error) => warn(format!(
            "origin server `{}` can't be resolved: {error}",
            name.asked.host
        )),
    }
}

impl Resolver {
    /// Ends the thread. One that hangs in the system's resolver is left to the process's end.
    pub fn stop(self) {
        drop(self.stop);
        if self.thread.is_finished() {
            let _ = self.thread.join();
        }
    }
}
