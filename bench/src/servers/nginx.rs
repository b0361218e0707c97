//! nginx: one worker, sendfile, open files kept, connections to the origin kept.
//!
//! Follows nginx's own pages on `proxy_cache_path`, `upstream` (keepalive, HTTP/1.1 and an empty
//! Connection field), and "Serving static content" (sendfile, tcp_nodelay). The cache is in memory
//! where the scratch directory is, else in the page cache.
//!
//! `tcp_nopush` is the case's choice, since a rival must not be measured at its worst. For an answer
//! of one packet it saves a tenth. For larger ones over loopback, with its segments of 64 KiB, it
//! makes the last part wait for an acknowledgement that the client delays (40 ms), and each request
//! costs twice as much.

use super::{Absent, Server, Stage};
use crate::fault::Result;
use crate::process::{free_port, Running};
use crate::sys;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program, or the note that it is missing.
///
/// # Errors
/// It isn't installed.
pub(crate) fn installed() -> std::result::Result<PathBuf, Absent> {
    super::installed("nginx", "nginx", "nginx")
}

/// Starts an nginx with these blocks inside `http { }`; it listens when its ports answer.
///
/// # Errors
/// It can't be started.
pub(crate) fn start(
    stage: &Stage,
    nginx: &Path,
    name: &str,
    http: &str,
    server: &str,
    connections: usize,
    core: usize,
) -> Result<Running> {
    let home = stage.scratch.directory(&format!("{name}-home"))?;
    let home = home.display();
    // As root its worker would become a user that may not enter our directory.
    let user = if sys::is_root() { "user root;" } else { "" };
    let text = format!(
        "daemon off;
        {user}
        worker_processes 1;
        worker_rlimit_nofile {descriptors};
        pid {home}/pid;
        error_log {home}/error.log warn;
        events {{ worker_connections {connections}; }}
        http {{
            access_log off;
            sendfile on;
            tcp_nodelay on;
            open_file_cache max=10000 inactive=1h;
            open_file_cache_valid 1h;
            keepalive_timeout 1h;
            keepalive_requests 1000000000;
            client_body_temp_path {home}/body;
            proxy_temp_path {home}/proxy;
            fastcgi_temp_path {home}/fastcgi;
            uwsgi_temp_path {home}/uwsgi;
            scgi_temp_path {home}/scgi;
            {http}
            {server}
        }}\n",
        descriptors = stage.descriptors,
    );
    let file = stage.scratch.write(&format!("{name}.conf"), text)?;
    let mut command = Command::new(nginx);
    command
        .arg("-e")
        .arg(stage.scratch.path(&format!("{name}-start.log")));
    command.arg("-c").arg(file);
    Running::start(name, command, &[core], &stage.scratch)
}

/// Whether answers wait until a packet is full or the answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nopush {
    /// For answers of one packet.
    On,
    /// For larger ones.
    Off,
}

fn proxy(
    stage: &Stage,
    origin: u16,
    caching: bool,
    connections: usize,
    nopush: Nopush,
) -> Result<Server> {
    let nginx = installed().map_err(|absent| absent.fault())?;
    let port = free_port()?;
    let (path, cache) = match caching {
        true => {
            let path = stage.scratch.path(&format!("nginx-cache-{port}"));
            let path = path.display();
            let zone = "levels=1:2 keys_zone=all:64m max_size=4g inactive=1h use_temp_path=off";
            (
                format!("proxy_cache_path {path} {zone};"),
                "proxy_cache all;",
            )
        }
        false => (String::new(), ""),
    };
    let http = format!(
        "{path}
        upstream origin {{
            server 127.0.0.1:{origin};
            keepalive 256;
            keepalive_requests 1000000000;
            keepalive_timeout 1h;
        }}"
    );
    let nopush = if nopush == Nopush::On { "on" } else { "off" };
    let server = format!(
        "server {{
            listen 127.0.0.1:{port} backlog=4096;
            tcp_nopush {nopush};
            location / {{
                proxy_pass http://origin;
                proxy_http_version 1.1;
                proxy_set_header Connection \"\";
                {cache}
            }}
        }}"
    );
    let name = format!("nginx-{port}");
    let mut running = start(
        stage,
        &nginx,
        &name,
        &http,
        &server,
        connections,
        stage.server_core,
    )?;
    running.wait_for_port(port)?;
    Ok(Server {
        name: "nginx",
        version: super::version(&nginx, "-v"),
        port,
        running,
    })
}

