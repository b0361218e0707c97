//! What a shard counts of one disk: its own log on it, and nobody else's.

use super::Count;
use std::sync::{Mutex, PoisonError};

/// Disks that a Plan may have.
pub const DISKS_MAX: usize = 8;

/// Reasons for which an object is not written, besides that nobody asked for it often enough.
pub const DROPS: usize = 7;

/// How a log on a disk is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u64)]
pub enum DiskState {
    /// No such disk in the Plan, or it could not be opened at the start.
    #[default]
    Absent = 0,
    /// It is read and written, and what was there before the start is still being found.
    Recovering = 1,
    /// It is read and written.
    Up = 2,
    /// It failed and is left alone until it is tried again.
    Down = 3,
}

impl DiskState {
    /// All states, in the order of their numbers.
    pub const ALL: [DiskState; 4] = [
        DiskState::Absent,
        DiskState::Recovering,
        DiskState::Up,
        DiskState::Down,
    ];

    /// As operators read it.
    pub const fn word(self) -> &'static str {
        match self {
            DiskState::Absent => "absent",
            DiskState::Recovering => "recovering",
            DiskState::Up => "up",
            DiskState::Down => "down",
        }
    }
}

/// Everything a shard counts of one disk.
#[derive(Debug, Default)]
pub struct DiskCounters {
    /// A [`DiskState`].
    pub state: Count,
    /// Of what was there before the start, so much was looked through, while it recovers.
    pub recovered: Count,
    /// And so much is to be; 0: not known yet.
    pub to_recover: Count,
    /// Why it is down. No request comes here: it is written when the reason changes, and read when an
    /// operator asks.
    why: Mutex<String>,
    /// Bytes of the log's segments, used or not.
    pub size_bytes: Count,
    /// Segments of the log.
    pub segments: Count,
    /// Segments that hold something.
    pub segments_used: Count,
    /// Records that can be found now.
    pub records: Count,
    /// Bytes of them on the disk, with heads and padding.
    pub records_bytes: Count,
    /// Memory of the index.
    pub index_bytes: Count,
    /// Age of what was overwritten last, milliseconds; 0 until something was.
    pub overwritten_age_ms: Count,
    /// Written lately, bytes a second.
    pub write_rate_bytes: Count,
    /// Questions answered from the disk.
    pub hits: Count,
    /// Questions that the disk was asked and had no answer to.
    pub misses: Count,
    /// Bytes read to answer questions.
    pub read_bytes: Count,
    /// Reads not begun because too many were under way.
    pub reads_refused: Count,
    /// Records written because somebody stored or evicted them.
    pub admitted: Count,
    /// Bytes of them.
    pub admitted_bytes: Count,
    /// Records written again because they were used, when their segment's turn came.
    pub reinserted: Count,
    /// Bytes of them.
    pub reinserted_bytes: Count,
    /// All bytes written: over those admitted, it is the write amplification.
    pub written_bytes: Count,
    /// Objects not written because they were not used often enough.
    pub dropped_unused: Count,
    /// Objects not written for another reason, in the order of the disk's own list of them.
    pub dropped: [Count; DROPS],
    /// Kills written.
    pub kills: Count,
    /// Checkpoints written.
    pub checkpoints: Count,
    /// Records whose bytes were not what was written.
    pub checksum_faults: Count,
    /// Reads that the device failed.
    pub read_faults: Count,
    /// Writes and flushes that the device failed.
    pub write_faults: Count,
    /// Times that the log went down.
    pub downs: Count,
}

impl DiskCounters {
    /// How the log is doing.
    pub fn state(&self) -> DiskState {
        let state = self.state.read();
        let mut all = DiskState::ALL.into_iter();
        all.find(|one| *one as u64 == state).unwrap_or_default()
    }

    /// Notes why it is down. Waits for nobody: it is noted at the next tick then.
    pub fn note_why(&self, why: &str) {
        if let Ok(mut held) = self.why.try_lock() {
            if *held != why {
                why.clone_into(&mut held);
            }
        }
    }

    /// Why it is down, or was the last time.
    pub fn why(&self) -> String {
        let held = self.why.lock();
        held.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The share that was found of what was there before the start; none while it is not in use.
    pub fn recovered_ratio(&self) -> Option<f64> {
        match (self.state(), self.to_recover.read()) {
            (DiskState::Up, _) => Some(1.0),
            (DiskState::Recovering, 0) => Some(0.0),
            // More may turn out to be there on the way.
            (DiskState::Recovering, all) => {
                Some((self.recovered.read() as f64 / all as f64).min(1.0))
            }
            (DiskState::Absent | DiskState::Down, _) => None,
        }
    }
}
