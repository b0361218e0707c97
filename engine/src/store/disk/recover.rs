//! The index after a restart: replayed from the log, the newest first.
//!
//! A segment's sheet lists what was written into it, objects and kills, in order. Replaying from
//! the oldest on would need no memory beside the index, but would have the whole log to read
//! before anything could be served rightly. From the newest on, what is found is right at once:
//! an object is the newest of its key and variant, or else one is here already and it is skipped;
//! a kill hits whatever is found after it, as all of that is older. The kills seen are remembered
//! until the end. A checkpoint, which knows nothing newer than the sheets before it, comes last.
//!
//! | what | when | who tells |
//! |---|---|---|
//! | [`Recovery::sheet`] | newest first, each once; not one of a slot opened anew meanwhile | the keeper's news |
//! | [`Recovery::checkpoint`] | after the last sheet; any number of pieces | the keeper's news |
//! | [`Recovery::kill`] | whenever something leaves the index for another reason than that its segment is overwritten | the shard, serving meanwhile |
//! | [`Recovery::lost`] | a sheet can't be had, nor its pages be read one by one | the keeper's news |
//!
//! The shard serves, writes and kills meanwhile. What it writes is newer than all that is found,
//! so it needs no telling. What it kills, and what it takes out because it could not be read, is
//! told: or else an older copy would be found after it.
//!
//! Kills are remembered by the index's 40-bit tags, as a checkpoint has no more: of two keys with
//! one tag, a kill takes both.

use super::places::{tag_of, Found, Places};
use super::record::{Kill, KillForce};
use super::segment::{Event, Sheet};
use super::Layout;
use alloc::collections::BTreeMap;

/// A restart's replay; dropped at its end.
#[derive(Debug, Default)]
pub struct Recovery {
    /// By tag and what of it: what is found from now on is killed so.
    killed: BTreeMap<(u64, Which), KillForce>,
    lost: bool,
}

/// Which variants of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    All,
    One(u8),
}

impl Recovery {
    /// At its beginning.
    #[must_use]
    pub fn new() -> Recovery {
        Recovery::default()
    }

    /// Puts what a segment's sheet says into `places`; returns how many records it found.
    pub fn sheet(&mut self, places: &mut Places, layout: &Layout, sheet: &Sheet) -> usize {
        let first = layout.first_page(sheet.header.slot);
        let mut found = 0;
        for event in sheet.events.iter().rev() {
            match event {
                Event::Kill(kill) => self.kill(kill),
                Event::Object {
                    key,
                    page,
                    pages,
                    variant,
                } => {
                    let mut record = Found {
                        page: first + u32::from(*page),
                        pages: *pages,
                        variant: *variant,
                        uses: 0,
                        soft: false,
                    };
                    let newer = places.find(*key).any(|held| held.variant == *variant);
                    if !newer && self.survives(tag_of(*key), &mut record) {
                        places.insert(*key, record);
                        found += 1;
                    }
                }
            }
        }
        found
    }

    /// Puts entries of a checkpoint into `places`, in order of tags; returns how many. `valid`
    /// tells whether the segment with this page is still the one that the checkpoint knew: the
    /// sequence number of its slot, as noted when the checkpoint *began*, is the one it has now.
    pub fn checkpoint(
        &mut self,
        places: &mut Places,
        entries: &[u8],
        valid: impl Fn(u32) -> bool,
    ) -> usize {
        places.import(entries, |tag, found| {
            valid(found.page) && self.survives(tag, found)
        })
    }

    /// Something was killed: by an older event than all that was found so far, or just now.
    pub fn kill(&mut self, kill: &Kill) {
        let which = kill.variant.map_or(Which::All, Which::One);
        let held = self.killed.entry((tag_of(kill.key), which));
        let force = held.or_insert(kill.force);
        if kill.force == KillForce::Hard {
            *force = KillForce::Hard;
        }
    }

    /// A segment's events can't be known. Kills may have been among them, so nothing older than
    /// it is taken any more.
    pub fn lost(&mut self) {
        self.lost = true;
    }

    /// Kills remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.killed.len()
    }

    /// Is this record, older than all before, still to be found? Marks it when it was killed
    /// softly.
    fn survives(&self, tag: u64, found: &mut Found) -> bool {
        let whole = self.killed.get(&(tag, Which::All));
        let one = self.killed.get(&(tag, Which::One(found.variant)));
        let hard = [whole, one].contains(&Some(&KillForce::Hard));
        found.soft |= whole.is_some() || one.is_some();
        !hard && !self.lost
    }
}

#[cfg(test)]
mod tests;
