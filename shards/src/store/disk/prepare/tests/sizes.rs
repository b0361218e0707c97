//! More room, less room, more shards, fewer shards.

use super::*;

/// Fills all segments of a new log, and so many once more.
fn filled(disks: &[DiskPlan], again: u32) -> (u32, Seed) {
    let (prepared, _) = ready(disks, 1, 5);
    let log = &prepared.logs[0];
    let count = log.superblock.segments;
    for n in 0..count + again {
        write_segment(log, n % count, u64::from(n) + 1);
    }
    (count, prepared.seed)
}

fn descending(from: u64, to: u64) -> Vec<u64> {
    (to..=from).rev().collect()
}

#[test]
fn a_log_that_grows_keeps_all_it_has() {
    let directory = Directory::new("grow");
    let (count, seed) = filled(&[directory.disk("a", 64 * MIB)], 3);
    // What lies behind the segments is no segment.
    let path = place::file_of(&directory.0.join("a"), 0);
    let file = File::options().write(true).open(&path).unwrap();
    for at in superblock_of(&path).layout().checkpoints_at {
        file.write_all_at(b"a checkpoint", at).unwrap();
    }
    let larger = [directory.disk("a", 96 * MIB)];
    let (prepared, notes) = ready(&larger, 1, 6);
    let log = &prepared.logs[0];
    assert_eq!(prepared.seed, seed);
    assert!(notes.has(&format!(
        "grows from {count} to {}",
        log.superblock.segments
    )));
    assert!(log.superblock.segments > count + 10);
    let newest = u64::from(count) + 3;
    assert_eq!(segments(log), descending(newest, 4));
    // The circle goes on as before, through the new segments and around.
    let mut seq = newest;
    for slot in (3..log.superblock.segments).chain(0..2) {
        seq += 1;
        write_segment(log, slot, seq);
    }
    let kept = u64::from(log.superblock.segments);
    assert_eq!(segments(log), descending(seq, seq + 1 - kept));
}

#[test]
fn growing_that_was_interrupted_goes_on() {
    let directory = Directory::new("grow-stop");
    let (count, _) = filled(&[directory.disk("a", 64 * MIB)], 0);
    let larger = [directory.disk("a", 128 * MIB)];
    let mut notes = Notes {
        stop_after: Some(6),
        ..Notes::default()
    };
    assert!(attempt(&larger, 1, chance(6), false, &mut notes).is_err());
    let (prepared, again) = ready(&larger, 1, 7);
    assert!(again.works[0].0 > notes.works[0].0, "{:?}", again.works);
    assert_eq!(new_logs(&prepared), [false]);
    assert_eq!(segments(&prepared.logs[0]), descending(u64::from(count), 1));
    // And one that was given up is as good as none.
    drop(prepared);
    let (prepared, _) = ready(&[directory.disk("a", 64 * MIB)], 1, 8);
    assert_eq!(segments(&prepared.logs[0]), descending(u64::from(count), 1));
}

#[test]
fn a_log_that_shrinks_keeps_what_is_newer_than_all_it_gives_up() {
    let directory = Directory::new("shrink");
    // The newest is in slot 4, so the last slots hold what is older than the first five.
    let (count, _) = filled(&[directory.disk("a", 64 * MIB)], 5);
    let (prepared, notes) = ready(&[directory.disk("a", 40 * MIB)], 1, 6);
    let log = &prepared.logs[0];
    assert!(notes.has(&format!(
        "shrinks from {count} to {}",
        log.superblock.segments
    )));
    let newest = u64::from(count) + 5;
    assert_eq!(segments(log), descending(newest, newest - 4));
    let total = log.superblock.layout().total_bytes();
    assert_eq!(std::fs::metadata(&log.path).unwrap().len(), total);
    assert!(total <= 40 * MIB);
    assert_eq!(new_logs(&prepared), [false]);
}

#[test]
fn nothing_older_than_what_is_given_up_comes_back() {
    let directory = Directory::new("shrink-all");
    // The newest is in the last slot: that may kill anything before it.
    let (count, _) = filled(&[directory.disk("a", 64 * MIB)], 0);
    let (prepared, _) = ready(&[directory.disk("a", 40 * MIB)], 1, 6);
    assert_eq!(segments(&prepared.logs[0]), []);
    assert_eq!(prepared.logs[0].superblock.valid_from, u64::from(count) + 1);
    drop(prepared);
    // Nor when it gets its segments back.
    let (prepared, _) = ready(&[directory.disk("a", 64 * MIB)], 1, 7);
    assert_eq!(segments(&prepared.logs[0]), []);
}

