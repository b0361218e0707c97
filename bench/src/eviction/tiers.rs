//! Memory and a disk log as a cache runs them, without sockets, bytes or files: the engine's own
//! index, places, admission and choice of what stays decide.
//!
//! A request that memory answers is a hit. One that it does not, but the log does, is a hit too,
//! and comes to memory. Else the object is fetched and comes to memory. What memory evicts goes to
//! the log when the rule of admission wants it and the log does not have it.

use super::trace::Request;
use ringside_engine::key::Key;
use ringside_engine::store::disk::record::pages_for;
use ringside_engine::store::disk::segment::{Event, Room, SegmentHeader, Sheet};
use ringside_engine::store::disk::{admits, staying, Admission, Found, Layout, Places, PAGE};
use ringside_engine::store::{Entry, Index};
use std::cell::Cell;

/// Bytes of head and notes that a record has beside its content.
const HEAD_BYTES: usize = 512;

/// What a cache answered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) bytes: u64,
    pub(super) misses: u64,
    pub(super) missed_bytes: u64,
    /// Of the hits, those that the log answered.
    pub(super) from_disk: u64,
    /// Pages written to the log, and those of them that were written once more.
    pub(super) pages: u64,
    pub(super) pages_again: u64,
}

impl Tally {
    /// Parts of 1 that were not answered: of the requests, and of their bytes.
    pub(super) fn miss_ratios(&self) -> (f64, f64) {
        let part = |of: u64, all: u64| of as f64 / all.max(1) as f64;
        (
            part(self.misses, self.requests),
            part(self.missed_bytes, self.bytes),
        )
    }
}

/// What memory holds.
struct Held {
    key: Key,
    bytes: u32,
    touched: Cell<u8>,
    uses: Cell<u8>,
}

impl Entry for Held {
    fn key(&self) -> Key {
        self.key
    }

    fn cost(&self) -> usize {
        self.bytes as usize
    }

    fn take_uses(&self) -> u8 {
        self.touched.take()
    }
}

/// Both tiers.
pub(super) struct Tiers {
    memory: Index<Held>,
    memory_bytes: usize,
    log: Option<Log>,
    /// Uses that an object needs for the log.
    minimum: u8,
    tally: Tally,
}

impl Tiers {
    pub(super) fn new(memory_bytes: usize, log: Option<Layout>, minimum: u8) -> Tiers {
        Tiers {
            memory: Index::new(memory_bytes),
            memory_bytes,
            log: log.map(Log::new),
            minimum,
            tally: Tally::default(),
        }
    }

    /// Replays a trace.
    pub(super) fn replay(mut self, trace: &[Request]) -> Tally {
        for request in trace {
            let hit = self.ask(request);
            self.tally.requests += 1;
            self.tally.bytes += u64::from(request.bytes);
            if !hit {
                self.tally.misses += 1;
                self.tally.missed_bytes += u64::from(request.bytes);
            }
        }
        if let Some(log) = &self.log {
            self.tally.pages = log.pages;
            self.tally.pages_again = log.pages_again;
        }
        self.tally
    }

    fn ask(&mut self, request: &Request) -> bool {
        let key = key_of(request.object);
        if let Some((_, held)) = self.memory.variants(key).next() {
            held.touched.set((held.touched.get() + 1).min(3));
            held.uses.set(held.uses.get().saturating_add(1));
            return true;
        }
        let on_disk = self.log.as_mut().is_some_and(|log| log.answers(key));
        self.tally.from_disk += u64::from(on_disk);
        if request.bytes as usize <= self.memory_bytes {
            while self.memory.bytes() + request.bytes as usize > self.memory_bytes {
                let Some((victim, reused)) = self.memory.evict_with_past() else {
                    break;
                };
                self.offer(&victim, reused);
            }
            self.memory.insert(Held {
                key,
                bytes: request.bytes,
                touched: Cell::new(0),
                uses: Cell::new(0),
            });
        }
        on_disk
    }

    fn offer(&mut self, victim: &Held, reused: bool) {
        let Some(log) = &mut self.log else { return };
        let (uses, filling) = (victim.uses.get(), log.is_filling());
        let admitted = admits(uses, reused, self.minimum, Admission::Auto, filling);
        if admitted && !log.places.contains(victim.key) {
            log.write(victim.key, victim.bytes);
        }
    }
}

