//! What a log held when its process ended, found again: which bytes are wanted next, and what
//! they say. Somebody else reads them: the keeper from a device, a test from memory.
//!
//! | step | reads | says |
//! |---|---|---|
//! | edicts | both areas | |
//! | the newest checkpoint that holds | both headers, then its slot table | |
//! | segments | from the one that was open when it began, as long as the numbers grow; without a checkpoint, the first page of all | |
//! | the newest segment | its footer; all of it, when it was never sealed | `Footer` then, and `Head` |
//! | the one before it, if the newest was never sealed and is empty | the same | `Footer`, before `Head` too |
//! | sheets, newest first | footers, several ahead; all of a segment where the footer does not hold | `Sheet` |
//! | entries | those of the checkpoint, twice | `Entries` |
//! | older sheets | if the entries turned out to be damaged | `Sheet` |
//!
//! The shard may begin to write when it has `Head`, while the walk goes on: a segment that it
//! overwrites meanwhile is seen as gone, or told by its old number. So whoever is told compares
//! the number with what the slot holds by now. Footers are handed out before `Head`, hence nobody
//! else writes there. Two are enough: a crash leaves the open segment and one that was prepared.
//!
//! **Doubt.** A kill must hold whatever becomes of the bytes that say so. Where they can't be
//! read any more, nothing that is older is told: it may have been purged. `order` has the cases.
//! It must not be told by a later walk either, to which all can be read again, or which goes by
//! other neighbours: so the end says what is void from now on.

use super::changes::Changes;
use super::checkpoint::Header;
use super::edict::Edicts;
use super::layout::{Layout, Superblock};
use super::mark::MarkKey;
use super::segment::Sheet;
use super::PAGE;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

mod entries;
mod order;
mod scanning;
mod sheets;
mod slots;
mod steps;
mod stretch;

use entries::Entries;
use order::{Order, Told};
use sheets::{Outcome, Sheets};
use slots::Slots;
use stretch::Stretch;

/// Longest read. Some rings hang on what is longer than a device takes at once.
pub const READ_BYTES: usize = 128 * 1024;
/// Reads that fail before the log is given up: a device that is gone, not a bad sector.
const FAULTS_MAX: u32 = 16;
/// Things found that wait to be taken, before no more is wanted.
const FOUND_AHEAD: usize = 8;
/// Numbers left out after a segment whose successor may be lost: more than can be lost unseen.
const LOST_MAX: u64 = 64;

/// Names a read; [`Walk::feed`] wants it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket {
    step: u32,
    job: u32,
    at: u64,
}

/// A read that is wanted: whole pages, at most [`READ_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Names it.
    pub ticket: Ticket,
    /// From this byte of the log on.
    pub at: u64,
    /// So many.
    pub bytes: usize,
}

/// A segment's place in time, as its slot's header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotState {
    /// Its sequence number; 0: never written, or before `valid_from`.
    pub seq: u64,
    /// When it was begun; 0 when its header is damaged.
    pub opened_ms: u64,
}

/// What was found.
#[derive(Debug)]
pub enum Found {
    /// One of the newest segments was not sealed: this is its footer, to be written before anything
    /// else is done with what was found. If it can't be written, the next start takes longer.
    Footer {
        /// Where.
        at: u64,
        /// Whole pages.
        bytes: Vec<u8>,
    },
    /// The state of the circle.
    Head {
        /// The slot of the newest segment: the next goes into the one after it.
        slot: u32,
        /// The greatest number that may have been used, mostly that of the newest segment; the next
        /// gets one more. 0: there is no segment.
        seq: u64,
        /// All slots.
        slots: Vec<SlotState>,
        /// What was decreed, and whether some of it is lost.
        edicts: Edicts,
        /// Of the newest checkpoint; 0 for none.
        checkpoint_generation: u64,
    },
    /// What a segment holds that counts still; newest first.
    Sheet(Sheet),
    /// Entries of the checkpoint, after all sheets that are newer.
    Entries {
        /// Whole entries, in the index's own form.
        entries: Vec<u8>,
        /// The numbers that the slots had when the checkpoint began; the same in every part.
        slots: Arc<[u64]>,
    },
    /// That was all.
    Done(Walked),
    /// The log can't be read: nothing more will come, and what came does not count.
    Failed,
}

