//! What goes to disk and what does not: the options of a route.

use super::{auto, check_disk, entity, expect_from_disk, flood, used, KIB, MIB};
use ringside_tests::{pattern, wait_until, Ask, Stage};

/// Stores a content of so many bytes and uses it so often.
#[track_caller]
fn store(stage: &Stage, path: &str, bytes: usize, uses: usize) {
    let body = pattern(bytes, bytes as u64 + 1);
    stage.origin.publish(path, &entity(body, "tag"));
    used(&mut stage.client(), &Ask::get(path), uses);
}

/// Is it on disk once memory has given it up? When not, the origin must be asked.
#[track_caller]
fn is_kept(stage: &Stage, path: &str) -> bool {
    let asked = stage.origin.count(path);
    let reply = stage.get(path);
    reply.expect(200);
    if reply.is_hit() {
        expect_from_disk(&reply);
    }
    assert_eq!(stage.origin.count(path) == asked, reply.is_hit(), "{path}");
    reply.is_hit()
}

/// Has something in every segment of every shard's disk.
#[track_caller]
fn fill_disk(stage: &Stage) {
    const BYTES: usize = 700 * KIB;
    stage.origin.on_each("/fence/*", |received, _| {
        entity(pattern(BYTES, 5), &received.target).whole()
    });
    let mut client = stage.client();
    let mut number = 0;
    wait_until("the disk to be full", || {
        for _ in 0..20 {
            let reply = client.get(&format!("/fence/fill/{number}"));
            reply.expect(200);
            number += 1;
        }
        stage.ringside.disk("admitted_bytes_total") > stage.ringside.disk("size_bytes") * 3 / 2
    });
}

#[test]
fn until_the_disk_has_been_full_everything_goes_there() {
    check_disk(&[1, 2], &auto(), |stage| {
        for number in 0..20 {
            store(stage, &format!("/{number}"), 10 * KIB, 0);
        }
        flood(stage);
        for number in 0..20 {
            assert!(is_kept(stage, &format!("/{number}")), "{number}");
        }
    });
}

#[test]
fn only_what_was_used_goes_to_a_disk_that_was_full() {
    check_disk(&[1, 2], &auto().disk_each(64), |stage| {
        fill_disk(stage);
        for number in 0..20 {
            store(stage, &format!("/{number}"), 10 * KIB, number % 2);
        }
        flood(stage);
        for number in 0..20 {
            let path = format!("/{number}");
            assert_eq!(is_kept(stage, &path), number % 2 == 1, "{path}");
        }
        wait_until("the unused ones to be counted", || {
            stage.ringside.disk("dropped_unused_total") >= 10
        });
    });
}

#[test]
fn the_operator_says_how_often_it_must_be_used() {
    check_disk(&[1, 2], &auto().route("cache.disk_uses = 3"), |stage| {
        for uses in 0..6 {
            store(stage, &format!("/{uses}"), 10 * KIB, uses);
        }
        flood(stage);
        for uses in 0..6 {
            assert_eq!(is_kept(stage, &format!("/{uses}")), uses >= 3, "{uses}");
        }
    });
    check_disk(&[1, 2], &auto().route("cache.disk_uses = 0"), |stage| {
        store(stage, "/a", 10 * KIB, 0);
        flood(stage);
        assert!(is_kept(stage, "/a"));
    });
}

#[test]
fn a_route_may_keep_off_the_disk() {
    check_disk(&[1, 2], &auto().route("cache.disk = \"never\""), |stage| {
        store(stage, "/a", 10 * KIB, 5);
        flood(stage);
        assert!(!is_kept(stage, "/a"));
        assert_eq!(stage.ringside.disk("records"), 0);
    });
}

#[test]
fn a_route_may_keep_all_of_it_on_disk() {
    check_disk(&[1, 2], &auto().route("cache.disk = \"always\""), |stage| {
        for (path, bytes) in [("/small", 10), ("/large", 3 * MIB)] {
            store(stage, path, bytes, 0);
        }
        // Both, the second one in an outline and three fragments, and before memory needs room.
        super::settle_on_disk(stage, 5);
        flood(stage);
        assert!(is_kept(stage, "/small"));
        assert!(is_kept(stage, "/large"));
    });
}

#[test]
fn larger_objects_than_the_route_allows_stay_off_the_disk() {
    for disk in ["auto", "always"] {
        let setup = auto()
            .route(&format!("cache.disk = \"{disk}\""))
            .route("cache.disk_object_max = \"300KiB\"");
        check_disk(&[1, 2], &setup, |stage| {
            let sizes = [10 * KIB, 300 * KIB, 300 * KIB + 1, 2 * MIB];
            for bytes in sizes {
                store(stage, &format!("/{bytes}"), bytes, 2);
            }
            let allowed = sizes.iter().filter(|bytes| **bytes <= 300 * KIB);
            let records = allowed.map(|bytes| super::records_of(*bytes)).sum();
            super::settle_on_disk(stage, records);
            flood(stage);
            for bytes in sizes {
                let path = format!("/{bytes}");
                assert_eq!(is_kept(stage, &path), bytes <= 300 * KIB, "{disk} {bytes}");
            }
        });
    }
}

#[test]
fn the_circle_goes_round_and_keeps_what_is_used() {
    const BYTES: usize = 700 * KIB;
    let setup = auto().route("cache.disk = \"always\"");
    check_disk(&[1, 2], &setup.disk_each(64), |stage| {
        stage.origin.on_each("/*", |received, _| {
            let number = received.target[1..].parse().expect("a number");
            entity(pattern(BYTES, number), &received.target).whole()
        });
        let mut client = stage.client();
        let size = stage.ringside.disk("size_bytes");
        let mut count = 0;
        // It is slower than we are, and takes what it can: so long until it has gone round.
        wait_until("the disk to be written over", || {
            for number in count..count + 20 {
                let reply = client.get(&format!("/{number}"));
                reply.expect(200).expect_body(pattern(BYTES, number));
            }
            count += 20;
            // One that is used all the time, wherever it is.
            let reply = client.get("/0");
            reply.expect(200).expect_body(pattern(BYTES, 0));
            stage.ringside.disk("admitted_bytes_total") > size * 3 / 2
        });
        let disk = |name| stage.ringside.disk(name);
        assert!(disk("records_bytes") <= size);
        assert!(disk("written_bytes_total") > size);
        let records = disk("records") as usize;
        assert!(records * BYTES > size as usize / 3, "{records} are left");
        flood(stage);
        let mut kept = 0;
        for number in 0..count {
            let ask = Ask::get(&format!("/{number}"));
            let reply = client.ask(&ask.field("Cache-Control", "only-if-cached"));
            if reply.status == 200 {
                reply.expect_body(pattern(BYTES, number));
                kept += 1;
            }
        }
        // What the flood evicts is written over some.
        assert!(kept >= records * 8 / 10, "{kept} of {records}");
        assert!(stage.get("/0").is_hit(), "it was used all the time");
    });
}
