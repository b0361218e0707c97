//! S3-FIFO by bytes, with four turns of our own: which entry goes next. (Yang and others, "FIFO
//! queues are all you need for cache eviction", SOSP 2023.)
//!
//! Three queues. An entry enters *small*, which may hold a part of the bytes. At small's end it
//! moves to *main* if it was used often enough since, and is evicted otherwise. At main's end an
//! entry that has a use left pays with it for another round; one that has none is evicted. What is
//! evicted leaves its fingerprint in the *ghost*. An entry whose key the ghost remembers enters
//! main at once. So what is asked for once passes through a part of the memory and never disturbs
//! the rest.
//!
//! Where we leave the paper; each was measured (docs/eviction.md):
//! - **Small's part moves**, between a twentieth and nine tenths. An entry that comes back after
//!   small let it go says that small is too small, one that main let go says that main is: as in
//!   ARC (Megiddo and Modha, FAST 2003), a rare sign weighs more than a frequent one.
//! - **An entry that is small for its time** (less than half of the mean) needs one use, not two,
//!   to move to main, and its uses there are not spent while it is used. It is cheap to keep and
//!   answers as many requests as a large one. One of more than eight times the mean needs three.
//! - **The first filling** goes to main as soon as small has a tenth of the budget: there is room.
//! - One eviction passes over few entries, then takes the next.
//!
//! This file knows slots, marks and bytes. How often an entry was used is asked through a closure,
//! so that a use costs the hit path two bits and no list is touched.

use super::slab::{Slab, NIL};
use alloc::boxed::Box;
use alloc::vec;

/// One part in so many of the stored bytes is small's, to begin with.
pub(super) const SMALL_SHARE: usize = 10;
/// Entries passed over in one eviction, at most: then the oldest goes even if it was used. When
/// everything is in use, one choice is as good as another and the shard has other work.
pub(super) const STEPS_MAX: usize = 64;

/// The bit of a mark that tells the queue.
const IN_MAIN: u32 = 1 << 31;
/// From this bit on, two that count the uses left.
const USES_SHIFT: u32 = 29;
/// Most uses that are counted.
pub(super) const USES_MAX: u32 = 3;
/// The bits of a mark that are hash.
pub(super) const HASH_BITS: u32 = (1 << USES_SHIFT) - 1;

/// What parts are parts of.
const WHOLE: u64 = 1 << 32;
/// Bounds of small's part.
const PARTS: core::ops::RangeInclusive<u64> = WHOLE / 20..=WHOLE / 10 * 9;

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
    share: Share,
    budget_bytes: usize,
    /// Something was evicted already.
    is_full: bool,
}

