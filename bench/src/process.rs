//! A server or client process that is watched: started on its cores, its CPU time and memory read
//! from the kernel with those of its children, ended with its guard.
//!
//! | phase | who ends it |
//! |---|---|
//! | running | [`Running`]'s drop: SIGTERM, a few seconds of grace, SIGKILL to what is left of its group |
//! | we return early, panic or get Ctrl-C | the same, by unwinding |
//! | we are killed | the kernel: SIGTERM when this process dies |

use crate::fault::{fault, wait_for, Fault, Result};
use crate::scratch::Scratch;
use crate::sys;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to start; one with a disk writes it once before.
const START: Duration = Duration::from_secs(120);
/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// CPU time used by a process and its children.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cpu {
    /// By process: total time, and ticks in user and kernel mode for the share of the two.
    by_pid: HashMap<u32, (Duration, u64, u64)>,
}

/// CPU time between two readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Used {
    /// Seconds of CPU.
    pub(crate) seconds: f64,
    /// The part of it that was not in the kernel, 0 to 1; sampled by the kernel's tick.
    pub(crate) user_share: f64,
}

impl Cpu {
    /// What was used since `before`. A process that ended in between is left out.
    pub(crate) fn since(&self, before: &Cpu) -> Used {
        let (mut seconds, mut user, mut system) = (0.0, 0, 0);
        for (pid, now) in &self.by_pid {
            let then = before.by_pid.get(pid).copied().unwrap_or_default();
            seconds += now.0.saturating_sub(then.0).as_secs_f64();
            user += now.1.saturating_sub(then.1);
            system += now.2.saturating_sub(then.2);
        }
        let ticks = (user + system).max(1);
        Used {
            seconds,
            user_share: user as f64 / ticks as f64,
        }
    }
}

/// A process of ours.
pub(crate) struct Running {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Running {
    /// Starts `command` on `cores`; what it prints goes to a file.
    ///
    /// # Errors
    /// It can't be started.
    pub(crate) fn start(
        name: &str,
        mut command: Command,
        cores: &[usize],
        scratch: &Scratch,
    ) -> Result<Running> {
        let log = scratch.path(&format!("{name}.out"));
        let out = std::fs::File::create(&log)?;
        command
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out);
        sys::confine(&mut command, cores);
        let child = command
            .spawn()
            .map_err(|error| Fault(format!("{name}: {error}")))?;
        Ok(Running {
            child,
            name: name.to_owned(),
            log,
        })
    }

    /// What it printed so far.
    pub(crate) fn output(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until it listens on `port` of loopback.
    ///
    /// # Errors
    /// It ended, or took too long.
    pub(crate) fn wait_for_port(&mut self, port: u16) -> Result<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        self.wait(|_| Ok(TcpStream::connect(address).ok().map(drop)))
    }

    /// Waits until it has printed a line that begins with `start`; gives the rest of that line.
    ///
    /// # Errors
    /// It ended, or took too long.
    pub(crate) fn wait_for_line(&mut self, start: &str) -> Result<String> {
        self.wait(|running| {
            let output = running.output();
            // Only whole lines: the last one may still be on its way.
            let whole = output.rfind('\n').map_or("", |end| &output[..end]);
            let mut lines = whole.lines();
            Ok(lines
                .find_map(|line| line.strip_prefix(start))
                .map(str::to_owned))
        })
    }

    fn wait<T>(&mut self, mut done: impl FnMut(&Running) -> Result<Option<T>>) -> Result<T> {
        let name = self.name.clone();
        wait_for(&format!("{name} to start"), START, || {
            if let Some(status) = self.child.try_wait()? {
                let said = self.output();
                return fault(format!(
                    "{name} ended with {status} and said:\n{}",
                    said.trim_end()
                ));
            }
            done(self)
        })
    }

    /// Waits for its end by itself; gives what it printed.
    ///
    /// # Errors
    /// It failed, or took longer than `patience`.
    pub(crate) fn finish(mut self, patience: Duration) -> Result<String> {
        let name = self.name.clone();
        let status = wait_for(&name, patience, || Ok(self.child.try_wait()?))?;
        match status.success() {
            true => Ok(self.output()),
            false => fault(format!(
                "{name} ended with {status}: {}",
                self.output().trim_end()
            )),
        }
    }

    /// Ends it and all of its group at once, as a crash would: SIGKILL.
    pub(crate) fn kill(mut self) {
        sys::signal_group(self.child.id(), libc::SIGKILL);
        let _ = self.child.wait();
    }

