//! A shard's share of the memory cache: the objects whose home it is, under its budget.

use super::arena::{Budget, Filling};
use super::disk::{Behind, DiskCache};
use super::object::{Object, Parts, Resident, Version};
use super::replicas::{selects, takes_place_of};
use crate::rt;
use ringside_engine::http::Fields;
use ringside_engine::key::{Key, Seed};
use ringside_engine::store::disk::KillForce;
use ringside_engine::store::Index;
use std::rc::Rc;
use std::sync::Arc;

/// Objects that died and may have replicas: their key, and the shards to tell (bit by shard
/// modulo 32).
pub type Dead = Vec<(Key, u32)>;

/// The index and the budget of one home shard.
pub struct Memory {
    index: Index<Resident>,
    budget: &'static Budget,
    /// Replicas to be let go, collected by evictions until the shard carries them out.
    dead: Dead,
    evicted: u64,
    /// Where evicted objects go that were used, and what must forget what is replaced here.
    disk: Option<Rc<DiskCache>>,
}

/// Left for buffers of connections by what is stored or parked, at most.
const RESERVE_BYTES: usize = 1024 * 1024;
/// What one eviction round frees beyond the need, so that not every byte starts a round.
const EVICT_AHEAD_BYTES: usize = 64 * 1024;

impl Memory {
    /// An empty store under `budget`, before `disk` if there is one.
    pub fn new(budget: &'static Budget, disk: Option<Rc<DiskCache>>) -> Self {
        Memory {
            index: Index::new(budget.limit()),
            budget,
            dead: Vec::new(),
            evicted: 0,
            disk,
        }
    }

    /// The object that this request selects among the variants of `key`.
    pub fn find(&self, key: Key, seed: Seed, request: Fields<'_>) -> Option<&Arc<Object>> {
        let mut variants = self.index.variants(key);
        variants
            .find(|(_, held)| selects(&held.0, seed, request))
            .map(|(_, held)| &held.0)
    }

    /// Some variant of `key` is stored.
    pub fn has(&self, key: Key) -> bool {
        self.index.variants(key).next().is_some()
    }

    /// All variants of `key`, the newest first.
    pub fn variants(&self, key: Key) -> impl Iterator<Item = &Arc<Object>> {
        self.index.variants(key).map(|(_, held)| &held.0)
    }

    /// No other variant of its key has another Vary, so that whoever holds this one and is
    /// selected by it needs not ask for a newer one.
    pub fn is_only_kind(&self, object: &Object) -> bool {
        let names = object.notes().vary;
        let mut variants = self.index.variants(object.key());
        variants.all(|(_, held)| held.0.notes().vary == names)
    }

    /// Makes an object, evicting for its memory. `None`: there is no room even so.
    pub fn make(&mut self, parts: &Parts<'_>) -> Option<Arc<Object>> {
        let bytes = parts.head.len() + 1024 + super::object::SMALL_BODY_BYTES;
        let reserve = self.reserve();
        self.with_room(bytes, reserve, |budget| Object::new(parts, budget))
    }

    /// The same for a body of `bytes` that lies in fragments.
    pub fn make_outline(
        &mut self,
        parts: &Parts<'_>,
        bytes: u64,
        version: Version,
    ) -> Option<Arc<Object>> {
        let room = parts.head.len() + 1024;
        let reserve = self.reserve();
        self.with_room(room, reserve, |budget| {
            Object::outline(parts, bytes, version, budget)
        })
    }

    /// Puts `object` in, in the place of the variant it replaces (RFC 9111, 3 and 4.1), here and on
    /// disk. Of more variants than `variants_max`, one that was not used lately goes, the oldest
    /// first.
    pub fn put(&mut self, object: Arc<Object>, variants_max: usize) {
        self.forget_on_disk(&object);
        if let Some(disk) = self.disk.as_ref().filter(|_| object.goes_to_disk_at_once()) {
            disk.offer(&object, true);
        }
        self.put_beside_disk(object, variants_max);
    }

    /// The same for what has the body of `old`, which it replaces: a copy on disk, which is older,
    /// may stay until this one is evicted. But not where it would still be served as it is: the
    /// origin may have said otherwise since.
    pub fn put_freshened(&mut self, object: Arc<Object>, old: &Object, variants_max: usize) {
        match old.facts.is_fresh(rt::now()) {
            true => self.put(object, variants_max),
            false => self.put_beside_disk(object, variants_max),
        }
    }

