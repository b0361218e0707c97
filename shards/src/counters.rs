//! What a shard counts. Each shard writes its own; anybody may read.
//!
//! One writer per counter, so counting is a load and a store of a line this core owns, without a
//! locked instruction. Names, help and kinds for operators are in `admin`.

mod disk;

pub use disk::{DiskCounters, DiskState, DISKS_MAX, DROPS};

use ringside_engine::outcome::{NotStored, Outcome};
use ringside_engine::report::BUCKETS_US;
use std::sync::atomic::{AtomicU64, Ordering};

/// One number that only its shard changes.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`. Only on the owning shard.
    pub fn add(&self, n: u64) {
        self.set(self.read().wrapping_add(n));
    }

    /// Sets a level. Only on the owning shard.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Keeps the larger of what is there and `value`. Only on the owning shard.
    pub fn raise(&self, value: u64) {
        if value > self.read() {
            self.set(value);
        }
    }

    /// The value, from anywhere.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything one shard counts. Aligned so that two shards never share a line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Requests answered, by outcome.
    pub requests: [Count; Outcome::COUNT],
    /// Requests by latency bucket; the last is above all bounds.
    pub latency: [Count; BUCKETS_US.len() + 1],
    /// Sum of latencies.
    pub latency_us: Count,
    /// Bytes of heads and bodies sent to clients.
    pub sent_bytes: Count,
    /// Bytes of content sent to clients from the cache.
    pub hit_bytes: Count,
    /// Bytes of content received from origins.
    pub fetched_bytes: Count,
    /// Client connections accepted.
    pub accepted: Count,
    /// Client connections refused at the limit.
    pub refused: Count,
    /// Client connections handed to a less loaded sibling.
    pub handed_off: Count,
    /// Client connections open now; siblings compare it.
    pub open: Count,
    /// Connections to origins made.
    pub connects: Count,
    /// Requests sent on a kept connection.
    pub reused: Count,
    /// Attempts repeated on another connection.
    pub retries: Count,
    /// Fetches that failed.
    pub fetch_faults: Count,
    /// Flights started.
    pub flights: Count,
    /// Flights under way now.
    pub flights_open: Count,
    /// Responses that were meant for the cache and not stored, by reason.
    pub not_stored: [Count; NotStored::ALL.len()],
    /// Responses stored.
    pub stored: Count,
    /// Objects stored now.
    pub objects: Count,
    /// Bytes of stored objects now.
    pub stored_bytes: Count,
    /// Memory charged to the budget now.
    pub memory_used: Count,
    /// Objects evicted.
    pub evicted: Count,
    /// Objects purged.
    pub purged: Count,
    /// Its logs, in the order of the Plan's disks.
    pub disks: [DiskCounters; DISKS_MAX],
    /// Replicas held now.
    pub replicas: Count,
    /// Letters sent.
    pub letters: Count,
    /// Questions not asked because the queue was full.
    pub letters_refused: Count,
    /// Tasks that panicked.
    pub panics: Count,
    /// Longest turn of the loop, microseconds.
    pub turn_us_max: Count,
    /// Log lines dropped.
    pub log_dropped: Count,
}

impl Counters {
    /// Counts one answered request.
    pub fn request(&self, outcome: Outcome, total_us: u64) {
        if let Some(count) = self.requests.get(outcome.index()) {
            count.add(1);
        }
        let bucket = BUCKETS_US.iter().position(|bound| total_us <= *bound);
        if let Some(count) = self.latency.get(bucket.unwrap_or(BUCKETS_US.len())) {
            count.add(1);
        }
        self.latency_us.add(total_us);
    }

    /// Counts one response that was not stored.
    pub fn not_stored(&self, why: NotStored) {
        if let Some(count) = self.not_stored.get(why as usize) {
            count.add(1);
        }
    }

    /// All requests answered.
    pub fn total(&self) -> u64 {
        self.requests.iter().map(Count::read).sum()
    }
}
