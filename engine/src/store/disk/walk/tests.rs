//! Walks through logs in memory, whose reads end in any order.

use super::*;
use crate::key::{Key, Seed};
use crate::store::disk::checkpoint::{encode_slots, ENTRY_BYTES, SLOTS_AT};
use crate::store::disk::mark::Crc;
use crate::store::disk::record::{encode, encode_kills, pages_for, Kill, KillForce, Record};
use crate::store::disk::segment::{encode_footer, Event, SegmentHeader};
use crate::store::disk::{edict, Changes, Falls};
use std::vec;
use std::vec::Vec;

const SEGMENT_BYTES: u32 = 64 * 1024;
const PAGES: u32 = SEGMENT_BYTES / PAGE as u32;
const SEGMENTS: u32 = 24;

/// A log in memory.
struct Log {
    bytes: Vec<u8>,
    superblock: Superblock,
    layout: Layout,
    key: MarkKey,
    /// Slot to number, as it should be found.
    slots: Vec<(u64, u64)>,
    /// Pages that can't be read.
    bad: Vec<u64>,
}

impl Log {
    fn new() -> Log {
        let layout = Layout::of(SEGMENT_BYTES, SEGMENTS).unwrap();
        let superblock = Superblock {
            set: 7,
            seed: Seed([1, 2]),
            device: 0,
            shard: 0,
            shards: 1,
            segment_bytes: SEGMENT_BYTES,
            segments: SEGMENTS,
            generation: 1,
            valid_from: 0,
            prepared_bytes: layout.total_bytes(),
            created_ms: 5,
            latest_ms: 5,
            total_bytes: layout.total_bytes(),
            falls: Falls::default(),
            changes: Changes::default(),
        };
        let key = superblock.mark_key();
        let mut log = Log {
            bytes: vec![0; layout.total_bytes() as usize],
            superblock,
            layout,
            key,
            slots: vec![(0, 0); SEGMENTS as usize],
            bad: Vec::new(),
        };
        let edicts = edict::encode_header(1, key);
        log.put(layout.edicts_at[0], &edicts);
        let batch = edict::encode_batch(1, 1, b"everything below /a", key);
        log.put(layout.edicts_at[0] + PAGE as u64, &batch);
        log
    }

