//! S3-FIFO by bytes: which entry goes next. (Yang and others, "FIFO queues are all you need for
//! cache eviction", SOSP 2023.)
//!
//! Three queues. An entry enters *small*, which may hold a tenth of the bytes. At small's end it
//! moves to *main* if it was used since, and is evicted otherwise; what is evicted there leaves
//! its fingerprint in the *ghost*. An entry whose key the ghost remembers enters main at once. At
//! main's end an entry that was used goes round again, one that was not is evicted. So what is
//! asked for once passes through a tenth of the memory and never disturbs the rest.
//!
//! This file knows slots, marks and bytes. Whether an entry was used is asked through a closure,
//! so that a use costs the hit path one bit and no list is touched.

use super::slab::{Slab, NIL};
use alloc::boxed::Box;
use alloc::vec;

/// One part in so many of the stored bytes is small's.
pub(super) const SMALL_SHARE: usize = 10;
/// Entries passed over in one eviction, at most: then the oldest goes even if it was used. When
/// everything is in use, one choice is as good as another and the shard has other work.
pub(super) const STEPS_MAX: usize = 64;

/// The bit of a mark that tells the queue; the others are hash.
const IN_MAIN: u32 = 1 << 31;
/// The bits of a mark that are hash.
pub(super) const HASH_BITS: u32 = IN_MAIN - 1;

/// One queue: linked through the slab, oldest to newest.
#[derive(Clone, Copy, Debug)]
struct Queue {
    oldest: u32,
    newest: u32,
    bytes: usize,
}

impl Queue {
    const EMPTY: Queue = Queue {
        oldest: NIL,
        newest: NIL,
        bytes: 0,
    };
}

/// The queues and what they remember.
pub(super) struct Queues {
    small: Queue,
    main: Queue,
    ghost: Ghost,
    budget_bytes: usize,
}

impl Queues {
    pub(super) fn new(budget_bytes: usize) -> Self {
        Queues {
            small: Queue::EMPTY,
            main: Queue::EMPTY,
            ghost: Ghost::default(),
            budget_bytes,
        }
    }

    /// Bytes of everything queued.
    pub(super) fn bytes(&self) -> usize {
        self.small.bytes + self.main.bytes
    }

    /// What entries may take together.
    pub(super) fn budget_bytes(&self) -> usize {
        self.budget_bytes
    }

    /// Bytes allocated beside the slab.
    pub(super) fn allocated_bytes(&self) -> usize {
        size_of_val(&*self.ghost.buckets)
    }

    /// Queues a new entry of `cost` bytes.
    pub(super) fn enter<T>(&mut self, slab: &mut Slab<T>, slot: u32, cost: usize) {
        let Some(hash) = slab.node(slot).map(|node| node.mark & HASH_BITS) else {
            return;
        };
        let known = self.ghost.forget(hash);
        self.push(slab, slot, cost, known);
    }

    /// Unlinks an entry from its queue.
    pub(super) fn leave<T>(&mut self, slab: &mut Slab<T>, slot: u32, cost: usize) {
        let Some(node) = slab.node(slot) else { return };
        let (newer, older, in_main) = (node.newer, node.older, node.mark & IN_MAIN != 0);
        let queue = if in_main {
            &mut self.main
        } else {
            &mut self.small
        };
        debug_assert!(
            queue.bytes >= cost,
            "a cost changed while its entry was stored"
        );
        queue.bytes = queue.bytes.saturating_sub(cost);
        match slab.node_mut(newer) {
            Some(node) => node.older = older,
            None => queue.newest = older,
        }
        match slab.node_mut(older) {
            Some(node) => node.newer = newer,
            None => queue.oldest = newer,
        }
    }

    /// The next victim; still queued. `look` reads and clears whether an entry was used, and
    /// gives its cost.
    pub(super) fn victim<T>(
        &mut self,
        slab: &mut Slab<T>,
        look: impl Fn(&T) -> (bool, usize),
    ) -> Option<u32> {
        for step in 0..=STEPS_MAX {
            // A share of what is stored, not of the budget: connections and bodies on their way
            // may hold much of that.
            let share = self.bytes().min(self.budget_bytes) / SMALL_SHARE;
            let from_small = self.small.bytes > share || self.main.oldest == NIL;
            let slot = if from_small {
                self.small.oldest
            } else {
                self.main.oldest
            };
            let (used, cost) = look(slab.entry(slot)?);
            if used && step < STEPS_MAX {
                self.leave(slab, slot, cost);
                self.push(slab, slot, cost, true);
                continue;
            }
            if from_small {
                if let Some(hash) = slab.node(slot).map(|node| node.mark & HASH_BITS) {
                    self.ghost.remember(hash, slab.len());
                }
            }
            return Some(slot);
        }
        None
    }

