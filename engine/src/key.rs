//! Cache keys: 128-bit keyed hashes, so that nobody outside can make two URLs collide.

use core::hash::Hasher;
use siphasher::sip128::{Hasher128, SipHasher13};

/// The secret of the keyed hash; random per process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub [u64; 2]);

/// A cache key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u128);

impl Key {
    /// The shard that owns this key, among `shards` (at least 1): a jump consistent hash (Lamping
    /// and Veach, 2014) of the high half, so that the low half stays free for hash tables. With
    /// another number of shards few keys have another home, and what is on disk can stay.
    #[must_use]
    pub fn home(self, shards: usize) -> usize {
        let mut bits = (self.0 >> 64) as u64;
        let (mut home, mut next) = (0, 0);
        while next < shards as u64 {
            home = next;
            bits = bits.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
            next = ((home + 1) << 31) / ((bits >> 33) + 1);
        }
        home as usize
    }

    /// Bits for a hash table.
    #[must_use]
    pub fn fold(self) -> u64 {
        self.0 as u64
    }
}

/// Hashes parts into a key. Each part is ended by its length, so no two lists of parts are the
/// same input.
#[derive(Clone, Debug)]
pub struct KeyWriter(SipHasher13);

impl KeyWriter {
    /// An empty one.
    #[must_use]
    pub fn new(seed: Seed) -> KeyWriter {
        KeyWriter(SipHasher13::new_with_keys(seed.0[0], seed.0[1]))
    }

    /// Adds a part.
    pub fn bytes(&mut self, part: &[u8]) {
        self.0.write(part);
        self.0.write_u64(part.len() as u64);
    }

    /// Adds a part in lower case, without a copy.
    pub fn lower(&mut self, part: &[u8]) {
        let mut piece = [0_u8; 64];
        for chunk in part.chunks(piece.len()) {
            for (to, from) in piece.iter_mut().zip(chunk) {
                *to = from.to_ascii_lowercase();
            }
            self.0.write(piece.get(..chunk.len()).unwrap_or_default());
        }
        self.0.write_u64(part.len() as u64);
    }

    /// The key.
    #[must_use]
    pub fn finish(&self) -> Key {
        Key(self.0.finish128().as_u128())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: &[&[u8]]) -> Key {
        let mut writer = KeyWriter::new(Seed([1, 2]));
        parts.iter().for_each(|part| {
            writer.bytes(part);
        });
        writer.finish()
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(key(&[b"ab", b"c"]), key(&[b"a", b"bc"]));
        assert_ne!(key(&[b"ab"]), key(&[b"ab", b""]));
        assert_eq!(key(&[b"ab", b"c"]), key(&[b"ab", b"c"]));
    }

    #[test]
    fn lower_case_is_the_same_part() {
        let long = [b'A'; 200];
        let mut upper = KeyWriter::new(Seed([1, 2]));
        upper.lower(&long);
        assert_eq!(upper.finish(), key(&[&[b'a'; 200]]));
    }

    #[test]
    fn the_seed_matters() {
        let mut other = KeyWriter::new(Seed([1, 3]));
        other.bytes(b"ab");
        assert_ne!(other.finish(), key(&[b"ab"]));
    }

    #[test]
    fn homes_are_even_and_in_range() {
        for shards in [1, 2, 3, 7, 64] {
            let mut counts = alloc::vec![0_usize; shards];
            for n in 0..10_000_u32 {
                counts[key(&[&n.to_le_bytes()]).home(shards)] += 1;
            }
            let even = 10_000 / shards;
            assert!(counts
                .iter()
                .all(|count| *count > even / 2 && *count < even * 2));
        }
    }

    #[test]
    fn with_one_more_shard_few_keys_move_and_only_to_that_one() {
        for shards in [1, 2, 3, 7, 63] {
            let mut moved = 0;
            for n in 0..10_000_u32 {
                let key = key(&[&n.to_le_bytes()]);
                let (before, after) = (key.home(shards), key.home(shards + 1));
                assert!(after == before || after == shards);
                moved += usize::from(after != before);
            }
            let even = 10_000 / (shards + 1);
            assert!(moved > even / 2 && moved < even * 2, "{moved} of {shards}");
        }
    }
}
