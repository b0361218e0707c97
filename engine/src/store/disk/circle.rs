//! A log without bytes, for tests: what would lie where on disk, and what of it may be served.
//!
//! The index, the choice of what stays and the arithmetic of segments are the real ones. Beside
//! them stands the truth, kept the plain way, from the oldest on: of each key and variant the
//! newest record, unless it was killed or overwritten since.

use super::keep::staying;
use super::places::{tag_of, Found, Places};
use super::record::{Kill, KillForce};
use super::recover::Recovery;
use super::segment::{Event, Room, SegmentHeader, Sheet};
use super::Layout;
use crate::key::Key;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// Even numbers from a seed.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let n = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let n = (n ^ n >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        n ^ n >> 31
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A key with a tag of its own.
pub(super) fn key(n: u64) -> Key {
    Key(u128::from(Chance(n).next()))
}

/// What may be served: where, whether only after its origin confirmed it, and which writing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Truth {
    page: u32,
    pages: u16,
    soft: bool,
    id: u64,
}

/// A log.
pub(super) struct Circle {
    pub(super) layout: Layout,
    pub(super) places: Places,
    /// By slot, what was written to it since it was opened.
    pub(super) sheets: Vec<Option<Sheet>>,
    pub(super) seq: u64,
    slot: u32,
    room: Room,
    truth: BTreeMap<(Key, u8), Truth>,
    /// Writings that could not be read: a restart may find them again, or not.
    unreadable: BTreeSet<u64>,
    /// Whose record begins at a page.
    written: BTreeMap<u32, u64>,
    ids: u64,
    /// Writings of ours that were killed or replaced.
    killed: BTreeSet<u64>,
    /// Replaying, after a restart.
    pub(super) recovery: Option<Recovery>,
    /// Pages written once more, of all that were written.
    pub(super) pages_again: u64,
    pub(super) pages_written: u64,
}

/// More tables than such a small log would have, so that a checkpoint is made of several parts.
const RECORDS_MAX: u64 = 8 * 4096;

impl Circle {
    pub(super) fn new(segments: u32, pages_per_segment: u32) -> Circle {
        let layout = Layout::of(pages_per_segment * 4096, segments).expect("a layout");
        let mut circle = Circle {
            layout,
            places: Places::new(RECORDS_MAX),
            sheets: (0..segments).map(|_| None).collect(),
            seq: 0,
            slot: segments - 1,
            room: Room::new(pages_per_segment),
            truth: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            written: BTreeMap::new(),
            ids: 0,
            killed: BTreeSet::new(),
            recovery: None,
            pages_again: 0,
            pages_written: 0,
        };
        circle.open();
        circle
    }

    /// Stores an object, in place of the one with its key and variant.
    pub(super) fn put(&mut self, key: Key, variant: u8, pages: u16) {
        self.make_room(u32::from(pages));
        let kill = Kill {
            key,
            variant: Some(variant),
            force: KillForce::Hard,
        };
        self.places.kill(&kill, |_| {});
        if let Some(old) = self.truth.remove(&(key, variant)) {
            self.killed.insert(old.id);
        }
        self.ids += 1;
        self.append(key, variant, pages, 0, self.ids);
    }

    /// Kills, in the index and on disk.
    pub(super) fn kill(&mut self, kill: Kill) {
        self.make_room(1);
        self.places.kill(&kill, |_| {});
        if let Some(recovery) = &mut self.recovery {
            recovery.kill(&kill);
        }
        self.room.take(1, 1);
        self.log(Event::Kill(kill));
        let hits =
            |of: &(Key, u8)| of.0 == kill.key && kill.variant.is_none_or(|bits| bits == of.1);
        let killed = &mut self.killed;
        self.truth.retain(|of, record| {
            if hits(of) {
                record.soft = true;
                if kill.force == KillForce::Hard {
                    killed.insert(record.id);
                    return false;
                }
            }
            true
        });
    }

    /// Each record of a key answers once more.
    pub(super) fn used(&mut self, key: Key) {
        let pages: Vec<u32> = self.places.find(key).map(|found| found.page).collect();
        for page in pages {
            self.places.used(key, page);
        }
    }

    /// A record of this key can't be read: it is taken out.
    pub(super) fn unreadable(&mut self, key: Key) {
        let Some(found) = self.places.find(key).next() else {
            return;
        };
        self.places.remove(key, found.page);
        self.unreadable.insert(self.written[&found.page]);
        if let Some(recovery) = &mut self.recovery {
            recovery.kill(&Kill {
                key,
                variant: Some(found.variant),
                force: KillForce::Hard,
            });
        }
    }

    /// The index is the truth, but for uses and for what could not be read.
    pub(super) fn agrees(&self) {
        let in_doubt = |page: u32| self.unreadable.contains(&self.written[&page]);
        let truth = self.truth.iter().map(|((key, variant), record)| {
            let tag = tag_of(*key);
            (tag, record.page, record.pages, *variant, record.soft)
        });
        let (doubted, truth): (BTreeSet<_>, BTreeSet<_>) = truth.partition(|of| in_doubt(of.1));
        let (found_again, indexed): (BTreeSet<_>, BTreeSet<_>) =
            self.indexed().into_iter().partition(|of| in_doubt(of.1));
        assert_eq!(indexed, truth, "index, truth");
        assert!(found_again.is_subset(&doubted), "{found_again:?}");
        assert_eq!(self.places.len(), indexed.len() + found_again.len());
    }

