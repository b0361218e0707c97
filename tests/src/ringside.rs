//! The server under test while it runs: started on free ports, watched, stopped with its test.

use crate::ask::Ask;
use crate::client::Client;
use crate::command::{binary, Scratch};
use crate::metrics::{parse_metrics, Sample};
use crate::sys;
use crate::wait::{Deadline, PATIENCE};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Lines a running server wrote so far.
#[derive(Clone, Default)]
struct Lines(Arc<(Mutex<Pages>, Condvar)>);

#[derive(Default)]
struct Pages {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn follow(pipe: impl Read + Send + 'static) -> Self {
        let lines = Lines::default();
        let shared = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                shared.0 .0.lock().expect("lines").lines.push(line);
                shared.0 .1.notify_all();
            }
            shared.0 .0.lock().expect("lines").ended = true;
            shared.0 .1.notify_all();
        });
        lines
    }

    fn all(&self) -> Vec<String> {
        self.0 .0.lock().expect("lines").lines.clone()
    }

    /// Waits for a line that `wanted` accepts; `None` when the text ends or time runs out before.
    fn wait_for(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let pages = self.0 .0.lock().expect("lines");
        let found = |pages: &Pages| pages.lines.iter().find(|line| wanted(line)).cloned();
        let wait = self.0 .1.wait_timeout_while(pages, PATIENCE, |pages| {
            found(pages).is_none() && !pages.ended
        });
        found(&wait.expect("lines").0)
    }
}

/// A running server.
pub struct Ringside {
    arguments: Vec<String>,
    child: Child,
    ports: Vec<u16>,
    admin: Option<u16>,
    stdout: Lines,
    stderr: Lines,
    /// What earlier processes wrote to standard error, when it was started again.
    past: Vec<String>,
    status: Option<ExitStatus>,
    scratch: Scratch,
}

impl Ringside {
    /// Starts with this configuration (its listeners at port 0) and waits until it is ready.
    /// `SCRATCH` in the text stands for a directory of this server's own.
    #[track_caller]
    pub fn start(config: &str) -> Self {
        let scratch = Scratch::new();
        let path = write_config(&scratch, config);
        let mut ringside = Self::launch(&["run", "--config", &path], scratch, READY);
        ringside.read_ports();
        ringside
    }

    /// Starts it again after it has ended, with the same directory and, unless `config` is another,
    /// the same configuration; waits until it is ready. Its ports are others.
    #[track_caller]
    pub fn start_again(&mut self, config: Option<&str>) {
        let ready = self.try_start_again(config);
        assert!(ready, "ringside did not get ready again");
    }

    /// The same, where it may refuse to start; true when it is ready.
    #[track_caller]
    pub fn try_start_again(&mut self, config: Option<&str>) -> bool {
        assert!(self.status.is_some(), "it has not ended");
        if let Some(config) = config {
            write_config(&self.scratch, config);
        }
        self.past.extend(self.stderr.all());
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        (self.child, self.stdout, self.stderr) = spawn(&arguments);
        self.status = None;
        let line = self.stdout.wait_for(|line| line.starts_with(READY));
        if line.is_none() {
            self.wait_for_exit();
            return false;
        }
        self.read_ports();
        true
    }

    /// The ports it has told.
    #[track_caller]
    fn read_ports(&mut self) {
        self.ports.clear();
        for line in self.stdout.all() {
            if let Some(port) = port_after(&line, "ringside: listening on ") {
                self.ports.push(port);
            } else if let Some(port) = port_after(&line, "ringside: admin on ") {
                self.admin = Some(port);
            }
        }
        assert!(!self.ports.is_empty(), "ringside told no listener");
    }

    /// Starts what runs without a configuration: the demo, on a free port.
    #[track_caller]
    pub fn demo() -> Self {
        let arguments = ["demo", "--listen", "127.0.0.1:0"];
        let mut ringside = Self::launch(&arguments, Scratch::new(), "Ctrl-C ends it");
        for line in ringside.stdout.all() {
            let port = port_after(line.trim_start(), "clients    http://");
            ringside.ports.extend(port);
        }
        assert!(
            !ringside.ports.is_empty(),
            "the demo told no address for clients"
        );
        ringside
    }

    /// Starts the binary and waits for the line that begins with `ready`.
    #[track_caller]
    fn launch(arguments: &[&str], scratch: Scratch, ready: &str) -> Self {
        let (child, stdout, stderr) = spawn(arguments);
        let ringside = Ringside {
            arguments: arguments.iter().map(ToString::to_string).collect(),
            child,
            ports: Vec::new(),
            admin: None,
            stdout,
            stderr,
            past: Vec::new(),
            status: None,
            scratch,
        };
        let line = ringside.stdout.wait_for(|line| line.starts_with(ready));
        assert!(line.is_some(), "ringside {arguments:?} did not get ready");
        ringside
    }

    /// The first listener's port.
    pub fn port(&self) -> u16 {
        self.ports[0]
    }

    /// The admin listener's port.
    #[track_caller]
    pub fn admin(&self) -> u16 {
        self.admin.expect("an admin listener")
    }