/// nginx as a cache, for this many connections.
///
/// # Errors
/// It isn't installed, or does not start.
pub(crate) fn cache(
    stage: &Stage,
    origin: u16,
    connections: usize,
    nopush: Nopush,
) -> Result<Server> {
    proxy(stage, origin, true, connections, nopush)
}

/// nginx as a proxy that does not cache.
///
/// # Errors
/// It isn't installed, or does not start.
pub(crate) fn pass(stage: &Stage, origin: u16) -> Result<Server> {
    proxy(stage, origin, false, 16_384, Nopush::On)
}

/// What differs between the disk cases.
pub(crate) struct OnDisk<'s> {
    /// The name of its row.
    pub(crate) name: &'static str,
    /// The cache's directory, or that of the files.
    pub(crate) directory: &'s Path,
    /// More directives of the location or server.
    pub(crate) directives: &'s str,
    /// Whether it has a cache before the origin, or serves files.
    pub(crate) kind: Kind<'s>,
}

/// A cache or files.
pub(crate) enum Kind<'s> {
    /// The origin's port, the bytes of the whole cache, the keys it has room for, and more
    /// parameters of `proxy_cache_path`.
    Cache(u16, u64, u64, &'s str),
    /// Files below the directory, which are the paths asked for.
    Files,
}

/// nginx as a cache on a disk, or as a server of files there.
///
/// Without its cache of open files: most objects are asked for too seldom for it, and it would hold
/// the blocks of what the cache has given up. A file that its cache reads always goes through the
/// page cache: `directio` is for files it serves as such (`ngx_http_file_cache_open` opens with it
/// off), so only those can be compared with reads that go around it.
///
/// # Errors
/// It isn't installed, or does not start.
pub(crate) fn on_disk(stage: &Stage, setting: &OnDisk<'_>) -> Result<Server> {
    /// Its manual: a megabyte of the zone holds 8000 keys.
    const KEYS_PER_MIB: u64 = 8000;
    let nginx = installed().map_err(|absent| absent.fault())?;
    let port = free_port()?;
    let (directory, directives) = (setting.directory.display(), setting.directives);
    let (http, location) = match setting.kind {
        Kind::Cache(origin, bytes, keys, more) => {
            let zone_mib = 16 + keys.div_ceil(KEYS_PER_MIB) * 5 / 4;
            let http = format!(
                "proxy_cache_path {directory} levels=1:2 keys_zone=all:{zone_mib}m
                    max_size={bytes} inactive=1d use_temp_path=off {more};
                upstream origin {{
                    server 127.0.0.1:{origin};
                    keepalive 256;
                    keepalive_requests 1000000000;
                    keepalive_timeout 1h;
                }}"
            );
            let location = "proxy_pass http://origin;
                proxy_http_version 1.1;
                proxy_set_header Connection \"\";
                proxy_cache all;";
            (http, location)
        }
        Kind::Files => (String::new(), ""),
    };
    let server = format!(
        "server {{
            listen 127.0.0.1:{port} backlog=4096;
            root {directory};
            open_file_cache off;
            {directives}
            location / {{ {location} }}
        }}"
    );
    let name = format!("nginx-{port}");
    let core = stage.server_core;
    let mut running = start(stage, &nginx, &name, &http, &server, 4096, core)?;
    running.wait_for_port(port)?;
    Ok(Server {
        name: setting.name,
        version: super::version(&nginx, "-v"),
        port,
        running,
    })
}