    /// Puts in what was read from disk, unless something newer is there that selects the same. Of
    /// more variants than `variants_max` one goes, as when something is put in.
    pub fn give_back(&mut self, object: Arc<Object>, variants_max: usize) {
        let newer = |(_, held): (_, &Resident)| takes_place_of(&object, &held.0);
        if !self.index.variants(object.key()).any(newer) {
            self.make_place(object.key(), variants_max);
            self.index.insert(Resident(object));
        }
    }

    fn put_beside_disk(&mut self, object: Arc<Object>, variants_max: usize) {
        let key = object.key();
        let replaced: Vec<_> = self
            .index
            .variants(key)
            .filter(|(_, held)| takes_place_of(&object, &held.0))
            .map(|(slot, _)| slot)
            .collect();
        for slot in replaced {
            let old = self.index.remove(slot);
            self.bury(old);
        }
        self.make_place(key, variants_max);
        self.renew_older(&object);
        self.index.insert(Resident(object));
    }

    /// Leaves fewer than `variants_max` variants of a key, so that one more may be put in.
    fn make_place(&mut self, key: Key, variants_max: usize) {
        let mut count = self.index.variants(key).count();
        while count >= variants_max.max(1) {
            let unused = self
                .index
                .variants(key)
                .filter(|(_, held)| !held.0.is_touched());
            let Some((slot, _)) = unused.last().or_else(|| self.index.variants(key).last()) else {
                break;
            };
            let old = self.index.remove(slot);
            if let Some(Resident(old)) = &old {
                self.forget_on_disk(old);
            }
            self.bury(old);
            count -= 1;
        }
    }

    /// Where two that are stored select a request, the newer is served (RFC 9111, 4.1). A sibling
    /// that holds only the older one can't know that: so what `new` may come before is put in
    /// anew, which ends the handles to it.
    fn renew_older(&mut self, new: &Object) {
        let names = new.notes().vary;
        let mut older: Vec<_> = self
            .index
            .variants(new.key())
            .filter(|(_, held)| held.0.notes().vary != names && held.0.is_held())
            .map(|(slot, held)| (slot, held.0.clone()))
            .collect();
        // The index gives the newest first, and what is inserted last comes first.
        older.reverse();
        for (slot, object) in older {
            let copy = object.freshened(object.head(), object.notes(), object.facts);
            let old = self.index.remove(slot);
            self.bury(old);
            if let Some(copy) = copy {
                self.index.insert(Resident(copy));
            }
        }
    }

    /// The variant that `object` is must not be found on disk any more.
    fn forget_on_disk(&self, object: &Object) {
        if let Some(disk) = &self.disk {
            disk.kill(object.key(), Some(object.variant_bits()), KillForce::Hard);
        }
    }

    /// A new version of this variant, by its bits, is about to be stored: what it replaces is not
    /// on disk any more, and is not to go there once more meanwhile.
    pub fn keep_off_disk(&self, key: Key, variant: u8) {
        let older = self.variants(key);
        older
            .filter(|object| object.variant_bits() == variant)
            .for_each(|object| object.keep_off_disk());
    }

    /// Removes every variant of `key` from memory; returns how many.
    pub fn purge(&mut self, key: Key) -> usize {
        let mut removed = Vec::new();
        self.index.remove_all(key, |held| removed.push(held));
        let count = removed.len();
        removed.into_iter().for_each(|held| self.bury(Some(held)));
        count
    }

    /// Removes exactly this object, if it is still there, and what it was written to disk as.
    pub fn remove(&mut self, object: &Arc<Object>) {
        self.forget_on_disk(object);
        self.take_out(object);
    }

    fn take_out(&mut self, object: &Arc<Object>) {
        let found = self
            .index
            .variants(object.key())
            .find(|(_, held)| Arc::ptr_eq(&held.0, object))
            .map(|(slot, _)| slot);
        if let Some(slot) = found {
            let old = self.index.remove(slot);
            self.bury(old);
        }
    }

    /// Puts `new` in the place of exactly `old`, which has the same body; `false` when that is not
    /// there any more.
    pub fn replace(&mut self, old: &Arc<Object>, new: Arc<Object>) -> bool {
        let here = self
            .index
            .variants(old.key())
            .any(|(_, held)| Arc::ptr_eq(&held.0, old));
        if here {
            self.take_out(old);
            self.index.insert(Resident(new));
        }
        here
    }

