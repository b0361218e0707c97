//! What a start finds again and what not, how a stop leaves it, and who waits for it.

use super::super::{DeviceState, DiskCache, DiskNews, LogId, Opening};
use super::kit::*;
use super::plain::{close, like, no_edicts, settle, superblock_on};
use crate::rt::disk::simulated::{Fault, SimulatedDisk};
use crate::rt::{self, Disk};
use crate::store::arena::Budget;
use ringside_engine::purge::{statement_prefix, About, Force, Purges, Verdict};
use ringside_engine::store::disk::layout::SUPERBLOCKS_AT;
use ringside_engine::store::disk::{KillForce, Superblock};
use ringside_engine::time::Mono;
use std::future::IntoFuture;
use std::rc::Rc;
use std::time::Duration;

#[test]
fn that_a_log_fell_is_on_the_other_devices_and_on_its_own() {
    let devices = [device(6, 1), device(6, 2)];
    rt::run(async {
        let budget = Budget::new(16 << 20);
        let mut now = Mono(1000);
        let openings = (0..).zip(&devices).map(|(number, device)| {
            let superblock = Superblock {
                device: number,
                ..superblock(6)
            };
            for at in SUPERBLOCKS_AT {
                device.put(at, &superblock.encode());
            }
            Opening {
                id: LogId {
                    shard: 0,
                    device: number,
                },
                path: "simulated".to_owned(),
                position: 0,
                sign: None,
                disk: Disk::simulated(device),
                superblock,
                is_new: true,
                reads_max: 2,
            }
        });
        let cache = DiskCache::new(openings.collect(), budget, None, now);
        settle(&cache, &mut now).await;
        let ups = || -> Vec<bool> {
            let status = cache.status();
            let ups = status.iter().map(|one| one.state == DeviceState::Up);
            ups.collect()
        };
        assert_eq!(ups(), [true, true]);
        // It takes no more at all: the other one knows.
        devices[0].fault(Fault::Gone);
        let edict = || cache.edict(b"one".to_vec(), &no_edicts);
        assert!(edict().await.is_err());
        settle(&cache, &mut now).await;
        assert_eq!(ups(), [false, true]);
        let held = superblock_on(&devices[0]);
        assert!(superblock_on(&devices[1]).falls.has(&held));
        assert!(!held.falls.has(&held));
        // Back and begun anew, it counts.
        devices[0].fault(Fault::None);
        for _ in 0..20 {
            settle(&cache, &mut now).await;
        }
        assert_eq!(ups(), [true, true]);
        let held = superblock_on(&devices[0]);
        assert!(!superblock_on(&devices[1]).falls.has(&held));
        // One write fails: its own superblock says so at once, long before it is tried again.
        devices[0].fail_in(0, libc::EIO);
        assert!(edict().await.is_err());
        settle(&cache, &mut now).await;
        assert_eq!(ups(), [false, true]);
        let held = superblock_on(&devices[0]);
        assert!(held.falls.has(&held));
        for _ in 0..20 {
            settle(&cache, &mut now).await;
        }
        assert_eq!(ups(), [true, true]);
        let held = superblock_on(&devices[0]);
        assert!(!held.falls.has(&held));
        assert!(!superblock_on(&devices[1]).falls.has(&held));
    })
    .unwrap();
}

#[test]
fn the_latest_time_that_is_found_is_known_from_then_on() {
    let device = device(6, 1);
    rt::run(async {
        let budget = Budget::new(16 << 20);
        let mut now = Mono(500_000);
        let process = Process::start(&device, budget, true, now);
        settle(&process.cache, &mut now).await;
        // Sealed a while after it was begun, with a checkpoint whose superblock is lost.
        let latest = superblock_on(&device).latest_ms;
        now.0 += 100_000;
        process.cache.tick(now, &no_edicts);
        close(&process, &device).await;
        for at in SUPERBLOCKS_AT {
            let held = superblock_on(&device);
            let latest_ms = latest;
            device.put(at, &Superblock { latest_ms, ..held }.encode());
        }
        device.crash();
        // The clock was set back since.
        let process = Process::start(&device, budget, false, Mono(1000));
        let mut restart = Restart::new(&device);
        while let Some(news) = restart.next(&device) {
            process.cache.adopt(news, &no_edicts);
        }
        let log = &process.cache.logs[0];
        log.note_fall(7, 1);
        breathe().await;
        assert!(superblock_on(&device).latest_ms >= now.0);
    })
    .unwrap();
}

