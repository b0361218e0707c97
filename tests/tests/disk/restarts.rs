//! Over a stop, a crash, a crash on the way up, and another number of shards.

use super::{
    always, auto, check_disk, crash, entity, expect_from_disk, restart, settle_on_disk, used,
};
use super::{KIB, MIB};
use ringside_tests::{pattern, Ask, Setup, Stage};

const OBJECTS: usize = 60;

fn body(number: usize) -> Vec<u8> {
    // Most are small; some have fragments.
    let bytes = match number % 20 {
        19 => 2 * MIB + number,
        n => 50 + n * 3000,
    };
    pattern(bytes, number as u64)
}

fn path(number: usize) -> String {
    format!("/{number}")
}

/// Publishes all objects, and asks for each `uses` times more than once.
#[track_caller]
fn store(stage: &Stage, uses: usize) {
    let mut client = stage.client();
    for number in 0..OBJECTS {
        let entity = entity(body(number), &number.to_string());
        stage.origin.publish(&path(number), &entity);
        used(&mut client, &Ask::get(&path(number)), uses);
    }
}

/// Records that these objects make, with an outline each for the larger ones.
fn records() -> usize {
    let of = |number: usize| super::records_of(body(number).len());
    (0..OBJECTS).map(of).sum()
}

/// Fails unless every object is a hit with the right bytes.
#[track_caller]
fn expect_all(stage: &Stage) {
    let asked = stage.origin.total();
    let mut client = stage.client();
    for number in 0..OBJECTS {
        let reply = client.get(&path(number));
        reply.expect_hit().expect_body(body(number));
    }
    assert_eq!(stage.origin.total(), asked);
}

#[test]
fn after_a_stop_in_order_all_that_was_used_is_warm() {
    check_disk(&[1, 2], &auto(), |stage| {
        store(stage, 1);
        for _ in 0..3 {
            restart(stage);
            expect_all(stage);
        }
    });
}

#[test]
fn after_a_crash_what_was_on_disk_is_warm() {
    check_disk(&[1, 2], &always(), |stage| {
        store(stage, 0);
        settle_on_disk(stage, records());
        for _ in 0..3 {
            crash(stage);
            stage.ringside.wait_until_recovered();
            expect_all(stage);
        }
    });
}

#[test]
fn what_is_popular_goes_to_disk_before_memory_gives_it_up() {
    // So that a crash costs little.
    check_disk(&[1, 2], &auto(), |stage| {
        store(stage, 3);
        settle_on_disk(stage, records());
        crash(stage);
        stage.ringside.wait_until_recovered();
        expect_all(stage);
    });
}

#[test]
fn a_crash_on_the_way_up_costs_nothing_that_was_not_asked_for() {
    const CRASHES: usize = 6;
    check_disk(&[1, 2], &always(), |stage| {
        store(stage, 0);
        settle_on_disk(stage, records());
        crash(stage);
        for number in 0..CRASHES {
            // At once, and after questions that come while it is still looking.
            for number in 0..number {
                let reply = stage.get(&path(number));
                reply.expect(200).expect_body(body(number));
            }
            crash(stage);
        }
        stage.ringside.wait_until_recovered();
        // What was asked for was perhaps fetched anew, and that lost with the crash.
        let mut client = stage.client();
        for number in 0..OBJECTS {
            let reply = client.get(&path(number));
            reply.expect(200).expect_body(body(number));
            assert!(reply.is_hit() || number < CRASHES, "{number}");
        }
    });
}

#[test]
fn it_serves_while_it_looks_for_what_it_had() {
    check_disk(&[1, 2], &always(), |stage| {
        store(stage, 0);
        settle_on_disk(stage, records());
        crash(stage);
        let mut client = stage.client();
        for number in (0..OBJECTS).rev() {
            // From disk or from the origin.
            let reply = client.get(&path(number));
            reply.expect(200).expect_body(body(number));
        }
        stage.ringside.wait_until_recovered();
        expect_all(stage);
    });
}

#[test]
fn time_goes_on_while_it_is_off() {
    check_disk(&[1, 2], &always(), |stage| {
        let aged = entity("aged", "a").field("Age", "20").whole();
        stage.origin.on("/a", aged);
        let old = entity("old", "b").field("Age", "59").whole();
        stage.origin.on("/b", old);
        let begun = std::time::Instant::now();
        stage.get("/a").expect(200);
        stage.get("/b").expect(200);
        settle_on_disk(stage, 2);
        restart(stage);
        // Its second is over, on the clock of the server that is off too.
        ringside_tests::wait_until("a second to pass", || begun.elapsed().as_millis() > 1100);
        let reply = stage.get("/a");
        expect_from_disk(&reply).expect_body("aged");
        let most = 20 + begun.elapsed().as_secs() + 1;
        assert!((21..=most).contains(&reply.age()), "Age {}", reply.age());
        stage.origin.on("/b", entity("new", "c").whole());
        stage.get("/b").expect(200).expect_body("new");
    });
}

