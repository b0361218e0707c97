//! Memory for bodies: chunks that one task fills while others already read what is there.
//!
//! | phase | who | what |
//! |---|---|---|
//! | filling | one [`Filling`], never cloned | writes behind `at`, cuts finished parts off as pieces |
//! | shared | any number of [`Piece`]s, on any shard | read their own range, which never changes again |
//! | gone | the last of them, on any shard | the memory is freed and the budget released |
//!
//! Every chunk is charged to the budget of the shard that made it when it is made, and released
//! when it is really freed, so bytes that a slow reader parks are counted until they are gone.

use crate::rt::{IoBufMut, Pages};
use std::alloc::{alloc, dealloc, Layout};
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// One shard's share of the memory budget, in bytes. Lives as long as the process.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
    files: AtomicUsize,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> &'static Budget {
        let (used, files) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Box::leak(Box::new(Budget { limit, used, files }))
    }

    /// Takes `bytes` if they fit.
    pub fn charge(&self, bytes: usize) -> bool {
        let take = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }

    /// Gives `bytes` back, from any thread.
    pub fn release(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "released more than was charged");
    }

    /// Counts one more body in a file, if that stays within `most`.
    pub fn open_file(&self, most: usize) -> bool {
        let take = |files: usize| (files < most).then_some(files + 1);
        self.files
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }

    /// Counts one less.
    pub fn close_file(&self) {
        self.files.fetch_sub(1, Ordering::Relaxed);
    }

    /// Bytes charged now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The bound.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

/// Charged beside each chunk for its own bookkeeping and the allocator's.
const CHUNK_OVERHEAD: usize = 64;

struct Chunk {
    memory: NonNull<u8>,
    capacity: usize,
    /// The memory came as pages, which own it; else from the allocator.
    pages: Option<Pages>,
    budget: &'static Budget,
}

// SAFETY: the memory is written only through the one `Filling`, behind every range that a piece
// covers; pieces only read. Handing a piece to another thread goes through a queue or an Arc,
// which orders the writes before the reads.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Sync for Chunk {}

impl Chunk {
    fn layout(capacity: usize) -> Layout {
        // A capacity above isize::MAX can't have been charged to any real budget.
        Layout::array::<u8>(capacity.max(1)).unwrap_or(Layout::new::<u8>())
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if self.pages.is_none() {
            // SAFETY: allocated in `Filling::new` with the same layout; the last owner is us.
            unsafe { dealloc(self.memory.as_ptr(), Chunk::layout(self.capacity)) };
        }
        self.budget.release(self.capacity + CHUNK_OVERHEAD);
    }
}

/// Bytes that never change again, on the C library's heap, where nothing else of ours lives.
///
/// Objects stay for hours; what a request needs goes after milliseconds. On one heap, each object
/// would be cut out of a hole that a request left, and the rest of the hole would fit nothing:
/// measured 250 to 300 bytes an object (docs/decisions/0010).
///
/// Packed, since one is part of every object.
#[repr(C, packed(4))]
pub struct Packed {
    at: NonNull<u8>,
    len: u32,
}

const _: () = assert!(size_of::<Packed>() == 12);

// SAFETY: owned memory that is only read after `of` has filled it.
unsafe impl Send for Packed {}
// SAFETY: as above.
unsafe impl Sync for Packed {}

impl Packed {
    /// The parts, one after the other; `None` when the machine has no memory, or it is 4 GiB.
    pub fn of(parts: &[&[u8]]) -> Option<Packed> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let short = u32::try_from(len).ok()?;
        // SAFETY: any size may be asked for; the result is checked.
        let at = NonNull::new(unsafe { libc::malloc(len.max(1)) }.cast::<u8>())?;
        let mut done = 0;
        for part in parts {
            // SAFETY: `done + part.len()` is at most `len`, and the memory is fresh.
            unsafe {
                std::ptr::copy_nonoverlapping(part.as_ptr(), at.as_ptr().add(done), part.len());
            }
            done += part.len();
        }
        Some(Packed { at, len: short })
    }
}

