//! A shard's entries: found by key, several variants to a key, evicted by S3-FIFO or nearly so.
//!
//! | part | bytes an entry |
//! |---|---|
//! | links and mark in its node | 16 |
//! | the table: a slot of 4 and a tag of 1, at least 7/16 full | at most 11.5 |
//! | the ghost: 4 per fingerprint, up to two per entry | at most 8 |
//! | together | at most 35.5 |
//!
//! and a fixed 8 KiB. That a node's entry may be absent costs nothing when the entry is a pointer.
//! (The table's figure is for many entries; a small one has at least four places.)
//!
//! The table is many small ones, by bits of the key: when one grows, it moves few entries, so no
//! insert holds up the shard for long. Keys are keyed hashes already, so nobody outside can fill
//! one place of it, and their bits are taken as they are. Growing reads the bits kept in the
//! node, not the entries, which may lie anywhere.

use super::evict::{Queues, HASH_BITS};
use super::slab::{Slab, Slot, NIL};
use crate::key::Key;
use alloc::boxed::Box;
use hashbrown::hash_table::Entry as Place;
use hashbrown::HashTable;

/// What an index holds.
pub trait Entry {
    /// Its key. Never changes while it is stored.
    fn key(&self) -> Key;
    /// Bytes it takes. Never changes while it is stored.
    fn cost(&self) -> usize;
    /// How often it was used since this was last asked; 3 stands for more, too.
    fn take_uses(&self) -> u8;
}

/// Tables; a power of two.
const TABLES: usize = 256;

/// Entries by key, under a budget.
pub struct Index<T> {
    slab: Slab<T>,
    tables: Box<[HashTable<u32>]>,
    queues: Queues,
}

/// Where a key is looked for: its table, and the bits kept in its nodes' marks.
#[derive(Clone, Copy)]
struct Where {
    table: usize,
    mark: u32,
}

impl Where {
    fn of(key: Key) -> Where {
        let bits = key.fold();
        Where {
            table: (bits >> 56) as usize % TABLES,
            mark: bits as u32 & HASH_BITS,
        }
    }

    fn hash(self) -> u64 {
        spread(self.mark)
    }
}

