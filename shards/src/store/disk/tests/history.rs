//! Random histories of a log on a disk that does harm: objects, kills, edicts, reads, faults, and
//! crashes at any point, each followed by a restart.
//!
//! What must hold, whatever happens:
//! - what is read is what was written, byte for byte, and of the key that was asked for;
//! - what was killed or replaced is never read again in this life, and in no later one if its kill
//!   was acknowledged, or if the log was begun anew after it;
//! - an edict that was acknowledged is found by every restart;
//! - what was safe on the medium and not killed, overwritten or damaged since is found.
//!
//! ```text
//! RINGSIDE_SEED=n    begin with this seed: that of a failure replays it
//! RINGSIDE_ROUNDS=n  so many histories
//! ```

use super::super::{DeviceState, DiskNews};
use super::kit::*;
use crate::rt;
use crate::rt::disk::simulated::{Dice, Fault, SimulatedDisk};
use crate::store::arena::Budget;
use crate::store::object::Object;
use ringside_engine::store::disk::{variant_bits, KillForce};
use ringside_engine::time::Mono;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::Rc;

/// Histories, unless it is said otherwise.
const ROUNDS: u64 = 2500;
const STEPS: usize = 150;
const KEYS: u64 = 5;
const VARIANTS: u64 = 3;

#[test]
fn whatever_happens_nothing_wrong_is_read_and_nothing_safe_is_lost() {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(value) => value.parse().expect("a number"),
        Err(_) => default,
    };
    let first = number("RINGSIDE_SEED", 1);
    let mut totals = Totals::default();
    for seed in first..first + number("RINGSIDE_ROUNDS", ROUNDS) {
        let story = Rc::new(RefCell::new(String::new()));
        let mut tell = Tell {
            seed,
            story: story.clone(),
            is_well: false,
        };
        let done = rt::run(async move {
            let mut history = History::new(seed, story);
            history.run().await;
            history.totals
        });
        totals.add(&done.unwrap());
        tell.is_well = true;
    }
    eprintln!("{totals:?}");
    // The histories go where they are meant to.
    if totals.rounds >= 500 {
        totals.are_rich();
    }
}

/// Tells the seed and the story of a history that failed.
struct Tell {
    seed: u64,
    story: Rc<RefCell<String>>,
    is_well: bool,
}

impl Drop for Tell {
    fn drop(&mut self) {
        if !self.is_well {
            eprintln!("{}\nRINGSIDE_SEED={}", self.story.borrow(), self.seed);
        }
    }
}

/// What the histories came through.
#[derive(Debug, Default)]
struct Totals {
    rounds: u64,
    crashes: u64,
    hits: u64,
    misses: u64,
    acknowledged: u64,
    refused: u64,
    found_again: u64,
    gone: u64,
    downs: u64,
    back: u64,
    reinserted: u64,
    checkpoints: u64,
    damaged: u64,
    turned: u64,
}

impl Totals {
    fn add(&mut self, other: &Totals) {
        self.rounds += 1;
        self.crashes += other.crashes;
        self.hits += other.hits;
        self.misses += other.misses;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.found_again += other.found_again;
        self.gone += other.gone;
        self.downs += other.downs;
        self.back += other.back;
        self.reinserted += other.reinserted;
        self.checkpoints += other.checkpoints;
        self.damaged += other.damaged;
        self.turned += other.turned;
    }

    fn are_rich(&self) {
        let each = [
            self.crashes,
            self.hits,
            self.acknowledged,
            self.refused,
            self.found_again,
            self.downs,
            self.back,
            self.reinserted,
            self.checkpoints,
            self.damaged,
            self.turned,
        ];
        assert!(each.iter().all(|count| *count >= 20), "{self:?}");
    }
}

/// One variant of a key.
#[derive(Clone, Debug, Default)]
struct Held {
    /// Versions that were taken, and how long their bodies are.
    taken: BTreeMap<u64, usize>,
    /// The newest that was made.
    newest: u64,
    /// None up to this one may be read in this life.
    floor: u64,
    /// Nor in any other.
    safe_floor: u64,
    /// Up to this one they are stale in this life.
    soft: u64,
    /// And in any other.
    safe_soft: u64,
    /// They may be, up to this one.
    soft_ever: u64,
    /// Kills and offers so far.
    touched: u64,
}

