//! What is written before a log is opened: its superblock, and zeros where nothing was ever written.

use super::decide::NEVER_USED;
use super::place::{pages, read_some, Place};
use super::run::{self, Stage};
use super::{refused, PreparedLog, Trouble, Watcher};
use crate::rt::Pages;
use ringside_engine::store::disk::layout::SUPERBLOCKS_AT;
use ringside_engine::store::disk::segment::footer_extent;
use ringside_engine::store::disk::{Bad, SegmentHeader, Superblock, PAGE};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Zeros written at once.
const STRIDE_BYTES: usize = 4 << 20;
/// Slots that are cleared or looked at before it is asked whether to leave off.
const SLOTS_AT_ONCE: usize = 256;
/// After so many bytes, or so long, it is noted how far the pre-writing is: it is resumed there.
const NOTED_BYTES: u64 = if cfg!(test) { 8 << 20 } else { 1 << 30 };
const NOTED_EVERY: Duration = Duration::from_secs(5);

/// A log that loses its last segments: what they hold may void what is older and stays, as a kill
/// does or a newer record. So all that is older than the newest of them is void with them. None if
/// it can't be told how new they are.
pub(super) fn without_the_last(
    place: &Place,
    superblock: &Superblock,
    watcher: &mut dyn Watcher,
) -> Result<Option<Superblock>, Trouble> {
    let Ok(held) = &place.found else {
        return Ok(None);
    };
    let slots = superblock.segments..held.segments;
    let what = format!("looking through {}", place.shown());
    let newest = each_slot(place, &what, slots, watcher, |slot, valid_from| {
        let newer = valid_after(place, held, slot)?;
        Ok(newer.map(|newer| newer.max(valid_from)))
    })?;
    Ok(newest.map(|newest| Superblock {
        valid_from: newest.max(superblock.valid_from),
        ..superblock.clone()
    }))
}

/// From which number on all is newer than what this slot holds; none if that can't be told.
fn valid_after(place: &Place, held: &Superblock, slot: u32) -> Result<Option<u64>, Trouble> {
    let (layout, mark) = (held.layout(), held.mark_key());
    let mut page = pages(PAGE)?;
    let at = place.base + layout.slot_at(slot);
    let is_whole = read_some(&place.file, &mut page, at)? == PAGE;
    let header = SegmentHeader::decode(&page, slot, mark);
    let is_blank = page.iter().all(|byte| *byte == 0);
    let at = at + u64::from(layout.segment_bytes) - PAGE as u64;
    let is_whole = is_whole && read_some(&place.file, &mut page, at)? == PAGE;
    Ok(match (header, footer_extent(&page, mark)) {
        _ if !is_whole => None,
        (Ok(header), _) => Some(header.seq + 1),
        // Written by a log that was here before this one.
        (Err(Bad::Other), Err(_)) => Some(0),
        (Err(_), Err(_)) if is_blank => Some(0),
        _ => None,
    })
}

/// Does the same for each of these slots, on from what came of the one before, to the first that
/// gives none. There may be many, and each may cost the device a seek: it is told how far that is,
/// and it can be left off.
fn each_slot(
    place: &Place,
    what: &str,
    slots: Range<u32>,
    watcher: &mut dyn Watcher,
    mut act: impl FnMut(u32, u64) -> Result<Option<u64>, Trouble>,
) -> Result<Option<u64>, Trouble> {
    let bytes = |slots: usize| slots as u64 * PAGE as u64;
    if slots.is_empty() {
        return Ok(Some(0));
    }
    watcher.begin(what, 0, bytes(slots.len()));
    let mut come_of_it = Ok(Some(0));
    for (number, slot) in slots.enumerate() {
        if number % SLOTS_AT_ONCE == 0 && watcher.is_stopped() {
            come_of_it = refused(format!(
                "stopped while {} was being looked through or cleared; the next start does that",
                place.shown()
            ));
        }
        let Ok(Some(before)) = come_of_it else { break };
        come_of_it = act(slot, before);
        watcher.reached(bytes(number + 1));
    }
    watcher.end();
    come_of_it
}

