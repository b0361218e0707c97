//! Checkpoints, from a shard's orders to bytes: the slot table and the entries as they come,
//! a flush, the header, a flush. A checkpoint without its header is none.

use super::device::{Body, Device};
use super::pace::Pace;
use super::{identity, Keeping, LogToKeep};
use crate::store::disk::orders::{DiskNews, LogId, Order, SlotState};
use ringside_engine::store::disk::checkpoint::{encode_slots, Header, ENTRY_BYTES, SLOTS_AT};
use ringside_engine::store::disk::{Crc, MarkKey, PAGE};
use std::collections::HashMap;
use std::io;
use std::time::Instant;

/// Bytes of one write.
const WRITE_BYTES: usize = 128 * 1024;

/// Checkpoints under way, one of a log at most.
pub(super) struct Checkpoints {
    under_way: HashMap<LogId, Writing>,
    pace: Pace,
}

/// A checkpoint under way.
struct Writing {
    device: Device<()>,
    /// At no pace.
    hurries: bool,
    /// The area.
    at: u64,
    end: u64,
    /// Where the next bytes of the body go.
    next: u64,
    /// Bytes that were not written yet.
    rest: Vec<u8>,
    key: MarkKey,
    /// What is known of the header.
    header: Header,
    entries: Crc,
}

impl Checkpoints {
    pub(super) fn new(bytes_per_s: u64) -> Checkpoints {
        Checkpoints {
            under_way: HashMap::new(),
            pace: Pace::new(bytes_per_s),
        }
    }

    /// Closes what is under way; it is as if it had never been begun.
    pub(super) async fn close(self) {
        for (_, writing) in self.under_way {
            writing.device.close().await;
        }
    }

    /// Carries an order out, to its end.
    pub(super) async fn follow(&mut self, body: Body, keeping: &Keeping, order: Order) {
        let log = order.log();
        let Some(kept) = keeping.kept(log) else {
            return keeping.say(log, "an order for a log that nobody keeps");
        };
        let (generation, done) = match order {
            Order::Begin {
                generation,
                since_seq,
                head_slot,
                slots,
                hurries,
                ..
            } => {
                self.abandon(log).await;
                kept.writing.set(generation);
                let header = Header {
                    generation,
                    since_seq,
                    head_slot,
                    segments: u32::try_from(slots.len()).unwrap_or(u32::MAX),
                    count: 0,
                    slots_crc: 0,
                    entries_crc: 0,
                };
                match Writing::begin(body, &kept.to_keep, header, &slots).await {
                    Ok(writing) => {
                        self.under_way.insert(log, Writing { hurries, ..writing });
                        return;
                    }
                    Err(error) => (generation, Err(error)),
                }
            }
            Order::Part { bytes, .. } => {
                let Some(writing) = self.under_way.get_mut(&log) else {
                    return;
                };
                match writing.part(body, &mut self.pace, &bytes).await {
                    Ok(()) => return,
                    Err(error) => (writing.header.generation, Err(error)),
                }
            }
            Order::End { entries, .. } => {
                let Some(writing) = self.under_way.get_mut(&log) else {
                    return;
                };
                let end = writing.end(body, &mut self.pace, entries).await;
                (writing.header.generation, end)
            }
            Order::Abandon { .. } => {
                kept.writing.set(0);
                return self.abandon(log).await;
            }
            // That is for `recover`.
            Order::Recover { .. } => return,
        };
        self.abandon(log).await;
        if let Err(error) = &done {
            keeping.say(log, &format!("a checkpoint can't be written: {error}"));
        }
        let ok = done.is_ok();
        let news = DiskNews::Written {
            log,
            generation,
            ok,
        };
        keeping.tell(body, news).await;
        // Not before: after a panic, whoever is told of nothing would wait.
        kept.writing.set(0);
    }

    async fn abandon(&mut self, log: LogId) {
        if let Some(writing) = self.under_way.remove(&log) {
            writing.device.close().await;
        }
    }
}

impl Writing {
    async fn begin(
        body: Body,
        to_keep: &LogToKeep,
        mut header: Header,
        slots: &[SlotState],
    ) -> io::Result<Writing> {
        let layout = to_keep.superblock.layout();
        if header.segments != layout.segments || header.head_slot >= layout.segments {
            return Err(io::Error::other("it is not of this log's segments"));
        }
        let LogToKeep { path, base, .. } = to_keep;
        let device = Device::open(body, path, *base, layout.total_bytes()).await?;
        if let Err(error) = identity::confirmed(&device, &to_keep.superblock).await {
            device.close().await;
            return Err(error);
        }
        let [even, odd] = layout.checkpoints_at;
        let at = if header.generation % 2 == 0 {
            even
        } else {
            odd
        };
        let slots: Vec<(u64, u64)> = slots.iter().map(|one| (one.seq, one.opened_ms)).collect();
        let table = encode_slots(&slots);
        header.slots_crc = Crc::new().add(&table).value();
        Ok(Writing {
            device,
            hurries: false,
            at,
            end: at + layout.checkpoint_bytes,
            next: at + SLOTS_AT,
            rest: table,
            key: to_keep.superblock.mark_key(),
            header,
            entries: Crc::new(),
        })
    }

    async fn part(&mut self, body: Body, pace: &mut Pace, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() % ENTRY_BYTES != 0 {
            return Err(io::Error::other("half an entry"));
        }
        self.header.count += (bytes.len() / ENTRY_BYTES) as u64;
        if self.header.end() > self.end - self.at {
            return Err(io::Error::other("it has more entries than there can be"));
        }
        self.entries = self.entries.add(bytes);
        self.rest.extend_from_slice(bytes);
        let whole = self.rest.len() / WRITE_BYTES * WRITE_BYTES;
        self.write(body, pace, whole).await
    }

    /// Writes so many of the bytes that are left, which are whole pages.
    async fn write(&mut self, body: Body, pace: &mut Pace, bytes: usize) -> io::Result<()> {
        for piece in self
            .rest
            .get(..bytes)
            .unwrap_or_default()
            .chunks(WRITE_BYTES)
        {
            let wait = pace.wait(piece.len(), Instant::now());
            if !wait.is_zero() && !self.hurries {
                body.sleep(wait).await;
            }
            self.device.write(self.next, piece).await?;
            self.next += piece.len() as u64;
        }
        self.rest.drain(..bytes);
        Ok(())
    }

    async fn end(&mut self, body: Body, pace: &mut Pace, entries: u64) -> io::Result<()> {
        if entries != self.header.count {
            return Err(io::Error::other("entries are missing"));
        }
        let whole = self.rest.len().next_multiple_of(PAGE);
        self.rest.resize(whole, 0);
        self.write(body, pace, whole).await?;
        self.device.flush().await?;
        self.header.entries_crc = self.entries.value();
        let page = self.header.encode(self.key);
        self.device.write(self.at, &page).await?;
        self.device.flush().await
    }
}
