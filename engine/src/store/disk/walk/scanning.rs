//! The scan of one segment, in rounds of many pages.

use super::order::Told;
use super::sheets::Outcome;
use super::stretch::Stretch;
use super::Ground;
use crate::store::disk::segment::{Event, Scan, SegmentHeader, Sheet};
use crate::store::disk::PAGE;
use alloc::vec::Vec;

/// Pages of a round: what is left of it when a record goes beyond its end is read again.
const ROUND_PAGES: u32 = 256;
/// Pages of a segment that can't be read, after which the rest of it is not tried: each may take
/// a device many seconds.
const UNREAD_MAX: u64 = 4;

/// A scan under way.
pub(super) struct Scanning {
    scan: Scan,
    round: Round,
    /// The end of a round that could not be read: up to it, one record is read after the other.
    narrow_to: u32,
    events: Vec<Event>,
}

struct Round {
    bytes: Vec<u8>,
    from: Stretch,
    /// The page of the segment that it ends before.
    end: u32,
    /// No more than what must be seen next.
    is_narrow: bool,
    /// A piece could not be read; the others are waited for.
    has_failed: bool,
    /// Pieces that were asked for and did not come yet.
    open: u32,
}

impl Scanning {
    pub(super) fn new(ground: &Ground, told: &Told) -> Scanning {
        let scan = Scan::new(told.slot, told.seq, &ground.layout, ground.key);
        let round = Round::of(ground, told, &scan, 0);
        Scanning {
            scan,
            round,
            narrow_to: 0,
            events: Vec::new(),
        }
    }

    pub(super) fn wanted(&mut self) -> Option<(u64, usize)> {
        if self.round.has_failed {
            return None;
        }
        let wanted = self.round.from.wanted(u64::MAX);
        self.round.open += u32::from(wanted.is_some());
        wanted
    }

    /// Takes a piece; whether that was all.
    pub(super) fn feed(
        &mut self,
        ground: &Ground,
        told: &Told,
        at: u64,
        bytes: Option<&[u8]>,
    ) -> bool {
        let round = &mut self.round;
        round.open = round.open.saturating_sub(1);
        match bytes {
            Some(bytes) => {
                let gathered = &mut round.bytes;
                let each = |piece: &[u8]| gathered.extend_from_slice(piece);
                round.from.feed(at, bytes, each);
            }
            None => round.has_failed = true,
        }
        if round.has_failed {
            if round.open > 0 {
                return false;
            }
            match round.is_narrow {
                // One page is given up.
                true => self.scan.feed(&[], |event| self.events.push(event)),
                false => self.narrow_to = round.end,
            }
        } else if round.from.is_used() {
            self.scan
                .feed(&round.bytes, |event| self.events.push(event));
        } else {
            return false;
        }
        self.round = Round::of(ground, told, &self.scan, self.narrow_to);
        self.scan.wanted().is_none() || self.scan.unread() > UNREAD_MAX
    }

    pub(super) fn outcome(self, told: &Told) -> Outcome {
        let header = SegmentHeader {
            slot: told.slot,
            seq: told.seq,
            opened_ms: told.opened_ms,
        };
        Outcome::Scanned {
            sheet: Sheet {
                header,
                // Nobody knows; not before this.
                sealed_ms: told.opened_ms,
                events: self.events,
            },
            is_whole: self.scan.unread() == 0,
        }
    }
}

impl Round {
    fn of(ground: &Ground, told: &Told, scan: &Scan, narrow_to: u32) -> Round {
        let wanted = scan.wanted().unwrap_or(0..0);
        let is_narrow = wanted.start < narrow_to;
        let end = match is_narrow {
            true => wanted.end,
            false => wanted.end.max(wanted.start + ROUND_PAGES),
        };
        let end = end.min(ground.layout.pages_per_segment());
        let start = wanted.start.min(end);
        let bytes = u64::from(end - start) * PAGE as u64;
        let at = ground.layout.slot_at(told.slot) + u64::from(start) * PAGE as u64;
        Round {
            bytes: Vec::with_capacity(bytes as usize),
            from: Stretch::new(at, bytes),
            end,
            is_narrow,
            has_failed: false,
            open: 0,
        }
    }
}
