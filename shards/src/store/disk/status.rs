//! What a log counts, and what it tells of itself.

use super::log::{Log, Mode};
use super::orders::LogId;
use ringside_engine::time::Mono;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// Why an object was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// All memory for writing waits for the device.
    Slow,
    /// The next segment is not ready.
    Turning,
    /// No record of this log can be as large.
    TooLarge,
    /// The log is not known well enough yet.
    Recovering,
    /// The device failed.
    Down,
    /// The machine has no memory.
    NoMemory,
    /// The server stops.
    Stopping,
}

impl Dropped {
    /// All of them.
    pub const ALL: [Dropped; 7] = [
        Dropped::Slow,
        Dropped::Turning,
        Dropped::TooLarge,
        Dropped::Recovering,
        Dropped::Down,
        Dropped::NoMemory,
        Dropped::Stopping,
    ];

    /// The word for counters.
    pub fn word(self) -> &'static str {
        match self {
            Dropped::Slow => "slow",
            Dropped::Turning => "turning",
            Dropped::TooLarge => "large",
            Dropped::Recovering => "recovering",
            Dropped::Down => "down",
            Dropped::NoMemory => "memory",
            Dropped::Stopping => "stopping",
        }
    }
}

/// One number.
#[derive(Default)]
pub(super) struct Count(Cell<u64>);

impl Count {
    pub(super) fn add(&self, n: u64) {
        self.0.set(self.0.get().wrapping_add(n));
    }

    pub(super) fn set(&self, value: u64) {
        self.0.set(value);
    }

    pub(super) fn read(&self) -> u64 {
        self.0.get()
    }
}

/// Numbers of one log.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) reads: Count,
    pub(super) read_bytes: Count,
    pub(super) hits: Count,
    pub(super) misses: Count,
    pub(super) refused_reads: Count,
    pub(super) shared_reads: Count,
    pub(super) staged_hits: Count,
    pub(super) other_keys: Count,
    pub(super) checksum_errors: Count,
    pub(super) overwritten: Count,
    pub(super) read_errors: Count,
    pub(super) read_errors_in_row: Count,
    pub(super) no_memory: Count,
    pub(super) writes: Count,
    pub(super) written_bytes: Count,
    pub(super) flushes: Count,
    /// Operations that ended, whatever way.
    pub(super) answers: Count,
    pub(super) footer_bytes: Count,
    pub(super) checkpoint_bytes: Count,
    pub(super) checkpoints: Count,
    pub(super) admitted: Count,
    pub(super) admitted_bytes: Count,
    pub(super) reinserted: Count,
    pub(super) reinserted_bytes: Count,
    pub(super) segments: Count,
    pub(super) overwritten_age_ms: Count,
    pub(super) failures: Count,
    pub(super) kills: Count,
    pub(super) write_errors: Count,
    pub(super) unused: Count,
    pub(super) dropped: [Count; Dropped::ALL.len()],
    /// Bytes written as of the last look at the rate.
    rate_from: Count,
    rate_at: Count,
    rate: Count,
    /// Memory of the index as of the last look, and when that was.
    index_bytes: Count,
    index_at: Count,
    messages: RefCell<Messages>,
}

/// Messages to the operator that wait to be told.
#[derive(Default)]
struct Messages {
    waiting: VecDeque<String>,
    /// When each kind was told last.
    told: Vec<(&'static str, Mono)>,
}

/// A kind of message is told once in so long.
const QUIET_MS: u64 = 60_000;
const MESSAGES_MAX: usize = 32;
/// The write rate is of so long.
const RATE_MS: u64 = 5_000;
/// Between two looks at the index, which has many parts.
const INDEX_MS: u64 = 1_000;

impl Counts {
    pub(super) fn dropped(&self, why: Dropped) {
        if let Some(count) = self.dropped.get(why as usize) {
            count.add(1);
        }
    }

    fn measure_rate(&self, now: Mono) {
        let since = now.since(Mono(self.rate_at.read()));
        if since < RATE_MS {
            return;
        }
        let bytes = self.written_bytes.read() - self.rate_from.read();
        if self.rate_at.read() > 0 {
            self.rate.set(bytes * 1000 / since);
        }
        self.rate_from.set(self.written_bytes.read());
        self.rate_at.set(now.0);
    }
}

impl Log {
    /// Measures what is not counted on the way.
    pub(super) fn measure(&self, now: Mono) {
        let counts = &self.counts;
        counts.measure_rate(now);
        if now.since(Mono(counts.index_at.read())) >= INDEX_MS {
            let bytes = self.inner.borrow().places.allocated_bytes();
            counts.index_bytes.set(bytes as u64);
            counts.index_at.set(now.0);
        }
    }

    /// Leaves a message for the operator, unless one of its kind was left a short time ago.
    pub(super) fn say(&self, kind: &'static str, text: &str) {
        self.say_after(QUIET_MS, kind, text);
    }

    /// The same with a quiet time of its own; without any for what changes its state, or else the
    /// last word might be an old one.
    pub(super) fn say_after(&self, quiet_ms: u64, kind: &'static str, text: &str) {
        let now = self.now.get();
        let messages = &mut *self.counts.messages.borrow_mut();
        let told = messages.told.iter_mut().find(|(of, _)| *of == kind);
        match told {
            Some((_, at)) if now.since(*at) < quiet_ms => return,
            Some((_, at)) => *at = now,
            None => messages.told.push((kind, now)),
        }
        if messages.waiting.len() < MESSAGES_MAX {
            let text = format!("disk {}: {text}", self.path);
            messages.waiting.push_back(text);
        }
    }