/// A configuration with a disk of one size for all shards together.
fn of_shards(stage: &Stage, shards: usize) -> String {
    let setup = Setup::new()
        .memory("128MiB")
        .route("cache.disk = \"always\"");
    let disk = "\n[disk]\npath = \"SCRATCH/disk\"\nsize = \"400MiB\"\n";
    setup.more(disk).text(shards, stage.origin.port())
}

/// Stops in order, and starts with so many shards.
#[track_caller]
fn change_shards(stage: &mut Stage, shards: usize) {
    assert!(stage.ringside.stop().success());
    let config = of_shards(stage, shards);
    stage.ringside.start_again(Some(&config));
    stage.ringside.wait_until_recovered();
}

#[test]
fn another_number_of_shards_is_no_fault() {
    for (from, to) in [(1, 2), (2, 1), (2, 4)] {
        check_disk(&[from], &always(), |stage| {
            stage.ringside.stop();
            let _ = std::fs::remove_dir_all(stage.ringside.disk_path());
            let first = of_shards(stage, from);
            stage.ringside.start_again(Some(&first));
            store(stage, 0);
            change_shards(stage, to);
            let mut hits = 0;
            for number in 0..OBJECTS {
                let reply = stage.get(&path(number));
                reply.expect(200).expect_body(body(number));
                hits += usize::from(reply.is_hit());
            }
            // Half of the keys have the same home, give or take some.
            assert!(hits >= OBJECTS / 4, "{hits} of {OBJECTS} were kept");
            // It is a disk as any other now.
            restart(stage);
            expect_all(stage);
        });
    }
}

#[test]
fn what_is_purged_where_a_key_lives_for_a_time_stays_purged() {
    for number in [1, 3] {
        check_disk(&[2], &always(), |stage| {
            stage.ringside.stop();
            let _ = std::fs::remove_dir_all(stage.ringside.disk_path());
            let first = of_shards(stage, 2);
            stage.ringside.start_again(Some(&first));
            store(stage, 0);
            settle_on_disk(stage, records());
            change_shards(stage, number);
            // Of those that are purged, none is asked for before.
            let is_purged = |number: &usize| number % 3 == 0;
            for number in (0..OBJECTS).filter(is_purged) {
                let url = format!("http://ringside.test{}", path(number));
                stage.ringside.purge(&url).expect(200);
                let entity = entity(format!("new {number}"), "new");
                stage.origin.publish(&path(number), &entity);
            }
            let mut stayed = Vec::new();
            for number in (0..OBJECTS).filter(|number| !is_purged(number)) {
                let reply = stage.get(&path(number));
                reply.expect(200).expect_body(body(number));
                // Fragments have homes of their own.
                if reply.is_hit() && number % 20 != 19 {
                    stayed.push(number);
                }
            }
            assert!(stayed.len() > OBJECTS / 6, "{stayed:?}");
            change_shards(stage, 2);
            for number in 0..OBJECTS {
                let reply = stage.get(&path(number));
                match is_purged(&number) {
                    true => reply.expect(200).expect_body(format!("new {number}")),
                    false => reply.expect(200).expect_body(body(number)),
                };
                if stayed.contains(&number) {
                    expect_from_disk(&reply);
                }
            }
        });
    }
}

#[test]
fn a_disk_grows_and_shrinks() {
    let sized = |stage: &Stage, mib: usize| {
        let setup = auto().route("cache.disk = \"always\"");
        setup.disk_each(mib).text(stage.shards, stage.origin.port())
    };
    check_disk(&[1, 2], &always(), |stage| {
        store(stage, 0);
        for mib in [super::DISK_EACH_MIB * 2, super::DISK_EACH_MIB] {
            assert!(stage.ringside.stop().success());
            let before = sized(stage, mib);
            stage.ringside.start_again(Some(&before));
            stage.ringside.wait_until_recovered();
            let size = stage.ringside.disk("size_bytes") as usize;
            let most = mib * stage.shards * MIB;
            assert!(
                (most / 2..=most).contains(&size),
                "{size} for {mib} MiB each"
            );
            for number in 0..OBJECTS {
                let reply = stage.get(&path(number));
                reply.expect(200).expect_body(body(number));
            }
            expect_all(stage);
        }
        restart(stage);
        expect_all(stage);
    });
}

#[test]
fn unsealed_segments_are_found_again_after_many_crashes() {
    // Each life leaves an open segment behind it.
    check_disk(&[1, 2], &always(), |stage| {
        let lives = 3;
        for life in 0..lives {
            for number in 0..10 {
                let path = format!("/{life}/{number}");
                let entity = entity(pattern(20 * KIB, life * 10 + number), "t");
                stage.origin.publish(&path, &entity);
                stage.get(&path).expect(200);
            }
            settle_on_disk(stage, 10 * (life as usize + 1));
            crash(stage);
            stage.ringside.wait_until_recovered();
        }
        for life in 0..lives {
            for number in 0..10 {
                let reply = stage.get(&format!("/{life}/{number}"));
                reply.expect_hit();
                reply.expect_body(pattern(20 * KIB, life * 10 + number));
            }
        }
    });
}
