//! The stage of a script: an origin, Ringside before it with so many shards, and clients.

use crate::ask::Ask;
use crate::client::Client;
use crate::origin::Origin;
use crate::reply::Reply;
use crate::ringside::Ringside;
use std::thread;

/// Clients that [`Stage::everywhere`] opens when there are several shards: enough that the
/// kernel's choice reaches each of four shards nearly always.
const CLIENTS_EVERYWHERE: usize = 16;

/// What a script changes in the configuration: lines of TOML per table.
#[derive(Clone, Debug)]
pub struct Setup {
    memory: String,
    /// MiB for each shard, instead.
    memory_each: Option<usize>,
    disk_each: Option<usize>,
    servers: Option<String>,
    origin: String,
    hosts: String,
    site: String,
    path: String,
    route: String,
    limits: String,
    proxy: String,
    log: String,
    more: String,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            memory: "64MiB".into(),
            memory_each: None,
            disk_each: None,
            servers: None,
            origin: String::new(),
            hosts: "\"*\"".into(),
            site: String::new(),
            path: "/".into(),
            route: String::new(),
            limits: "drain = \"2s\"\n".into(),
            proxy: String::new(),
            log: String::new(),
            more: String::new(),
        }
    }
}

impl Setup {
    /// One site for every host, one route, 64 MiB, all else by default.
    pub fn new() -> Self {
        Self::default()
    }

    /// `[memory] size`
    pub fn memory(mut self, size: &str) -> Self {
        self.memory = size.into();
        self
    }

    /// `[memory] size`, so many MiB for each shard.
    pub fn memory_each(mut self, mib: usize) -> Self {
        self.memory_each = Some(mib);
        self
    }

    /// `[disk]` in the server's own directory, so many MiB for each shard.
    pub fn disk_each(mut self, mib: usize) -> Self {
        self.disk_each = Some(mib);
        self
    }

    /// `servers` of the origin instead of the stage's own; `ORIGIN` stands for that one's address.
    pub fn servers(mut self, servers: &[&str]) -> Self {
        let quoted: Vec<String> = servers
            .iter()
            .map(|server| format!("\"{server}\""))
            .collect();
        self.servers = Some(quoted.join(", "));
        self
    }

    /// A line in `[origins.app]`.
    pub fn origin(mut self, line: &str) -> Self {
        self.origin += &format!("{line}\n");
        self
    }

    /// `hosts` of the site.
    pub fn hosts(mut self, hosts: &[&str]) -> Self {
        let quoted: Vec<String> = hosts.iter().map(|host| format!("\"{host}\"")).collect();
        self.hosts = quoted.join(", ");
        self
    }

    /// A line in `[[sites]]`.
    pub fn site(mut self, line: &str) -> Self {
        self.site += &format!("{line}\n");
        self
    }

    /// `path` of the route.
    pub fn path(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }

    /// A line in `[[sites.routes]]`.
    pub fn route(mut self, line: &str) -> Self {
        self.route += &format!("{line}\n");
        self
    }

    /// A line in `[limits]`.
    pub fn limits(mut self, line: &str) -> Self {
        if line.starts_with("drain") {
            self.limits.clear();
        }
        self.limits += &format!("{line}\n");
        self
    }

    /// A line in `[proxy]`.
    pub fn proxy(mut self, line: &str) -> Self {
        self.proxy += &format!("{line}\n");
        self
    }

    /// A line in `[log]`.
    pub fn log(mut self, line: &str) -> Self {
        self.log += &format!("{line}\n");
        self
    }

    /// Whole tables, at the end of the file.
    pub fn more(mut self, toml: &str) -> Self {
        self.more += toml;
        self
    }

    /// The configuration's text.
    pub fn text(&self, shards: usize, origin: u16) -> String {
        let own = format!("127.0.0.1:{origin}");
        let servers = self.servers.clone().unwrap_or_else(|| format!("\"{own}\""));
        let servers = servers.replace("ORIGIN", &own);
        let memory = match self.memory_each {
            Some(mib) => format!("{}MiB", mib * shards),
            None => self.memory.clone(),
        };
        let mut text = format!(
            "[shards]\ncount = {shards}\npin = false\n\n[memory]\nsize = \"{memory}\"\n\n\
             [[listen]]\naddress = \"127.0.0.1:0\"\n\n[admin]\naddress = \"127.0.0.1:0\"\n\n",
        );
        if let Some(mib) = self.disk_each {
            let size = mib * shards;
            text += &format!("[disk]\npath = \"SCRATCH/disk\"\nsize = \"{size}MiB\"\n\n");
        }
        for (table, lines) in [
            ("limits", &self.limits),
            ("proxy", &self.proxy),
            ("log", &self.log),
        ] {
            if !lines.is_empty() {
                text += &format!("[{table}]\n{lines}\n");
            }
        }
        text += &format!("[origins.app]\nservers = [{servers}]\n{}\n", self.origin);
        text += &format!("[[sites]]\nhosts = [{}]\n{}\n", self.hosts, self.site);
        text += &format!(
            "[[sites.routes]]\npath = \"{}\"\norigin = \"app\"\n{}\n",
            self.path, self.route
        );
        text + &self.more
    }
}

