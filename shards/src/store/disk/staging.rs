//! Memory in which records wait to be written, and from which they are read meanwhile.
//!
//! | phase | where | who may |
//! |---|---|---|
//! | open | the open part of the belt; one block at most | append behind what is there |
//! | sealed | `sealed`, and a job of the writer | read |
//! | free | the rest of the belt | be begun anew |
//!
//! A block is what is written at once: pages that follow one another, here and on the device. With
//! no room for another, nothing is admitted.

use crate::rt::{Belt, Part};
use ringside_engine::store::disk::PAGE;
use ringside_engine::time::Mono;
use std::collections::VecDeque;

/// The largest fragment with its head.
const LARGEST: usize = (1 << 20) + (128 << 10);
/// With so much, a log takes records of any size, and one while another is written.
pub(super) const ENOUGH_BYTES: usize = 2 * LARGEST;
/// Records go to one block up to here: more at once makes no disk faster, but reads wait. One that
/// is larger has a block of its own.
const BLOCK_BYTES_MAX: usize = 1 << 20;
/// An open block of so many bytes is worth a write.
const WRITE_FROM_BYTES: usize = 512 << 10;

/// What of one log waits to be written.
pub(super) struct Staging {
    belt: Belt,
    open: Option<Open>,
    sealed: VecDeque<Sealed>,
}

struct Open {
    /// Its first page in the circle.
    page: u32,
    began: Mono,
}

/// A part of a segment that waits to be written.
struct Sealed {
    /// Its first page in the circle.
    page: u32,
    part: Part,
}

impl Staging {
    /// Of so many bytes; `None` when the machine has no memory.
    pub(super) fn new(bytes: usize) -> Option<Staging> {
        Some(Staging {
            belt: Belt::new(bytes)?,
            open: None,
            sealed: VecDeque::new(),
        })
    }

    /// Pages that one record may have.
    pub(super) fn pages_max(&self) -> u32 {
        (self.belt.capacity() / PAGE) as u32
    }

    /// The open block has room for so many pages.
    pub(super) fn fits(&mut self, pages: u32) -> bool {
        let (bytes, used) = (pages as usize * PAGE, self.open_bytes());
        let is_small = used == 0 || used + bytes <= BLOCK_BYTES_MAX;
        self.open.is_some() && is_small && bytes <= self.belt.room()
    }

    /// Begins a block at a page of the circle, with room for so many; `false` when there is none.
    /// No block is open.
    pub(super) fn begin(&mut self, page: u32, pages: u32, now: Mono) -> bool {
        debug_assert!(self.open.is_none(), "a block is sealed before the next");
        let opened = self.belt.open(pages as usize * PAGE);
        self.open = opened.then_some(Open { page, began: now });
        opened
    }

    /// The next pages of the open block, in which they fit.
    pub(super) fn take(&mut self, pages: u32) -> Option<&mut [u8]> {
        self.belt.take(pages as usize * PAGE)
    }

    /// Bytes in the open block.
    pub(super) fn open_bytes(&self) -> usize {
        self.belt.opened().len()
    }

    /// The open block should be written: there is enough of it, or no room for much more.
    pub(super) fn is_worth_writing(&self) -> bool {
        self.open_bytes() >= WRITE_FROM_BYTES.min(self.belt.capacity() / 4)
    }

    /// Less than half of the memory is in use.
    pub(super) fn is_at_ease(&mut self) -> bool {
        self.belt.used() < self.belt.capacity() / 2
    }

    /// When the open block was begun.
    pub(super) fn began(&self) -> Option<Mono> {
        self.open.as_ref().map(|open| open.began)
    }

    /// Closes the open block: where it begins, and what is to be written. It can be read here until
    /// [`Staging::written`] tells of it.
    pub(super) fn seal(&mut self) -> Option<(u32, Part)> {
        let open = self.open.take()?;
        let part = self.belt.seal()?;
        self.sealed.push_back(Sealed {
            page: open.page,
            part: part.clone(),
        });
        Some((open.page, part))
    }

    /// The sealed block that begins at this page is on the device.
    pub(super) fn written(&mut self, page: u32) {
        self.sealed.retain(|sealed| sealed.page != page);
    }

    /// The bytes of pages that are not written yet, to the end of their block.
    pub(super) fn find(&self, page: u32) -> Option<&[u8]> {
        let open = self.open.iter();
        let open = open.map(|open| (open.page, self.belt.opened()));
        let sealed = self.sealed.iter();
        let sealed = sealed.map(|sealed| (sealed.page, &*sealed.part));
        open.chain(sealed).find_map(|(first, bytes)| {
            let from = page.checked_sub(first)? as usize * PAGE;
            bytes.get(from..).filter(|bytes| !bytes.is_empty())
        })
    }

    /// Forgets what waits. What the writer still has is free again when it lets go of it.
    pub(super) fn clear(&mut self) {
        self.open = None;
        self.belt.drop_open();
        self.sealed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_and_found_until_it_is_written() {
        let mut staging = Staging::new(16 * PAGE).unwrap();
        assert_eq!(staging.pages_max(), 16);
        let mut parts = Vec::new();
        for first in [17, 21, 25, 29] {
            assert!(!staging.fits(1), "no block is open");
            assert!(staging.begin(first, 4, Mono(0)));
            staging.take(4).unwrap().fill(first as u8);
            assert_eq!(staging.fits(1), first != 29);
            parts.push(staging.seal().unwrap());
        }
        assert!(!staging.begin(33, 1, Mono(0)) && !staging.is_at_ease());
        assert_eq!(staging.find(16), None);
        assert_eq!(staging.find(33), None);
        assert_eq!(staging.find(21).unwrap()[0], 21);
        assert_eq!(
            staging.find(24).unwrap().len(),
            PAGE,
            "to the end of its block"
        );
        staging.written(17);
        assert_eq!(staging.find(17), None);
        assert!(!staging.begin(33, 1, Mono(0)), "the writer still has it");
        assert_eq!(parts.remove(0).0, 17);
        assert!(staging.begin(33, 4, Mono(0)));
        assert!(staging.seal().is_none(), "an empty block is not written");
        assert!(staging.begin(33, 4, Mono(0)));
        assert!(staging.take(1).is_some());
        staging.clear();
        assert_eq!((staging.find(33), staging.find(21)), (None, None));
        parts.clear();
        assert!(staging.is_at_ease() && staging.begin(1, 16, Mono(0)));
    }

    #[test]
    fn a_block_ends_where_more_would_make_reads_wait() {
        let mut staging = Staging::new(4 << 20).unwrap();
        let large = (BLOCK_BYTES_MAX / PAGE) as u32;
        assert!(staging.begin(1, large + 9, Mono(0)));
        assert!(staging.fits(large + 9), "alone in its block");
        assert!(staging.take(1).is_some() && !staging.is_worth_writing());
        assert!(staging.fits(large - 1) && !staging.fits(large));
        assert!(staging.take(large / 2).is_some() && staging.is_worth_writing());
    }
}
