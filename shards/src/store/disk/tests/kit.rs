//! A device, the process that uses it, and the keeper, as tests need them.

use super::super::{DiskCache, DiskNews, LogId, Opening, Order, SlotState, Suits};
use crate::rt::disk::simulated::SimulatedDisk;
use crate::rt::{self, oneshot, Disk};
use crate::store::arena::{Budget, Filling};
use crate::store::object::{Notes, Object, Parts, ToDisk};
use ringside_engine::cache::Facts;
use ringside_engine::key::{Key, Seed};
use ringside_engine::store::disk::checkpoint::{encode_slots, Header, SLOTS_AT};
use ringside_engine::store::disk::layout::SUPERBLOCKS_AT;
use ringside_engine::store::disk::walk::{Found, Walk};
use ringside_engine::store::disk::{variant_bits, Changes, Crc, Falls, Layout, Superblock, PAGE};
use ringside_engine::time::Mono;
use std::rc::Rc;
use std::sync::mpsc::{sync_channel, Receiver};
use std::sync::Arc;

pub(super) const ID: LogId = LogId {
    shard: 0,
    device: 0,
};
pub(super) const SEGMENT_BYTES: u32 = 64 * 1024;

/// A superblock of a log with so many small segments.
pub(super) fn superblock(segments: u32) -> Superblock {
    let total_bytes = Layout::of(SEGMENT_BYTES, segments).unwrap().total_bytes();
    Superblock {
        set: 7,
        seed: Seed([1, 2]),
        device: 0,
        shard: 0,
        shards: 1,
        segment_bytes: SEGMENT_BYTES,
        segments,
        generation: 1,
        valid_from: 1,
        prepared_bytes: total_bytes,
        created_ms: 5,
        latest_ms: 5,
        total_bytes,
        falls: Falls::default(),
        changes: Changes::default(),
    }
}

/// A device with a new log on it.
pub(super) fn device(segments: u32, seed: u64) -> Rc<SimulatedDisk> {
    let superblock = superblock(segments);
    let device = SimulatedDisk::new(superblock.total_bytes, seed);
    for at in SUPERBLOCKS_AT {
        device.put(at, &superblock.encode());
    }
    device
}

/// A process's disk cache, and what it wants of the keeper.
pub(super) struct Process {
    pub(super) cache: Rc<DiskCache>,
    pub(super) orders: Receiver<Order>,
}

impl Process {
    pub(super) fn start(
        device: &Rc<SimulatedDisk>,
        budget: &'static Budget,
        is_new: bool,
        now: Mono,
    ) -> Process {
        let front = device.look(0, 128 * 1024).unwrap();
        let superblock = Superblock::read(&front).unwrap();
        let (sender, orders) = sync_channel(4);
        let opening = Opening {
            id: ID,
            path: "simulated".to_owned(),
            position: 0,
            sign: None,
            disk: Disk::simulated(device),
            superblock,
            is_new,
            reads_max: 2,
        };
        Process {
            cache: DiskCache::new(vec![opening], budget, Some(sender), now),
            orders,
        }
    }
}

/// The keeper's walk, one piece of news after the other.
pub(super) struct Restart {
    walk: Walk,
    is_done: bool,
}

impl Restart {
    pub(super) fn new(device: &SimulatedDisk) -> Restart {
        let front = device.look(0, 128 * 1024).unwrap();
        Restart {
            walk: Walk::new(&Superblock::read(&front).unwrap()),
            is_done: false,
        }
    }

    pub(super) fn next(&mut self, device: &SimulatedDisk) -> Option<DiskNews> {
        while !self.is_done {
            if let Some(found) = self.walk.found() {
                if let Some(news) = self.told(device, found) {
                    return Some(news);
                }
                continue;
            }
            let read = self.walk.wanted().expect("something is wanted or found");
            let bytes = device.look(read.at, read.bytes).ok();
            self.walk.feed(read.ticket, bytes.as_deref());
        }
        None
    }

    fn told(&mut self, device: &SimulatedDisk, found: Found) -> Option<DiskNews> {
        self.is_done = matches!(found, Found::Done(_) | Found::Failed);
        match found {
            Found::Footer { at, bytes } => {
                device.put(at, &bytes);
                None
            }
            Found::Failed => Some(DiskNews::Failed {
                log: ID,
                why: "unreadable".to_owned(),
            }),
            found => DiskNews::of_walk(ID, found, 0),
        }
    }
}

/// The keeper's checkpoints.
#[derive(Default)]
pub(super) struct Scribe {
    under_way: Option<(u64, u64, u32, Vec<SlotState>)>,
    entries: Vec<u8>,
}

