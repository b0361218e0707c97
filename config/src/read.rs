//! From a TOML document to a Plan, table by table, with the checks that span options.
//!
//! Reads on after a fault, so that an operator sees all of them at once; what stands in for a
//! faulty value never leaves this file, since a Plan is handed out only when there was none.

use crate::faults::{Blame, Faults};
use crate::kinds::{quoted, Or};
use crate::names;
use crate::plan::{Admin, DiskPlan, Limits, Listen, Log, Memory, Origin, Plan, Proxy, Shards};
use crate::reference as options;
use crate::view::View;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use toml_edit::{ImDocument, TomlError, Value};

mod cache;
mod sites;
mod status;

/// The Plan that `text` asks for, or everything that is wrong with it.
///
/// `file` is only named in faults; nothing is opened and no name is looked up.
pub fn read(text: &str, file: &str) -> Result<Plan, Faults> {
    let mut blame = Blame::new(text);
    match ImDocument::parse(text) {
        Ok(document) => {
            let plan = plan(&document, &mut blame);
            if blame.is_empty() {
                return Ok(plan);
            }
        }
        Err(error) => syntax(&error, text, &mut blame),
    }
    Err(blame.faults(file))
}

fn plan(document: &ImDocument<&str>, blame: &mut Blame<'_>) -> Plan {
    let root = View::root(document.as_table(), &options::ROOT, blame);
    let listen = listen(&root, blame);
    let origins = origins(&root, blame);
    let sites = sites::sites(&root, &origins, blame);
    Plan {
        shards: shards(&root, blame),
        memory: memory(&root, blame),
        disks: disks(&root, blame),
        admin: admin(&root, &listen, blame),
        listen,
        origins,
        sites,
        limits: limits(&root, blame),
        proxy: proxy(&root, blame),
        cache_status: status::cache_status(&root, blame),
        control: status::control(&root, blame),
        log: log(&root, blame),
    }
}

/// The first place where the text is no TOML; there is no reading on from there.
fn syntax(error: &TomlError, text: &str, blame: &mut Blame<'_>) {
    let at = error.span().map_or(0, |span| span.start);
    let message = error.message().trim().replace('\n', "; ");
    let line = text.char_indices().rfind(|(i, c)| *c == '\n' && *i < at);
    let line = text
        .get(line.map_or(0, |(i, _)| i + 1)..)
        .and_then(|rest| rest.lines().next());
    let value = line
        .and_then(|line| line.split_once('='))
        .map_or("", |(_, value)| value);
    let word = value.split('#').next().unwrap_or_default().trim();
    // `size = 8GiB` and `target = stdout` are the slips that everyone makes once.
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_./:*".contains(c);
    let is_word = word.len() <= 64 && word.chars().all(is_bare) && word.parse::<Value>().is_err();
    let is_word = is_word && !word.is_empty();
    let suggestion = is_word.then(|| format!("write it in quotes: \"{word}\""));
    blame.add(at, "", format!("not TOML: {message}"), "", suggestion);
}

fn shards(root: &View<'_>, blame: &mut Blame<'_>) -> Shards {
    let table = root.table(&options::shards::SECTION, "shards", blame);
    Shards {
        count: match table.read(&options::shards::COUNT, blame) {
            Or::Word(()) => None,
            Or::Value(count) => Some(count as usize),
        },
        pin: table.read(&options::shards::PIN, blame),
        replicas: table.read(&options::shards::REPLICAS, blame) as usize,
    }
}

fn memory(root: &View<'_>, blame: &mut Blame<'_>) -> Memory {
    let table = root.table(&options::memory::SECTION, "memory", blame);
    Memory {
        size_bytes: table.read(&options::memory::SIZE, blame),
    }
}

fn disks(root: &View<'_>, blame: &mut Blame<'_>) -> Vec<DiskPlan> {
    use options::disk::*;
    let tables = root.one_or_more(&SECTION, "disk", blame);
    // Paths that differ in their spelling only are equal; two names of one file show when opened.
    let mut seen: HashMap<PathBuf, usize> = HashMap::new();
    let mut all = Vec::new();
    for table in &tables {
        let path = table.read(&PATH, blame);
        let size_bytes = table.read(&SIZE, blame);
        let Some(path) = path else { continue };
        let at = table.at_value(PATH.key);
        match seen.get(&path) {
            Some(first) => Again {
                key: PATH.key,
                at,
                is_written: true,
                shown: &path.display().to_string(),
                first: *first,
                expected: "every path once",
            }
            .refuse(table, blame),
            None => {
                seen.insert(path.clone(), at);
            }
        }
        all.push(DiskPlan { path, size_bytes });
    }
    if let Some(table) = tables.get(DISKS_MAX) {
        let found = format!("found {} disks", tables.len());
        let expected = format!("at most {DISKS_MAX}");
        blame.add(table.at(), SECTION.header, found, expected, None);
    }
    all
}

/// Where clients connect when nothing is said about it.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);

