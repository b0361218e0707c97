//! Many parts written as one: a head, what changes per request, and pieces of a body.

use super::share::{self, Large};
use monoio::buf::{IoBuf, IoVecBuf};
use std::io;
use std::time::Duration;

/// Parts of one write at most.
pub const GATHER_PARTS: usize = 20;

/// Up to [`GATHER_PARTS`] pieces of memory for one vectored write, with whatever keeps that
/// memory alive. Reusable: an emptied one keeps its allocations.
///
/// `keep` owns the memory of the parts; it is only dropped by [`Gather::clear`], never while the
/// runtime holds the gather.
pub struct Gather<K> {
    parts: [libc::iovec; GATHER_PARTS],
    len: usize,
    first: usize,
    bytes: usize,
    /// Bytes of the last part, and parts behind it, that the next write leaves out.
    hidden: (usize, usize),
    scratch: Vec<u8>,
    keep: Vec<K>,
}

impl<K: AsRef<[u8]>> Gather<K> {
    /// An empty one.
    pub fn new() -> Box<Self> {
        const NONE: libc::iovec = libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        };
        Box::new(Gather {
            parts: [NONE; GATHER_PARTS],
            len: 0,
            first: 0,
            bytes: 0,
            hidden: (0, 0),
            scratch: Vec::with_capacity(512),
            keep: Vec::with_capacity(4),
        })
    }

    /// Forgets the parts and lets go of what they point into.
    pub fn clear(&mut self) {
        self.len = 0;
        self.first = 0;
        self.bytes = 0;
        self.scratch.clear();
        self.keep.clear();
    }

    /// Another part fits.
    pub fn has_room(&self) -> bool {
        self.len < GATHER_PARTS
    }

    /// Bytes not written yet.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Nothing is left to write.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Memory to compose into before [`Gather::push_scratch`]; no part refers to it yet.
    pub fn scratch(&mut self) -> &mut Vec<u8> {
        debug_assert!(
            self.len == 0,
            "the scratch would move under a part that points into it"
        );
        &mut self.scratch
    }

    /// Adds all of the scratch as a part. Only as the first part, so that it can't move later.
    pub fn push_scratch(&mut self) {
        debug_assert!(self.len == 0);
        let (at, len) = (self.scratch.as_ptr(), self.scratch.len());
        self.push_raw(at, len);
    }

    /// Adds `range` of what `keep` refers to and keeps that alive. `AsRef` of `K` must give the
    /// same memory as long as the value lives, wherever the value itself is moved.
    ///
    /// A part that no longer fits is a caller's mistake and is refused.
    pub fn push(&mut self, keep: K, range: std::ops::Range<usize>) -> bool {
        let Some(part) = keep.as_ref().get(range) else {
            return false;
        };
        let (at, len) = (part.as_ptr(), part.len());
        if !self.has_room() {
            return false;
        }
        self.push_raw(at, len);
        self.keep.push(keep);
        true
    }

    fn push_raw(&mut self, at: *const u8, len: usize) {
        if len == 0 {
            return;
        }
        if let Some(part) = self.parts.get_mut(self.len) {
            *part = libc::iovec {
                iov_base: at.cast_mut().cast(),
                iov_len: len,
            };
            self.len += 1;
            self.bytes += len;
        }
    }

    /// The first part that is not written yet.
    pub(super) fn first(&self) -> &[u8] {
        match self.parts.get(self.first) {
            // SAFETY: a part that was pushed points into memory that `keep` or `scratch` owns.
            Some(part) if self.first < self.len => unsafe {
                std::slice::from_raw_parts(part.iov_base.cast::<u8>(), part.iov_len)
            },
            _ => &[],
        }
    }

    /// The next write takes so many bytes at most; undone by [`Gather::show`].
    fn hide(&mut self, most: usize) {
        let mut before = 0;
        for (at, part) in self.parts.iter_mut().enumerate() {
            if at < self.first || at >= self.len {
                continue;
            }
            if before + part.iov_len > most {
                let shown = most - before;
                self.hidden = (part.iov_len - shown, self.len - at - 1);
                part.iov_len = shown;
                self.len = at + 1;
                return;
            }
            before += part.iov_len;
        }
    }

    fn show(&mut self) {
        let (bytes, parts) = std::mem::take(&mut self.hidden);
        if let Some(last) = self.len.checked_sub(1) {
            if let Some(part) = self.parts.get_mut(last) {
                part.iov_len += bytes;
            }
        }
        self.len += parts;
    }

    /// Notes that the first `n` bytes are written.
    pub(super) fn advance(&mut self, mut n: usize) {
        self.bytes = self.bytes.saturating_sub(n);
        while n > 0 {
            let Some(part) = self.parts.get_mut(self.first) else {
                return;
            };
            if n < part.iov_len {
                // SAFETY: stays inside the part, since `n` is below its length.
                part.iov_base = unsafe { part.iov_base.cast::<u8>().add(n) }.cast();
                part.iov_len -= n;
                return;
            }
            n -= part.iov_len;
            self.first += 1;
        }
    }
}