#[test]
fn after_a_clean_stop_no_segment_is_looked_through() {
    let device = device(6, 1);
    rt::run(async {
        let budget = Budget::new(16 << 20);
        let mut now = Mono(1000);
        let mut is_new = true;
        // The segment that is open has something, or nothing, at the stop.
        for objects in [3, 0, 3] {
            let process = Process::start(&device, budget, is_new, now);
            let mut restart = Restart::new(&device);
            let mut walked = None;
            while let Some(news) = restart.next(&device) {
                if let DiskNews::Recovered { walked: found, .. } = &news {
                    walked = Some(*found);
                }
                process.cache.adopt(news, &no_edicts);
            }
            assert_eq!(walked.unwrap().scanned, 0);
            settle(&process.cache, &mut now).await;
            for n in 0..objects {
                let object = like(n, 1, 3000).object(budget, now);
                process.cache.offer(&object, true);
            }
            settle(&process.cache, &mut now).await;
            close(&process, &device).await;
            device.crash();
            is_new = false;
        }
    })
    .unwrap();
}

#[test]
fn nobody_waits_for_ever_for_a_log_that_is_not_found() {
    let device = device(6, 1);
    rt::run(async {
        let budget = Budget::new(16 << 20);
        let now = Mono(1000);
        let process = Process::start(&device, budget, false, now);
        let kept = process.cache.kill(key(1), None, KillForce::Hard);
        // The keeper says nothing.
        let kept = rt::within(Duration::from_secs(5), kept.into_future()).await;
        assert_eq!(kept.map(|kept| kept.is_err()), Some(true));
        // What it finds later is killed nevertheless, and that is noted.
        let mut restart = Restart::new(&device);
        while let Some(news) = restart.next(&device) {
            process.cache.adopt(news, &no_edicts);
        }
        let kept = process.cache.kill(key(1), None, KillForce::Hard);
        kept.await.unwrap();
        assert!(process.cache.logs[0].inner.borrow().kills.noted.safe >= 1);
    })
    .unwrap();
}

#[test]
fn a_device_that_hangs_while_a_segment_is_given_up_goes_down() {
    let device = device(4, 1);
    rt::run(async {
        let budget = Budget::new(16 << 20);
        let mut now = Mono(1000);
        let process = Process::start(&device, budget, true, now);
        settle(&process.cache, &mut now).await;
        // Until the next one that is prepared has something to be read.
        for n in 0..40 {
            let object = like(n, 1, 6000).object(budget, now);
            process.cache.offer(&object, true);
            settle(&process.cache, &mut now).await;
        }
        device.crash();
        let process = Process::start(&device, budget, false, now);
        device.at_once(false);
        let mut restart = Restart::new(&device);
        while let Some(news) = restart.next(&device) {
            process.cache.adopt(news, &no_edicts);
        }
        breathe().await;
        assert_eq!(device.pending(), 1, "that is the old segment's footer");
        let mut ticks = 0;
        while matches!(process.cache.status()[0].state, DeviceState::Up) && ticks < 40 {
            now.0 += 60_000;
            process.cache.tick(now, &no_edicts);
            breathe().await;
            ticks += 1;
        }
        assert!((30..=31).contains(&ticks), "{ticks}");
        device.at_once(true);
        while device.step() {
            breathe().await;
        }
    })
    .unwrap();
}

/// What the preparer does when there are so many shards now.
fn change_shards(device: &SimulatedDisk, shards: u16) {
    let mut superblock = superblock_on(device);
    superblock.generation += 1;
    superblock.shards = shards;
    assert_eq!(superblock.changes.change(shards), Some(0));
    for at in SUPERBLOCKS_AT {
        device.put(at, &superblock.encode());
    }
}

