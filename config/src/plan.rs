//! The Plan: what the operator asked for, checked and frozen.
//!
//! Everything here is plain data with units in the types or names. Nothing in a `Plan` can be
//! wrong any more: `crate::read` only hands one out when every value has been checked, so the
//! engine and the shards trust it without looking again.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// One checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How many shards, and whether each is pinned to a core.
    pub shards: Shards,
    /// The memory budget.
    pub memory: Memory,
    /// Where objects are kept on disk, in the order written, each path once; at most 8, mostly none.
    pub disks: Vec<DiskPlan>,
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
    /// Who is told what the cache did.
    pub cache_status: CacheStatus,
    /// Which response fields control this cache.
    pub control: Control,
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

/// `[disk]`, or one of several `[[disk]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskPlan {
    /// A directory or a block device; absolute.
    pub path: PathBuf,
    /// Bytes it may take, over all shards. `None` is the whole of a block device; a directory needs
    /// one, which is known when it is opened only.
    pub size_bytes: Option<u64>,
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
    /// `client_directives`
    pub client_directives: ClientDirectives,
    /// Routes in the order written; never empty. The longest matching prefix wins.
    pub routes: Vec<Route>,
}

/// `client_directives`: what Cache-Control and Pragma of a request come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientDirectives {
    /// They are followed (RFC 9111, 5.2.1).
    #[default]
    Honour,
    /// They neither reach past the cache nor keep it from storing.
    Ignore,
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
    /// `cache.lifetime_max`: no lifetime is longer, stated or not.
    pub lifetime_max: Option<Duration>,
    /// `cache.negative`: lifetimes of responses that state none, by status. In the order of the
    /// statuses, each once; a class stands here as all its statuses that are not named.
    pub negative: Vec<(u16, Duration)>,
    /// `cache.jitter`: lifetimes are shortened by up to this share, by key; at most 50.
    pub jitter_percent: u32,
    /// `cache.stale_while_revalidate`: for responses that say nothing about it (RFC 5861, 3).
    pub stale_while_revalidate: Option<Duration>,
    /// `cache.stale_if_error`: for responses that say nothing about it (RFC 5861, 4).
    pub stale_if_error: Option<Duration>,
    /// `cache.set_cookie`
    pub set_cookie: SetCookie,
    /// `cache.accept_language`
    pub accept_language: AcceptLanguage,
    /// `cache.variants`: stored variants of one URL; 1 to 1024.
    pub variants_max: usize,
    /// `cache.no_vary_search`: honour No-Vary-Search.
    pub no_vary_search: bool,
    /// `cache.query_bytes`: QUERY requests with content up to this are cached; 0 for none.
    pub query_bytes: usize,
    /// `cache.fragments`: a range request on a miss asks the origin for fragments, not the whole.
    pub fragments: bool,
    /// `cache.disk`
    pub disk: DiskRule,
    /// `cache.disk_object_max`: no larger object goes to disk.
    pub disk_object_bytes_max: u64,
    /// `cache.disk_uses`: uses in memory that bring an object to disk; at most 15.
    pub disk_uses: u8,
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
    /// Without Set-Cookie, which no client gets then.
    Strip,
}

/// `cache.disk`: what goes to disk?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskRule {
    /// What memory gives up after it was used often enough (default).
    Auto,
    /// All that is stored, at once.
    Always,
    /// Nothing.
    Never,
}

/// `cache.accept_language`: when do two Accept-Language select the same stored response?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptLanguage {
    /// When they are spelled the same.
    Exact,
    /// When they prefer the same languages in the same order (default).
    Normal,
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

/// `[cache_status]`: the member that we add to Cache-Status (RFC 9211).
#[derive(Clone, Debug, PartialEq)]
pub struct CacheStatus {
    /// Who gets it.
    pub to: StatusTo,
    /// Name the cache key in it.
    pub key: bool,
    /// Give the reason in it.
    pub detail: bool,
}

/// `cache_status.to`: the clients that get Cache-Status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusTo {
    /// All of them (default).
    All,
    /// None, and an origin's Cache-Status passes as it came.
    None,
    /// Those with an address in one of these nets; never empty.
    Nets(Vec<Net>),
}

/// A range of addresses: `10.0.0.0/8`. The bits behind the prefix are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Net {
    /// Its first address.
    pub address: IpAddr,
    /// Leading bits that an address in it has in common with the first; at most 32 or 128.
    pub prefix: u8,
}

impl Net {
    /// Whether `address` is in it. An IPv4 address is the same one when it comes mapped into IPv6
    /// (RFC 4291, 2.5.5.2), as from a listener on `[::]`.
    pub fn contains(&self, address: IpAddr) -> bool {
        let shift = |bits: u32| bits.saturating_sub(u32::from(self.prefix));
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(address)) => {
                let differ = net.to_bits() ^ address.to_bits();
                differ.checked_shr(shift(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(address)) => {
                let differ = net.to_bits() ^ address.to_bits();
                differ.checked_shr(shift(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl fmt::Display for Net {
    /// As an operator writes it; one address without its prefix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.address.is_ipv4() { 32 } else { 128 };
        match self.prefix {
            prefix if prefix == bits => write!(f, "{}", self.address),
            prefix => write!(f, "{}/{prefix}", self.address),
        }
    }
}

/// `[control]`: response fields that an origin controls this cache with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Targeted fields (RFC 9213), at most 8: the first that is present and valid decides alone.
    pub targets: Vec<String>,
    /// Fields that hold tags to purge by, at most 8, besides Cache-Groups (RFC 9875).
    pub tags: Vec<String>,
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