impl Queues {
    pub(super) fn new(budget_bytes: usize) -> Self {
        Queues {
            small: Queue::EMPTY,
            main: Queue::EMPTY,
            ghost: Ghost::default(),
            share: Share::default(),
            budget_bytes,
            is_full: false,
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
        let left = self.ghost.forget(hash);
        if let Some(left) = left {
            self.share.learn(left, cost, self.bytes());
        }
        let filling = !self.is_full && self.small.bytes > self.budget_bytes / SMALL_SHARE;
        let size = Size::of(cost, self.bytes(), slab.len());
        let to_main = left.is_some() || filling;
        self.push(slab, slot, cost, to_main.then(|| size.uses_given()));
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

    /// The next victim; still queued. `look` reads and clears how often an entry was used, and
    /// gives its cost.
    pub(super) fn victim<T>(
        &mut self,
        slab: &mut Slab<T>,
        look: impl Fn(&T) -> (u8, usize),
    ) -> Option<u32> {
        self.is_full = true;
        for step in 0..=STEPS_MAX {
            // A share of what is stored, not of the budget: connections and bodies on their way
            // may hold much of that.
            let share = self.share.of(self.bytes().min(self.budget_bytes));
            let from_small = self.small.bytes > share || self.main.oldest == NIL;
            let slot = if from_small {
                self.small.oldest
            } else {
                self.main.oldest
            };
            let (used, cost) = look(slab.entry(slot)?);
            let mark = slab.node(slot).map_or(0, |node| node.mark);
            let size = Size::of(cost, self.bytes(), slab.len());
            let stays = if from_small {
                size.promoted(used)
            } else {
                size.another_round(mark >> USES_SHIFT & USES_MAX, used)
            };
            if let (Some(uses), true) = (stays, step < STEPS_MAX) {
                self.leave(slab, slot, cost);
                self.push(slab, slot, cost, Some(uses));
                continue;
            }
            let left = if from_small { Left::Small } else { Left::Main };
            self.share.left(left, slab.len());
            self.ghost.remember(mark & HASH_BITS, left, slab.len());
            return Some(slot);
        }
        None
    }

    /// An entry came to main: by a use, or since the ghost remembered it.
    pub(super) fn is_in_main<T>(&self, slab: &Slab<T>, slot: u32) -> bool {
        slab.node(slot).is_some_and(|node| node.mark & IN_MAIN != 0)
    }

    /// To the front of a queue: of main with so many uses left, or of small.
    fn push<T>(&mut self, slab: &mut Slab<T>, slot: u32, cost: usize, to_main: Option<u32>) {
        let queue = if to_main.is_some() {
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
            let queue = to_main.map_or(0, |uses| IN_MAIN | uses << USES_SHIFT);
            node.mark = node.mark & HASH_BITS | queue;
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

/// An entry's bytes beside those of the others.
#[derive(Clone, Copy)]
enum Size {
    Small,
    Middle,
    Large,
}

impl Size {
    fn of(cost: usize, bytes: usize, entries: usize) -> Size {
        let mean = bytes / entries.max(1);
        if cost < mean / 2 {
            Size::Small
        } else if cost / 8 <= mean {
            Size::Middle
        } else {
            Size::Large
        }
    }

    /// Uses that an entry has when it comes to main.
    fn uses_given(self) -> u32 {
        match self {
            Size::Small => 1,
            Size::Middle | Size::Large => 0,
        }
    }

    /// Used so often in small: does it move to main? Then with so many uses.
    fn promoted(self, used: u8) -> Option<u32> {
        let price = match self {
            Size::Small => 1,
            Size::Middle => 2,
            Size::Large => 3,
        };
        (used >= price).then(|| self.uses_given())
    }

    /// At main's end with so many uses left and so many new ones: does it stay? Then with so many.
    fn another_round(self, left: u32, used: u8) -> Option<u32> {
        let uses = (left + u32::from(used)).min(USES_MAX);
        match self {
            Size::Small if used > 0 => Some(uses),
            _ => uses.checked_sub(1),
        }
    }
}

/// Which queue an entry was evicted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Small,
    Main,
}

/// How much of the bytes is small's.
struct Share {
    part: u64,
    /// Entries that left small and main, of late.
    small: u32,
    main: u32,
}

impl Default for Share {
    fn default() -> Self {
        Share {
            part: WHOLE / SMALL_SHARE as u64,
            small: 1,
            main: 1,
        }
    }
}

impl Share {
    fn of(&self, bytes: usize) -> usize {
        (bytes as u128 * u128::from(self.part) / u128::from(WHOLE)) as usize
    }

    /// An entry was evicted while `entries` are stored: about as many count as lately.
    fn left(&mut self, left: Left, entries: usize) {
        match left {
            Left::Small => self.small += 1,
            Left::Main => self.main += 1,
        }
        if self.small as usize + self.main as usize > entries.max(2) {
            self.small = (self.small / 2).max(1);
            self.main = (self.main / 2).max(1);
        }
    }

    /// An entry came back that had been evicted: the part moves by its own bytes, and by more when
    /// few are evicted there.
    fn learn(&mut self, left: Left, cost: usize, bytes: usize) {
        let step = cost as u128 * u128::from(WHOLE) / bytes.max(1) as u128;
        let (often, seldom) = match left {
            Left::Small => (self.main, self.small),
            Left::Main => (self.small, self.main),
        };
        let step = step * u128::from(often.max(seldom)) / u128::from(seldom);
        let step = u64::try_from(step).unwrap_or(WHOLE).min(WHOLE);
        self.part = match left {
            Left::Small => self.part + step,
            Left::Main => self.part.saturating_sub(step),
        }
        .clamp(*PARTS.start(), *PARTS.end());
    }
}

/// Fingerprints of what was evicted, about as many as entries are stored, and from which queue: that
/// is a fingerprint's last bit.
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
    fn remember(&mut self, hash: u32, left: Left, entries: usize) {
        self.grow(entries);
        // Another variant of the key may have left it here: once is enough.
        self.forget(hash);
        let fingerprint = fingerprint(hash);
        let at = self.bucket_of(fingerprint);
        if let Some(bucket) = self.buckets.get_mut(at) {
            bucket.copy_within(..WAYS - 1, 1);
            if let Some(first) = bucket.first_mut() {
                *first = fingerprint | u32::from(left == Left::Main);
            }
        }
    }

    /// Was this hash remembered, and where from? Not any more after this.
    fn forget(&mut self, hash: u32) -> Option<Left> {
        let fingerprint = fingerprint(hash);
        let at = self.bucket_of(fingerprint);
        let bucket = self.buckets.get_mut(at)?;
        let way = bucket.iter().position(|held| *held & !1 == fingerprint)?;
        let from_main = bucket.get(way).is_some_and(|held| held & 1 != 0);
        bucket.copy_within(way + 1.., way);
        if let Some(last) = bucket.last_mut() {
            *last = NONE;
        }
        Some(if from_main { Left::Main } else { Left::Small })
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
    pub(super) fn knows(&self, hash: u32) -> Option<Left> {
        let fingerprint = fingerprint(hash);
        let bucket = self.buckets.get(self.bucket_of(fingerprint))?;
        let held = bucket.iter().find(|held| **held & !1 == fingerprint)?;
        Some(if held & 1 != 0 {
            Left::Main
        } else {
            Left::Small
        })
    }
}

/// A hash spread over all bits but the last, never [`NONE`].
fn fingerprint(hash: u32) -> u32 {
    (hash.wrapping_mul(0x9E37_79B1) & !1).max(2)
}
