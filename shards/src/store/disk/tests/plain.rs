//! The disk cache as it goes when nothing is amiss.

use super::super::{Behind, DeviceState, DiskCache, DiskNews, Opening, Order, Suits};
use super::kit::*;
use crate::rt::disk::simulated::{Fault, SimulatedDisk};
use crate::rt::disk::TestFile;
use crate::rt::{self, Disk, Pages, Part, Waiting};
use crate::store::arena::Budget;
use crate::store::memory::Memory;
use crate::store::object::Object;
use ringside_engine::key::Key;
use ringside_engine::store::disk::layout::SUPERBLOCKS_AT;
use ringside_engine::store::disk::{KillForce, Superblock};
use ringside_engine::time::Mono;
use std::future::IntoFuture;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn like(key: u64, version: u64, bytes: usize) -> Like {
    Like {
        key,
        variant: 0,
        version,
        bytes,
    }
}

pub(super) async fn read(cache: &Rc<DiskCache>, key: u64) -> Option<Arc<Object>> {
    let (any, room) = (|_: &Object| Suits::Yes, |_: usize| {});
    cache.read(super::kit::key(key), &any, &room).await
}

pub(super) fn no_edicts() -> Vec<u8> {
    Vec::new()
}

/// What the superblock on a device says.
pub(super) fn superblock_on(device: &SimulatedDisk) -> Superblock {
    Superblock::read(&device.look(0, 128 * 1024).unwrap()).unwrap()
}

/// Ticks until everything given is done.
pub(super) async fn settle(cache: &Rc<DiskCache>, now: &mut Mono) {
    for _ in 0..6 {
        now.0 += 600;
        cache.tick(*now, &no_edicts);
        breathe().await;
    }
}

/// A simulated device, and a process that uses it.
struct Scene {
    device: Rc<SimulatedDisk>,
    budget: &'static Budget,
    now: Mono,
    process: Process,
}

impl Scene {
    /// A new log of six segments, ready to be written, and so much memory.
    async fn new(memory: usize) -> Scene {
        let device = device(SEGMENTS, 1);
        let budget = Budget::new(memory);
        let now = Mono(1000);
        let process = Process::start(&device, budget, true, now);
        let mut scene = Scene {
            device,
            budget,
            now,
            process,
        };
        scene.settle().await;
        scene
    }

    fn cache(&self) -> &Rc<DiskCache> {
        &self.process.cache
    }

    fn object(&self, key: u64, bytes: usize) -> Arc<Object> {
        like(key, 1, bytes).object(self.budget, self.now)
    }

    /// Gives an object to the disk.
    fn offer(&self, key: u64, bytes: usize) -> Arc<Object> {
        let object = self.object(key, bytes);
        self.cache().offer(&object, true);
        object
    }

    async fn settle(&mut self) {
        settle(&self.process.cache, &mut self.now).await;
    }

    /// Reads it in a task of its own.
    fn ask(&self, key: u64) -> Waiting<Option<Arc<Object>>> {
        let cache = self.cache().clone();
        let (sender, waiting) = rt::oneshot();
        let read = async move { sender.send(read(&cache, key).await) };
        rt::spawn(read, || {});
        waiting
    }

    /// The process is gone; another one begins to look for what is there.
    fn crash(&mut self) -> Restart {
        self.device.crash();
        self.process = Process::start(&self.device, self.budget, false, self.now);
        Restart::new(&self.device)
    }
}

/// Segments of its log.
const SEGMENTS: u32 = 6;

/// Closes, with a keeper that writes the last checkpoint.
pub(super) async fn close(process: &Process, device: &SimulatedDisk) {
    let cache = process.cache.clone();
    let (sender, mut waiting) = rt::oneshot();
    let close = async move {
        cache.close().await;
        sender.send(());
    };
    rt::spawn(close, || {});
    let mut scribe = Scribe::default();
    for _ in 0..1000 {
        let wait = rt::within(Duration::from_millis(1), &mut waiting);
        if wait.await.is_some() {
            return;
        }
        for order in process.orders.try_iter() {
            let superblock = superblock_on(device);
            let layout = superblock.layout();
            if let Some(news) = scribe.take(order, device, &layout, &superblock, false) {
                process.cache.adopt(news, &no_edicts);
            }
        }
    }
    panic!("it did not close");
}

