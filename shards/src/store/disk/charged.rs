//! What a log's index takes of the memory budget.
//!
//! The index grows by single records, so it is charged a little ahead. Where the budget refuses, an
//! object that would go to disk is dropped, and the shard is told how much room to make. What was
//! appended beside that (a record that is written once more, or what a restart finds) is charged
//! afterwards, as soon as there is room.

use super::log::Log;
use super::DiskCache;
use crate::store::arena::Budget;
use ringside_engine::time::Mono;
use std::cell::Cell;

/// One record makes the index grow by less than this.
const AHEAD_BYTES: usize = 1024;
/// Charged and released in such steps.
const STEP_BYTES: usize = 4096;
/// A restart whose index finds no room goes on for so long: what was evicted for it may be held by
/// a reader for a moment. And with no more than this part of the budget beside it.
const SHORT_MS: u64 = 2_000;
const SHORT_SHARE: usize = 32;

/// What is charged for one log's index.
pub(super) struct Charged {
    budget: &'static Budget,
    bytes: Cell<usize>,
    /// The budget refused so much.
    short: Cell<usize>,
    /// And did so since then.
    short_since: Cell<Option<Mono>>,
}

impl Charged {
    /// Nothing yet.
    pub(super) fn new(budget: &'static Budget) -> Charged {
        Charged {
            budget,
            bytes: Cell::new(0),
            short: Cell::new(0),
            short_since: Cell::new(None),
        }
    }

    /// There was no room even after some was made; whether it is to be waited for any longer.
    fn is_hopeless(&self, now: Mono) -> bool {
        let since = self.short_since.get().unwrap_or(now);
        self.short_since.set(Some(since));
        let is_much = self.short.get() > self.budget.limit() / SHORT_SHARE;
        is_much || now.since(since) >= SHORT_MS
    }

    /// The index takes so much now. `false`: there is no memory for another record.
    pub(super) fn settle(&self, index_bytes: usize) -> bool {
        let needed = index_bytes + AHEAD_BYTES;
        let held = self.bytes.get();
        let wanted = needed.next_multiple_of(STEP_BYTES);
        if held >= needed && held <= wanted + STEP_BYTES {
            self.short.set(0);
            return true;
        }
        let fits = match wanted.checked_sub(held) {
            Some(more) => self.budget.charge(more),
            None => {
                self.budget.release(held - wanted);
                true
            }
        };
        if fits {
            self.bytes.set(wanted);
        }
        self.short.set(match fits {
            true => 0,
            false => wanted - held,
        });
        fits
    }
}

impl DiskCache {
    /// Charges what the indexes have grown by since, and releases what they have shrunk by. `room`
    /// makes room in the budget for so many bytes, as far as it can. Where there is none even so, for
    /// some time, what a restart has not found yet stays on the medium and is not found in this
    /// life.
    pub fn charge_index(&self, room: &dyn Fn(usize)) {
        for log in &self.logs {
            if log.settle_index() {
                log.inner.borrow().charged.short_since.set(None);
                continue;
            }
            // What is evicted for it may be offered to this very log.
            let short = log.inner.borrow().charged.short.get();
            room(short);
            if !log.settle_index() && log.inner.borrow().charged.is_hopeless(log.now.get()) {
                log.leave_unlisted();
            }
        }
    }
}

impl Log {
    /// Charges what the index has grown by; `false`: there is no room.
    pub(super) fn settle_index(&self) -> bool {
        let inner = self.inner.borrow();
        inner.charged.settle(inner.places.allocated_bytes())
    }

    pub(super) fn leave_unlisted(&self) {
        let inner = &mut *self.inner.borrow_mut();
        let Some(recovery) = &mut inner.recovery else {
            return;
        };
        recovery.lost();
        let is_new = inner.unlisted.is_nothing();
        inner.unlisted.until_overwritten(self.layout.segments);
        if is_new {
            let text = "there is no memory for the index of all that is on it: what is older is \
                        not served; give it more memory, or a smaller size";
            self.say("unlisted", text);
        }
    }
}
