//! Traffic Server: one thread for the network, its cache in a file of its own.
//!
//! Follows its administrator's guide: `storage.config` with a directory and a size, a map of
//! everything to the origin, `exec_thread` set by hand since it counts all cores else. Its log and
//! its manager process are off. Nothing outside our directory is read but its programs and modules.

use super::squid::give;
use super::{Absent, Server, Stage};
use crate::fault::Result;
use crate::process::{free_port, program, Running};
use crate::sys;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program, or the note that it is missing.
///
/// # Errors
/// It isn't installed.
pub(crate) fn installed() -> std::result::Result<PathBuf, Absent> {
    super::installed("ATS", "traffic_server", "trafficserver")
}

const MODULES: &str = "/usr/lib/trafficserver";

/// Traffic Server with a cache of so many MiB in memory and on disk, in `directory`.
///
/// # Errors
/// It isn't installed, or does not start.
pub(crate) fn cache(
    stage: &Stage,
    origin: u16,
    directory: &Path,
    memory_mib: u64,
    disk_mib: u64,
) -> Result<Server> {
    let traffic_server = installed().map_err(|absent| absent.fault())?;
    let port = free_port()?;
    let home = directory.display();
    for name in ["etc", "run", "log", "cache", "share"] {
        std::fs::create_dir_all(directory.join(name))?;
        if sys::is_root() {
            give(&directory.join(name), "trafficserver")?;
        }
    }
    let records = format!(
        "CONFIG proxy.config.http.server_ports STRING {port}:ip-in=127.0.0.1
CONFIG proxy.config.admin.user_id STRING trafficserver
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 1
CONFIG proxy.config.exec_thread.affinity INT 0
CONFIG proxy.config.accept_threads INT 0
CONFIG proxy.config.task_threads INT 1
CONFIG proxy.config.cache.threads_per_disk INT 8
CONFIG proxy.config.cache.ram_cache.size INT {memory}
CONFIG proxy.config.cache.ram_cache_cutoff INT 4194304
CONFIG proxy.config.cache.min_average_object_size INT 8000
CONFIG proxy.config.http.cache.http INT 1
CONFIG proxy.config.http.cache.required_headers INT 2
CONFIG proxy.config.http.wait_for_cache INT 2
CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT 3600
CONFIG proxy.config.http.keep_alive_no_activity_timeout_out INT 3600
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.url_remap.remap_required INT 1
CONFIG proxy.config.reverse_proxy.enabled INT 1
CONFIG proxy.config.diags.debug.enabled INT 0
CONFIG proxy.config.output.logfile STRING traffic.out
",
        memory = memory_mib << 20,
    );
    let files = [
        ("records.config", records),
        ("storage.config", format!("{home}/cache {disk_mib}M\n")),
        ("remap.config", format!("map / http://127.0.0.1:{origin}/\n")),
        ("plugin.config", String::new()),
        (
            "ip_allow.yaml",
            "ip_allow:\n  - apply: in\n    ip_addrs: 127.0.0.1\n    action: allow\n    methods: ALL\n"
                .to_owned(),
        ),
    ];
    for (name, text) in files {
        std::fs::write(directory.join("etc").join(name), text)?;
    }
    let programs = program("traffic_server").unwrap_or_default();
    let programs = programs.parent().unwrap_or(Path::new("/usr/bin")).display();
    let root = format!(
        "prefix: {home}\nexec_prefix: {home}\nbindir: {programs}\nsbindir: {programs}\n\
         sysconfdir: {home}/etc\ndatadir: {home}/share\nincludedir: {home}/share\n\
         libdir: {MODULES}\nlibexecdir: {MODULES}/modules\nlocalstatedir: {home}/run\n\
         runtimedir: {home}/run\nlogdir: {home}/log\nmandir: {home}/share\n\
         infodir: {home}/share\ncachedir: {home}/cache\n"
    );
    let root_file = directory.join("runroot.yaml");
    std::fs::write(&root_file, root)?;
    let mut command = Command::new(&traffic_server);
    command.arg(format!("--run-root={}", root_file.display()));
    let name = format!("trafficserver-{port}");
    let mut running = Running::start(&name, command, &[stage.server_core], &stage.scratch)?;
    running.wait_for_port(port)?;
    Ok(Server {
        name: "ATS",
        version: super::version(&traffic_server, "-V"),
        port,
        running,
    })
}