    fn put(&mut self, at: u64, bytes: &[u8]) {
        self.bytes[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
    }

    fn flip(&mut self, at: u64) {
        self.bytes[at as usize] ^= 0x10;
    }

    fn first(&self, slot: u32) -> u64 {
        self.layout.slot_at(slot)
    }

    fn last(&self, slot: u32) -> u64 {
        self.layout.slot_at(slot) + u64::from(SEGMENT_BYTES) - PAGE as u64
    }

    /// A segment with an object, a kill of another key and an object of two pages.
    fn segment(&mut self, slot: u32, seq: u64, is_sealed: bool) -> Sheet {
        let opened_ms = 1000 * seq;
        let header = SegmentHeader {
            slot,
            seq,
            opened_ms,
        };
        let at = self.first(slot);
        self.put(at, &header.encode(self.key));
        let mut events = Vec::new();
        let mut page = 1;
        for (n, bytes) in [(1_u128, 100), (2, 6000)] {
            let key = Key(u128::from(seq) << 64 | n);
            let body = vec![n as u8; bytes];
            let record = Record {
                key,
                variant: 0,
                has_variant: false,
                facts: [0; 32],
                head: b"head",
                notes: b"",
                body: &body,
                outline: None,
                uses: 0,
                disk_uses: 0,
            };
            let pages = pages_for(4, 0, bytes);
            let mut into = vec![0; pages as usize * PAGE];
            let number = self.layout.first_page(slot) + page;
            encode(&record, &[], seq, number, self.key, &mut into);
            self.put(self.layout.page_at(number), &into);
            events.push(Event::Object {
                key,
                page: page as u16,
                pages: pages as u16,
                variant: 0,
            });
            page += pages;
            if n == 1 {
                let kill = Kill {
                    key: Key(u128::from(seq)),
                    variant: None,
                    force: KillForce::Hard,
                };
                let number = number + pages;
                let mut into = vec![0; PAGE];
                encode_kills(&[kill], seq, number, self.key, &mut into);
                self.put(self.layout.page_at(number), &into);
                events.push(Event::Kill(kill));
                page += 1;
            }
        }
        let mut sheet = Sheet {
            header,
            sealed_ms: opened_ms,
            events,
        };
        if is_sealed {
            sheet.sealed_ms += 10;
            let footer = encode_footer(&sheet, self.key, PAGES);
            let at = self.first(slot) + u64::from(SEGMENT_BYTES) - footer.len() as u64;
            self.put(at, &footer);
        }
        self.slots[slot as usize] = (seq, opened_ms);
        sheet
    }

    /// A segment in which nothing was written yet.
    fn opened(&mut self, slot: u32, seq: u64) {
        let opened_ms = 1000 * seq;
        let header = SegmentHeader {
            slot,
            seq,
            opened_ms,
        };
        let page = header.encode(self.key);
        self.put(self.first(slot), &page);
        self.slots[slot as usize] = (seq, opened_ms);
    }

    /// Writes the footers that a walk has handed out.
    fn seal(&mut self, came: &Came) {
        for (at, bytes) in &came.footers {
            self.put(*at, bytes);
        }
    }

    /// Segments of these numbers from slot 0 on, around the circle; the last may be unsealed.
    fn fill(&mut self, seqs: core::ops::RangeInclusive<u64>, is_last_sealed: bool) {
        let last = *seqs.end();
        for seq in seqs {
            let slot = ((seq - 1) % u64::from(SEGMENTS)) as u32;
            self.segment(slot, seq, seq < last || is_last_sealed);
        }
    }

    fn checkpoint(&mut self, generation: u64, head_slot: u32, entries: &[u8]) {
        let table = encode_slots(&self.slots);
        let header = Header {
            generation,
            since_seq: self.slots[head_slot as usize].0,
            head_slot,
            segments: SEGMENTS,
            count: (entries.len() / ENTRY_BYTES) as u64,
            slots_crc: Crc::new().add(&table).value(),
            entries_crc: Crc::new().add(entries).value(),
        };
        let at = self.layout.checkpoints_at[generation as usize % 2];
        self.put(at, &header.encode(self.key));
        self.put(at + SLOTS_AT, &table);
        self.put(at + header.entries_at(), entries);
    }

    /// Walks, ending reads in an order by `seed`.
    fn walk(&self, seed: u64) -> Came {
        let mut chance = seed * 2 + 1;
        let mut walk = Walk::new(&self.superblock);
        let mut under_way = Vec::new();
        let mut came = Came::default();
        loop {
            while let Some(found) = walk.found() {
                if came.take(found) {
                    assert!(walk.wanted().is_none() && walk.found().is_none());
                    return came;
                }
            }
            while under_way.len() < 8 {
                let Some(read) = walk.wanted() else { break };
                assert!(read.bytes <= READ_BYTES && read.at % PAGE as u64 == 0);
                under_way.push(read);
            }
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            assert!(!under_way.is_empty(), "it wants nothing and is not through");
            let read = under_way.swap_remove(chance as usize % under_way.len());
            came.reads += 1;
            let range = read.at..read.at + read.bytes as u64;
            let is_bad = self.bad.iter().any(|at| range.contains(at));
            let bytes = &self.bytes[range.start as usize..range.end as usize];
            walk.feed(read.ticket, (!is_bad).then_some(bytes));
        }
    }
}

/// What came of a walk.
#[derive(Debug, Default, PartialEq)]
struct Came {
    footers: Vec<(u64, Vec<u8>)>,
    /// Slot and number of the newest, and the generation of the checkpoint.
    head: Option<(u32, u64, u64)>,
    slots: Vec<u64>,
    edicts: Vec<Vec<u8>>,
    sheets: Vec<Sheet>,
    entries: Vec<u8>,
    entries_slots: Vec<u64>,
    walked: Walked,
    has_failed: bool,
    reads: usize,
}

impl Came {
    /// Whether that was the end.
    fn take(&mut self, found: Found) -> bool {
        match found {
            Found::Footer { at, bytes } => {
                assert!(self.head.is_none(), "a footer after the head");
                self.footers.push((at, bytes));
            }
            Found::Head {
                slot,
                seq,
                slots,
                edicts,
                checkpoint_generation,
            } => {
                assert!(self.head.is_none() && self.sheets.is_empty());
                self.head = Some((slot, seq, checkpoint_generation));
                self.slots = slots.iter().map(|slot| slot.seq).collect();
                self.edicts = edicts.payloads;
                assert!(!edicts.lost);
            }
            Found::Sheet(sheet) => self.sheets.push(sheet),
            Found::Entries { entries, slots } => {
                self.entries.extend(entries);
                self.entries_slots = slots.to_vec();
            }
            Found::Done(walked) => {
                assert!(self.head.is_some(), "an end without a head");
                self.walked = walked;
                return true;
            }
            Found::Failed => {
                self.has_failed = true;
                return true;
            }
        }
        false
    }

