//! Gives the keeper the index to write, so that a restart need not read every footer.
//!
//! The index goes out table by table, over many ticks, while it changes. That is no harm: what
//! changes meanwhile is in segments from `since_seq` on, which a restart reads anyway.

use super::log::{Inner, Log, Mode, OpenSegment};
use super::orders::{Order, SlotState};
use super::writing::{Goal, Job};
use crate::rt::{self, oneshot, Sender};
use ringside_engine::store::disk::layout::SUPERBLOCKS_AT;
use ringside_engine::store::disk::places::{page_of, Places, ENTRY_BYTES};
use ringside_engine::store::disk::{Room, Superblock};
use ringside_engine::time::Mono;
use std::rc::Rc;
use std::time::Duration;

/// Where something changed, there is a checkpoint so often.
const EVERY_MS: u64 = 60_000;
/// Or after so many segments.
const EVERY_SEGMENTS: u32 = 64;
/// Bytes of one part, and parts that one tick gives to the keeper, at most: about 200 us of work.
const PART_BYTES: usize = 64 << 10;
const PARTS_PER_TICK: usize = 4;
/// A keeper that has taken nothing, or not answered, for so long is not waited for.
const PATIENCE_MS: u64 = 600_000;
/// At the end, kills that wait for room are waited for so long, and so is a segment that is being
/// prepared.
const ENDING_PATIENCE: Duration = Duration::from_secs(5);
/// And the last flush, and the last checkpoint, so long.
const LAST_PATIENCE: Duration = Duration::from_secs(30);

/// The checkpoint that is made, and those before.
pub(super) struct Checkpointing {
    /// Of the newest whole one.
    generation: u64,
    last_at: Mono,
    segments: u32,
    has_changed: bool,
    stage: Stage,
    /// Told when the keeper has answered.
    done: Option<Sender<bool>>,
}

enum Stage {
    Idle,
    /// The tables from this one on have still to go out.
    Tables {
        next: usize,
        since_seq: u64,
        entries: u64,
        unsent: Option<Order>,
        began: Mono,
    },
    /// All is given.
    Given {
        began: Mono,
    },
}

impl Checkpointing {
    pub(super) fn new(now: Mono) -> Checkpointing {
        Checkpointing {
            generation: 0,
            last_at: now,
            segments: 0,
            has_changed: false,
            stage: Stage::Idle,
            done: None,
        }
    }

    /// The newest whole one on the medium.
    pub(super) fn found(&mut self, generation: u64) {
        self.generation = generation;
    }

    /// The index is not what it was.
    pub(super) fn changed(&mut self) {
        self.has_changed = true;
    }

    /// A segment was begun.
    pub(super) fn turned(&mut self) {
        self.segments += 1;
    }

    fn is_due(&self, now: Mono) -> bool {
        let is_time = now.since(self.last_at) >= EVERY_MS && self.has_changed;
        matches!(self.stage, Stage::Idle) && (is_time || self.segments >= EVERY_SEGMENTS)
    }

    /// The log failed: what was given is worth nothing.
    pub(super) fn abandon(&mut self, log: &Log) {
        if !matches!(self.stage, Stage::Idle) {
            if let Some(orders) = &log.orders {
                // A keeper that does not hear of it gets no end, or one for another log.
                let _: Result<(), _> = orders.try_send(Order::Abandon { log: log.id });
            }
        }
        self.finish(log.now.get(), false);
    }

    fn finish(&mut self, now: Mono, ok: bool) {
        self.stage = Stage::Idle;
        self.last_at = now;
        if let Some(done) = self.done.take() {
            done.send(ok);
        }
    }

    /// The keeper's answer; `true` when a checkpoint is whole.
    pub(super) fn written(&mut self, log: &Log, generation: u64, ok: bool) -> bool {
        let is_ours =
            matches!(self.stage, Stage::Given { .. }) && generation == self.generation + 1;
        if !is_ours {
            return false;
        }
        if ok {
            self.generation = generation;
            log.counts.checkpoints.add(1);
        }
        self.finish(log.now.get(), ok);
        ok
    }

