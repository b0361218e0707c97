//! A dense array of entries in order of tags, in blocks of one size.
//!
//! All blocks of all tables are of the same size, so whatever one table gives back, another can
//! have: arrays of growing sizes would leave holes that fit nothing, as many as a third of the
//! whole. Only the last block has room left. An insert moves what stands behind it by one place,
//! block after block.

use super::Entry;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

/// Entries in a block: 216 bytes, so that 8 of the allocator's own fit into the 224 that it keeps.
const BLOCK: usize = 18;
/// Bytes that a block takes of the allocator's.
const BLOCK_BYTES: usize = 224;
const _: () = assert!(size_of::<Block>() + 8 == BLOCK_BYTES);

type Block = [Entry; BLOCK];

/// Entries in order of tags.
#[derive(Default)]
pub(super) struct Table {
    // Each by itself, and not one array: see above.
    #[allow(clippy::vec_box)]
    blocks: Vec<Box<Block>>,
    entries: u32,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.entries as usize
    }

    pub(super) fn get(&self, at: usize) -> Option<&Entry> {
        let block = self.blocks.get(at / BLOCK)?;
        block.get(at % BLOCK).filter(|_| at < self.len())
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Entry> {
        let is_there = at < self.len();
        let block = self.blocks.get_mut(at / BLOCK)?;
        block.get_mut(at % BLOCK).filter(|_| is_there)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.blocks
            .iter()
            .flat_map(|block| block.iter())
            .take(self.len())
    }

    /// Puts an entry at `at`, which is at most the length.
    pub(super) fn insert(&mut self, at: usize, entry: Entry) {
        if self.len() == self.blocks.len() * BLOCK {
            self.add_block();
        }
        let mut carried = entry;
        let mut from = at % BLOCK;
        for block in self.blocks.iter_mut().skip(at / BLOCK) {
            let last = block[BLOCK - 1];
            block.copy_within(from..BLOCK - 1, from + 1);
            block[from] = carried;
            (carried, from) = (last, 0);
        }
        self.entries += 1;
    }

    /// Takes out the entry at `at`.
    pub(super) fn remove(&mut self, at: usize) -> Option<Entry> {
        let removed = *self.get(at)?;
        let mut from = at % BLOCK;
        for block in at / BLOCK..self.blocks.len() {
            let next = self.blocks.get(block + 1).map(|next| next[0]);
            let block = self.blocks.get_mut(block)?;
            block.copy_within(from + 1.., from);
            if let Some(next) = next {
                block[BLOCK - 1] = next;
            }
            from = 0;
        }
        self.entries -= 1;
        self.give_back();
        Some(removed)
    }

    /// Takes out what `keep` does not want.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Entry) -> bool) {
        let mut kept = 0;
        for at in 0..self.len() {
            let Some(entry) = self.get(at).copied() else {
                break;
            };
            if keep(&entry) {
                if let Some(place) = self.get_mut(kept) {
                    *place = entry;
                }
                kept += 1;
            }
        }
        self.entries = kept as u32;
        self.give_back();
    }

    /// Adds entries in order of tags; of equal tags, those that were here stay first.
    pub(super) fn merge(&mut self, batch: &[Entry]) {
        let mut old = self.len();
        while self.len() + batch.len() > self.blocks.len() * BLOCK {
            self.add_block();
        }
        self.entries += batch.len() as u32;
        // From the end on, so that nothing is written over before it was moved.
        let mut new = batch.len();
        while new > 0 {
            let held = old.checked_sub(1).and_then(|at| self.get(at)).copied();
            let given = batch.get(new - 1).copied();
            let later = match (held, given) {
                (Some(held), Some(given)) if held.tag() > given.tag() => {
                    old -= 1;
                    Some(held)
                }
                _ => {
                    new -= 1;
                    given
                }
            };
            if let (Some(place), Some(entry)) = (self.get_mut(old + new), later) {
                *place = entry;
            }
        }
    }

    /// Where the entries with this tag are, or would be put. `part` of 2^32 is about where: tags
    /// are spread evenly, so that is off by the square root of the length or so. From there in
    /// doubling steps, then by halves.
    pub(super) fn run(&self, tag: u64, part: u64) -> Range<usize> {
        let guess = ((part * self.len() as u64) >> 32) as usize;
        let below = |at: usize| self.get(at).is_some_and(|entry| entry.tag() < tag);
        let (mut low, mut high) = (guess, guess);
        let mut step = 8;
        if below(guess) {
            while below(high) {
                low = high + 1;
                high = (high + step).min(self.len());
                step *= 2;
            }
        } else {
            while low > 0 && !below(low - 1) {
                high = low - 1;
                low = low.saturating_sub(step);
                step *= 2;
            }
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if below(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut end = low;
        while self.get(end).is_some_and(|entry| entry.tag() == tag) {
            end += 1;
        }
        low..end
    }

    /// Bytes of its blocks, as the allocator takes them, and of the list of them.
    pub(super) fn allocated_bytes(&self) -> usize {
        let list = self.blocks.capacity() * size_of::<Box<Block>>();
        self.blocks.len() * BLOCK_BYTES + list
    }

    fn add_block(&mut self) {
        if self.blocks.len() == self.blocks.capacity() {
            let more = (self.blocks.len() / 8).max(1);
            self.blocks.reserve_exact(more);
        }
        self.blocks.push(Box::new([Entry::NONE; BLOCK]));
    }

    fn give_back(&mut self) {
        let needed = self.len().div_ceil(BLOCK);
        self.blocks.truncate(needed);
        if self.blocks.capacity() > needed + needed / 4 + 4 {
            self.blocks.shrink_to(needed + needed / 8);
        }
    }
}
