//! The walk's steps: what follows from what was read, and what is told of it.

use super::entries::Entries;
use super::order::{self, Told};
use super::sheets::{Outcome, Sheets};
use super::slots::{Glance, Slots};
use super::{Area, Begun, Found, Ground, SlotState, Step, Walk, LOST_MAX};
use crate::store::disk::checkpoint::{decode_slots, Header, ENTRY_BYTES, SLOTS_AT, SLOT_BYTES};
use crate::store::disk::edict;
use crate::store::disk::mark::Crc;
use crate::store::disk::segment::{encode_footer, footer_pages, Event};
use crate::store::disk::{pages_of, PAGE};
use alloc::vec::Vec;

impl Walk {
    pub(super) fn edicts_fed(&mut self) {
        let Step::Edicts(areas) = &self.step else {
            return;
        };
        // What can't be read may be a decree: better no content than what was purged.
        if areas.iter().any(|area| area.has_failed) {
            return self.fail();
        }
        if !areas.iter().all(Area::is_done) {
            return;
        }
        let bytes = areas.each_ref().map(|area| area.bytes.as_slice());
        self.edicts = Some(edict::read(bytes, self.ground.key));
        self.go(Step::Tops([None, None], 0));
    }

    pub(super) fn top_fed(&mut self) {
        let Step::Tops([Some(a), Some(b)], _) = &self.step else {
            return;
        };
        let layout = &self.ground.layout;
        // Of what has another home by now, a checkpoint does not tell.
        let valid_from = self.ground.valid_from.max(self.ground.changes.last());
        let fits = |top: &Header| {
            top.segments == layout.segments
                && top.head_slot < layout.segments
                && top.since_seq >= valid_from.max(1)
                && top.end() <= layout.checkpoint_bytes
        };
        let tops = [*a, *b];
        let tops = tops.into_iter().enumerate();
        let held = tops.filter_map(|(area, top)| Some((area, top.filter(&fits)?)));
        self.candidates = held.collect();
        self.candidates.sort_by_key(|(_, top)| top.generation);
        self.next_candidate();
    }

    fn next_candidate(&mut self) {
        match self.candidates.pop() {
            Some((area, top)) => {
                let at = self.ground.layout.checkpoints_at[area] + SLOTS_AT;
                let bytes = u64::from(top.segments) * SLOT_BYTES as u64;
                let table = Area::new(at, pages_of(bytes) * PAGE as u64);
                self.go(Step::Table(area, top, table));
            }
            None => self.look_at_all(),
        }
    }

    fn look_at_all(&mut self) {
        self.checkpoint = None;
        self.go(Step::Slots(Slots::all(&self.ground)));
    }

    pub(super) fn table_fed(&mut self) {
        let Step::Table(area_number, top, area) = &self.step else {
            return;
        };
        if !area.is_done() {
            return;
        }
        let bytes = top.segments as usize * SLOT_BYTES;
        let table = area.bytes.get(..bytes);
        let holds = |table: &&[u8]| Crc::new().add(table).value() == top.slots_crc;
        let Some(table) = table.filter(holds) else {
            return self.next_candidate();
        };
        let table: Vec<(u64, u64)> = decode_slots(table).collect();
        let valid_from = self.ground.valid_from.max(1);
        let glance = |seq: u64, opened_ms: u64| match seq >= valid_from {
            true => Glance::Segment {
                seq,
                opened_ms,
                is_headed: true,
            },
            false => Glance::Void,
        };
        let glances = table.iter().map(|slot| glance(slot.0, slot.1)).collect();
        let slots = Slots::since(glances, top.head_slot, top.since_seq);
        self.checkpoint = Some(Begun {
            area: *area_number,
            header: *top,
            slots: table.iter().map(|slot| slot.0).collect(),
        });
        self.go(Step::Slots(slots));
    }

