//! Contents that tell by every byte which URL and version they are of.

use std::ops::Range;

/// Bytes of the shortest content.
pub(crate) const BYTES_MIN: usize = 100;

/// The content of one version of a URL: a stream that no other version shares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    seed: u64,
}

impl Content {
    pub(crate) fn of(url: usize, version: u32) -> Content {
        Content {
            seed: mixed((url as u64) << 32 | u64::from(version)),
        }
    }

    /// Mostly small; some of a few fragments.
    pub(crate) fn len(self) -> usize {
        let mut dice = Dice(self.seed);
        let bound = match dice.below(100) {
            0..=54 => 4 << 10,
            55..=79 => 64 << 10,
            80..=92 => 512 << 10,
            _ => 3 << 20,
        };
        BYTES_MIN + dice.below(bound)
    }

    pub(crate) fn all(self) -> Vec<u8> {
        self.bytes(0..self.len())
    }

    /// A part of it.
    pub(crate) fn bytes(self, part: Range<usize>) -> Vec<u8> {
        let first = part.start / 8;
        let words = first..part.end.div_ceil(8);
        let mut out: Vec<u8> = Vec::with_capacity(8 * words.len());
        for at in words {
            let word = mixed(self.seed.wrapping_add(at as u64));
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.truncate(part.end - 8 * first);
        out.drain(..part.start - 8 * first);
        out
    }
}

fn mixed(mut word: u64) -> u64 {
    word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Numbers from a seed (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mixed(self.0)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    /// The first are far more likely.
    pub(crate) fn popular(&mut self, bound: usize) -> usize {
        let share = self.below(1 << 20) as f64 / f64::from(1 << 20);
        (bound as f64 * share * share * share) as usize
    }
}
