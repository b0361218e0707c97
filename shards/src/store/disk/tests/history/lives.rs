//! What happens to the process and its device: time, the keeper's news, faults, damage, crashes;
//! and what must be found after each restart.

use super::model::Safe;
use super::{snapshot, History};
use crate::rt::disk::simulated::Fault;
use crate::store::arena::Budget;
use crate::store::disk::tests::kit::*;
use crate::store::disk::{DiskNews, Order};
use ringside_engine::store::disk::variant_bits;
use std::collections::BTreeSet;
use std::fmt::Write as _;

impl History {
    pub(super) async fn tick(&mut self, ms: u64) {
        self.now.0 += ms;
        let snapshot = snapshot(&self.model);
        self.process.cache.tick(self.now, &snapshot);
        breathe().await;
    }

    /// The keeper does something. `false`: it had nothing to do.
    pub(super) async fn news(&mut self) -> bool {
        let snapshot = snapshot(&self.model);
        if self.has_faults && self.restart.is_some() && self.dice.once_in(16) {
            self.say(format_args!("the keeper fails"));
            self.restart = None;
            let why = "the keeper can't read it".to_owned();
            let failed = DiskNews::Failed { log: ID, why };
            self.process.cache.adopt(failed, &snapshot);
            return true;
        }
        if let Some(restart) = &mut self.restart {
            let Some(news) = restart.next(&self.device) else {
                self.restart = None;
                return true;
            };
            let is_last = matches!(news, DiskNews::Recovered { .. } | DiskNews::Failed { .. });
            self.heed(&news);
            self.process.cache.adopt(news, &snapshot);
            if is_last {
                self.restart = None;
                self.check_safe();
            }
            breathe().await;
            return true;
        }
        let Ok(order) = self.process.orders.try_recv() else {
            return false;
        };
        if matches!(order, Order::Recover { .. }) {
            self.restart = Some(Restart::new(&self.device));
        }
        self.say(format_args!("{order:?}"));
        let superblock = superblock(self.segments);
        let breaks = self.dice.once_in(6);
        let layout = superblock.layout();
        let done = self
            .scribe
            .take(order, &self.device, &layout, &superblock, breaks);
        if let Some(news) = done {
            self.say(format_args!("{news:?}"));
            self.process.cache.adopt(news, &snapshot);
        }
        breathe().await;
        true
    }

    /// Of the letters: the edicts that were found.
    fn heed(&mut self, news: &DiskNews) {
        match news {
            DiskNews::Head {
                edicts, slots, seq, ..
            } => {
                self.say(format_args!(
                    "head {seq} of {slots:?}, edicts lost: {}",
                    edicts.lost
                ));
                let model = &mut *self.model.borrow_mut();
                let bytes = edicts.payloads.concat();
                let found: BTreeSet<u64> = bytes
                    .chunks_exact(8)
                    .map(|id| u64::from_le_bytes(id.try_into().unwrap()))
                    .collect();
                if !edicts.lost {
                    assert!(
                        model.safe_edicts.is_subset(&found),
                        "edicts {:?} are gone",
                        model.safe_edicts.difference(&found).collect::<Vec<_>>()
                    );
                }
                model.edicts.extend(found);
                // What the circle has overwritten, or was about to, need not be found.
                let layout = superblock(self.segments).layout();
                model.expected.retain(|safe| {
                    let slot = layout.slot_of(safe.page) as usize;
                    slots[slot].seq == safe.seq
                });
            }
            DiskNews::Recovered {
                unreadable, walked, ..
            } => {
                self.say(format_args!("recovered: {walked:?}"));
                self.model.borrow_mut().totals.doubted += u64::from(walked.void_below > 0);
                if *unreadable > 0 {
                    self.model.borrow_mut().expected.clear();
                }
            }
            news => self.say(format_args!("{news:?}")),
        }
    }

    /// All that was safe before the crash is in the index again, unless something happened to it.
    fn check_safe(&mut self) {
        let safe = std::mem::take(&mut self.model.borrow_mut().expected);
        let log = self.process.cache.logs[0].clone();
        for one in safe {
            let model = &mut *self.model.borrow_mut();
            let slot = log.layout.slot_of(one.page) as usize;
            let is_there = log.inner.borrow().slots[slot].seq == one.seq;
            let is_same = model.held[&one.name].touched == one.touched
                && !model.damaged.contains(&(one.page, one.seq));
            if !is_there || !is_same || self.is_spoilt || self.was_down || self.had_fault {
                model.totals.gone += 1;
                continue;
            }
            // At its page, or written once more since.
            let bits = variant_bits(one.name.1, one.name.1 != 0);
            let inner = log.inner.borrow();
            let mut found = inner.places.find(key(one.name.0));
            let is_found = found.any(|found| found.variant == bits);
            assert!(is_found, "{one:?} is not found any more");
            model.totals.found_again += 1;
            model.safe.insert(one);
        }
    }

