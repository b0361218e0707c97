//! The few things the kit asks of the kernel that std has no word for.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::Once;

/// Sends `signal` to the process `pid`, which must be a child that was not waited for yet.
pub(crate) fn send_signal(pid: u32, signal: i32) {
    let pid = libc::pid_t::try_from(pid).expect("a process id fits pid_t");
    // SAFETY: kill takes two integers and touches no memory. The callers hold the unreaped Child,
    // so the id can't have been given to another process.
    unsafe { libc::kill(pid, signal) };
}

/// Bounds the size of files that the process `pid` may write, which must be a child that was not
/// waited for yet.
pub(crate) fn limit_files(pid: u32, bytes: u64) {
    let pid = libc::pid_t::try_from(pid).expect("a process id fits pid_t");
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `limit` is a live rlimit for the kernel to read, and no old one is asked for. The
    // callers hold the unreaped Child, so the id can't have been given to another process.
    let done = unsafe { libc::prlimit(pid, libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()) };
    assert_eq!(done, 0, "prlimit: {}", io::Error::last_os_error());
}

/// A write beyond the bound on files is an error from now on, and not the end of the process: here
/// and in processes started from here.
pub(crate) fn ignore_file_limits() {
    // SAFETY: signal takes two integers; to ignore a signal runs no code of ours.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Makes the next close of `stream` send a reset instead of an orderly end.
pub(crate) fn reset_on_close(stream: &TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    set_option(stream, libc::SO_LINGER, &linger);
}

/// Keeps the kernel from buffering more than about `bytes` that were not read.
pub(crate) fn shrink_receive_buffer(stream: &TcpStream, bytes: i32) {
    set_option(stream, libc::SO_RCVBUF, &bytes);
}

fn set_option<T>(stream: &TcpStream, option: i32, value: &T) {
    // SAFETY: the pointer and the length describe `value`, which outlives the call; T is the plain
    // C struct or int that the two options above take.
    let done = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    assert_eq!(done, 0, "setsockopt: {}", io::Error::last_os_error());
}

/// Raises this process's bound on open descriptors to what the system lets it have.
pub(crate) fn raise_descriptor_limit() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: `limit` is a live rlimit for the kernel to write.
        if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } == 0 {
            limit.rlim_cur = limit.rlim_max;
            // SAFETY: `limit` is a live rlimit for the kernel to read. A refusal is harmless: the
            // scripts that need many descriptors then fail with the kernel's own message.
            unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
        }
    });
}
