//! One log, from its superblocks to its checkpoints: reads each part once, in order, and sums up
//! what `check` says of it.

use super::check::{self, why, why_unread, Fault, Ground, Part, State};
use super::source::{fill, memory, Source};
use crate::rt::Pages;
use crate::store::disk::progress::Watcher;
use ringside_engine::store::disk::checkpoint::{Header, SLOTS_AT, SLOT_BYTES};
use ringside_engine::store::disk::layout::{FRONT_BYTES, SUPERBLOCKS_AT};
use ringside_engine::store::disk::{
    Bad, Crc, Event, NotOurs, Places, Recovery, SegmentHeader, Superblock, PAGE,
};
use std::io;

/// Bytes of a checkpoint read at once.
const PIECE_BYTES: usize = 4 << 20;

/// What there is, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) superblocks: u64,
    /// Whole objects.
    pub(super) objects: u64,
    /// Bytes of whole records.
    pub(super) record_bytes: u64,
    /// Of the objects, those replaced or killed since.
    pub(super) void: u64,
    pub(super) torn: u64,
    pub(super) kills: u64,
    pub(super) sealed: u64,
    pub(super) unsealed: u64,
    pub(super) void_segments: u64,
    pub(super) empty: u64,
    pub(super) lost: u64,
    pub(super) edicts: u64,
    pub(super) checkpoints: u64,
    /// Of the newest checkpoint.
    pub(super) entries: u64,
    pub(super) read_bytes: u64,
    pub(super) faults: Vec<Fault>,
}

