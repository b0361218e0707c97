//! The index against a simple model, the rules of eviction one by one, and the memory it takes.

use super::*;
use crate::store::evict::{Left, SMALL_SHARE, STEPS_MAX, USES_MAX};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::num::NonZeroU64;
use proptest::prelude::*;

#[derive(Debug)]
struct Item {
    key: Key,
    cost: usize,
    touched: Cell<u8>,
    asked: Cell<usize>,
}

impl Entry for Rc<Item> {
    fn key(&self) -> Key {
        self.key
    }

    fn cost(&self) -> usize {
        self.cost
    }

    fn take_uses(&self) -> u8 {
        self.asked.set(self.asked.get() + 1);
        self.touched.take()
    }
}

fn item(key: Key, cost: usize) -> Rc<Item> {
    Rc::new(Item {
        key,
        cost,
        touched: Cell::new(0),
        asked: Cell::new(0),
    })
}

/// Keys as a keyed hash would make them.
fn key(n: u64) -> Key {
    let mut writer = crate::key::KeyWriter::new(crate::key::Seed([5, 6]));
    writer.bytes(&n.to_le_bytes());
    writer.finish()
}

/// Keys that differ only where the table does not look: all in one place of it.
fn crowded(n: u64) -> Key {
    Key(u128::from(n / 2) << 64 | u128::from(n % 2 * 0x8000_0000))
}

/// The same in the plainest way: lists, searched from end to end.
struct Model {
    /// By age, the oldest first.
    small: VecDeque<(u32, Rc<Item>)>,
    main: VecDeque<(u32, Rc<Item>)>,
    /// By insertion, the newest first.
    all: Vec<(u32, Rc<Item>)>,
    /// Uses left, of what is in main.
    left: BTreeMap<u32, u32>,
    /// Small's part of the bytes, of 2^32.
    part: u128,
    /// Evicted from small and main, lately.
    gone: [u32; 2],
    is_full: bool,
}

impl Default for Model {
    fn default() -> Model {
        Model {
            small: VecDeque::new(),
            main: VecDeque::new(),
            all: Vec::new(),
            left: BTreeMap::new(),
            part: (1 << 32) / 10,
            gone: [1, 1],
            is_full: false,
        }
    }
}

impl Model {
    fn bytes(list: &VecDeque<(u32, Rc<Item>)>) -> usize {
        list.iter().map(|(_, item)| item.cost).sum()
    }

    fn drop(&mut self, slot: u32) {
        self.small.retain(|(held, _)| *held != slot);
        self.main.retain(|(held, _)| *held != slot);
        self.all.retain(|(held, _)| *held != slot);
        self.left.remove(&slot);
    }

    /// S3-FIFO as the head of evict.rs tells it. Where `known`, the ghost remembers the key.
    fn insert(&mut self, slot: u32, item: Rc<Item>, known: Option<Left>, budget: usize) {
        let sum = Self::bytes(&self.small) + Self::bytes(&self.main);
        if let Some(left) = known {
            let [small, main] = self.gone.map(u128::from);
            let step = ((item.cost as u128) << 32) / sum.max(1) as u128;
            let whole = 1_u128 << 32;
            self.part = match left {
                Left::Small => self.part + (step * small.max(main) / small).min(whole),
                Left::Main => self
                    .part
                    .saturating_sub((step * small.max(main) / main).min(whole)),
            };
            self.part = self.part.clamp(whole / 20, whole / 10 * 9);
        }
        let filling = !self.is_full && Self::bytes(&self.small) > budget / SMALL_SHARE;
        // The new one is counted already.
        let is_small = item.cost < sum / (self.all.len() + 1) / 2;
        self.all.insert(0, (slot, item.clone()));
        if known.is_some() || filling {
            self.left.insert(slot, u32::from(is_small));
            self.main.push_back((slot, item));
        } else {
            self.small.push_back((slot, item));
        }
    }