/// What a walk came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Sheets told.
    pub sheets: u32,
    /// Objects in them.
    pub objects: u64,
    /// Kills in them.
    pub kills: u64,
    /// Of the sheets, those of segments that were scanned.
    pub scanned: u32,
    /// Segments that can't be found any more.
    pub lost: u32,
    /// Segments that were overwritten before they could be told.
    pub gone: u32,
    /// Segments that were not told as a newer one is lost, or could not be wholly read.
    pub doubtful: u32,
    /// What has a lower number was not told, and must not be by a later walk: what is purged from
    /// now on is not noted for it. At most what the next segment gets; `u64::MAX` for that.
    pub void_below: u64,
    /// Entries of the checkpoint told.
    pub entries: u64,
    /// The checkpoint's entries did not hold.
    pub is_checkpoint_damaged: bool,
    /// Reads that failed.
    pub faults: u32,
    /// Bytes read.
    pub read_bytes: u64,
    /// The latest time that was found.
    pub latest_ms: u64,
}

/// What does not change on the way.
#[derive(Clone, Copy)]
struct Ground {
    layout: Layout,
    key: MarkKey,
    valid_from: u64,
    shard: u16,
    changes: Changes,
}

/// A read wanted by one step.
struct Want {
    job: u32,
    at: u64,
    bytes: usize,
}

/// The way through one log.
pub struct Walk {
    ground: Ground,
    step: Step,
    /// Numbers the steps, so that a late read of one is not taken for another's.
    step_number: u32,
    found: VecDeque<Found>,
    edicts: Option<Edicts>,
    /// Headers that hold, the newest last.
    candidates: Vec<(usize, Header)>,
    checkpoint: Option<Begun>,
    order: Order,
    doubt_below: u64,
    is_head_told: bool,
    /// The newest segment, while it is not told yet as the one before it is looked at.
    newest: Option<(Told, Outcome)>,
    walked: Walked,
    segments: u32,
}

/// A checkpoint that is used.
struct Begun {
    area: usize,
    header: Header,
    slots: Arc<[u64]>,
}

enum Step {
    Edicts([Area; 2]),
    Tops([Option<Option<Header>>; 2], u32),
    Table(usize, Header, Area),
    Slots(Slots),
    Sheets(Sheets),
    Entries(Entries),
    Done,
}

/// A run of bytes that is wanted as a whole.
struct Area {
    bytes: Vec<u8>,
    from: Stretch,
    has_failed: bool,
}

impl Area {
    fn new(at: u64, bytes: u64) -> Area {
        Area {
            bytes: Vec::new(),
            from: Stretch::new(at, bytes),
            has_failed: false,
        }
    }

    fn feed(&mut self, at: u64, bytes: Option<&[u8]>) {
        let Area {
            bytes: all,
            from,
            has_failed,
        } = self;
        match bytes {
            Some(bytes) => from.feed(at, bytes, |piece| all.extend_from_slice(piece)),
            None => *has_failed = true,
        }
    }

    fn is_done(&self) -> bool {
        self.has_failed || self.from.is_used()
    }
}

impl Walk {
    /// Through the log of this superblock.
    #[must_use]
    pub fn new(superblock: &Superblock) -> Walk {
        let layout = superblock.layout();
        let area = |area: usize| Area::new(layout.edicts_at[area], layout.edicts_bytes);
        Walk {
            ground: Ground {
                layout,
                key: superblock.mark_key(),
                valid_from: superblock.valid_from,
                shard: superblock.shard,
                changes: superblock.changes,
            },
            step: Step::Edicts([area(0), area(1)]),
            step_number: 0,
            found: VecDeque::new(),
            edicts: None,
            candidates: Vec::new(),
            checkpoint: None,
            order: Order::default(),
            doubt_below: 0,
            is_head_told: false,
            newest: None,
            walked: Walked::default(),
            segments: 0,
        }
    }