/// The bits of a mark over the whole width: the table takes its place from the low bits and its
/// tag from the high ones.
fn spread(mark: u32) -> u64 {
    u64::from(mark & HASH_BITS).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl<T: Entry> Index<T> {
    /// An empty index for entries of about `budget_bytes`. It does not enforce the budget: that
    /// is for whoever inserts, by [`Index::evict`].
    #[must_use]
    pub fn new(budget_bytes: usize) -> Self {
        Index {
            slab: Slab::new(),
            tables: (0..TABLES).map(|_| HashTable::new()).collect(),
            queues: Queues::new(budget_bytes),
        }
    }

    /// The entries of a key, the newest first. Allocates nothing.
    pub fn variants(&self, key: Key) -> impl Iterator<Item = (Slot, &T)> {
        let mut next = self.head(key).unwrap_or(NIL);
        core::iter::from_fn(move || {
            let node = self.slab.node(next)?;
            let slot = Slot(next);
            next = node.variant;
            Some((slot, node.entry.as_ref()?))
        })
    }

    /// Stores an entry beside those that have its key. Evicts nothing.
    pub fn insert(&mut self, entry: T) -> Slot {
        let (key, cost) = (entry.key(), entry.cost());
        let at = Where::of(key);
        let slot = self.slab.put(entry, at.mark);
        let slab = &self.slab;
        let mut older = NIL;
        if let Some(table) = self.tables.get_mut(at.table) {
            let place = table.entry(
                at.hash(),
                |head| is(slab, *head, at, key),
                |head| spread(slab.node(*head).map_or(0, |node| node.mark)),
            );
            match place {
                Place::Occupied(mut place) => older = core::mem::replace(place.get_mut(), slot),
                Place::Vacant(place) => {
                    place.insert(slot);
                }
            }
        }
        if let Some(node) = self.slab.node_mut(slot) {
            node.variant = older;
        }
        self.queues.enter(&mut self.slab, slot, cost);
        Slot(slot)
    }

    /// Takes an entry out; `None` when the slot is empty.
    pub fn remove(&mut self, slot: Slot) -> Option<T> {
        let node = self.slab.node(slot.0)?;
        let entry = node.entry.as_ref()?;
        let (key, cost, next) = (entry.key(), entry.cost(), node.variant);
        self.unchain(key, slot.0, next);
        self.queues.leave(&mut self.slab, slot.0, cost);
        self.slab.take(slot.0)
    }

    /// Takes all entries of a key out.
    pub fn remove_all(&mut self, key: Key, mut each: impl FnMut(T)) {
        while let Some(head) = self.head(key) {
            let Some(entry) = self.remove(Slot(head)) else {
                return;
            };
            each(entry);
        }
    }

    /// Takes the next victim out; `None` when there is nothing left. Bounded work: it passes over
    /// few entries that are in use, then takes one of those.
    pub fn evict(&mut self) -> Option<T> {
        Some(self.evict_with_past()?.0)
    }

    /// The same, and whether it had been used before, here or when it was last stored: it was in
    /// main.
    pub fn evict_with_past(&mut self) -> Option<(T, bool)> {
        let look = |entry: &T| (entry.take_uses(), entry.cost());
        let victim = self.queues.victim(&mut self.slab, look)?;
        let reused = self.queues.is_in_main(&self.slab, victim);
        Some((self.remove(Slot(victim))?, reused))
    }

    /// The sum of all costs.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.queues.bytes()
    }

    /// Entries stored.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Nothing is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slab.len() == 0
    }

    /// The entries in `count` slots from `from` on, and where to go on; 0 after the last slot.
    pub fn walk(&self, from: u32, count: u32) -> (u32, impl Iterator<Item = (u32, &T)>) {
        let end = from.saturating_add(count);
        let next = if self.slab.node(end).is_some() {
            end
        } else {
            0
        };
        let entries = (from..end).filter_map(|slot| Some((slot, self.slab.entry(slot)?)));
        (next, entries)
    }

    /// All entries, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        self.slab.iter()
    }

    /// Takes everything out, and forgets what was evicted before.
    pub fn clear(&mut self, each: impl FnMut(T)) {
        let empty = Index::new(self.queues.budget_bytes());
        let mut full = core::mem::replace(self, empty);
        full.slab.drain().for_each(each);
    }

    /// Bytes allocated by the index itself, the entries' own `size_of::<T>()` included.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        let tables: usize = self.tables.iter().map(HashTable::allocation_size).sum();
        self.slab.allocated_bytes()
            + tables
            + size_of_val(&*self.tables)
            + self.queues.allocated_bytes()
    }

    fn head(&self, key: Key) -> Option<u32> {
        let at = Where::of(key);
        let table = self.tables.get(at.table)?;
        table
            .find(at.hash(), |head| is(&self.slab, *head, at, key))
            .copied()
    }

    /// Takes a slot out of the chain of its key; `next` follows it there.
    fn unchain(&mut self, key: Key, slot: u32, next: u32) {
        let at = Where::of(key);
        let slab = &self.slab;
        let Some(table) = self.tables.get_mut(at.table) else {
            return;
        };
        let Ok(mut place) = table.find_entry(at.hash(), |head| is(slab, *head, at, key)) else {
            return;
        };
        let head = *place.get();
        if head == slot {
            if next == NIL {
                place.remove();
            } else {
                *place.get_mut() = next;
            }
            return;
        }
        let mut before = head;
        while let Some(node) = self.slab.node_mut(before) {
            if node.variant == slot {
                node.variant = next;
                return;
            }
            before = node.variant;
        }
    }
}

/// Is the entry in this slot one of this key's? Its mark is looked at first: the entry may lie
/// anywhere in memory.
fn is<T: Entry>(slab: &Slab<T>, slot: u32, at: Where, key: Key) -> bool {
    slab.node(slot).is_some_and(|node| {
        node.mark & HASH_BITS == at.mark
            && node.entry.as_ref().is_some_and(|entry| entry.key() == key)
    })
}

#[cfg(test)]
mod tests;