#[test]
fn what_lived_elsewhere_for_a_time_is_not_found_again() {
    let device = device(12, 1);
    rt::run(async {
        let budget = Budget::new(16 << 20);
        let mut now = Mono(1000);
        let is_home = |n: &u64, shards: usize| key(*n).home(shards) == 0;
        let all: Vec<u64> = (0..60).filter(|n| is_home(n, 2)).collect();
        let stays: Vec<u64> = all.iter().copied().filter(|n| is_home(n, 3)).collect();
        assert!(stays.len() > 5 && all.len() > stays.len() + 5);
        change_shards(&device, 2);
        let process = Process::start(&device, budget, true, now);
        settle(&process.cache, &mut now).await;
        // Some at a time, as a segment has room for them.
        for some in all.chunks(8) {
            for n in some {
                let object = like(*n, 1, 3000).object(budget, now);
                process.cache.offer(&object, true);
            }
            settle(&process.cache, &mut now).await;
        }
        close(&process, &device).await;
        assert_eq!(process.cache.status()[0].checkpoints, 1);
        let there = |process: &Process, of: &[u64]| -> Vec<u64> {
            let is_there = |n: &u64| process.cache.find(key(*n));
            of.iter().copied().filter(is_there).collect()
        };
        assert_eq!(there(&process, &all), all);
        let start = |shards: Option<u16>, now: Mono| {
            device.crash();
            if let Some(shards) = shards {
                change_shards(&device, shards);
            }
            let process = Process::start(&device, budget, false, now);
            let mut restart = Restart::new(&device);
            let mut entries = 0;
            while let Some(news) = restart.next(&device) {
                if let DiskNews::Recovered { walked, .. } = &news {
                    entries = walked.entries;
                }
                process.cache.adopt(news, &no_edicts);
            }
            (process, entries)
        };
        // The checkpoint does not know which keys it has; segments do.
        let (process, entries) = start(Some(3), now);
        assert_eq!((entries, there(&process, &all)), (0, stays.clone()));
        settle(&process.cache, &mut now).await;
        // Some are killed here; those that moved are killed elsewhere, or not.
        let (killed, left) = stays.split_at(2);
        for n in killed {
            let kept = process.cache.kill(key(*n), None, KillForce::Hard);
            kept.await.unwrap();
        }
        let new: Vec<u64> = (60..100).filter(|n| is_home(n, 3)).collect();
        for n in &new {
            let object = like(*n, 1, 3000).object(budget, now);
            process.cache.offer(&object, true);
            settle(&process.cache, &mut now).await;
        }
        // A crash before and after the number changes back.
        let (_, entries) = start(Some(2), now);
        assert_eq!(entries, 0);
        let (process, _) = start(None, now);
        assert_eq!(
            (there(&process, &all), there(&process, &new)),
            (left.to_vec(), new.clone())
        );
        settle(&process.cache, &mut now).await;
        process
            .cache
            .offer(&like(all[0], 2, 3000).object(budget, now), true);
        close(&process, &device).await;
        // A checkpoint of since then counts.
        let (process, entries) = start(None, now);
        assert!(entries as usize >= left.len() + new.len(), "{entries}");
        assert_eq!(there(&process, &new), new);
        assert!(there(&process, &all)
            .iter()
            .all(|n| left.contains(n) || *n == all[0]));
    })
    .unwrap();
}

/// A start of a process, to the end of what the keeper tells.
fn start(device: &Rc<SimulatedDisk>, budget: &'static Budget, now: Mono) -> Process {
    device.crash();
    let process = Process::start(device, budget, false, now);
    let mut restart = Restart::new(device);
    while let Some(news) = restart.next(device) {
        process.cache.adopt(news, &no_edicts);
    }
    process
}

#[test]
fn what_was_in_doubt_does_not_come_back_when_it_can_be_read_again() {
    let device = device(12, 1);
    rt::run(async {
        let budget = Budget::new(16 << 20);
        let mut now = Mono(1000);
        let mut process = Process::start(&device, budget, true, now);
        // Two lives, so that there is a gap in the numbers.
        for life in 0..2 {
            settle(&process.cache, &mut now).await;
            for n in life * 10..life * 10 + 10 {
                let object = like(n, 1, 9000).object(budget, now);
                process.cache.offer(&object, true);
                settle(&process.cache, &mut now).await;
            }
            process = start(&device, budget, now);
        }
        assert!(process.cache.find(key(1)));
        settle(&process.cache, &mut now).await;
        // The first segment of the second life can't be read for a time, nor its footer.
        let (layout, first) = {
            let inner = process.cache.logs[0].inner.borrow();
            let found = inner.places.find(key(10)).next().unwrap();
            let layout = process.cache.logs[0].layout;
            (layout, layout.slot_of(found.page))
        };
        let pages = [layout.slot_at(first), layout.slot_at(first + 1) - 4096];
        pages.iter().for_each(|at| device.spoil(*at));
        let process = start(&device, budget, now);
        assert!(!process.cache.find(key(1)), "it may have been purged");
        // What is purged now is not known to the index, and is noted all the same or void.
        let kept = process.cache.kill(key(1), None, KillForce::Hard);
        kept.await.unwrap();
        settle(&process.cache, &mut now).await;
        process
            .cache
            .kill(key(2), None, KillForce::Hard)
            .await
            .unwrap();
        assert!(!process.cache.may_come_back(key(3)), "it is void");
        pages.iter().for_each(|at| {
            device.heal(*at);
        });
        let process = start(&device, budget, now);
        for n in [1, 2, 3] {
            assert!(!process.cache.find(key(n)), "{n} came back");
        }
        assert!(process.cache.find(key(19)), "newer than the doubt");
    })
    .unwrap();
}

