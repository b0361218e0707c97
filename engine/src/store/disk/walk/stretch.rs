//! A run of bytes of the file, read in pieces, many at once, and used in order.

use super::READ_BYTES;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A run of bytes under way.
pub(super) struct Stretch {
    /// The next that is asked for.
    asked: u64,
    /// The next that is used.
    used: u64,
    end: u64,
    /// What came before its turn.
    parked: BTreeMap<u64, Vec<u8>>,
}

impl Stretch {
    /// From `at` on; both are whole pages.
    pub(super) fn new(at: u64, bytes: u64) -> Stretch {
        Stretch {
            asked: at,
            used: at,
            end: at + bytes,
            parked: BTreeMap::new(),
        }
    }

    /// The next piece to be read, as long as no more than `ahead` bytes are under way or parked.
    pub(super) fn wanted(&mut self, ahead: u64) -> Option<(u64, usize)> {
        if self.asked >= self.end || self.asked - self.used >= ahead {
            return None;
        }
        let at = self.asked;
        let bytes = (self.end - at).min(READ_BYTES as u64);
        self.asked += bytes;
        Some((at, bytes as usize))
    }

    /// A piece was read; what can be used now is handed to `each`, in order.
    pub(super) fn feed(&mut self, at: u64, bytes: &[u8], mut each: impl FnMut(&[u8])) {
        if at != self.used {
            self.parked.insert(at, bytes.to_vec());
            return;
        }
        each(bytes);
        self.used += bytes.len() as u64;
        while let Some(parked) = self.parked.remove(&self.used) {
            each(&parked);
            self.used += parked.len() as u64;
        }
    }

    /// All of it was used.
    pub(super) fn is_used(&self) -> bool {
        self.used >= self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_used_in_order_whatever_order_they_come_in() {
        let bytes: Vec<u8> = (0..READ_BYTES * 4 + 4096)
            .map(|at| (at / 7) as u8)
            .collect();
        let mut stretch = Stretch::new(4096, bytes.len() as u64);
        let mut under_way = Vec::new();
        let mut got = Vec::new();
        while !stretch.is_used() {
            while let Some(piece) = stretch.wanted(3 * READ_BYTES as u64) {
                under_way.push(piece);
            }
            assert!(under_way.len() <= 3);
            // The latest first.
            let (at, len) = under_way.pop().unwrap();
            let from = at as usize - 4096;
            stretch.feed(at, &bytes[from..from + len], |piece| {
                got.extend_from_slice(piece)
            });
        }
        assert!(got == bytes);
        assert_eq!(stretch.wanted(u64::MAX), None);
    }
}
