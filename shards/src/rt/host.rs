//! What a process asks of its host once, at the start.

use std::io;

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
