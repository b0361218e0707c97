//! A byte buffer that a read appends to.

use monoio::buf::{IoBuf, IoBufMut};

/// Bytes received and room for more. A read fills the room behind what is there.
///
/// `bytes[..]` is what has arrived; the capacity never changes by itself.
#[derive(Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    taken: usize,
}

impl Buffer {
    /// An empty buffer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Buffer {
            bytes: Vec::with_capacity(capacity),
            taken: 0,
        }
    }

    /// What has arrived and was not consumed.
    pub fn unread(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// No unread byte is there.
    pub fn is_empty(&self) -> bool {
        self.taken >= self.bytes.len()
    }

    /// Marks the first `n` unread bytes as done with.
    pub fn consume(&mut self, n: usize) {
        self.taken = (self.taken + n).min(self.bytes.len());
        if self.taken == self.bytes.len() {
            self.clear();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.taken = 0;
    }

    /// Bytes that fit before the buffer is full.
    pub fn room(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }

    /// Capacity in bytes.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Moves unread bytes to the front, and grows to `capacity` when it is smaller.
    pub fn make_room(&mut self, capacity: usize) {
        if self.taken > 0 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        if self.bytes.capacity() < capacity {
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
    }

    /// Appends bytes, growing if needed.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

// SAFETY: the heap memory of `bytes` does not move while the runtime owns the buffer, since only
// methods that need `&mut self` from its owner can reallocate it.
unsafe impl IoBufMut for Buffer {
    fn write_ptr(&mut self) -> *mut u8 {
        let len = self.bytes.len();
        // SAFETY: `len` is at most the capacity, so the pointer stays in the allocation.
        unsafe { self.bytes.as_mut_ptr().add(len) }
    }

    fn bytes_total(&mut self) -> usize {
        self.room()
    }

    unsafe fn set_init(&mut self, pos: usize) {
        let len = self.bytes.len() + pos;
        debug_assert!(len <= self.bytes.capacity());
        // SAFETY: the kernel wrote `pos` bytes behind the former length, within the room given.
        unsafe { self.bytes.set_len(len) };
    }
}

// SAFETY: as above; the unread bytes are initialised.
unsafe impl IoBuf for Buffer {
    fn read_ptr(&self) -> *const u8 {
        self.unread().as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.unread().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_and_consumes() {
        let mut buffer = Buffer::with_capacity(8);
        buffer.extend(b"abcdef");
        buffer.consume(2);
        assert_eq!(buffer.unread(), b"cdef");
        assert_eq!(buffer.room(), 2);
        buffer.make_room(8);
        assert_eq!(buffer.unread(), b"cdef");
        assert_eq!(buffer.room(), 4);
        buffer.consume(4);
        assert!(buffer.is_empty());
        assert_eq!(buffer.room(), 8);
    }
}