/// A record that is on the medium for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Safe {
    name: (u64, u64),
    page: u32,
    seq: u64,
    touched: u64,
}

#[derive(Default)]
struct Model {
    held: BTreeMap<(u64, u64), Held>,
    safe: BTreeSet<Safe>,
    /// What was safe when the last life ended, and is to be found in this one.
    expected: BTreeSet<Safe>,
    edicts: BTreeSet<u64>,
    safe_edicts: BTreeSet<u64>,
    /// Something happened to these records, by page and segment.
    damaged: BTreeSet<(u32, u64)>,
    totals: Totals,
}

struct History {
    device: Rc<SimulatedDisk>,
    segments: u32,
    dice: Dice,
    budget: &'static Budget,
    now: Mono,
    process: Process,
    restart: Option<Restart>,
    scribe: Scribe,
    model: Rc<RefCell<Model>>,
    story: Rc<RefCell<String>>,
    versions: u64,
    was_down: bool,
    is_spoilt: bool,
    /// The device failed in this life, and records were taken out as they could not be read.
    had_fault: bool,
    has_failed: Rc<Cell<bool>>,
    /// This history has faults of the device, damage of the medium.
    has_faults: bool,
    has_damage: bool,
    totals: Totals,
}

impl History {
    fn new(seed: u64, story: Rc<RefCell<String>>) -> History {
        let mut dice = Dice::new(seed);
        let segments = 4 + dice.below(4) as u32;
        let device = device(segments, dice.roll());
        // From a staging that holds one record or two to one that is never full.
        let budget = Budget::new([256 << 10, 1 << 20, 8 << 20][dice.below(3)]);
        let now = Mono(1_000_000);
        let process = Process::start(&device, budget, true, now);
        device.at_once(dice.once_in(4));
        History {
            segments,
            budget,
            now,
            process,
            restart: None,
            scribe: Scribe::default(),
            model: Rc::default(),
            story,
            versions: 0,
            was_down: false,
            is_spoilt: false,
            had_fault: false,
            has_failed: Rc::default(),
            has_faults: dice.once_in(3),
            has_damage: dice.once_in(4),
            totals: Totals::default(),
            device,
            dice,
        }
    }

    fn say(&self, text: std::fmt::Arguments<'_>) {
        let story = &mut *self.story.borrow_mut();
        let _ = writeln!(story, "{text}");
    }

    async fn run(&mut self) {
        self.tick(600).await;
        for _ in 0..STEPS {
            self.step().await;
        }
        // Whatever was the matter, it ends, and everything works again.
        self.device.fault(Fault::None);
        self.device.at_once(true);
        while self.device.step() {}
        self.has_faults = false;
        for _ in 0..30 {
            while self.news().await {}
            self.tick(8_000).await;
        }
        assert!(!self.has_failed.get(), "a task has failed, see above");
        self.say(format_args!("the end: {:?}", self.process.cache.status()));
        self.notice();
        self.works_again().await;
        self.collect();
        self.totals = std::mem::take(&mut self.model.borrow_mut().totals);
    }

    async fn works_again(&mut self) {
        let up = &self.process.cache.status()[0];
        assert_eq!(up.state, DeviceState::Up);
        for attempt in 0.. {
            self.store(0, 0, 2000, false).await;
            self.tick(2_000).await;
            let cache = self.process.cache.clone();
            let any = |_: &Object| true;
            if let Some(object) = cache.read(key(0), &any, &|_| {}).await {
                let newest = self.model.borrow().held[&(0, 0)].newest;
                if Like::of(&object).version == newest {
                    return;
                }
            }
            assert!(attempt < 50, "nothing is stored any more");
        }
    }