#[test]
fn objects_come_back_from_a_real_file() {
    let superblock = superblock(8);
    let file = TestFile::new("log", superblock.total_bytes);
    let inside = file.0.clone();
    rt::run(async move {
        let disk = Disk::open(&inside, 0, superblock.total_bytes, true).unwrap();
        let page = Part::whole(Pages::of(&superblock.encode()).unwrap());
        for at in SUPERBLOCKS_AT {
            disk.write(at, page.clone()).await.unwrap();
        }
        let budget = Budget::new(16 << 20);
        let opening = Opening {
            id: ID,
            path: "a file".to_owned(),
            position: 0,
            sign: None,
            disk: disk.clone(),
            superblock: superblock.clone(),
            is_new: true,
            reads_max: 4,
        };
        let cache = DiskCache::new(vec![opening], budget, None, Mono(1000));
        let mut now = Mono(1000);
        while cache.status()[0].filled_segments == 0 {
            now.0 += 10;
            cache.tick(now, &no_edicts);
            rt::sleep(Duration::from_millis(1)).await;
        }
        for (n, bytes) in [0, 10, 5000, 20_000, 40_000].into_iter().enumerate() {
            let object = like(n as u64, 1, bytes).object(budget, now);
            // Until the segment that it needs is ready.
            while object.disk_page() == 0 {
                cache.offer(&object, false);
                rt::sleep(Duration::from_millis(1)).await;
            }
            assert!(cache.find(object.key()));
            // From the staging, or from the file.
            let back = read(&cache, n as u64).await.unwrap();
            assert_eq!(Like::of(&back), like(n as u64, 1, bytes));
            assert_eq!(back.disk_page(), object.disk_page());
            let wait = cache.kill(key(999), None, KillForce::Hard);
            assert!(wait.is_kept(), "there was nothing to kill");
        }
        let staged = cache.status()[0].staged_hits;
        // Behind all that was written before.
        let edict = cache.edict(b"something".to_vec(), &no_edicts);
        edict.await.unwrap();
        for n in 0..5 {
            let back = read(&cache, n).await.unwrap();
            assert_eq!(Like::of(&back).key, n);
        }
        let status = &cache.status()[0];
        assert_eq!(status.staged_hits, staged, "the rest came from the file");
        assert_eq!((status.checksum_errors, status.records), (0, 5));
        cache.kill(key(3), None, KillForce::Hard).await.unwrap();
        assert!(!cache.find(key(3)));
        assert!(read(&cache, 3).await.is_none());
        cache.close().await;
    })
    .unwrap();
}

#[test]
fn what_was_closed_is_found_after_a_restart_and_kills_hold() {
    rt::run(async {
        let mut scene = Scene::new(16 << 20).await;
        for n in 0..8 {
            scene.offer(n, 3000);
        }
        scene.cache().kill(key(2), None, KillForce::Hard);
        scene.cache().kill(key(3), Some(0), KillForce::Soft);
        let statement = scene.cache().edict(b"all".to_vec(), &|| b"all".to_vec());
        statement.await.unwrap();
        close(&scene.process, &scene.device).await;
        assert_eq!(scene.cache().status()[0].checkpoints, 1);
        let mut restart = scene.crash();
        let mut edicts = Vec::new();
        while let Some(news) = restart.next(&scene.device) {
            if let DiskNews::Head { edicts: found, .. } = &news {
                edicts.clone_from(&found.payloads);
            }
            scene.cache().adopt(news, &no_edicts);
            breathe().await;
        }
        assert!(edicts.concat().ends_with(b"all"));
        assert_eq!(scene.cache().status()[0].state, DeviceState::Up);
        for n in 0..8 {
            let back = read(scene.cache(), n).await;
            assert_eq!(back.is_some(), n != 2, "{n}");
            let is_fresh = back.is_some_and(|back| back.facts.is_fresh(scene.now));
            assert_eq!(is_fresh, n != 2 && n != 3, "{n}");
        }
    })
    .unwrap();
}

#[test]
fn the_circle_goes_around_and_keeps_what_is_used() {
    rt::run(async {
        let mut scene = Scene::new(16 << 20).await;
        for n in 0..200 {
            scene.offer(n, 6000);
            scene.settle().await;
            let popular = read(scene.cache(), 0).await.expect("it is used");
            assert_eq!(Like::of(&popular), like(0, 1, 6000));
        }
        let status = &scene.cache().status()[0];
        // Once in each lap.
        assert!(status.reinserted >= 4, "{status:?}");
        assert!(status.overwritten_age_ms > 0);
        assert!(!scene.cache().find(key(1)), "overwritten");
        assert!(scene.cache().find(key(199)));
        assert!(status.records < 60);
        assert!(status.written_bytes > status.admitted_bytes);
        assert_eq!(status.checksum_errors, 0);
    })
    .unwrap();
}

