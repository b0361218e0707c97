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
use crate::rt::{self, Semaphore, Stream};
use ringside_config::Origin;
use ringside_engine::fault::Fault;
use ringside_engine::origin::Balance;
use ringside_engine::time::Mono;
use std::cell::RefCell;
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
    idle: RefCell<Vec<Idle>>,
    permits: Rc<Semaphore>,
}

impl Pool {
    /// A pool without connections. Servers given as IP addresses need no resolving.
    pub fn new(origin: &Origin) -> Pool {
        let literal = |host: &str, port| -> Arc<[SocketAddr]> {
            host.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, port)).into_iter().collect()
        };
        let addresses = origin.servers.iter().map(|one| literal(&one.host, one.port)).collect();
        Pool {
            balance: RefCell::new(Balance::new(origin.servers.len())),
            addresses: RefCell::new(addresses),
            idle: RefCell::default(),
            permits: Semaphore::new(origin.connections_max),
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

    /// A connection: a kept one that is still quiet (unless `fresh` is asked), or a new one to the
    /// next server that can be reached.
    ///
    /// # Errors
    /// 503 when all connections are in use for too long; 502 or 504 when no server can be reached.
    /// A retry is safe: nothing was sent.
    pub async fn obtain(&self, fresh: bool, counters: &Counters) -> Result<Connection, Fault> {
        if !fresh {
            if let Some(connection) = self.take_idle() {
                counters.reused.add(1);
                return Ok(connection);
            }
        }
        let permit = match self.permits.try_enter() {
            Some(permit) => permit,
            None => self.wait_for_permit().await?,
        };
        let stream = self.connect(counters).await?;
        Ok(Connection { stream: Rc::new(stream), reused: false, _permit: permit })
    }

    async fn wait_for_permit(&self) -> Result<rt::Permit, Fault> {
        // An idle connection that is not fit for this fetch gives its permit first.
        self.idle.borrow_mut().pop();
        let patience = self.origin.connect_timeout;
        rt::within(patience, self.permits.enter()).await.ok_or_else(|| {
            Fault::machine(503, "all connections to the origin are in use")
        })
    }

    fn take_idle(&self) -> Option<Connection> {
        loop {
            let idle = self.idle.borrow_mut().pop()?;
            if idle.connection.stream.is_quiet() {
                return Some(Connection { reused: true, ..idle.connection });
            }
        }
    }

    async fn connect(&self, counters: &Counters) -> Result<Stream, Fault> {
        let mut fault = Fault::origin(502, "the origin's name has no address");
        for _ in 0..self.origin.servers.len() {
            let server = self.balance.borrow_mut().next(rt::now());
            let addresses = self.addresses.borrow().get(server).cloned().unwrap_or_default();
            for address in addresses.iter() {
                counters.connects.add(1);
                match Stream::connect(*address, self.origin.connect_timeout, rt::now()).await {
                    Ok(stream) => {
                        self.balance.borrow_mut().ok(server);
                        return Ok(stream);
                    }
                    Err(error) => fault = connect_fault(&error),
                }
            }
            self.balance.borrow_mut().failed(server, rt::now());
        }
        Err(fault)
    }

    /// Keeps a connection for the next request, if this origin keeps them.
    pub fn keep(&self, connection: Connection, now: Mono) {
        if self.origin.keep_alive {
            connection.stream.no_deadline();
            self.idle.borrow_mut().push(Idle { connection, since: now });
        }
    }

    /// Closes what was idle for too long.
    pub fn close_idle(&self, now: Mono) {
        let idle_max = u64::try_from(self.origin.idle.as_millis()).unwrap_or(u64::MAX);
        self.idle.borrow_mut().retain(|idle| now.since(idle.since) < idle_max);
    }

    /// Closes all idle connections.
    pub fn close_all_idle(&self) {
        self.idle.borrow_mut().clear();
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
            Some(libc::EADDRNOTAVAIL) => Fault::machine(503, "no local ports left to reach the origin"),
            _ => Fault::origin(502, "the origin can't be reached"),
        },
    }
}