    /// Notes that a task has panicked.
    fn failed(&self) -> impl FnOnce() + 'static {
        let has_failed = self.has_failed.clone();
        move || has_failed.set(true)
    }

    async fn step(&mut self) {
        assert!(!self.has_failed.get(), "a task has failed, see above");
        self.notice();
        if self.restart.is_some() && self.dice.once_in(3) {
            self.news().await;
        }
        match self.dice.below(100) {
            0..=27 => {
                let (key, variant) = self.some();
                let bytes = [0, 100, 3000, 9000, 25_000][self.dice.below(5)];
                let kills = !self.dice.once_in(4);
                self.store(key, variant, bytes, kills).await;
            }
            28..=45 => self.read().await,
            46..=53 => self.kill(),
            54..=59 => self.edict(),
            60..=72 => {
                for _ in 0..self.dice.below(6) {
                    self.device.step();
                    breathe().await;
                }
            }
            73..=84 => {
                let ms = [50, 300, 1100, 61_000][self.dice.below(4)];
                self.tick(ms).await;
            }
            85..=91 => {
                for _ in 0..=self.dice.below(3) {
                    self.news().await;
                }
            }
            92 => self.crash().await,
            93 => self.ask_all().await,
            94..=96 if self.has_faults => self.fault(),
            97..=98 if self.has_damage => self.damage(),
            _ => breathe().await,
        }
    }

    fn some(&mut self) -> (u64, u64) {
        let key = self.dice.below(KEYS as usize) as u64;
        (key, self.dice.below(VARIANTS as usize) as u64)
    }

    /// A log that was begun anew holds nothing of before, for good.
    fn notice(&mut self) {
        let status = &self.process.cache.status()[0];
        let is_down = matches!(status.state, DeviceState::Down { .. });
        self.was_down |= is_down;
        // One that was never found is looked for first, and begun anew then.
        if self.was_down && status.state == DeviceState::Up {
            self.was_down = false;
            self.say(format_args!("begun anew"));
            let model = &mut *self.model.borrow_mut();
            model.totals.back += 1;
            model.safe.clear();
            model.expected.clear();
            for held in model.held.values_mut() {
                held.floor = held.newest;
                held.safe_floor = held.newest;
            }
        }
    }

    async fn store(&mut self, key: u64, variant: u64, bytes: usize, kills: bool) {
        self.versions += 1;
        let like = Like {
            key,
            variant,
            version: self.versions,
            bytes,
        };
        let cache = self.process.cache.clone();
        let object = like.object(self.budget, self.now);
        if kills {
            // As memory does with what replaces a variant.
            drop(cache.kill(like.key(), Some(object.variant_bits()), KillForce::Hard));
        }
        cache.offer(&object, true);
        let is_taken = object.disk_page() != 0;
        self.say(format_args!(
            "store {like:?} kills {kills}: page {}",
            object.disk_page()
        ));
        let model = &mut *self.model.borrow_mut();
        let held = model.held.entry((key, variant)).or_default();
        held.touched += 1;
        if kills || is_taken {
            held.floor = held.newest;
        }
        held.newest = like.version;
        if is_taken {
            held.taken.insert(like.version, bytes);
        }
    }

    /// Every variant of every key is read, as far as the device goes on.
    async fn ask_all(&mut self) {
        for key in 0..KEYS {
            for variant in 0..VARIANTS {
                self.read_one(key, variant).await;
                self.device.step();
            }
        }
    }

    async fn read(&mut self) {
        let (key, variant) = self.some();
        self.read_one(key, variant).await;
    }

    async fn read_one(&mut self, key_: u64, variant: u64) {
        let (cache, model, story) = (
            self.process.cache.clone(),
            self.model.clone(),
            self.story.clone(),
        );
        let life = self.device.life();
        let device = self.device.clone();
        let read = async move {
            let selects = |object: &Object| Like::of(object).variant == variant;
            let object = cache.read(key(key_), &selects, &|_| {}).await;
            if device.life() != life {
                return;
            }
            let model = &mut *model.borrow_mut();
            let Some(object) = object else {
                model.totals.misses += 1;
                return;
            };
            let like = Like::of(&object);
            let _ = writeln!(story.borrow_mut(), "read {like:?}");
            assert_eq!((like.key, like.variant), (key_, variant));
            let held = &model.held[&(key_, variant)];
            if like.version <= held.floor {
                let inner = cache.logs[0].inner.borrow();
                let found: Vec<_> = inner.places.find(key(key_)).collect();
                eprintln!(
                    "page {} of {found:?}, slots {:?}",
                    object.disk_page(),
                    inner.slots
                );
            }
            assert!(
                like.version > held.floor,
                "{like:?} was killed or replaced: {held:?}"
            );
            assert_eq!(held.taken.get(&like.version), Some(&like.bytes));
            if object.facts.is_fresh(cache.logs[0].now.get()) {
                assert!(like.version > held.soft, "{like:?} is stale: {held:?}");
            } else {
                assert!(
                    like.version <= held.soft_ever,
                    "{like:?} is fresh: {held:?}"
                );
            }
            model.totals.hits += 1;
        };
        rt::spawn(read, self.failed());
        breathe().await;
    }

    fn kill(&mut self) {
        let (key_, variant) = self.some();
        let of = (!self.dice.once_in(3)).then_some(variant);
        let force = match self.dice.once_in(3) {
            true => KillForce::Soft,
            false => KillForce::Hard,
        };
        let bits = of.map(|variant| variant_bits(variant, variant != 0));
        let (cache, model) = (self.process.cache.clone(), self.model.clone());
        let before = self.all_records();
        let noted = || cache.logs[0].inner.borrow().kills.noted.count;
        let noted_before = noted();
        let kept = cache.kill(key(key_), bits, force);
        // Otherwise it waits for an older one at most.
        let is_noted = noted() > noted_before;
        let mut killed = Vec::new();
        for (name, held) in &mut model.borrow_mut().held {
            if name.0 == key_ && of.is_none_or(|of| of == name.1) {
                held.touched += 1;
                match force {
                    KillForce::Hard => held.floor = held.newest,
                    KillForce::Soft => {
                        held.soft = held.newest;
                        held.soft_ever = held.newest;
                    }
                }
                killed.push((*name, held.newest));
            }
        }
        let waits = !self.dice.once_in(4);
        self.say(format_args!("kill {key_} {of:?} {force:?}, waits: {waits}"));
        if !waits {
            return;
        }
        let (life, device, story) = (self.device.life(), self.device.clone(), self.story.clone());
        let wait = async move {
            let result = kept.await;
            if device.life() != life {
                return;
            }
            let _ = writeln!(story.borrow_mut(), "kill {killed:?}: {result:?}");
            let model = &mut *model.borrow_mut();
            if result.is_err() {
                model.totals.refused += 1;
                return;
            }
            model.totals.acknowledged += 1;
            for (name, newest) in killed {
                let held = model.held.entry(name).or_default();
                let floor = match force {
                    KillForce::Hard => &mut held.safe_floor,
                    KillForce::Soft => &mut held.safe_soft,
                };
                *floor = newest.max(*floor);
            }
            // Where it was noted, all that was written before is safe with it.
            if is_noted {
                model.safe.extend(before);
            }
        };
        rt::spawn(wait, self.failed());
    }

    /// What the index has now.
    fn all_records(&self) -> Vec<Safe> {
        let model = self.model.borrow();
        let log = &self.process.cache.logs[0];
        let inner = log.inner.borrow();
        let mut out = Vec::new();
        for (name, held) in &model.held {
            let bits = variant_bits(name.1, name.1 != 0);
            for found in inner.places.find(key(name.0)) {
                let slot = log.layout.slot_of(found.page) as usize;
                if found.variant == bits && !found.soft {
                    out.push(Safe {
                        name: *name,
                        page: found.page,
                        seq: inner.slots[slot].seq,
                        touched: held.touched,
                    });
                }
            }
        }
        out
    }

    fn edict(&mut self) {
        self.versions += 1;
        let id = self.versions;
        let model = self.model.clone();
        model.borrow_mut().edicts.insert(id);
        // Those that were refused before are noted again when the device is back.
        let known = model.borrow().edicts.clone();
        // Some are long, so that areas fill up.
        let mut statement = id.to_le_bytes().to_vec();
        if self.dice.once_in(2) {
            statement = statement.repeat(1000);
        }
        let before = self.all_records();
        let kept = self.process.cache.edict(statement, &snapshot(&self.model));
        self.say(format_args!("edict {id}"));
        let (life, device, story) = (self.device.life(), self.device.clone(), self.story.clone());
        let wait = async move {
            let result = kept.await;
            if device.life() == life {
                let _ = writeln!(story.borrow_mut(), "edict {id}: {result:?}");
                if result.is_ok() {
                    let model = &mut *model.borrow_mut();
                    model.safe_edicts.extend(known);
                    // It was written behind all that was there.
                    model.safe.extend(before);
                }
            }
        };
        rt::spawn(wait, self.failed());
    }

    async fn tick(&mut self, ms: u64) {
        self.now.0 += ms;
        let snapshot = snapshot(&self.model);
        self.process.cache.tick(self.now, &snapshot);
        breathe().await;
    }

    /// The keeper does something. `false`: it had nothing to do.
    async fn news(&mut self) -> bool {
        let snapshot = snapshot(&self.model);
        if self.has_faults && self.restart.is_some() && self.dice.once_in(16) {
            self.say(format_args!("the keeper fails"));
            self.restart = None;
            let why = "the keeper can't read it".to_owned();
            let failed = DiskNews::Failed { log: ID, why };
            self.process.cache.adopt(failed, &snapshot);
            return true;
        }
        if let Some(restart) = &mut self.restart {
            let Some(news) = restart.next(&self.device) else {
                self.restart = None;
                return true;
            };
            let is_last = matches!(news, DiskNews::Recovered { .. } | DiskNews::Failed { .. });
            self.heed(&news);
            self.process.cache.adopt(news, &snapshot);
            if is_last {
                self.restart = None;
                self.check_safe();
            }
            breathe().await;
            return true;
        }
        let Ok(order) = self.process.orders.try_recv() else {
            return false;
        };
        if matches!(order, super::super::Order::Recover { .. }) {
            self.restart = Some(Restart::new(&self.device));
        }
        self.say(format_args!("{order:?}"));
        let superblock = superblock(self.segments);
        let breaks = self.dice.once_in(6);
        let layout = superblock.layout();
        let done = self
            .scribe
            .take(order, &self.device, &layout, &superblock, breaks);
        if let Some(news) = done {
            self.say(format_args!("{news:?}"));
            self.process.cache.adopt(news, &snapshot);
        }
        breathe().await;
        true
    }

    /// Of the letters: the edicts that were found.
    fn heed(&mut self, news: &DiskNews) {
        match news {
            DiskNews::Head {
                edicts, slots, seq, ..
            } => {
                self.say(format_args!(
                    "head {seq} of {slots:?}, edicts lost: {}",
                    edicts.lost
                ));
                let model = &mut *self.model.borrow_mut();
                let bytes = edicts.payloads.concat();
                let found: BTreeSet<u64> = bytes
                    .chunks_exact(8)
                    .map(|id| u64::from_le_bytes(id.try_into().unwrap()))
                    .collect();
                if !edicts.lost {
                    assert!(
                        model.safe_edicts.is_subset(&found),
                        "edicts {:?} are gone",
                        model.safe_edicts.difference(&found).collect::<Vec<_>>()
                    );
                }
                model.edicts.extend(found);
                // What the circle has overwritten, or was about to, need not be found.
                let layout = superblock(self.segments).layout();
                model.expected.retain(|safe| {
                    let slot = layout.slot_of(safe.page) as usize;
                    slots[slot].seq == safe.seq
                });
            }
            DiskNews::Recovered { unreadable, .. } => {
                self.say(format_args!("recovered, unreadable {unreadable}"));
                if *unreadable > 0 {
                    self.model.borrow_mut().expected.clear();
                }
            }
            news => self.say(format_args!("{news:?}")),
        }
    }

    /// All that was safe before the crash is in the index again, unless something happened to it.
    fn check_safe(&mut self) {
        let safe = std::mem::take(&mut self.model.borrow_mut().expected);
        let log = self.process.cache.logs[0].clone();
        for one in safe {
            let model = &mut *self.model.borrow_mut();
            let slot = log.layout.slot_of(one.page) as usize;
            let is_there = log.inner.borrow().slots[slot].seq == one.seq;
            let is_same = model.held[&one.name].touched == one.touched
                && !model.damaged.contains(&(one.page, one.seq));
            if !is_there || !is_same || self.is_spoilt || self.was_down || self.had_fault {
                model.totals.gone += 1;
                continue;
            }
            // At its page, or written once more since.
            let bits = variant_bits(one.name.1, one.name.1 != 0);
            let inner = log.inner.borrow();
            let mut found = inner.places.find(key(one.name.0));
            let is_found = found.any(|found| found.variant == bits);
            assert!(is_found, "{one:?} is not found any more");
            model.totals.found_again += 1;
            model.safe.insert(one);
        }
    }

    fn fault(&mut self) {
        match self.dice.below(8) {
            0 => self.device.fault(Fault::ReadOnly),
            1 => self.device.fault(Fault::Full),
            2 => self.device.fault(Fault::Gone),
            3 => self.device.fault(Fault::Unreadable),
            4 => {
                let n = self.dice.below(4) as u64;
                self.device.fail_in(n, libc::EIO);
            }
            _ => self.device.fault(Fault::None),
        }
        self.had_fault = true;
        self.say(format_args!("a fault"));
    }

    /// Something happens to a record that is safe, or to a footer.
    fn damage(&mut self) {
        let layout = superblock(self.segments).layout();
        let records: Vec<Safe> = self.model.borrow().safe.iter().copied().collect();
        if records.is_empty() || self.dice.once_in(4) {
            let slot = self.dice.below(self.segments as usize) as u32;
            let last = layout.slot_at(slot) + u64::from(SEGMENT_BYTES) - 512;
            self.device.flip(last + self.dice.below(512) as u64, 3);
            self.say(format_args!("a bit of the last page of slot {slot}"));
            return;
        }
        let one = records[self.dice.below(records.len())];
        let at = layout.page_at(one.page);
        if self.dice.once_in(4) {
            self.device.spoil(at);
            self.is_spoilt = true;
        } else {
            let within = self.dice.below(200) as u64;
            self.device.flip(at + within, self.dice.below(8) as u8);
        }
        let model = &mut *self.model.borrow_mut();
        model.totals.damaged += 1;
        model.damaged.insert((one.page, one.seq));
        let _ = writeln!(self.story.borrow_mut(), "damage to {one:?}");
    }

    /// Numbers of a life that ends.
    fn collect(&mut self) {
        let status = &self.process.cache.status()[0];
        let totals = &mut self.model.borrow_mut().totals;
        totals.downs += status.failures;
        totals.reinserted += status.reinserted;
        totals.checkpoints += status.checkpoints;
        totals.turned += status.written_bytes / u64::from(SEGMENT_BYTES);
    }

    async fn crash(&mut self) {
        self.say(format_args!("crash: {:?}", self.process.cache.status()));
        self.notice();
        self.collect();
        self.forget_missing();
        {
            // What is left of the life before was not checked, and what happened to it is not known.
            let model = &mut *self.model.borrow_mut();
            model.expected = std::mem::take(&mut model.safe);
            if self.was_down {
                model.expected.clear();
            }
        }
        self.had_fault = false;
        self.device.crash();
        self.was_down = false;
        self.device.at_once(self.dice.once_in(4));
        {
            let model = &mut *self.model.borrow_mut();
            model.totals.crashes += 1;
            // The new process knows those that are found.
            model.edicts.clear();
            for held in model.held.values_mut() {
                held.floor = held.safe_floor;
                held.soft = held.safe_soft;
            }
        }
        self.now.0 += 5000;
        // The last process's memory is never given back.
        self.budget = Budget::new(self.budget.limit());
        self.process = Process::start(&self.device, self.budget, false, self.now);
        self.restart = Some(Restart::new(&self.device));
        self.scribe = Scribe::default();
        breathe().await;
    }

    /// What was taken out since, as it could not be read or was overwritten, need not be found.
    fn forget_missing(&mut self) {
        let log = self.process.cache.logs[0].clone();
        let model = &mut *self.model.borrow_mut();
        model.safe.retain(|safe| {
            let found = log.still(key(safe.name.0), safe.page);
            found.is_some_and(|found| !found.soft)
        });
    }
}

/// All edicts that are in force.
fn snapshot(model: &Rc<RefCell<Model>>) -> impl Fn() -> Vec<u8> {
    let model = model.clone();
    move || {
        let model = model.borrow();
        model
            .edicts
            .iter()
            .flat_map(|id| id.to_le_bytes())
            .collect()
    }
}
