//! What a shard's log and the keeper say to each other.
//!
//! The keeper has a thread of its own; it reads what a log held before this process, and writes the
//! checkpoints of its index. Orders go to it through a bounded channel that a shard never waits at;
//! news come back as letters.
//!
//! Recovering one log, in this order:
//!
//! | news | when | afterwards the log may |
//! |---|---|---|
//! | `Head` | the newest segment is known, and all edicts are read | write, from the slot after it |
//! | `Sheet`, newest first | of each segment at or above the checkpoint's `since_seq`; a long one in parts | serve what is listed |
//! | `Index`, in any parts | entries of the checkpoint | serve them too |
//! | `Recovered` | nothing more will come | forget which kills happened meanwhile |

use ringside_engine::store::disk::edict::Edicts;
pub use ringside_engine::store::disk::walk::SlotState;
use ringside_engine::store::disk::walk::{Found, Walked};
use ringside_engine::store::disk::Sheet;
use std::sync::Arc;

/// Events of a sheet in one letter, at most: a shard takes in all of one at once.
const EVENTS_MAX: usize = 512;

/// One log of the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogId {
    /// The shard that owns it.
    pub shard: u16,
    /// The number of its device in the set.
    pub device: u16,
}

/// What a shard wants of the keeper.
#[derive(Debug)]
pub enum Order {
    /// A checkpoint begins. It goes to area `generation % 2`, whatever that holds: the other area
    /// has the newest whole one.
    Begin {
        /// Which log.
        log: LogId,
        /// More than any before: odd if that of the newest whole checkpoint is even, and else even.
        generation: u64,
        /// The oldest segment that was not wholly on the medium then, mostly the open one. Nothing
        /// of it or of later ones is in the checkpoint: a restart goes by what they hold.
        since_seq: u64,
        /// The slot of that segment.
        head_slot: u32,
        /// Every slot, as it was when the checkpoint began.
        slots: Vec<SlotState>,
        /// The server waits for it to stop: as fast as the device can.
        hurries: bool,
    },
    /// Entries, in the index's own form and order.
    Part {
        /// Which log.
        log: LogId,
        /// Whole entries.
        bytes: Vec<u8>,
    },
    /// That was all: write the header, once the entries are flushed.
    End {
        /// Which log.
        log: LogId,
        /// All entries that were sent.
        entries: u64,
    },
    /// The checkpoint under way is not wanted any more; nothing is answered.
    Abandon {
        /// Which log.
        log: LogId,
    },
    /// Read the log anew from the beginning, as after a start: its device failed before it was
    /// recovered.
    Recover {
        /// Which log.
        log: LogId,
    },
}

impl Order {
    /// The log it is about.
    pub fn log(&self) -> LogId {
        match self {
            Order::Begin { log, .. }
            | Order::Part { log, .. }
            | Order::End { log, .. }
            | Order::Abandon { log }
            | Order::Recover { log } => *log,
        }
    }
}

/// What the keeper has found or done, for the shard that owns the log.
#[derive(Debug)]
pub enum DiskNews {
    /// The newest segment, and what was decreed.
    Head {
        /// Which log.
        log: LogId,
        /// The slot of the newest segment.
        slot: u32,
        /// Its number; 0: the log holds none yet, and `slot` says nothing.
        seq: u64,
        /// Every slot by its header. One below the superblock's `valid_from` counts as none.
        slots: Vec<SlotState>,
        /// What was decreed. Whoever gets this letter heeds the statements (and, where some are
        /// lost, holds everything for soft-purged) before the log adopts it.
        edicts: Edicts,
        /// Of the newest whole checkpoint; 0 for none.
        checkpoint_generation: u64,
    },
    /// What one segment holds, or a part of that; newest first.
    Sheet {
        /// Which log.
        log: LogId,
        /// In order of writing.
        sheet: Sheet,
    },
    /// Entries of the checkpoint, after all sheets. Valid are those whose slot still has the
    /// sequence number that it had when the checkpoint began.
    Index {
        /// Which log.
        log: LogId,
        /// Whole entries.
        entries: Vec<u8>,
        /// Sequence numbers of the checkpoint's slot table; the same for all its parts.
        slots: Arc<[u64]>,
    },
    /// How far recovery is, in bytes or segments: for the operator.
    Progress {
        /// Which log.
        log: LogId,
        /// Done.
        done: u64,
        /// Of so many.
        of: u64,
    },
    /// Nothing more will come.
    Recovered {
        /// Which log.
        log: LogId,
        /// Segments that could not be read, and those that are not taken for that reason.
        unreadable: u32,
        /// What was found.
        walked: Walked,
        /// How long it took.
        took_ms: u64,
    },
    /// The device does not let itself be read: the log goes down, and asks again later.
    Failed {
        /// Which log.
        log: LogId,
        /// What the operator should know.
        why: String,
    },
    /// A checkpoint is whole and flushed, or could not be written.
    Written {
        /// Which log.
        log: LogId,
        /// Which one.
        generation: u64,
        /// It is whole.
        ok: bool,
    },
}