impl<K: AsRef<[u8]> + 'static> Gather<K> {
    /// Writes everything to `stream`, which may take nothing for `patience`; the gather comes back
    /// either way.
    ///
    /// # Errors
    /// The peer is gone or over its time.
    pub async fn write_to(
        mut self: Box<Self>,
        stream: &super::Stream,
        patience: Duration,
    ) -> (io::Result<()>, Box<Self>) {
        let large = Large::of(self.bytes);
        while !self.is_empty() {
            let now = super::now();
            // Each write that moved something begins the peer's time anew.
            stream.deadline(super::When::Write, patience, now);
            match &large {
                Some(large) => self.hide(large.slice_bytes(now)),
                None => share::small(now),
            }
            // A single part is cheaper as a plain send.
            let result = if self.len - self.first == 1 {
                let (result, part) = stream.write(One(self)).await;
                self = part.0;
                result
            } else {
                let (result, parts) = stream.write_parts(Parts(self)).await;
                self = parts.0;
                result
            };
            self.show();
            match result {
                Ok(0) => return (Err(io::ErrorKind::WriteZero.into()), self),
                Ok(n) => self.advance(n),
                Err(error) => return (Err(error), self),
            }
        }
        stream.no_deadline(super::When::Write);
        (Ok(()), self)
    }
}

struct One<K>(Box<Gather<K>>);

impl<K> Unpin for One<K> {}

// SAFETY: the part points into memory that `keep` or `scratch`, in the box that the runtime owns
// during the operation, owns and nobody changes.
unsafe impl<K: AsRef<[u8]> + 'static> IoBuf for One<K> {
    fn read_ptr(&self) -> *const u8 {
        self.0.first().as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.0.first().len()
    }
}

struct Parts<K>(Box<Gather<K>>);

impl<K> Unpin for Parts<K> {}

// SAFETY: the part array lives in a box that the runtime owns during the operation, and each
// part points into memory that `keep` or `scratch`, in the same box, owns and nobody changes.
unsafe impl<K: 'static> IoVecBuf for Parts<K> {
    fn read_iovec_ptr(&self) -> *const libc::iovec {
        self.0.parts[self.0.first.min(GATHER_PARTS - 1)..].as_ptr()
    }

    fn read_iovec_len(&self) -> usize {
        self.0.len - self.0.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<K>(gather: &Gather<K>) -> Vec<u8> {
        let parts = &gather.parts[gather.first..gather.len];
        let mut out = Vec::new();
        for part in parts {
            // SAFETY: the test keeps the gather, and with it the memory, alive.
            out.extend_from_slice(unsafe {
                std::slice::from_raw_parts(part.iov_base.cast::<u8>(), part.iov_len)
            });
        }
        out
    }

    #[test]
    fn partial_writes_lose_nothing() {
        let whole = b"HTTP/1.1 200 OK\r\n\r\nhello world";
        for cut in 0..=whole.len() {
            let mut gather: Box<Gather<Vec<u8>>> = Gather::new();
            gather
                .scratch()
                .extend_from_slice(b"HTTP/1.1 200 OK\r\n\r\n");
            gather.push_scratch();
            assert!(gather.push(b"__hello ".to_vec(), 2..8));
            assert!(gather.push(b"world".to_vec(), 0..5));
            gather.advance(cut);
            assert_eq!(text(&gather), &whole[cut..], "after {cut}");
            assert_eq!(gather.bytes(), whole.len() - cut);
        }
    }

    #[test]
    fn a_slice_is_a_beginning_and_nothing_is_lost() {
        let whole = b"headfirstsecond";
        for most in 1..=whole.len() + 1 {
            let mut gather: Box<Gather<Vec<u8>>> = Gather::new();
            gather.scratch().extend_from_slice(b"head");
            gather.push_scratch();
            assert!(gather.push(b"first".to_vec(), 0..5));
            assert!(gather.push(b"second".to_vec(), 0..6));
            let mut sent = Vec::new();
            while !gather.is_empty() {
                gather.hide(most);
                let slice = text(&gather);
                gather.show();
                assert_eq!(slice.len(), most.min(gather.bytes()));
                // The kernel takes all of it, or less.
                let taken = slice.len().div_ceil(1 + sent.len() % 2);
                sent.extend_from_slice(&slice[..taken]);
                gather.advance(taken);
            }
            assert_eq!(sent, whole, "in slices of {most}");
        }
    }

    #[test]
    fn a_range_outside_is_refused() {
        let mut gather: Box<Gather<Vec<u8>>> = Gather::new();
        assert!(!gather.push(b"abc".to_vec(), 1..4));
        assert!(gather.is_empty());
    }
}
