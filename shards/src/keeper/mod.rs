//! The keeper: one thread beside the shards that reads what their logs held before this process,
//! and writes the checkpoints of their indexes. Slow work on many bytes, which a shard has no time
//! for; whatever the keeper does or fails to do, the shards serve.
//!
//! It runs on glommio. Where that does not start (little lockable memory, an unusual /sys), the
//! same code runs on plain blocking calls, the logs by turns: each takes something as soon as its
//! newest segment is found. Its thread gives way to the shards' in both cases.
//!
//! | file | what |
//! |---|---|
//! | `device` | the only one that knows glommio: opens, reads, writes, waits |
//! | `recover` | one log from its bytes to letters; the decisions are `engine::store::disk::walk` |
//! | `checkpoint` | one checkpoint from orders to bytes |
//! | `identity` | whether what was opened is the log that is meant |
//! | `pace` | how fast |
//!
//! News go to the shard that owns the log as letters, from outside. A shard that does not read
//! its letters slows the keeper down; none is dropped.

mod checkpoint;
mod device;
mod identity;
mod pace;
mod recover;

use crate::rt;
use crate::siblings::{Letter, Outside};
use crate::store::disk::orders::{DiskNews, LogId, Order};
use checkpoint::Checkpoints;
use device::Body;
use pace::Pace;
use ringside_engine::store::disk::Superblock;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Orders of all shards that wait, at most. Entries of an index are the largest: so few parts are
/// not much memory, and a shard that finds no room comes again at its next tick.
const ORDERS_MAX: usize = 16;
/// How often orders are looked for beside other work.
const IDLE: Duration = Duration::from_millis(10);
/// How long the thread sleeps for an order when there is no other work: each turn of its ring takes
/// time of a core that answers requests.
const REST: Duration = Duration::from_millis(100);
/// How long a stop waits for what the keeper has under way.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// Letters from outside that a shard may have unread before the keeper waits: a letter can be
/// most of a MiB.
const UNREAD_MAX: usize = 32;
/// How long it waits then.
const UNREAD_PAUSE: Duration = Duration::from_millis(1);
/// Faults of ours after which the keeper gives up.
const PANICS_MAX: u32 = 8;

/// A log to be kept.
#[derive(Clone, Debug)]
pub struct LogToKeep {
    /// Whose it is; its shard gets the letters.
    pub log: LogId,
    /// The file or device.
    pub path: PathBuf,
    /// Where in it the log begins, in bytes; whole pages.
    pub base: u64,
    /// What it says of itself.
    pub superblock: Superblock,
    /// It was made just now: there is nothing to find.
    pub is_new: bool,
}

/// How much of the devices the keeper takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gait {
    /// Reads at once, of each device; of each log that is recovered there at least one.
    pub reads_max: usize,
    /// Read of each device, while its logs are recovered; 0: any.
    pub read_bytes_per_s: u64,
    /// Written for checkpoints, of all logs together; 0: any.
    pub write_bytes_per_s: u64,
}

impl Default for Gait {
    fn default() -> Gait {
        Gait {
            // As deep as one solid-state device wants; a shard's own reads still find room.
            reads_max: 32,
            // The footers of a full TiB in some seconds, and a fraction of what such a device
            // gives.
            read_bytes_per_s: 256 << 20,
            // A checkpoint of a full TiB takes half a minute, and the device hardly notices it.
            write_bytes_per_s: 32 << 20,
        }
    }
}

/// The keeper's thread.
pub struct Keeper {
    stop: Arc<AtomicBool>,
    orders: SyncSender<Order>,
    thread: JoinHandle<()>,
}

/// Starts the keeper: it begins to recover all `logs` at once. `say` gets what the operator should
/// know, on the keeper's thread.
///
/// # Errors
/// No thread, or a log of a shard that does not exist.
pub fn start(
    outside: Outside,
    logs: Vec<LogToKeep>,
    say: impl Fn(String) + Send + 'static,
) -> io::Result<Keeper> {
    start_with(outside, logs, Gait::default(), say)
}

/// As [`start`], at another gait.
///
/// # Errors
/// As [`start`].
pub fn start_with(
    outside: Outside,
    logs: Vec<LogToKeep>,
    gait: Gait,
    say: impl Fn(String) + Send + 'static,
) -> io::Result<Keeper> {
    start_on(Body::Ring, outside, logs, gait, Box::new(say))
}