    pub(super) fn slot_fed(&mut self) {
        let Step::Slots(slots) = &mut self.step else {
            return;
        };
        if !slots.is_done() {
            return;
        }
        if let Some(begun) = &self.checkpoint {
            let (head, since) = (begun.header.head_slot as usize, begun.header.since_seq);
            let glance = slots.glances.get_mut(head);
            let glance = glance.filter(|glance| match **glance {
                Glance::Segment { seq, .. } => seq == since,
                // It was there when the checkpoint began, and it is scanned.
                Glance::Damaged => true,
                _ => false,
            });
            match glance {
                Some(glance) => {
                    if *glance == Glance::Damaged {
                        *glance = Glance::Segment {
                            seq: since,
                            opened_ms: 0,
                            is_headed: true,
                        };
                    }
                }
                // The circle came around since.
                None => return self.look_at_all(),
            }
        }
        self.order = order::order(&mut slots.glances);
        self.doubt_below = self.order.doubt_below;
        self.walked.lost = self.order.lost;
        let since = self
            .checkpoint
            .as_ref()
            .map_or(0, |begun| begun.header.since_seq);
        let older = self
            .order
            .segments
            .partition_point(|told| told.seq >= since);
        let newer = self.order.segments.get(..older).unwrap_or_default();
        self.segments = newer.len() as u32;
        let sheets = Sheets::new(newer);
        if newer.is_empty() {
            self.tell_head(None);
            return self.done();
        }
        self.go(Step::Sheets(sheets));
    }

    pub(super) fn sheet_fed(&mut self) {
        while let Step::Sheets(sheets) = &mut self.step {
            let Some((told, outcome)) = sheets.next() else {
                let is_done = sheets.is_done();
                if is_done {
                    self.sheets_done();
                }
                return;
            };
            let is_last = sheets.is_done();
            if !self.is_head_told {
                self.seal(&told, &outcome);
                if self.newest.is_none() && outcome.is_nothing() && !is_last {
                    // It was only prepared: the one before it may not be sealed either.
                    self.newest = Some((told, outcome));
                    continue;
                }
                self.tell_tail(told, outcome);
            } else {
                self.tell_sheet(&told, outcome);
            }
        }
    }

    /// The newest segments are known: that of which this is told, or one before.
    fn tell_tail(&mut self, told: Told, outcome: Outcome) {
        let (newest, second) = match self.newest.take() {
            Some(newest) => (newest, Some((told, outcome))),
            None => ((told, outcome), None),
        };
        if matches!(newest.1, Outcome::Sealed(_)) && self.order.is_seam_damaged {
            // A newer one may have been begun.
            self.doubt_below = u64::MAX;
        }
        self.tell_head(Some(&newest.0));
        for (told, outcome) in core::iter::once(newest).chain(second) {
            self.tell_sheet(&told, outcome);
        }
    }

    /// The footer of a segment that was not sealed.
    fn seal(&mut self, told: &Told, outcome: &Outcome) {
        let Outcome::Scanned {
            sheet,
            is_whole: true,
        } = outcome
        else {
            return;
        };
        let pages = self.ground.layout.pages_per_segment();
        let end = sheet.events.iter().map(|event| match event {
            Event::Object { page, pages, .. } => u32::from(*page) + u32::from(*pages),
            Event::Kill(_) => 0,
        });
        let footer = footer_pages(sheet.events.len());
        if footer.saturating_add(end.max().unwrap_or(1).max(1)) > pages {
            return;
        }
        let bytes = encode_footer(sheet, self.ground.key, pages);
        let end =
            self.ground.layout.slot_at(told.slot) + u64::from(self.ground.layout.segment_bytes);
        self.found.push_back(Found::Footer {
            at: end - bytes.len() as u64,
            bytes,
        });
    }