#[test]
fn a_log_begins_empty_if_what_it_gives_up_is_damaged() {
    for (name, header, footer) in [
        ("header", true, false),
        ("footer", false, false),
        ("both", true, true),
    ] {
        let directory = Directory::new(&format!("shrink-{name}"));
        let disks = [directory.disk("a", 64 * MIB)];
        let (count, _) = filled(&disks, 5);
        let path = place::file_of(&disks[0].path, 0);
        let layout = superblock_of(&path).layout();
        let at = layout.slot_at(count - 1);
        let file = File::options().write(true).open(&path).unwrap();
        match header {
            true => file.write_all_at(b"\xff", at + 3).unwrap(),
            // As if it had been lost wholly; the footer is there.
            false => file.write_all_at(&[0; PAGE], at).unwrap(),
        }
        if footer {
            let end = at + u64::from(layout.segment_bytes);
            file.write_all_at(b"\xff", end - 9).unwrap();
        }
        let (prepared, notes) = ready(&[directory.disk("a", 40 * MIB)], 1, 6);
        assert!(
            notes.has("damaged: it begins empty"),
            "{name} {:?}",
            notes.said
        );
        assert_eq!(new_logs(&prepared), [true], "{name}");
        assert_eq!(segments(&prepared.logs[0]), [], "{name}");
    }
}

#[test]
fn shrinking_can_be_left_off_while_it_is_looked_at() {
    let directory = Directory::new("shrink-stop");
    let large = [directory.disk("a", 64 * MIB)];
    let (count, _) = filled(&large, 0);
    let mut notes = Notes {
        stop_after: Some(0),
        ..Notes::default()
    };
    let small = [directory.disk("a", 40 * MIB)];
    let stopped = attempt(&small, 1, chance(6), false, &mut notes);
    assert!(stopped.unwrap_err().0.contains("being looked through"));
    assert!(notes.others[0].starts_with("looking through /"));
    let (again, _) = ready(&large, 1, 7);
    assert_eq!(segments(&again.logs[0]), descending(u64::from(count), 1));
}

/// The numbers of the segments whose records count.
fn counting(log: &PreparedLog) -> Vec<u64> {
    let sheets = sheets(log);
    let counting = sheets.iter().filter(|sheet| !sheet.events.is_empty());
    counting.map(|sheet| sheet.header.seq).collect()
}

#[test]
fn with_another_number_of_shards_a_log_keeps_what_was_at_home_all_along() {
    let directory = Directory::new("shards");
    let disks = [directory.disk("a", 120 * MIB)];
    let (first, _) = ready(&disks, 2, 10);
    let seed = first.seed;
    first
        .logs
        .iter()
        .for_each(|log| (0..8).for_each(|n| write_segment(log, n, u64::from(n) + 1)));
    let decreed = |log: &PreparedLog| log.superblock.layout().edicts_at[0] + 3 * PAGE as u64;
    for log in &first.logs {
        let file = File::options().write(true).open(&log.path).unwrap();
        file.write_all_at(b"decreed", decreed(log)).unwrap();
    }
    drop(first);
    // Since the first, these numbers came; and these logs have lived all the time.
    for (turn, (shards, old)) in (1..).zip([(3, 2), (2, 2), (1, 1), (2, 1), (1, 1)]) {
        let (prepared, notes) = ready(&disks, shards, 10 + turn);
        assert_eq!(prepared.seed, seed);
        assert!(notes.has("what has another home now"), "{:?}", notes.said);
        let is_new: Vec<bool> = (0..shards).map(|shard| shard >= old).collect();
        assert_eq!(new_logs(&prepared), is_new, "{turn}");
        for log in &prepared.logs {
            let (shard, superblock) = (usize::from(log.id.shard), &log.superblock);
            let share = 120 * MIB / shards as u64;
            let total = superblock.layout().total_bytes();
            assert!(total <= share && total + 4 * MIB > share, "{turn}");
            assert_eq!(std::fs::metadata(&log.path).unwrap().len(), total);
            if shard >= old {
                assert_eq!(counting(log), [], "{turn} {shard}");
                continue;
            }
            let homes = |seq: u64| [3, 2, 1].map(|shards| key_of(seq).home(shards));
            let is_left = |seq: &u64| match turn {
                1 => homes(*seq)[0] == shard,
                _ => homes(*seq)[..2] == [shard; 2],
            };
            let left: Vec<u64> = (1..=8).rev().filter(is_left).collect();
            assert!(!left.is_empty() && left.len() < 8);
            assert_eq!(counting(log), left, "{turn} {shard}");
            let mut page = [0; 7];
            let file = File::open(&log.path).unwrap();
            file.read_exact_at(&mut page, decreed(log)).unwrap();
            assert_eq!(&page, b"decreed", "{turn} {shard}");
        }
        let files = std::fs::read_dir(&disks[0].path).unwrap().count();
        assert_eq!(files, shards, "those of shards that are gone are removed");
    }
}

