//! The one table of options: key, kind, bounds, default, meaning, example.
//!
//! `crate::view` accepts the keys of this table and no others, `crate::read` takes every default
//! from it, and `page` prints it as docs/config.md. It knows no document.

use crate::kinds::{At, Count, Flag, List, OneOf, Optional, Or, Required};
use crate::kinds::{Size, Text, Time, WordOr, SOME};
use crate::names;
use crate::plan::{AcceptLanguage, ClientDirectives, DiskRule, Forwarded, HostPattern};
use crate::plan::{LogFormat, LogTarget, Net, Server, SetCookie};
use crate::units::{GIB, KIB, MIB, TIB};
use std::net::SocketAddr;
use std::time::Duration;

pub(crate) mod cache_status;
pub(crate) mod control;
pub(crate) mod disk;
mod page;
pub(crate) mod route;
mod shape;

pub use page::reference;
pub(crate) use shape::{Entry, Opt, Section};

/// The document itself, which holds tables only.
pub(crate) static ROOT: Section = Section {
    name: "",
    header: "",
    meaning: "",
    options: &[],
    later: &[],
};

/// Every table, in the order of the page.
pub(crate) static SECTIONS: &[&Section] = &[
    &shards::SECTION,
    &memory::SECTION,
    &disk::SECTION,
    &listen::SECTION,
    &origins::SECTION,
    &origin::SECTION,
    &site::SECTION,
    &route::SECTION,
    &limits::SECTION,
    &proxy::SECTION,
    &cache_status::SECTION,
    &control::SECTION,
    &log::SECTION,
    &admin::SECTION,
];

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A timeout of at most `max`. None may be 0: a time that is over at once serves nobody.
const fn timeout(max: Duration) -> Time {
    Time {
        min: MS,
        max,
        step: MS,
    }
}

/// A freshness lifetime, in the whole seconds that HTTP counts (RFC 9111, 1.2.2), of at most a
/// year, as RFC 2616, 14.21 used to ask.
const fn lifetime(min: Duration) -> Time {
    Time {
        min,
        max: Duration::from_secs(365 * 86_400),
        step: SECOND,
    }
}

/// How long a response may be served after its lifetime; 0 is not at all, and so is the word.
const fn stale() -> WordOr<(), Time> {
    WordOr(OneOf(&[("off", ())]), lifetime(Duration::ZERO))
}

const ADDRESS: Text<SocketAddr> = Text {
    name: "an address and port",
    parse: names::address,
    show: |address| address.to_string(),
};

pub(crate) mod shards {
    use super::*;

    pub(crate) static SECTION: Section = Section {
        name: "shards",
        header: "[shards]",
        meaning: "Every shard is one thread with its own listeners, connections and memory.",
        options: &[&COUNT, &PIN, &REPLICAS],
        later: &[],
    };
    pub(crate) static COUNT: Opt<WordOr<(), Count>> = Opt {
        key: "count",
        kind: WordOr(
            OneOf(&[("auto", ())]),
            Count {
                min: 1,
                max: 256,
                of: "shards",
            },
        ),
        default: || Or::Word(()),
        meaning:
            "How many shards; \"auto\" is one for each core that the process may run on. With \
                  `[disk]` a number is better: when it changes, what has another home then is lost.",
        example: "4",
    };
    pub(crate) static PIN: Opt<Flag> = Opt {
        key: "pin",
        kind: Flag,
        default: || true,
        meaning: "Pin every shard to a core of its own; shards above the number of cores share.",
        example: "false",
    };
    pub(crate) static REPLICAS: Opt<Count> = Opt {
        key: "replicas",
        kind: Count {
            min: 0,
            max: 1 << 20,
            of: "keys per shard",
        },
        default: || 4096,
        meaning:
            "Keys of other shards' objects that a shard keeps handles to, so that hot objects \
                  are served on every core without asking; 0 asks every time.",
        example: "16384",
    };
}

pub(crate) mod memory {
    use super::*;

    pub(crate) static SECTION: Section = Section {
        name: "memory",
        header: "[memory]",
        meaning: "The memory budget, split evenly over the shards.",
        options: &[&SIZE],
        later: &[],
    };
    pub(crate) static SIZE: Opt<Size> = Opt {
        key: "size",
        kind: Size {
            min: 8 * MIB,
            max: 64 * TIB,
        },
        default: || 512 * MIB,
        meaning: "Bytes for cached bodies, bodies in flight and connection buffers, over all \
                  shards. At the bound objects are evicted, then no more are stored.",
        example: "\"8GiB\"",
    };
}

