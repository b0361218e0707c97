//! The Plan: what the operator asked for, checked and frozen.
//!
//! Everything here is plain data with units in the types or names. Nothing in a `Plan` can be
//! wrong any more: `crate::read` only hands one out when every value has been checked, so the
//! engine and the shards trust it without looking again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// One checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How many shards, and whether each is pinned to a core.
    pub shards: Shards,
    /// The memory budget.
    pub memory: Memory,
    /// Where clients connect; never empty.
    pub listen: Vec<Listen>,
    /// Origins by name; a route points at one by index.
    pub origins: Vec<Origin>,
    /// Sites in the order written; never empty.
    pub sites: Vec<Site>,
    /// Bounds on what clients and origins may ask of us.
    pub limits: Limits,
    /// What we tell the next hop about the client and about ourselves.
    pub proxy: Proxy,
    /// The access log.
    pub log: Log,
    /// The admin listener; off by default.
    pub admin: Option<Admin>,
}

/// `[shards]`
#[derive(Clone, Debug, PartialEq)]
pub struct Shards {
    /// `None` is "auto": one shard per core this process may run on.
    pub count: Option<usize>,
    /// Pin every shard's thread to a core of its own (shards above the number of cores share).
    pub pin: bool,
    /// Keys of siblings' objects a shard keeps handles to, so that hot objects are served on every
    /// core without a letter; 0 asks by letter every time.
    pub replicas: usize,
}

/// `[memory]`
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// Bytes for cached bodies, bodies in flight and connection buffers, over all shards.
    pub size_bytes: u64,
}

/// `[[listen]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Listen {
    /// Address and port; port 0 lets the kernel choose.
    pub address: SocketAddr,
    /// Pending connections the kernel queues per shard.
    pub backlog: u32,
}

/// `[origins.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The name it is referred to by.
    pub name: String,
    /// At least one server, tried round robin.
    pub servers: Vec<Server>,
    /// Keep connections open between requests.
    pub keep_alive: bool,
    /// Most connections one shard opens to this origin at a time.
    pub connections_max: usize,
    /// How long an idle kept connection is kept.
    pub idle: Duration,
    /// Time to establish a connection to one address.
    pub connect_timeout: Duration,
    /// Time from the request sent to the response head.
    pub first_byte_timeout: Duration,
    /// Longest silence within a response.
    pub between_bytes_timeout: Duration,
    /// Further tries after the first, when a retry is safe.
    pub retries: u32,
}

/// One entry of `servers`: a host name or an IP address, and a port (80 when not given).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// Host name or literal IP address (IPv6 without brackets).
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// `[[sites]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// The hosts this site answers for; never empty.
    pub hosts: Vec<HostPattern>,
    /// Routes in the order written; never empty. The longest matching prefix wins.
    pub routes: Vec<Route>,
}

/// A pattern of `hosts`. Names are lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// `www.example.org`
    Exact(String),
    /// `*.example.org`, stored as `.example.org`: any name that ends so, not the bare suffix.
    Suffix(String),
    /// `*`
    Any,
}

/// `[[sites.routes]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Path prefix, begins with `/`. `/a/` matches below it; `/a` matches `/a`, `/a/…` and `/ab`.
    pub path: String,
    /// Index into `Plan::origins`.
    pub origin: usize,
    /// How this route caches.
    pub cache: Cache,
}

/// `cache.*` of a route
#[derive(Clone, Debug, PartialEq)]
pub struct Cache {
    /// `cache.enabled`: off means every request passes.
    pub enabled: bool,
    /// `cache.default`: lifetime of a response that states none and has no heuristic one.
    pub default_lifetime: Option<Duration>,
    /// `cache.heuristic`: 10 % of the time since Last-Modified, at most a day (RFC 9111, 4.2.2).
    pub heuristic: bool,
    /// `cache.refresh`: Squid's `refresh_pattern`, replaces the heuristic and the default.
    pub refresh: Option<Refresh>,
    /// `cache.set_cookie`
    pub set_cookie: SetCookie,
    /// `cache.key`
    pub key: KeyOptions,
}

/// `cache.refresh = { min, percent, max }`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refresh {
    /// Fresh at least this long when the response states no lifetime.
    pub min: Duration,
    /// Share of the time since Last-Modified, in percent.
    pub percent: u32,
    /// Never fresh longer than this by this rule.
    pub max: Duration,
}

/// `cache.set_cookie`: may a response with Set-Cookie be stored?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetCookie {
    /// Only when it says `public` or `s-maxage` (default).
    Explicit,
    /// Never.
    Never,
}

/// `cache.key`: which part of the query makes the key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyOptions {
    /// Parameters left out of the key; a trailing `*` matches any ending.
    pub ignore: Vec<String>,
    /// When not empty: only these parameters are in the key; excludes `ignore`.
    pub keep: Vec<String>,
    /// Sort the parameters by name, keeping the order of equal names.
    pub sort: bool,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Request line and fields of a request, or of a response, in bytes.
    pub head_bytes: usize,
    /// Field lines in one head; at most 256.
    pub fields: usize,
    /// Bytes of the request target.
    pub uri_bytes: usize,
    /// Bytes of a request's content.
    pub body_bytes: u64,
    /// Client connections over all shards.
    pub connections: usize,
    /// How long a client connection may sit between requests.
    pub idle: Duration,
    /// How long a client may take to send a whole head once it began.
    pub head: Duration,
    /// Longest silence of a client within its request content.
    pub body: Duration,
    /// Longest time a client may take no bytes of a response.
    pub send: Duration,
    /// How long a stop waits for what is under way.
    pub drain: Duration,
}

/// `[proxy]`
#[derive(Clone, Debug, PartialEq)]
pub struct Proxy {
    /// Our pseudonym in Via and Cache-Status; a token.
    pub name: String,
    /// Add Via to requests and responses.
    pub via: bool,
    /// Which fields tell the origin about the client.
    pub forwarded: Forwarded,
}

/// `proxy.forwarded`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarded {
    /// X-Forwarded-For and X-Forwarded-Proto, appended to what came (default).
    XForwarded,
    /// Forwarded (RFC 7239), appended to what came.
    Rfc7239,
    /// Both families.
    Both,
    /// None is added; what the client sent passes unchanged.
    None,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// Line format.
    pub format: LogFormat,
    /// Where lines go.
    pub target: LogTarget,
}

/// `log.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Apache's combined format, with outcome and timings appended.
    Combined,
    /// One JSON object per line.
    Json,
}

/// `log.target`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// No access log (default).
    Off,
    /// Standard output.
    Stdout,
    /// Appended to this file.
    File(PathBuf),
}

/// `[admin]`
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    /// Address of the admin listener.
    pub address: SocketAddr,
}
