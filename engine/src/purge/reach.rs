//! How far back a statement reaches, and how hard it is.

use crate::time::Mono;

/// How a purge treats what it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Force {
    /// It is stale from now on: validated before it is served, and served stale where the rules
    /// allow that.
    Soft,
    /// It is gone.
    Hard,
}

impl Force {
    /// The word for receipts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Force::Soft => "soft",
            Force::Hard => "hard",
        }
    }
}

/// What has become of an object, from good to bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// No statement hits it.
    #[default]
    Valid,
    /// A soft one does.
    Stale,
    /// A hard one does.
    Dead,
}

/// For each force, the instant before which everything is hit; 0 hits nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    hard_before: u64,
    soft_before: u64,
}

impl Reach {
    /// Hits what was born at or before `at`: the clock may not have moved since, and what was
    /// born in the same moment may have been born before.
    pub(super) fn of(force: Force, at: Mono) -> Reach {
        let before = at.0.saturating_add(1);
        match force {
            Force::Hard => Reach {
                hard_before: before,
                soft_before: 0,
            },
            Force::Soft => Reach {
                hard_before: 0,
                soft_before: before,
            },
        }
    }

    /// Hits from now on what either of them hits, as hard as either. So a later soft statement
    /// does not undo an earlier hard one.
    pub(super) fn join(&mut self, other: Reach) {
        self.hard_before = self.hard_before.max(other.hard_before);
        self.soft_before = self.soft_before.max(other.soft_before);
    }

    pub(super) fn verdict(self, born: Mono) -> Verdict {
        if born.0 < self.hard_before {
            Verdict::Dead
        } else if born.0 < self.soft_before {
            Verdict::Stale
        } else {
            Verdict::Valid
        }
    }

    /// Whatever `other` hits this one hits, and no less hard.
    pub(super) fn covers(self, other: Reach) -> bool {
        self.hard_before >= other.hard_before && self.newest() >= other.soft_before
    }

    /// The newest instant at which something could have been born that it hits.
    pub(super) fn latest(self) -> Mono {
        Mono(self.newest().saturating_sub(1))
    }

    /// Hits nothing.
    pub(super) fn is_empty(self) -> bool {
        self.newest() == 0
    }

    /// As two numbers, hard and soft.
    pub(super) fn to_words(self) -> [u64; 2] {
        [self.hard_before, self.soft_before]
    }

    /// From these numbers.
    pub(super) fn of_words([hard_before, soft_before]: [u64; 2]) -> Reach {
        Reach {
            hard_before,
            soft_before,
        }
    }

    /// Its newest instant, as a number to compare.
    pub(super) fn newest(self) -> u64 {
        self.hard_before.max(self.soft_before)
    }
}