impl DiskNews {
    /// What the walk through `log` has found, after so long. `None` of what is no news: a footer is
    /// to be written, and of a failure whoever reads knows more.
    pub fn of_walk(log: LogId, found: Found, took_ms: u64) -> Option<DiskNews> {
        Some(match found {
            Found::Footer { .. } | Found::Failed => return None,
            Found::Head {
                slot,
                seq,
                slots,
                edicts,
                checkpoint_generation,
            } => DiskNews::Head {
                log,
                slot,
                seq,
                slots,
                edicts,
                checkpoint_generation,
            },
            Found::Sheet(sheet) => DiskNews::Sheet { log, sheet },
            Found::Entries { entries, slots } => DiskNews::Index {
                log,
                entries,
                slots,
            },
            Found::Done(walked) => DiskNews::Recovered {
                log,
                unreadable: walked.lost + walked.doubtful,
                walked,
                took_ms,
            },
        })
    }

    /// The log it is about.
    pub fn log(&self) -> LogId {
        match self {
            DiskNews::Head { log, .. }
            | DiskNews::Sheet { log, .. }
            | DiskNews::Index { log, .. }
            | DiskNews::Progress { log, .. }
            | DiskNews::Recovered { log, .. }
            | DiskNews::Failed { log, .. }
            | DiskNews::Written { log, .. } => *log,
        }
    }

    /// The same in letters that a shard takes in quickly: a long sheet in parts, the newest first.
    pub fn in_parts(self) -> Vec<DiskNews> {
        let (log, sheet) = match self {
            DiskNews::Sheet { log, sheet } if sheet.events.len() > EVENTS_MAX => (log, sheet),
            short => return vec![short],
        };
        let parts = sheet.events.rchunks(EVENTS_MAX).map(|events| {
            let sheet = Sheet {
                header: sheet.header,
                sealed_ms: sheet.sealed_ms,
                events: events.to_vec(),
            };
            DiskNews::Sheet { log, sheet }
        });
        parts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringside_engine::key::Key;
    use ringside_engine::store::disk::{Event, SegmentHeader};

    fn sheet(pages: std::ops::Range<u16>) -> DiskNews {
        let event = |page| Event::Object {
            key: Key(u128::from(page)),
            page,
            pages: 1,
            variant: 0,
        };
        DiskNews::Sheet {
            log: LogId {
                shard: 1,
                device: 2,
            },
            sheet: Sheet {
                header: SegmentHeader {
                    slot: 3,
                    seq: 4,
                    opened_ms: 5,
                },
                sealed_ms: 6,
                events: pages.map(event).collect(),
            },
        }
    }

    #[test]
    fn a_long_sheet_is_told_in_short_parts_from_its_end_on() {
        let told = |news: DiskNews| format!("{:?}", news.in_parts());
        assert_eq!(told(sheet(0..512)), format!("{:?}", [sheet(0..512)]));
        let parts = [sheet(788..1300), sheet(276..788), sheet(0..276)];
        assert_eq!(told(sheet(0..1300)), format!("{parts:?}"));
    }
}