    /// Another read that may be begun now, beside those under way. None: what was found is to be
    /// taken first, or a read to be fed, or the walk is over.
    pub fn wanted(&mut self) -> Option<Read> {
        if self.found.len() >= FOUND_AHEAD {
            return None;
        }
        let ground = &self.ground;
        let want = match &mut self.step {
            Step::Edicts(areas) => (0..).zip(areas).find_map(|(job, area)| {
                let (at, bytes) = area.from.wanted(u64::MAX)?;
                Some(Want { job, at, bytes })
            }),
            Step::Tops(_, asked) => {
                let job = *asked;
                let at = ground.layout.checkpoints_at.get(job as usize);
                *asked += u32::from(at.is_some());
                at.map(|at| Want {
                    job,
                    at: *at,
                    bytes: PAGE,
                })
            }
            Step::Table(_, _, area) => {
                let piece = area.from.wanted(u64::MAX);
                piece.map(|(at, bytes)| Want { job: 0, at, bytes })
            }
            Step::Slots(slots) => slots.wanted(ground),
            Step::Sheets(sheets) => sheets.wanted(ground),
            Step::Entries(entries) => entries.wanted(),
            Step::Done => None,
        }?;
        Some(Read {
            ticket: Ticket {
                step: self.step_number,
                job: want.job,
                at: want.at,
            },
            at: want.at,
            bytes: want.bytes,
        })
    }

    /// A read is through: all its bytes, or none if it failed.
    pub fn feed(&mut self, ticket: Ticket, bytes: Option<&[u8]>) {
        self.walked.read_bytes += bytes.map_or(0, |bytes| bytes.len() as u64);
        if ticket.step != self.step_number {
            return;
        }
        self.walked.faults += u32::from(bytes.is_none());
        if self.walked.faults > FAULTS_MAX {
            return self.fail();
        }
        let (ground, job) = (self.ground, ticket.job);
        match &mut self.step {
            Step::Edicts(areas) => {
                if let Some(area) = areas.get_mut(job as usize) {
                    area.feed(ticket.at, bytes);
                }
                self.edicts_fed();
            }
            Step::Tops(tops, _) => {
                if let Some(top) = tops.get_mut(job as usize) {
                    *top = Some(bytes.and_then(|page| Header::decode(page, ground.key).ok()));
                }
                self.top_fed();
            }
            Step::Table(_, _, area) => {
                area.feed(ticket.at, bytes);
                self.table_fed();
            }
            Step::Slots(slots) => {
                slots.feed(&ground, job, ticket.at, bytes);
                self.slot_fed();
            }
            Step::Sheets(sheets) => {
                sheets.feed(&ground, job, ticket.at, bytes);
                self.sheet_fed();
            }
            Step::Entries(entries) => {
                let mut parts = Vec::new();
                entries.feed(ticket.at, bytes, |part| parts.push(part));
                self.entries_fed(parts);
            }
            Step::Done => {}
        }
    }

    /// What was found next; in order.
    pub fn found(&mut self) -> Option<Found> {
        self.found.pop_front()
    }

    /// How far it is: segments told, of so many.
    #[must_use]
    pub fn progress(&self) -> (u32, u32) {
        let told = self.walked.sheets + self.walked.gone;
        (told, self.segments.max(told))
    }

    fn go(&mut self, step: Step) {
        self.step = step;
        self.step_number += 1;
    }

    fn fail(&mut self) {
        self.go(Step::Done);
        self.found.push_back(Found::Failed);
    }

    fn done(&mut self) {
        self.walked.void_below = self.doubt_below.max(self.order.void_below);
        self.go(Step::Done);
        self.found.push_back(Found::Done(self.walked));
    }
}

#[cfg(test)]
mod tests;
