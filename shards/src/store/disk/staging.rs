//! Memory in which records wait to be written, and from which they are read meanwhile.
//!
//! | phase | where | who may |
//! |---|---|---|
//! | open | `open`; one at most | append behind what is there |
//! | sealed | `sealed`, and a job of the writer | read |
//! | free | `free` | be begun anew |
//!
//! There are so many blocks and no more: with none free, nothing is admitted.

use crate::rt::Pages;
use ringside_engine::store::disk::PAGE;
use ringside_engine::time::Mono;
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

/// Blocks that one log has, at least: one is written while another fills.
const BLOCKS_MIN: usize = 2;
/// The largest fragment with its head.
const LARGEST: usize = (1 << 20) + (128 << 10);
/// With so much, a log takes records of any size.
pub(super) const ENOUGH_BYTES: usize = BLOCKS_MIN * LARGEST;
/// A block is no larger than this: more at once makes no disk faster, but reads wait.
const BLOCK_BYTES_MAX: usize = 2 << 20;

/// One log's blocks.
pub(super) struct Staging {
    block_bytes: usize,
    /// Blocks that may still be made.
    unmade: usize,
    free: Vec<Pages>,
    open: Option<Block>,
    sealed: VecDeque<Sealed>,
}

struct Block {
    memory: Pages,
    /// Its first page in the circle.
    page: u32,
    used: usize,
    began: Mono,
}

/// A part of a segment that waits to be written.
pub(super) struct Sealed {
    pub(super) memory: Rc<Pages>,
    /// Its first page in the circle.
    pub(super) page: u32,
    /// Bytes of it that are used.
    pub(super) used: usize,
}

impl Staging {
    /// Blocks of `bytes` together; `None` when that is too little for any.
    pub(super) fn new(bytes: usize) -> Option<Staging> {
        // Four blocks, or fewer of a size that holds the largest fragment with its head.
        let block = (bytes / 4).max(LARGEST.min(bytes / BLOCKS_MIN));
        let block_bytes = block.min(BLOCK_BYTES_MAX) / PAGE * PAGE;
        (block_bytes > 0).then(|| Staging {
            block_bytes,
            unmade: bytes / block_bytes,
            free: Vec::new(),
            open: None,
            sealed: VecDeque::new(),
        })
    }

    /// Pages that one record may have.
    pub(super) fn pages_max(&self) -> u32 {
        (self.block_bytes / PAGE) as u32
    }

    /// The open block has room for so many pages.
    pub(super) fn fits(&self, pages: u32) -> bool {
        let bytes = pages as usize * PAGE;
        let open = self.open.as_ref();
        open.is_some_and(|open| open.used + bytes <= self.block_bytes)
    }

    /// Begins a block at a page of the circle; `false` when none is free. There is no open one.
    pub(super) fn begin(&mut self, page: u32, now: Mono) -> bool {
        debug_assert!(self.open.is_none(), "a block is sealed before the next");
        let memory = self.free.pop().or_else(|| {
            self.unmade = self.unmade.checked_sub(1)?;
            let made = Pages::zeroed(self.block_bytes);
            self.unmade += usize::from(made.is_none());
            made
        });
        let Some(memory) = memory else { return false };
        self.open = Some(Block {
            memory,
            page,
            used: 0,
            began: now,
        });
        true
    }

    /// The next pages of the open block, in which they fit.
    pub(super) fn take(&mut self, pages: u32) -> Option<&mut [u8]> {
        let open = self.open.as_mut()?;
        let from = open.used;
        let to = from + pages as usize * PAGE;
        let memory = open.memory.get_mut(from..to)?;
        open.used = to;
        Some(memory)
    }

    /// Bytes in the open block.
    pub(super) fn open_bytes(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.used)
    }

    /// When the open block was begun.
    pub(super) fn began(&self) -> Option<Mono> {
        self.open.as_ref().map(|open| open.began)
    }

    /// Closes the open block. What it gives is to be written, and then told of by
    /// [`Staging::written`].
    pub(super) fn seal(&mut self) -> Option<&Sealed> {
        let open = self.open.take()?;
        if open.used == 0 {
            self.free.push(open.memory);
            return None;
        }
        self.sealed.push_back(Sealed {
            memory: Rc::new(open.memory),
            page: open.page,
            used: open.used,
        });
        self.sealed.back()
    }

    /// A sealed block is on the device; it can be begun again.
    pub(super) fn written(&mut self, memory: Rc<Pages>) {
        self.sealed
            .retain(|sealed| !Rc::ptr_eq(&sealed.memory, &memory));
        match Rc::try_unwrap(memory) {
            Ok(memory) => self.free.push(memory),
            // Somebody still reads it; another may be made.
            Err(_) => self.unmade += 1,
        }
    }

    /// The bytes of pages that are not written yet, to the end of their block.
    pub(super) fn find(&self, page: u32) -> Option<&[u8]> {
        let within = |first: u32, used: usize| -> Option<Range<usize>> {
            let from = page.checked_sub(first)? as usize * PAGE;
            (from < used).then_some(from..used)
        };
        let open = self
            .open
            .iter()
            .map(|open| (&*open.memory, open.page, open.used));
        let sealed = self
            .sealed
            .iter()
            .map(|sealed| (&**sealed.memory, sealed.page, sealed.used));
        open.chain(sealed)
            .find_map(|(memory, first, used)| memory.get(within(first, used)?))
    }

    /// Forgets what waits. Blocks that the writer still has come back by [`Staging::written`].
    pub(super) fn clear(&mut self) {
        if let Some(open) = self.open.take() {
            self.free.push(open.memory);
        }
        for sealed in self.sealed.drain(..) {
            match Rc::try_unwrap(sealed.memory) {
                Ok(memory) => self.free.push(memory),
                Err(_) => self.unmade += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_bounded_and_come_back() {
        let mut staging = Staging::new(64 * 1024).unwrap();
        let pages = staging.pages_max();
        let mut sealed = Vec::new();
        let mut page = 17;
        while staging.begin(page, Mono(0)) {
            assert!(staging.fits(pages) && !staging.fits(pages + 1));
            staging.take(pages).unwrap().fill(sealed.len() as u8 + 1);
            assert!(!staging.fits(1));
            sealed.push(staging.seal().unwrap().memory.clone());
            page += pages;
        }
        assert!(sealed.len() >= 2);
        assert_eq!(staging.find(16), None);
        assert_eq!(staging.find(17 + pages).unwrap()[0], 2);
        assert_eq!(
            staging.find(17 + 2 * pages - 1).unwrap().len(),
            PAGE,
            "to the end of its block"
        );
        staging.written(sealed.remove(0));
        assert_eq!(staging.find(17), None);
        assert!(staging.begin(page, Mono(0)));
        assert!(staging.seal().is_none(), "an empty block is not written");
        assert!(staging.begin(page, Mono(0)));
        assert!(staging.take(1).is_some());
        staging.clear();
        assert_eq!(staging.find(page), None);
    }
}
