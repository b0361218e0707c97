//! One shard's connections to one origin.
//!
//! | phase | held by | deadline |
//! |---|---|---|
//! | connecting | the fetch | `connect_timeout` |
//! | in use | the fetch | set by the fetch |
//! | idle | the pool, last in first out | `idle`, looked at once a tick |
//! | gone | nobody | its permit goes to the next fetch that waits |
//!
//! Every connection, idle ones too, holds one of `connections` permits.

use crate::counters::Counters;
use crate::rt::{self, oneshot, First, Semaphore, Sender, Stream, When};
use ringside_config::Origin;
use ringside_engine::fault::Fault;
use ringside_engine::origin::Balance;
use ringside_engine::time::Mono;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// A connection to an origin's server.
pub struct Connection {
    /// The socket.
    pub stream: Rc<Stream>,
    /// It has served a request before.
    pub reused: bool,
    server: usize,
    _permit: rt::Permit,
}

struct Idle {
    connection: Connection,
    since: Mono,
}

/// The connections of one shard to one origin.
pub struct Pool {
    origin: Origin,
    balance: RefCell<Balance>,
    addresses: RefCell<Vec<Arc<[SocketAddr]>>>,
    /// By server, so that a kept connection does not decide whose turn it is.
    idle: RefCell<Vec<Vec<Idle>>>,
    permits: Rc<Semaphore>,
    /// Fetches that found all permits taken: each is content with a connection that is kept, too.
    waiting: RefCell<VecDeque<Sender<Connection>>>,
}

impl Pool {
    /// A pool without connections. Servers given as IP addresses need no resolving.
    pub fn new(origin: &Origin) -> Pool {
        let literal = |host: &str, port| -> Arc<[SocketAddr]> {
            host.parse::<IpAddr>()
                .map(|ip| SocketAddr::new(ip, port))
                .into_iter()
                .collect()
        };
        let addresses = origin
            .servers
            .iter()
            .map(|one| literal(&one.host, one.port))
            .collect();
        Pool {
            balance: RefCell::new(Balance::new(origin.servers.len())),
            addresses: RefCell::new(addresses),
            idle: RefCell::new(origin.servers.iter().map(|_| Vec::new()).collect()),
            permits: Semaphore::new(origin.connections_max),
            waiting: RefCell::default(),
            origin: origin.clone(),
        }
    }

    /// What was asked for this origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// A server's name has these addresses now.
    pub fn resolved(&self, server: usize, addresses: Arc<[SocketAddr]>) {
        if let Some(place) = self.addresses.borrow_mut().get_mut(server) {
            *place = addresses;
        }
    }

    /// A connection to the server whose turn it is: a kept one that is still quiet (unless `fresh`
    /// is asked), or a new one. A server that can't be reached is passed over for the next.
    ///
    /// # Errors
    /// 503 when all connections are in use for too long; 502 or 504 when no server can be reached.
    /// A retry is safe: nothing was sent.
    pub async fn obtain(&self, fresh: bool, counters: &Counters) -> Result<Connection, Fault> {
        let mut fault = Fault::origin(502, "the origin's name has no address");
        let mut permit = None;
        for _ in 0..self.origin.servers.len() {
            let server = self.balance.borrow_mut().next(rt::now());
            if let (false, Some(connection)) = (fresh, self.take_idle(server)) {
                counters.reused.add(1);
                return Ok(connection);
            }
            let held = match permit.take().or_else(|| self.permits.try_enter()) {
                Some(held) => held,
                None => match self.wait(fresh).await? {
                    First::One(permit) => permit,
                    First::Other(connection) => {
                        counters.reused.add(1);
                        return Ok(Connection {
                            reused: true,
                            ..connection
                        });
                    }
                },
            };
            match self.connect(server, counters).await {
                Ok(stream) => {
                    self.balance.borrow_mut().ok(server);
                    return Ok(Connection {
                        stream: Rc::new(stream),
                        reused: false,
                        server,
                        _permit: held,
                    });
                }
                Err(Some(why)) => fault = why,
                Err(None) => {}
            }
            self.balance.borrow_mut().failed(server, rt::now());
            permit = Some(held);
        }
        Err(fault)
    }