    /// The victim, and where it came from.
    fn evict(&mut self, budget: usize) -> Option<(u32, Rc<Item>, Left)> {
        self.is_full = true;
        for step in 0..=STEPS_MAX {
            let (small, main) = (Self::bytes(&self.small), Self::bytes(&self.main));
            let share = (((small + main).min(budget) as u128 * self.part) >> 32) as usize;
            let from_small = small > share || self.main.is_empty();
            let list = if from_small {
                &mut self.small
            } else {
                &mut self.main
            };
            let (slot, item) = list.pop_front()?;
            let used = u32::from(item.touched.take());
            let mean = (small + main) / self.all.len();
            let is_small = item.cost < mean / 2;
            let price = match item.cost {
                _ if is_small => 1,
                cost if cost / 8 > mean => 3,
                _ => 2,
            };
            let uses = (self.left.get(&slot).copied().unwrap_or(0) + used).min(USES_MAX);
            let left = if from_small {
                (used >= price).then_some(u32::from(is_small))
            } else if is_small && used > 0 {
                Some(uses)
            } else {
                uses.checked_sub(1)
            };
            if let (Some(left), true) = (left, step < STEPS_MAX) {
                self.left.insert(slot, left);
                self.main.push_back((slot, item));
                continue;
            }
            self.gone[usize::from(!from_small)] += 1;
            if self.gone.iter().sum::<u32>() as usize > self.all.len().max(2) {
                self.gone = self.gone.map(|gone| (gone / 2).max(1));
            }
            self.left.remove(&slot);
            self.all.retain(|(held, _)| *held != slot);
            let from = if from_small { Left::Small } else { Left::Main };
            return Some((slot, item, from));
        }
        unreachable!("the last step takes what it finds")
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64, usize),
    Touch(usize, u8),
    Remove(usize),
    RemoveAll(u64),
    Evict,
    RemoveStale(u32),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        10 => (0_u64..24, 0_usize..200).prop_map(|(key, cost)| Step::Insert(key, cost)),
        8 => (any::<usize>(), 1..=USES_MAX as u8).prop_map(|(n, uses)| Step::Touch(n, uses)),
        3 => any::<usize>().prop_map(Step::Remove),
        1 => (0_u64..24).prop_map(Step::RemoveAll),
        6 => Just(Step::Evict),
        1 => (0_u32..64).prop_map(Step::RemoveStale),
        1 => Just(Step::Clear),
    ];
    proptest::collection::vec(step, 0..300)
}

fn ids(list: impl IntoIterator<Item = (u32, Rc<Item>)>) -> Vec<u32> {
    list.into_iter().map(|(slot, _)| slot).collect()
}

fn check(index: &Index<Rc<Item>>, model: &Model, keys: &[Key], entries_max: usize) {
    let sum: usize = model.all.iter().map(|(_, item)| item.cost).sum();
    assert_eq!(index.bytes(), sum, "bytes are the sum of the costs");
    assert_eq!(index.len(), model.all.len());
    assert_eq!(index.is_empty(), model.all.is_empty());
    let [small, main] = index.queues.walk(&index.slab);
    assert_eq!(
        small,
        (ids(model.small.clone()), Model::bytes(&model.small)),
        "small, in order"
    );
    assert_eq!(
        main,
        (ids(model.main.clone()), Model::bytes(&model.main)),
        "main, in order"
    );
    for key in keys {
        let found = index
            .variants(*key)
            .map(|(slot, item)| (slot.0, Rc::as_ptr(item)));
        let want = model.all.iter().filter(|(_, item)| item.key == *key);
        let want = want.map(|(slot, item)| (*slot, Rc::as_ptr(item)));
        assert!(found.eq(want), "the variants of {key:?}, the newest first");
    }
    let mut all: Vec<u32> = index.iter().map(|(slot, _)| slot.0).collect();
    let mut want = ids(model.all.clone());
    all.sort_unstable();
    want.sort_unstable();
    assert_eq!(all, want, "each entry once in the walk over all");
    let (used, free, listed) = index.slab.census();
    assert_eq!(used, model.all.len());
    assert_eq!(free, listed, "every empty slot is on the free list");
    assert!(used + free <= entries_max, "slots are used again");
    let heads: usize = index.tables.iter().map(HashTable::len).sum();
    let mut distinct: Vec<Key> = model.all.iter().map(|(_, item)| item.key).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(
        heads,
        distinct.len(),
        "one place in the tables for each key"
    );
    let bound = (entries_max / 8).next_power_of_two().max(8) * 8;
    assert!(
        index.queues.ghost().capacity() <= bound,
        "the ghost is bounded by what was stored"
    );
}

