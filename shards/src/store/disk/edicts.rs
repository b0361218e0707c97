//! Purges by decree: statements that are noted beside the records, so that a restart heeds them.
//!
//! What a statement says is not known here. They are appended to one area; when that is full, or
//! can't be trusted, all that are in force go to the other one as a snapshot, or fewer that purge
//! more if they don't fit. Nothing is stored while a snapshot is due: it could be something that a
//! statement was about.

use super::log::{Inner, Log, Mode};
use super::writing::{Goal, Job, Noted};
use ringside_engine::purge::bounded;
use ringside_engine::store::disk::{edict, PAGE};
use std::borrow::Cow;
use std::rc::Rc;

/// Edicts that wait until it is known where they go, at most: each may be some kilobytes.
const PENDING_MAX: usize = 64;
/// Of an area, so much is left for later edicts when a snapshot of all takes more.
const LEFT_SHARE: usize = 4;

/// Edicts, and where the next one goes.
#[derive(Default)]
pub(super) struct EdictsArea {
    pub(super) noted: Noted,
    /// Noted before it was known where they go.
    pub(super) pending: Vec<Vec<u8>>,
    pub(super) area: usize,
    pub(super) generation: u64,
    pub(super) next_generation: u64,
    pub(super) next_page: u32,
    /// More were noted so than are kept: a snapshot is due when it is known.
    pub(super) were_many: bool,
    /// A snapshot of all must be written before anything else is stored.
    pub(super) is_due: bool,
}

impl EdictsArea {
    /// Of a log that is new: the first snapshot goes to the first area.
    pub(super) fn new() -> EdictsArea {
        EdictsArea {
            area: 1,
            next_generation: 1,
            next_page: 1,
            is_due: true,
            ..EdictsArea::default()
        }
    }

    /// Keeps a statement until it is known where it goes. All that are in force are known to the
    /// shard: instead of many single ones, they are written together.
    fn wait(&mut self, statement: Vec<u8>) {
        if self.were_many || self.pending.len() >= PENDING_MAX {
            self.pending.clear();
            self.were_many = true;
        } else {
            self.pending.push(statement);
        }
    }
}

impl Log {
    /// Notes an edict. `Err`: the log is down.
    pub(super) fn edict(
        self: &Rc<Self>,
        statement: Vec<u8>,
        snapshot: &dyn Fn() -> Vec<u8>,
    ) -> Result<(Goal, u32), ()> {
        let inner = &mut *self.inner.borrow_mut();
        match inner.mode {
            Mode::Down { .. } => return Err(()),
            Mode::Waiting => {
                inner.edicts.noted.count += 1;
                inner.edicts.wait(statement);
            }
            Mode::Up => {
                inner.edicts.noted.count += 1;
                inner.edicts.pending.push(statement);
                inner.write_edicts(self, snapshot);
            }
        }
        match inner.mode {
            Mode::Down { .. } => Err(()),
            _ => Ok((Goal::Edicts(inner.edicts.noted.count), inner.epoch)),
        }
    }
}

impl Inner {
    /// Writes the edicts that wait, or a snapshot of all when they don't fit, or it is due.
    pub(super) fn write_edicts(&mut self, log: &Rc<Log>, snapshot: &dyn Fn() -> Vec<u8>) {
        let area_pages = (log.layout.edicts_bytes / PAGE as u64) as u32;
        for statement in std::mem::take(&mut self.edicts.pending) {
            if self.edicts.is_due {
                break;
            }
            let pages = edict::batch_pages(statement.len());
            let next = self.edicts.next_page.saturating_add(pages);
            if next > area_pages {
                self.edicts.is_due = true;
                break;
            }
            let (generation, page) = (self.edicts.generation, self.edicts.next_page);
            let batch = edict::encode_batch(generation, page, &statement, log.mark);
            let at = log.layout.edicts_at[self.edicts.area];
            let at = at + u64::from(page) * PAGE as u64;
            if self.push_bytes(log, at, &batch).is_none() {
                return self.fail(log, "no memory for an edict".to_owned());
            }
            self.edicts.next_page = next;
        }
        if self.edicts.is_due {
            self.write_snapshot(log, &snapshot(), area_pages);
        }
        // All that were noted are in the jobs up to the last.
        let last = self.queue.next().saturating_sub(1);
        self.edicts.noted.given(self.edicts.noted.count, last);
    }

    /// Switches to the other area, with everything in it.
    fn write_snapshot(&mut self, log: &Rc<Log>, snapshot: &[u8], area_pages: u32) {
        let room = (area_pages.saturating_sub(1) as usize) * edict::PAYLOAD_BYTES;
        let fitting = match snapshot.len() > room {
            true => bounded(snapshot, room - room / LEFT_SHARE),
            false => Some(Cow::Borrowed(snapshot)),
        };
        let Some(snapshot) = fitting.as_deref() else {
            // Less than all must not be written, and nothing may be stored without it.
            let why = format!("{} bytes of purges do not fit", snapshot.len());
            return self.fail(log, why);
        };
        let pages = edict::batch_pages(snapshot.len());
        let generation = self.edicts.next_generation;
        let area = 1 - self.edicts.area;
        let at = log.layout.edicts_at[area];
        let batch = edict::encode_batch(generation, 1, snapshot, log.mark);
        let header = edict::encode_header(generation, log.mark);
        let page = PAGE as u64;
        let pushed = self.push_bytes(log, at + page, &batch).and_then(|_| {
            self.push(log, Job::Flush);
            self.push_bytes(log, at, &header)
        });
        if pushed.is_none() {
            return self.fail(log, "no memory for edicts".to_owned());
        }
        self.push(log, Job::Flush);
        self.edicts = EdictsArea {
            noted: std::mem::take(&mut self.edicts.noted),
            pending: Vec::new(),
            area,
            generation,
            next_generation: generation + 1,
            next_page: 1 + pages,
            were_many: false,
            is_due: false,
        };
    }
}