#[test]
fn where_all_was_in_doubt_all_is_void() {
    let device = device(12, 1);
    rt::run(async {
        let budget = Budget::new(16 << 20);
        let mut now = Mono(1000);
        let process = Process::start(&device, budget, true, now);
        settle(&process.cache, &mut now).await;
        for n in 0..10 {
            let object = like(n, 1, 9000).object(budget, now);
            process.cache.offer(&object, true);
            settle(&process.cache, &mut now).await;
        }
        close(&process, &device).await;
        // What is behind the newest segment, which is sealed, may have been the header of a newer.
        let (layout, next) = {
            let log = &process.cache.logs[0];
            (log.layout, log.inner.borrow().next_slot)
        };
        device.put(layout.slot_at(next), &[7; 4096]);
        let process = start(&device, budget, now);
        assert!(!process.cache.find(key(1)));
        let kept = process.cache.kill(key(1), None, KillForce::Hard);
        kept.await.unwrap();
        // That place is written over, and no doubt is left.
        settle(&process.cache, &mut now).await;
        let object = like(20, 1, 9000).object(budget, now);
        process.cache.offer(&object, true);
        settle(&process.cache, &mut now).await;
        let process = start(&device, budget, now);
        assert!((0..10).all(|n| !process.cache.find(key(n))));
        assert!(process.cache.find(key(20)));
    })
    .unwrap();
}

#[test]
fn a_log_of_which_the_keeper_says_nothing_has_failed() {
    let device = device(6, 1);
    rt::run(async {
        let budget = Budget::new(16 << 20);
        let mut now = Mono(1000);
        let process = Process::start(&device, budget, false, now);
        let is_down = || matches!(process.cache.status()[0].state, DeviceState::Down { .. });
        let mut tick = |of: u32| {
            for _ in 0..of {
                // Longer pauses are the process's own.
                now.0 += 60_000;
                process.cache.tick(now, &no_edicts);
            }
        };
        tick(25);
        let (log, done, of) = (ID, 1, 2);
        let progress = DiskNews::Progress { log, done, of };
        process.cache.adopt(progress, &no_edicts);
        tick(25);
        assert!(!is_down(), "it was heard of");
        tick(10);
        assert!(is_down());
        let kept = process.cache.kill(key(1), None, KillForce::Hard);
        assert!(kept.await.is_err());
        breathe().await;
    })
    .unwrap();
}

#[test]
fn of_many_edicts_before_the_end_is_found_one_snapshot_is_written() {
    let device = device(6, 1);
    rt::run(async {
        let budget = Budget::new(16 << 20);
        let now = Mono(1000);
        let process = Process::start(&device, budget, false, now);
        for n in 0..1000_u32 {
            drop(process.cache.edict(n.to_le_bytes().to_vec(), &no_edicts));
        }
        assert!(process.cache.logs[0].inner.borrow().edicts.pending.len() <= 64);
        let snapshot = || b"all of them".to_vec();
        let mut restart = Restart::new(&device);
        while let Some(news) = restart.next(&device) {
            process.cache.adopt(news, &snapshot);
        }
        let last = process.cache.edict(b"the last".to_vec(), &snapshot);
        last.await.unwrap();
        device.crash();
        let mut restart = Restart::new(&device);
        let Some(DiskNews::Head { edicts, .. }) = restart.next(&device) else {
            panic!("no head");
        };
        assert_eq!(edicts.payloads.concat(), b"all of themthe last");
    })
    .unwrap();
}

#[test]
fn edicts_that_do_not_fit_become_one_that_purges_more() {
    let device = device(6, 1);
    rt::run(async {
        let budget = Budget::new(16 << 20);
        let mut now = Mono(1000);
        let process = Process::start(&device, budget, true, now);
        settle(&process.cache, &mut now).await;
        let path = |n: u64| format!("/{n}/{}", "x".repeat(1000));
        let statement = |n: u64| statement_prefix(b"", path(n).as_bytes(), Force::Hard, Mono(n));
        let all = || (1..=100).flat_map(statement).collect::<Vec<u8>>();
        let kept = process.cache.edict(vec![1; 60_000], &all);
        kept.await.unwrap();
        assert_eq!(process.cache.status()[0].state, DeviceState::Up);
        device.crash();
        let mut restart = Restart::new(&device);
        let Some(DiskNews::Head { edicts, .. }) = restart.next(&device) else {
            panic!("no head");
        };
        let mut purges = Purges::new();
        assert!(!edicts.lost && edicts.payloads.iter().all(|some| purges.read(some)));
        let verdict = |born: u64, target: &str| {
            let about = About {
                host: b"h",
                target: target.as_bytes(),
                groups: b"",
            };
            purges.verdict(Mono(born), &about)
        };
        for n in 1..=100 {
            assert_eq!(verdict(n, &path(n)), Verdict::Dead);
        }
        assert_eq!(verdict(20, "/elsewhere"), Verdict::Dead);
        assert_eq!(verdict(90, "/elsewhere"), Verdict::Valid);
    })
    .unwrap();
}