#[test]
fn identical_reads_are_one() {
    rt::run(async {
        let mut scene = Scene::new(16 << 20).await;
        scene.offer(1, 6000);
        scene.settle().await;
        let before = scene.cache().status()[0].reads;
        scene.device.at_once(false);
        let all = [(); 5].map(|()| scene.ask(1));
        breathe().await;
        assert_eq!(scene.device.pending(), 1);
        scene.device.step();
        for waiting in all {
            assert!(waiting.await.unwrap().is_some());
        }
        let status = &scene.cache().status()[0];
        assert_eq!((status.reads - before, status.shared_reads), (1, 4));
    })
    .unwrap();
}

#[test]
fn of_two_keys_with_one_tag_each_gets_its_own() {
    rt::run(async {
        let mut scene = Scene::new(16 << 20).await;
        let object = scene.offer(1, 6000);
        scene.settle().await;
        scene.device.at_once(false);
        // Tags are of the lower half.
        let keys = [object.key(), Key(object.key().0 ^ 1 << 100)];
        let mut all = Vec::new();
        for key in keys {
            let cache = scene.cache().clone();
            let (sender, waiting) = rt::oneshot();
            let found = async move {
                let (any, room) = (|_: &Object| Suits::Yes, |_: usize| {});
                sender.send(cache.read(key, &any, &room).await.map(|found| found.key()));
            };
            rt::spawn(found, || {});
            all.push((key, waiting));
        }
        breathe().await;
        while scene.device.step() {
            breathe().await;
        }
        for (key, waiting) in all {
            let found = waiting.await.unwrap();
            assert_eq!(found, (key == object.key()).then_some(key));
        }
    })
    .unwrap();
}

#[test]
fn reads_reserve_their_memory_and_a_look_counts_as_no_use() {
    rt::run(async {
        let mut scene = Scene::new(1 << 20).await;
        for key in [1, 2] {
            scene.offer(key, 20_000);
        }
        scene.settle().await;
        let before = scene.budget.used();
        scene.device.at_once(false);
        let all = [1, 2].map(|key| scene.ask(key));
        breathe().await;
        assert!(scene.budget.used() >= before + 2 * 20_000);
        while scene.device.step() {
            breathe().await;
        }
        for waiting in all {
            assert!(waiting.await.unwrap().is_some());
        }
        assert_eq!(scene.budget.used(), before);
        scene.device.at_once(true);
        let hits = scene.cache().status()[0].hits;
        let (any, room) = (|_: &Object| Suits::Yes, |_: usize| {});
        let uses = |object: Option<Arc<Object>>| object.map(|object| object.disk_uses());
        let key = super::kit::key(1);
        for _ in 0..2 {
            assert_eq!(uses(scene.cache().look(key, &any, &room).await), Some(1));
        }
        assert_eq!(scene.cache().status()[0].hits, hits);
    })
    .unwrap();
}

#[test]
fn a_large_read_that_waits_is_not_passed_by_small_ones() {
    rt::run(async {
        let mut scene = Scene::new(1 << 20).await;
        // Two of the large ones may be read at the same time; a small one would fit beside them.
        for (key, bytes) in [(1, 50_000), (2, 50_000), (3, 50_000), (4, 3000)] {
            scene.offer(key, bytes);
            scene.settle().await;
        }
        scene.device.at_once(false);
        let [one, two, mut three, mut four] = [1, 2, 3, 4].map(|key| scene.ask(key));
        breathe().await;
        assert_eq!(scene.device.pending(), 2);
        for steps in [1, 2] {
            (0..steps).for_each(|_| assert!(scene.device.step()));
            breathe().await;
        }
        let moment = Duration::from_millis(1);
        assert!(rt::within(moment, &mut four).await.is_none());
        assert!(rt::within(moment, &mut three).await.flatten().is_some());
        while scene.device.step() {
            breathe().await;
        }
        for waiting in [one, two, four] {
            assert!(waiting.await.flatten().is_some());
        }
    })
    .unwrap();
}

