//! The index's part of the memory budget.

use super::super::{DiskCache, Dropped};
use super::kit::*;
use super::plain::{close, like, settle};
use crate::rt;
use crate::rt::disk::simulated::SimulatedDisk;
use crate::store::arena::Budget;
use ringside_engine::store::disk::KillForce;
use ringside_engine::time::Mono;
use std::rc::Rc;

/// Offers a record of one page under a key, until the log takes it or has no memory for it.
async fn store(cache: &Rc<DiskCache>, key: u64, now: &mut Mono) -> bool {
    let like = Like {
        key,
        variant: 0,
        version: 1,
        bytes: 100,
    };
    let object = like.object(Budget::new(1 << 20), *now);
    let no_memory = || cache.status()[0].dropped[Dropped::NoMemory as usize];
    let before = no_memory();
    while object.disk_page() == 0 && no_memory() == before {
        cache.offer(&object, true);
        if object.disk_page() == 0 {
            settle(cache, now).await;
        }
    }
    object.disk_page() != 0
}

/// Has a first process store records of one page under so many keys; gives the time then.
async fn fill(device: &Rc<SimulatedDisk>, keys: u64) -> Mono {
    let mut now = Mono(1000);
    let process = Process::start(device, Budget::new(16 << 20), true, now);
    settle(&process.cache, &mut now).await;
    for key in 0..keys {
        assert!(store(&process.cache, key, &mut now).await);
    }
    settle(&process.cache, &mut now).await;
    now
}

#[test]
fn the_index_is_charged_as_it_grows_and_shrinks() {
    let device = device(80, 1);
    rt::run(async move {
        let budget = Budget::new(16 << 20);
        let mut now = Mono(1000);
        let process = Process::start(&device, budget, true, now);
        let cache = &process.cache;
        settle(cache, &mut now).await;
        let (empty, least) = (budget.used(), cache.status()[0].index_bytes as usize);
        for key in 0..900 {
            assert!(store(cache, key, &mut now).await);
        }
        let grown = cache.status()[0].index_bytes as usize - least;
        assert!(grown > 900 * 12);
        let charged = budget.used() - empty;
        assert!((grown..grown + 16384).contains(&charged), "{charged}");
        for n in 0..900 {
            drop(cache.kill(key(n), None, KillForce::Hard));
        }
        settle(cache, &mut now).await;
        cache.charge_index(&|_| {});
        assert_eq!(budget.used(), empty);
    })
    .unwrap();
}

#[test]
fn without_memory_for_the_index_nothing_is_taken_until_there_is_room() {
    let device = device(80, 1);
    rt::run(async move {
        let budget = Budget::new(1 << 20);
        let mut now = Mono(1000);
        let process = Process::start(&device, budget, true, now);
        let cache = &process.cache;
        settle(cache, &mut now).await;
        let others = budget.limit() - budget.used();
        assert!(budget.charge(others));
        let mut taken = 0;
        while store(cache, taken, &mut now).await {
            taken += 1;
            assert!(taken < 900, "the index grows beside the budget");
        }
        let index_bytes = cache.status()[0].index_bytes as usize;
        assert!(index_bytes <= budget.used() - others);
        cache.charge_index(&|bytes| budget.release(bytes));
        assert!(store(cache, taken, &mut now).await);
    })
    .unwrap();
}

#[test]
fn what_makes_room_for_the_index_may_go_to_the_same_disk() {
    let device = device(80, 1);
    rt::run(async move {
        let budget = Budget::new(1 << 20);
        let mut now = Mono(1000);
        let process = Process::start(&device, budget, true, now);
        settle(&process.cache, &mut now).await;
        let others = budget.limit() - budget.used();
        assert!(budget.charge(others));
        let mut taken = 0;
        while store(&process.cache, taken, &mut now).await {
            taken += 1;
            assert!(taken < 900, "the index grows beside the budget");
        }
        let offered = || process.cache.status()[0].dropped[Dropped::NoMemory as usize];
        let before = offered();
        let like = like(taken, 1, 100);
        process.cache.charge_index(&|bytes| {
            let evicted = like.object(Budget::new(1 << 20), now);
            process.cache.offer(&evicted, true);
            budget.release(bytes);
        });
        assert_eq!(offered(), before + 1);
        assert!(store(&process.cache, taken, &mut now).await);
    })
    .unwrap();
}

#[test]
fn what_a_restart_has_no_memory_for_is_killed_for_good_all_the_same() {
    let device = device(12, 1);
    rt::run(async move {
        let mut now = fill(&device, 60).await;
        let restart = |budget, now| {
            device.crash();
            let process = Process::start(&device, budget, false, now);
            let mut restart = Restart::new(&device);
            while let Some(news) = restart.next(&device) {
                process.cache.adopt(news, &Vec::new);
                process.cache.charge_index(&|_| {});
                // It lasts.
                let later = Mono(process.cache.logs[0].now.get().0 + 2000);
                process.cache.logs[0].now.set(later);
            }
            process
        };
        let full = Budget::new(1 << 20);
        assert!(full.charge(full.limit()));
        let process = restart(full, now);
        assert!(!process.cache.find(key(0)), "it was found without memory");
        assert!(process.cache.may_come_back(key(0)));
        settle(&process.cache, &mut now).await;
        let kept = process.cache.kill(key(0), None, KillForce::Hard);
        assert!(!kept.is_kept());
        kept.await.unwrap();
        // No checkpoint leaves out what was not found.
        close(&process, &device).await;
        assert_eq!(process.cache.status()[0].checkpoints, 0);
        let process = restart(Budget::new(16 << 20), now);
        assert!(process.cache.find(key(1)), "it is there still");
        assert!(!process.cache.find(key(0)), "it was killed");
    })
    .unwrap();
}

#[test]
fn a_restart_goes_on_when_memory_was_short_for_a_moment() {
    let device = device(12, 1);
    rt::run(async move {
        let now = fill(&device, 60).await;
        device.crash();
        let budget = Budget::new(1 << 20);
        assert!(budget.charge(budget.limit()));
        let process = Process::start(&device, budget, false, now);
        let mut restart = Restart::new(&device);
        while let Some(news) = restart.next(&device) {
            process.cache.adopt(news, &Vec::new);
            process.cache.charge_index(&|_| {});
        }
        budget.release(budget.limit() / 2);
        process.cache.charge_index(&|_| {});
        assert!((0..60).all(|n| process.cache.find(key(n))));
        assert!(!process.cache.may_come_back(key(999)), "all is known");
    })
    .unwrap();
}

#[test]
fn when_the_circle_has_come_around_the_index_has_all_again() {
    let device = device(4, 1);
    rt::run(async move {
        let mut now = fill(&device, 20).await;
        device.crash();
        let budget = Budget::new(16 << 20);
        let process = Process::start(&device, budget, false, now);
        let others = budget.limit() - budget.used();
        assert!(budget.charge(others));
        let mut restart = Restart::new(&device);
        while let Some(news) = restart.next(&device) {
            process.cache.adopt(news, &Vec::new);
            process.cache.logs[0].leave_unlisted();
        }
        budget.release(others);
        let cache = &process.cache;
        assert!(cache.may_come_back(key(999)));
        let mut stored = 100;
        while cache.may_come_back(key(999)) {
            assert!(store(cache, stored, &mut now).await);
            stored += 1;
            assert!(stored < 200);
        }
        assert!(stored > 140, "not before: {stored}");
        close(&process, &device).await;
        assert_eq!(process.cache.status()[0].checkpoints, 1);
    })
    .unwrap();
}
