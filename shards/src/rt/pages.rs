//! Memory for files and devices that are read and written past the page cache: aligned to pages.
//!
//! | what | who has it | what may be done with it |
//! |---|---|---|
//! | [`Pages`] | its owner | all |
//! | the open part of a [`Belt`] | the belt | filled at its end |
//! | a [`Part`] | everybody who has a clone | read; its memory is not given out again while one lives |
//!
//! So what the ring writes stays as it is until the ring has let go of it, however long that takes
//! and whoever has forgotten it meanwhile.

use std::alloc::{alloc, alloc_zeroed, dealloc, Layout};
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;
use std::rc::Rc;

/// What memory, offsets and lengths are aligned to.
pub(super) const PAGE_BYTES: usize = 4096;

/// Aligned memory. What is filled can be read and changed; a read fills the rest.
pub struct Pages {
    at: NonNull<u8>,
    bytes: usize,
    filled: usize,
}

// SAFETY: owned memory without any tie to a thread.
unsafe impl Send for Pages {}
// SAFETY: shared references only read it.
unsafe impl Sync for Pages {}

impl Pages {
    /// Zeros. `bytes` is rounded up to whole pages; `None` when the machine has no memory.
    pub fn zeroed(bytes: usize) -> Option<Pages> {
        let layout = Self::layout(bytes)?;
        // SAFETY: the layout's size is at least one page.
        let at = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let bytes = layout.size();
        Some(Pages {
            at,
            bytes,
            filled: bytes,
        })
    }

    /// Memory for a read; nothing of it is filled.
    pub fn unfilled(bytes: usize) -> Option<Pages> {
        let layout = Self::layout(bytes)?;
        // SAFETY: the layout's size is at least one page.
        let at = NonNull::new(unsafe { alloc(layout) })?;
        Some(Pages {
            at,
            bytes: layout.size(),
            filled: 0,
        })
    }

    /// A copy of `bytes`, and zeros up to the next page.
    pub fn of(bytes: &[u8]) -> Option<Pages> {
        let mut pages = Pages::zeroed(bytes.len())?;
        pages.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(pages)
    }

    /// Bytes of memory, filled or not.
    pub fn capacity(&self) -> usize {
        self.bytes
    }

    /// Bytes that are filled.
    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    /// What is not filled yet.
    pub(super) fn rest(&mut self) -> NonNull<u8> {
        // SAFETY: `filled` is at most the size.
        unsafe { self.at.add(self.filled) }
    }

    /// So many bytes more are filled.
    ///
    /// # Safety
    /// They were written through [`Pages::rest`], and there was room for them.
    pub(super) unsafe fn fill(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.bytes - self.filled, "there is room for it");
        self.filled += bytes;
    }

    fn layout(bytes: usize) -> Option<Layout> {
        let bytes = bytes.max(1).checked_next_multiple_of(PAGE_BYTES)?;
        Layout::from_size_align(bytes, PAGE_BYTES).ok()
    }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the first `filled` bytes were zeroed or written, and are ours.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.filled) }
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; `&mut self` is the only way to it.
        unsafe { std::slice::from_raw_parts_mut(self.at.as_ptr(), self.filled) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.bytes) {
            // SAFETY: allocated with the layout of the same size, which was a multiple of a page.
            unsafe { dealloc(self.at.as_ptr(), layout) };
        }
    }
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pages({} of {} bytes)", self.filled, self.bytes)
    }
}

/// Filled pages that nobody changes while this, or a clone of it, lives.
#[derive(Clone, Debug)]
pub struct Part(Rc<PartOf>);

#[derive(Debug)]
struct PartOf {
    /// Only read through this range: a belt fills the rest meanwhile.
    memory: Rc<Pages>,
    range: Range<usize>,
}

impl Part {
    /// All of `pages` that is filled.
    pub fn whole(pages: Pages) -> Part {
        let range = 0..pages.filled;
        let memory = Rc::new(pages);
        Part(Rc::new(PartOf { memory, range }))
    }

    fn is_held(&self) -> bool {
        Rc::strong_count(&self.0) > 1
    }
}

impl Deref for Part {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let PartOf { memory, range } = &*self.0;
        // SAFETY: the range was within what is filled when this was made. A belt gives out nothing
        // of it to be changed while a `Part` lives, and other `Pages` are shared here only.
        unsafe { std::slice::from_raw_parts(memory.at.as_ptr().add(range.start), range.len()) }
    }
}

/// Aligned memory in a circle: one part of it is open and grows, older ones are [`Part`]s that
/// somebody reads. What no part holds any more is used again, in the order of the circle.
pub struct Belt {
    memory: Rc<Pages>,
    /// Sealed, the oldest first.
    parts: VecDeque<Part>,
    open: Option<Range<usize>>,
}

impl Belt {
    /// Of so many bytes; `None` when the machine has no memory.
    pub fn new(bytes: usize) -> Option<Belt> {
        Some(Belt {
            memory: Rc::new(Pages::zeroed(bytes)?),
            parts: VecDeque::new(),
            open: None,
        })
    }

    /// Bytes in all: the largest part that there can be.
    pub fn capacity(&self) -> usize {
        self.memory.bytes
    }

    /// Bytes that are in use, or can't be used before older ones are free.
    pub fn used(&mut self) -> usize {
        self.forget_parts();
        let newest = self.parts.back().map(|part| &part.0.range);
        let Some(end) = self.open.as_ref().or(newest).map(|range| range.end) else {
            return 0;
        };
        let oldest = self.parts.front().map(|part| &part.0.range);
        let start = oldest.or(self.open.as_ref()).map_or(0, |range| range.start);
        match start < end {
            true => end - start,
            false => self.capacity() - (start - end),
        }
    }

