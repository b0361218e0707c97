//! Changes of the number of shards, as far as a log still holds what was written before them.
//!
//! With another number some keys have another home. What a log has of them does not hear of their
//! kills, so it counts no more, even if the number changes back (docs/store.md, "Homes").

use super::segment::{Event, Sheet};
use crate::key::Key;

/// Changes that are remembered.
const CHANGES_MAX: usize = 8;
/// Nothing was written since: all that there is was written before.
const NOT_KNOWN: u64 = u64::MAX;

structure!(change, 16 bytes {
    0 SEQ: u64,
    8 SHARDS: u16,
});

/// What a log knows of other numbers of shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes([Change; CHANGES_MAX]);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Change {
    /// Segments of a lower number were written before it.
    seq: u64,
    /// 0: no change.
    shards: u16,
}

impl Change {
    fn is_some(&self) -> bool {
        self.shards > 0
    }
}

impl Changes {
    /// From now on there are so many shards. Returns from which number on segments count still, as an
    /// old change may have to be forgotten; `None`: none does.
    #[must_use]
    pub fn change(&mut self, shards: u16) -> Option<u64> {
        // The later one says all that the former says.
        let same = self.0.iter().position(|change| change.shards == shards);
        let free = || self.0.iter().position(|change| !change.is_some());
        let oldest = || (0..CHANGES_MAX).min_by_key(|at| self.0[*at].seq);
        let at = same.or_else(free).or_else(oldest)?;
        let change = self.0.get_mut(at)?;
        let before = core::mem::replace(
            change,
            Change {
                seq: NOT_KNOWN,
                shards,
            },
        );
        match before.shards == shards || !before.is_some() {
            true => Some(0),
            false => Some(before.seq).filter(|seq| *seq != NOT_KNOWN),
        }
    }

    /// The next segment has this number. `true`: that was wanted.
    pub fn begin(&mut self, seq: u64) -> bool {
        let mut is_news = false;
        for change in &mut self.0 {
            if change.is_some() && change.seq == NOT_KNOWN {
                change.seq = seq;
                is_news = true;
            }
        }
        is_news
    }

    /// Segments of a lower number were written before the last change; 0 for none.
    #[must_use]
    pub fn last(&self) -> u64 {
        let changes = self.0.iter().filter(|change| change.is_some());
        changes.map(|change| change.seq).max().unwrap_or(0)
    }

    /// Leaves of a shard's segment what was at home there ever since it was written. Kills stay.
    pub fn leave_at_home(&self, shard: u16, sheet: &mut Sheet) {
        let seq = sheet.header.seq;
        if seq < self.last() {
            sheet.events.retain(|event| match event {
                Event::Object { key, .. } => self.was_at_home(*key, seq, shard),
                Event::Kill(_) => true,
            });
        }
    }

    fn was_at_home(&self, key: Key, seq: u64, shard: u16) -> bool {
        let mut later = self.0.iter().filter(|change| change.seq > seq);
        later.all(|change| key.home(usize::from(change.shards)) == usize::from(shard))
    }

    pub(super) fn encode(&self) -> [u8; CHANGES_MAX * change::BYTES] {
        let mut out = [0; CHANGES_MAX * change::BYTES];
        for (to, held) in out.chunks_exact_mut(change::BYTES).zip(&self.0) {
            change::SEQ.put(to, held.seq);
            change::SHARDS.put(to, held.shards);
        }
        out
    }

    pub(super) fn decode(bytes: [u8; CHANGES_MAX * change::BYTES]) -> Changes {
        let mut changes = Changes::default();
        for (from, held) in bytes.chunks_exact(change::BYTES).zip(&mut changes.0) {
            let shards = change::SHARDS.of(from);
            let seq = change::SEQ.of(from);
            if shards > 0 {
                *held = Change { seq, shards };
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::disk::SegmentHeader;
    use alloc::vec::Vec;

    fn key(n: u64) -> Key {
        Key(u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64)
    }

    /// Which of the first hundred keys of shard 0 among two count still.
    fn left(changes: &Changes, seq: u64) -> Vec<u64> {
        let all = (0..100).filter(|n| key(*n).home(2) == 0);
        let object = |n: u64| Event::Object {
            key: key(n),
            page: 1,
            pages: 1,
            variant: 0,
        };
        let header = SegmentHeader {
            slot: 0,
            seq,
            opened_ms: 0,
        };
        let mut sheet = Sheet {
            header,
            sealed_ms: 0,
            events: all.clone().map(object).collect(),
        };
        changes.leave_at_home(0, &mut sheet);
        let is_left = |n: &u64| sheet.events.contains(&object(*n));
        all.filter(is_left).collect()
    }

    #[test]
    fn what_had_another_home_for_a_time_does_not_count() {
        let mut changes = Changes::default();
        let all = left(&changes, 5);
        assert_eq!(changes.change(3), Some(0));
        // Not known since when.
        let stays: Vec<u64> = all
            .iter()
            .copied()
            .filter(|n| key(*n).home(3) == 0)
            .collect();
        assert!(!stays.is_empty() && stays.len() < all.len());
        assert_eq!(left(&changes, 5), stays);
        assert!(changes.begin(10) && !changes.begin(11));
        assert_eq!(
            (left(&changes, 9), left(&changes, 10)),
            (stays.clone(), all.clone())
        );
        assert_eq!(changes.change(2), Some(0));
        assert_eq!(
            (left(&changes, 9), left(&changes, 10)),
            (stays.clone(), all.clone())
        );
        // Back again, and once more to three.
        assert!(changes.begin(20));
        assert_eq!(changes.change(3), Some(0));
        assert_eq!(
            (changes.last(), left(&changes, 15)),
            (u64::MAX, stays.clone())
        );
        assert!(changes.begin(30));
        assert_eq!((left(&changes, 29), left(&changes, 30)), (stays, all));
    }

    #[test]
    fn what_can_not_be_remembered_makes_void() {
        let mut changes = Changes::default();
        for shards in 1..=8_u16 {
            assert_eq!(changes.change(shards), Some(0));
            changes.begin(u64::from(shards) * 10);
        }
        assert_eq!(changes.change(8), Some(0));
        assert!(changes.begin(100));
        assert_eq!(changes.change(9), Some(10));
        assert_eq!(changes.change(10), Some(20));
        for shards in 11..=16 {
            let _: Option<u64> = changes.change(shards);
        }
        assert_eq!(changes.change(17), None, "nothing is known of any");
    }
}
