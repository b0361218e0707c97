//! Which logs of a shard failed, as their siblings on other devices say, and each of itself if it can.
//!
//! A log that fails can't note what is purged from then on. Whoever finds it at a start must know that
//! it holds nothing that counts.

use super::layout::Superblock;

/// Falls that are remembered: as many as a set has devices.
const FALLS_MAX: usize = 8;

structure!(fall, 16 bytes {
    0 GENERATION: u64,
    8 DEVICE: u16,
});

/// The falls of a shard's logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Falls([Fall; FALLS_MAX]);

/// A log that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fall {
    /// Of its superblock then; 0: no fall.
    generation: u64,
    device: u16,
}

impl Falls {
    /// Notes that the log on a device failed when its superblock was of this generation. `false`:
    /// that was known.
    pub fn note(&mut self, device: u16, generation: u64) -> bool {
        let is_of_it = |fall: &Fall| fall.device == device && fall.generation > 0;
        let known = self.0.iter().position(is_of_it);
        // One that is long over otherwise, or none.
        let oldest = || (0..FALLS_MAX).min_by_key(|at| self.0[*at].generation);
        let Some(fall) = known.or_else(oldest).and_then(|at| self.0.get_mut(at)) else {
            return false;
        };
        let is_news = known.is_none() || fall.generation < generation;
        if is_news {
            *fall = Fall { generation, device };
        }
        is_news
    }

    /// Whether this log of the same shard failed, and was not begun anew since.
    #[must_use]
    pub fn has(&self, log: &Superblock) -> bool {
        let voids = |fall: &Fall| fall.device == log.device && fall.generation >= log.generation;
        self.0.iter().any(|fall| fall.generation > 0 && voids(fall))
    }

    pub(super) fn encode(&self) -> [u8; FALLS_MAX * fall::BYTES] {
        let mut out = [0; FALLS_MAX * fall::BYTES];
        for (to, held) in out.chunks_exact_mut(fall::BYTES).zip(&self.0) {
            fall::GENERATION.put(to, held.generation);
            fall::DEVICE.put(to, held.device);
        }
        out
    }

    pub(super) fn decode(bytes: [u8; FALLS_MAX * fall::BYTES]) -> Falls {
        let mut falls = Falls::default();
        for (from, held) in bytes.chunks_exact(fall::BYTES).zip(&mut falls.0) {
            *held = Fall {
                generation: fall::GENERATION.of(from),
                device: fall::DEVICE.of(from),
            };
        }
        falls
    }
}