    pub(super) fn take_messages(&self, into: &mut Vec<String>) {
        into.extend(self.counts.messages.borrow_mut().waiting.drain(..));
    }
}

/// What a device does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// What it held is being looked for; `done` of `of`.
    Recovering {
        /// Done.
        done: u64,
        /// Of so many.
        of: u64,
    },
    /// It is written and read.
    Up,
    /// It failed.
    Down {
        /// Why.
        why: String,
    },
}

/// One shard's part of a device, in numbers.
#[derive(Clone, Debug)]
pub struct DeviceStatus {
    /// Which log.
    pub log: LogId,
    /// The position of its disk among those of the Plan.
    pub position: usize,
    /// Where it is.
    pub path: String,
    /// What it does.
    pub state: DeviceState,
    /// Segments of the circle, and how many hold something.
    pub segments: u32,
    /// How many of them hold something.
    pub filled_segments: u32,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Records in the index.
    pub records: u64,
    /// Bytes of them.
    pub used_bytes: u64,
    /// Bytes of memory that the index takes, or took a second ago.
    pub index_bytes: u64,
    /// Reads of records.
    pub reads: u64,
    /// Bytes of them.
    pub read_bytes: u64,
    /// Questions that were answered.
    pub hits: u64,
    /// Of those, by a record that was still in memory on its way to the device.
    pub staged_hits: u64,
    /// Questions that were not, though the index had something.
    pub misses: u64,
    /// Reads that were not made, since too many waited.
    pub refused_reads: u64,
    /// Questions that shared the read of another.
    pub shared_reads: u64,
    /// Records that were damaged.
    pub checksum_errors: u64,
    /// Records that were overwritten while they were read.
    pub overwritten: u64,
    /// Reads that failed.
    pub read_errors: u64,
    /// Writes.
    pub writes: u64,
    /// Bytes of them: records with their padding, footers, headers, edicts.
    pub written_bytes: u64,
    /// Bytes of checkpoints, which the keeper writes.
    pub checkpoint_bytes: u64,
    /// Flushes.
    pub flushes: u64,
    /// Bytes per second that are written now.
    pub write_rate: u64,
    /// Objects that were admitted.
    pub admitted: u64,
    /// Bytes of their records.
    pub admitted_bytes: u64,
    /// Records that were written once more before they were overwritten.
    pub reinserted: u64,
    /// Bytes of them.
    pub reinserted_bytes: u64,
    /// Objects that were not admitted, by reason in the order of [`Dropped::ALL`].
    pub dropped: [u64; Dropped::ALL.len()],
    /// Age of what was overwritten last, in milliseconds; 0 when nothing was yet.
    pub overwritten_age_ms: u64,
    /// Objects that were not admitted since they had not been used often enough.
    pub unused: u64,
    /// Kills that were noted.
    pub kills: u64,
    /// Checkpoints that were written.
    pub checkpoints: u64,
    /// Writes and flushes that failed.
    pub write_errors: u64,
    /// How often it went down.
    pub failures: u64,
}

impl Log {
    pub(super) fn status(&self) -> DeviceStatus {
        let inner = self.inner.borrow();
        let counts = &self.counts;
        let (done, of) = inner.recovered;
        let state = match &inner.mode {
            Mode::Down { why, .. } => DeviceState::Down { why: why.clone() },
            Mode::Up if inner.recovery.is_none() => DeviceState::Up,
            _ => DeviceState::Recovering { done, of },
        };
        let filled = inner.slots.iter().filter(|slot| slot.seq > 0).count();
        DeviceStatus {
            log: self.id,
            position: self.position,
            path: self.path.clone(),
            state,
            segments: self.layout.segments,
            filled_segments: filled as u32,
            bytes: u64::from(self.layout.segments) * u64::from(self.layout.segment_bytes),
            records: inner.places.len() as u64,
            used_bytes: inner.places.pages() * 4096,
            index_bytes: counts.index_bytes.read(),
            reads: counts.reads.read(),
            read_bytes: counts.read_bytes.read(),
            hits: counts.hits.read(),
            staged_hits: counts.staged_hits.read(),
            misses: counts.misses.read(),
            refused_reads: counts.refused_reads.read(),
            shared_reads: counts.shared_reads.read(),
            checksum_errors: counts.checksum_errors.read(),
            overwritten: counts.overwritten.read(),
            read_errors: counts.read_errors.read(),
            writes: counts.writes.read(),
            written_bytes: counts.written_bytes.read(),
            checkpoint_bytes: counts.checkpoint_bytes.read(),
            flushes: counts.flushes.read(),
            write_rate: counts.rate.read(),
            admitted: counts.admitted.read(),
            admitted_bytes: counts.admitted_bytes.read(),
            reinserted: counts.reinserted.read(),
            reinserted_bytes: counts.reinserted_bytes.read(),
            dropped: std::array::from_fn(|n| counts.dropped[n].read()),
            overwritten_age_ms: counts.overwritten_age_ms.read(),
            unused: counts.unused.read(),
            kills: counts.kills.read(),
            checkpoints: counts.checkpoints.read(),
            write_errors: counts.write_errors.read(),
            failures: counts.failures.read(),
        }
    }
}