fn listen(root: &View<'_>, blame: &mut Blame<'_>) -> Vec<Listen> {
    let option = &options::listen::ADDRESS;
    let mut seen: HashMap<SocketAddr, usize> = HashMap::new();
    let mut all = Vec::new();
    for table in root.tables(&options::listen::SECTION, "listen", blame) {
        let address = table.read(option, blame);
        let backlog = table.read(&options::listen::BACKLOG, blame);
        let Some(address) = address else { continue };
        let at = table.at_value(option.key);
        match seen.get(&address) {
            // Port 0 is another one each time.
            Some(first) if address.port() != 0 => {
                let shown = &address.to_string();
                let (key, expected) = (option.key, "every address once");
                let again = Again {
                    key,
                    at,
                    is_written: true,
                    shown,
                    first: *first,
                    expected,
                };
                again.refuse(&table, blame);
            }
            _ => {
                seen.insert(address, at);
            }
        }
        all.push(Listen { address, backlog });
    }
    if !root.has("listen") {
        all.push(Listen {
            address: LISTEN,
            backlog: (options::listen::BACKLOG.default)(),
        });
    }
    all
}

fn origins(root: &View<'_>, blame: &mut Blame<'_>) -> Vec<Origin> {
    let tables = root.table(&options::origins::SECTION, "origins", blame);
    let mut all = Vec::new();
    for (name, at) in tables.names() {
        if names::origin(name).is_err() {
            let expected = "a name of at most 64 letters, digits, `-`, `_` and `.`";
            blame.add(
                at,
                "[origins]",
                format!("found the name {}", quoted(name)),
                expected,
                None,
            );
        }
        let table = tables.table(&options::origin::SECTION, name, blame);
        all.push(origin(name, &table, blame));
    }
    // Where `origins` is no table, that has been said.
    if all.is_empty() && (tables.is_written() || !root.has("origins")) {
        let expected = "at least one [origins.NAME] with its servers";
        blame.add(tables.at(), "[origins]", "missing", expected, None);
    }
    all
}

fn origin(name: &str, table: &View<'_>, blame: &mut Blame<'_>) -> Origin {
    use options::origin::*;
    let servers = table.read(&SERVERS, blame).unwrap_or_default();
    Origin {
        name: name.to_owned(),
        servers: servers.into_iter().map(|(server, _)| server).collect(),
        keep_alive: table.read(&KEEP_ALIVE, blame),
        connections_max: table.read(&CONNECTIONS, blame) as usize,
        idle: table.read(&IDLE, blame),
        connect_timeout: table.read(&CONNECT_TIMEOUT, blame),
        first_byte_timeout: table.read(&FIRST_BYTE_TIMEOUT, blame),
        between_bytes_timeout: table.read(&BETWEEN_BYTES_TIMEOUT, blame),
        retries: table.read(&RETRIES, blame),
    }
}

fn limits(root: &View<'_>, blame: &mut Blame<'_>) -> Limits {
    use options::limits::*;
    let table = root.table(&SECTION, "limits", blame);
    Limits {
        head_bytes: table.read(&HEAD, blame) as usize,
        fields: table.read(&FIELDS, blame) as usize,
        uri_bytes: table.read(&URI, blame) as usize,
        body_bytes: table.read(&BODY, blame),
        connections: table.read(&CONNECTIONS, blame) as usize,
        idle: table.read(&IDLE, blame),
        head: table.read(&HEAD_TIMEOUT, blame),
        body: table.read(&BODY_TIMEOUT, blame),
        send: table.read(&SEND_TIMEOUT, blame),
        drain: table.read(&DRAIN, blame),
    }
}

fn proxy(root: &View<'_>, blame: &mut Blame<'_>) -> Proxy {
    use options::proxy::*;
    let table = root.table(&SECTION, "proxy", blame);
    Proxy {
        name: table.read(&NAME, blame),
        via: table.read(&VIA, blame),
        forwarded: table.read(&FORWARDED, blame),
    }
}

fn log(root: &View<'_>, blame: &mut Blame<'_>) -> Log {
    use options::log::*;
    let table = root.table(&SECTION, "log", blame);
    Log {
        format: table.read(&FORMAT, blame),
        target: table.read(&TARGET, blame),
    }
}

fn admin(root: &View<'_>, listen: &[Listen], blame: &mut Blame<'_>) -> Option<Admin> {
    use options::admin::*;
    let table = root.table(&SECTION, "admin", blame);
    let address = table.read(&ADDRESS, blame)?;
    if let Some(taken) = listen.iter().find(|listen| clash(listen.address, address)) {
        let found = format!("found \"{address}\", which clients connect to");
        let expected = format!("another address than \"{}\"", taken.address);
        blame.add(
            table.at_value(ADDRESS.key),
            table.path(ADDRESS.key),
            found,
            expected,
            None,
        );
    }
    Some(Admin { address })
}

/// Whether a socket on one address keeps another one off the other: a wildcard takes them all.
fn clash(a: SocketAddr, b: SocketAddr) -> bool {
    let same_family = a.is_ipv4() == b.is_ipv4();
    let overlap = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && same_family && overlap
}

/// A value that may stand once only, for the second time.
struct Again<'a> {
    key: &'static str,
    at: usize,
    /// Otherwise it is the default that collides.
    is_written: bool,
    shown: &'a str,
    /// Where it stands for the first time.
    first: usize,
    expected: &'static str,
}

impl Again<'_> {
    fn refuse(&self, table: &View<'_>, blame: &mut Blame<'_>) {
        let found = match self.is_written {
            true => format!("found {} again", quoted(self.shown)),
            false => format!("missing, which is {} again", quoted(self.shown)),
        };
        let suggestion = format!("line {} has it already", blame.line_of(self.first));
        blame.add(
            self.at,
            table.path(self.key),
            found,
            self.expected,
            Some(suggestion),
        );
    }
}