    fn seqs(&self) -> Vec<u64> {
        self.sheets.iter().map(|sheet| sheet.header.seq).collect()
    }
}

fn down(from: u64, to: u64) -> Vec<u64> {
    (to..=from).rev().collect()
}

#[test]
fn without_a_checkpoint_all_sheets_come_newest_first() {
    let mut log = Log::new();
    // Once around and ten more.
    log.fill(1..=34, true);
    for seed in 0..20 {
        let came = log.walk(seed);
        assert_eq!(came.head, Some((9, 34, 0)), "seed {seed}");
        assert_eq!(came.seqs(), down(34, 11), "seed {seed}");
        assert_eq!(came.slots[10], 11);
        assert_eq!(came.edicts, [b"everything below /a".to_vec()]);
        assert_eq!((came.walked.objects, came.walked.kills), (48, 24));
        assert_eq!(came.walked.latest_ms, 34_010);
        assert_eq!((came.footers.len(), came.walked.void_below), (0, 0));
    }
}

#[test]
fn an_empty_log_has_a_head_and_nothing_else() {
    let came = Log::new().walk(1);
    assert_eq!(came.head, Some((0, 0, 0)));
    assert!(came.sheets.is_empty());
    assert_eq!(came.slots, [0; SEGMENTS as usize]);
}

#[test]
fn a_tail_that_was_not_sealed_is_scanned_and_gets_its_footer() {
    let mut log = Log::new();
    log.fill(1..=30, true);
    // Its place held a sealed segment of the lap before.
    let sheet = log.segment(6, 31, false);
    let came = log.walk(3);
    assert_eq!(came.head, Some((6, 31, 0)));
    assert_eq!(came.seqs(), down(31, 8));
    assert_eq!(came.sheets[0], sheet);
    assert_eq!(came.walked.scanned, 1);
    assert_eq!(came.footers.len(), 1);
    log.seal(&came);
    let again = log.walk(3);
    assert_eq!(again.sheets, came.sheets);
    assert_eq!((again.footers.len(), again.walked.scanned), (0, 0));
}

#[test]
fn a_crash_leaves_no_segment_that_is_scanned_twice() {
    // What was open, and what was prepared behind it; or neither has anything yet.
    for has_something in [true, false] {
        let mut log = Log::new();
        log.fill(1..=30, true);
        match has_something {
            true => drop(log.segment(6, 31, false)),
            false => log.opened(6, 31),
        }
        log.opened(7, 32);
        let came = log.walk(3);
        assert_eq!(came.head, Some((7, 32, 0)));
        assert_eq!(came.seqs(), down(32, 9));
        assert_eq!((came.footers.len(), came.walked.scanned), (2, 2));
        log.seal(&came);
        let again = log.walk(3);
        assert_eq!(again.sheets, came.sheets);
        assert_eq!((again.footers.len(), again.walked.scanned), (0, 0));
    }
    // It is all that there is.
    let mut log = Log::new();
    log.opened(0, 1);
    let came = log.walk(3);
    assert_eq!((came.head, came.seqs()), (Some((0, 1, 0)), vec![1]));
    assert_eq!(came.footers.len(), 1);
}

#[test]
fn a_damaged_footer_costs_a_scan_and_nothing_else() {
    let mut log = Log::new();
    log.fill(1..=30, true);
    let whole = log.walk(5);
    // An entry, and elsewhere the end.
    log.flip(log.last(1) + 30);
    log.flip(log.last(20) + PAGE as u64 - 10);
    let came = log.walk(5);
    let events = |came: &Came| -> Vec<_> {
        let sheets = came.sheets.iter();
        sheets
            .map(|sheet| (sheet.header, sheet.events.clone()))
            .collect()
    };
    assert_eq!(events(&came), events(&whole));
    assert_eq!(came.walked.scanned, 2);
    assert!(came.footers.is_empty(), "only the newest get one");
}

#[test]
fn a_damaged_header_is_made_up_for_by_the_footer() {
    let mut log = Log::new();
    log.fill(1..=30, true);
    log.flip(log.first(1) + 20);
    let came = log.walk(2);
    assert_eq!(came.seqs(), down(30, 7));
    // And without a footer by its neighbours, as only one number can be between theirs.
    log.flip(log.last(1) + PAGE as u64 - 10);
    let came = log.walk(2);
    assert_eq!(came.seqs(), down(30, 7));
    assert_eq!((came.walked.scanned, came.walked.lost), (1, 0));
}

#[test]
fn nothing_older_than_a_lost_segment_is_told() {
    let mut log = Log::new();
    log.fill(1..=20, true);
    // A gap in the numbers, so that nobody can know which one was there.
    log.segment(20, 25, true);
    log.segment(21, 28, true);
    log.segment(22, 29, true);
    log.flip(log.first(21) + 20);
    log.flip(log.last(21) + PAGE as u64 - 10);
    let came = log.walk(2);
    assert_eq!(came.seqs(), [29]);
    assert_eq!((came.walked.lost, came.walked.doubtful), (1, 21));
    assert_eq!(came.walked.void_below, 29);
}

#[test]
fn what_may_be_the_header_of_a_still_newer_segment_casts_doubt_on_all() {
    let mut log = Log::new();
    log.fill(1..=30, true);
    // The newest is in slot 5, and sealed; was the next one begun?
    log.segment(6, 31, false);
    log.flip(log.first(6) + 20);
    let came = log.walk(2);
    assert_eq!(came.head, Some((5, 30 + LOST_MAX, 0)));
    assert_eq!(came.seqs(), []);
    assert_eq!(came.walked.void_below, u64::MAX);
    // If the newest was not sealed, there is no newer one.
    let mut log = Log::new();
    log.fill(1..=30, false);
    log.flip(log.first(6) + 20);
    assert_eq!(log.walk(2).seqs(), down(30, 7));
}

#[test]
fn sheets_since_the_checkpoint_and_then_its_entries() {
    let mut log = Log::new();
    log.fill(1..=24, true);
    let entries: Vec<u8> = (0..100 * ENTRY_BYTES).map(|at| at as u8).collect();
    // Begun when slot 19 was open.
    let now = log.slots.clone();
    log.slots[20..].fill((0, 0));
    log.checkpoint(4, 19, &entries);
    log.slots = now;
    let came = log.walk(9);
    assert_eq!(came.head, Some((23, 24, 4)));
    assert_eq!(came.seqs(), down(24, 20));
    assert_eq!(came.entries, entries);
    assert_eq!(came.entries_slots[18..], [19, 20, 0, 0, 0, 0]);
    assert_eq!(came.slots[0], 1);
    // The circle went on over what the checkpoint knew.
    log.fill(25..=30, true);
    let came = log.walk(9);
    assert_eq!(came.head, Some((5, 30, 4)));
    assert_eq!(came.seqs(), down(30, 20));
    assert_eq!(came.entries, entries);
    assert_eq!((came.slots[5], came.entries_slots[5]), (30, 6));
    // All around, and more: the checkpoint says nothing any more.
    log.fill(31..=50, true);
    let came = log.walk(9);
    assert_eq!(came.head, Some((1, 50, 0)));
    assert_eq!(came.seqs(), down(50, 27));
    assert!(came.entries.is_empty());
}

#[test]
fn a_clean_start_reads_little() {
    let mut log = Log::new();
    log.fill(1..=24, true);
    log.checkpoint(1, 23, &[7; 12 * 50]);
    let came = log.walk(1);
    assert_eq!(came.seqs(), [24]);
    assert_eq!(came.entries.len(), 12 * 50);
    // Edicts 2, headers and table 3, slots 9, a footer, entries twice.
    assert!(came.reads <= 2 + 3 + 9 + 1 + 2, "{}", came.reads);
}

#[test]
fn a_damaged_checkpoint_is_made_up_for() {
    let entries: Vec<u8> = (0..100 * ENTRY_BYTES).map(|at| at as u8).collect();
    let mut log = Log::new();
    log.fill(1..=20, true);
    log.checkpoint(3, 19, &entries);
    log.fill(21..=22, true);
    log.checkpoint(4, 21, &entries[..600]);
    let whole = log.walk(1);
    assert_eq!((whole.seqs(), whole.entries.len()), (vec![22], 600));
    // Header or slot table: the older one is taken.
    for at in [40, PAGE as u64 + 5] {
        let at = log.layout.checkpoints_at[0] + at;
        log.flip(at);
        let came = log.walk(1);
        assert_eq!(came.head, Some((21, 22, 3)));
        assert_eq!(came.seqs(), down(22, 20));
        assert!(came.entries == entries);
        log.flip(at);
    }
    // Entries: none is told, and the sheets of all instead.
    let at = log.layout.checkpoints_at[0] + PAGE as u64 + 16 * u64::from(SEGMENTS);
    log.flip(at + 500);
    let came = log.walk(1);
    assert_eq!(came.head, Some((21, 22, 4)));
    assert_eq!(came.seqs(), down(22, 1));
    assert!(came.entries.is_empty() && came.walked.is_checkpoint_damaged);
    // Entries that can't be read.
    log.flip(at + 500);
    log.bad.push(at / PAGE as u64 * PAGE as u64);
    // The slot table is on the same page: so the older checkpoint.
    assert_eq!(log.walk(1).seqs(), down(22, 20));
}

#[test]
fn what_is_below_valid_from_is_void() {
    let mut log = Log::new();
    log.fill(1..=20, true);
    log.checkpoint(1, 9, &[1; 24]);
    log.superblock.valid_from = 15;
    let came = log.walk(1);
    assert_eq!(came.head, Some((19, 20, 0)));
    assert_eq!(came.seqs(), down(20, 15));
    assert_eq!(came.slots[13..15], [0, 15]);
    assert!(came.entries.is_empty());
    log.superblock.valid_from = 21;
    let came = log.walk(1);
    assert_eq!(came.head, Some((0, 0, 0)));
    assert!(came.seqs().is_empty());
}

#[test]
fn pages_that_can_not_be_read_cost_their_segment_and_all_that_is_older() {
    let mut log = Log::new();
    log.fill(1..=20, true);
    // A record's page: sheets come from footers.
    log.bad = vec![log.first(12) + PAGE as u64];
    assert_eq!(log.walk(1).seqs(), down(20, 1));
    // The footer: its segment is scanned.
    log.bad = vec![log.last(12)];
    let came = log.walk(1);
    assert_eq!(came.seqs(), down(20, 14));
    assert_eq!((came.walked.doubtful, came.walked.void_below), (13, 14));
    // An edict, which may have been a purge of anything.
    log.bad = vec![log.layout.edicts_at[1]];
    assert!(log.walk(1).has_failed);
    // Everything.
    log.bad = (0..20).map(|slot| log.first(slot)).collect();
    assert!(log.walk(1).has_failed);
}

#[test]
fn a_segment_that_is_overwritten_meanwhile_is_gone() {
    let mut log = Log::new();
    log.fill(1..=24, true);
    let mut after = Log::new();
    after.fill(1..=26, true);
    let mut walk = Walk::new(&log.superblock);
    let (mut seqs, mut has_head) = (Vec::new(), false);
    let walked = loop {
        match walk.found() {
            Some(Found::Head { .. }) => has_head = true,
            Some(Found::Sheet(sheet)) => seqs.push(sheet.header.seq),
            Some(Found::Done(walked)) => break walked,
            _ => {}
        }
        if let Some(read) = walk.wanted() {
            let log = if has_head { &after } else { &log };
            let range = read.at as usize..read.at as usize + read.bytes;
            walk.feed(read.ticket, Some(&log.bytes[range]));
        }
    };
    assert_eq!(seqs, down(24, 3));
    assert_eq!(walked.gone, 2);
}
