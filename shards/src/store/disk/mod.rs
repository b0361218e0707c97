//! One shard's part of the disk cache: its logs, one on each device.
//!
//! | phase of a record | where | who |
//! |---|---|---|
//! | offered | copied into the staging, or dropped and counted | whoever evicts or stores |
//! | staged | read from there | the writer's task takes it to the device |
//! | written | in the index by a tag of its key; read, checked and compared with the whole key | reads, each a task of its own |
//! | killed | out of the index at once, for good when that is noted on the medium | purges, replacements, invalidations |
//! | overwritten | when the circle comes around; what was used goes to the front once more | the task that prepares the next segment |
//!
//! A key has its place on one device, by shares of size; what is found may lie on any, as devices
//! come and go. A kill goes to every log that has something of the key, an edict to all.
//!
//! It stores and finds; what may be stored or served is decided elsewhere.

mod charged;
mod checkpointing;
mod edicts;
mod failing;
mod finding;
mod log;
pub mod orders;
mod packing;
pub mod prepare;
pub mod progress;
mod reads;
mod reclaim;
mod recovering;
mod staging;
mod status;
mod unlisted;
mod writing;

pub use finding::Suits;
pub use orders::{DiskNews, LogId, Order, SlotState};
pub use status::{DeviceState, DeviceStatus, Dropped};

use super::arena::Budget;
use super::object::Object;
use crate::rt::{self, Disk};
use log::Log;
use ringside_engine::key::Key;
use ringside_engine::store::disk::{Kill, KillForce, Superblock, PAGE};
use ringside_engine::time::Mono;
use staging::Staging;
use std::future::{Future, IntoFuture};
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc::SyncSender;
use std::sync::Arc;
use std::time::Duration;
use writing::{Goal, Wanted};

/// Memory for writes of one shard, at most; more where its logs would be too small for a fragment.
const STAGING_BYTES: usize = 8 << 20;
/// And at most this part of its budget, or the second where that is too little for large records.
const STAGING_SHARE: usize = 8;
const STAGING_SHARE_MOST: usize = 4;
/// Whoever waits for a purge to be noted waits for a log that is still being looked for until it has
/// been for so long.
const HEAD_PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 300 } else { 10_000 });

/// What became of an object that could go to disk before it leaves memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// It is there, or need not be, or can't.
    Nothing,
    /// It was copied, so many bytes.
    Wrote(usize),
    /// The device has enough to do: later.
    Full,
}

/// A log as it was opened.
pub struct Opening {
    /// Which.
    pub id: LogId,
    /// Where, for messages.
    pub path: String,
    /// The position of its disk among those of the Plan.
    pub position: usize,
    /// A file beside it, whose presence says that it is void; none for a part of a device.
    pub sign: Option<PathBuf>,
    /// Its part of the device.
    pub disk: Disk,
    /// As it is on the medium.
    pub superblock: Superblock,
    /// It was made just now, and holds nothing: no keeper need look at it.
    pub is_new: bool,
    /// Reads under way at a time; the device's bound, divided by its shards.
    pub reads_max: usize,
}

/// One shard's disk cache.
pub struct DiskCache {
    logs: Vec<Rc<Log>>,
    /// The upper bound of each log's share of keys, of 2^32.
    shares: Vec<u32>,
}

impl DiskCache {
    /// Over these logs, in order of their devices. Memory for writes is taken from the budget and
    /// kept. Orders go to the keeper.
    pub fn new(
        openings: Vec<Opening>,
        budget: &'static Budget,
        orders: Option<SyncSender<Order>>,
        now: Mono,
    ) -> Rc<DiskCache> {
        let count = openings.len().max(1);
        let enough = count * staging::ENOUGH_BYTES;
        let least = enough.min(budget.limit() / STAGING_SHARE_MOST);
        let wanted = STAGING_BYTES.max(enough);
        let reserve = wanted.min(budget.limit() / STAGING_SHARE).max(least) / count;
        let mut logs = Vec::new();
        for opening in openings {
            // Without it nothing is written; what is there may be read.
            let reserve = if budget.charge(reserve) { reserve } else { 0 };
            let Some(staging) = Staging::new(reserve.max(2 * 4096)) else {
                continue;
            };
            logs.push(Log::new(opening, staging, budget, orders.clone(), now));
        }
        let shares = shares(&logs);
        Rc::new(DiskCache { logs, shares })
    }

