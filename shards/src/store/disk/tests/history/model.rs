//! What must hold of a history, kept beside the cache.

use std::collections::{BTreeMap, BTreeSet};

/// What the histories came through.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) rounds: u64,
    pub(super) crashes: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) acknowledged: u64,
    pub(super) refused: u64,
    pub(super) found_again: u64,
    pub(super) gone: u64,
    pub(super) downs: u64,
    pub(super) back: u64,
    pub(super) reinserted: u64,
    pub(super) checkpoints: u64,
    pub(super) damaged: u64,
    pub(super) ends_damaged: u64,
    pub(super) doubted: u64,
    pub(super) turned: u64,
}

impl Totals {
    pub(super) fn add(&mut self, other: &Totals) {
        self.rounds += 1;
        self.crashes += other.crashes;
        self.hits += other.hits;
        self.misses += other.misses;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.found_again += other.found_again;
        self.gone += other.gone;
        self.downs += other.downs;
        self.back += other.back;
        self.reinserted += other.reinserted;
        self.checkpoints += other.checkpoints;
        self.damaged += other.damaged;
        self.ends_damaged += other.ends_damaged;
        self.doubted += other.doubted;
        self.turned += other.turned;
    }

    pub(super) fn are_rich(&self) {
        let each = [
            self.crashes,
            self.hits,
            self.acknowledged,
            self.refused,
            self.found_again,
            self.downs,
            self.back,
            self.reinserted,
            self.checkpoints,
            self.damaged,
            self.ends_damaged,
            self.doubted,
            self.turned,
        ];
        assert!(each.iter().all(|count| *count >= 20), "{self:?}");
    }
}

/// One variant of a key.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// Versions that were taken, and how long their bodies are.
    pub(super) taken: BTreeMap<u64, usize>,
    /// The newest that was made.
    pub(super) newest: u64,
    /// None up to this one may be read in this life.
    pub(super) floor: u64,
    /// Nor in any other.
    pub(super) safe_floor: u64,
    /// Up to this one they are stale in this life.
    pub(super) soft: u64,
    /// And in any other.
    pub(super) safe_soft: u64,
    /// They may be, up to this one.
    pub(super) soft_ever: u64,
    /// Kills and offers so far.
    pub(super) touched: u64,
}

/// A record that is on the medium for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Safe {
    pub(super) name: (u64, u64),
    pub(super) page: u32,
    pub(super) seq: u64,
    pub(super) touched: u64,
}

#[derive(Default)]
pub(super) struct Model {
    pub(super) held: BTreeMap<(u64, u64), Held>,
    pub(super) safe: BTreeSet<Safe>,
    /// What was safe when the last life ended, and is to be found in this one.
    pub(super) expected: BTreeSet<Safe>,
    pub(super) edicts: BTreeSet<u64>,
    pub(super) safe_edicts: BTreeSet<u64>,
    /// Something happened to these records, by page and segment.
    pub(super) damaged: BTreeSet<(u32, u64)>,
    pub(super) totals: Totals,
}