/// An origin, a server before it, and what a script needs of both.
pub struct Stage {
    /// How many shards the server runs.
    pub shards: usize,
    /// Asked by the server for all that is not cached.
    pub origin: Origin,
    /// The server under test.
    pub ringside: Ringside,
}

impl Stage {
    /// A stage of `setup` with so many shards.
    #[track_caller]
    pub fn new(shards: usize, setup: &Setup) -> Self {
        let origin = Origin::start();
        let ringside = Ringside::start(&setup.text(shards, origin.port()));
        Stage {
            shards,
            origin,
            ringside,
        }
    }

    /// A new connection.
    #[track_caller]
    pub fn client(&self) -> Client {
        self.ringside.client()
    }

    /// One GET on a connection of its own.
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.client().get(target)
    }

    /// Connections that reach every shard, opened before the first is used.
    #[track_caller]
    pub fn clients(&self) -> Vec<Client> {
        let count = if self.shards == 1 {
            1
        } else {
            CLIENTS_EVERYWHERE
        };
        (0..count).map(|_| self.client()).collect()
    }

    /// Does the same on every shard, one client after the other.
    #[track_caller]
    pub fn everywhere(&self, mut act: impl FnMut(&mut Client)) {
        for mut client in self.clients() {
            act(&mut client);
        }
    }

    /// Returns when every shard has read what was sent to it before, and has written to its siblings
    /// what follows from that: each answers a few requests that no origin sees, one after the
    /// other. For the little that can't be observed from outside, such as who waits for a fetch.
    #[track_caller]
    pub fn settle(&self) {
        let ping = Ask::new("OPTIONS", "/").field("Max-Forwards", "0");
        let mut clients = self.clients();
        for _ in 0..5 {
            for client in &mut clients {
                client.ask(&ping);
            }
        }
    }

    /// Asks until the cache answers by itself; what came before it must be whole.
    ///
    /// For what need not be so at once: a response born in the very millisecond of a purge may have
    /// died with it, and a background validation takes its time.
    #[track_caller]
    pub fn wait_for_hit(&self, ask: &Ask) -> Reply {
        self.wait_for_reply("a hit", ask, Reply::is_hit)
    }

    /// The same, with this content.
    #[track_caller]
    pub fn wait_for_hit_of(&self, ask: &Ask, body: &str) -> Reply {
        self.wait_for_reply(body, ask, |reply| reply.is_hit() && reply.text() == body)
    }

    #[track_caller]
    fn wait_for_reply(&self, what: &str, ask: &Ask, wanted: impl Fn(&Reply) -> bool) -> Reply {
        let mut found = None;
        crate::wait::wait_until(what, || {
            let reply = self.client().ask(ask);
            assert!(reply.complete, "the content broke off");
            found = Some(reply).filter(&wanted);
            found.is_some()
        });
        found.expect("just seen")
    }

    /// Does the same with `count` clients side by side, each in its own thread with its number.
    pub fn together<T: Send>(
        &self,
        count: usize,
        act: impl Fn(Client, usize) -> T + Sync,
    ) -> Vec<T> {
        thread::scope(|scope| {
            let act = &act;
            let all: Vec<_> = (0..count)
                .map(|number| {
                    let builder = thread::Builder::new().stack_size(512 << 10);
                    let run = move || act(self.client(), number);
                    builder.spawn_scoped(scope, run).expect("a thread")
                })
                .collect();
            all.into_iter()
                .map(|one| {
                    one.join()
                        .unwrap_or_else(|why| std::panic::resume_unwind(why))
                })
                .collect()
        })
    }
}

/// Runs `script` on a fresh stage for each number of shards, with the default setup.
#[track_caller]
pub fn check_on(shards: &[usize], script: impl Fn(&Stage)) {
    check_with(shards, &Setup::new(), script);
}

/// Runs `script` on a fresh stage of `setup` for each number of shards.
///
/// After the script the server must still run, must end with exit code 0 on SIGTERM, and must not
/// have panicked.
#[track_caller]
pub fn check_with(shards: &[usize], setup: &Setup, script: impl Fn(&Stage)) {
    check_restarting(shards, setup, |stage| script(stage));
}

/// The same for a script that stops, kills and starts the server.
#[track_caller]
pub fn check_restarting(shards: &[usize], setup: &Setup, script: impl Fn(&mut Stage)) {
    for count in shards {
        let told = OnPanic(*count);
        let mut stage = Stage::new(*count, setup);
        script(&mut stage);
        assert!(
            stage.ringside.is_running(),
            "ringside ended within the script"
        );
        let status = stage.ringside.stop();
        let stderr = stage.ringside.stderr_text();
        assert!(status.success(), "ringside ended with {status}:\n{stderr}");
        assert!(!stderr.contains("panicked"), "ringside panicked:\n{stderr}");
        drop(told);
    }
}

/// Says with how many shards a script failed.
struct OnPanic(usize);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the script failed with {} shard(s)", self.0);
        }
    }
}

/// `bytes` bytes without a period, different for each `seed`: a lost, doubled or swapped piece shows.
pub fn pattern(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(bytes);
    out
}