    /// The open part can grow by so many bytes.
    pub fn room(&mut self) -> usize {
        self.forget_parts();
        let end = self.open.as_ref().map(|open| open.end);
        end.map_or(0, |end| self.limit(end) - end)
    }

    /// Opens a part that can take so many bytes; `false` when there is no room for them in one
    /// piece. None must be open.
    pub fn open(&mut self, bytes: usize) -> bool {
        debug_assert!(self.open.is_none(), "a part is sealed before the next");
        self.forget_parts();
        let at = self.parts.back().map_or(0, |newest| newest.0.range.end);
        let fits = |at: usize| bytes <= self.limit(at) - at;
        let turned = self.limit(at) < self.capacity();
        let place = match (fits(at), turned) {
            (true, _) => Some(at),
            // The end of the memory stays empty in this round.
            (false, false) if fits(0) => Some(0),
            (false, _) => None,
        };
        self.open = place.map(|at| at..at);
        place.is_some()
    }

    /// The next bytes of the open part, to be filled; `None` when it has no room for them.
    pub fn take(&mut self, bytes: usize) -> Option<&mut [u8]> {
        if bytes > self.room() {
            return None;
        }
        let open = self.open.as_mut()?;
        let from = open.end;
        open.end += bytes;
        // SAFETY: within the memory, which was zeroed. It lies behind what the open part had before
        // and before the oldest `Part` in the circle, so no `Part` reads it; `&mut self` is the only
        // other way to it.
        Some(unsafe { std::slice::from_raw_parts_mut(self.memory.at.as_ptr().add(from), bytes) })
    }

    /// What the open part has.
    pub fn opened(&self) -> &[u8] {
        let range = self.open.clone().unwrap_or(0..0);
        // SAFETY: taken before, and changed through `&mut self` only.
        unsafe { std::slice::from_raw_parts(self.memory.at.as_ptr().add(range.start), range.len()) }
    }

    /// Closes the open part; `None` when it has nothing.
    pub fn seal(&mut self) -> Option<Part> {
        let range = self.open.take().filter(|range| !range.is_empty())?;
        let memory = self.memory.clone();
        let part = Part(Rc::new(PartOf { memory, range }));
        self.parts.push_back(part.clone());
        Some(part)
    }

    /// Forgets the open part.
    pub fn drop_open(&mut self) {
        self.open = None;
    }

    /// Where what is free behind `at` ends.
    fn limit(&self, at: usize) -> usize {
        let oldest = self.parts.front().map(|part| part.0.range.start);
        match oldest {
            Some(oldest) if oldest >= at => oldest,
            _ => self.capacity(),
        }
    }

    fn forget_parts(&mut self) {
        while self.parts.front().is_some_and(|part| !part.is_held()) {
            self.parts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_belt_gives_out_nothing_that_somebody_reads() {
        let mut dice = 7_u64;
        let mut roll = |below: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (dice >> 33) % below
        };
        let pages = 16;
        let mut belt = Belt::new(pages * PAGE_BYTES).unwrap();
        let mut held: Vec<(u8, Part)> = Vec::new();
        let mut most = 0;
        for n in 0..20_000_u32 {
            let (fill, bytes) = (n as u8, (1 + roll(5) as usize) * PAGE_BYTES);
            if belt.open(bytes) {
                assert!(belt.room() >= bytes);
                let mut had = 0;
                while had < bytes || roll(2) == 0 {
                    let Some(room) = belt.take(PAGE_BYTES) else {
                        assert!(had >= bytes, "it has the room that was asked for");
                        break;
                    };
                    room.fill(fill);
                    had += PAGE_BYTES;
                }
                assert_eq!(belt.opened().len(), had);
                if roll(10) == 0 {
                    belt.drop_open();
                } else {
                    held.push((fill, belt.seal().unwrap()));
                }
            } else {
                assert!(!held.is_empty(), "an empty belt has room");
            }
            most = most.max(belt.used());
            let mut bytes = 0;
            for (fill, part) in &held {
                assert!(part.iter().all(|byte| byte == fill));
                bytes += part.len();
            }
            assert!(bytes <= belt.used() && belt.used() <= belt.capacity());
            // Mostly in order, but the oldest may be held for long.
            while held.len() > 4 || (!held.is_empty() && roll(3) == 0) {
                let which = roll(held.len() as u64) as usize;
                held.remove(which);
            }
        }
        assert_eq!(most, belt.capacity(), "all of it is used");
        held.clear();
        assert_eq!(belt.used(), 0);
        assert!(belt.open(belt.capacity()));
        assert!(!belt.take(belt.capacity()).unwrap().is_empty());
    }

    #[test]
    fn a_part_outlives_its_belt() {
        let mut belt = Belt::new(PAGE_BYTES).unwrap();
        assert!(belt.open(PAGE_BYTES));
        belt.take(PAGE_BYTES).unwrap().fill(3);
        let part = belt.seal().unwrap();
        assert!(!belt.open(1), "all of it is held");
        drop(belt);
        assert!(part.iter().all(|byte| *byte == 3));
        assert_eq!(Part::whole(Pages::of(&[1, 2]).unwrap()).len(), PAGE_BYTES);
    }
}