    fn push<T>(&mut self, slab: &mut Slab<T>, slot: u32, cost: usize, to_main: bool) {
        let queue = if to_main {
            &mut self.main
        } else {
            &mut self.small
        };
        let before = queue.newest;
        queue.newest = slot;
        queue.bytes += cost;
        match slab.node_mut(before) {
            Some(node) => node.newer = slot,
            None => queue.oldest = slot,
        }
        if let Some(node) = slab.node_mut(slot) {
            node.older = before;
            node.newer = NIL;
            node.mark = node.mark & HASH_BITS | if to_main { IN_MAIN } else { 0 };
        }
    }

    #[cfg(test)]
    pub(super) fn walk<T>(&self, slab: &Slab<T>) -> [(alloc::vec::Vec<u32>, usize); 2] {
        [self.small, self.main].map(|queue| {
            let mut slots = alloc::vec::Vec::new();
            let mut at = queue.oldest;
            let mut before = NIL;
            while let Some(node) = slab.node(at) {
                assert_eq!(node.older, before, "links agree both ways");
                assert!(slots.len() < slab.len(), "a queue has no circle");
                slots.push(at);
                (before, at) = (at, node.newer);
            }
            assert_eq!(queue.newest, before);
            (slots, queue.bytes)
        })
    }

    #[cfg(test)]
    pub(super) fn ghost(&self) -> &Ghost {
        &self.ghost
    }
}

/// Fingerprints of what was evicted from small, about as many as entries are stored.
///
/// Buckets of eight, each a queue of its own: a fingerprint is put in front and pushes the last
/// one out. One bucket is one half of a cache line; no pointers, no separate order. The bucket is
/// chosen by the fingerprint's high bits, so that the table can double in place.
#[derive(Default)]
pub(super) struct Ghost {
    buckets: Box<[[u32; WAYS]]>,
}

const WAYS: usize = 8;
/// Fewest buckets once there is any.
const BUCKETS_MIN: usize = 8;
/// No fingerprint.
const NONE: u32 = 0;

impl Ghost {
    /// Remembers a hash; `entries` are stored now.
    fn remember(&mut self, hash: u32, entries: usize) {
        self.grow(entries);
        // Another variant of the key may have left it here: once is enough.
        self.forget(hash);
        let fingerprint = fingerprint(hash);
        let at = self.bucket_of(fingerprint);
        if let Some(bucket) = self.buckets.get_mut(at) {
            bucket.copy_within(..WAYS - 1, 1);
            if let Some(first) = bucket.first_mut() {
                *first = fingerprint;
            }
        }
    }

    /// Was this hash remembered? Not any more after this.
    fn forget(&mut self, hash: u32) -> bool {
        let fingerprint = fingerprint(hash);
        let at = self.bucket_of(fingerprint);
        let Some(bucket) = self.buckets.get_mut(at) else {
            return false;
        };
        let Some(way) = bucket.iter().position(|held| *held == fingerprint) else {
            return false;
        };
        bucket.copy_within(way + 1.., way);
        if let Some(last) = bucket.last_mut() {
            *last = NONE;
        }
        true
    }

    /// The high bits of a fingerprint, as many as number the buckets (a power of two).
    fn bucket_of(&self, fingerprint: u32) -> usize {
        let bits = self.buckets.len().checked_ilog2().unwrap_or(0);
        (u64::from(fingerprint) << bits >> 32) as usize
    }

    /// Room for about one fingerprint per stored entry.
    fn grow(&mut self, entries: usize) {
        let wanted = (entries / WAYS).next_power_of_two().max(BUCKETS_MIN);
        while self.buckets.len() < wanted {
            if self.buckets.is_empty() {
                self.buckets = vec![[NONE; WAYS]; wanted].into_boxed_slice();
                return;
            }
            let old = core::mem::take(&mut self.buckets);
            self.buckets = vec![[NONE; WAYS]; old.len() * 2].into_boxed_slice();
            // Each bucket splits in two and keeps its order: the last in is put first.
            for fingerprint in old.iter().flat_map(|bucket| bucket.iter().rev()) {
                let at = self.bucket_of(*fingerprint);
                if let (false, Some(bucket)) = (*fingerprint == NONE, self.buckets.get_mut(at)) {
                    bucket.copy_within(..WAYS - 1, 1);
                    bucket[0] = *fingerprint;
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buckets.len() * WAYS
    }

    #[cfg(test)]
    pub(super) fn knows(&self, hash: u32) -> bool {
        let fingerprint = fingerprint(hash);
        self.buckets
            .get(self.bucket_of(fingerprint))
            .is_some_and(|bucket| bucket.contains(&fingerprint))
    }
}

/// A hash spread over all bits, never [`NONE`].
fn fingerprint(hash: u32) -> u32 {
    hash.wrapping_mul(0x9E37_79B1).max(1)
}
