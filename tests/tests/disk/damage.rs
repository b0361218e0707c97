//! Bytes on the disk that are not what was written: a miss, counted and told, never a wrong answer.

use super::{
    always, check_disk, entity, expect_from_disk, settle_on_disk, wait_until_taking, KIB, MIB,
};
use ringside_tests::{pattern, Ask, Command, Ringside, Setup, Stage};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Where the checkpoints begin: behind the circle (docs/store.md).
fn checkpoints_at(file: &File) -> u64 {
    let mut superblock = [0; 4096];
    file.read_exact_at(&mut superblock, 0).expect("a page");
    let number = |at: usize| {
        let bytes = superblock[at..at + 4].try_into().expect("four bytes");
        u64::from(u32::from_le_bytes(bytes))
    };
    let (segment, segments) = (number(52), number(56));
    let edicts = segment.clamp(64 << 10, 4 << 20);
    (65536 + 2 * edicts).next_multiple_of(segment) + segments * segment
}

/// Where a store's bytes are these, over all files.
pub(super) fn places_of(ringside: &Ringside, wanted: &[u8]) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for path in ringside.store_files() {
        let bytes = std::fs::read(&path).expect("a store file");
        // A body begins behind a head, at no round place.
        let first = wanted[0];
        let mut from = 0;
        while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
            let at = from + at;
            if bytes[at..].starts_with(wanted) {
                found.push((path.clone(), at as u64));
            }
            from = at + 1;
        }
    }
    found
}

/// Changes one bit.
pub(super) fn flip(path: &Path, at: u64) {
    let file = open(path);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("a byte");
    file.write_all_at(&[byte[0] ^ 4], at).expect("written");
}

fn open(path: &Path) -> File {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).open(path);
    file.expect("a store file")
}

/// Stops the server in order: what it wrote last is its own.
#[track_caller]
fn stop(stage: &mut Stage) {
    assert!(stage.ringside.stop().success());
}

#[track_caller]
fn start(stage: &mut Stage) {
    stage.ringside.start_again(None);
    stage.ringside.wait_until_recovered();
}

/// Publishes contents and has them on disk; gives them.
#[track_caller]
fn store(stage: &Stage, sizes: &[usize]) -> Vec<(String, Vec<u8>)> {
    let mut records = 0;
    let mut all = Vec::new();
    for (number, bytes) in sizes.iter().enumerate() {
        let path = format!("/{number}");
        let body = pattern(*bytes, 1000 + number as u64);
        stage.origin.publish(&path, &entity(body.clone(), &path));
        stage.get(&path).expect(200);
        records += super::records_of(*bytes);
        all.push((path, body));
    }
    settle_on_disk(stage, records);
    all
}

#[test]
fn a_damaged_record_is_a_miss() {
    check_disk(&[1, 2], &always(), |stage| {
        let sizes = [5000, 100 * KIB, MIB, 3 * MIB, 2000];
        let all = store(stage, &sizes);
        stop(stage);
        // All but the last: one bit somewhere in its content, of each copy that there is.
        for (number, (_, body)) in all.iter().enumerate().take(sizes.len() - 1) {
            let at = [0, 70 * KIB, MIB - 64, 2 * MIB + 500][number];
            let places = places_of(&stage.ringside, &body[at..at + 64]);
            assert!(!places.is_empty(), "content {number} is in no store file");
            for (path, at) in places {
                flip(&path, at + 20);
            }
        }
        let verified = stage.ringside.verify_disk();
        let told = String::from_utf8_lossy(&verified.stdout).into_owned()
            + &String::from_utf8_lossy(&verified.stderr);
        assert!(!verified.status.success(), "damage is told: {told}");
        start(stage);
        let faults = stage.ringside.disk("checksum_faults_total");
        for (number, (path, body)) in all.iter().enumerate() {
            let asked = stage.origin.count(path);
            let reply = stage.get(path);
            reply.expect(200).expect_body(body);
            let is_good = number == sizes.len() - 1;
            assert_eq!(stage.origin.count(path) == asked, is_good, "{path}");
        }
        ringside_tests::wait_until("each to be counted", || {
            stage.ringside.disk("checksum_faults_total") == faults + 4
        });
        // What came instead is as good as any.
        let asked = stage.origin.total();
        for (path, body) in &all {
            stage.get(path).expect_hit().expect_body(body);
        }
        assert_eq!(stage.origin.total(), asked);
        let told = stage.ringside.stderr_text().to_lowercase();
        assert!(
            told.contains("checksum") || told.contains("damaged"),
            "{told}"
        );
    });
}