fn run(steps: Vec<Step>, budget: usize, key: fn(u64) -> Key) {
    let mut index = Index::new(budget);
    let mut model = Model::default();
    let keys: Vec<Key> = (0..24).map(key).collect();
    let mut entries_max = 0;
    for step in steps {
        let nth = |n: usize| model.all.get(n % model.all.len().max(1)).cloned();
        match step {
            Step::Insert(n, cost) => {
                let known = index.queues.ghost().knows(Where::of(key(n)).mark);
                let item = item(key(n), cost);
                let Slot(slot) = index.insert(item.clone());
                let once = index.queues.ghost().knows(Where::of(key(n)).mark);
                assert_eq!(once, None, "known once");
                model.insert(slot, item, known, budget);
                entries_max = entries_max.max(model.all.len());
            }
            Step::Touch(n, uses) => {
                if let Some((_, item)) = nth(n) {
                    item.touched.set(uses);
                }
            }
            Step::Remove(n) => {
                if let Some((slot, item)) = nth(n) {
                    let removed = index.remove(Slot(slot)).unwrap();
                    assert!(Rc::ptr_eq(&removed, &item));
                    assert!(index.remove(Slot(slot)).is_none(), "once");
                    model.drop(slot);
                }
            }
            Step::RemoveAll(n) => {
                let mut removed = Vec::new();
                index.remove_all(key(n), |item| removed.push(Rc::as_ptr(&item)));
                let of_key: Vec<_> = model
                    .all
                    .iter()
                    .filter(|(_, item)| item.key == key(n))
                    .cloned()
                    .collect();
                let want: Vec<_> = of_key.iter().map(|(_, item)| Rc::as_ptr(item)).collect();
                assert_eq!(removed, want);
                of_key.iter().for_each(|(slot, _)| model.drop(*slot));
            }
            Step::Evict => {
                // The model reads and clears the same bits: let it see them first, then give
                // them back.
                let touched: Vec<_> = model
                    .all
                    .iter()
                    .map(|(_, item)| (item.clone(), item.touched.get()))
                    .collect();
                let want = model.evict(budget);
                touched
                    .iter()
                    .for_each(|(item, was)| item.touched.set(*was));
                let got = index.evict();
                assert_eq!(
                    got.as_ref().map(Rc::as_ptr),
                    want.as_ref().map(|(_, item, _)| Rc::as_ptr(item))
                );
                if let Some((_, item, from)) = want {
                    let known = index.queues.ghost().knows(Where::of(item.key).mark);
                    assert_eq!(known, Some(from), "remembered");
                }
            }
            Step::RemoveStale(slot) => {
                if !model.all.iter().any(|(held, _)| *held == slot) {
                    assert!(
                        index.remove(Slot(slot)).is_none(),
                        "an empty slot stays empty"
                    );
                }
            }
            Step::Clear => {
                let mut count = 0;
                index.clear(|_| count += 1);
                assert_eq!(count, model.all.len());
                model = Model::default();
                entries_max = 0;
                assert_eq!(index.queues.ghost().capacity(), 0);
            }
        }
        check(&index, &model, &keys, entries_max);
    }
}

proptest! {
    // A failure prints its smallest list of steps, and keeps its seed under proptest-regressions.

    #[test]
    fn the_index_does_what_the_model_does(steps in steps(), budget in 0_usize..4000) {
        run(steps, budget, key);
    }

    #[test]
    fn and_so_it_does_when_all_keys_crowd_one_place(steps in steps(), budget in 0_usize..4000) {
        run(steps, budget, crowded);
    }
}

fn fill(index: &mut Index<Rc<Item>>, keys: core::ops::Range<u64>, cost: usize) {
    for n in keys {
        index.insert(item(key(n), cost));
    }
}

fn evicted(index: &mut Index<Rc<Item>>, count: usize) -> Vec<Key> {
    (0..count).map(|_| index.evict().unwrap().key).collect()
}

#[test]
fn what_is_never_used_goes_in_the_order_it_came() {
    let mut index = Index::new(100_000);
    fill(&mut index, 0..10, 100);
    assert_eq!(
        evicted(&mut index, 10),
        (0..10).map(key).collect::<Vec<_>>()
    );
    assert!(index.evict().is_none());
    assert_eq!((index.bytes(), index.len()), (0, 0));
}