    /// Memory for content that arrives, evicting if needed.
    pub fn filling(&mut self, capacity: usize) -> Option<Filling> {
        let reserve = self.reserve();
        self.with_room(capacity + 256, reserve, |budget| {
            Filling::new(budget, capacity)
        })
    }

    /// Charges `bytes` that live elsewhere (connection buffers), evicting if needed.
    pub fn charge(&mut self, bytes: usize) -> bool {
        self.with_room(bytes, 0, |budget| budget.charge(bytes).then_some(()))
            .is_some()
    }

    /// Tries `make`; when the budget refuses, evicts about `bytes` and tries once more. Evicted
    /// memory that a reader or a replica still holds is not free yet, so this may fail with an
    /// index that is not empty: better to refuse than to empty the cache. What is stored or parked
    /// leaves a `reserve`, so that a connection with a request finds a buffer to read it.
    fn with_room<T>(
        &mut self,
        bytes: usize,
        reserve: usize,
        mut make: impl FnMut(&'static Budget) -> Option<T>,
    ) -> Option<T> {
        let limit = self.budget.limit().saturating_sub(reserve);
        let mut make = |budget: &'static Budget| match budget.used() + bytes <= limit {
            true => make(budget),
            false => None,
        };
        if let Some(made) = make(self.budget) {
            return Some(made);
        }
        self.evict((self.budget.used() + bytes).saturating_sub(limit));
        make(self.budget)
    }

    /// Evicts until `bytes` will fit beside what stays, as far as evicting helps.
    pub fn make_room(&mut self, bytes: usize) {
        let limit = self.budget.limit().saturating_sub(self.reserve());
        let over = (self.budget.used() + bytes).saturating_sub(limit);
        if over > 0 {
            self.evict(over);
        }
    }

    /// Evicts what costs `bytes`, and some more. What was used goes to disk.
    fn evict(&mut self, bytes: usize) {
        let goal = bytes + EVICT_AHEAD_BYTES.min(self.budget.limit() / 64);
        let mut freed = 0;
        while freed < goal {
            let Some((victim, reused)) = self.index.evict_with_past() else {
                break;
            };
            freed += ringside_engine::store::Entry::cost(&victim);
            self.evicted += 1;
            // Buried first: whatever becomes of the offer, no sibling goes on with its handle.
            let object = victim.0.clone();
            self.bury(Some(victim));
            if let Some(disk) = &self.disk {
                disk.offer(&object, reused);
            }
        }
    }

    /// Copies to disk what was used and is not there yet: of `count` objects from slot `from` on,
    /// and about `bytes_max`. Returns where to go on, 0 after the last; and whether that is later,
    /// as the disk takes no more now.
    pub fn write_behind(&self, from: u32, count: u32, bytes_max: usize) -> (u32, bool) {
        let Some(disk) = &self.disk else {
            return (0, false);
        };
        let (mut from, mut bytes) = (from, 0);
        for _ in 0..count {
            let (next, entries) = self.index.walk(from, 1);
            for (_, Resident(object)) in entries {
                match disk.write_behind(object) {
                    Behind::Nothing => {}
                    Behind::Wrote(more) => bytes += more,
                    Behind::Full => return (from, true),
                }
            }
            from = next;
            if from == 0 || bytes >= bytes_max {
                break;
            }
        }
        (from, false)
    }

    fn reserve(&self) -> usize {
        RESERVE_BYTES.min(self.budget.limit() / 16)
    }

    fn bury(&mut self, held: Option<Resident>) {
        if let Some(Resident(object)) = held {
            let holders = object.kill();
            if holders != 0 {
                self.dead.push((object.key(), holders));
            }
        }
    }

    /// Replicas whose holders must be told, since the last call.
    pub fn take_dead(&mut self) -> Dead {
        std::mem::take(&mut self.dead)
    }

    /// There is something for [`Memory::take_dead`].
    pub fn has_dead(&self) -> bool {
        !self.dead.is_empty()
    }

    /// Objects stored.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.index.len() == 0
    }

    /// Bytes of stored objects.
    pub fn stored_bytes(&self) -> usize {
        self.index.bytes()
    }

    /// Evictions so far.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The budget.
    pub fn budget(&self) -> &'static Budget {
        self.budget
    }
}

#[cfg(test)]
mod tests;
