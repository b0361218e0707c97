//! Entries in numbered slots that never move, with the links that thread them into lists.
//!
//! Pages of fixed size: growing copies nothing, so no insert stalls a shard, and wastes at most
//! one page. Slots that were emptied are used again, the last one first; pages are kept.

use alloc::vec::Vec;

/// Names an entry from its insertion to its removal. After that it may name another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// No slot.
pub(super) const NIL: u32 = u32::MAX;
/// Nodes in one page.
const PAGE: usize = 1024;

/// An entry and its links: 16 bytes beside the entry.
pub(super) struct Node<T> {
    /// Empty in a free slot.
    pub(super) entry: Option<T>,
    /// The neighbour in its queue that came after it; in a free slot, the next free one.
    pub(super) newer: u32,
    /// The neighbour in its queue that came before it.
    pub(super) older: u32,
    /// The next variant of the same key.
    pub(super) variant: u32,
    /// Bits of the key's hash, and which queue it is in.
    pub(super) mark: u32,
}

/// The slots.
pub(super) struct Slab<T> {
    pages: Vec<Vec<Node<T>>>,
    free: u32,
    used: usize,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Slab {
            pages: Vec::new(),
            free: NIL,
            used: 0,
        }
    }

    /// Slots in use.
    pub(super) fn len(&self) -> usize {
        self.used
    }

    pub(super) fn node(&self, slot: u32) -> Option<&Node<T>> {
        self.pages
            .get(slot as usize / PAGE)?
            .get(slot as usize % PAGE)
    }

    pub(super) fn node_mut(&mut self, slot: u32) -> Option<&mut Node<T>> {
        self.pages
            .get_mut(slot as usize / PAGE)?
            .get_mut(slot as usize % PAGE)
    }

    pub(super) fn entry(&self, slot: u32) -> Option<&T> {
        self.node(slot)?.entry.as_ref()
    }

    /// Puts an entry into a free slot.
    pub(super) fn put(&mut self, entry: T, mark: u32) -> u32 {
        let node = Node {
            entry: Some(entry),
            newer: NIL,
            older: NIL,
            variant: NIL,
            mark,
        };
        self.used += 1;
        let free = self.free;
        if let Some(place) = self.node_mut(free) {
            let next = place.newer;
            *place = node;
            self.free = next;
            return free;
        }
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let page = self.pages.len() - 1;
        let place = self.pages.get_mut(page).map_or(0, |nodes| {
            nodes.push(node);
            nodes.len() - 1
        });
        // 2^32 entries would need 100 GB for their nodes alone: memory ends before numbers do.
        (page * PAGE + place) as u32
    }

    /// Empties a slot whose links are undone.
    pub(super) fn take(&mut self, slot: u32) -> Option<T> {
        let free = self.free;
        let node = self.node_mut(slot)?;
        let entry = node.entry.take()?;
        node.newer = free;
        self.free = slot;
        self.used -= 1;
        Some(entry)
    }

    /// All entries, by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        self.pages
            .iter()
            .flatten()
            .enumerate()
            .filter_map(|(slot, node)| {
                // Every slot was numbered by `put`.
                Some((Slot(slot as u32), node.entry.as_ref()?))
            })
    }

    /// Bytes allocated.
    pub(super) fn allocated_bytes(&self) -> usize {
        let nodes: usize = self.pages.iter().map(Vec::capacity).sum();
        nodes * size_of::<Node<T>>() + self.pages.capacity() * size_of::<Vec<Node<T>>>()
    }

    /// Slots in use, empty ones, and how many of those the free list reaches.
    #[cfg(test)]
    pub(super) fn census(&self) -> (usize, usize, usize) {
        let empty = self
            .pages
            .iter()
            .flatten()
            .filter(|node| node.entry.is_none())
            .count();
        let mut listed = 0;
        let mut at = self.free;
        while let Some(node) = self.node(at) {
            assert!(node.entry.is_none());
            listed += 1;
            at = node.newer;
        }
        (self.used, empty, listed)
    }

    /// Takes everything out and gives the pages back.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.free = NIL;
        self.used = 0;
        core::mem::take(&mut self.pages)
            .into_iter()
            .flatten()
            .filter_map(|node| node.entry)
    }
}
