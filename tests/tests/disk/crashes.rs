//! The contract under kill -9: rounds of load on one store, each ended by a crash at some moment.
//!
//! Every content tells its URL and version by its bytes, so that a wrong one shows wherever it comes
//! from. For each URL there is a floor: the least version that may still be seen. It rises when a
//! purge was answered, and when a reload was answered in full; a crash does not lower it.
//!
//! ```text
//! RINGSIDE_SEED=n    begin with this seed
//! RINGSIDE_ROUNDS=n  so many rounds
//! ```

mod content;
mod load;
mod world;

use super::{auto, MEMORY_EACH_MIB, MIB};
use content::Dice;
use load::Load;
use ringside_tests::{Ask, Origin, Ringside, Setup};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use world::World;

const ROUNDS: u64 = 50;
const SHARDS: usize = 2;
const CLIENTS: u64 = 5;
/// URLs that are asked for after a start, of those that were stored before.
const SAMPLE: usize = 60;
/// The longest load of a round.
const ROUND_MS_MAX: usize = 600;
/// What must be warm in the mean, or the disk is of no use; far below what is seen.
const WARM_PERCENT_MIN: usize = 25;

/// How a round ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// In order, when the load is over.
    Stopped,
    /// In the midst of it.
    Killed,
}

#[test]
fn nothing_wrong_and_nothing_old_after_any_crash() {
    // Nearly half of the places: those that begin so.
    let always = "\n[[sites.routes]]\npath = \"/1\"\norigin = \"app\"\ncache.disk = \"always\"\n";
    let warm = crash_again_and_again(&auto().more(always), ROUNDS, true);
    if !warm.is_empty() {
        let mean = warm.iter().sum::<usize>() / warm.len();
        println!("{mean} % warm in the mean of {} starts", warm.len());
        assert!(mean >= WARM_PERCENT_MIN, "{mean} % warm");
    }
}

#[test]
fn nor_is_there_without_a_disk() {
    // What is asked of memory alone: the same, without anything to come back.
    let setup = Setup::new().memory_each(MEMORY_EACH_MIB);
    crash_again_and_again(&setup, ROUNDS / 10, false);
}

/// Rounds of load and an end each. Gives how warm it was after each start, in percent.
fn crash_again_and_again(setup: &Setup, rounds: u64, has_disk: bool) -> Vec<usize> {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(value) => value.parse().expect("a number"),
        Err(_) => default,
    };
    let seed = number("RINGSIDE_SEED", 1);
    let rounds = number("RINGSIDE_ROUNDS", rounds);
    let told = OnPanic(seed);
    let origin = Origin::start();
    let world = World::default();
    let serving = world.clone();
    origin.on_each("/*", move |received, _| serving.answer(received));
    let mut ringside = Ringside::start(&setup.text(SHARDS, origin.port()));
    let (mut dice, mut warm) = (Dice(seed), Vec::new());
    for round in 0..rounds {
        let end = match dice.percent(15) {
            true => End::Stopped,
            false => End::Killed,
        };
        play(&mut ringside, &world, &mut dice, end);
        ringside.start_again(None);
        // Sometimes it does not get far.
        while dice.percent(20) {
            std::thread::sleep(Duration::from_millis(dice.below(30) as u64));
            ringside.kill();
            ringside.start_again(None);
        }
        // Sometimes the next load does not wait until all is found.
        if has_disk && dice.percent(60) {
            ringside.wait_until_recovered();
            let percent = sample(&ringside, &world, &mut dice);
            let held = ringside.disk("records_bytes") as usize / MIB;
            println!("round {round}: {end:?}, {percent} % warm, {held} MiB on disk");
            // The first rounds have stored little.
            warm.extend((round > 3).then_some(percent));
        } else {
            println!("round {round}: {end:?}");
        }
        let stderr = ringside.stderr_text();
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
    assert!(ringside.stop().success(), "{}", ringside.stderr_text());
    if has_disk {
        let verified = ringside.verify_disk();
        let said = String::from_utf8_lossy(&verified.stdout).into_owned();
        assert!(verified.status.success(), "{said}");
    }
    println!("{world}");
    drop(told);
    warm
}

/// One round: load from all sides for a while, and the end of the server.
fn play(ringside: &mut Ringside, world: &World, dice: &mut Dice, end: End) {
    let over = AtomicBool::new(false);
    let span = Duration::from_millis(50 + dice.below(ROUND_MS_MAX - 50) as u64);
    let (port, admin) = (ringside.port(), ringside.admin());
    std::thread::scope(|scope| {
        let over = &over;
        let threads: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let dice = Dice(dice.next());
                scope.spawn(move || Load::new(world, dice, port, admin).run(over))
            })
            .collect();
        let begun = Instant::now();
        // Who ends before has failed.
        while begun.elapsed() < span && !threads.iter().any(|thread| thread.is_finished()) {
            // The length of the round, not synchronisation.
            std::thread::sleep(Duration::from_millis(1));
        }
        match end {
            End::Stopped => over.store(true, Ordering::Relaxed),
            End::Killed => {
                world.tell_all("killed");
                ringside.kill();
                over.store(true, Ordering::Relaxed);
            }
        }
        for thread in threads {
            if let Err(why) = thread.join() {
                std::panic::resume_unwind(why);
            }
        }
    });
    if let End::Stopped = end {
        world.tell_all("stopped");
        let status = ringside.stop();
        assert!(status.success(), "{status}: {}", ringside.stderr_text());
    }
}

/// How much of what was stored before is there without the origin.
fn sample(ringside: &Ringside, world: &World, dice: &mut Dice) -> usize {
    let mut client = ringside.client();
    let stored = world.stored();
    if stored.is_empty() {
        return 0;
    }
    let mut hits = 0;
    for _ in 0..SAMPLE {
        let url = stored[dice.below(stored.len())];
        let only = Ask::get(&world.path(url)).field("Cache-Control", "only-if-cached");
        let floor = world.floor(url);
        let reply = client.ask(&only);
        if reply.status != 504 {
            world.check(url, floor, &reply);
            hits += 1;
        }
    }
    100 * hits / SAMPLE
}

/// Says which seed it was.
struct OnPanic(u64);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("RINGSIDE_SEED={} begins with the same dice", self.0);
        }
    }
}