    /// There may be a record of this key.
    pub fn find(&self, key: Key) -> bool {
        self.logs.iter().any(|log| log.may_have(key))
    }

    /// Something of this key may be on disk: it is in an index, or not all has been found yet.
    pub fn may_come_back(&self, key: Key) -> bool {
        self.logs.iter().any(|log| log.may_come_back(key))
    }

    /// A question for this key has no answer here.
    pub fn missed(&self, key: Key) {
        if let Some(home) = self.home(key) {
            home.counts.misses.add(1);
        }
    }

    /// The newest record of this key that `selects` wants, read and checked. `room` makes room in
    /// the budget for so many bytes, as far as it can. What it gives is live: nothing has killed
    /// it up to the moment of return.
    pub async fn read(
        self: &Rc<Self>,
        key: Key,
        selects: &dyn Fn(&Object) -> Suits,
        room: &dyn Fn(usize),
    ) -> Option<Arc<Object>> {
        let first = self.logs.iter().find(|log| log.may_have(key));
        let found = self.search(key, selects, room).await;
        match &found {
            Some((log, page, _)) => {
                log.counts.hits.add(1);
                log.inner.borrow_mut().places.used(key, *page);
            }
            None => {
                if let Some(log) = first {
                    log.counts.misses.add(1);
                }
            }
        }
        found.map(|(_, _, object)| object)
    }

    /// The same, for somebody who only wants to see it: it counts as no use.
    pub async fn look(
        self: &Rc<Self>,
        key: Key,
        selects: &dyn Fn(&Object) -> Suits,
        room: &dyn Fn(usize),
    ) -> Option<Arc<Object>> {
        let found = self.search(key, selects, room).await;
        found.map(|(_, _, object)| object)
    }

    /// Takes a copy of an object to disk if its route and its uses say so, or drops it: this never
    /// waits. `reused`: it was asked for more than once.
    pub fn offer(&self, object: &Object, reused: bool) {
        let key = object.key();
        let Some(home) = self.home(key) else { return };
        if let Some(log) = self.holder(object) {
            // It came from there, and is there still.
            if reused {
                log.inner.borrow_mut().places.used(key, object.disk_page());
            }
            return;
        }
        if !Log::wants(object, reused, home.is_filling()) {
            home.counts.unused.add(1);
            return;
        }
        match home.offer(object) {
            Ok(_) => self.forget_elsewhere(home, object),
            Err(why) => home.counts.dropped(why),
        }
    }

    /// Copies an object that stays in memory to disk, if it will be wanted there and is not yet.
    /// What does not go now is offered again, so it counts as nothing dropped.
    pub fn write_behind(&self, object: &Object) -> Behind {
        let home = self.home(object.key());
        let home =
            home.filter(|_| Log::wants(object, false, false) && self.holder(object).is_none());
        let Some(home) = home else {
            return Behind::Nothing;
        };
        if !home.is_at_ease() {
            return Behind::Full;
        }
        match home.offer(object) {
            Ok(pages) => {
                self.forget_elsewhere(home, object);
                Behind::Wrote(pages as usize * PAGE)
            }
            Err(Dropped::Slow | Dropped::Turning) => Behind::Full,
            Err(_) => Behind::Nothing,
        }
    }

