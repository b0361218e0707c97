//! The format against its document, against damage, and against what somebody might forge.

mod areas;
mod doc;
mod layouts;
mod records;
mod segments;

use super::layout::Superblock;
use super::*;
use crate::key::{Key, Seed};
use alloc::vec;
use alloc::vec::Vec;

/// SplitMix64: the same numbers for ever.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

fn superblock() -> Superblock {
    let layout = Layout::fitting(64 << 20, 64 << 10).expect("room for it");
    Superblock {
        set: 0x1234_5678_9abc_def0_0fed_cba9_8765_4321,
        seed: Seed([7, 8]),
        device: 1,
        shard: 2,
        shards: 3,
        segment_bytes: layout.segment_bytes,
        segments: layout.segments,
        generation: 5,
        valid_from: 6,
        prepared_bytes: 7,
        created_ms: 1_795_000_000_000,
        latest_ms: 1_795_000_000_001,
        total_bytes: 64 << 20,
        falls: Falls::default(),
        changes: Changes::default(),
    }
}

fn mark() -> MarkKey {
    superblock().mark_key()
}

/// An object with parts of these lengths, of chance.
fn parts(chance: &mut Chance, head: usize, notes: usize, body: usize) -> [Vec<u8>; 3] {
    [head, notes, body].map(|len| chance.bytes(len))
}

fn object<'a>(key: u128, parts: &'a [Vec<u8>; 3]) -> Record<'a> {
    Record {
        key: Key(key),
        variant: 99,
        has_variant: key % 2 == 0,
        facts: [3; 32],
        head: &parts[0],
        notes: &parts[1],
        body: &parts[2],
        outline: (key % 3 == 0).then_some((1 << 40, 17)),
        uses: 2,
        disk_uses: 1,
    }
}

fn encoded(record: &Record<'_>, seq: u64, page: u32, mark: MarkKey) -> Vec<u8> {
    let lens = (record.head.len(), record.notes.len(), record.body.len());
    let pages = record::pages_for(lens.0, lens.1, lens.2);
    // Not zeros before: whatever is not written would show.
    let mut out = vec![0xaa; pages as usize * PAGE];
    record::encode(record, &[], seq, page, mark, &mut out);
    out
}
