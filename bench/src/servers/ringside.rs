//! Ringside itself: the real binary, with a configuration as an operator would write it.

use super::{port_of, Server, Stage};
use crate::fault::{fault, Fault, Result};
use crate::http;
use crate::process::Running;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What differs between the cases.
pub(crate) struct Setting {
    /// Shards; the first on the server's core.
    pub(crate) shards: usize,
    /// The cores they are spread over.
    pub(crate) cores: Vec<usize>,
    /// Keys of siblings' objects a shard keeps handles to; 0 asks by letter every time.
    pub(crate) replicas: usize,
    /// The memory budget, MiB.
    pub(crate) memory_mib: u64,
    /// Client connections it may have.
    pub(crate) connections: usize,
    /// Its disk, if any.
    pub(crate) disk: Option<Disk>,
}

/// Where and how it keeps objects on disk.
#[derive(Clone)]
pub(crate) struct Disk {
    /// A directory.
    pub(crate) path: PathBuf,
    /// MiB it takes there.
    pub(crate) mib: u64,
    /// The route's `cache.disk`.
    pub(crate) rule: &'static str,
}

impl Setting {
    /// One shard on the server's core, room for everything.
    pub(crate) fn single(stage: &Stage) -> Setting {
        Setting {
            shards: 1,
            cores: vec![stage.server_core],
            replicas: 4096,
            memory_mib: 512,
            connections: 4096,
            disk: None,
        }
    }
}

/// A running Ringside and where its numbers are.
pub(crate) struct Ringside {
    /// The server as every other.
    pub(crate) server: Server,
    /// The admin listener's port.
    pub(crate) admin: u16,
}

impl Ringside {
    /// Starts it before `origin`.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start(stage: &Stage, origin: u16, setting: &Setting) -> Result<Ringside> {
        let mut text = format!(
            "[shards]\ncount = {}\nreplicas = {}\n\n[memory]\nsize = \"{}MiB\"\n\n\
             [[listen]]\naddress = \"127.0.0.1:0\"\n\n[admin]\naddress = \"127.0.0.1:0\"\n\n\
             [limits]\nconnections = {}\nidle = \"1h\"\n\n\
             [origins.bench]\nservers = [\"127.0.0.1:{origin}\"]\n",
            setting.shards, setting.replicas, setting.memory_mib, setting.connections,
        );
        if let Some(disk) = &setting.disk {
            let _ = write!(
                text,
                "\n[disk]\npath = \"{}\"\nsize = \"{}MiB\"\n\n[[sites]]\nhosts = [\"*\"]\n\n\
                 [[sites.routes]]\npath = \"/\"\norigin = \"bench\"\ncache.disk = \"{}\"\n",
                disk.path.display(),
                disk.mib,
                disk.rule,
            );
        }
        let name = format!("ringside-{}-{}", setting.shards, setting.connections);
        let file = stage.scratch.write(&format!("{name}.toml"), text)?;
        let Some(binary) = &stage.ringside else {
            return fault("left out by --without-ringside");
        };
        let mut command = Command::new(binary);
        command.arg("run").arg("--config").arg(file);
        let mut running = Running::start(&name, command, &setting.cores, &stage.scratch)?;
        let admin = port_of(&running.wait_for_line("ringside: admin on ")?)?;
        let port = port_of(&running.wait_for_line("ringside: listening on ")?)?;
        running.wait_for_line("ringside: ready")?;
        let version = super::version(binary, "--version");
        Ok(Ringside {
            server: Server {
                name: "Ringside",
                version,
                port,
                running,
            },
            admin,
        })
    }

    /// The text of /metrics.
    ///
    /// # Errors
    /// The admin listener does not answer.
    pub(crate) fn metrics(&self) -> Result<String> {
        let reply = http::get(self.admin, "/metrics")?;
        match reply.status {
            200 => Ok(String::from_utf8_lossy(&reply.body).into_owned()),
            _ => fault(format!("/metrics answers {}", reply.head)),
        }
    }
}

/// The binary to measure: the one named, or one built next to this program, with its profile.
///
/// # Errors
/// It does not exist, or does not build.
pub(crate) fn binary(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = named {
        return match path.is_file() {
            true => Ok(path.to_owned()),
            false => fault(format!("there is no {}", path.display())),
        };
    }
    let own = std::env::current_exe()?;
    let profile_dir = own.parent().unwrap_or(Path::new("."));
    let target_dir = profile_dir.parent().unwrap_or(Path::new("."));
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args([
        "build",
        "--quiet",
        "--package",
        "ringside-shards",
        "--bin",
        "ringside",
    ]);
    build
        .args(["--profile", profile, "--target-dir"])
        .arg(target_dir);
    let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    match status.map_err(|error| Fault(format!("cargo: {error}")))? {
        status if status.success() => Ok(profile_dir.join("ringside")),
        status => fault(format!(
            "building ringside ended with {status}; or name one: --ringside"
        )),
    }
}