    /// Asks it to end, and waits for it; gives how long that took.
    ///
    /// # Errors
    /// It took longer than `patience`, and was killed then.
    pub(crate) fn stop(self, patience: Duration) -> Result<Duration> {
        let start = Instant::now();
        sys::signal(self.child.id(), libc::SIGTERM);
        let name = format!("{} to end", self.name);
        let pid = self.child.id();
        wait_for(&name, patience, || Ok(sys::has_ended(pid).then_some(())))?;
        Ok(start.elapsed())
    }

    /// The process and all its descendants.
    fn family(&self) -> Vec<u32> {
        let parents = parents();
        let mut family = vec![self.child.id()];
        let mut looked_at = 0;
        while let Some(parent) = family.get(looked_at).copied() {
            family.extend(
                parents
                    .iter()
                    .filter(|pair| pair.1 == parent)
                    .map(|pair| pair.0),
            );
            looked_at += 1;
        }
        family
    }

    /// CPU time used so far by the process and its descendants.
    pub(crate) fn cpu(&self) -> Cpu {
        let read = |pid: u32| {
            let total = sys::cpu_time(pid).ok()?;
            let (user, system) = ticks(pid)?;
            Some((pid, (total, user, system)))
        };
        Cpu {
            by_pid: self.family().into_iter().filter_map(read).collect(),
        }
    }

    /// Resident memory of the process and its descendants, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.family().into_iter().filter_map(resident_bytes).sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let pid = self.child.id();
        let end = Instant::now() + GRACE;
        sys::signal(pid, libc::SIGTERM);
        while !sys::has_ended(pid) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(3));
        }
        // Not reaped yet, so the group is still ours: what a master left behind ends too.
        sys::signal_group(pid, libc::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Every process and its parent.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?.get(1)?.parse().ok()?)))
        .collect()
}

/// The words of /proc/PID/stat from the state on; the name before it may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// utime and stime, fields 14 and 15 of proc_pid_stat(5).
fn ticks(pid: u32) -> Option<(u64, u64)> {
    let words = stat(pid)?;
    Some((words.get(11)?.parse().ok()?, words.get(12)?.parse().ok()?))
}

fn resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// A port of loopback that was free a moment ago, for servers that can't choose one themselves.
///
/// # Errors
/// The kernel's.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Where a program is: on the path, or where distributions put servers.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/local/sbin", "/usr/sbin", "/usr/local/bin", "/usr/bin"].map(PathBuf::from);
    let mut places = std::env::split_paths(&path).chain(more);
    places.find_map(|place| Some(place.join(name)).filter(|path| path.is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, scratch: &Scratch) -> Running {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Running::start("shell", command, &sys::cores().unwrap(), scratch).unwrap()
    }

    #[test]
    fn a_process_and_its_children_end_with_the_guard() {
        let scratch = Scratch::new().unwrap();
        let mut running = shell("sleep 600 & echo child $!; wait", &scratch);
        let child: u32 = running
            .wait_for_line("child ")
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        assert!(running.family().contains(&child));
        assert!(running.resident_bytes() > 64 * 1024);
        let pid = running.child.id();
        drop(running);
        assert!(stat(pid).is_none(), "it was reaped");
        // Not ours to reap: it is gone, or dead until its new parent looks.
        wait_for("the child to end", Duration::from_secs(10), || {
            let state = stat(child).and_then(|words| words.into_iter().next());
            Ok(state.is_none_or(|state| state == "Z").then_some(()))
        })
        .unwrap();
    }

    #[test]
    fn cpu_of_children_counts_and_sleep_does_not() {
        let scratch = Scratch::new().unwrap();
        let script =
            "(i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done; echo done; sleep 600) & wait";
        let mut running = shell(script, &scratch);
        let before = Cpu::default();
        running.wait_for_line("done").unwrap();
        let used = running.cpu().since(&before);
        assert!(used.seconds > 0.003, "{used:?}");
        let rest = running.cpu().since(&running.cpu());
        assert!(rest.seconds < 0.02, "{rest:?}");
    }

    #[test]
    fn a_failed_start_tells_what_the_program_said() {
        let scratch = Scratch::new().unwrap();
        let mut running = shell("echo no such luck >&2; exit 3", &scratch);
        let text = running.wait_for_line("ready").unwrap_err().to_string();
        assert!(
            text.contains("no such luck") && text.contains('3'),
            "{text}"
        );
    }
}