#[test]
fn who_goes_away_leaves_its_place_to_the_next() {
    rt::run(async {
        let mut scene = Scene::new(1 << 20).await;
        for key in 1..=4 {
            scene.offer(key, 50_000);
            scene.settle().await;
        }
        let before = scene.budget.used();
        scene.device.at_once(false);
        // Two that read, and two that wait, of which one is given up.
        let first = [1, 2].map(|key| scene.ask(key));
        let (any, room) = (|_: &Object| Suits::Yes, |_: usize| {});
        let read = scene.cache().read(super::kit::key(3), &any, &room);
        let read = rt::within(Duration::from_millis(1), Box::pin(read)).await;
        assert!(read.is_none());
        let last = scene.ask(4);
        breathe().await;
        while scene.device.step() {
            breathe().await;
        }
        for waiting in first.into_iter().chain([last]) {
            assert!(waiting.await.flatten().is_some());
        }
        assert_eq!(scene.budget.used(), before);
    })
    .unwrap();
}

#[test]
fn what_is_copied_before_it_is_evicted_counts_as_nothing_dropped() {
    rt::run(async {
        let scene = Scene::new(16 << 20).await;
        let object = scene.object(1, 6000);
        object.touch();
        let cache = scene.cache();
        assert!(matches!(cache.write_behind(&object), Behind::Wrote(_)));
        assert_eq!(cache.write_behind(&object), Behind::Nothing);
        let mut n = 2;
        let full = loop {
            let next = scene.object(n, 20_000);
            next.touch();
            match cache.write_behind(&next) {
                Behind::Wrote(_) => n += 1,
                other => break other,
            }
        };
        assert_eq!(full, Behind::Full);
        let status = &cache.status()[0];
        assert_eq!(status.dropped.iter().sum::<u64>() + status.unused, 0);
    })
    .unwrap();
}

#[test]
fn as_long_as_not_all_is_found_anything_may_come_back() {
    rt::run(async {
        let mut scene = Scene::new(16 << 20).await;
        let key = super::kit::key(9);
        assert!(!scene.cache().may_come_back(key));
        let mut restart = scene.crash();
        assert!(scene.cache().may_come_back(key) && !scene.cache().find(key));
        while let Some(news) = restart.next(&scene.device) {
            scene.cache().adopt(news, &no_edicts);
        }
        assert!(!scene.cache().may_come_back(key));
    })
    .unwrap();
}

#[test]
fn a_device_that_hangs_goes_down_and_nobody_waits_for_it() {
    rt::run(async {
        let mut scene = Scene::new(16 << 20).await;
        let object = scene.offer(1, 6000);
        scene.settle().await;
        scene.device.at_once(false);
        let found = scene.ask(1);
        breathe().await;
        let kept = scene
            .cache()
            .kill(object.key(), None, KillForce::Soft)
            .into_future();
        let (sender, noted) = rt::oneshot();
        rt::spawn(async move { sender.send(kept.await.is_ok()) }, || {});
        breathe().await;
        let mut ticks = 0;
        while matches!(scene.cache().status()[0].state, DeviceState::Up) && ticks < 40 {
            // Longer pauses are the process's own.
            scene.now.0 += 60_000;
            scene.cache().tick(scene.now, &no_edicts);
            ticks += 1;
        }
        assert!((30..=31).contains(&ticks), "{ticks}");
        assert!(found.await.unwrap().is_none());
        assert_eq!(noted.await, Some(false));
        let state = &scene.cache().status()[0].state;
        assert!(matches!(state, DeviceState::Down { .. }), "{state:?}");
        scene.device.at_once(true);
        while scene.device.step() {
            breathe().await;
        }
    })
    .unwrap();
}

#[test]
fn what_is_being_replaced_is_not_written_once_more() {
    rt::run(async {
        let mut scene = Scene::new(16 << 20).await;
        let mut memory = Memory::new(scene.budget, Some(scene.cache().clone()));
        let (old, new) = (scene.object(1, 3000), like(1, 2, 3000));
        memory.put(old.clone(), 1);
        scene.settle().await;
        // What a new version does before it is stored; it waits until the kill is on the medium.
        let bits = old.variant_bits();
        let kept = scene.cache().kill(old.key(), Some(bits), KillForce::Hard);
        memory.keep_off_disk(old.key(), bits);
        // Meanwhile time goes on.
        memory.write_behind(0, 100, 1 << 20);
        scene.settle().await;
        kept.await.unwrap();
        assert!(!scene.cache().find(old.key()));
        memory.put(new.object(scene.budget, scene.now), 1);
        scene.settle().await;
        let found = read(scene.cache(), 1).await.unwrap();
        assert_eq!(Like::of(&found), new);
    })
    .unwrap();
}

