//! The letters. Small plain values in one closed list; bodies travel as handles.
//!
//! | letter | from | to | reply |
//! |---|---|---|---|
//! | `Ask` | a shard with a client | the key's home | `Told` |
//! | `Pull` | the same | the same | `Told`, when there is news |
//! | `Leave` | the same | the same | none |
//! | `Told` | home | the shard with the client | none, or a `Pull` |
//! | `Purge` | any | home | `Told::Purged` |
//! | `Unmark` | any | home | none |
//! | `Promote` | a shard with a replica | home | none |
//! | `LetGo` | home | shards that hold replicas | none |
//! | `Socket` | a busy shard | the least loaded | none |
//! | `Addresses`, `Stop` | outside | every shard | none |

use crate::rt::Arrived;
use crate::store::flight::News;
use crate::store::Object;
use ringside_engine::http::{Request, RequestHead};
use ringside_engine::key::Key;
use ringside_engine::outcome::{Outcome, Reason};
use ringside_engine::route::RouteId;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

/// A request as its home needs it: a copy of the head and what was already found out about it.
pub struct Asked {
    /// The head's bytes.
    pub bytes: Vec<u8>,
    /// Where its parts lie.
    pub head: RequestHead,
    /// The cache key, without variant.
    pub key: Key,
    /// The route.
    pub route: RouteId,
    /// Path and query within `bytes`, as they go to the origin.
    pub path_and_query: Range<usize>,
    /// Path and query for the origin instead of those, where the path was not in normal form.
    pub rewritten: Option<Box<[u8]>>,
    /// The Host value to send, within `bytes`.
    pub host: Range<usize>,
    /// The client.
    pub client: IpAddr,
}

impl Asked {
    /// The request.
    pub fn request(&self) -> Request<'_> {
        self.head.view(&self.bytes)
    }

    /// Path and query for the origin.
    pub fn path_and_query(&self) -> &[u8] {
        let sent = || self.bytes.get(self.path_and_query.clone()).unwrap_or(b"/");
        self.rewritten.as_deref().unwrap_or_else(sent)
    }

    /// The Host value for the origin.
    pub fn host(&self) -> &[u8] {
        self.bytes.get(self.host.clone()).unwrap_or_default()
    }
}

/// What a home tells.
pub enum Told {
    /// A stored object that may be served as it is.
    Object(Arc<Object>),
    /// You read a flight here, and this is how your request will be counted: pull.
    Joined(Outcome),
    /// What is new in the flight.
    News(News),
    /// Fetch by yourself.
    Go(Reason),
    /// So many objects were purged; none of them can be served any more.
    Purged(usize),
}

/// One letter.
pub enum Letter {
    /// Is there an answer to this request at its home, or will there be?
    Ask {
        /// Names the reader in every letter about it.
        ticket: u64,
        /// The request.
        asked: Box<Asked>,
    },
    /// What is new for this reader?
    Pull {
        /// The reader.
        ticket: u64,
    },
    /// This reader is gone.
    Leave {
        /// The reader.
        ticket: u64,
    },
    /// News for a reader.
    Told {
        /// The reader.
        ticket: u64,
        /// The news.
        told: Told,
    },
    /// Make this key unservable everywhere.
    Purge {
        /// Who wants to know when it is done; 0 for nobody.
        ticket: u64,
        /// The key.
        key: Key,
    },
    /// This key turned out to be storable after all: ask its home again.
    Unmark {
        /// The key.
        key: Key,
    },
    /// A sibling found this object of yours popular: put its body into a file.
    Promote {
        /// The object.
        object: Arc<Object>,
    },
    /// Objects of this key died: drop the dead handles.
    LetGo {
        /// The key.
        key: Key,
    },
    /// A client connection to be served by you.
    Socket {
        /// The accepted socket.
        arrived: Arrived,
    },
    /// A server's name resolved to these addresses.
    Addresses {
        /// Index into the Plan's origins.
        origin: u16,
        /// Index into the origin's servers.
        server: u16,
        /// In the order to be tried.
        addresses: Arc<[SocketAddr]>,
    },
    /// Stop accepting, finish what is under way, end.
    Stop,
}

const _: () = assert!(std::mem::size_of::<Letter>() <= 64);