    /// The log that has the record of this very object.
    fn holder(&self, object: &Object) -> Option<&Rc<Log>> {
        let page = object.disk_page();
        let holds = |log: &&Rc<Log>| {
            let found = log.still(object.key(), page);
            found.is_some_and(|found| found.variant == object.variant_bits())
        };
        (page != 0).then(|| self.logs.iter().find(holds)).flatten()
    }

    /// Another device may have an older record of the variant.
    fn forget_elsewhere(&self, home: &Rc<Log>, object: &Object) {
        let kill = Kill {
            key: object.key(),
            variant: Some(object.variant_bits()),
            force: KillForce::Hard,
        };
        for log in self.logs.iter().filter(|log| !Rc::ptr_eq(log, home)) {
            if log.may_have(kill.key) {
                // One that is down has nothing.
                let _: Result<_, ()> = log.kill(&kill);
            }
        }
    }

    /// All records of this key, or of one variant, are gone (or stale, for a soft kill), at once.
    /// That it stays so after a crash is what the value waits for; who does not wait gets it with
    /// the writes of the next second or two.
    pub fn kill(&self, key: Key, variant: Option<u8>, force: KillForce) -> Kept {
        let kill = Kill {
            key,
            variant,
            force,
        };
        let parts = self.logs.iter().filter_map(|log| {
            let goal = log.kill(&kill).transpose()?;
            log.counts.kills.add(1);
            Some((log.clone(), goal))
        });
        Kept::of(parts)
    }

    /// Notes a purge by decree in every log. `snapshot` gives all that are in force, this one
    /// among them; it is asked when a log needs it.
    pub fn edict(&self, statement: Vec<u8>, snapshot: &dyn Fn() -> Vec<u8>) -> Kept {
        let parts = self
            .logs
            .iter()
            .map(|log| (log.clone(), log.edict(statement.clone(), snapshot)));
        Kept::of(parts)
    }

    /// Takes in what the keeper tells. Edicts in it must have been heeded before, so that
    /// `snapshot` has them.
    pub fn adopt(&self, news: DiskNews, snapshot: &dyn Fn() -> Vec<u8>) {
        let id = news.log();
        if let Some(log) = self.logs.iter().find(|log| log.id == id) {
            log.adopt(news, snapshot);
        }
    }

    /// What is done several times a second: what has waited is written, a failed device is tried
    /// again, a checkpoint goes on.
    pub fn tick(&self, now: Mono, snapshot: &dyn Fn() -> Vec<u8>) {
        for log in &self.logs {
            log.tick(now, snapshot);
        }
        self.note_falls();
    }

    /// A log that is down does not hear of what is purged: the others remember that for it.
    fn note_falls(&self) {
        for log in &self.logs {
            if let Some(generation) = log.fallen() {
                let others = self.logs.iter();
                others.for_each(|other| other.note_fall(log.id.device, generation));
            }
        }
    }

    /// Messages for the operator, since the last call.
    pub fn take_messages(&self) -> Vec<String> {
        let mut out = Vec::new();
        self.logs.iter().for_each(|log| log.take_messages(&mut out));
        out
    }

    /// Its devices, in numbers.
    pub fn status(&self) -> Vec<DeviceStatus> {
        self.logs.iter().map(|log| log.status()).collect()
    }

    /// Makes everything safe: nothing is taken any more. News from the keeper must still be
    /// adopted meanwhile.
    pub async fn close(&self) {
        // All at once: each waits for its own device, and for the keeper.
        let close = |log: &Rc<Log>| {
            let (log, (sender, waiting)) = (log.clone(), rt::oneshot());
            let close = async move {
                log.close().await;
                sender.send(());
            };
            rt::spawn(close, || {});
            waiting
        };
        let closing: Vec<_> = self.logs.iter().map(close).collect();
        for closed in closing {
            // One that panics is as one that crashed.
            let _: Option<()> = closed.await;
        }
    }