impl Tally {
    /// All numbers together, and the faults behind each other.
    pub(super) fn add(&mut self, other: &Tally) {
        let pairs = [
            (&mut self.superblocks, other.superblocks),
            (&mut self.objects, other.objects),
            (&mut self.record_bytes, other.record_bytes),
            (&mut self.void, other.void),
            (&mut self.torn, other.torn),
            (&mut self.kills, other.kills),
            (&mut self.sealed, other.sealed),
            (&mut self.unsealed, other.unsealed),
            (&mut self.void_segments, other.void_segments),
            (&mut self.empty, other.empty),
            (&mut self.lost, other.lost),
            (&mut self.edicts, other.edicts),
            (&mut self.checkpoints, other.checkpoints),
            (&mut self.entries, other.entries),
            (&mut self.read_bytes, other.read_bytes),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
        self.faults.extend(other.faults.iter().cloned());
    }

    fn fault(&mut self, part: Part, place: String, why: &'static str) {
        self.faults.push(Fault { part, place, why });
    }
}

/// The front of a log, where its superblocks are.
pub(super) fn front(file: &std::fs::File, base: u64) -> io::Result<Pages> {
    let mut front = memory(FRONT_BYTES)?;
    fill(file, base, &mut front)?;
    Ok(front)
}

/// Checks the log of this superblock, whose front was read already.
///
/// # Errors
/// There is no memory for it. What can't be read is a fault of the log.
pub(super) fn verify(
    source: &mut Source<'_>,
    superblock: &Superblock,
    front: &[u8],
    watcher: &mut dyn Watcher,
) -> io::Result<Tally> {
    let ground = Ground {
        layout: superblock.layout(),
        mark: superblock.mark_key(),
        valid_from: superblock.valid_from.max(1),
    };
    let mut tally = Tally::default();
    for (copy, at) in (1..).zip(SUPERBLOCKS_AT) {
        let page = front.get(at as usize..).unwrap_or_default();
        match Superblock::decode(page) {
            Ok(_) => tally.superblocks += 1,
            Err(not_ours) => {
                let why = match not_ours {
                    NotOurs::Empty => "nothing there",
                    NotOurs::Foreign(_) => "something else is there",
                    NotOurs::Version(_) => "of another version",
                    NotOurs::Damaged => "checksum",
                };
                tally.fault(Part::Superblock, format!("superblock {copy} of 2"), why);
            }
        }
    }
    edicts(source, &ground, &mut tally)?;
    segments(source, &ground, superblock, &mut tally, watcher)?;
    // Of before the last change of the number of shards, none counts.
    let ground = Ground {
        valid_from: ground.valid_from.max(superblock.changes.last()),
        ..ground
    };
    checkpoints(source, &ground, &mut tally)?;
    tally.read_bytes = source.bytes;
    Ok(tally)
}

fn edicts(source: &mut Source<'_>, ground: &Ground, tally: &mut Tally) -> io::Result<()> {
    let layout = &ground.layout;
    let bytes = usize::try_from(layout.edicts_bytes).unwrap_or(usize::MAX);
    let mut areas = [memory(bytes)?, memory(bytes)?];
    for ((name, area), at) in ["A", "B"].iter().zip(&mut areas).zip(layout.edicts_at) {
        for (range, kind) in source.read(at, area) {
            let place = format!("edicts {name}, bytes {} to {}", range.start, range.end - 1);
            tally.fault(Part::Bytes, place, why_unread(kind));
        }
    }
    match check::edicts([&areas[0], &areas[1]], ground.mark) {
        Some(count) => tally.edicts = count,
        None => {
            let place = "edicts; the next start validates all that is stored".to_owned();
            tally.fault(Part::Edicts, place, "not whole");
        }
    }
    Ok(())
}

/// All segments: the newest first, so that what is void shows.
fn segments(
    source: &mut Source<'_>,
    ground: &Ground,
    superblock: &Superblock,
    tally: &mut Tally,
    watcher: &mut dyn Watcher,
) -> io::Result<()> {
    let layout = &ground.layout;
    let mut page = memory(PAGE)?;
    let mut order = Vec::new();
    for slot in 0..layout.segments {
        // Read again with the segment, and told then.
        source.read(layout.slot_at(slot), &mut page);
        let header = SegmentHeader::decode(&page, slot, ground.mark);
        order.push((header.map_or(0, |header| header.seq), slot));
    }
    order.sort_unstable_by(|a, b| b.cmp(a));
    for pair in order.windows(2) {
        if let [(seq, one), (again, other)] = pair {
            if seq == again && *seq >= ground.valid_from {
                let place = format!("segments {other} and {one} have the same number");
                tally.fault(Part::Header, place, "something else is there");
            }
        }
    }
    let newest = order.first().map_or(0, |(seq, _)| *seq);
    let mut places = Places::new(layout.records_max());
    let mut recovery = Recovery::new();
    let mut memory = memory(layout.segment_bytes as usize)?;
    for (seq, slot) in order {
        let unread = source.read(layout.slot_at(slot), &mut memory);
        // The next is opened before the last is sealed.
        let is_newest = seq + 1 >= newest;
        let found = check::segment(&memory, &unread, slot, ground, is_newest);
        watcher.reached(source.bytes);
        *match found.state {
            State::Sealed => &mut tally.sealed,
            State::Unsealed => &mut tally.unsealed,
            State::Void => &mut tally.void_segments,
            State::Empty => &mut tally.empty,
            State::Lost => &mut tally.lost,
        } += 1;
        tally.record_bytes += found.bytes;
        tally.torn += found.torn;
        tally.faults.extend(found.faults);
        if let Some(mut sheet) = found.sheet {
            let is_kill = |event: &&Event| matches!(event, Event::Kill(_));
            let kills = sheet.events.iter().filter(is_kill).count();
            let objects = sheet.events.len() - kills;
            // What has another home counts no more.
            superblock
                .changes
                .leave_at_home(superblock.shard, &mut sheet);
            let live = recovery.sheet(&mut places, layout, &sheet);
            tally.kills += kills as u64;
            tally.objects += objects as u64;
            tally.void += objects.saturating_sub(live) as u64;
        }
    }
    Ok(())
}

fn checkpoints(source: &mut Source<'_>, ground: &Ground, tally: &mut Tally) -> io::Result<()> {
    let mut found = Vec::new();
    for (name, at) in ["A", "B"].into_iter().zip(ground.layout.checkpoints_at) {
        found.push((name, checkpoint(source, ground, at)?));
    }
    let whole = found.iter().filter_map(|(_, one)| match one {
        Checkpoint::Whole(header) => Some(*header),
        _ => None,
    });
    let newest = whole.clone().max_by_key(|header| header.generation);
    tally.checkpoints = whole.count() as u64;
    tally.entries = newest.map_or(0, |header| header.count);
    for (name, one) in found {
        let Checkpoint::Bad(generation, why) = one else {
            continue;
        };
        // One that is written over by the next has its old header until the end.
        let is_old = generation
            .is_some_and(|generation| newest.is_some_and(|newest| newest.generation > generation));
        if !is_old {
            tally.fault(Part::Checkpoint, format!("checkpoint {name}"), why);
        }
    }
    Ok(())
}

enum Checkpoint {
    /// None was finished here, or none that counts.
    None,
    Whole(Header),
    /// Of this generation, where that is known.
    Bad(Option<u64>, &'static str),
}

fn checkpoint(source: &mut Source<'_>, ground: &Ground, at: u64) -> io::Result<Checkpoint> {
    let layout = &ground.layout;
    let mut page = memory(PAGE)?;
    if let Some((_, kind)) = source.read(at, &mut page).first() {
        return Ok(Checkpoint::Bad(None, why_unread(*kind)));
    }
    let header = match Header::decode(&page, ground.mark) {
        Ok(header) => header,
        Err(bad @ (Bad::Checksum | Bad::Version(_))) => {
            return Ok(Checkpoint::Bad(None, why(bad)));
        }
        // Zeros, or what was here when the log had other bounds.
        Err(_) => return Ok(Checkpoint::None),
    };
    if header.segments != layout.segments || header.since_seq < ground.valid_from {
        return Ok(Checkpoint::None);
    }
    let bad = |why| Ok(Checkpoint::Bad(Some(header.generation), why));
    if header.end() > layout.checkpoint_bytes {
        return bad("more entries than there is room for");
    }
    let slots = SLOTS_AT..SLOTS_AT + u64::from(header.segments) * SLOT_BYTES as u64;
    let entries = header.entries_at()..header.end();
    for (range, crc) in [(slots, header.slots_crc), (entries, header.entries_crc)] {
        match sum(source, at, range)? {
            Ok(sum) if sum == crc => {}
            Ok(_) => return bad("checksum"),
            Err(kind) => return bad(why_unread(kind)),
        }
    }
    Ok(Checkpoint::Whole(header))
}

/// The checksum of bytes of an area, which need not be whole pages.
fn sum(
    source: &mut Source<'_>,
    area: u64,
    range: std::ops::Range<u64>,
) -> io::Result<Result<u32, io::ErrorKind>> {
    let mut piece = memory(PIECE_BYTES)?;
    let mut crc = Crc::new();
    let mut at = range.start;
    while at < range.end {
        let from = at - at % PAGE as u64;
        let want = (range.end - from).next_multiple_of(PAGE as u64);
        let want = want.min(PIECE_BYTES as u64) as usize;
        let bytes = piece.get_mut(..want).unwrap_or_default();
        if let Some((_, kind)) = source.read(area + from, bytes).first() {
            return Ok(Err(*kind));
        }
        let to = range.end.min(from + want as u64);
        let part = (at - from) as usize..(to - from) as usize;
        crc = crc.add(bytes.get(part).unwrap_or_default());
        at = to;
    }
    Ok(Ok(crc.value()))
}
