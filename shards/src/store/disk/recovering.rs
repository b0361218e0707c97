//! What the keeper tells a log.

use super::log::{Inner, Log, Mode};
use super::orders::{DiskNews, SlotState};
use crate::rt;
use ringside_engine::store::disk::edict::Edicts;
use ringside_engine::store::disk::recover::Recovery;
use ringside_engine::store::disk::segment::first_seq;
use ringside_engine::store::disk::walk::Walked;
use ringside_engine::store::disk::Sheet;
use std::rc::Rc;

impl Log {
    /// Takes news in.
    pub(super) fn adopt(self: &Rc<Self>, news: DiskNews, snapshot: &dyn Fn() -> Vec<u8>) {
        let inner = &mut *self.inner.borrow_mut();
        inner.silence.heard();
        match news {
            DiskNews::Head {
                slot,
                seq,
                slots,
                edicts,
                checkpoint_generation,
                ..
            } => {
                if matches!(inner.mode, Mode::Waiting) {
                    inner.checkpointing.found(checkpoint_generation);
                    inner.head(self, (slot, seq), slots, &edicts);
                    if matches!(inner.mode, Mode::Up) {
                        inner.write_edicts(self, snapshot);
                    }
                }
            }
            DiskNews::Sheet { sheet, .. } => inner.sheet(self, &sheet),
            DiskNews::Index { entries, slots, .. } => {
                let (now, places) = (&inner.slots, &mut inner.places);
                let valid = |page: u32| {
                    let slot = self.layout.slot_of(page) as usize;
                    let then = slots.get(slot).copied().filter(|seq| *seq > 0);
                    then.is_some() && then == now.get(slot).map(|slot| slot.seq)
                };
                if let Some(recovery) = &mut inner.recovery {
                    recovery.checkpoint(places, &entries, valid);
                }
            }
            DiskNews::Progress { done, of, .. } => inner.recovered = (done, of),
            DiskNews::Recovered {
                unreadable, walked, ..
            } => {
                // The superblock knew it as of the last checkpoint.
                let latest_ms = &mut inner.superblock.latest_ms;
                *latest_ms = walked.latest_ms.max(*latest_ms);
                if unreadable > 0 {
                    let text = format!("{unreadable} segments could not be read");
                    self.say("unreadable", &text);
                }
                if matches!(inner.mode, Mode::Up) {
                    inner.all_is_told(self, &walked);
                }
            }
            DiskNews::Failed { why, .. } => {
                if inner.recovery.is_some() {
                    inner.fail(self, why);
                }
            }
            DiskNews::Written { generation, ok, .. } => {
                if inner.checkpointing.written(self, generation, ok) {
                    inner.write_superblock(self);
                }
            }
        }
    }
}

impl Inner {
    fn head(&mut self, log: &Rc<Log>, head: (u32, u64), slots: Vec<SlotState>, edicts: &Edicts) {
        let (slot, seq) = head;
        // Below `valid_from` and in the same slots, numbers may have been used that were not found.
        let highest = seq.max(self.superblock.valid_from);
        self.next_seq = first_seq(highest, log.layout.segments);
        self.first_seq = self.next_seq;
        self.next_slot = if seq == 0 {
            0
        } else {
            (slot + 1) % log.layout.segments
        };
        self.is_known = true;
        // What comes from now on is written under the present number of shards.
        let is_change = self.superblock.changes.begin(self.next_seq);
        self.edicts.area = edicts.area;
        self.edicts.generation = edicts.generation;
        self.edicts.next_generation = edicts.next_generation;
        self.edicts.next_page = edicts.next_page;
        self.edicts.is_due = edicts.lost || edicts.generation == 0 || self.edicts.were_many;
        self.edicts.were_many = false;
        if self.is_void {
            return self.void(log);
        }
        let count = self.slots.len();
        self.slots = slots;
        self.slots.resize(count, SlotState::default());
        for slot in &mut self.slots {
            if slot.seq < self.superblock.valid_from {
                *slot = SlotState::default();
            }
        }
        self.mode = Mode::Up;
        self.recovery.get_or_insert_with(Recovery::new);
        if is_change {
            self.write_superblock(log);
        }
        self.reclaim(log);
        self.kick(log);
    }

    /// Nothing more will be found.
    fn all_is_told(&mut self, log: &Rc<Log>, walked: &Walked) {
        let Some(recovery) = self.recovery.take() else {
            return;
        };
        let kills = recovery.remembered();
        rt::free_aside(recovery, kills);
        if walked.is_checkpoint_damaged && walked.entries > 0 {
            // The others were left out, and the next life may be able to read them.
            self.unlisted.until_overwritten(log.layout.segments);
        }
        // What was in doubt is void for good: what is purged from now on is not noted for it.
        let from = walked.void_below.min(self.first_seq);
        if from <= self.superblock.valid_from {
            return;
        }
        self.superblock.valid_from = from;
        for slot in self.slots.iter_mut().filter(|slot| slot.seq < from) {
            *slot = SlotState::default();
        }
        match self.write_superblock(log) {
            Some(job) => self.unlisted.until_flushed(job),
            None => self.unlisted.until_overwritten(log.layout.segments),
        }
    }

    fn sheet(&mut self, log: &Log, sheet: &Sheet) {
        let slot = self.slots.get(sheet.header.slot as usize);
        // One that was overwritten since it was read has nothing to say any more.
        let is_current = slot.is_some_and(|slot| slot.seq == sheet.header.seq);
        if let (true, Some(recovery)) = (is_current, &mut self.recovery) {
            recovery.sheet(&mut self.places, &log.layout, sheet);
        }
    }
}
