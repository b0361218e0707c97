//! A shard's bell: how another thread wakes its ring.

use super::buffer::Buffer;
use monoio::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;

/// The listening end, owned by one shard.
pub struct Bell {
    file: File,
}

/// The ringing end; clones may live on any thread.
#[derive(Clone, Debug)]
pub struct Ringer {
    event: Arc<OwnedFd>,
}

impl Ringer {
    /// A new bell's ringing end; [`Ringer::bell`] gives the shard its own end.
    ///
    /// # Errors
    /// No descriptors left.
    pub fn new() -> io::Result<Ringer> {
        // SAFETY: plain system call; the result is checked before it is owned.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a fresh descriptor that nobody else owns.
        let event = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Ringer {
            event: Arc::new(event),
        })
    }

    /// Wakes the shard. Costs one system call.
    pub fn ring(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: writes eight bytes of `one`. It can only fail when 2^64 - 2 rings are pending,
        // and then the shard is being woken already.
        unsafe { libc::write(self.event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// The shard's end, on the calling shard's ring.
    ///
    /// # Errors
    /// No descriptors left.
    pub fn bell(&self) -> io::Result<Bell> {
        let own = self.event.try_clone()?;
        Ok(Bell {
            file: File::from_std(std::fs::File::from(own))?,
        })
    }
}

impl Bell {
    /// Waits for the next ring. Rings before the call are not lost. `buffer` needs room for 8
    /// bytes and comes back empty.
    pub async fn wait(&self, buffer: Buffer) -> Buffer {
        let (_, mut buffer) = self.file.read_at(buffer, 0).await;
        buffer.clear();
        buffer
    }
}
