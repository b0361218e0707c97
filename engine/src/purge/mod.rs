//! What has been purged, as statements that every stored object is held against when it is used.
//!
//! A purge by prefix, by group or of everything walks no index: it states *everything of this
//! kind that was born by now is gone*, and costs the same for ten objects as for ten million. An
//! object that was born later is not touched. The purge of one URL needs no statement: its objects
//! are found by their key.
//!
//! | statement | file |
//! |---|---|
//! | how far back one reaches, and how hard | `reach` |
//! | prefixes of URLs | `prefixes` |
//! | groups, by name (RFC 9875) | [`groups`] |
//! | statements as bytes, to outlive the process | `statement` |
//! | all of them together | here |
//!
//! Bounded by [`limits`](crate::limits). At a bound, statements are merged into coarser ones that
//! purge more than was asked for, never less: an object too many is fetched again, and one too few
//! would be served although its owner was told that it is gone.
//!
//! Knows no objects and no keys; time is an argument.

pub mod groups;
mod prefixes;
mod reach;
mod statement;

pub use reach::{Force, Verdict};
pub use statement::{bounded, statement_all, statement_group, statement_prefix};

use crate::limits::PURGED_GROUPS_MAX;
use crate::time::Mono;
use alloc::vec::Vec;
use core::hash::{BuildHasherDefault, Hasher};
use hashbrown::HashMap;
use prefixes::Prefixes;
use reach::Reach;

/// The part of the groups, one in so many, that is merged at the bound: rarely enough that its
/// one walk over all of them does not count.
const MERGED_SHARE: usize = 8;

/// What is asked about a stored object.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Its host, as in its key: in lower case, with the port unless it is the scheme's own.
    pub host: &'a [u8],
    /// Its path in normal form, and its query.
    pub target: &'a [u8],
    /// Its groups as [`groups::read`] has packed them: eight bytes each, little end first.
    pub groups: &'a [u8],
}

/// All that has been purged.
#[derive(Clone, Debug, Default)]
pub struct Purges {
    all: Reach,
    prefixes: Prefixes,
    groups: HashMap<u64, Reach, BuildHasherDefault<Folded>>,
    /// What was said of groups that are not remembered any more.
    grouped: Reach,
    latest: Mono,
    changes: u64,
}

impl Purges {
    /// Nothing purged.
    #[must_use]
    pub fn new() -> Purges {
        Purges::default()
    }

    /// The newest instant of any statement: an object born later is valid, without a further
    /// look. Zero when there is none.
    #[must_use]
    pub fn latest(&self) -> Mono {
        self.latest
    }

    /// How many statements were made. An object that was found valid need not be held against
    /// them again until this changes.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Everything that was born at or before `at`.
    pub fn all(&mut self, force: Force, at: Mono) {
        self.add_all(Reach::of(force, at));
    }

    fn add_all(&mut self, reach: Reach) {
        self.note(reach);
        self.all.join(reach);
        self.drop_covered();
    }

    /// Every URL of this host whose path and query begin with `path`; with an empty `host`, of
    /// every host. Both as in [`About`].
    pub fn prefix(&mut self, host: &[u8], path: &[u8], force: Force, at: Mono) {
        self.add_prefix(host, path, Reach::of(force, at));
    }

    fn add_prefix(&mut self, host: &[u8], path: &[u8], reach: Reach) {
        self.note(reach);
        if self.all.covers(reach) {
            return;
        }
        if let Some(homeless) = self.prefixes.add(host, path, reach) {
            self.all.join(homeless);
            self.drop_covered();
        }
    }

    /// Everything in this group, as [`groups`] has hashed its name.
    pub fn group(&mut self, group: u64, force: Force, at: Mono) {
        self.add_group(group, Reach::of(force, at));
    }

    fn add_group(&mut self, group: u64, reach: Reach) {
        self.note(reach);
        if self.all.covers(reach) || self.grouped.covers(reach) {
            return;
        }
        self.groups.entry(group).or_default().join(reach);
        if self.groups.len() > PURGED_GROUPS_MAX {
            self.merge_groups();
        }
    }

    /// What has become of an object that was born at `born`: when its request, or that of its
    /// last validation, was sent. Then what was asked for before a purge is hit by it too,
    /// although it arrived after.
    ///
    /// The cost: a search among at most 256 prefixes, and a look into a table for each group.
    #[must_use]
    pub fn verdict(&self, born: Mono, about: &About<'_>) -> Verdict {
        if born > self.latest {
            return Verdict::Valid;
        }
        let mut worst = self.all.verdict(born);
        if worst == Verdict::Dead {
            return worst;
        }
        worst = worst.max(self.prefixes.verdict(born, about.host, about.target));
        if !about.groups.is_empty() {
            worst = worst.max(self.grouped.verdict(born));
        }
        let reaches = groups::unpacked(about.groups).filter_map(|group| self.groups.get(&group));
        for reach in reaches {
            worst = worst.max(reach.verdict(born));
            if worst == Verdict::Dead {
                break;
            }
        }
        worst
    }

    /// Everything that has a group.
    fn add_grouped(&mut self, reach: Reach) {
        self.note(reach);
        if self.all.covers(reach) {
            return;
        }
        self.grouped.join(reach);
        let grouped = self.grouped;
        self.groups.retain(|_, reach| !grouped.covers(*reach));
    }

    fn note(&mut self, reach: Reach) {
        self.latest = self.latest.max(reach.latest());
        self.changes += 1;
    }

    /// Drops what the statement about everything says already.
    fn drop_covered(&mut self) {
        let all = self.all;
        self.prefixes.drop_covered(all);
        self.groups.retain(|_, reach| !all.covers(*reach));
        if all.covers(self.grouped) {
            self.grouped = Reach::default();
        }
    }

    /// Merges the oldest of the groups into one statement about every object with a group. Those
    /// without any are not touched, and most with one are younger.
    fn merge_groups(&mut self) {
        let mut ages: Vec<u64> = self.groups.values().map(|reach| reach.newest()).collect();
        let (_, oldest, _) = ages.select_nth_unstable(PURGED_GROUPS_MAX / MERGED_SHARE);
        let oldest = *oldest;
        let mut merged = self.grouped;
        self.groups.retain(|_, reach| {
            let stays = reach.newest() > oldest;
            if !stays {
                merged.join(*reach);
            }
            stays
        });
        self.grouped = merged;
        self.groups.retain(|_, reach| !merged.covers(*reach));
    }
}

/// The hash of a group is the group: it is the end of a keyed hash already.
#[derive(Clone, Copy, Debug, Default)]
struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, group: u64) {
        self.0 = group;
    }
}

#[cfg(test)]
mod tests;
