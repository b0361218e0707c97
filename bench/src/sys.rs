//! The few things the harness asks of the kernel that std has no word for.
//!
//! All `unsafe` of this crate is here. Each function is one system call or two; none of them
//! knows what is being measured.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// The cores this process may run on, in rising order.
///
/// # Errors
/// The kernel's.
pub(crate) fn cores() -> io::Result<Vec<usize>> {
    let mut set = no_cores();
    // SAFETY: the pointer and the size describe `set`, which the kernel fills.
    let result = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let most = usize::try_from(libc::CPU_SETSIZE).unwrap_or(0);
    // SAFETY: the index is below CPU_SETSIZE, the number of bits in the set.
    Ok((0..most)
        .filter(|core| unsafe { libc::CPU_ISSET(*core, &set) })
        .collect())
}

/// Moves the calling thread to these cores.
///
/// # Errors
/// None of them exists, or all are forbidden to us.
pub(crate) fn pin(cores: &[usize]) -> io::Result<()> {
    let set = core_set(cores);
    // SAFETY: the pointer and the size describe `set`; 0 is the calling thread.
    match unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Makes `command` start on these cores, in a process group of its own (so that Ctrl-C comes to
/// us alone, and we end it in order), and ended by the kernel when this process dies first.
pub(crate) fn confine(command: &mut Command, cores: &[usize]) {
    let set = core_set(cores);
    let parent = std::process::id();
    command.process_group(0);
    // SAFETY: between fork and exec only async-signal-safe calls are made, on captured plain
    // values; nothing allocates or locks. SIGTERM rather than SIGKILL, since masters such as
    // nginx's must live to end their workers.
    unsafe {
        command.pre_exec(move || {
            if libc::sched_setaffinity(0, size_of_val(&set), &raw const set) != 0
                || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) != 0
            {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before the call above.
            if libc::getppid().unsigned_abs() != parent {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Ok(())
        });
    }
}

/// CPU time of a process, of all its threads that live or lived, to the nanosecond.
///
/// The clock of the kernel's scheduler; utime and stime of /proc are the same sum, rounded to
/// ticks of 10 ms.
///
/// # Errors
/// The process is gone.
pub(crate) fn cpu_time(pid: u32) -> io::Result<Duration> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: `clock` is a live clockid_t for the call to write.
    let result = unsafe { libc::clock_getcpuclockid(id(pid), &raw mut clock) };
    if result != 0 {
        return Err(io::Error::from_raw_os_error(result));
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a live timespec for the call to write.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Ok(Duration::new(
        seconds,
        u32::try_from(time.tv_nsec).unwrap_or(0),
    ))
}

/// What the host has kept from this machine's processors since it started, and all their time, in
/// ticks. Nothing where the kernel does not say.
pub(crate) fn stolen_ticks() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let all = stat.lines().next().unwrap_or_default().split_whitespace();
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
    let ticks: Vec<u64> = all.skip(1).take(8).flat_map(str::parse).collect();
    (ticks.get(7).copied().unwrap_or(0), ticks.iter().sum())
}

/// Sends `signal` to a child that was not waited for yet, so that its id is still its own.
pub(crate) fn signal(pid: u32, signal: i32) {
    // SAFETY: kill takes two integers and touches no memory.
    unsafe { libc::kill(id(pid), signal) };
}

/// Whether a child has ended, without reaping it: until it is waited for its id, and that of its
/// group, stay its own.
pub(crate) fn has_ended(pid: u32) -> bool {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: all zeros is a valid siginfo_t, and the call writes to it; with WNOHANG the pid in it
    // stays 0 when the child still runs.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_PID, pid, &raw mut info, flags) != 0 || info.si_pid() != 0
    }
}

/// Sends `signal` to the process group that such a child leads.
pub(crate) fn signal_group(pid: u32, signal: i32) {
    // SAFETY: kill takes two integers and touches no memory.
    unsafe { libc::kill(-id(pid), signal) };
}

/// Raises the bound on open descriptors as far as it goes; returns it.
pub(crate) fn raise_descriptors() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a live rlimit for the kernel to write.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return 256;
    }
    let most = libc::rlimit {
        rlim_cur: limit.rlim_max,
        rlim_max: limit.rlim_max,
    };
    // SAFETY: `most` is a live rlimit for the kernel to read.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const most) } {
        0 => most.rlim_cur,
        _ => limit.rlim_cur,
    }
}

/// Whether this process is root: servers then change to a user that can't read our files, unless
/// they are told not to.
pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid touches no memory and can't fail.
    unsafe { libc::geteuid() == 0 }
}

/// Writes what the file system of `file` holds in memory to its disk.
///
/// # Errors
/// The kernel's.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `file` is borrowed.
    match unsafe { libc::syncfs(file.as_raw_fd()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Asks the kernel to forget the pages of a file that it holds in memory.
///
/// # Errors
/// The kernel's.
pub(crate) fn forget_pages(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `file` is borrowed; a length of 0 means to its
    // end, and no memory of ours is touched.
    match unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Has the calling thread run before all others of its core, so that what it measures is not its own
/// waiting; false when that is not permitted.
pub(crate) fn prefer_this_thread() -> bool {
    let order = libc::sched_param { sched_priority: 1 };
    // SAFETY: the pointer is to a live sched_param that the kernel reads; 0 is the calling thread.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const order) == 0 }
}

fn id(pid: u32) -> libc::pid_t {
    // Linux hands out ids below 2^22; 0 or a negative one would mean a whole group.
    libc::pid_t::try_from(pid).unwrap_or(libc::pid_t::MAX)
}

fn no_cores() -> libc::cpu_set_t {
    // SAFETY: cpu_set_t is an array of integers, for which all zeros is the empty set.
    unsafe { std::mem::zeroed() }
}

fn core_set(cores: &[usize]) -> libc::cpu_set_t {
    let mut set = no_cores();
    for core in cores.iter().filter(|core| **core < 1024) {
        // SAFETY: the index is below CPU_SETSIZE (1024), the number of bits in the set.
        unsafe { libc::CPU_SET(*core, &mut set) };
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn cpu_time_grows_with_work_and_not_with_sleep() {
        let own = std::process::id();
        let before = cpu_time(own).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(30) {
            std::hint::spin_loop();
        }
        let used = cpu_time(own).unwrap() - before;
        assert!(used > Duration::from_micros(100), "{used:?}");
        assert!(
            cpu_time(4_194_304).is_err(),
            "there is no process above pid_max"
        );
    }

    #[test]
    fn a_confined_child_runs_where_it_was_put() {
        let core = *cores().unwrap().last().unwrap();
        let mut command = Command::new("grep");
        confine(
            command.args(["Cpus_allowed_list", "/proc/self/status"]),
            &[core],
        );
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert_eq!(
            text.split_whitespace().last(),
            Some(core.to_string().as_str())
        );
    }
}