/// Clears what another log has left where this one looks before it writes: its edicts, and the first
/// page of each segment from this one on. What was never written is zeros already, or will be.
pub(super) fn blank(
    place: &Place,
    superblock: &Superblock,
    from: u32,
    watcher: &mut dyn Watcher,
) -> Result<(), Trouble> {
    let layout = superblock.layout();
    let was_written = |at: u64| at < superblock.prepared_bytes;
    if from == 0 && was_written(layout.edicts_at[0]) {
        let zeros = pages(layout.edicts_bytes as usize)?;
        for at in layout.edicts_at {
            place.file.write_all_at(&zeros, place.base + at)?;
        }
    }
    let page = pages(PAGE)?;
    let written = (from..layout.segments).take_while(|slot| was_written(layout.slot_at(*slot)));
    let slots = from..from + written.count() as u32;
    let what = format!("clearing {}", place.shown());
    let cleared = each_slot(place, &what, slots, watcher, |slot, _| {
        let at = place.base + layout.slot_at(slot);
        place.file.write_all_at(&page, at)?;
        Ok(Some(0))
    });
    cleared.map(drop)
}

/// Writes zeros to all that was never written, so that later writes find their blocks there; and
/// the superblock, which tells from time to time how far that is.
pub(super) fn pre_write(
    place: &Place,
    mut superblock: Superblock,
    is_changed: bool,
    watcher: &mut dyn Watcher,
) -> Result<Superblock, Trouble> {
    let all = superblock.layout().total_bytes();
    let mut at = superblock.prepared_bytes;
    if is_changed {
        write_superblock(&place.file, place.base, &superblock)?;
    }
    if place.is_file && place.there > all {
        place.file.set_len(all)?;
    }
    if at >= all {
        return Ok(superblock);
    }
    let zeros = pages(STRIDE_BYTES)?;
    at = at.max((SUPERBLOCKS_AT.len() * PAGE) as u64).min(all);
    at -= at % PAGE as u64;
    let (mut noted, mut noted_at) = (at, Instant::now());
    watcher.begin(&format!("writing {}", place.shown()), at, all);
    while at < all {
        if watcher.is_stopped() {
            watcher.end();
            return refused(format!(
                "stopped while {} was being written; the next start goes on there",
                place.shown()
            ));
        }
        let bytes = (all - at).min(STRIDE_BYTES as u64) as usize;
        let part = zeros.get(..bytes).unwrap_or_default();
        let written = place.file.write_all_at(part, place.base + at);
        written.inspect_err(|_| watcher.end())?;
        at += bytes as u64;
        watcher.reached(at);
        if at - noted >= NOTED_BYTES || noted_at.elapsed() >= NOTED_EVERY {
            (noted, noted_at) = (at, Instant::now());
            superblock.prepared_bytes = at;
            superblock.generation += 1;
            write_superblock(&place.file, place.base, &superblock)?;
        }
    }
    watcher.end();
    superblock.prepared_bytes = all;
    superblock.generation += 1;
    write_superblock(&place.file, place.base, &superblock)?;
    Ok(superblock)
}

/// Takes a log a step into a run.
pub(super) fn join(log: &mut PreparedLog, run: u64, stage: Stage) -> Result<(), Trouble> {
    let superblock = &mut log.superblock;
    superblock.generation = run::generation(run, stage);
    if stage == Stage::Takes {
        superblock.valid_from = superblock.valid_from.max(NEVER_USED + 1);
    }
    write_superblock(&log.lock, log.base, superblock)?;
    Ok(())
}

/// Writes both copies, one after the other: a crash leaves one whole. What was written before is on
/// the medium by then.
pub(super) fn write_superblock(file: &File, base: u64, superblock: &Superblock) -> io::Result<()> {
    let page = Pages::of(&superblock.encode()).ok_or(io::ErrorKind::OutOfMemory)?;
    for at in SUPERBLOCKS_AT {
        file.sync_data()?;
        file.write_all_at(&page, base + at)?;
    }
    file.sync_data()
}