/// A key as even as a keyed hash.
fn key_of(object: u64) -> Key {
    let mix = |n: u64| {
        let n = (n ^ n >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let n = (n ^ n >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        n ^ n >> 31
    };
    let low = mix(object.wrapping_add(0x9E37_79B9_7F4A_7C15));
    Key(u128::from(mix(low ^ object)) << 64 | u128::from(low))
}

/// A log, of which there are only the lists of what is in its segments.
struct Log {
    layout: Layout,
    places: Places,
    sheets: Vec<Option<Sheet>>,
    slot: u32,
    seq: u64,
    room: Room,
    pages: u64,
    pages_again: u64,
}

impl Log {
    fn new(layout: Layout) -> Log {
        let mut log = Log {
            layout,
            places: Places::new(layout.records_max()),
            sheets: (0..layout.segments).map(|_| None).collect(),
            slot: layout.segments - 1,
            seq: 0,
            room: Room::new(layout.pages_per_segment()),
            pages: 0,
            pages_again: 0,
        };
        log.open();
        log
    }

    /// Nothing is in the segment that comes next.
    fn is_filling(&self) -> bool {
        let next = (self.slot + 1) % self.layout.segments;
        self.sheets.get(next as usize).is_some_and(Option::is_none)
    }

    fn answers(&mut self, key: Key) -> bool {
        let Some(found) = self.places.find(key).next() else {
            return false;
        };
        self.places.used(key, found.page);
        true
    }

    fn write(&mut self, key: Key, bytes: u32) {
        let pages = pages_for(HEAD_BYTES, 0, bytes as usize);
        while !self.room.fits(pages, 1) {
            self.open();
        }
        self.append(key, pages, 0);
    }

    fn append(&mut self, key: Key, pages: u32, uses: u8) {
        let within = self.room.next_page();
        self.room.take(pages, 1);
        let found = Found {
            page: self.layout.first_page(self.slot) + within,
            pages: pages as u16,
            variant: 0,
            uses,
            soft: false,
        };
        self.places.insert(key, found);
        self.pages += u64::from(pages);
        if let Some(Some(sheet)) = self.sheets.get_mut(self.slot as usize) {
            sheet.events.push(Event::Object {
                key,
                page: within as u16,
                pages: pages as u16,
                variant: 0,
            });
        }
    }

    /// Opens the next segment, giving up what is in it but for what stays.
    fn open(&mut self) {
        self.slot = (self.slot + 1) % self.layout.segments;
        self.seq += 1;
        self.room = Room::new(self.layout.pages_per_segment());
        let header = SegmentHeader {
            slot: self.slot,
            seq: self.seq,
            opened_ms: 0,
        };
        let new = Sheet {
            header,
            sealed_ms: 0,
            events: Vec::new(),
        };
        let Some(old) = self.sheets[self.slot as usize].replace(new) else {
            return;
        };
        let stay = staying(&old, &self.layout, &self.places);
        for event in &old.events {
            if let Event::Object { key, page, .. } = event {
                let page = self.layout.first_page(self.slot) + u32::from(*page);
                self.places.remove(*key, page);
            }
        }
        for record in stay {
            self.pages_again += u64::from(record.found.pages);
            self.append(record.key, u32::from(record.found.pages), record.uses);
        }
    }
}

/// A log of about so many bytes of segments.
pub(super) fn layout_of(disk_bytes: u64, segment_bytes: u32) -> Option<Layout> {
    debug_assert_eq!(segment_bytes as usize % PAGE, 0);
    let segments = disk_bytes / u64::from(segment_bytes);
    Layout::of(segment_bytes, u32::try_from(segments).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(objects: &[u64]) -> Vec<Request> {
        let request = |object: &u64| Request {
            object: *object,
            bytes: 1000,
        };
        objects.iter().map(request).collect()
    }

    #[test]
    fn what_fits_misses_once() {
        let tally = Tiers::new(10_000, None, 1).replay(&requests(&[1, 2, 1, 2, 3]));
        assert_eq!((tally.misses, tally.requests), (3, 5));
        assert_eq!(tally.miss_ratios(), (0.6, 0.6));
    }

    #[test]
    fn what_is_too_large_is_never_kept() {
        let tally = Tiers::new(999, None, 1).replay(&requests(&[1, 1, 1]));
        assert_eq!(tally.misses, 3);
    }

    #[test]
    fn the_log_answers_what_memory_let_go() {
        // Everything is asked for twice, so all of it is admitted; memory holds two.
        let twice: Vec<u64> = (0..50).flat_map(|object| [object, object]).collect();
        let again: Vec<u64> = (0..40).collect();
        let trace = requests(&[twice, again].concat());
        let memory = Tiers::new(2_000, None, 1).replay(&trace);
        let layout = layout_of(16 << 20, 1 << 18).expect("a layout");
        let both = Tiers::new(2_000, Some(layout), 1).replay(&trace);
        assert!(memory.misses >= 85, "memory holds two of them");
        assert_eq!((both.misses, both.from_disk), (50, memory.misses - 50));
        assert!(both.pages >= 35);
        // Asked for once is not enough.
        let choosy = Tiers::new(2_000, Some(layout), 9).replay(&trace);
        assert_eq!((choosy.misses, choosy.pages), (memory.misses, 0));
    }
}
