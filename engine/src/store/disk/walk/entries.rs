//! The entries of a checkpoint: read once to see that they are whole, and again to be told.
//!
//! There may be more of them than one wants to hold in memory, and one that is damaged must not
//! be told: it could be a soft purge that is undone. So the first pass keeps the checksum of all up
//! to the end of each part, and the second tells a part only while it comes to the same.

use super::stretch::Stretch;
use super::{Want, READ_BYTES};
use crate::store::disk::checkpoint::ENTRY_BYTES;
use crate::store::disk::mark::Crc;
use crate::store::disk::PAGE;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Entries of one part: what a shard takes in within half a millisecond, as it serves meanwhile.
pub(super) const PART_ENTRIES: usize = 4 * 1024;
/// Bytes under way at once.
const AHEAD_BYTES: u64 = 16 * READ_BYTES as u64;

/// Entries under way.
pub(super) struct Entries {
    at: u64,
    bytes: u64,
    crc: u32,
    pass: Pass,
    from: Stretch,
    /// Bytes before the first entry, on its page, that are still to be left out.
    skip: u64,
    /// Bytes of entries that are still to come.
    left: u64,
    part: Vec<u8>,
    sum: Crc,
    sums: VecDeque<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Checks,
    Tells,
    Done,
    Damaged,
}

impl Entries {
    /// Of so many from this byte of the file on, with this checksum.
    pub(super) fn new(at: u64, count: u64, crc: u32) -> Entries {
        let mut entries = Entries {
            at,
            bytes: count * ENTRY_BYTES as u64,
            crc,
            pass: Pass::Checks,
            from: Stretch::new(0, 0),
            skip: 0,
            left: 0,
            part: Vec::new(),
            sum: Crc::new(),
            sums: VecDeque::new(),
        };
        entries.begin(Pass::Checks);
        if count == 0 {
            let is_whole = crc == Crc::new().value();
            entries.pass = if is_whole { Pass::Done } else { Pass::Damaged };
        }
        entries
    }

    fn begin(&mut self, pass: Pass) {
        let page = PAGE as u64;
        let from = self.at / page * page;
        let end = (self.at + self.bytes).next_multiple_of(page);
        self.pass = pass;
        self.from = Stretch::new(from, end - from);
        self.skip = self.at - from;
        self.left = self.bytes;
        self.sum = Crc::new();
        self.part.clear();
    }

    /// A pass is through.
    fn end(&mut self) {
        match self.pass {
            Pass::Checks if self.sum.value() != self.crc => self.pass = Pass::Damaged,
            Pass::Checks => self.begin(Pass::Tells),
            _ => self.pass = Pass::Done,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.pass, Pass::Done | Pass::Damaged)
    }

    /// They are not what was once written: none was told, or those that are left are not.
    pub(super) fn is_damaged(&self) -> bool {
        self.pass == Pass::Damaged
    }

    /// None was told so far.
    #[cfg(test)]
    fn is_checking(&self) -> bool {
        self.pass == Pass::Checks
    }

    pub(super) fn wanted(&mut self) -> Option<Want> {
        if self.is_done() {
            return None;
        }
        let (at, bytes) = self.from.wanted(AHEAD_BYTES)?;
        Some(Want { job: 0, at, bytes })
    }

    /// Takes a piece; `each` gets the parts that became whole and are as they were written.
    pub(super) fn feed(&mut self, at: u64, bytes: Option<&[u8]>, mut each: impl FnMut(Vec<u8>)) {
        if self.is_done() {
            return;
        }
        let Some(bytes) = bytes else {
            self.pass = Pass::Damaged;
            return;
        };
        let mut from = core::mem::replace(&mut self.from, Stretch::new(0, 0));
        from.feed(at, bytes, |piece| self.take(piece, &mut each));
        let is_used = from.is_used();
        self.from = from;
        if is_used && !self.is_done() {
            self.end();
        }
    }

    fn take(&mut self, piece: &[u8], each: &mut impl FnMut(Vec<u8>)) {
        let skip = self.skip.min(piece.len() as u64);
        self.skip -= skip;
        let mut rest = piece.get(skip as usize..).unwrap_or_default();
        while self.left > 0 && !rest.is_empty() && !self.is_done() {
            let part_bytes = PART_ENTRIES * ENTRY_BYTES;
            let room = (part_bytes - self.part.len())
                .min(usize::try_from(self.left).unwrap_or(part_bytes));
            let (now, later) = rest.split_at(room.min(rest.len()));
            rest = later;
            self.left -= now.len() as u64;
            self.part.extend_from_slice(now);
            if self.part.len() == part_bytes || self.left == 0 {
                self.part_is_whole(each);
            }
        }
    }

    fn part_is_whole(&mut self, each: &mut impl FnMut(Vec<u8>)) {
        self.sum = self.sum.add(&self.part);
        if self.pass == Pass::Checks {
            self.sums.push_back(self.sum.value());
            self.part.clear();
        } else if self.sums.pop_front() == Some(self.sum.value()) {
            each(core::mem::take(&mut self.part));
        } else {
            self.pass = Pass::Damaged;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(file: &[u8], changed: &[u8], at: u64, count: u64, crc: u32) -> (Vec<u8>, bool) {
        let mut entries = Entries::new(at, count, crc);
        let mut got = Vec::new();
        while let Some(want) = entries.wanted() {
            let file = if entries.is_checking() { file } else { changed };
            let range = want.at as usize..want.at as usize + want.bytes;
            entries.feed(want.at, file.get(range), |part| got.extend(part));
        }
        assert!(entries.is_done());
        (got, entries.is_damaged())
    }

    #[test]
    fn entries_are_told_if_they_are_whole_both_times() {
        // Not on a page's beginning, and more than two parts.
        let (at, count) = (4096 * 2 + 48, PART_ENTRIES * 2 + 100);
        let bytes: Vec<u8> = (0..count * ENTRY_BYTES).map(|at| (at / 5) as u8).collect();
        let mut file = alloc::vec![0xAA; at];
        file.extend_from_slice(&bytes);
        file.resize(file.len().next_multiple_of(PAGE), 0xAA);
        let crc = Crc::new().add(&bytes).value();
        let (at, count) = (at as u64, count as u64);
        assert!(told(&file, &file, at, count, crc) == (bytes.clone(), false));
        assert!(told(&file, &file, at, count, crc ^ 1) == (Vec::new(), true));
        let mut changed = file.clone();
        changed[at as usize + PART_ENTRIES * ENTRY_BYTES + 7] ^= 1;
        assert!(told(&changed, &changed, at, count, crc) == (Vec::new(), true));
        // Whole when it was checked, and not any more.
        let first = bytes[..PART_ENTRIES * ENTRY_BYTES].to_vec();
        assert!(told(&file, &changed, at, count, crc) == (first, true));
        assert_eq!(told(&file, &file, at, 0, 0), (Vec::new(), false));
        assert!(told(&file[..8192], &file, at, count, crc).1, "unreadable");
    }
}