    fn tell_head(&mut self, newest: Option<&Told>) {
        self.is_head_told = true;
        let mut slots = Vec::new();
        slots.resize(self.ground.layout.segments as usize, SlotState::default());
        for told in &self.order.segments {
            if let Some(slot) = slots.get_mut(told.slot as usize) {
                *slot = SlotState {
                    seq: told.seq,
                    opened_ms: told.opened_ms,
                };
            }
            self.walked.latest_ms = self.walked.latest_ms.max(told.opened_ms);
        }
        let lost = match self.order.is_seam_damaged {
            true => LOST_MAX,
            false => 0,
        };
        let Some(edicts) = self.edicts.take() else {
            return;
        };
        self.found.push_back(Found::Head {
            slot: newest.map_or(0, |told| told.slot),
            seq: newest.map_or(0, |told| told.seq + lost),
            slots,
            edicts,
            checkpoint_generation: self
                .checkpoint
                .as_ref()
                .map_or(0, |begun| begun.header.generation),
        });
    }

    fn doubt_the_rest(&mut self) {
        let (told, _) = self.progress();
        self.walked.doubtful = (self.order.segments.len() as u32).saturating_sub(told);
        self.done();
    }

    fn tell_sheet(&mut self, told: &Told, outcome: Outcome) {
        if !matches!(self.step, Step::Sheets(_)) {
            return;
        }
        if let Outcome::Scanned {
            is_whole: false, ..
        } = outcome
        {
            // What could not be read may be a kill, also of what stands before it.
            self.doubt_below = self.doubt_below.max(told.seq.saturating_add(1));
        }
        if told.seq < self.doubt_below {
            return self.doubt_the_rest();
        }
        let mut sheet = match outcome {
            Outcome::Sealed(sheet) => sheet,
            Outcome::Scanned { sheet, .. } => {
                self.walked.scanned += 1;
                sheet
            }
            Outcome::Gone => {
                self.walked.gone += 1;
                return;
            }
        };
        let Ground { shard, changes, .. } = &self.ground;
        changes.leave_at_home(*shard, &mut sheet);
        let walked = &mut self.walked;
        let is_kill = |event: &&Event| matches!(event, Event::Kill(_));
        let kills = sheet.events.iter().filter(is_kill).count() as u64;
        walked.sheets += 1;
        walked.kills += kills;
        walked.objects += sheet.events.len() as u64 - kills;
        walked.latest_ms = walked.latest_ms.max(sheet.sealed_ms);
        self.found.push_back(Found::Sheet(sheet));
    }

    fn sheets_done(&mut self) {
        let Some(begun) = &self.checkpoint else {
            return self.done();
        };
        if self.doubt_below > 0 {
            return self.doubt_the_rest();
        }
        let (header, areas) = (&begun.header, &self.ground.layout.checkpoints_at);
        let at = areas.get(begun.area).copied().unwrap_or_default() + header.entries_at();
        let entries = Entries::new(at, header.count, header.entries_crc);
        self.go(Step::Entries(entries));
        self.entries_fed(Vec::new());
    }

    pub(super) fn entries_fed(&mut self, parts: Vec<Vec<u8>>) {
        let (Step::Entries(entries), Some(begun)) = (&self.step, &self.checkpoint) else {
            return;
        };
        for part in parts {
            self.walked.entries += (part.len() / ENTRY_BYTES) as u64;
            self.found.push_back(Found::Entries {
                entries: part,
                slots: begun.slots.clone(),
            });
        }
        if !entries.is_done() {
            return;
        }
        self.walked.is_checkpoint_damaged = entries.is_damaged();
        if !entries.is_damaged() || self.walked.entries > 0 {
            return self.done();
        }
        // As if there were no checkpoint: the sheets of all older segments too.
        let since = begun.header.since_seq;
        self.checkpoint = None;
        let segments = &self.order.segments;
        let newer = segments.partition_point(|told| told.seq >= since);
        let older = segments.get(newer..).unwrap_or_default();
        let sheets = Sheets::new(older);
        self.segments = segments.len() as u32;
        match older.is_empty() {
            true => self.done(),
            false => self.go(Step::Sheets(sheets)),
        }
    }
}
