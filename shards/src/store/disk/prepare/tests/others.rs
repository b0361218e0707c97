//! What is not ours, what is of another set, and what was away.

use super::*;
use crate::store::disk::prepare::run::Stage;
use std::process::Command;

/// A file in the place of a log.
fn with_file(directory: &Directory, content: &[u8]) -> ([DiskPlan; 1], PathBuf) {
    let disks = [directory.disk("a", 64 * MIB)];
    std::fs::create_dir_all(&disks[0].path).unwrap();
    let path = place::file_of(&disks[0].path, 0);
    std::fs::write(&path, content).unwrap();
    (disks, path)
}

#[test]
fn what_is_not_ours_is_not_touched_without_force() {
    let sign = |at: usize, sign: &[u8]| {
        let mut content = vec![0; 128 << 10];
        content[at..at + sign.len()].copy_from_slice(sign);
        content
    };
    for (name, content, words) in [
        ("xfs", sign(0, b"XFSB"), "looks like xfs"),
        ("lvm", sign(536, b"LVM2 001"), "looks like LVM"),
        ("luks", sign(0, b"LUKS\xba\xbe"), "looks like LUKS"),
        ("btrfs", sign(65_600, b"_BHRfS_M"), "looks like btrfs"),
        (
            "gpt",
            sign(512, b"EFI PART"),
            "looks like a partition table",
        ),
        (
            "text",
            b"once upon a time".to_vec(),
            "holds something that is not",
        ),
    ] {
        let directory = Directory::new(&format!("foreign-{name}"));
        let (disks, path) = with_file(&directory, &content);
        check_refused(
            &disks,
            1,
            &[words, "ringside disk prepare --config FILE --force"],
        );
        assert_eq!(std::fs::read(&path).unwrap(), content, "{name}");
        let (prepared, notes) = forced(&disks, 1);
        assert!(notes.has("overwritten"), "{:?}", notes.said);
        assert_eq!(new_logs(&prepared), [true]);
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes[2 * PAGE..].iter().all(|byte| *byte == 0), "{name}");
    }
}

#[test]
fn a_real_file_system_is_told_by_its_name() {
    let directory = Directory::new("mkfs");
    let (disks, path) = with_file(&directory, b"");
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(8 * MIB)
        .unwrap();
    let made = Command::new("mkfs.ext4")
        .args(["-q", "-F"])
        .arg(&path)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("no mkfs.ext4 here: not looked at");
        return;
    }
    check_refused(&disks, 1, &["looks like ext4"]);
}

#[test]
fn nothing_is_written_anywhere_if_one_disk_is_refused() {
    let directory = Directory::new("all-or-none");
    let ([foreign], _) = with_file(&directory, b"text");
    let other = directory.disk("b", 64 * MIB);
    check_refused(&[other.clone(), foreign], 1, &["holds something"]);
    assert!(!other.path.exists(), "nor is anything made");
}

#[test]
fn a_disk_of_another_set_is_refused() {
    let directory = Directory::new("sets");
    let [a, b] = ["a", "b"].map(|name| directory.disk(name, 64 * MIB));
    let (of_a, _) = ready(std::slice::from_ref(&a), 1, 5);
    let (of_b, _) = ready(std::slice::from_ref(&b), 1, 6);
    write_segment(&of_b.logs[0], 0, 1);
    let seed = of_a.seed;
    drop((of_a, of_b));
    let both = [a, b];
    check_refused(
        &both,
        1,
        &[
            "/a and /",
            "/b belong to different data sets",
            "and empties /",
        ],
    );
    let (prepared, _) = forced(&both, 1);
    assert_eq!(prepared.seed, seed);
    assert_eq!(new_logs(&prepared), [false, true]);
    assert_eq!(segments(&prepared.logs[1]), []);
    let numbers: Vec<u16> = prepared.logs.iter().map(|log| log.id.device).collect();
    assert_eq!(numbers, [0, 1]);
}

#[test]
fn of_several_sets_that_with_most_bytes_stays() {
    let directory = Directory::new("sets-most");
    let [a, b, c] = ["a", "b", "c"].map(|name| directory.disk(name, 64 * MIB));
    let (of_a, _) = ready(std::slice::from_ref(&a), 1, 5);
    let (of_others, _) = ready(&[b.clone(), c.clone()], 1, 6);
    let logs = of_a.logs.iter().chain(&of_others.logs);
    logs.for_each(|log| write_segment(log, 0, 1));
    let seed = of_others.seed;
    drop((of_a, of_others));
    let all = [a, b, c];
    let emptied = format!("and empties {}", all[0].path.display());
    check_refused(&all, 1, &[&emptied]);
    let (prepared, _) = forced(&all, 1);
    assert_eq!(prepared.seed, seed);
    assert_eq!(new_logs(&prepared), [true, false, false]);
}

#[test]
fn the_order_of_disks_does_not_matter() {
    let directory = Directory::new("order");
    let [a, b] = ["a", "b"].map(|name| directory.disk(name, 64 * MIB));
    let (first, _) = ready(&[a.clone(), b.clone()], 1, 5);
    write_segment(&first.logs[0], 0, 1);
    write_segment(&first.logs[1], 0, 2);
    drop(first);
    let (second, _) = ready(&[b, a], 1, 6);
    let found: Vec<(u16, Vec<u64>)> = second
        .logs
        .iter()
        .map(|log| (log.id.device, segments(log)))
        .collect();
    assert_eq!(found, [(1, vec![2]), (0, vec![1])]);
}

