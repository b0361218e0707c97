//! Restarts in the middle of random histories, against the truth that goes on beside them.

use super::*;
use crate::store::disk::circle::{key, step, Chance, Circle};
use crate::store::disk::places::ENTRY_BYTES;
use alloc::vec::Vec;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// A checkpoint, made table by table while the log goes on.
#[derive(Clone)]
struct Checkpoint {
    since_seq: u64,
    slots: Vec<Option<u64>>,
    entries: Vec<u8>,
}

fn seqs(circle: &Circle) -> Vec<Option<u64>> {
    let sheets = circle.sheets.iter();
    sheets
        .map(|sheet| Some(sheet.as_ref()?.header.seq))
        .collect()
}

fn checkpoint(circle: &mut Circle, chance: &mut Chance) -> Checkpoint {
    let mut made = Checkpoint {
        since_seq: circle.seq,
        slots: seqs(circle),
        entries: Vec::new(),
    };
    for table in 0..circle.places.tables() {
        circle.places.export(table, &mut made.entries);
        (0..chance.below(8)).for_each(|_| step(circle, chance));
    }
    made
}

/// The process ends and starts again: the index is gone, the log goes on in a new segment, and
/// is replayed while things happen.
fn restart(circle: &mut Circle, made: Option<&Checkpoint>, chance: &mut Chance) {
    let records_max = 4096 << chance.below(5);
    circle.places = Places::new(records_max);
    circle.recovery = Some(Recovery::new());
    let mut sheets: Vec<Sheet> = circle.sheets.iter().flatten().cloned().collect();
    sheets.sort_by_key(|sheet| sheet.header.seq);
    let known = seqs(circle);
    circle.open();
    let live = |circle: &mut Circle, chance: &mut Chance| {
        if chance.below(2) == 0 {
            (0..chance.below(12)).for_each(|_| step(circle, chance));
        }
    };
    let since = made.map_or(0, |made| made.since_seq);
    while let Some(sheet) = sheets.pop().filter(|sheet| sheet.header.seq >= since) {
        live(circle, chance);
        let slot = sheet.header.slot as usize;
        if seqs(circle)[slot] == Some(sheet.header.seq) {
            let recovery = circle.recovery.as_mut().expect("at it");
            recovery.sheet(&mut circle.places, &circle.layout, &sheet);
        }
    }
    if let Some(made) = made {
        let piece = ENTRY_BYTES * (1 + chance.below(40) as usize);
        for entries in made.entries.chunks(piece) {
            live(circle, chance);
            let (layout, now) = (circle.layout, seqs(circle));
            let valid = |page| {
                let slot = layout.slot_of(page) as usize;
                made.slots[slot] == known[slot] && known[slot] == now[slot]
            };
            let recovery = circle.recovery.as_mut().expect("at it");
            recovery.checkpoint(&mut circle.places, entries, valid);
        }
    }
    circle.recovery = None;
}

#[test]
fn a_restart_finds_what_was_there() {
    let mut found = 0;
    for seed in 0..1500_u64 {
        let mut chance = Chance(seed);
        let (segments, pages) = (4 + chance.below(6) as u32, 8 + chance.below(30) as u32);
        let run = AssertUnwindSafe(|| {
            let mut circle = Circle::new(segments, pages);
            // A checkpoint of before the last restart is a checkpoint still.
            let mut made = None;
            for _ in 0..3 {
                (0..chance.below(120)).for_each(|_| step(&mut circle, &mut chance));
                if chance.below(3) > 0 {
                    made = Some(checkpoint(&mut circle, &mut chance));
                }
                (0..chance.below(80)).for_each(|_| step(&mut circle, &mut chance));
                restart(&mut circle, made.as_ref(), &mut chance);
                circle.agrees();
                circle.pages_are_apart();
            }
            circle.places.len()
        });
        found += catch_unwind(run).unwrap_or_else(|_| panic!("seed {seed}"));
    }
    assert!(found > 10_000, "only {found} found: the test tests little");
}

#[test]
fn a_checkpoint_keeps_uses() {
    let mut circle = Circle::new(4, 32);
    circle.put(key(1), 0, 1);
    circle.used(key(1));
    let mut entries = Vec::new();
    for table in 0..circle.places.tables() {
        circle.places.export(table, &mut entries);
    }
    let mut places = Places::new(10);
    assert_eq!(
        Recovery::new().checkpoint(&mut places, &entries, |_| true),
        1
    );
    assert_eq!(
        places.find(key(1)).next(),
        circle.places.find(key(1)).next()
    );
}

#[test]
fn nothing_older_than_a_lost_segment_is_taken() {
    let mut circle = Circle::new(4, 32);
    circle.put(key(1), 0, 1);
    let mut entries = Vec::new();
    for table in 0..circle.places.tables() {
        circle.places.export(table, &mut entries);
    }
    let old = circle.sheets[0].clone().expect("written");
    let mut places = Places::new(10);
    let mut recovery = Recovery::new();
    recovery.lost();
    assert_eq!(recovery.sheet(&mut places, &circle.layout, &old), 0);
    assert_eq!(recovery.checkpoint(&mut places, &entries, |_| true), 0);
    // A kill goes on being told.
    recovery.kill(&Kill {
        key: key(1),
        variant: None,
        force: KillForce::Soft,
    });
    assert_eq!(recovery.remembered(), 1);
}

#[test]
fn a_hard_kill_is_not_softened() {
    let kill = |force, variant| Kill {
        key: key(1),
        variant,
        force,
    };
    let mut record = Found {
        page: 1,
        pages: 1,
        variant: 7,
        uses: 0,
        soft: false,
    };
    let tag = tag_of(key(1));
    let mut recovery = Recovery::new();
    recovery.kill(&kill(KillForce::Soft, None));
    assert!(recovery.survives(tag, &mut record) && record.soft);
    recovery.kill(&kill(KillForce::Hard, Some(7)));
    recovery.kill(&kill(KillForce::Soft, Some(7)));
    assert!(!recovery.survives(tag, &mut record));
    record.variant = 8;
    assert!(recovery.survives(tag, &mut record));
}
