//! Where on disk the records of a log are: an index of at most 16 bytes a record, all included.
//!
//! Knows tags, pages and bits; not what a record holds, and not whether the tag's key is really
//! the one that was asked for: whoever reads a record compares the whole key. Two keys in 2^40
//! share a tag; then one read is in vain, or one record goes with the other's, and no more.
//!
//! | part | bytes a record |
//! |---|---|
//! | the entry: tag 40 bits, page 32, pages 10, variant 8, uses 2, soft 1 | 12 |
//! | its share of what the allocator adds to a block: 8 for 18 records | 0.45 |
//! | room left in a table's last block: 9 records on average, in 64 or more | at most 1.75 |
//! | the list of blocks: 8 for 18 records, an eighth to spare, or four after it shrank | at most 1.1 |
//! | the table itself: 32 bytes for 64 records or more | at most 0.5 |
//! | together | at most 15.8 |
//!
//! Under mimalloc 13.2 bytes are resident for each of 2 million records in a full log, and 14.6 at
//! a sixteenth of that. Below 64 records to a table, which is a log filled with records of more
//! than 64 to 128 KiB, tables and last blocks weigh more; but they are never more than 300 bytes
//! for 1024 pages of the log, that is 72 MB for 1 TB of disk.
//!
//! The entries lie in many small tables by the first bits of the tag, each a dense array in order
//! of tags (`table`): so an insert moves some KiB, never more, a look-up interpolates and ends
//! within a few cache lines, and a checkpoint is the tables one after the other. Their number
//! follows from what the log can hold; tags are of keyed hashes, so nobody outside can fill one of
//! them. Devices must not be told apart by these bits of a key, or else most tables stay empty.

mod table;

use super::record::{Kill, KillForce};
use crate::key::Key;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use table::Table;

/// Bytes of an entry, in memory and in a checkpoint.
pub const ENTRY_BYTES: usize = 12;
/// Most uses that an entry counts.
pub const USES_MAX: u8 = 3;
/// Most pages of a record.
pub const PAGES_MAX: u16 = (1 << 10) - 1;
/// Bits of a tag.
const TAG_BITS: u32 = 40;
/// Records in one table when the log is full of the smallest, at most.
const TABLE_RECORDS: u64 = 2048;
/// Tables at most; a log that needs more has larger ones.
const TABLES_BITS_MAX: u32 = 20;

/// What a key's entry is known by: the first 40 of the bits that it gives to tables.
#[must_use]
pub fn tag_of(key: Key) -> u64 {
    key.fold() >> (64 - TAG_BITS)
}

/// The page of an exported entry; 0 when it is not whole.
#[must_use]
pub fn page_of(entry: &[u8]) -> u32 {
    let entry = entry.try_into().map(Entry::decode);
    entry.map_or(0, |entry| entry.page)
}

/// A record's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Found {
    /// Its first page, counted through all segments.
    pub page: u32,
    /// How many pages it takes; at most [`PAGES_MAX`].
    pub pages: u16,
    /// Bits of the variant; 0 for a response without Vary.
    pub variant: u8,
    /// How often it was used; at most [`USES_MAX`].
    pub uses: u8,
    /// It was purged softly: it may not answer before its origin confirmed it.
    pub soft: bool,
}

/// One record's entry: three words, so that it is 12 bytes and not 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// The first 32 bits of the tag.
    tag: u32,
    page: u32,
    /// From above: the last 8 bits of the tag, pages 10, variant 8, uses 2, soft 1, 3 spare.
    rest: u32,
}

const _: () = assert!(size_of::<Entry>() == ENTRY_BYTES);

impl Entry {
    /// Stands where no entry is.
    const NONE: Entry = Entry {
        tag: 0,
        page: 0,
        rest: 0,
    };

    fn new(tag: u64, found: Found) -> Entry {
        let pages = found.pages.min(PAGES_MAX);
        Entry {
            tag: (tag >> 8) as u32,
            page: found.page,
            rest: (tag as u32) << 24
                | u32::from(pages) << 14
                | u32::from(found.variant) << 6
                | u32::from(found.uses.min(USES_MAX)) << 4
                | u32::from(found.soft) << 3,
        }
    }

    fn tag(&self) -> u64 {
        u64::from(self.tag) << 8 | u64::from(self.rest >> 24)
    }

    fn found(&self) -> Found {
        Found {
            page: self.page,
            pages: (self.rest >> 14) as u16 & PAGES_MAX,
            variant: (self.rest >> 6) as u8,
            uses: (self.rest >> 4) as u8 & USES_MAX,
            soft: self.rest & 1 << 3 != 0,
        }
    }

    fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let words = [self.tag, self.page, self.rest];
        for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8; ENTRY_BYTES]) -> Entry {
        let word = |at: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&bytes[at..at + 4]);
            u32::from_le_bytes(word)
        };
        Entry {
            tag: word(0),
            page: word(4),
            rest: word(8),
        }
    }
}