#[test]
fn another_number_of_shards_takes_consent() {
    let directory = Directory::new("shards-consent");
    let disks = [directory.disk("a", 64 * MIB)];
    let mut notes = Notes::default();
    let mut keeping = |shards| {
        let kept = consenting(&disks, shards, chance(5), Consent::Keep, &mut notes);
        kept.map(|prepared| prepared.logs.len())
    };
    // As long as nothing was stored, nothing is lost.
    assert_eq!(keeping(2).unwrap(), 2);
    assert_eq!(keeping(1).unwrap(), 1);
    assert_eq!(keeping(2).unwrap(), 2);
    drop(ready(&disks, 2, 6));
    for shards in [1, 3] {
        let why = keeping(shards).unwrap_err().0;
        for words in ["2 shards have stored", "`[shards] count = 2`"] {
            assert!(why.contains(words), "{why}");
        }
        assert_eq!(std::fs::read_dir(&disks[0].path).unwrap().count(), 2);
    }
    assert_eq!(keeping(2).unwrap(), 2);
    assert!(ready(&disks, 1, 7).1.has("what has another home now"));
}

#[test]
fn a_log_that_knows_too_many_numbers_of_shards_begins_anew() {
    let directory = Directory::new("shards-many");
    let disks = [directory.disk("a", 200 * MIB)];
    let (first, _) = ready(&disks, 1, 10);
    write_segment(&first.logs[0], 0, 1);
    drop(first);
    // None of them was served with, so nothing is known of when they were.
    for shards in (2..10).chain([1]) {
        let (prepared, notes) = ready(&disks, shards, 10 + shards as u64);
        let is_new = prepared.logs[0].is_new;
        assert_eq!(is_new, shards == 1, "{shards} {:?}", notes.said);
        assert_eq!(notes.has("too many numbers of shards"), is_new);
    }
}

#[test]
fn files_of_others_are_not_removed() {
    let directory = Directory::new("surplus");
    let disks = [directory.disk("a", 64 * MIB)];
    let (first, _) = ready(&disks, 2, 5);
    drop(first);
    let kept = disks[0].path.join("ringside-7.store");
    std::fs::write(&kept, "not a log").unwrap();
    let (_second, notes) = ready(&disks, 1, 6);
    assert!(notes.has("ringside-1.store: removed"), "{:?}", notes.said);
    assert!(kept.exists());
    assert!(!disks[0].path.join("ringside-1.store").exists());
}

#[test]
fn small_logs_have_short_segments() {
    let gib = 1 << 10;
    for (mib, segment_mib) in [
        (16, 2),
        (64, 2),
        (255, 2),
        (256, 4),
        (512, 8),
        (gib, 16),
        (500 * gib, 16),
    ] {
        let bytes = place::segment_bytes(mib * MIB);
        assert_eq!(u64::from(bytes), segment_mib * MIB, "{mib}");
    }
}

#[test]
fn what_is_half_cleared_is_not_the_old_log_any_more() {
    let directory = Directory::new("half");
    let disks = [directory.disk("a", 64 * MIB)];
    let (first, _) = ready(&disks, 1, 5);
    let log = &first.logs[0];
    write_segment(log, 0, 1);
    let (path, edicts_at) = (log.path.clone(), log.superblock.layout().edicts_at[0]);
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"what was decreed", edicts_at).unwrap();
    std::fs::write(log.sign.as_ref().unwrap(), "").unwrap();
    drop(first);
    let mut notes = Notes {
        stop_after: Some(0),
        ..Notes::default()
    };
    let stopped = attempt(&disks, 1, chance(6), false, &mut notes);
    assert!(stopped
        .unwrap_err()
        .0
        .contains("being looked through or cleared"));
    let [what] = &notes.others[..] else {
        panic!("{:?}", notes.others);
    };
    assert!(what.starts_with("clearing /"), "{what}");
    let page = |at: u64| {
        let mut page = vec![0; PAGE];
        File::open(&path)
            .unwrap()
            .read_exact_at(&mut page, at)
            .unwrap();
        page
    };
    assert_eq!(page(edicts_at), [0; PAGE], "the decrees are gone");
    let held = superblock_of(&path);
    assert_eq!((held.valid_from, held.created_ms), (0, 6));
    let segment = held.layout().slot_at(0);
    assert_ne!(page(segment), [0; PAGE], "not yet cleared");
    let (second, _) = ready(&disks, 1, 7);
    assert_eq!(new_logs(&second), [true]);
    assert_eq!(page(segment), [0; PAGE]);
}
