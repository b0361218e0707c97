//! The access log: lines collected per shard, written by one thread, never waited for.
//!
//! A shard appends to its own batch and hands it over when it is large or the tick comes. When
//! the writer is behind (a slow or full disk) the queue is full and the batch is dropped and
//! counted: serving goes on.

use crossbeam::queue::ArrayQueue;
use ringside_config::{Log, LogFormat, LogTarget};
use ringside_engine::report::{combined, json, Record};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::{JoinHandle, Thread};

/// A batch is handed over when it is this large.
const BATCH_BYTES: usize = 32 * 1024;
/// Batches that may wait for the writer.
const QUEUE_BATCHES: usize = 256;

struct Shared {
    full: ArrayQueue<Vec<u8>>,
    empty: ArrayQueue<Vec<u8>>,
    stop: AtomicBool,
    dropped: AtomicU64,
}

/// One shard's end.
pub struct Lines {
    format: LogFormat,
    batch: Vec<u8>,
    writer: Option<(Arc<Shared>, Thread)>,
    dropped: u64,
}

/// The writing thread.
pub struct Writer {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

/// Opens the target and starts the writer; `None` when the log is off.
///
/// # Errors
/// The file can't be opened.
pub fn start(log: &Log) -> io::Result<Option<Writer>> {
    let mut target: Box<dyn Write + Send> = match &log.target {
        LogTarget::Off => return Ok(None),
        LogTarget::Stdout => Box::new(io::stdout()),
        LogTarget::File(path) => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
    };
    let shared = Arc::new(Shared {
        full: ArrayQueue::new(QUEUE_BATCHES),
        empty: ArrayQueue::new(QUEUE_BATCHES),
        stop: AtomicBool::new(false),
        dropped: AtomicU64::new(0),
    });
    let ours = shared.clone();
    let thread = std::thread::Builder::new()
        .name("log".into())
        .spawn(move || loop {
            // Read before the queue is drained: what was handed over before the stop is written.
            let stopping = ours.stop.load(Ordering::Acquire);
            while let Some(mut batch) = ours.full.pop() {
                if target
                    .write_all(&batch)
                    .and_then(|()| target.flush())
                    .is_err()
                {
                    ours.dropped.fetch_add(lines_in(&batch), Ordering::Relaxed);
                }
                batch.clear();
                let _ = ours.empty.push(batch);
            }
            if stopping {
                return;
            }
            std::thread::park();
        })?;
    Ok(Some(Writer { shared, thread }))
}

impl Writer {
    /// A shard's end.
    pub fn lines(&self, format: LogFormat) -> Lines {
        Lines {
            format,
            batch: Vec::new(),
            writer: Some((self.shared.clone(), self.thread.thread().clone())),
            dropped: 0,
        }
    }

    /// Writes what was handed over and ends.
    pub fn stop(self) {
        self.shared.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        let _ = self.thread.join();
    }
}

impl Lines {
    /// A log that is off.
    pub fn off() -> Lines {
        Lines {
            format: LogFormat::Combined,
            batch: Vec::new(),
            writer: None,
            dropped: 0,
        }
    }

    /// Lines are wanted.
    pub fn is_on(&self) -> bool {
        self.writer.is_some()
    }

    /// Adds a line.
    pub fn write(&mut self, record: &Record<'_>) {
        match self.format {
            LogFormat::Combined => combined(record, &mut self.batch),
            LogFormat::Json => json(record, &mut self.batch),
        }
        if self.batch.len() >= BATCH_BYTES {
            self.hand_over();
        }
    }

    /// Hands the batch to the writer, or drops it when the writer is behind.
    pub fn hand_over(&mut self) {
        let Some((shared, thread)) = &self.writer else {
            return;
        };
        if self.batch.is_empty() {
            return;
        }
        let next = shared.empty.pop().unwrap_or_default();
        let batch = std::mem::replace(&mut self.batch, next);
        match shared.full.push(batch) {
            Ok(()) => thread.unpark(),
            Err(mut batch) => {
                self.dropped += lines_in(&batch);
                batch.clear();
                self.batch = batch;
            }
        }
    }

    /// Lines dropped because the writer was behind; with those of the writer itself on shard 0.
    pub fn dropped(&self, with_writer: bool) -> u64 {
        let at_writer = match &self.writer {
            Some((shared, _)) if with_writer => shared.dropped.load(Ordering::Relaxed),
            _ => 0,
        };
        self.dropped + at_writer
    }
}

fn lines_in(batch: &[u8]) -> u64 {
    batch.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_drops_lines_and_counts_them() {
        let log = Log {
            format: LogFormat::Combined,
            target: LogTarget::File("/dev/full".into()),
        };
        let writer = start(&log).unwrap().unwrap();
        let mut lines = writer.lines(LogFormat::Combined);
        lines.batch.extend_from_slice(b"one\ntwo\n");
        lines.hand_over();
        let shared = writer.shared.clone();
        writer.stop();
        assert_eq!(shared.dropped.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_writer_that_is_behind_costs_lines_not_time() {
        let shared = Arc::new(Shared {
            full: ArrayQueue::new(1),
            empty: ArrayQueue::new(1),
            stop: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
        });
        let mut lines = Lines {
            format: LogFormat::Json,
            batch: b"first\n".to_vec(),
            writer: Some((shared, std::thread::current())),
            dropped: 0,
        };
        lines.hand_over();
        lines.batch.extend_from_slice(b"second\nthird\n");
        lines.hand_over();
        assert_eq!(lines.dropped(true), 2);
    }
}