#[test]
fn damage_anywhere_is_never_a_wrong_answer() {
    // One bit in each 4 KiB of the files, in places that differ from life to life: superblocks,
    // headers, footers, checkpoints. What can't be used any more is fetched again.
    check_disk(&[1, 2], &always(), |stage| {
        let sizes: Vec<usize> = (0..60).map(|number| 100 + number * 2500).collect();
        let all = store(stage, &sizes);
        for life in 0..4 {
            stop(stage);
            for path in stage.ringside.store_files() {
                // The first superblock only: with both the file would be nobody's.
                let len = std::fs::metadata(&path).expect("a store file").len();
                for number in (2 + life..len / 4096).step_by(3 + 2 * life as usize) {
                    flip(&path, number * 4096 + (number * 31 + life * 7) % 4096);
                }
                flip(&path, 100 + life);
            }
            start(stage);
            for (path, body) in &all {
                stage.get(path).expect(200).expect_body(body);
            }
        }
    });
}

#[test]
fn one_superblock_is_enough() {
    check_disk(&[1, 2], &always(), |stage| {
        let all = store(stage, &[1000, 2000]);
        for page in [0, 4096] {
            stop(stage);
            for path in stage.ringside.store_files() {
                let file = open(&path);
                file.write_all_at(&[0xa5; 4096], page).expect("written");
            }
            start(stage);
            let asked = stage.origin.total();
            for (path, body) in &all {
                stage.get(path).expect_hit().expect_body(body);
            }
            assert_eq!(stage.origin.total(), asked);
        }
    });
}

#[test]
fn a_checkpoint_that_is_lost_costs_nothing() {
    check_disk(&[1, 2], &always(), |stage| {
        let sizes: Vec<usize> = (0..40).map(|number| 100 + number * 3000).collect();
        let all = store(stage, &sizes);
        for _ in 0..2 {
            stop(stage);
            for path in stage.ringside.store_files() {
                let file = open(&path);
                let at = checkpoints_at(&file);
                let len = file.metadata().expect("a store file").len();
                let zeros = vec![0; (len - at) as usize];
                file.write_all_at(&zeros, at).expect("written");
            }
            start(stage);
            let asked = stage.origin.total();
            for (path, body) in &all {
                stage.get(path).expect_hit().expect_body(body);
            }
            assert_eq!(stage.origin.total(), asked);
        }
    });
}

#[test]
fn a_file_that_was_cut_is_no_wrong_answer() {
    check_disk(&[1, 2], &always(), |stage| {
        let sizes: Vec<usize> = (0..30).map(|number| 100 + number * 40_000).collect();
        let all = store(stage, &sizes);
        for share in [2, 9] {
            stop(stage);
            for path in stage.ringside.store_files() {
                let file = open(&path);
                let len = file.metadata().expect("a store file").len();
                file.set_len(len / share).expect("cut");
            }
            start(stage);
            for (path, body) in &all {
                stage.get(path).expect(200).expect_body(body);
            }
            super::restart(stage);
            let asked = stage.origin.total();
            for (path, body) in &all {
                stage.get(path).expect_hit().expect_body(body);
            }
            assert_eq!(stage.origin.total(), asked, "it is whole again");
        }
    });
}

