//! Gives the keeper the index to write, so that a restart need not read every footer.
//!
//! The index goes out table by table, over many ticks, while it changes. That is no harm: what
//! changes meanwhile is in segments from `since_seq` on, which a restart reads anyway. But it must
//! be on the medium before the checkpoint counts. A record that was replaced or killed meanwhile is
//! missing among the entries; if what did that were lost in a crash, the next life would not know
//! of it, note no kill for it, and leave it to a later life that reads all footers. So when all
//! entries are given, kills are written and all is flushed before the header may be.
//!
//! None is begun while the medium may hold what the index does not list (`unlisted`).

use super::log::{Inner, Log, Mode, OpenSegment};
use super::orders::{Order, SlotState};
use super::writing::{Goal, Job};
use crate::rt::{self, oneshot, Sender};
use ringside_engine::store::disk::layout::SUPERBLOCKS_AT;
use ringside_engine::store::disk::places::{page_of, Places, ENTRY_BYTES};
use ringside_engine::store::disk::{Room, SegmentHeader, Superblock};
use ringside_engine::time::Mono;
use std::rc::Rc;
use std::sync::mpsc::TrySendError;
use std::time::{Duration, Instant};

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
/// And the last flush so long, and so is a keeper that takes nothing of the last checkpoint, or does
/// not answer when it has all.
const LAST_PATIENCE: Duration = Duration::from_secs(30);

/// The checkpoint that is made, and those before.
pub(super) struct Checkpointing {
    /// Of the newest whole one.
    generation: u64,
    /// Of the last that was begun.
    begun: u64,
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
    /// So many entries went out. Why others are missing is on the medium after this job.
    Settling {
        entries: u64,
        job: Option<u64>,
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
            begun: 0,
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
        if matches!(self.stage, Stage::Idle) || generation != self.begun {
            return false;
        }
        if ok {
            self.generation = generation;
            log.counts.checkpoints.add(1);
        } else {
            self.has_changed = true;
        }
        self.finish(log.now.get(), ok);
        ok
    }

    fn begin(&mut self, log: &Log, since: &SegmentHeader, slots: &[SlotState], hurries: bool) {
        // The keeper may answer yet for one that was abandoned, so no number is used again. By
        // twos, as the area of the newest whole one must not be written.
        let mut generation = self.generation + 1;
        while generation <= self.begun {
            generation += 2;
        }
        self.begun = generation;
        let since_seq = since.seq;
        let begin = Order::Begin {
            log: log.id,
            generation,
            since_seq,
            head_slot: since.slot,
            slots: slots.to_vec(),
            hurries,
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
                match error {
                    TrySendError::Full(order) => *unsent = Some(order),
                    TrySendError::Disconnected(_) => self.finish(log.now.get(), false),
                }
                return false;
            }
            *began = log.now.get();
        }
        if *next >= places.tables() {
            self.stage = Stage::Settling {
                entries: *entries,
                job: None,
                began: *began,
            };
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

    /// Tells the keeper to write the header.
    fn end(&mut self, log: &Log, entries: u64) {
        let end = Order::End {
            log: log.id,
            entries,
        };
        match log.orders.as_ref().map(|orders| orders.try_send(end)) {
            Some(Ok(())) => {
                let began = log.now.get();
                self.stage = Stage::Given { began };
            }
            Some(Err(TrySendError::Full(_))) => {}
            Some(Err(TrySendError::Disconnected(_))) | None => self.finish(log.now.get(), false),
        }
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
        let may = matches!(self.mode, Mode::Up) && !self.is_closing;
        if may && log.orders.is_some() && self.checkpointing.is_due(now) {
            self.begin_checkpoint(log);
        }
        for _ in 0..PARTS_PER_TICK {
            if !self.give(log) {
                break;
            }
        }
        let began = match self.checkpointing.stage {
            Stage::Idle => return,
            Stage::Tables { began, .. }
            | Stage::Settling { began, .. }
            | Stage::Given { began } => began,
        };
        if now.since(began) >= PATIENCE_MS {
            self.checkpointing.abandon(log);
        }
    }

    /// Gives the keeper what can be given now; `false`: no more for the moment.
    fn give(&mut self, log: &Rc<Log>) -> bool {
        let Stage::Settling { entries, job, .. } = self.checkpointing.stage else {
            return self.checkpointing.give(log, &self.places, &self.slots);
        };
        match job {
            Some(job) if self.reached(Goal::Job(job)) => self.checkpointing.end(log, entries),
            Some(_) => {}
            // Kills may have to wait for the next segment.
            None if self.drain_kills(log).is_err() => {}
            None => {
                let last = self.push(log, Job::Flush);
                if let Stage::Settling { job, .. } = &mut self.checkpointing.stage {
                    *job = Some(last);
                }
            }
        }
        false
    }

    /// `false`: the index does not list all that is there, or nothing was opened yet that it could
    /// be said to begin with.
    fn begin_checkpoint(&mut self, log: &Rc<Log>) -> bool {
        if !self.lists_all() {
            return false;
        }
        // Segments before this one are wholly on the medium, so all that is said of them holds. A
        // record of this one or of a later one may be lost in a crash, and a kill go into one of
        // them: a restart goes by what it finds there, and no entry is given out for them.
        let Some((since, _)) = self.unsafe_segments.front() else {
            return false;
        };
        let checkpointing = &mut self.checkpointing;
        checkpointing.begin(log, since, &self.slots, self.is_closing);
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
            return None;
        }
        self.superblock = Superblock {
            generation: self.superblock.generation + 1,
            latest_ms: self.superblock.latest_ms.max(log.now.get().0),
            ..self.superblock.clone()
        };
        let page = self.superblock.encode();
        let mut last = None;
        for at in SUPERBLOCKS_AT {
            self.push_bytes(log, at, &page)?;
            last = Some(self.push(log, Job::Flush));
        }
        last
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
        // What it leaves then is scanned after the restart.
        let _: Option<()> = rt::within(ENDING_PATIENCE, ended).await;
    }

    /// `false`: there is none, and what was written since the last is in footers.
    async fn last_checkpoint(self: &Rc<Self>, epoch: u32) -> bool {
        let waiting = {
            let inner = &mut *self.inner.borrow_mut();
            // One that is under way does not know the last segments.
            inner.checkpointing.abandon(self);
            if !inner.begin_checkpoint(self) {
                return false;
            }
            let (sender, waiting) = oneshot();
            inner.checkpointing.done = Some(sender);
            waiting
        };
        if !self.give_all(epoch).await {
            return false;
        }
        let answer = rt::within(LAST_PATIENCE, waiting).await;
        matches!(answer, Some(Some(true)))
    }

    /// Gives out a checkpoint as fast as the keeper takes it: millions of records may take long,
    /// and so may a device.
    async fn give_all(self: &Rc<Self>, epoch: u32) -> bool {
        let mut given_at = Instant::now();
        while given_at.elapsed() < LAST_PATIENCE {
            {
                let inner = &mut *self.inner.borrow_mut();
                if inner.epoch != epoch {
                    return false;
                }
                while inner.give(self) {
                    given_at = Instant::now();
                }
                match inner.checkpointing.stage {
                    Stage::Idle | Stage::Given { .. } => return true,
                    // A kill that came late finds no segment any more.
                    Stage::Settling { job: None, .. } if !inner.kills.pending.is_empty() => {
                        return false;
                    }
                    Stage::Settling { .. } | Stage::Tables { .. } => {}
                }
            }
            rt::sleep(Duration::from_millis(2)).await;
        }
        false
    }
}