    /// A new connection to the first listener.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.port())
    }

    /// A file in this server's own directory, `SCRATCH` in its configuration.
    pub fn scratch_file(&self, name: &str) -> PathBuf {
        self.scratch.0.join(name)
    }

    /// The lines on standard output so far.
    pub fn stdout_lines(&self) -> Vec<String> {
        self.stdout.all()
    }

    /// Waits for a line on standard output that `wanted` accepts.
    #[track_caller]
    pub fn wait_for_line(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let line = self.stdout.wait_for(wanted);
        line.unwrap_or_else(|| panic!("no line {what} in {:#?}", self.stdout.all()))
    }

    /// What it wrote to standard error so far, before it was started again too.
    pub fn stderr_text(&self) -> String {
        [self.past.clone(), self.stderr.all()].concat().join("\n")
    }

    /// Sends a signal (`libc::SIGTERM`).
    pub fn signal(&self, signal: i32) {
        assert!(self.status.is_none(), "it has ended already");
        sys::send_signal(self.child.id(), signal);
    }

    /// Waits until the process has ended.
    #[track_caller]
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let status = &mut self.status;
        crate::wait::wait_until("ringside to end", || {
            if status.is_none() {
                *status = child.try_wait().expect("a child can be waited for");
            }
            status.is_some()
        });
        self.status.expect("just waited for")
    }

    /// Is the process still there?
    pub fn is_running(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("a child can be waited for");
        }
        self.status.is_none()
    }

    /// SIGTERM, and how it ended.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        if self.is_running() {
            self.signal(libc::SIGTERM);
        }
        self.wait_for_exit()
    }

    /// SIGKILL: it gets to do nothing more. Returns when it is gone.
    #[track_caller]
    pub fn kill(&mut self) {
        assert!(self.is_running(), "it has ended already");
        self.signal(libc::SIGKILL);
        self.wait_for_exit();
    }

    /// From now on writes to any file fail beyond this many bytes from its start; `None` takes the
    /// bound away.
    pub fn limit_files(&self, bytes: Option<u64>) {
        sys::limit_files(self.child.id(), bytes.unwrap_or(libc::RLIM_INFINITY));
    }

    /// Its resident memory in bytes (VmRSS).
    pub fn rss_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("the process lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
        let kib: u64 = kib.expect("VmRSS").trim().parse().expect("a number");
        kib << 10
    }

    /// The text of `/metrics`.
    #[track_caller]
    pub fn metrics(&self) -> String {
        let mut client = Client::connect(self.admin());
        client.get("/metrics").expect(200).text()
    }

    /// The sum of the samples named `name` that have all of `labels`; 0 when there are none.
    #[track_caller]
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let samples = parse_metrics(&self.metrics()).expect("Prometheus text");
        let wanted = |sample: &&Sample| sample.name == name && sample.has(labels);
        samples
            .iter()
            .filter(wanted)
            .map(|sample| sample.value)
            .sum()
    }

    /// Purges `url` and waits for the answer.
    #[track_caller]
    pub fn purge(&self, url: &str) -> crate::Reply {
        let target = format!("/purge?url={}", crate::receipt::encoded(url));
        Client::connect(self.admin()).ask(&Ask::post(&target, ""))
    }
}

/// The start of the line that says it serves.
const READY: &str = "ringside: ready";

/// Writes the configuration into the server's own directory; gives the path.
#[track_caller]
fn write_config(scratch: &Scratch, config: &str) -> String {
    let path = scratch.0.join("ringside.toml");
    let config = config.replace("SCRATCH", &scratch.0.display().to_string());
    std::fs::write(&path, config).expect("the config is written");
    path.display().to_string()
}

/// Starts the binary; what it writes is followed.
#[track_caller]
fn spawn(arguments: &[&str]) -> (Child, Lines, Lines) {
    // The server inherits it: there, too, a bound on files is to be an error and no end.
    sys::ignore_file_limits();
    let mut child = std::process::Command::new(binary())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ringside starts");
    let stdout = Lines::follow(child.stdout.take().expect("piped"));
    let stderr = Lines::follow(child.stderr.take().expect("piped"));
    (child, stdout, stderr)
}

/// The port of the address that follows `start` at the beginning of a line.
fn port_after(line: &str, start: &str) -> Option<u16> {
    let address = line.strip_prefix(start)?.split_whitespace().next()?;
    address
        .trim_end_matches('/')
        .rsplit(':')
        .next()?
        .parse()
        .ok()
}

impl Drop for Ringside {
    fn drop(&mut self) {
        // What it has on disk is to be seen as it was.
        let keeps = thread::panicking() && std::env::var_os("RINGSIDE_KEEP").is_some();
        if self.is_running() && !keeps {
            self.signal(libc::SIGTERM);
            let deadline = Deadline::after(std::time::Duration::from_secs(5));
            while self.is_running() && !deadline.is_past() {
                thread::sleep(std::time::Duration::from_millis(2));
            }
        }
        if self.is_running() {
            // Ours, and not reaped yet.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if thread::panicking() {
            eprintln!("standard error of ringside:\n{}", self.stderr_text());
        }
    }
}
