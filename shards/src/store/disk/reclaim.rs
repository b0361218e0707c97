//! Making the next segment ready while the open one fills.
//!
//! 1. The records of the old segment that are worth it are read, and written once more at the
//!    front of the log.
//! 2. The new header is written, behind those copies, and flushed. From now on a restart takes the
//!    old segment for gone.
//! 3. Only then do its records leave the index. Until then whatever kills them is noted in the log;
//!    so there is no moment at which a crash would bring back something killed without a note.
//!
//! Kill records in the old segment go with it: whatever they killed was older and went before.

use super::log::{Inner, Log, Mode};
use super::orders::SlotState;
use super::status::Dropped;
use crate::rt::{self, Pages};
use ringside_engine::store::disk::keep::{Choice, Staying};
use ringside_engine::store::disk::record::decode;
use ringside_engine::store::disk::segment::{decode_footer, footer_extent};
use ringside_engine::store::disk::{Event, Expect, SegmentHeader, Sheet, PAGE};
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// Tables of the index that are looked through in one go, for a segment whose footer is lost.
const TABLES_AT_ONCE: usize = 64;
/// Records that are looked up in the index, or taken out of it, in one go.
const EVENTS_AT_ONCE: usize = 512;

/// What a step of reclaiming could not do; the log is down, or was begun anew.
struct Stale;

impl Inner {
    /// Starts to prepare the next segment, if none is and none is being prepared.
    pub(super) fn reclaim(&mut self, log: &Rc<Log>) {
        let wanted = self.is_known && self.prepared.is_none();
        if !wanted || self.is_reclaiming || self.is_ending || !matches!(self.mode, Mode::Up) {
            return;
        }
        self.is_reclaiming = true;
        let (ours, panics) = (log.clone(), log.clone());
        let epoch = self.epoch;
        let task = async move {
            let done = ours.prepare_next(epoch).await;
            let inner = &mut *ours.inner.borrow_mut();
            inner.is_reclaiming = false;
            inner.leaving = None;
            if done.is_ok() && inner.epoch == epoch {
                inner.segment_ready(&ours);
            }
        };
        rt::spawn(task, move || {
            let inner = &mut *panics.inner.borrow_mut();
            inner.is_reclaiming = false;
            inner.is_reclaim_asking = false;
            inner.leaving = None;
            inner.fail(&panics, "preparing a segment failed".to_owned());
        });
    }

    fn segment_ready(&mut self, log: &Rc<Log>) {
        if self.open.is_none() {
            // There is one: it was just prepared.
            let _: Result<(), Dropped> = self.turn(log);
        }
        // Kills may have waited for it.
        self.kick(log);
    }
}

impl Log {
    async fn prepare_next(self: &Rc<Self>, epoch: u32) -> Result<(), Stale> {
        let (slot, seq, old) = {
            let inner = self.inner.borrow();
            let old = inner.slots.get(inner.next_slot as usize).copied();
            let valid_from = inner.superblock.valid_from.max(1);
            let old = old.filter(|old| old.seq >= valid_from);
            (inner.next_slot, inner.next_seq, old)
        };
        let sheet = match &old {
            Some(old) => self.old_sheet(slot, old).await,
            None => None,
        };
        if let (Some(sheet), Some(old)) = (&sheet, &old) {
            self.keep_used(sheet, old, epoch).await?;
        }
        let header = SegmentHeader {
            slot,
            seq,
            opened_ms: self.now.get().0,
        };
        let job = {
            let inner = &mut *self.inner.borrow_mut();
            if inner.epoch != epoch {
                return Err(Stale);
            }
            let page = header.encode(self.mark);
            let job = inner.push_bytes(self, self.layout.slot_at(slot), &page);
            if job.is_some() {
                inner.next_seq = seq + 1;
                inner.next_slot = (slot + 1) % self.layout.segments;
            }
            job
        };
        let Some(job) = job else {
            // No memory for one page: the next look at it is after a pause.
            rt::sleep(Duration::from_millis(100)).await;
            return Err(Stale);
        };
        self.safe(job, epoch).await.map_err(|()| Stale)?;
        {
            let inner = &mut *self.inner.borrow_mut();
            if inner.epoch != epoch {
                return Err(Stale);
            }
            if let Some(state) = inner.slots.get_mut(slot as usize) {
                *state = SlotState {
                    seq,
                    opened_ms: header.opened_ms,
                };
            }
            inner.leaving = Some(slot);
            inner.unlisted.overwritten();
            if let Some(old) = &old {
                let age_ms = self.now.get().0.saturating_sub(old.opened_ms);
                self.counts.overwritten_age_ms.set(age_ms.max(1));
            }
            inner.checkpointing.changed();
        }
        match (&sheet, &old) {
            (Some(sheet), _) => self.forget_listed(sheet).await,
            (None, Some(_)) => self.forget_slot(slot).await,
            (None, None) => {}
        }
        let inner = &mut *self.inner.borrow_mut();
        if inner.epoch != epoch {
            return Err(Stale);
        }
        inner.prepared = Some(header);
        Ok(())
    }

