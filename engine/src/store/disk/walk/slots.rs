//! What each slot of the circle holds, by its first page; by its last where that is damaged.

use super::{Ground, Want};
use crate::store::disk::segment::{footer_extent, SegmentHeader};
use crate::store::disk::PAGE;
use alloc::vec;
use alloc::vec::Vec;

/// How far beyond the newest segment known so far the next are looked for. A segment whose first
/// and last page are both damaged is passed over, up to so many of them next to each other.
const LOOK_AHEAD: u32 = 8;

/// What a slot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Glance {
    /// Not looked at.
    #[default]
    Unknown,
    /// A segment that counts.
    Segment {
        /// Its number.
        seq: u64,
        /// When it was begun; 0 when only its footer was to be read.
        opened_ms: u64,
        /// By its first page; otherwise by what stands on its last, maybe since an earlier lap.
        is_headed: bool,
    },
    /// Nothing, or what is below `valid_from`.
    Void,
    /// What can't be told any more.
    Damaged,
}

impl Glance {
    pub(super) fn seq(self) -> Option<u64> {
        match self {
            Glance::Segment { seq, .. } => Some(seq),
            _ => None,
        }
    }
}

/// Looking at slots, from one on around the circle.
pub(super) struct Slots {
    /// What is known of each.
    pub(super) glances: Vec<Glance>,
    first: u32,
    /// Steps from the first: asked for, and to be asked for.
    asked: u32,
    end: u32,
    /// Last pages to be read too, of slots whose first is damaged.
    second: Vec<(u32, bool)>,
    /// Steps that were looked at wholly.
    looked: Vec<bool>,
    judged: u32,
    /// The greatest number so far, where segments are followed as long as it grows.
    following: Option<u64>,
}

impl Slots {
    /// Looks at all.
    pub(super) fn all(ground: &Ground) -> Slots {
        let segments = ground.layout.segments;
        Slots::new(vec![Glance::Unknown; segments as usize], 0, segments, None)
    }

    /// Looks at those that were written since, of `glances`, the slot `head` had the number `seq`.
    pub(super) fn since(glances: Vec<Glance>, head: u32, seq: u64) -> Slots {
        let end = LOOK_AHEAD.min(glances.len() as u32);
        // The first has this very number, unless the circle has come around since.
        Slots::new(glances, head, end, Some(seq.saturating_sub(1)))
    }

    fn new(glances: Vec<Glance>, first: u32, end: u32, following: Option<u64>) -> Slots {
        Slots {
            looked: vec![false; glances.len()],
            glances,
            first,
            asked: 0,
            end,
            second: Vec::new(),
            judged: 0,
            following,
        }
    }

    fn slot(&self, step: u32) -> u32 {
        let segments = (self.glances.len() as u64).max(1);
        ((u64::from(self.first) + u64::from(step)) % segments) as u32
    }

    pub(super) fn wanted(&mut self, ground: &Ground) -> Option<Want> {
        let layout = &ground.layout;
        if let Some((step, _)) = self.second.pop() {
            let next = layout.slot_at(self.slot(step)) + u64::from(layout.segment_bytes);
            return Some(Want {
                job: step,
                at: next - PAGE as u64,
                bytes: PAGE,
            });
        }
        if self.asked >= self.end {
            return None;
        }
        let step = self.asked;
        self.asked += 1;
        Some(Want {
            job: step,
            at: layout.slot_at(self.slot(step)),
            bytes: PAGE,
        })
    }

    pub(super) fn feed(&mut self, ground: &Ground, step: u32, at: u64, page: Option<&[u8]>) {
        let slot = self.slot(step);
        let is_first = at == ground.layout.slot_at(slot);
        let found = match (is_first, page) {
            (_, None) => None,
            (true, Some(page)) => SegmentHeader::decode(page, slot, ground.key)
                .ok()
                .map(|header| (header.seq, header.opened_ms)),
            // A footer says when its segment was begun only together with its entries. Nothing
            // but the operator's numbers hang on it.
            (false, Some(page)) => footer_extent(page, ground.key)
                .ok()
                .filter(|extent| extent.slot == slot)
                .map(|extent| (extent.seq, 0)),
        };
        let is_empty = page.is_some_and(|page| page.iter().all(|byte| *byte == 0));
        let Some(known) = self.glances.get_mut(slot as usize) else {
            return;
        };
        match found {
            Some((seq, opened_ms)) if seq >= ground.valid_from => {
                *known = Glance::Segment {
                    seq,
                    opened_ms,
                    is_headed: is_first,
                };
            }
            Some(_) => *known = Glance::Void,
            None if is_first => {
                // Kept until the last page is known.
                *known = if is_empty {
                    Glance::Void
                } else {
                    Glance::Damaged
                };
                self.second.push((step, is_empty));
                return;
            }
            // A first page without anything, and no footer: it was never begun.
            None => {}
        }
        if let Some(looked) = self.looked.get_mut(step as usize) {
            *looked = true;
        }
        self.judge();
    }

    /// Goes on as long as the numbers grow.
    fn judge(&mut self) {
        while self.judged < self.end && self.looked.get(self.judged as usize) == Some(&true) {
            let seq = self.glances[self.slot(self.judged) as usize].seq();
            self.judged += 1;
            let Some(newest) = &mut self.following else {
                continue;
            };
            if let Some(seq) = seq.filter(|seq| *seq > *newest) {
                *newest = seq;
                let segments = self.glances.len() as u32;
                self.end = self.judged.saturating_add(LOOK_AHEAD).min(segments);
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.judged >= self.end
    }
}