impl Deref for Packed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let (at, len) = (self.at, self.len);
        // SAFETY: `of` filled `len` bytes, and nobody writes them again.
        unsafe { std::slice::from_raw_parts(at.as_ptr(), len as usize) }
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        let at = self.at;
        // SAFETY: came from malloc, and is freed once.
        unsafe { libc::free(at.as_ptr().cast()) };
    }
}

/// The right to fill a chunk.
pub struct Filling {
    chunk: Arc<Chunk>,
    /// Start of what is filled but not cut off yet.
    from: usize,
    /// End of what is filled.
    at: usize,
}

impl Filling {
    /// A chunk of `capacity` bytes, if the budget has room and the machine has memory.
    pub fn new(budget: &'static Budget, capacity: usize) -> Option<Filling> {
        if capacity > isize::MAX as usize / 2 || !budget.charge(capacity + CHUNK_OVERHEAD) {
            return None;
        }
        // SAFETY: the layout's size is at least 1.
        let memory = NonNull::new(unsafe { alloc(Chunk::layout(capacity)) });
        let Some(memory) = memory else {
            budget.release(capacity + CHUNK_OVERHEAD);
            return None;
        };
        let chunk = Chunk {
            memory,
            capacity,
            pages: None,
            budget,
        };
        Some(Filling {
            chunk: Arc::new(chunk),
            from: 0,
            at: 0,
        })
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        self.chunk.capacity - self.at
    }

    /// Copies as much of `bytes` as fits; returns how much.
    pub fn copy(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.room());
        // SAFETY: `at + n` is inside the chunk; nobody reads behind `at`; `bytes` is other memory,
        // since a slice into this chunk ends at or before `at`.
        unsafe {
            std::ptr::copy_nonoverlapping(
                bytes.as_ptr(),
                self.chunk.memory.as_ptr().add(self.at),
                n,
            );
        }
        self.at += n;
        n
    }

    /// What was filled since the last cut, as a piece; `None` when nothing was.
    pub fn cut(&mut self) -> Option<Piece> {
        if self.at == self.from {
            return None;
        }
        let piece = Piece {
            chunk: self.chunk.clone(),
            from: self.from as u32,
            len: (self.at - self.from) as u32,
        };
        self.from = self.at;
        Some(piece)
    }
}

// SAFETY: the chunk's memory never moves; the kernel writes behind `at` only, where nobody reads.
unsafe impl IoBufMut for Filling {
    fn write_ptr(&mut self) -> *mut u8 {
        // SAFETY: `at` is at most the capacity.
        unsafe { self.chunk.memory.as_ptr().add(self.at) }
    }

    fn bytes_total(&mut self) -> usize {
        self.room()
    }

    unsafe fn set_init(&mut self, pos: usize) {
        debug_assert!(pos <= self.room());
        self.at += pos;
    }
}

/// A part of a body that never changes again. Cheap to clone and to send to a sibling.
#[derive(Clone)]
pub struct Piece {
    chunk: Arc<Chunk>,
    from: u32,
    len: u32,
}

impl Piece {
    /// All that is filled of pages that were read, without a copy; `None` when the budget has no
    /// room. The pages are charged whole, and freed with the last piece of them.
    pub fn of_pages(pages: Pages, budget: &'static Budget) -> Option<Piece> {
        let len = u32::try_from(pages.len()).ok()?;
        let capacity = pages.capacity();
        let memory = NonNull::new(pages.as_ptr().cast_mut())?;
        if !budget.charge(capacity + CHUNK_OVERHEAD) {
            return None;
        }
        // No `Filling` will ever write to it.
        let chunk = Chunk {
            memory,
            capacity,
            pages: Some(pages),
            budget,
        };
        Some(Piece {
            chunk: Arc::new(chunk),
            from: 0,
            len,
        })
    }

    /// Bytes that [`Piece::of_pages`] charges.
    pub fn pages_cost(bytes: usize) -> usize {
        bytes + CHUNK_OVERHEAD
    }

    /// Joins `next` onto this piece when it continues it in the same chunk.
    pub fn join(&mut self, next: &Piece) -> bool {
        let follows = Arc::ptr_eq(&self.chunk, &next.chunk) && self.from + self.len == next.from;
        if follows {
            self.len += next.len;
        }
        follows
    }