    fn begin(&mut self, log: &Log, since_seq: u64, head_slot: u32, slots: &[SlotState]) {
        let begin = Order::Begin {
            log: log.id,
            generation: self.generation + 1,
            since_seq,
            head_slot,
            slots: slots.to_vec(),
        };
        self.segments = 0;
        self.has_changed = false;
        self.stage = Stage::Tables {
            next: 0,
            since_seq,
            entries: 0,
            unsent: Some(begin),
            began: log.now.get(),
        };
    }

    /// Gives out a part; `false`: the keeper takes no more now, or that was all.
    fn give(&mut self, log: &Log, places: &Places, slots: &[SlotState]) -> bool {
        let Stage::Tables {
            next,
            since_seq,
            entries,
            unsent,
            began,
        } = &mut self.stage
        else {
            return false;
        };
        let Some(orders) = &log.orders else {
            return false;
        };
        if let Some(order) = unsent.take() {
            if let Err(error) = orders.try_send(order) {
                use std::sync::mpsc::TrySendError::{Disconnected, Full};
                match error {
                    Full(order) => *unsent = Some(order),
                    Disconnected(_) => self.finish(log.now.get(), false),
                }
                return false;
            }
            *began = log.now.get();
        }
        if *next > places.tables() {
            self.stage = Stage::Given { began: *began };
            return false;
        }
        if *next == places.tables() {
            *next += 1;
            *unsent = Some(Order::End {
                log: log.id,
                entries: *entries,
            });
            return true;
        }
        let mut bytes = Vec::new();
        while bytes.len() < PART_BYTES && *next < places.tables() {
            export(log, places, *next, slots, *since_seq, &mut bytes);
            *next += 1;
        }
        *entries += (bytes.len() / ENTRY_BYTES) as u64;
        log.counts.checkpoint_bytes.add(bytes.len() as u64);
        *unsent = Some(Order::Part { log: log.id, bytes });
        true
    }
}

/// A table's entries, but for those in segments from `since_seq` on.
fn export(
    log: &Log,
    places: &Places,
    table: usize,
    slots: &[SlotState],
    since_seq: u64,
    into: &mut Vec<u8>,
) {
    let mut to = into.len();
    places.export(table, into);
    let mut from = to;
    while let Some(entry) = into.get(from..from + ENTRY_BYTES) {
        let page = page_of(entry);
        let slot = slots.get(log.layout.slot_of(page) as usize);
        if slot.is_some_and(|slot| slot.seq < since_seq) {
            into.copy_within(from..from + ENTRY_BYTES, to);
            to += ENTRY_BYTES;
        }
        from += ENTRY_BYTES;
    }
    into.truncate(to);
}

impl Inner {
    /// What is done for checkpoints on a tick.
    pub(super) fn checkpoint(&mut self, log: &Rc<Log>) {
        let now = log.now.get();
        let may = matches!(self.mode, Mode::Up) && self.recovery.is_none() && !self.is_closing;
        if may && log.orders.is_some() && self.checkpointing.is_due(now) {
            self.begin_checkpoint(log);
        }
        for _ in 0..PARTS_PER_TICK {
            if !self.checkpointing.give(log, &self.places, &self.slots) {
                break;
            }
        }
        let began = match self.checkpointing.stage {
            Stage::Idle => return,
            Stage::Tables { began, .. } | Stage::Given { began } => began,
        };
        if now.since(began) >= PATIENCE_MS {
            self.checkpointing.abandon(log);
        }
    }

    /// `false`: nothing was opened yet that it could be said to begin with.
    fn begin_checkpoint(&mut self, log: &Rc<Log>) -> bool {
        // Segments before this one are wholly on the medium, so all that is said of them holds. A
        // record of this one or of a later one may be lost in a crash, and a kill go into one of
        // them: a restart goes by what it finds there, and no entry is given out for them.
        let Some((since, _)) = self.unsafe_segments.front() else {
            return false;
        };
        let checkpointing = &mut self.checkpointing;
        checkpointing.begin(log, since.seq, since.slot, &self.slots);
        true
    }