fn start_on(
    body: Body,
    outside: Outside,
    logs: Vec<LogToKeep>,
    gait: Gait,
    say: Say,
) -> io::Result<Keeper> {
    if logs
        .iter()
        .any(|one| usize::from(one.log.shard) >= outside.shards())
    {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, orders) = sync_channel(ORDERS_MAX);
    let stopped = stop.clone();
    let thread = std::thread::Builder::new()
        .name("keeper".into())
        .spawn(move || {
            let keeping = Keeping {
                outside,
                kept: kept_of(logs, gait),
                gait,
                stop: stopped,
                orders,
                say,
            };
            keep(body, &Rc::new(keeping));
        })?;
    Ok(Keeper {
        stop,
        orders: sender,
        thread,
    })
}

impl Keeper {
    /// Where shards put their orders; a shard never waits there (`try_send`).
    pub fn orders(&self) -> SyncSender<Order> {
        self.orders.clone()
    }

    /// Ends the thread: what is under way is left as a crash would leave it.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let began = std::time::Instant::now();
        // A device that answers no more must not keep the process from ending.
        while !self.thread.is_finished() {
            if began.elapsed() > STOP_PATIENCE {
                return;
            }
            std::thread::sleep(IDLE);
        }
        let _ = self.thread.join();
    }
}

type Say = Box<dyn Fn(String) + Send>;

/// What the keeper's thread has.
struct Keeping {
    outside: Outside,
    kept: Vec<Kept>,
    gait: Gait,
    stop: Arc<AtomicBool>,
    orders: Receiver<Order>,
    say: Say,
}

/// One log, and how far it is.
struct Kept {
    to_keep: LogToKeep,
    state: Cell<State>,
    /// Times that it was to be recovered: a recovery ends when another was asked for.
    asked: Cell<u32>,
    /// The checkpoint that is being written; 0: none.
    writing: Cell<u64>,
    /// How fast its device is read: the same for all logs there.
    pace: Rc<RefCell<Pace>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To be recovered.
    Waiting,
    /// Being recovered; nothing was told yet.
    Silent,
    /// Being recovered, and its shard has heard of it.
    Telling,
    /// Nothing to do.
    Quiet,
}

fn kept_of(logs: Vec<LogToKeep>, gait: Gait) -> Vec<Kept> {
    let mut paces: BTreeMap<u16, Rc<RefCell<Pace>>> = BTreeMap::new();
    let kept = |to_keep: LogToKeep| {
        let pace = paces.entry(to_keep.log.device);
        let pace = pace.or_insert_with(|| Rc::new(RefCell::new(Pace::new(gait.read_bytes_per_s))));
        Kept::new(to_keep, pace.clone())
    };
    logs.into_iter().map(kept).collect()
}

impl Kept {
    fn new(to_keep: LogToKeep, pace: Rc<RefCell<Pace>>) -> Kept {
        let state = match to_keep.is_new {
            true => State::Quiet,
            false => State::Waiting,
        };
        Kept {
            to_keep,
            state: Cell::new(state),
            asked: Cell::new(1),
            writing: Cell::new(0),
            pace,
        }
    }

    fn is_recovering(&self) -> bool {
        matches!(self.state.get(), State::Silent | State::Telling)
    }
}

impl Keeping {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The next order, if there is one; waits a moment for it when nothing else goes on.
    fn next_order(&self) -> Option<Order> {
        let is_idle = |kept: &Kept| kept.state.get() == State::Quiet && kept.writing.get() == 0;
        match self.kept.iter().all(is_idle) {
            true => self.orders.recv_timeout(REST).ok(),
            false => self.orders.try_recv().ok(),
        }
    }

    fn say(&self, log: LogId, what: &str) {
        let Some(kept) = self.kept(log) else {
            let LogId { shard, device } = log;
            return (self.say)(format!("disk {device}, shard {shard}: {what}"));
        };
        let LogToKeep { path, .. } = &kept.to_keep;
        let at_path = |kept: &&Kept| kept.to_keep.path == *path;
        let part = match self.kept.iter().filter(at_path).count() {
            0 | 1 => String::new(),
            // A raw device has one for each shard.
            _ => format!(" for shard {}", log.shard),
        };
        (self.say)(format!("disk {}{part}: {what}", path.display()));
    }

