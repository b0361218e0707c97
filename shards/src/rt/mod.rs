//! The runtime seam: the only room that knows monoio and io_uring.
//!
//! It hands out rings, sockets, timers, tasks and the shard's bell, with the pitfalls of the
//! runtime already avoided (docs/architecture.md, "The runtime seam"):
//! - a ring is created on the thread that uses it, with the flags that were measured;
//! - no future that owns an operation in flight is ever dropped to cancel it: a deadline shuts
//!   the socket down instead, and the operation then ends by itself (`deadline`);
//! - a panic inside a task ends that task only (`guard`).
//!
//! It knows nothing of HTTP, caches or letters.

mod aside;
mod bell;
mod buffer;
mod clock;
mod deadline;
pub mod disk;
mod gather;
mod guard;
mod host;
mod listener;
mod local;
mod memfile;
mod pages;
mod share;
mod sign;
mod stream;

pub use aside::free_aside;
pub use bell::{Bell, Ringer};
pub use buffer::Buffer;
pub use clock::{begin, not_before, now, now_us, wall};
pub use deadline::{sweep, When};
pub use disk::{open_direct, Disk};
pub use gather::{Gather, GATHER_PARTS};
use guard::Task;
pub use listener::Listener;
pub use local::{first, meanwhile, oneshot, First, Permit, Semaphore, Sender, Started, Waiting};
pub use memfile::MemFile;
pub use pages::{Belt, Pages, Part};
pub use sign::Sign;
pub use stream::{Arrived, Stream};

pub use host::{descriptors, free_bytes, lock, lower_priority, random};
pub use monoio::buf::IoBufMut;

use std::future::Future;
use std::io;
use std::time::Duration;

/// Submission entries of a shard's ring.
const RING_ENTRIES: u32 = 1024;
/// Completion entries: room for a burst of completions while the shard is busy elsewhere.
const COMPLETION_ENTRIES: u32 = 16 * 1024;

/// Builds a ring on the calling thread and runs `main` on it to its end.
///
/// # Errors
/// The kernel refused the ring: io_uring disabled, no memory to lock, or too few descriptors.
/// The caller turns that into advice for the operator ([`ring_advice`]).
pub fn run<F: Future>(main: F) -> io::Result<F::Output> {
    let mut uring = io_uring::IoUring::builder();
    uring
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .setup_cqsize(COMPLETION_ENTRIES);
    let mut runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new()
        .with_entries(RING_ENTRIES)
        .uring_builder(uring)
        .enable_timer()
        .build()?;
    Ok(runtime.block_on(main))
}

/// What an operator can do about a ring that could not be made.
pub fn ring_advice(error: &io::Error) -> String {
    let disabled = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default();
    match error.raw_os_error() {
        Some(libc::EPERM) if disabled != "0" && !disabled.is_empty() => format!(
            "io_uring is disabled on this host (kernel.io_uring_disabled = {disabled}); \
             allow it with: sysctl kernel.io_uring_disabled=0"
        ),
        Some(libc::EPERM | libc::EACCES) => {
            "the kernel refused io_uring to this process; a container's seccomp profile may \
             forbid io_uring_setup: allow it there"
                .to_owned()
        }
        Some(libc::ENOSYS) => {
            "this kernel has no io_uring; Ringside needs Linux 6.1 or newer".to_owned()
        }
        Some(libc::EINVAL) => {
            "this kernel's io_uring lacks SINGLE_ISSUER or DEFER_TASKRUN; Ringside needs Linux \
             6.1 or newer"
                .to_owned()
        }
        Some(libc::ENOMEM) => {
            "not enough memory may be locked for the ring; raise `ulimit -l`".to_owned()
        }
        Some(libc::EMFILE | libc::ENFILE) => {
            "no descriptors left for the ring; raise `ulimit -n`".to_owned()
        }
        _ => format!("the ring could not be created: {error}"),
    }
}

/// Starts a task on this shard; it runs on after the caller forgot it. A panic in it ends only
/// the task and is handed to `on_panic`.
pub fn spawn<F>(task: F, on_panic: impl FnOnce() + 'static)
where
    F: Future<Output = ()> + 'static,
{
    monoio::spawn(Task::new(task, on_panic));
}

/// Waits at least this long. Fires only when the shard next waits for the ring.
pub async fn sleep(duration: Duration) {
    monoio::time::sleep(duration).await;
}

/// Waits for a future that owns no operation in flight (a local channel, a semaphore) at most
/// this long. Never hand it socket operations: see the module text.
pub async fn within<F: Future>(duration: Duration, wait: F) -> Option<F::Output> {
    monoio::time::timeout(duration, wait).await.ok()
}