    /// Seals the segment that is prepared, with nothing in it: a start would have to look through
    /// all of one that is not sealed.
    /// Returns the job after which it is safe, if there is one.
    fn seal_prepared(&mut self, log: &Rc<Log>) -> Option<u64> {
        let header = self.prepared.take()?;
        self.unsafe_segments.push_back((header, u64::MAX));
        self.open = Some(OpenSegment {
            header,
            room: Room::new(log.layout.pages_per_segment()),
            events: Vec::new(),
        });
        self.seal_segment(log)
    }

    /// Writes both copies of the superblock, which tells the latest time of what is stored. Returns
    /// the job after which they are safe; `None`: there is no memory for a page, or it is not up.
    pub(super) fn write_superblock(&mut self, log: &Rc<Log>) -> Option<u64> {
        if !matches!(self.mode, Mode::Up) {
            return;
        }
        self.superblock = Superblock {
            generation: self.superblock.generation + 1,
            latest_ms: self.superblock.latest_ms.max(log.now.get().0),
            ..self.superblock.clone()
        };
        let page = self.superblock.encode();
        for at in SUPERBLOCKS_AT {
            self.push_bytes(log, at, &page)?;
            last = Some(self.push(log, Job::Flush));
        }
    }
}

impl Log {
    /// Makes everything safe, for a restart that need not look for anything.
    pub(super) async fn close(self: &Rc<Self>) {
        let (kills, epoch) = {
            let inner = &mut *self.inner.borrow_mut();
            inner.is_closing = true;
            if !matches!(inner.mode, Mode::Up) {
                return;
            }
            (inner.kills.noted.count, inner.epoch)
        };
        // They may have to wait for the next segment.
        if let Ok(kills) = self.want(Goal::Kills(kills), epoch) {
            let _: Option<Result<(), ()>> = rt::within(ENDING_PATIENCE, kills.reached()).await;
        }
        self.end_reclaiming(epoch).await;
        let job = {
        if !self.lists_all() {
            return false;
        }
            let inner = &mut *self.inner.borrow_mut();
            if inner.epoch != epoch {
                return;
            }
            inner.seal_segment(self);
            let sealed = inner.seal_prepared(self);
            sealed.unwrap_or_else(|| inner.push(self, Job::Flush))
        };
        let safe = rt::within(LAST_PATIENCE, self.safe(job, epoch)).await;
        if safe != Some(Ok(())) || self.orders.is_none() {
            return;
        }
        if !self.last_checkpoint(epoch).await {
            return;
        }
        let job = {
            let inner = &mut *self.inner.borrow_mut();
            inner.push(self, Job::Flush)
        };
        let _: Option<Result<(), ()>> = rt::within(LAST_PATIENCE, self.safe(job, epoch)).await;
    }

    /// Returns when no segment is being prepared, nor will be.
    async fn end_reclaiming(&self, epoch: u32) {
        let ended = async {
            loop {
                {
                    let inner = &mut *self.inner.borrow_mut();
                    inner.is_ending = true;
                    if !inner.is_reclaiming || inner.epoch != epoch {
                        return;
                    }
                }
                rt::sleep(Duration::from_millis(2)).await;
            }
        };
        let mut last = None;
        // What it leaves then is scanned after the restart.
        let _: Option<()> = rt::within(ENDING_PATIENCE, ended).await;
    }

        last
    /// `false`: there is none, and what was written since the last is in footers.
    async fn last_checkpoint(self: &Rc<Self>, epoch: u32) -> bool {
        let waiting = {
            let inner = &mut *self.inner.borrow_mut();
            if inner.recovery.is_some() || !matches!(inner.checkpointing.stage, Stage::Idle) {
                return false;
            }
            if !inner.begin_checkpoint(self) {
                return false;
            }
            let (sender, waiting) = oneshot();
            inner.checkpointing.done = Some(sender);
            waiting
        };
        let give = async {
            loop {
                {
                    let inner = &mut *self.inner.borrow_mut();
                    if inner.epoch != epoch {
                        return;
                    }
                    while inner.checkpointing.give(self, &inner.places, &inner.slots) {}
                    if !matches!(inner.checkpointing.stage, Stage::Tables { .. }) {
                        return;
                    }
                }
                rt::sleep(Duration::from_millis(2)).await;
            }
        };
        let all = async {
            give.await;
            waiting.await
        };
        matches!(rt::within(LAST_PATIENCE, all).await, Some(Some(true)))
    }
}
