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

mod deeds;
mod lives;
mod model;

use super::kit::*;
use crate::rt;
use crate::rt::disk::simulated::{Dice, Fault, SimulatedDisk};
use crate::store::arena::Budget;
use crate::store::disk::{DeviceState, Suits};
use crate::store::object::Object;
use model::{Model, Totals};
use ringside_engine::time::Mono;
use std::cell::{Cell, RefCell};
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
    /// Pages that can't be read for a time.
    unreadable: Vec<u64>,
    /// The device failed in this life, and records were taken out as they could not be read.
    had_fault: bool,
    has_failed: Rc<Cell<bool>>,
    /// This history has faults of the device, damage of the medium.
    has_faults: bool,
    has_damage: bool,
    /// And the damage is also to what says where segments are.
    has_lost_ends: bool,
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
            unreadable: Vec::new(),
            had_fault: false,
            has_failed: Rc::default(),
            has_faults: dice.once_in(3),
            has_damage: dice.once_in(4),
            has_lost_ends: dice.once_in(2),
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
            let any = |_: &Object| Suits::Yes;
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