pub(crate) mod listen {
    use super::*;

    pub(crate) static SECTION: Section = Section {
        name: "listen",
        header: "[[listen]]",
        meaning: "Where clients connect, once for each address. Without any: `0.0.0.0:8080`.",
        options: &[&ADDRESS, &BACKLOG],
        later: &[],
    };
    pub(crate) static ADDRESS: Opt<Required<Text<SocketAddr>>> = Opt {
        key: "address",
        kind: Required(super::ADDRESS),
        default: || None,
        meaning: "Address and port; `:80` and `*:80` are `0.0.0.0:80`. With port 0 the kernel \
                  chooses one.",
        example: "\"0.0.0.0:80\"",
    };
    pub(crate) static BACKLOG: Opt<Count> = Opt {
        key: "backlog",
        kind: Count {
            min: 1,
            max: 65_535,
            of: "connections per shard",
        },
        default: || 4096,
        meaning: "Connections that the kernel queues until they are accepted; it applies \
                  `net.core.somaxconn` as well.",
        example: "1024",
    };
}

pub(crate) mod origins {
    use super::*;

    /// The table of the tables: its keys are names.
    pub(crate) static SECTION: Section = Section {
        name: "origins",
        header: "[origins]",
        meaning: "",
        options: &[],
        later: &[],
    };
}

pub(crate) mod origin {
    use super::*;

    pub(crate) static SECTION: Section = Section {
        name: "origins.NAME",
        header: "[origins.NAME]",
        meaning: "Where responses come from. At least one is needed. NAME is of letters, digits, \
                  `-`, `_` and `.`, and is what routes refer to.",
        options: &[
            &SERVERS,
            &KEEP_ALIVE,
            &CONNECTIONS,
            &IDLE,
            &CONNECT_TIMEOUT,
            &FIRST_BYTE_TIMEOUT,
            &BETWEEN_BYTES_TIMEOUT,
            &RETRIES,
        ],
        later: &[],
    };
    pub(crate) static SERVERS: Opt<Required<List<Server>>> = Opt {
        key: "servers",
        kind: Required(List {
            name: "a list of servers",
            of: Text {
                name: "a host name or IP address, and perhaps a port",
                parse: names::server,
                show: |server| format!("{}:{}", server.host, server.port),
            },
            length: SOME,
        }),
        default: || None,
        meaning: "Host names or IP addresses, each with a port or else 80, tried in turns.",
        example: "[\"192.168.0.100:80\", \"app.internal\", \"[::1]:8080\"]",
    };
    pub(crate) static KEEP_ALIVE: Opt<Flag> = Opt {
        key: "keep_alive",
        kind: Flag,
        default: || true,
        meaning: "Keep connections open between requests.",
        example: "false",
    };
    pub(crate) static CONNECTIONS: Opt<Count> = Opt {
        key: "connections",
        kind: Count {
            min: 1,
            max: 65_535,
            of: "connections per shard",
        },
        default: || 1024,
        meaning: "Most connections that a shard opens to this origin at a time.",
        example: "64",
    };
    pub(crate) static IDLE: Opt<Time> = Opt {
        key: "idle",
        kind: timeout(DAY),
        default: || MINUTE,
        meaning: "How long a connection without a request is kept. Stay below what the origin \
                  itself allows.",
        example: "\"15s\"",
    };
    pub(crate) static CONNECT_TIMEOUT: Opt<Time> = Opt {
        key: "connect_timeout",
        kind: timeout(HOUR),
        default: || Duration::from_secs(3),
        meaning: "Time to establish a connection to one address.",
        example: "\"500ms\"",
    };
    pub(crate) static FIRST_BYTE_TIMEOUT: Opt<Time> = Opt {
        key: "first_byte_timeout",
        kind: timeout(DAY),
        default: || MINUTE,
        meaning: "Time from the request sent to the head of the response.",
        example: "\"5m\"",
    };
    pub(crate) static BETWEEN_BYTES_TIMEOUT: Opt<Time> = Opt {
        key: "between_bytes_timeout",
        kind: timeout(DAY),
        default: || Duration::from_secs(30),
        meaning: "Longest silence within a response.",
        example: "\"10s\"",
    };
    pub(crate) static RETRIES: Opt<Count> = Opt {
        key: "retries",
        kind: Count {
            min: 0,
            max: 10,
            of: "retries",
        },
        default: || 1,
        meaning: "Further tries after the first, where a retry is safe.",
        example: "2",
    };
}

