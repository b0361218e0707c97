//! The letters. Small plain values in one closed list; bodies travel as handles.
//!
//! | letter | from | to | reply |
//! |---|---|---|---|
//! | `Ask` | a shard with a client | the key's home | `Told` |
//! | `Pull` | the same | the same | `Told`, when there is news |
//! | `Leave` | the same | the same | none |
//! | `Told` | home | the shard with the client | none, or a `Pull` |
//! | `Purge` | any | home | `Told::Purged` |
//! | `Decree` | the shard that purges | every shard | `Told::Purged` |
//! | `Keep` | the shard that fetched | home | none |
//! | `Ping` | the same | the same | `Told::Settled` |
//! | `Outdated` | a shard that saw another version | home | none |
//! | `HeadSeen` | the shard that fetched | home | `Told::Settled` |
//! | `Search` | the shard that fetched | every shard | none |
//! | `Inspect` | the admin's shard | home | `Told::Inspected` |
//! | `Unmark` | any | home | none |
//! | `Promote` | a shard with a replica | home | none |
//! | `LetGo` | home | shards that hold replicas | none |
//! | `Socket` | a busy shard | the least loaded | none |
//! | `Addresses`, `Stop` | outside | every shard | none |
//! | `Disk` | the keeper, outside | the shard that owns the log | none, or an order |

use crate::rt::Arrived;
use crate::store::disk::orders::DiskNews;
use crate::store::flight::{News, Want};
use crate::store::object::{ToDisk, Version};
use crate::store::{Object, Piece};
use ringside_engine::cache::{Facts, Times};
use ringside_engine::http::{Method, Request, RequestHead};
use ringside_engine::key::Key;
use ringside_engine::outcome::{Outcome, Reason};
use ringside_engine::purge::{Force, Verdict};
use ringside_engine::route::search::SearchRule;
use ringside_engine::route::RouteId;
use ringside_engine::time::Mono;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

/// A request as its home needs it: a copy of the head and what was already found out about it.
#[derive(Clone)]
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
    /// The key of the URL alone, where content belongs to the key.
    pub url: Key,
    /// Content that belongs to the key, of a QUERY.
    pub content: Option<Arc<[u8]>>,
    /// How much of the response is wanted.
    pub want: Want,
    /// Asked of the origin by GET, whatever the client's method was.
    pub as_get: bool,
}

impl Asked {
    /// The request.
    pub fn request(&self) -> Request<'_> {
        let sent = self.head.view(&self.bytes);
        match self.as_get {
            true => Request {
                method: Method::Get,
                method_text: b"GET",
                ..sent
            },
            false => sent,
        }
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

/// A statement about many objects, which holds for all that were asked for at or before its
/// instant, whenever they come.
pub struct Decree {
    /// Which ones.
    pub whom: Vec<Whom>,
    /// Gone, or stale.
    pub force: Force,
    /// As of when; the same on every shard.
    pub at: Mono,
}

/// Whom a decree is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Everything.
    All,
    /// What is below a path of a host; of every host when that is empty.
    Prefix {
        /// As it stands in keys.
        host: Box<[u8]>,
        /// What path and query begin with.
        path: Box<[u8]>,
    },
    /// The members of a group.
    Group(u64),
}

/// A response that was fetched by another shard than its home.
pub struct Keepsake {
    /// Its key.
    pub key: Key,
    /// Facts for decisions.
    pub facts: Facts,
    /// What brings it to disk, as in [`crate::store::object::Parts`].
    pub to_disk: ToDisk,
    /// As in [`crate::store::object::Parts`].
    pub head: Vec<u8>,
    /// Hash of the selecting request fields.
    pub variant: u64,
    /// The names in Vary.
    pub vary: Vec<u8>,
    /// The groups it is in.
    pub groups: Vec<u8>,
    /// Its content, on the sender's budget: to be copied.
    pub body: Vec<Piece>,
    /// Or its length, and the version whose fragments hold it.
    pub outline: Option<(u64, Version)>,
    /// Variants of a key at most.
    pub variants_max: usize,
    /// Microseconds when it was begun: a purge since then forbids to store it. `None` for what
    /// nobody finds but by something else that a purge would reach.
    pub begun_us: Option<u64>,
}

/// The answer to a HEAD request, for the home of its key.
pub struct HeadSeen {
    /// The request.
    pub asked: Box<Asked>,
    /// The head as it would be stored, with the length that it states.
    pub head: Vec<u8>,
    /// When it was asked for and when it came.
    pub times: Times,
}

/// What a home has for a request, for `ringside explain`.
#[derive(Default)]
pub struct Inspection {
    /// All stored variants, the newest first, and whether the request selects each.
    pub variants: Vec<(Arc<Object>, bool, Verdict)>,
    /// The last of them is on disk only.
    pub last_is_on_disk: bool,
    /// Its responses can't be shared for so long yet, in milliseconds.
    pub marked_for_ms: Option<u64>,
    /// Fetches under way.
    pub flights: usize,
}

/// What a purge has done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Purged {
    /// How many objects it was about.
    pub objects: usize,
    /// When the key was purged before, or may have been, in microseconds; 0 for never.
    pub before_us: u64,
    /// A disk could not note it: what it holds may come back when the server is started again.
    pub forgettable: bool,
}

/// What a home tells.
pub enum Told {
    /// A stored object that may be served as it is.
    Object(Arc<Object>),
    /// The same, for this request only: others that it selects may get another.
    Once(Arc<Object>),
    /// The same, read from disk for it.
    FromDisk(Arc<Object>),
    /// You read a flight here, and this is how your request will be counted: pull.
    Joined(Outcome),
    /// What is new in the flight.
    News(News),
    /// Fetch by yourself.
    Go(Reason),
    /// So many objects were purged; none of them can be served any more.
    Purged(Purged),
    /// The letters sent before were read.
    Settled,
    /// What is stored for a request, for an operator who wants to know.
    Inspected(Box<Inspection>),
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
        /// Gone, or stale from now on.
        force: Force,
    },
    /// From now on nothing is served that this outdates.
    Decree {
        /// Who wants to know when it is done.
        ticket: u64,
        /// What is outdated, as of when.
        decree: Arc<Decree>,
    },
    /// Have you read what I sent you before?
    Ping {
        /// Who wants to know.
        ticket: u64,
    },
    /// Store this, whose home you are.
    Keep(Box<Keepsake>),
    /// This object does not hold any more: its origin has another version.
    Outdated {
        /// The object.
        object: Arc<Object>,
    },
    /// The answer to a HEAD request of this key (RFC 9111, 4.3.5).
    HeadSeen {
        /// Who wants to know when it is heeded.
        ticket: u64,
        /// The answer.
        seen: Box<HeadSeen>,
    },
    /// What makes the keys of a path's queries has changed (No-Vary-Search).
    Search {
        /// The path.
        path: Key,
        /// What says so, with what tells it from others; `None` when there is none any more.
        rule: Option<(Arc<SearchRule>, u64)>,
    },
    /// What is stored for this request, and what would become of it?
    Inspect {
        /// Who asks.
        ticket: u64,
        /// The request.
        asked: Box<Asked>,
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
    /// What the keeper has found in one of your logs, or done with it.
    Disk(Box<DiskNews>),
    /// Stop accepting, finish what is under way, end.
    Stop,
}

const _: () = assert!(std::mem::size_of::<Letter>() <= 64);
