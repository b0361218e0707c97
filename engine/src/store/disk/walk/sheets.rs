//! The sheets of segments in a given order, several being read ahead: from the footer; by a scan
//! where there is none, or a damaged one.

use super::order::Told;
use super::scanning::Scanning;
use super::stretch::Stretch;
use super::{Ground, Want};
use crate::store::disk::segment::{decode_footer, footer_extent, Sheet};
use crate::store::disk::PAGE;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Segments under way at once. A footer is one read mostly, so this is the depth of reads.
const SEGMENTS_AHEAD: usize = 32;
/// Pages read at once at the end of a segment: the footer of some 1300 records, which is more than
/// most have.
const GUESS_PAGES: u32 = 8;

/// What became of one segment.
pub(super) enum Outcome {
    /// What is in it, by its footer.
    Sealed(Sheet),
    /// What was found in it, and whether every page could be read.
    Scanned {
        /// As its footer would say.
        sheet: Sheet,
        /// No page was left out because the device did not give it.
        is_whole: bool,
    },
    /// It was begun anew meanwhile.
    Gone,
}

impl Outcome {
    /// It was begun and never sealed, and holds nothing.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Outcome::Scanned { sheet, is_whole } => *is_whole && sheet.events.is_empty(),
            Outcome::Sealed(_) | Outcome::Gone => false,
        }
    }
}

/// Sheets under way.
pub(super) struct Sheets {
    todo: VecDeque<Told>,
    /// The number of the first under way.
    first: u32,
    under_way: VecDeque<(Told, Fetch)>,
}

enum Fetch {
    /// The last pages, which are asked for or not.
    Last { asked: bool },
    /// The whole footer, from this page of the segment on, as it was longer than the guess.
    Footer { bytes: Vec<u8>, from: Stretch },
    /// All pages, as far as they can be read.
    Scan(Scanning),
    /// Done.
    Done(Outcome),
}

impl Sheets {
    pub(super) fn new(segments: &[Told]) -> Sheets {
        Sheets {
            todo: segments.iter().copied().collect(),
            first: 0,
            under_way: VecDeque::new(),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.todo.is_empty() && self.under_way.is_empty()
    }

    /// The next that is through, in order.
    pub(super) fn next(&mut self) -> Option<(Told, Outcome)> {
        if !matches!(self.under_way.front(), Some((_, Fetch::Done(_)))) {
            return None;
        }
        let (told, fetch) = self.under_way.pop_front()?;
        self.first += 1;
        match fetch {
            Fetch::Done(outcome) => Some((told, outcome)),
            _ => None,
        }
    }

    pub(super) fn wanted(&mut self, ground: &Ground) -> Option<Want> {
        for (job, (told, fetch)) in (self.first..).zip(&mut self.under_way) {
            if let Some((at, bytes)) = wanted(ground, told, fetch) {
                return Some(Want { job, at, bytes });
            }
        }
        if self.under_way.len() >= SEGMENTS_AHEAD {
            return None;
        }
        let told = self.todo.pop_front()?;
        let mut fetch = Fetch::Last { asked: false };
        let want = wanted(ground, &told, &mut fetch);
        let job = self.first + self.under_way.len() as u32;
        self.under_way.push_back((told, fetch));
        want.map(|(at, bytes)| Want { job, at, bytes })
    }

    pub(super) fn feed(&mut self, ground: &Ground, job: u32, at: u64, bytes: Option<&[u8]>) {
        let Some(index) = job.checked_sub(self.first) else {
            return;
        };
        if let Some((told, fetch)) = self.under_way.get_mut(index as usize) {
            feed(ground, told, fetch, at, bytes);
        }
    }
}

fn guess_pages(ground: &Ground) -> u32 {
    let pages = ground.layout.pages_per_segment().saturating_sub(1);
    pages.clamp(1, GUESS_PAGES)
}

fn wanted(ground: &Ground, told: &Told, fetch: &mut Fetch) -> Option<(u64, usize)> {
    let start = ground.layout.slot_at(told.slot);
    match fetch {
        Fetch::Last { asked } if !*asked => {
            *asked = true;
            let bytes = guess_pages(ground) as usize * PAGE;
            let end = start + u64::from(ground.layout.segment_bytes);
            Some((end - bytes as u64, bytes))
        }
        Fetch::Footer { from, .. } => from.wanted(u64::MAX),
        Fetch::Scan(scanning) => scanning.wanted(),
        _ => None,
    }
}

fn feed(ground: &Ground, told: &Told, fetch: &mut Fetch, at: u64, bytes: Option<&[u8]>) {
    *fetch = match core::mem::replace(fetch, Fetch::Done(Outcome::Gone)) {
        Fetch::Last { .. } => match bytes {
            Some(bytes) => last_pages(ground, told, bytes),
            None => scan(ground, told),
        },
        Fetch::Footer {
            bytes: mut gathered,
            mut from,
        } => match bytes {
            Some(bytes) => {
                from.feed(at, bytes, |piece| gathered.extend_from_slice(piece));
                match from.is_used() {
                    true => footer(ground, told, &gathered),
                    false => Fetch::Footer {
                        bytes: gathered,
                        from,
                    },
                }
            }
            None => scan(ground, told),
        },
        Fetch::Scan(mut scanning) => match scanning.feed(ground, told, at, bytes) {
            true => Fetch::Done(scanning.outcome(told)),
            false => Fetch::Scan(scanning),
        },
        done @ Fetch::Done(_) => done,
    };
}

/// Decides by the segment's last pages.
fn last_pages(ground: &Ground, told: &Told, bytes: &[u8]) -> Fetch {
    let last = bytes.len().saturating_sub(PAGE);
    let extent = footer_extent(bytes.get(last..).unwrap_or_default(), ground.key);
    let Ok(extent) = extent else {
        return scan(ground, told);
    };
    if extent.slot == told.slot && extent.seq > told.seq {
        return Fetch::Done(Outcome::Gone);
    }
    let pages = ground.layout.pages_per_segment();
    if extent.slot != told.slot || extent.seq != told.seq || extent.pages() >= pages {
        return scan(ground, told);
    }
    let footer_bytes = extent.pages() as usize * PAGE;
    if footer_bytes <= bytes.len() {
        return footer(ground, told, bytes);
    }
    let end = ground.layout.slot_at(told.slot) + u64::from(ground.layout.segment_bytes);
    Fetch::Footer {
        bytes: Vec::with_capacity(footer_bytes),
        from: Stretch::new(end - footer_bytes as u64, footer_bytes as u64),
    }
}

fn footer(ground: &Ground, told: &Told, bytes: &[u8]) -> Fetch {
    match decode_footer(bytes, told.slot, ground.key) {
        Ok(sheet) if sheet.header.seq == told.seq => Fetch::Done(Outcome::Sealed(sheet)),
        Ok(sheet) if sheet.header.seq > told.seq => Fetch::Done(Outcome::Gone),
        _ => scan(ground, told),
    }
}

fn scan(ground: &Ground, told: &Told) -> Fetch {
    Fetch::Scan(Scanning::new(ground, told))
}