#[test]
fn a_soft_purge_is_as_long_ago_at_each_read() {
    rt::run(async {
        let mut scene = Scene::new(16 << 20).await;
        scene.offer(1, 3000);
        scene.settle().await;
        let kept = scene.cache().kill(key(1), None, KillForce::Soft);
        kept.await.unwrap();
        let mut fresh_for = Vec::new();
        for _ in 0..3 {
            let found = read(scene.cache(), 1).await.unwrap();
            assert!(!found.facts.is_fresh(scene.now));
            fresh_for.push(found.facts.lifetime);
            scene.now.0 += 100_000;
            scene.cache().tick(scene.now, &no_edicts);
        }
        assert_eq!(fresh_for, [0, 0, 0]);
    })
    .unwrap();
}

/// Until the keeper was given its order to end a checkpoint, or for some ticks.
async fn ends(scene: &mut Scene) -> bool {
    for _ in 0..6 {
        scene.settle().await;
        let orders: Vec<Order> = scene.process.orders.try_iter().collect();
        if orders
            .iter()
            .any(|order| matches!(order, Order::End { .. }))
        {
            return true;
        }
    }
    false
}

#[test]
fn a_checkpoint_counts_only_when_what_it_misses_is_safe() {
    rt::run(async {
        let mut scene = Scene::new(16 << 20).await;
        scene.offer(1, 3000);
        scene.settle().await;
        scene.device.at_once(false);
        drop(scene.cache().kill(key(1), None, KillForce::Hard));
        scene.now.0 += 61_000;
        assert!(!ends(&mut scene).await, "the kill is not on the medium");
        scene.device.at_once(true);
        while scene.device.step() {
            breathe().await;
        }
        assert!(ends(&mut scene).await);
    })
    .unwrap();
}

#[test]
fn a_stop_makes_a_checkpoint_whatever_the_keeper_was_doing() {
    rt::run(async {
        let mut scene = Scene::new(16 << 20).await;
        scene.offer(1, 3000);
        scene.settle().await;
        // One is under way, of which the keeper has taken nothing.
        scene.now.0 += 61_000;
        scene.settle().await;
        scene.offer(2, 3000);
        close(&scene.process, &scene.device).await;
        assert_eq!(scene.cache().status()[0].checkpoints, 1);
        let mut restart = scene.crash();
        let mut entries = 0;
        while let Some(news) = restart.next(&scene.device) {
            if let DiskNews::Recovered { walked, .. } = &news {
                entries = walked.entries;
            }
            scene.cache().adopt(news, &no_edicts);
        }
        assert_eq!(entries, 2);
    })
    .unwrap();
}

#[test]
fn a_checkpoint_that_could_not_be_begun_is_made_a_minute_later() {
    rt::run(async {
        let mut scene = Scene::new(16 << 20).await;
        let mut generations = Vec::new();
        for _ in 0..2 {
            if generations.is_empty() {
                scene.offer(1, 3000);
            }
            scene.now.0 += 61_000;
            scene.settle().await;
            let orders: Vec<Order> = scene.process.orders.try_iter().collect();
            let Some(Order::Begin { generation, .. }) = orders.first() else {
                panic!("none was begun: {orders:?}");
            };
            generations.push(*generation);
            let failed = DiskNews::Written {
                log: ID,
                generation: *generation,
                ok: false,
            };
            scene.cache().adopt(failed, &no_edicts);
        }
        assert_eq!(generations, [1, 3], "of the same area, and not the same");
    })
    .unwrap();
}

#[test]
fn each_failure_and_each_return_is_told_and_now_and_then_that_it_lasts() {
    rt::run(async {
        let mut scene = Scene::new(16 << 20).await;
        let mut told = Vec::new();
        for round in 0..2 {
            scene.device.fault(Fault::Gone);
            scene.offer(round, 6000);
            scene.settle().await;
            scene.device.fault(Fault::None);
            scene.now.0 += 30_000;
            scene.settle().await;
            told.extend(scene.cache().take_messages());
        }
        let [first, back, second, again] = &told[..] else {
            panic!("{told:?}");
        };
        for failed in [first, second] {
            assert!(failed.contains("going on without it"), "{told:?}");
        }
        for back in [back, again] {
            assert!(back.ends_with("is back, and begins empty"), "{told:?}");
        }
        scene.device.fault(Fault::Gone);
        scene.offer(2, 6000);
        scene.settle().await;
        assert_eq!(scene.cache().take_messages().len(), 1);
        // Twenty-five minutes.
        for _ in 0..300 {
            scene.now.0 += 5000;
            scene.cache().tick(scene.now, &no_edicts);
            breathe().await;
        }
        let told = scene.cache().take_messages();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|line| line.contains("is still down: ")));
    })
    .unwrap();
}