#[test]
fn what_is_used_survives_a_scan() {
    let mut index = Index::new(10_000);
    let hot: Vec<_> = (0..50).map(|n| item(key(n), 100)).collect();
    for item in &hot {
        index.insert(item.clone());
    }
    for n in 1000..21_000 {
        hot.iter().for_each(|item| item.touched.set(USES_MAX as u8));
        while index.bytes() + 100 > 10_000 {
            index.evict();
        }
        index.insert(item(key(n), 100));
    }
    let kept = hot
        .iter()
        .filter(|item| index.variants(item.key).next().is_some())
        .count();
    assert_eq!(
        kept, 50,
        "20,000 objects asked for once push out nothing that is in use"
    );
}

#[test]
fn what_comes_back_soon_enters_main() {
    let mut index = Index::new(1000);
    index.insert(item(key(1), 100));
    index.evict();
    let Slot(slot) = index.insert(item(key(1), 100));
    let [small, main] = index.queues.walk(&index.slab);
    assert_eq!((small.0.len(), main.0), (0, [slot].to_vec()));
    // So does what main let go.
    index.evict();
    let Slot(slot) = index.insert(item(key(1), 100));
    let [small, main] = index.queues.walk(&index.slab);
    assert_eq!((small.0.len(), main.0), (0, [slot].to_vec()));
}

#[test]
fn one_use_is_enough_for_the_small_alone() {
    let mut index = Index::new(1 << 30);
    let costs = [(0, 10), (1, 100), (2, 100), (3, 190)];
    let all = costs.map(|(n, cost)| item(key(n), cost));
    for item in &all {
        index.insert(item.clone());
        item.touched.set(1);
    }
    all[2].touched.set(2);
    assert_eq!(evicted(&mut index, 2), [key(1), key(3)]);
    let [small, main] = index.queues.walk(&index.slab);
    assert_eq!((small.0, main.0), (Vec::new(), [0, 2].to_vec()));
}

#[test]
fn uses_pay_for_rounds_in_main() {
    let mut index = Index::new(1 << 30);
    let all: Vec<_> = (0..20).map(|n| item(key(n), 100)).collect();
    for item in &all {
        index.insert(item.clone());
        item.touched.set(2);
    }
    // Those used have moved to main, where they have no use left.
    assert_eq!(evicted(&mut index, 1), [key(0)]);
    all[1].touched.set(2);
    all[3].touched.set(1);
    let order = evicted(&mut index, 19);
    let turn = |n| order.iter().position(|went| *went == key(n));
    assert!(turn(2) < turn(4) && turn(4) < turn(17));
    assert!(
        turn(17) < turn(3) && turn(3) < turn(1),
        "one round for each use"
    );
}

#[test]
fn the_first_filling_goes_to_main() {
    let mut index = Index::new(1000);
    fill(&mut index, 0..10, 100);
    let bytes = |index: &Index<_>| index.queues.walk(&index.slab).map(|(_, bytes)| bytes);
    assert_eq!(bytes(&index), [200, 800]);
    evicted(&mut index, 2);
    fill(&mut index, 10..12, 100);
    // Small gave both; what came then is small's.
    assert_eq!(bytes(&index), [200, 800]);
}

#[test]
fn small_grows_when_what_it_let_go_comes_back() {
    let mut index = Index::new(10_000);
    let hold = |index: &mut Index<Rc<Item>>, n: u64| {
        if index.variants(key(n)).next().is_none() {
            while index.bytes() + 100 > 10_000 {
                index.evict();
            }
            index.insert(item(key(n), 100));
        }
    };
    (0..100).for_each(|n| hold(&mut index, n));
    let small = |index: &Index<Rc<Item>>| index.queues.walk(&index.slab)[0].1;
    let before = small(&index);
    // Each new one is asked for again when thirty others have come: later than small remembers.
    for n in 1000..4000_u64 {
        hold(&mut index, n);
        hold(&mut index, n - 30);
    }
    assert!(small(&index) > before * 2, "{before}, {}", small(&index));
}