    /// Bytes that keeping this piece keeps from being freed, beyond its own.
    pub fn waste(&self) -> usize {
        self.chunk.capacity - self.len as usize
    }

    /// Its first `bytes`.
    #[must_use]
    pub fn first(&self, bytes: usize) -> Piece {
        Piece {
            chunk: self.chunk.clone(),
            from: self.from,
            len: self.len.min(u32::try_from(bytes).unwrap_or(u32::MAX)),
        }
    }

    /// The part of it from `at` on.
    #[must_use]
    pub fn skip(&self, at: usize) -> Piece {
        let at = (at as u32).min(self.len);
        Piece {
            chunk: self.chunk.clone(),
            from: self.from + at,
            len: self.len - at,
        }
    }
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the range was filled before the piece was cut and nobody writes it again.
        unsafe {
            std::slice::from_raw_parts(
                self.chunk.memory.as_ptr().add(self.from as usize),
                self.len as usize,
            )
        }
    }
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Piece({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_stay_while_the_rest_is_filled() {
        let budget = Budget::new(1 << 20);
        let mut filling = Filling::new(budget, 10).unwrap();
        assert_eq!(filling.copy(b"hello "), 6);
        let mut first = filling.cut().unwrap();
        assert_eq!(filling.copy(b"world!"), 4);
        let second = filling.cut().unwrap();
        assert!(filling.cut().is_none());
        assert_eq!((&*first, &*second), (&b"hello "[..], &b"worl"[..]));
        assert!(first.join(&second));
        assert_eq!(&*first, b"hello worl");
        assert_eq!(&*first.skip(6), b"worl");
        assert!(!first.join(&second));
    }

    #[test]
    fn packed_parts_are_whole() {
        let packed = Packed::of(&[b"head", b"", b"body"]).unwrap();
        assert_eq!(&*packed, b"headbody");
        assert!(Packed::of(&[]).unwrap().is_empty());
        let there = std::thread::spawn(move || packed.len());
        assert_eq!(there.join().unwrap(), 8);
    }

    #[test]
    fn pages_become_a_piece_and_are_charged_until_it_is_gone() {
        let budget = Budget::new(10_000);
        let mut pages = Pages::zeroed(8192).unwrap();
        pages[4096..4100].copy_from_slice(b"body");
        let at = pages.as_ptr();
        let whole = Piece::of_pages(pages, budget).unwrap();
        let body = whole.skip(4096).first(4);
        assert_eq!(
            (&*body, body.as_ptr()),
            (&b"body"[..], at.wrapping_add(4096))
        );
        drop(whole);
        assert_eq!(budget.used(), Piece::pages_cost(8192));
        assert!(Piece::of_pages(Pages::zeroed(4096).unwrap(), budget).is_none());
        std::thread::spawn(move || drop(body)).join().unwrap();
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn the_budget_is_hard_and_comes_back() {
        let budget = Budget::new(1000);
        let filling = Filling::new(budget, 500).unwrap();
        assert!(Filling::new(budget, 500).is_none());
        let mut filling = filling;
        filling.copy(b"x");
        let piece = filling.cut().unwrap();
        drop(filling);
        assert_eq!(budget.used(), 500 + CHUNK_OVERHEAD);
        std::thread::spawn(move || drop(piece)).join().unwrap();
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_reader_on_another_thread_sees_whole_pieces() {
        let budget = Budget::new(1 << 20);
        let (send, receive) = std::sync::mpsc::channel::<Piece>();
        let reader = std::thread::spawn(move || {
            receive
                .iter()
                .map(|piece| piece.iter().map(|b| u64::from(*b)).sum::<u64>())
                .sum::<u64>()
        });
        let mut filling = Filling::new(budget, 4096).unwrap();
        for value in 0..=255_u8 {
            filling.copy(&[value; 16]);
            send.send(filling.cut().unwrap()).unwrap();
        }
        drop(send);
        assert_eq!(reader.join().unwrap(), 16 * (255 * 256 / 2));
    }
}