    /// The log that new records of a key go to.
    fn home(&self, key: Key) -> Option<&Rc<Log>> {
        // Other bits than those that choose the shard, or the index's tables.
        let at = key.fold() as u32;
        let place = self.shares.iter().position(|bound| at <= *bound);
        self.logs.get(place.unwrap_or_default())
    }
}

/// Upper bounds of the logs' shares of 2^32, by their bytes.
fn shares(logs: &[Rc<Log>]) -> Vec<u32> {
    let bytes =
        |log: &Rc<Log>| u128::from(log.layout.segments) * u128::from(log.layout.segment_bytes);
    let all: u128 = logs.iter().map(bytes).sum();
    let mut so_far = 0;
    logs.iter()
        .map(|log| {
            so_far += bytes(log);
            u32::try_from((so_far << 32) / all.max(1)).map_or(u32::MAX, |bound| bound)
        })
        .collect()
}

impl Log {
    fn tick(self: &Rc<Self>, now: Mono, snapshot: &dyn Fn() -> Vec<u8>) {
        self.now.set(now);
        self.measure(now);
        let inner = &mut *self.inner.borrow_mut();
        inner.fail_if_it_hangs(self);
        inner.retry(self);
        if matches!(inner.mode, log::Mode::Up) {
            if inner.edicts.is_due {
                inner.write_edicts(self, snapshot);
            }
            inner.reclaim(self);
            inner.settle(self);
            inner.checkpoint(self);
        }
    }
}

/// Waits until something is safe on the medium of every device that it concerns.
pub struct Kept {
    parts: Vec<(Rc<Log>, Asked)>,
    patience: Duration,
}

/// What is waited for, and in which epoch of the log; or that it is down.
type Asked = Result<(Goal, u32), ()>;

/// A device is down: what it held counts for nothing while this process runs, and after that if it
/// could be noted anywhere that it failed (docs/store.md, "Logs that fail").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKept;

#[cfg(test)]
impl Kept {
    /// There is nothing to wait for.
    fn is_kept(&self) -> bool {
        self.parts.is_empty()
    }
}

impl Kept {
    fn of(parts: impl Iterator<Item = (Rc<Log>, Asked)>) -> Kept {
        Kept {
            parts: parts.collect(),
            patience: HEAD_PATIENCE,
        }
    }

    /// Waits for no log that has been looked for since longer than that.
    pub fn if_found_within(self, patience: Duration) -> Kept {
        Kept { patience, ..self }
    }
}

impl IntoFuture for Kept {
    type Output = Result<(), NotKept>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            // All are asked before any is waited for.
            let parts = self.parts.into_iter();
            let wanted: Vec<_> = parts
                .map(|(log, goal)| {
                    let (goal, epoch) = goal?;
                    let wanted = log.want(goal, epoch)?;
                    Ok((log, wanted))
                })
                .collect();
            let mut result = Ok(());
            for part in wanted {
                let part = match part {
                    Ok((log, wanted)) => {
                        unless_it_is_never_known(&log, wanted, self.patience).await
                    }
                    Err(()) => Err(()),
                };
                result = result.and(part.map_err(|()| NotKept));
            }
            result
        })
    }
}

/// Waits for a goal; for a log whose newest segment is not found, no longer than that keeper may
/// take. It is noted there when that is found after all, and nobody knows whether it will be.
async fn unless_it_is_never_known(log: &Log, wanted: Wanted, patience: Duration) -> Result<(), ()> {
    let mut reached = Box::pin(wanted.reached());
    loop {
        let is_waiting = || matches!(log.inner.borrow().mode, log::Mode::Waiting);
        let left = patience.saturating_sub(log.waits_since.get().elapsed());
        if left.is_zero() && is_waiting() {
            return Err(());
        }
        let pause = left.max(Duration::from_millis(100));
        if let Some(kept) = rt::within(pause, &mut reached).await {
            return kept;
        }
        if !is_waiting() {
            return reached.await;
        }
    }
}

#[cfg(test)]
mod tests;