    /// The footer of the segment that is in a slot; `None` when it was never sealed, or is lost.
    async fn old_sheet(&self, slot: u32, old: &SlotState) -> Option<Sheet> {
        let end = self.layout.slot_at(slot) + u64::from(self.layout.segment_bytes);
        let last = self.reclaim_read(end - PAGE as u64, PAGE).await.ok()?;
        let extent = footer_extent(&last, self.mark).ok()?;
        if extent.seq != old.seq || extent.pages() >= self.layout.pages_per_segment() {
            return None;
        }
        let sheet = match extent.pages() {
            1 => decode_footer(&last, slot, self.mark).ok()?,
            pages => {
                let bytes = pages as usize * PAGE;
                let tail = self.reclaim_read(end - bytes as u64, bytes).await.ok()?;
                decode_footer(&tail, slot, self.mark).ok()?
            }
        };
        (sheet.header.seq == old.seq).then_some(sheet)
    }

    /// Reads so that it is noticed if the device does not answer.
    async fn reclaim_read(&self, at: u64, bytes: usize) -> io::Result<Pages> {
        self.inner.borrow_mut().is_reclaim_asking = true;
        let read = self.disk.read(at, bytes).await;
        self.inner.borrow_mut().is_reclaim_asking = false;
        self.counts.answers.add(1);
        read
    }

    async fn keep_used(
        self: &Rc<Self>,
        sheet: &Sheet,
        old: &SlotState,
        epoch: u32,
    ) -> Result<(), Stale> {
        let mut choice = Choice::default();
        while choice.look(
            sheet,
            &self.layout,
            &self.inner.borrow().places,
            EVENTS_AT_ONCE,
        ) {
            rt::sleep(Duration::from_millis(1)).await;
        }
        for record in choice.made(&self.layout) {
            if self.inner.borrow().epoch != epoch {
                return Err(Stale);
            }
            if !self.keep_one(&record, old, epoch).await {
                break;
            }
        }
        Ok(())
    }

    /// Writes one record once more. `false`: there is no room for this one or any other.
    async fn keep_one(self: &Rc<Self>, record: &Staying, old: &SlotState, epoch: u32) -> bool {
        // What can't be read is not worth a word here: it is about to go.
        self.inner.borrow_mut().is_reclaim_asking = true;
        let read = self.read_pages(record.found).await;
        self.inner.borrow_mut().is_reclaim_asking = false;
        let Ok(pages) = read else {
            return true;
        };
        let expect = Expect {
            page: record.found.page,
            seq: old.seq,
            key: Some(record.key),
        };
        let Ok((header, held)) = decode(&pages, expect, self.mark) else {
            return true;
        };
        let found = record.found;
        if header.pages != u32::from(found.pages) || header.variant_bits() != found.variant {
            return true;
        }
        loop {
            let progress = {
                let inner = &mut *self.inner.borrow_mut();
                // It was killed meanwhile, or is not what it was.
                let still = inner.places.at(record.key, record.found.page);
                if inner.epoch != epoch || still.is_none_or(|still| still.soft) {
                    return true;
                }
                let count = u32::from(record.found.pages);
                match inner.append_object(self, &held, &[], count, record.uses) {
                    Ok(_) => {
                        let bytes = u64::from(count) * PAGE as u64;
                        self.counts.reinserted.add(1);
                        self.counts.reinserted_bytes.add(bytes);
                        return true;
                    }
                    Err(Dropped::Slow) => inner.queue.progress(),
                    Err(_) => return false,
                }
            };
            // The writer is behind. It has something to do, or there would be room.
            if progress.await.is_none() {
                return false;
            }
        }
    }

    /// Takes what a sheet lists out of the index.
    async fn forget_listed(&self, sheet: &Sheet) {
        let first = self.layout.first_page(sheet.header.slot);
        let mut parts = sheet.events.chunks(EVENTS_AT_ONCE).peekable();
        while let Some(events) = parts.next() {
            {
                let inner = &mut *self.inner.borrow_mut();
                for event in events {
                    if let Event::Object { key, page, .. } = event {
                        inner.places.remove(*key, first + u32::from(*page));
                    }
                }
            }
            if parts.peek().is_some() {
                rt::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    /// Takes everything out of the index that lies in a slot.
    async fn forget_slot(&self, slot: u32) {
        let pages = self.layout.pages_per_segment();
        let first = self.layout.first_page(slot);
        let mut table = 0;
        loop {
            {
                let inner = &mut *self.inner.borrow_mut();
                let end = inner.places.tables().min(table + TABLES_AT_ONCE);
                while table < end {
                    let keep = |found: &ringside_engine::store::disk::places::Found| {
                        !(first..first + pages).contains(&found.page)
                    };
                    inner.places.retain(table, keep);
                    table += 1;
                }
                if table >= inner.places.tables() {
                    return;
                }
            }
            rt::sleep(Duration::from_millis(1)).await;
        }
    }
}