#[test]
fn store_files_of_one_place_are_not_taken_for_those_of_another() {
    // Two shards' files, exchanged.
    check_disk(&[2], &always(), |stage| {
        let sizes: Vec<usize> = (0..30).map(|number| 100 + number * 1000).collect();
        let all = store(stage, &sizes);
        stop(stage);
        let files = stage.ringside.store_files();
        let aside = stage.ringside.disk_path().join("aside");
        std::fs::rename(&files[0], &aside).expect("moved");
        std::fs::rename(&files[1], &files[0]).expect("moved");
        std::fs::rename(&aside, &files[1]).expect("moved");
        if starts(stage) {
            for (path, body) in &all {
                stage.get(path).expect(200).expect_body(body);
            }
        }
    });
}

/// Starts it if it will start over what there is now; otherwise it must say why, and there is
/// nothing left to ask.
#[track_caller]
fn starts(stage: &mut Stage) -> bool {
    if stage.ringside.try_start_again(None) {
        stage.ringside.wait_until_recovered();
        return true;
    }
    let told = stage.ringside.stderr_text();
    assert!(told.contains(".store"), "names the file: {told}");
    assert!(!told.contains("panicked"), "{told}");
    // So that the script's end finds a server.
    std::fs::remove_dir_all(stage.ringside.disk_path()).expect("removed");
    start(stage);
    false
}

/// A configuration with this directory for its disk.
fn config_over(path: &Path, shards: usize) -> String {
    let size = super::DISK_EACH_MIB * shards;
    let disk = format!(
        "\n[disk]\npath = \"{}\"\nsize = \"{size}MiB\"\n",
        path.display()
    );
    let setup = Setup::new().memory_each(super::MEMORY_EACH_MIB).more(&disk);
    setup.text(shards, 9)
}

#[test]
fn a_store_of_another_set_does_not_answer() {
    check_disk(&[2], &always(), |stage| {
        let sizes: Vec<usize> = (0..30).map(|number| 100 + number * 1000).collect();
        let all = store(stage, &sizes);
        // Another server has stored other contents under the same URLs.
        let mut other = Stage::new(2, &always());
        wait_until_taking(&other);
        for (path, _) in &all {
            other.origin.publish(path, &entity("of the other", "o"));
            other.get(path).expect(200);
        }
        settle_on_disk(&other, all.len());
        assert!(other.ringside.stop().success());
        stop(stage);
        let (own, foreign) = (stage.ringside.store_files(), other.ringside.store_files());
        std::fs::copy(&foreign[1], &own[1]).expect("copied");
        if starts(stage) {
            let mut client = stage.client();
            for (path, body) in &all {
                client.get(path).expect(200).expect_body(body);
            }
        }
    });
}

#[test]
fn what_is_not_ours_is_refused() {
    check_disk(&[1], &always(), |stage| {
        let own = stage.ringside.store_files();
        let name = own[0].file_name().expect("a name");
        let place = stage.ringside.scratch_file("foreign");
        std::fs::create_dir(&place).expect("a directory");
        let file = place.join(name);
        let letters = b"somebody's letters\n".repeat(100_000);
        std::fs::write(&file, &letters).expect("written");
        let config = config_over(&place, 1);
        let output = Command::with_config(&config).run(&["run", "--config", "CONFIG"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{told}");
        let shown = file.display().to_string();
        assert!(told.contains(&shown), "names the file: {told}");
        assert!(told.contains("--force"), "says what to do: {told}");
        let left = std::fs::read(&file).expect("still there");
        assert!(left == letters, "nothing of it was overwritten");
    });
}

#[test]
fn one_directory_is_for_one_server() {
    check_disk(&[1, 2], &always(), |stage| {
        let all = store(stage, &[1000]);
        let config = config_over(&stage.ringside.disk_path(), stage.shards);
        let output = Command::with_config(&config).run(&["run", "--config", "CONFIG"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{told}");
        assert!(told.to_lowercase().contains("use"), "says why: {told}");
        let (path, body) = &all[0];
        stage.get(path).expect_hit().expect_body(body);
        super::restart(stage);
        expect_from_disk(&stage.client().ask(&Ask::get(path))).expect_body(body);
    });
}