    /// Waits until a permit is given back, or (unless `fresh` is asked) a connection is kept.
    async fn wait(&self, fresh: bool) -> Result<First<rt::Permit, Connection>, Fault> {
        // An idle connection that is not fit for this fetch gives its permit first.
        let spare = self.idle.borrow_mut().iter_mut().find_map(Vec::pop);
        drop(spare);
        let (sender, kept) = oneshot();
        if !fresh {
            self.waiting.borrow_mut().push_back(sender);
        }
        let kept = async {
            match kept.await {
                Some(connection) => connection,
                None => std::future::pending().await,
            }
        };
        let patience = self.origin.connect_timeout;
        rt::within(patience, rt::first(self.permits.enter(), kept))
            .await
            .ok_or_else(|| Fault::machine(503, "all connections to the origin are in use"))
    }

    fn take_idle(&self, server: usize) -> Option<Connection> {
        loop {
            let idle = self.idle.borrow_mut().get_mut(server)?.pop()?;
            if idle.connection.stream.is_quiet() {
                return Some(Connection {
                    reused: true,
                    ..idle.connection
                });
            }
        }
    }

    /// Connects to one server, by any of its addresses. The error is the last one's, if it has any.
    async fn connect(&self, server: usize, counters: &Counters) -> Result<Stream, Option<Fault>> {
        let addresses = self
            .addresses
            .borrow()
            .get(server)
            .cloned()
            .unwrap_or_default();
        let mut fault = None;
        for address in addresses.iter() {
            counters.connects.add(1);
            match Stream::connect(*address, self.origin.connect_timeout, rt::now()).await {
                Ok(stream) => return Ok(stream),
                Err(error) => fault = Some(connect_fault(&error)),
            }
        }
        Err(fault)
    }

    /// Keeps a connection for the next request, if this origin keeps them.
    pub fn keep(&self, connection: Connection, now: Mono) {
        if !self.origin.keep_alive {
            return;
        }
        connection.stream.no_deadline(When::Write);
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            match next {
                Some(waiting) if waiting.is_forgotten() => {}
                Some(waiting) => return waiting.send(connection),
                None => break,
            }
        }
        if let Some(idle) = self.idle.borrow_mut().get_mut(connection.server) {
            idle.push(Idle {
                connection,
                since: now,
            });
        }
    }

    /// Closes what was idle for too long.
    pub fn close_idle(&self, now: Mono) {
        let idle_max = u64::try_from(self.origin.idle.as_millis()).unwrap_or(u64::MAX);
        for idle in self.idle.borrow_mut().iter_mut() {
            idle.retain(|idle| now.since(idle.since) < idle_max);
        }
    }

    /// Closes all idle connections.
    pub fn close_all_idle(&self) {
        self.idle.borrow_mut().iter_mut().for_each(Vec::clear);
    }

    /// How long the origin may take from the request to the head.
    pub fn first_byte_timeout(&self) -> Duration {
        self.origin.first_byte_timeout
    }

    /// How long the origin may be silent within a response.
    pub fn between_bytes_timeout(&self) -> Duration {
        self.origin.between_bytes_timeout
    }
}

fn connect_fault(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::TimedOut => Fault::origin(504, "the origin took too long to connect"),
        io::ErrorKind::ConnectionRefused => Fault::origin(502, "the origin refused the connection"),
        _ => match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE) => {
                Fault::machine(503, "no descriptors left to reach the origin")
            }
            Some(libc::EADDRNOTAVAIL) => {
                Fault::machine(503, "no local ports left to reach the origin")
            }
            _ => Fault::origin(502, "the origin can't be reached"),
        },
    }
}