    /// Numbers of a life that ends.
    pub(super) fn collect(&mut self) {
        let status = &self.process.cache.status()[0];
        let totals = &mut self.model.borrow_mut().totals;
        totals.downs += status.failures;
        totals.reinserted += status.reinserted;
        totals.checkpoints += status.checkpoints;
        totals.turned += status.written_bytes / u64::from(SEGMENT_BYTES);
    }

    pub(super) async fn crash(&mut self) {
        self.say(format_args!("crash: {:?}", self.process.cache.status()));
        self.notice();
        self.collect();
        self.forget_missing();
        {
            // What is left of the life before was not checked, and what happened to it is not known.
            let model = &mut *self.model.borrow_mut();
            model.expected = std::mem::take(&mut model.safe);
            if self.was_down {
                model.expected.clear();
            }
        }
        self.had_fault = false;
        self.device.crash();
        if self.dice.once_in(2) {
            // What could not be read can be, after all.
            for at in self.unreadable.drain(..) {
                self.device.heal(at);
            }
        }
        self.was_down = false;
        self.device.at_once(self.dice.once_in(4));
        {
            let model = &mut *self.model.borrow_mut();
            model.totals.crashes += 1;
            // The new process knows those that are found.
            model.edicts.clear();
            for held in model.held.values_mut() {
                held.floor = held.safe_floor;
                held.soft = held.safe_soft;
            }
        }
        self.now.0 += 5000;
        // The last process's memory is never given back.
        self.budget = Budget::new(self.budget.limit());
        self.process = Process::start(&self.device, self.budget, false, self.now);
        self.restart = Some(Restart::new(&self.device));
        self.scribe = Scribe::default();
        breathe().await;
    }

    /// What was taken out since, as it could not be read or was overwritten, need not be found.
    fn forget_missing(&mut self) {
        let log = self.process.cache.logs[0].clone();
        let model = &mut *self.model.borrow_mut();
        model.safe.retain(|safe| {
            let found = log.still(key(safe.name.0), safe.page);
            found.is_some_and(|found| !found.soft)
        });
    }

    pub(super) fn fault(&mut self) {
        match self.dice.below(8) {
            0 => self.device.fault(Fault::ReadOnly),
            1 => self.device.fault(Fault::Full),
            2 => self.device.fault(Fault::Gone),
            3 => self.device.fault(Fault::Unreadable),
            4 => {
                let n = self.dice.below(4) as u64;
                self.device.fail_in(n, libc::EIO);
            }
            _ => self.device.fault(Fault::None),
        }
        self.had_fault = true;
        self.say(format_args!("a fault"));
    }

    /// The first page of a segment, its last, or both are damaged, or can't be read for a time.
    fn damage_ends(&mut self) {
        let layout = superblock(self.segments).layout();
        let slot = self.dice.below(self.segments as usize) as u32;
        let first = layout.slot_at(slot);
        let last = first + u64::from(SEGMENT_BYTES) - 4096;
        let ends: &[u64] = match self.dice.below(4) {
            0 => &[first],
            1 => &[last],
            _ => &[first, last],
        };
        let for_a_time = self.dice.once_in(2);
        for at in ends {
            match for_a_time {
                true => {
                    self.device.spoil(*at);
                    self.unreadable.push(*at);
                }
                // In the header, or in the trailer.
                false if *at == first => self.device.flip(at + self.dice.below(44) as u64, 3),
                false => self.device.flip(at + 4095 - self.dice.below(64) as u64, 3),
            }
        }
        self.is_spoilt = true;
        self.model.borrow_mut().totals.ends_damaged += 1;
        self.say(format_args!(
            "ends of slot {slot}: {ends:?}, for a time: {for_a_time}"
        ));
    }

    /// Something happens to a record that is safe, or to a footer.
    pub(super) fn damage(&mut self) {
        if self.has_lost_ends && self.dice.once_in(2) {
            return self.damage_ends();
        }
        let layout = superblock(self.segments).layout();
        let records: Vec<Safe> = self.model.borrow().safe.iter().copied().collect();
        if records.is_empty() || self.dice.once_in(4) {
            let slot = self.dice.below(self.segments as usize) as u32;
            let last = layout.slot_at(slot) + u64::from(SEGMENT_BYTES) - 512;
            self.device.flip(last + self.dice.below(512) as u64, 3);
            self.say(format_args!("a bit of the last page of slot {slot}"));
            return;
        }
        let one = records[self.dice.below(records.len())];
        let at = layout.page_at(one.page);
        if self.dice.once_in(4) {
            self.device.spoil(at);
            self.is_spoilt = true;
        } else {
            let within = self.dice.below(200) as u64;
            self.device.flip(at + within, self.dice.below(8) as u8);
        }
        let model = &mut *self.model.borrow_mut();
        model.totals.damaged += 1;
        model.damaged.insert((one.page, one.seq));
        let _ = writeln!(self.story.borrow_mut(), "damage to {one:?}");
    }
}
