//! From what the slots hold to the order in which they are told, and what can't be known.
//!
//! A segment that is lost may have held kills. What is older than it may then be something that
//! was purged: it is *doubtful*, and not told. Records are told by their segment's number, and the numbers grow
//! around the circle, so a lost segment shows between its neighbours. Only at the seam, after the
//! newest, it does not: there lies the oldest, and if its first page is damaged, that may have been
//! the first page of one still newer. If the newest was sealed, a newer may have been begun.

use super::slots::Glance;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// One segment to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) slot: u32,
    pub(super) seq: u64,
    pub(super) opened_ms: u64,
}

/// All segments, in order.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The newest first.
    pub(super) segments: Vec<Told>,
    /// Older than this is doubtful.
    pub(super) doubt_below: u64,
    /// What can't be known now, and is older than this, must not count if it can be read later:
    /// nobody notes for it what is purged.
    pub(super) void_below: u64,
    /// All is doubtful if the newest segment was sealed.
    pub(super) is_seam_damaged: bool,
    /// Segments of which nothing is known but that they were there.
    pub(super) lost: u32,
}

/// Puts the slots in order; what turns out not to be a segment is taken from `glances`.
pub(super) fn order(glances: &mut [Glance]) -> Order {
    let mut order = Order::default();
    distrust_old_footers(glances);
    fill_holes(glances, &mut order);
    for (slot, glance) in (0..).zip(glances.iter()) {
        if let Glance::Segment { seq, opened_ms, .. } = *glance {
            order.segments.push(Told {
                slot,
                seq,
                opened_ms,
            });
        }
    }
    order.segments.sort_by_key(|told| Reverse(told.seq));
    if let Some(newest) = order.segments.first() {
        let next = (newest.slot as usize + 1) % glances.len().max(1);
        order.is_seam_damaged = match glances.get(next) {
            Some(Glance::Damaged) => true,
            Some(Glance::Segment { is_headed, .. }) => !is_headed,
            _ => false,
        };
    }
    order
}

/// A footer without its header may be of an earlier lap: it counts only if it fits between its
/// neighbours.
fn distrust_old_footers(glances: &mut [Glance]) {
    let count = glances.len();
    for at in 0..count {
        let Glance::Segment {
            seq,
            is_headed: false,
            ..
        } = glances[at]
        else {
            continue;
        };
        let before = glances[(at + count - 1) % count].seq();
        let after = glances[(at + 1) % count].seq();
        let (Some(before), Some(after)) = (before, after) else {
            continue;
        };
        if before < after && !(before < seq && seq < after) {
            glances[at] = Glance::Damaged;
        }
    }
}

/// Damaged slots between two segments: their numbers, where only some can be; otherwise doubt.
/// Slots with nothing in them may lie between, where the log was grown.
fn fill_holes(glances: &mut [Glance], order: &mut Order) {
    let count = glances.len();
    let is_hole = |glance: &Glance| matches!(glance, Glance::Damaged | Glance::Unknown);
    if !glances.iter().any(is_hole) {
        return;
    }
    let (before, after) = neighbours(glances);
    if glances.iter().all(|glance| glance.seq().is_none()) {
        order.void_below = u64::MAX;
        return;
    }
    // A run of holes begins after something that is none.
    for at in 0..count {
        if is_hole(&glances[at]) || !is_hole(&glances[(at + 1) % count]) {
            continue;
        }
        let run = (1..count).take_while(|step| is_hole(&glances[(at + step) % count]));
        let run = run.count();
        let (Some(before), Some(after)) = (before[at], after[(at + run + 1) % count]) else {
            continue;
        };
        if before >= after {
            // At the seam: what was there is older than all, unless it was newer (see above).
            order.void_below = order.void_below.max(after);
        } else if after - before == run as u64 + 1 {
            for step in 1..=run {
                glances[(at + step) % count] = Glance::Segment {
                    seq: before + step as u64,
                    opened_ms: 0,
                    is_headed: false,
                };
            }
        } else {
            order.lost += run as u32;
            order.doubt_below = order.doubt_below.max(after);
        }
    }
}

