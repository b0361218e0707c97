//! A body in a file that exists only in memory, so that the kernel can send its pages without
//! copying them (sendfile).
//!
//! Filled once, then never written again: a page may still be on its way to some client when the
//! file is closed, and the kernel keeps it until then. Filling costs more than one copy to a
//! socket does, so it is for bodies that proved popular.

use super::share::Large;
use super::{Gather, Stream};
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Bytes handed to the kernel at once.
const SEND_BYTES: u64 = 1024 * 1024;
/// What the kernel counts memory of such a file in.
const PAGE_BYTES: u64 = 4096;

/// A finished or growing file in memory.
#[derive(Debug)]
pub struct MemFile {
    file: OwnedFd,
    bytes: u64,
}

impl MemFile {
    /// An empty file.
    ///
    /// # Errors
    /// No descriptors left.
    pub fn new() -> io::Result<MemFile> {
        // SAFETY: a plain system call on a constant, terminated name.
        let fd = unsafe { libc::memfd_create(c"ringside-body".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a fresh descriptor that nobody else owns.
        let file = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(MemFile { file, bytes: 0 })
    }

    /// Appends bytes. A memory copy; it waits for nothing.
    ///
    /// # Errors
    /// The kernel has no memory for it.
    pub fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            // SAFETY: the pointer and length are those of `bytes`.
            let n =
                unsafe { libc::write(self.file.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
            let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.bytes += n as u64;
            bytes = bytes.get(n..).unwrap_or_default();
        }
        Ok(())
    }

    /// A copy of it; `None` when the kernel gives less.
    pub fn read(&self) -> Option<Vec<u8>> {
        let bytes = usize::try_from(self.bytes).ok()?;
        let mut into = vec![0; bytes];
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = libc::off_t::try_from(done).ok()?;
            // SAFETY: the pointer and length are those of `rest`.
            let n = unsafe {
                let to = rest.as_mut_ptr().cast();
                libc::pread(self.file.as_raw_fd(), to, rest.len(), at)
            };
            done += usize::try_from(n).ok().filter(|n| *n > 0)?;
        }
        Some(into)
    }

    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Memory that a file of this length takes.
    pub fn memory(bytes: u64) -> u64 {
        bytes.div_ceil(PAGE_BYTES) * PAGE_BYTES
    }
}

impl Stream {
    /// Writes what `gather` holds and then `span` of `file`. Nothing may be read from the socket
    /// meanwhile.
    ///
    /// # Errors
    /// The peer is gone or over its time.
    pub async fn send_file<K: AsRef<[u8]> + 'static>(
        &self,
        mut gather: Box<Gather<K>>,
        file: &MemFile,
        span: Range<u64>,
        patience: Duration,
    ) -> (io::Result<()>, Box<Gather<K>>) {
        self.nonblocking(true);
        let mut at = span.start;
        let large = Large::of(usize::try_from(span.end - span.start).unwrap_or(usize::MAX));
        let result = loop {
            let now = super::now();
            self.deadline(super::When::Write, patience, now);
            let slice = large.as_ref().map(|large| large.slice_bytes(now));
            let most = slice.map_or(SEND_BYTES, |slice| SEND_BYTES.min(slice as u64));
            let progress = if gather.is_empty() {
                let end = span.end.min(at + most);
                self.send_some_of(file, &mut at, end)
            } else {
                self.send_some_before_more(&mut gather)
            };
            match progress {
                Ok(()) if gather.is_empty() && at >= span.end => break Ok(()),
                // Others have their turn between two slices.
                Ok(()) if most < SEND_BYTES && at > span.start => {
                    if let Err(error) = self.writable().await {
                        break Err(error);
                    }
                }
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Err(error) = self.writable().await {
                        break Err(error);
                    }
                }
                Err(error) => break Err(error),
            }
        };
        self.nonblocking(false);
        self.no_deadline(super::When::Write);
        (result, gather)
    }

    fn send_some_before_more<K: AsRef<[u8]>>(&self, gather: &mut Gather<K>) -> io::Result<()> {
        let flags = libc::MSG_DONTWAIT | libc::MSG_MORE | libc::MSG_NOSIGNAL;
        let part = gather.first();
        // SAFETY: the pointer and length are those of `part`.
        let n = unsafe { libc::send(self.raw(), part.as_ptr().cast(), part.len(), flags) };
        let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
        gather.advance(n);
        Ok(())
    }

    fn send_some_of(&self, file: &MemFile, at: &mut u64, end: u64) -> io::Result<()> {
        let mut offset = libc::off_t::try_from(*at).map_err(|_| io::ErrorKind::InvalidInput)?;
        let count = (end - *at) as usize;
        // SAFETY: `offset` is a local; both descriptors are open. The socket does not block.
        let n =
            unsafe { libc::sendfile(self.raw(), file.file.as_raw_fd(), &raw mut offset, count) };
        match u64::try_from(n) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                *at += n;
                Ok(())
            }
            Err(_) => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt;
    use std::io::Read;

    #[test]
    fn a_copy_is_whole() {
        let mut file = MemFile::new().unwrap();
        assert_eq!(file.read(), Some(Vec::new()));
        file.append(b"body").unwrap();
        file.append(b" and more").unwrap();
        assert_eq!(file.read().unwrap(), b"body and more");
    }

    #[test]
    fn a_slow_reader_gets_every_byte_of_the_span() {
        let body: Vec<u8> = (0..8_000_000_u32).map(|at| (at % 251) as u8).collect();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let reader = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut got = Vec::new();
            socket.read_to_end(&mut got).unwrap();
            got
        });
        let sent = body.clone();
        rt::run(async move {
            let patience = std::time::Duration::from_secs(10);
            let stream = Stream::connect(address, patience, rt::now()).await.unwrap();
            let mut file = MemFile::new().unwrap();
            file.append(&sent).unwrap();
            let mut gather: Box<Gather<Vec<u8>>> = Gather::new();
            gather.scratch().extend_from_slice(b"head");
            gather.push_scratch();
            let (result, gather) = stream
                .send_file(gather, &file, 5..7_999_990, patience)
                .await;
            result.unwrap();
            // The file may go while its pages are on their way.
            drop(file);
            assert!(gather.is_empty());
        })
        .unwrap();
        let got = reader.join().unwrap();
        assert_eq!(&got[..4], b"head");
        assert!(got[4..] == body[5..7_999_990]);
    }
}