pub(crate) mod site {
    use super::*;

    pub(crate) static SECTION: Section = Section {
        name: "sites",
        header: "[[sites]]",
        meaning: "What is served, by host. Without any, and with one origin: one site for every \
                  host.",
        options: &[&HOSTS, &CLIENT_DIRECTIVES],
        later: &[],
    };
    pub(crate) static HOSTS: Opt<List<HostPattern>> = Opt {
        key: "hosts",
        kind: List {
            name: "a list of hosts",
            of: Text {
                name: "a host name, \"*.\" and a host name, or \"*\"",
                parse: names::host,
                show: |host| match host {
                    HostPattern::Exact(name) => name.clone(),
                    HostPattern::Suffix(name) => format!("*{name}"),
                    HostPattern::Any => "*".to_owned(),
                },
            },
            length: SOME,
        },
        default: || vec![(HostPattern::Any, 0)],
        meaning: "Hosts of this site, each in one site only. `*.example.org` is every name below \
                  `example.org`, not itself; `*` is every host that no other site names.",
        example: "[\"www.example.org\", \"*.example.org\"]",
    };
    pub(crate) static CLIENT_DIRECTIVES: Opt<OneOf<ClientDirectives>> = Opt {
        key: "client_directives",
        kind: OneOf(&[
            ("honour", ClientDirectives::Honour),
            ("ignore", ClientDirectives::Ignore),
        ]),
        default: || ClientDirectives::Honour,
        meaning: "Whether Cache-Control and Pragma of a request are followed (RFC 9111, 5.2.1). \
                  Ignored, no client can reach past the cache or keep it from storing.",
        example: "\"ignore\"",
    };
}

pub(crate) mod limits {
    use super::*;

    pub(crate) static SECTION: Section = Section {
        name: "limits",
        header: "[limits]",
        meaning: "Bounds on what clients and origins may ask of the server.",
        options: &[
            &HEAD,
            &URI,
            &FIELDS,
            &BODY,
            &CONNECTIONS,
            &IDLE,
            &HEAD_TIMEOUT,
            &BODY_TIMEOUT,
            &SEND_TIMEOUT,
            &DRAIN,
        ],
        later: &[],
    };
    pub(crate) static HEAD: Opt<Size> = Opt {
        key: "head",
        kind: Size { min: KIB, max: MIB },
        default: || 32 * KIB,
        meaning: "First line and fields of a request, or of a response.",
        example: "\"64KiB\"",
    };
    pub(crate) static URI: Opt<Size> = Opt {
        key: "uri",
        kind: Size {
            min: 256,
            max: 64 * KIB,
        },
        default: || 8 * KIB,
        meaning: "Length of a request target; `head` bounds it as well.",
        example: "\"16KiB\"",
    };
    pub(crate) static FIELDS: Opt<Count> = Opt {
        key: "fields",
        kind: Count {
            min: 1,
            max: 256,
            of: "field lines",
        },
        default: || 100,
        meaning: "Field lines in one head.",
        example: "64",
    };
    pub(crate) static BODY: Opt<Size> = Opt {
        key: "body",
        kind: Size {
            min: 0,
            max: 64 * TIB,
        },
        default: || GIB,
        meaning: "Content of a request; 0 refuses every request that has some.",
        example: "\"16MiB\"",
    };
    pub(crate) static CONNECTIONS: Opt<Count> = Opt {
        key: "connections",
        kind: Count {
            min: 1,
            max: 10_000_000,
            of: "connections",
        },
        default: || 10_000,
        meaning: "Client connections over all shards.",
        example: "100000",
    };
    pub(crate) static IDLE: Opt<Time> = Opt {
        key: "idle",
        kind: timeout(DAY),
        default: || MINUTE,
        meaning: "How long a client connection may sit between requests.",
        example: "\"15s\"",
    };
    pub(crate) static HEAD_TIMEOUT: Opt<Time> = Opt {
        key: "head_timeout",
        kind: timeout(HOUR),
        default: || Duration::from_secs(10),
        meaning: "How long a client may take to send a whole head once it began.",
        example: "\"5s\"",
    };
    pub(crate) static BODY_TIMEOUT: Opt<Time> = Opt {
        key: "body_timeout",
        kind: timeout(HOUR),
        default: || Duration::from_secs(30),
        meaning: "Longest silence of a client within the content of its request.",
        example: "\"10s\"",
    };
    pub(crate) static SEND_TIMEOUT: Opt<Time> = Opt {
        key: "send_timeout",
        kind: timeout(HOUR),
        default: || MINUTE,
        meaning: "Longest time that a client may take no bytes of a response.",
        example: "\"20s\"",
    };
    pub(crate) static DRAIN: Opt<Time> = Opt {
        key: "drain",
        // Not to wait at all is a fair wish of one who stops the server.
        kind: Time {
            min: Duration::ZERO,
            max: DAY,
            step: MS,
        },
        default: || Duration::from_secs(30),
        meaning: "How long a stop waits for what is under way.",
        example: "\"5s\"",
    };
}

