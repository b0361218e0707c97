//! Handles to siblings' objects, so that a hot object is served here without a letter.
//!
//! Each entry is one `Rc` around the shared handle: a hit counts a reference of this shard's own
//! and touches no line that siblings write. An entry that is dead or not fresh any more is of no
//! use; the home is asked instead. The table is bounded: the oldest entry goes first.

use super::object::Object;
use ringside_engine::cache::vary;
use ringside_engine::http::Fields;
use ringside_engine::key::{Key, Seed};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

/// Hashes a key by taking its bits: it is a keyed hash already.
#[derive(Clone, Copy, Default)]
pub struct KeyBits(u64);

impl std::hash::Hasher for KeyBits {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        // Tables take their place from the low bits and a tag from the high ones.
        self.0 ^= value.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_u128(&mut self, value: u128) {
        self.0 ^= value as u64;
    }
}

/// A map by cache key.
pub type KeyMap<V> = HashMap<Key, V, std::hash::BuildHasherDefault<KeyBits>>;

/// A sibling's object. The outer count is this shard's own: a hit moves it and leaves the shared
/// one, whose line siblings write, alone.
#[allow(clippy::redundant_allocation)]
pub type Replica = Rc<Arc<Object>>;

/// This shard's replicas.
pub struct Replicas {
    by_key: KeyMap<Vec<Replica>>,
    order: VecDeque<Key>,
    entries_max: usize,
}

impl Replicas {
    /// A table of at most `entries_max` keys; 0 keeps none.
    pub fn new(entries_max: usize) -> Self {
        Replicas {
            by_key: KeyMap::default(),
            order: VecDeque::new(),
            entries_max,
        }
    }

    /// The live replica that this request selects, if there is one.
    pub fn find(&self, key: Key, seed: Seed, request: Fields<'_>) -> Option<&Replica> {
        self.by_key
            .get(&key)?
            .iter()
            .rev()
            .find(|object| object.is_live() && selects(object, seed, request))
    }

    /// Keeps a handle that the home gave us.
    pub fn keep(&mut self, object: Arc<Object>) {
        // It may have died on its way here, and the word to let go have come before it.
        if self.entries_max == 0 || !object.is_live() {
            return;
        }
        let key = object.key();
        let variants = self.by_key.entry(key).or_default();
        let fresh_key = variants.is_empty();
        variants.retain(|held| held.is_live() && !takes_place_of(&object, held));
        variants.push(Rc::new(object));
        if fresh_key {
            self.order.push_back(key);
        }
        while self.by_key.len() > self.entries_max {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.by_key.remove(&oldest);
        }
        // Keys that were let go leave their place in the order; bound that too.
        if self.order.len() > 2 * self.entries_max + 16 {
            let by_key = &self.by_key;
            let mut seen = KeyMap::<()>::default();
            self.order
                .retain(|key| by_key.contains_key(key) && seen.insert(*key, ()).is_none());
        }
    }

    /// Drops what is dead under `key`, so that its memory is not kept by us.
    pub fn let_go(&mut self, key: Key) {
        if let Some(variants) = self.by_key.get_mut(&key) {
            variants.retain(|held| held.is_live());
            if variants.is_empty() {
                self.by_key.remove(&key);
            }
        }
    }

    /// Keys held.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Nothing is held.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

/// Does this stored response's Vary select it for the request? (RFC 9111, 4.1)
pub fn selects(object: &Object, seed: Seed, request: Fields<'_>) -> bool {
    let notes = object.notes();
    notes.vary.is_empty() || vary::secondary_of_names(seed, notes.vary, request) == notes.variant
}

/// Do the two select the same requests, so that the newer makes the older useless?
///
/// One with Vary and one without do not: the newer goes first where both fit, and the older is
/// there again when that is gone (RFC 9111, 4.1).
pub fn takes_place_of(new: &Object, old: &Object) -> bool {
    let (new, old) = (new.notes(), old.notes());
    new.vary == old.vary && (new.vary.is_empty() || new.variant == old.variant)
}
