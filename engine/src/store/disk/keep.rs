//! What goes to disk, and what stays there when its segment is overwritten.
//!
//! The log is a queue by itself: what was written first is overwritten first. Two rules make of it
//! something like S3-FIFO (Yang and others, SOSP 2023). *Admission*: what memory evicts is written
//! only if it was asked for more than once, so that what comes once and never again costs no
//! write. But not before the log has been full: until then nothing has to make room for it, and
//! a disk that stands half empty answers less than one that is full of anything. *Staying*: of a segment about to be overwritten, records that answered since they were
//! written are written once more at the front, with one use less, so that what is no longer asked
//! for leaves after some laps.
//!
//! Knows entries and pages; not what a record holds, and not when it is read or written.

use super::places::{Found, Places};
use super::segment::{Event, Sheet};
use super::Layout;
use crate::key::Key;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// One part in so many of a segment's pages may be records that stay, at most: so every segment
/// overwritten makes room for as much that is new.
const STAY_SHARE: u32 = 2;

/// What a route wants of the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// What was used often enough.
    #[default]
    Auto,
    /// Everything that is stored.
    Always,
    /// Nothing.
    Never,
}

/// Is an object that leaves memory written to disk?
///
/// `uses` is how often it answered from memory; `reused`, that it was asked for more than once in
/// any way, as when it came back soon after it had been evicted. That counts for one use: who
/// wants a `minimum` of 1 gets both, who wants 0 gets everything. While the log `is_filling`, that
/// is, what comes next is written over nothing, a minimum of 1 is no hindrance; who wants more
/// means it.
#[must_use]
pub fn admits(uses: u8, reused: bool, minimum: u8, rule: Admission, is_filling: bool) -> bool {
    match rule {
        Admission::Auto => uses.max(u8::from(reused || is_filling)) >= minimum,
        Admission::Always => true,
        Admission::Never => false,
    }
}

/// How often a record's next copy counts as used; `None`: it is not written again.
#[must_use]
pub fn stays(uses: u8) -> Option<u8> {
    uses.checked_sub(1)
}

/// A record that is written once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staying {
    /// Its key.
    pub key: Key,
    /// Where it is now.
    pub found: Found,
    /// What its new copy counts as used.
    pub uses: u8,
}

/// Which records of a segment about to be overwritten are written once more: used ones, the most
/// used first and of those the smallest, in half of a segment at most. In order of pages, so that
/// they can be read in one sweep.
///
/// What was purged softly does not stay: only the index and the kill's own record know of that,
/// and a newer copy would come back fresh after a restart.
#[must_use]
pub fn staying(sheet: &Sheet, layout: &Layout, places: &Places) -> Vec<Staying> {
    let mut choice = Choice::default();
    while choice.look(sheet, layout, places, usize::MAX) {}
    choice.made(layout)
}

/// The same in slices, for who has other things to do meanwhile: a segment lists thousands.
#[derive(Debug, Default)]
pub struct Choice {
    wanted: Vec<Staying>,
    looked_at: usize,
}

impl Choice {
    /// Looks at so many more of the events; `false` when there are no more.
    pub fn look(
        &mut self,
        sheet: &Sheet,
        layout: &Layout,
        places: &Places,
        events_max: usize,
    ) -> bool {
        let first = layout.first_page(sheet.header.slot);
        let end = self.looked_at.saturating_add(events_max);
        let end = end.min(sheet.events.len());
        let events = sheet.events.get(self.looked_at..end).unwrap_or_default();
        let found = events.iter().filter_map(|event| match event {
            Event::Object { key, page, .. } => wanted(*key, first + u32::from(*page), places),
            Event::Kill(_) => None,
        });
        self.wanted.extend(found);
        self.looked_at = end;
        end < sheet.events.len()
    }

    /// What was chosen.
    #[must_use]
    pub fn made(self, layout: &Layout) -> Vec<Staying> {
        let mut wanted = self.wanted;
        wanted.sort_by_key(|record| (Reverse(record.found.uses), record.found.pages));
        let mut room = layout.pages_per_segment() / STAY_SHARE;
        wanted.retain(|record| {
            let left = room.checked_sub(u32::from(record.found.pages));
            room = left.unwrap_or(room);
            left.is_some()
        });
        wanted.sort_by_key(|record| record.found.page);
        wanted
    }
}

fn wanted(key: Key, page: u32, places: &Places) -> Option<Staying> {
    let found = places.at(key, page).filter(|found| !found.soft)?;
    let uses = stays(found.uses)?;
    Some(Staying { key, found, uses })
}

#[cfg(test)]
mod tests;