/// The places of one log's records.
pub struct Places {
    tables: Box<[Table]>,
    /// The first so many bits of a tag number its table.
    table_bits: u32,
    records: usize,
    pages: u64,
    allocated_bytes: usize,
}

impl Places {
    /// None yet, of a log that can hold `records_max`. Takes 32 bytes for each table.
    #[must_use]
    pub fn new(records_max: u64) -> Places {
        Places::with_bits(table_bits(records_max))
    }

    fn with_bits(table_bits: u32) -> Places {
        let tables: Box<[Table]> = (0..1_usize << table_bits)
            .map(|_| Table::default())
            .collect();
        Places {
            allocated_bytes: size_of_val(&*tables),
            tables,
            table_bits,
            records: 0,
            pages: 0,
        }
    }

    /// Records that may be of this key, in no order that means anything.
    pub fn find(&self, key: Key) -> impl Iterator<Item = Found> + '_ {
        self.with_tag(tag_of(key))
    }

    /// There may be a record of this key.
    #[must_use]
    pub fn contains(&self, key: Key) -> bool {
        self.find(key).next().is_some()
    }

    /// There may be a record of this key at this page.
    #[must_use]
    pub fn at(&self, key: Key, page: u32) -> Option<Found> {
        self.find(key).find(|found| found.page == page)
    }

    /// Adds a record; takes the place of none. Whoever writes a new one of a variant removes the
    /// old one by [`Places::kill`].
    pub fn insert(&mut self, key: Key, found: Found) {
        self.insert_tag(tag_of(key), found);
    }

    /// The record at `page` answered once more.
    pub fn used(&mut self, key: Key, page: u32) {
        self.change(key, page, |found| {
            found.uses = (found.uses + 1).min(USES_MAX)
        });
    }

    /// Takes out the record of this key at `page`; `None` when it is not here.
    pub fn remove(&mut self, key: Key, page: u32) -> Option<Found> {
        let (table, mut run) = self.run_mut(tag_of(key))?;
        let at = run.find(|at| table.get(*at).is_some_and(|entry| entry.page == page))?;
        let before = table.allocated_bytes();
        let found = table.remove(at)?.found();
        let after = table.allocated_bytes();
        self.resized(before, after);
        self.records -= 1;
        self.pages -= u64::from(found.pages);
        Some(found)
    }

    /// Carries a kill out on what is here: `each` is told what it hit, as it was before. A hard
    /// one takes it out, a soft one marks it. Returns how many.
    pub fn kill(&mut self, kill: &Kill, mut each: impl FnMut(Found)) -> usize {
        let tag = tag_of(kill.key);
        let (mut hit, mut removed, mut pages) = (0, 0, 0);
        let Some((table, run)) = self.run_mut(tag) else {
            return 0;
        };
        let before = table.allocated_bytes();
        for at in run.rev() {
            let Some(entry) = table.get_mut(at) else {
                break;
            };
            let found = entry.found();
            if kill.variant.is_some_and(|variant| variant != found.variant) {
                continue;
            }
            hit += 1;
            match kill.force {
                KillForce::Soft => {
                    *entry = Entry::new(
                        tag,
                        Found {
                            soft: true,
                            ..found
                        },
                    )
                }
                KillForce::Hard => {
                    table.remove(at);
                    removed += 1;
                    pages += u64::from(found.pages);
                }
            }
            each(found);
        }
        let after = table.allocated_bytes();
        self.resized(before, after);
        self.records -= removed;
        self.pages -= pages;
        hit
    }

    /// Records here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The pages that they take together.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Bytes allocated.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.allocated_bytes
    }

    /// Takes all out, and gives it to be freed elsewhere: of millions of records that takes longer
    /// than a shard has at once.
    #[must_use]
    pub fn take(&mut self) -> Places {
        let none = Places::with_bits(self.table_bits);
        core::mem::replace(self, none)
    }

    /// Tables, for [`Places::export`] and [`Places::retain`].
    #[must_use]
    pub fn tables(&self) -> usize {
        self.tables.len()
    }

    /// Appends a table's entries as a checkpoint holds them, [`ENTRY_BYTES`] each. Table after
    /// table, they are in order of tags. Returns how many.
    pub fn export(&self, table: usize, out: &mut Vec<u8>) -> usize {
        let Some(entries) = self.tables.get(table) else {
            return 0;
        };
        out.reserve(entries.len() * ENTRY_BYTES);
        for entry in entries.iter() {
            out.extend_from_slice(&entry.encode());
        }
        entries.len()
    }

    /// Adds exported entries in order of tags, those that `keep` wants by their tag and which are
    /// older than what is here: where a record of the same tag and variant is here already, it
    /// stays alone. Entries out of order, and what follows the last whole one, are left out.
    /// Returns how many were added.
    ///
    /// They may come from a log of another size. One call takes as long as its entries and their
    /// tables are large, so a large checkpoint is given in pieces.
    pub fn import(
        &mut self,
        entries: &[u8],
        mut keep: impl FnMut(u64, &mut Found) -> bool,
    ) -> usize {
        let (mut added, mut last) = (0, 0);
        let mut batch = Vec::new();
        let mut open = 0;
        for bytes in whole_entries(entries) {
            let entry = Entry::decode(bytes);
            let tag = entry.tag();
            if tag < last {
                continue;
            }
            last = tag;
            let (table, _) = self.place_of(tag);
            if table != open {
                added += self.merge(open, &mut batch);
                open = table;
            }
            let mut found = entry.found();
            let newer = self.with_tag(tag).any(|held| held.variant == found.variant);
            if !newer && keep(tag, &mut found) {
                batch.push(Entry::new(tag, found));
            }
        }
        added + self.merge(open, &mut batch)
    }

    /// Takes out what `keep` does not want, in one table.
    pub fn retain(&mut self, table: usize, mut keep: impl FnMut(&Found) -> bool) {
        let Some(entries) = self.tables.get_mut(table) else {
            return;
        };
        let before = entries.allocated_bytes();
        let (records, pages) = (&mut self.records, &mut self.pages);
        entries.retain(|entry| {
            let found = entry.found();
            let stays = keep(&found);
            if !stays {
                *records -= 1;
                *pages -= u64::from(found.pages);
            }
            stays
        });
        let after = entries.allocated_bytes();
        self.resized(before, after);
    }

    /// The same as [`Places::insert`] for a key of which only the tag is known.
    pub(super) fn insert_tag(&mut self, tag: u64, found: Found) {
        let found = Found {
            pages: found.pages.min(PAGES_MAX),
            ..found
        };
        let Some((table, run)) = self.run_mut(tag) else {
            return;
        };
        let before = table.allocated_bytes();
        table.insert(run.end, Entry::new(tag, found));
        let after = table.allocated_bytes();
        self.resized(before, after);
        self.records += 1;
        self.pages += u64::from(found.pages);
    }

    /// A table had so many bytes, and has so many now.
    fn resized(&mut self, before: usize, after: usize) {
        self.allocated_bytes += after;
        self.allocated_bytes -= before;
    }

    /// Entries with this tag.
    fn with_tag(&self, tag: u64) -> impl Iterator<Item = Found> + '_ {
        let (table, part) = self.place_of(tag);
        let table = self.tables.get(table);
        let run = table.map_or(0..0, |table| table.run(tag, part));
        run.filter_map(move |at| Some(table?.get(at)?.found()))
    }

    /// The table of a tag, and where in it the entries with this tag are, or would be put.
    fn run_mut(&mut self, tag: u64) -> Option<(&mut Table, Range<usize>)> {
        let (table, part) = self.place_of(tag);
        let table = self.tables.get_mut(table)?;
        let run = table.run(tag, part);
        Some((table, run))
    }

    /// The number of a tag's table, and what part of 2^32 of that table's tags is before it.
    fn place_of(&self, tag: u64) -> (usize, u64) {
        let from_above = tag << (64 - TAG_BITS);
        let table = (tag >> (TAG_BITS - self.table_bits)) as usize;
        (table, from_above << self.table_bits >> 32)
    }

    fn change(&mut self, key: Key, page: u32, change: impl FnOnce(&mut Found)) {
        let tag = tag_of(key);
        let Some((table, mut run)) = self.run_mut(tag) else {
            return;
        };
        let at = run.find(|at| table.get(*at).is_some_and(|entry| entry.page == page));
        if let Some(entry) = at.and_then(|at| table.get_mut(at)) {
            let mut found = entry.found();
            change(&mut found);
            *entry = Entry::new(tag, found);
        }
    }

    /// Puts a batch, in order of tags, into its table; it is empty then.
    fn merge(&mut self, table: usize, batch: &mut Vec<Entry>) -> usize {
        let Some(entries) = self.tables.get_mut(table) else {
            return 0;
        };
        let added = batch.len();
        if added == 0 {
            return 0;
        }
        self.records += added;
        let pages = batch.iter().map(|entry| u64::from(entry.found().pages));
        self.pages += pages.sum::<u64>();
        let before = entries.allocated_bytes();
        entries.merge(batch);
        let after = entries.allocated_bytes();
        self.resized(before, after);
        batch.clear();
        added
    }
}

/// How many bits of a tag number the table, so that tables of a full log are of the size meant.
fn table_bits(records_max: u64) -> u32 {
    let tables = records_max.div_ceil(TABLE_RECORDS).max(1);
    let tables = tables.checked_next_power_of_two();
    tables.map_or(TABLES_BITS_MAX, |tables| {
        tables.ilog2().min(TABLES_BITS_MAX)
    })
}

/// Whole entries of exported bytes.
fn whole_entries(bytes: &[u8]) -> impl Iterator<Item = &[u8; ENTRY_BYTES]> {
    let entries = bytes.chunks_exact(ENTRY_BYTES);
    entries.filter_map(|entry| entry.try_into().ok())
}

#[cfg(test)]
mod tests;
