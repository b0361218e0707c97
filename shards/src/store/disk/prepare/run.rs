//! Which runs of the server a log took part in.
//!
//! A disk that was away while the server ran has not heard what was purged then, and would bring it
//! back. So every start takes all logs that are there into a run of a higher number, which is the
//! upper half of the superblock's generation; a log of a lower one was away, and begins anew.
//!
//! The logs are taken in one after the other, and a crash may come between. So all of them join
//! first, and only when all have joined does the first one take part: a log that has only joined
//! is of the run before, since nothing was served in the new one.
//!
//! Everybody else adds one to the generation with each writing, which leaves the run as it is.

use ringside_engine::store::disk::Superblock;

/// Bits of a generation that count writings.
const WRITINGS_BITS: u32 = 32;

/// A step into a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is asked.
    Joins,
    /// All were asked, and are there.
    Takes,
}

/// The generation of a log at this stage.
pub(super) fn generation(run: u64, stage: Stage) -> u64 {
    run << WRITINGS_BITS | (stage as u64)
}

/// The last run that a log took part in; 0 for none.
fn of(superblock: &Superblock) -> u64 {
    let run = superblock.generation >> WRITINGS_BITS;
    let has_joined_only = superblock.generation & ((1 << WRITINGS_BITS) - 1) == 0;
    run.saturating_sub(u64::from(has_joined_only))
}

/// The last run of all.
pub(super) fn latest<'a>(logs: impl Iterator<Item = &'a Superblock>) -> u64 {
    logs.map(of).max().unwrap_or(0)
}

/// Whether a log was away in the last run. One that has joined it was there: it was about to take
/// part when others did already.
pub(super) fn missed(superblock: &Superblock, latest: u64) -> bool {
    superblock.generation >> WRITINGS_BITS < latest
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringside_engine::key::Seed;
    use ringside_engine::store::disk::{Changes, Falls};

    fn log(generation: u64) -> Superblock {
        Superblock {
            set: 1,
            seed: Seed([1, 2]),
            device: 0,
            shard: 0,
            shards: 1,
            segment_bytes: 1 << 21,
            segments: 4,
            generation,
            valid_from: 1,
            prepared_bytes: 0,
            created_ms: 0,
            latest_ms: 0,
            total_bytes: 0,
            falls: Falls::default(),
            changes: Changes::default(),
        }
    }

    #[test]
    fn writings_in_a_run_are_of_that_run() {
        for run in [1, 2, 1000] {
            assert_eq!(of(&log(generation(run, Stage::Joins))), run - 1);
            let takes = generation(run, Stage::Takes);
            for writings in 0..3 {
                assert_eq!(of(&log(takes + writings)), run);
            }
        }
        assert_eq!(of(&log(0)), 0);
    }

    #[test]
    fn who_was_not_asked_has_missed_a_run_that_another_took_part_in() {
        let [old, joins, takes] = [
            generation(4, Stage::Takes) + 9,
            generation(5, Stage::Joins),
            generation(5, Stage::Takes),
        ];
        for (others, missed_by_old) in [(&[joins, joins][..], false), (&[joins, takes], true)] {
            let latest = latest(
                others
                    .iter()
                    .map(|one| log(*one))
                    .collect::<Vec<_>>()
                    .iter(),
            );
            assert_eq!(missed(&log(old), latest), missed_by_old);
            assert!(!missed(&log(joins), latest));
            assert!(!missed(&log(takes), latest));
        }
    }
}