#[test]
fn a_disk_that_was_away_begins_empty() {
    let directory = Directory::new("away");
    let [a, b] = ["a", "b"].map(|name| directory.disk(name, 64 * MIB));
    let both = [a.clone(), b];
    let (first, _) = ready(&both, 1, 5);
    first.logs.iter().for_each(|log| write_segment(log, 0, 1));
    drop(first);
    // Nothing is lost by a start.
    let (again, _) = ready(&both, 1, 6);
    assert!(again.logs.iter().all(|log| segments(log) == [1]));
    drop(again);
    // What is purged in this run is not purged on the other disk.
    let (alone, _) = ready(std::slice::from_ref(&a), 1, 7);
    drop(alone);
    let (back, notes) = ready(&both, 1, 8);
    assert!(notes.has("has run without it"), "{:?}", notes.said);
    assert_eq!(new_logs(&back), [false, true]);
    assert_eq!(segments(&back.logs[0]), [1]);
    assert_eq!(segments(&back.logs[1]), []);
}

#[test]
fn a_crash_while_logs_join_costs_nothing() {
    let directory = Directory::new("join");
    let both = ["a", "b"].map(|name| directory.disk(name, 64 * MIB));
    // How far each of the two logs came.
    let stages = [None, Some(Stage::Joins), Some(Stage::Takes)];
    for (one, other) in [(1, 0), (0, 1), (1, 1), (2, 1), (1, 2), (2, 2)] {
        let (mut first, _) = ready(&both, 1, 5);
        first.logs.iter().for_each(|log| write_segment(log, 0, 1));
        let run = (first.logs[0].superblock.generation >> 32) + 1;
        for (log, stage) in first.logs.iter_mut().zip([one, other]) {
            if let Some(stage) = stages[stage] {
                assert!(write::join(log, run, stage).is_ok());
            }
        }
        drop(first);
        let (again, notes) = ready(&both, 1, 6);
        assert_eq!(
            new_logs(&again),
            [false, false],
            "{one} {other} {:?}",
            notes.said
        );
        let all_there = again.logs.iter().all(|log| segments(log) == [1]);
        assert!(all_there, "{one} {other}");
    }
}

#[test]
fn a_copy_of_a_disk_is_not_that_disk() {
    let directory = Directory::new("copy");
    let [a, b] = ["a", "b"].map(|name| directory.disk(name, 64 * MIB));
    let (first, _) = ready(std::slice::from_ref(&a), 1, 5);
    write_segment(&first.logs[0], 0, 1);
    drop(first);
    std::fs::create_dir(&b.path).unwrap();
    std::fs::copy(place::file_of(&a.path, 0), place::file_of(&b.path, 0)).unwrap();
    let (both, notes) = ready(&[a, b], 1, 6);
    assert!(notes.has("copy of another log"), "{:?}", notes.said);
    assert_eq!(segments(&both.logs[0]), [1]);
    assert_eq!(segments(&both.logs[1]), []);
    assert_eq!(both.logs[1].id.device, 1);
}

#[test]
fn one_disk_by_two_names_is_refused() {
    let directory = Directory::new("twice");
    let a = directory.disk("a", 64 * MIB);
    std::fs::create_dir(&a.path).unwrap();
    let link = directory.disk("b", 64 * MIB);
    std::os::unix::fs::symlink(&a.path, &link.path).unwrap();
    check_refused(&[a, link], 1, &["in use", "named twice"]);
}

#[test]
fn a_log_that_failed_begins_empty() {
    let directory = Directory::new("failed");
    let both = ["a", "b"].map(|name| directory.disk(name, 64 * MIB));
    // Said by the other log of its shard, by itself, by a file beside it.
    for way in 0..3 {
        let (first, _) = ready(&both, 2, 5);
        first.logs.iter().for_each(|log| write_segment(log, 0, 1));
        let of = |device: u16| first.logs.iter().find(|log| log.id.device == device);
        let (fallen, other) = (of(0).unwrap(), of(1).unwrap());
        let generation = fallen.superblock.generation;
        let note = |log: &PreparedLog| {
            let mut superblock = log.superblock.clone();
            superblock.falls.note(0, generation);
            write::write_superblock(&log.lock, 0, &superblock).unwrap();
        };
        match way {
            0 => note(other),
            1 => note(fallen),
            _ => drop(File::create(fallen.sign.as_ref().unwrap()).unwrap()),
        }
        let shard = usize::from(fallen.id.shard);
        drop(first);
        let (again, notes) = ready(&both, 2, 6);
        assert!(notes.has("it failed"), "{way} {:?}", notes.said);
        for log in &again.logs {
            let is_it = log.id.device == 0 && usize::from(log.id.shard) == shard;
            assert_eq!(log.is_new, is_it, "{way} {:?}", log.id);
            assert_eq!(segments(log).is_empty(), is_it, "{way} {:?}", log.id);
        }
        // That is over then.
        again.logs.iter().for_each(|log| write_segment(log, 1, 2));
        drop(again);
        let (third, _) = ready(&both, 2, 7);
        assert!(third.logs.iter().all(|log| segments(log)[0] == 2), "{way}");
    }
}
