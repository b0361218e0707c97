//! What a process asks of its host once, at the start; and a thread, of its scheduler.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Raises the limit of descriptors towards `wanted`, as far as this process may; returns what it
/// may open now.
pub fn descriptors(wanted: u64) -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a plain system call that fills a local struct.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return u64::MAX;
    }
    if limit.rlim_cur >= wanted {
        return limit.rlim_cur;
    }
    // Above the hard limit only with the right to it; else up to the hard limit.
    let above = libc::rlimit {
        rlim_cur: wanted,
        rlim_max: limit.rlim_max.max(wanted),
    };
    let within = libc::rlimit {
        rlim_cur: wanted.min(limit.rlim_max),
        rlim_max: limit.rlim_max,
    };
    for new in [above, within] {
        // SAFETY: a plain system call that reads a local struct.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const new) } == 0 {
            return new.rlim_cur;
        }
    }
    limit.rlim_cur
}

/// How far a background thread steps back. Its weight is then about a ninth of a shard's: enough
/// to get ahead on a core that is busy without end, too little to be felt there.
const BACKGROUND_NICE: libc::c_int = 10;

/// Lets the calling thread, and those that it starts later, give way to all others: for the
/// processor and, where the device's scheduler looks at it, for the disk.
///
/// # Errors
/// The kernel's; the thread then runs on as it did.
pub fn lower_priority() -> io::Result<()> {
    // From the kernel's ioprio.h: the class "best effort" and the last of its eight levels.
    const WHO_PROCESS: libc::c_int = 1;
    const BEST_EFFORT_LAST: libc::c_int = (2 << 13) | 7;
    // SAFETY: plain system calls on the calling thread (0), without pointers.
    let (nice, disk) = unsafe {
        (
            libc::setpriority(libc::PRIO_PROCESS, 0, BACKGROUND_NICE),
            libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, BEST_EFFORT_LAST),
        )
    };
    match nice == 0 && disk == 0 {
        true => Ok(()),
        false => Err(io::Error::last_os_error()),
    }
}

/// Two random words from the kernel.
///
/// # Errors
/// The kernel's.
pub fn random() -> io::Result<[u64; 2]> {
    let mut words = [0_u64; 2];
    // SAFETY: the pointer and length are those of `words`.
    let got = unsafe { libc::getrandom(words.as_mut_ptr().cast(), size_of_val(&words), 0) };
    if usize::try_from(got) == Ok(size_of_val(&words)) {
        Ok(words)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Takes a file or device for whoever holds `file`, until that is closed; never waits. `false`:
/// somebody else has it.
///
/// # Errors
/// The kernel's, where the file system has no locks.
pub fn lock(file: &File) -> io::Result<bool> {
    // SAFETY: a plain system call on a descriptor that `file` keeps open.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.kind() {
        io::ErrorKind::WouldBlock => Ok(false),
        _ => Err(error),
    }
}

/// Bytes that this process may still write to the file system that holds `path`.
///
/// # Errors
/// The kernel's.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut found = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends in a zero, and the kernel fills a local struct.
    if unsafe { libc::statvfs(path.as_ptr(), found.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call went well, so the struct is filled; and any bits of it are integers.
    let found = unsafe { found.assume_init() };
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_thread_that_asks_steps_back() {
        // SAFETY: a plain system call on the calling thread, without pointers.
        let nice = || unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
        let before = nice();
        let there = std::thread::spawn(move || {
            lower_priority().unwrap();
            nice()
        });
        assert_eq!(there.join().unwrap(), BACKGROUND_NICE.max(before));
        assert_eq!(nice(), before);
    }
}