/// Of each slot, the number of the segment that is in it, or in the nearest one before and behind.
fn neighbours(glances: &[Glance]) -> (Vec<Option<u64>>, Vec<Option<u64>>) {
    let count = glances.len();
    let mut before: Vec<Option<u64>> = glances.iter().map(|glance| glance.seq()).collect();
    let mut after = before.clone();
    // Twice around, as the nearest may lie beyond the end of the circle.
    for at in 0..count * 2 {
        let (here, next) = (at % count, (at + 1) % count);
        before[next] = before[next].or(before[here]);
        let (here, next) = (count - 1 - here, (count * 2 - 2 - here) % count);
        after[next] = after[next].or(after[here]);
    }
    (before, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glances(seqs: &[i64]) -> Vec<Glance> {
        let glance = |seq: &i64| match *seq {
            0 => Glance::Void,
            -1 => Glance::Damaged,
            // By its footer only.
            seq if seq < 0 => Glance::Segment {
                seq: (-seq) as u64,
                opened_ms: 0,
                is_headed: false,
            },
            seq => Glance::Segment {
                seq: seq as u64,
                opened_ms: 1,
                is_headed: true,
            },
        };
        seqs.iter().map(glance).collect()
    }

    #[test]
    fn segments_are_told_newest_first_and_what_is_lost_casts_doubt() {
        // Slots; order of numbers; doubtful below; seam damaged; lost.
        type Case = (&'static [i64], &'static [u64], u64, bool, u32);
        let cases: &[Case] = &[
            (&[0, 0, 0, 0], &[], 0, false, 0),
            (&[5, 6, 7, 0], &[7, 6, 5], 0, false, 0),
            (&[9, 10, 7, 8], &[10, 9, 8, 7], 0, false, 0),
            // A hole whose number is known.
            (&[5, -1, 7, 0], &[7, 6, 5], 0, false, 0),
            (&[12, -1, -1, 9, 10, 11], &[12, 11, 10, 9], 0, true, 0),
            // One whose number is not.
            (&[5, -1, 70, 0], &[70, 5], 70, false, 1),
            // A footer of this lap, and of the last.
            (&[5, -6, 70, 0], &[70, 6, 5], 0, false, 0),
            (&[15, -6, 70, 14], &[70, 15, 14], 70, false, 1),
            // At the seam.
            (&[5, 6, 7, -1], &[7, 6, 5], 0, true, 0),
            (&[5, 6, 7, -4], &[7, 6, 5, 4], 0, true, 0),
            (&[-1, 6, 7, 0], &[7, 6], 0, false, 0),
            // Around the end of the circle.
            (&[-1, 9, 6, 7], &[9, 8, 7, 6], 0, false, 0),
            // Beside slots that have nothing yet, since the log was grown.
            (&[9, 10, 7, -1, 0, 0], &[10, 9, 8, 7], 0, false, 0),
            (&[19, 20, 7, -1, 0, 0], &[20, 19, 7], 19, false, 1),
            (&[0, -1, 0, 0], &[], 0, false, 0),
        ];
        for (slots, want, doubt_below, is_seam_damaged, lost) in cases {
            let order = order(&mut glances(slots));
            let got: Vec<u64> = order.segments.iter().map(|told| told.seq).collect();
            assert_eq!(&got, want, "{slots:?}");
            assert_eq!(order.doubt_below, *doubt_below, "{slots:?}");
            assert_eq!(order.is_seam_damaged, *is_seam_damaged, "{slots:?}");
            assert_eq!(order.lost, *lost, "{slots:?}");
        }
    }

    #[test]
    fn what_could_not_be_known_and_is_the_oldest_is_to_be_void() {
        let cases: &[(&[i64], u64)] = &[
            (&[5, 6, 7, 0], 0),
            (&[5, -1, 7, 0], 0),
            // At the seam, and where nothing else is known.
            (&[5, 6, 7, -1], 5),
            (&[-1, 6, 7, 0], 6),
            (&[12, -1, -1, 9, 10, 11], 9),
            (&[0, -1, 0, 0], u64::MAX),
        ];
        for (slots, void_below) in cases {
            assert_eq!(
                order(&mut glances(slots)).void_below,
                *void_below,
                "{slots:?}"
            );
        }
    }
}