impl Scribe {
    /// Takes an order; `breaks` leaves a checkpoint without its header.
    pub(super) fn take(
        &mut self,
        order: Order,
        device: &SimulatedDisk,
        layout: &Layout,
        superblock: &Superblock,
        breaks: bool,
    ) -> Option<DiskNews> {
        match order {
            Order::Begin {
                generation,
                since_seq,
                head_slot,
                slots,
                ..
            } => {
                self.under_way = Some((generation, since_seq, head_slot, slots));
                self.entries.clear();
            }
            Order::Part { bytes, .. } => self.entries.extend(bytes),
            Order::Abandon { .. } | Order::Recover { .. } => self.under_way = None,
            Order::End { entries, .. } => {
                let (generation, since_seq, head_slot, slots) = self.under_way.take()?;
                assert_eq!(entries as usize * 12, self.entries.len());
                let slots: Vec<_> = slots.iter().map(|s| (s.seq, s.opened_ms)).collect();
                let table = encode_slots(&slots);
                let header = Header {
                    generation,
                    since_seq,
                    head_slot,
                    segments: layout.segments,
                    count: entries,
                    slots_crc: Crc::new().add(&table).value(),
                    entries_crc: Crc::new().add(&self.entries).value(),
                };
                let at = layout.checkpoints_at[generation as usize % 2];
                let mut body = table;
                body.extend(&self.entries);
                body.resize(body.len().next_multiple_of(PAGE), 0);
                device.put(at + SLOTS_AT, &body);
                if !breaks {
                    device.put(at, &header.encode(superblock.mark_key()));
                }
                return Some(DiskNews::Written {
                    log: ID,
                    generation,
                    ok: !breaks,
                });
            }
        }
        None
    }
}

/// Lets every task that can go on go on.
pub(super) async fn breathe() {
    for _ in 0..4 {
        let (sender, waiting) = oneshot();
        rt::spawn(async move { sender.send(()) }, || {});
        waiting.await;
    }
}

/// What an object is to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Like {
    pub(super) key: u64,
    /// 0: without Vary.
    pub(super) variant: u64,
    pub(super) version: u64,
    pub(super) bytes: usize,
}

impl Like {
    pub(super) fn key(self) -> Key {
        key(self.key)
    }

    pub(super) fn body(self) -> Vec<u8> {
        let first = (self.key * 31 + self.variant * 7 + self.version) as usize;
        (first..first + self.bytes)
            .map(|n| (n % 251) as u8)
            .collect()
    }

    pub(super) fn head(self) -> String {
        let Like {
            key,
            variant,
            version,
            bytes,
        } = self;
        format!("HTTP/1.1 200 OK\r\nIs: {key} {variant} {version} {bytes}\r\n")
    }

    /// What an object says that it is; panics when its bytes are not those.
    pub(super) fn of(object: &Object) -> Like {
        let head = String::from_utf8(object.head().to_vec()).unwrap();
        let is = head.split("Is: ").nth(1).unwrap();
        let numbers: Vec<u64> = is.split_whitespace().map(|n| n.parse().unwrap()).collect();
        let like = Like {
            key: numbers[0],
            variant: numbers[1],
            version: numbers[2],
            bytes: numbers[3] as usize,
        };
        assert_eq!(like.head(), head);
        let mut body = object.small_body().to_vec();
        object
            .pieces()
            .iter()
            .for_each(|piece| body.extend(&**piece));
        assert!(like.body() == body, "wrong bytes for {like:?}");
        assert_eq!(object.key(), like.key());
        assert_eq!(object.notes().vary.is_empty(), like.variant == 0);
        like
    }

    pub(super) fn object(self, budget: &'static Budget, now: Mono) -> Arc<Object> {
        let mut filling = Filling::new(budget, self.bytes.max(1)).unwrap();
        filling.copy(&self.body());
        let body: Vec<_> = filling.cut().into_iter().collect();
        let facts = Facts {
            received: now,
            lifetime: 1_000_000,
            status: 200,
            ..Facts::default()
        };
        let head = self.head();
        let parts = Parts {
            key: self.key(),
            facts,
            head: head.as_bytes(),
            notes: Notes {
                variant: self.variant,
                vary: if self.variant == 0 { b"" } else { b"x" },
                groups: b"",
            },
            body: &body,
            to_disk: ToDisk::AT_ONCE,
        };
        Object::new(&parts, budget).unwrap()
    }
}

/// A question for a variant of the one Vary that there is.
pub(super) fn wants(variant: u64) -> impl Fn(&Object) -> Suits {
    move |object| match Like::of(object).variant == variant {
        true => Suits::Yes,
        false => Suits::Other(variant_bits(variant, variant != 0)),
    }
}

pub(super) fn key(n: u64) -> Key {
    let mixed = (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Key(u128::from(mixed) << 64 | u128::from(mixed.rotate_left(17) ^ n))
}