    /// Reads at once for each log of this device that is recovered now.
    fn reads_max(&self, device: u16) -> usize {
        let of_device = |kept: &&Kept| kept.to_keep.log.device == device && kept.is_recovering();
        let logs = self.kept.iter().filter(of_device).count();
        (self.gait.reads_max / logs.max(1)).max(1)
    }

    fn kept(&self, log: LogId) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.to_keep.log == log)
    }

    /// Writes to the shard that owns the log; waits while it has much to read. Gives up only when
    /// the keeper is stopped.
    async fn tell(&self, body: Body, news: DiskNews) {
        let shard = usize::from(news.log().shard);
        let mut letter = Letter::Disk(Box::new(news));
        while !self.is_stopped() {
            if self.outside.unread(shard) < UNREAD_MAX {
                match self.outside.tell(shard, letter) {
                    Ok(()) => return,
                    Err(back) => letter = back,
                }
            }
            body.sleep(UNREAD_PAUSE).await;
            body.turn().await;
        }
    }
}

/// The thread's life.
fn keep(body: Body, keeping: &Rc<Keeping>) {
    // It would then compete with the shards as one of them: slower for them, and still right.
    if let Err(error) = rt::lower_priority() {
        (keeping.say)(format!("the keeper can't lower its priority: {error}"));
    }
    let mut body = body;
    for _ in 0..PANICS_MAX {
        let life = AssertUnwindSafe(|| body.run(work(body, keeping.clone())));
        match catch_unwind(life) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => (keeping.say)(format!(
                "glommio does not start ({error}): the keeper of the disks goes on with plain \
                 calls, which take longer; `ulimit -l 8192` is enough for it"
            )),
            Err(fault) => {
                let what = words(fault.as_ref());
                (keeping.say)(format!("a fault of ours in the keeper: {what}"));
                clear_up(keeping);
            }
        }
        body = Body::Plain;
    }
}

fn words(fault: &(dyn Any + Send)) -> &str {
    let text = fault.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| fault.downcast_ref::<&str>().copied())
        .unwrap_or("it does not say what")
}

/// After a panic: what was told in part is called off, and what was not told is begun again.
fn clear_up(keeping: &Rc<Keeping>) {
    let mut news = Vec::new();
    for kept in &keeping.kept {
        let log = kept.to_keep.log;
        match kept.state.get() {
            State::Silent => kept.state.set(State::Waiting),
            State::Telling => {
                kept.state.set(State::Quiet);
                let why = "the keeper had a fault of its own".to_owned();
                news.push(DiskNews::Failed { log, why });
            }
            State::Waiting | State::Quiet => {}
        }
        let generation = kept.writing.replace(0);
        if generation != 0 {
            let ok = false;
            news.push(DiskNews::Written {
                log,
                generation,
                ok,
            });
        }
    }
    let keeping = keeping.clone();
    let told = Body::Plain.run(async move {
        for news in news {
            keeping.tell(Body::Plain, news).await;
        }
    });
    debug_assert!(told.is_ok(), "plain calls always run");
}

/// Recovers all logs, and follows orders until it is stopped.
async fn work(body: Body, keeping: Rc<Keeping>) {
    let is_waiting = |number: &usize| {
        let kept = keeping.kept.get(*number);
        kept.is_some_and(|kept| kept.state.get() == State::Waiting)
    };
    let waiting: Vec<usize> = (0..keeping.kept.len()).filter(is_waiting).collect();
    let recovered = |number| recover::recover(body, keeping.clone(), number, false);
    body.spawn(waiting.into_iter().map(recovered));
    let mut checkpoints = Checkpoints::new(keeping.gait.write_bytes_per_s);
    while !keeping.is_stopped() {
        match keeping.next_order() {
            Some(Order::Recover { log }) => {
                let number = keeping.kept.iter().position(|kept| kept.to_keep.log == log);
                let recovered = |number| recover::recover(body, keeping.clone(), number, true);
                body.spawn(number.into_iter().map(recovered));
            }
            Some(order) => checkpoints.follow(body, &keeping, order).await,
            // Whoever gave orders may be gone before all is told.
            None => body.sleep(IDLE).await,
        }
    }
    checkpoints.close().await;
    // No read may be under way when the ring goes.
    while keeping
        .kept
        .iter()
        .any(|kept| kept.state.get() != State::Quiet)
    {
        body.sleep(UNREAD_PAUSE).await;
    }
}

#[cfg(test)]
mod tests;