#[test]
fn small_keeps_its_share_of_what_is_stored() {
    // The budget is far away: connections have it. What counts is a tenth of the bytes here.
    let mut index = Index::new(1 << 30);
    let hot: Vec<_> = (0..18).map(|n| item(key(n), 100)).collect();
    for item in &hot {
        index.insert(item.clone());
        item.touched.set(USES_MAX as u8);
    }
    index.insert(item(key(100), 100));
    // All that was used has moved on; small is within its 190 bytes, so main gives its oldest.
    assert_eq!(evicted(&mut index, 1), [key(0)]);
    let bytes = |index: &Index<_>| index.queues.walk(&index.slab).map(|(_, bytes)| bytes);
    assert_eq!(bytes(&index), [100, 1700]);
    index.insert(item(key(101), 100));
    index.insert(item(key(102), 100));
    // 300 of 2000, then 200 of 1900: small gives until it is within its share again.
    assert_eq!(evicted(&mut index, 3), [key(100), key(101), key(1)]);
    assert_eq!(bytes(&index), [100, 1600]);
}

#[test]
fn one_eviction_looks_at_few_entries() {
    let mut index = Index::new(100_000);
    let all: Vec<_> = (0..1000).map(|n| item(key(n), 100)).collect();
    for item in &all {
        index.insert(item.clone());
        item.touched.set(USES_MAX as u8);
    }
    assert!(index.evict().is_some());
    let asked: usize = all.iter().map(|item| item.asked.get()).sum();
    assert_eq!(asked, STEPS_MAX + 1);
}

#[test]
fn the_ghost_remembers_about_as_many_as_are_stored() {
    let mut index = Index::new(usize::MAX);
    let stored = 10_000;
    fill(&mut index, 0..stored, 1);
    for n in stored..stored * 4 {
        index.insert(item(key(n), 1));
        index.evict();
    }
    let last = stored * 3;
    let known = |from, to| {
        (from..to)
            .filter(|n| {
                index
                    .queues
                    .ghost()
                    .knows(Where::of(key(*n)).mark)
                    .is_some()
            })
            .count()
    };
    // Its buckets fill unevenly, so a few of the last are gone and a few of the first are not.
    assert!(known(last - stored / 2, last) > 4900, "the last are known");
    assert!(known(0, stored / 2) < 500, "the first are forgotten");
    assert!(index.queues.ghost().capacity() <= 2 * stored as usize);
}

#[test]
fn the_ghost_keeps_what_it_knows_when_it_grows() {
    let mut index = Index::new(usize::MAX);
    fill(&mut index, 0..60, 1);
    evicted(&mut index, 20);
    let before = index.queues.ghost().capacity();
    let known = |index: &Index<Rc<Item>>| -> Vec<u64> {
        (0..20)
            .filter(|n| {
                index
                    .queues
                    .ghost()
                    .knows(Where::of(key(*n)).mark)
                    .is_some()
            })
            .collect()
    };
    let held = known(&index);
    assert!(held.len() > 15);
    fill(&mut index, 100..2000, 1);
    evicted(&mut index, 1);
    assert!(index.queues.ghost().capacity() > before * 8);
    assert_eq!(known(&index), held);
}

/// As small as an entry can be: a pointer's size, and a value that it never has.
struct Tiny(NonZeroU64);

impl Entry for Tiny {
    fn key(&self) -> Key {
        key(self.0.get())
    }

    fn cost(&self) -> usize {
        1
    }

    fn take_uses(&self) -> u8 {
        0
    }
}

#[test]
fn an_entry_costs_at_most_forty_bytes_beside_itself() {
    let mut index = Index::new(usize::MAX);
    let mut worst = (0.0_f64, 0);
    for n in 1..=1_000_000_u64 {
        index.insert(Tiny(NonZeroU64::new(n).unwrap()));
        // Now and then an eviction, so that the ghost grows as well.
        if n % 5000 == 0 {
            index.evict();
            let beside = index.allocated_bytes() - index.len() * size_of::<Tiny>();
            let each = beside as f64 / index.len() as f64;
            if n >= 50_000 && each > worst.0 {
                worst = (each, n);
            }
        }
    }
    let at_the_end = (index.allocated_bytes() - index.len() * 8) as f64 / index.len() as f64;
    std::println!(
        "worst {:.1} bytes at {} entries, {at_the_end:.1} at a million",
        worst.0,
        worst.1
    );
    assert!(worst.0 <= 40.0, "{worst:?}");
    assert!(at_the_end >= 20.0, "the count is not of nothing");
}