    /// No two records share a page, and each lies in its segment, behind its first page.
    pub(super) fn pages_are_apart(&self) {
        let mut end = 0;
        let mut all: Vec<_> = self.indexed().into_iter().collect();
        all.sort_by_key(|(_, page, ..)| *page);
        for (_, page, pages, ..) in all {
            assert!(page >= end, "page {page} is another's");
            end = page + u32::from(pages);
            let slot = self.layout.slot_of(page);
            let first = self.layout.first_page(slot);
            assert!(page > first && end <= first + self.layout.pages_per_segment());
            let sheet = self.sheets[slot as usize]
                .as_ref()
                .expect("an open segment");
            let within = (page - first) as u16;
            let is_there =
                |event: &Event| matches!(event, Event::Object { page, .. } if *page == within);
            assert!(
                sheet.events.iter().any(is_there),
                "page {page} was overwritten"
            );
        }
    }

    fn indexed(&self) -> BTreeSet<(u64, u32, u16, u8, bool)> {
        let mut all = BTreeSet::new();
        for key in (0..super::circle::KEYS).map(key) {
            let found = self.places.find(key);
            all.extend(found.map(|found| {
                let Found {
                    page,
                    pages,
                    variant,
                    soft,
                    ..
                } = found;
                (tag_of(key), page, pages, variant, soft)
            }));
        }
        all
    }

    fn append(&mut self, key: Key, variant: u8, pages: u16, uses: u8, id: u64) {
        let within = self.room.next_page();
        self.room.take(u32::from(pages), 1);
        let page = self.layout.first_page(self.slot) + within;
        self.log(Event::Object {
            key,
            page: within as u16,
            pages,
            variant,
        });
        let found = Found {
            page,
            pages,
            variant,
            uses,
            soft: false,
        };
        self.places.insert(key, found);
        self.written.insert(page, id);
        self.pages_written += u64::from(pages);
        let soft = false;
        let record = Truth {
            page,
            pages,
            soft,
            id,
        };
        self.truth.insert((key, variant), record);
    }

    fn log(&mut self, event: Event) {
        let sheet = self.sheets[self.slot as usize].as_mut();
        sheet.expect("an open segment").events.push(event);
    }

    fn make_room(&mut self, pages: u32) {
        while !self.room.fits(pages, 1) {
            self.open();
        }
    }

    /// Opens the next segment: what was in it is overwritten, but for what stays.
    pub(super) fn open(&mut self) {
        self.slot = (self.slot + 1) % self.layout.segments;
        self.seq += 1;
        let header = SegmentHeader {
            slot: self.slot,
            seq: self.seq,
            opened_ms: self.seq,
        };
        let new = Sheet {
            header,
            sealed_ms: 0,
            events: Vec::new(),
        };
        self.room = Room::new(self.layout.pages_per_segment());
        let Some(old) = self.sheets[self.slot as usize].replace(new) else {
            return;
        };
        let stay = staying(&old, &self.layout, &self.places);
        let pages: u32 = stay
            .iter()
            .map(|record| u32::from(record.found.pages))
            .sum();
        assert!(pages <= self.layout.pages_per_segment() / 2, "bounded");
        for event in &old.events {
            if let Event::Object { key, page, .. } = event {
                let page = self.layout.first_page(self.slot) + u32::from(*page);
                self.places.remove(*key, page);
            }
        }
        let (slot, layout) = (self.slot, self.layout);
        self.truth
            .retain(|_, record| layout.slot_of(record.page) != slot);
        let mut before = 0;
        let ids: Vec<u64> = stay
            .iter()
            .map(|record| self.written[&record.found.page])
            .collect();
        for (record, id) in stay.into_iter().zip(ids) {
            assert!(!self.killed.contains(&id), "what was killed came back");
            assert!(record.found.uses > record.uses, "a use less");
            assert!(record.found.page > before, "read in one sweep");
            before = record.found.page;
            let Found { variant, pages, .. } = record.found;
            self.pages_again += u64::from(pages);
            self.append(record.key, variant, pages, record.uses, id);
        }
    }
}

/// Keys that steps are about.
pub(super) const KEYS: u64 = 60;

/// Something happens.
pub(super) fn step(circle: &mut Circle, chance: &mut Chance) {
    let about = key(chance.below(KEYS));
    let variant = chance.below(3) as u8;
    match chance.below(20) {
        0..9 => {
            let largest = u64::from(circle.layout.pages_per_segment() / 3);
            circle.put(about, variant, 1 + chance.below(largest) as u16);
        }
        9..15 => circle.used(about),
        15..19 => {
            let forces = [KillForce::Hard, KillForce::Soft];
            circle.kill(Kill {
                key: about,
                variant: (chance.below(2) == 0).then_some(variant),
                force: forces[chance.below(2) as usize],
            });
        }
        _ => circle.unreadable(about),
    }
}