pub(crate) mod proxy {
    use super::*;

    pub(crate) static SECTION: Section = Section {
        name: "proxy",
        header: "[proxy]",
        meaning: "What the next hop is told about the client and about this server.",
        options: &[&NAME, &VIA, &FORWARDED],
        later: &[],
    };
    pub(crate) static NAME: Opt<Text<String>> = Opt {
        key: "name",
        kind: Text {
            name: "a token that begins with a letter, of at most 64 characters",
            parse: names::token,
            show: String::clone,
        },
        default: || "ringside".to_owned(),
        meaning: "The pseudonym of this server in Via and Cache-Status.",
        example: "\"edge-1\"",
    };
    pub(crate) static VIA: Opt<Flag> = Opt {
        key: "via",
        kind: Flag,
        default: || true,
        meaning: "Add Via to requests and responses.",
        example: "false",
    };
    pub(crate) static FORWARDED: Opt<OneOf<Forwarded>> = Opt {
        key: "forwarded",
        kind: OneOf(&[
            ("x-forwarded", Forwarded::XForwarded),
            ("forwarded", Forwarded::Rfc7239),
            ("both", Forwarded::Both),
            ("none", Forwarded::None),
        ]),
        default: || Forwarded::XForwarded,
        meaning: "Fields that tell origins about the client, appended to what came: \
                  X-Forwarded-For and X-Forwarded-Proto, Forwarded (RFC 7239), both, or none, \
                  which passes what came unchanged.",
        example: "\"both\"",
    };
}

pub(crate) mod log {
    use super::*;

    pub(crate) static SECTION: Section = Section {
        name: "log",
        header: "[log]",
        meaning: "The access log.",
        options: &[&FORMAT, &TARGET],
        later: &[],
    };
    pub(crate) static FORMAT: Opt<OneOf<LogFormat>> = Opt {
        key: "format",
        kind: OneOf(&[("combined", LogFormat::Combined), ("json", LogFormat::Json)]),
        default: || LogFormat::Combined,
        meaning: "Apache's combined format with outcome and timings appended, or one JSON object \
                  on each line.",
        example: "\"json\"",
    };
    pub(crate) static TARGET: Opt<Text<LogTarget>> = Opt {
        key: "target",
        kind: Text {
            name: "\"off\", \"stdout\" or the path of a file",
            parse: names::log_target,
            show: |target| match target {
                LogTarget::Off => "off".to_owned(),
                LogTarget::Stdout => "stdout".to_owned(),
                LogTarget::File(path) => path.display().to_string(),
            },
        },
        default: || LogTarget::Off,
        meaning: "Where lines go; a file is appended to, and its path has a `/` in it.",
        example: "\"/var/log/ringside/access.log\"",
    };
}

pub(crate) mod admin {
    use super::*;

    pub(crate) static SECTION: Section = Section {
        name: "admin",
        header: "[admin]",
        meaning: "The admin listener.",
        options: &[&ADDRESS],
        later: &[],
    };
    pub(crate) static ADDRESS: Opt<Optional<Text<SocketAddr>>> = Opt {
        key: "address",
        kind: Optional(super::ADDRESS, "off"),
        default: || None,
        meaning: "Address and port, which no `[[listen]]` has. Keep it off public networks.",
        example: "\"127.0.0.1:9090\"",
    };
}
