//! Real files and, where this process may have them, real devices.

use super::*;
use ringside_engine::key::Key;
use ringside_engine::store::disk::layout::FRONT_BYTES;
use ringside_engine::store::disk::record::{self, Record};
use ringside_engine::store::disk::segment::{encode_footer, Event, Sheet};
use ringside_engine::store::disk::walk::{Found, Walk};
use ringside_engine::store::disk::{SegmentHeader, PAGE};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

mod devices;
mod others;
mod sizes;

const MIB: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(5);

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    /// Below the build's directory: a real file system, which the system's may not be.
    fn new(name: &str) -> Directory {
        let exe = std::env::current_exe().unwrap();
        let id = std::process::id();
        let path = exe.with_file_name(format!("prepare-{name}-{id}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    /// A disk in it, which is not there yet.
    fn disk(&self, name: &str, size_bytes: u64) -> DiskPlan {
        DiskPlan {
            path: self.0.join(name),
            size_bytes: Some(size_bytes),
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Notes what it is told, and leaves off after so many steps.
#[derive(Default)]
struct Notes {
    said: Vec<String>,
    /// From where to where each pre-writing went.
    works: Vec<(u64, u64)>,
    /// What else was begun; and how far the last one is.
    others: Vec<String>,
    other: Option<(u64, u64)>,
    steps: usize,
    stop_after: Option<usize>,
    /// As a crash would, without a chance to note anything.
    panics: bool,
}

impl Watcher for Notes {
    fn say(&mut self, line: &str) {
        self.said.push(line.to_owned());
    }

    fn begin(&mut self, what: &str, done: u64, all: u64) {
        assert!(done < all && self.other.is_none());
        match what.starts_with("writing /") {
            true => self.works.push((done, done)),
            false => {
                self.others.push(what.to_owned());
                self.other = Some((done, all));
            }
        }
    }

    fn reached(&mut self, done: u64) {
        if let Some((last, all)) = &mut self.other {
            assert!(done > *last && done <= *all, "{done} after {last} of {all}");
            *last = done;
            return;
        }
        let last = self.works.last_mut().unwrap();
        assert!(done > last.1, "{done} after {last:?}");
        last.1 = done;
        self.steps += 1;
    }

    fn end(&mut self) {
        self.other = None;
    }

    fn is_stopped(&mut self) -> bool {
        let stops = self.stop_after.is_some_and(|after| self.steps >= after);
        assert!(!stops || !self.panics, "a crash");
        stops
    }
}

impl Notes {
    /// Whether something was said that has these words.
    fn has(&self, words: &str) -> bool {
        self.said.iter().any(|line| line.contains(words))
    }
}

fn chance(now_ms: u64) -> Chance {
    Chance {
        set: u128::from(now_ms) << 64 | 7,
        seed: Seed([now_ms, 9]),
        now_ms,
    }
}

/// Prepares, and waits for what was in use just now: a child that another test starts has our
/// descriptors, and with them our locks, until it has become another program.
fn attempt(
    disks: &[DiskPlan],
    shards: usize,
    chance: Chance,
    force: bool,
    notes: &mut Notes,
) -> Result<Prepared, Refused> {
    let consent = match force {
        true => Consent::Overwrite,
        false => Consent::OtherShards,
    };
    consenting(disks, shards, chance, consent, notes)
}

fn consenting(
    disks: &[DiskPlan],
    shards: usize,
    chance: Chance,
    consent: Consent,
    notes: &mut Notes,
) -> Result<Prepared, Refused> {
    let begun = Instant::now();
    loop {
        match prepare(disks, shards, chance, consent, notes) {
            Err(Refused(why)) if why.contains("in use") && begun.elapsed() < PATIENCE => {
                std::thread::yield_now();
            }
            result => return result,
        }
    }
}

/// Prepares without force, and takes part in a run.
fn ready(disks: &[DiskPlan], shards: usize, now_ms: u64) -> (Prepared, Notes) {
    let mut notes = Notes::default();
    let prepared = attempt(disks, shards, chance(now_ms), false, &mut notes);
    match prepared.and_then(|prepared| prepared.take_part(&mut notes)) {
        Ok(prepared) => (prepared, notes),
        Err(refused) => panic!("{refused}"),
    }
}

/// Is refused without force, with these words.
fn check_refused(disks: &[DiskPlan], shards: usize, words: &[&str]) {
    let mut notes = Notes::default();
    let refused = match words.contains(&"in use") {
        true => prepare(disks, shards, chance(9), Consent::OtherShards, &mut notes),
        false => attempt(disks, shards, chance(9), false, &mut notes),
    };
    let refused = refused.expect_err("it should be refused").0;
    for words in words {
        assert!(refused.contains(words), "{words:?} is not in: {refused}");
    }
    assert!(notes.works.is_empty(), "something was written");
}

/// With force, and goes well.
fn forced(disks: &[DiskPlan], shards: usize) -> (Prepared, Notes) {
    let mut notes = Notes::default();
    let prepared = attempt(disks, shards, chance(50), true, &mut notes);
    (
        prepared.unwrap_or_else(|refused| panic!("{refused}")),
        notes,
    )
}

fn new_logs(prepared: &Prepared) -> Vec<bool> {
    prepared.logs.iter().map(|log| log.is_new).collect()
}

/// The key of the record in the segment with this number.
fn key_of(seq: u64) -> Key {
    Key(u128::from(seq.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64)
}

/// Writes a sealed segment with one record.
fn write_segment(log: &PreparedLog, slot: u32, seq: u64) {
    let (layout, mark) = (log.superblock.layout(), log.superblock.mark_key());
    let header = SegmentHeader {
        slot,
        seq,
        opened_ms: seq,
    };
    let key = key_of(seq);
    let whole = Record {
        key,
        variant: 0,
        has_variant: false,
        facts: [0; 32],
        head: b"HTTP/1.1 200 OK\r\n\r\n",
        notes: b"",
        body: b"some content",
        outline: None,
        uses: 0,
        disk_uses: 0,
    };
    let mut bytes = vec![0; PAGE];
    let page = layout.first_page(slot) + 1;
    record::encode(&whole, &[], seq, page, mark, &mut bytes);
    let event = Event::Object {
        key,
        page: 1,
        pages: 1,
        variant: 0,
    };
    let sheet = Sheet {
        header,
        sealed_ms: seq,
        events: vec![event],
    };
    let footer = encode_footer(&sheet, mark, layout.pages_per_segment());
    let at = log.base + layout.slot_at(slot);
    let end = at + u64::from(layout.segment_bytes) - footer.len() as u64;
    // The lock's descriptor wants aligned memory.
    let file = File::options().write(true).open(&log.path).unwrap();
    file.write_all_at(&header.encode(mark), at).unwrap();
    file.write_all_at(&bytes, at + PAGE as u64).unwrap();
    file.write_all_at(&footer, end).unwrap();
    file.sync_all().unwrap();
}

/// The numbers of all segments that a start would find, newest first.
fn segments(log: &PreparedLog) -> Vec<u64> {
    let sheets = sheets(log);
    sheets.iter().map(|sheet| sheet.header.seq).collect()
}

/// What a start would find.
fn sheets(log: &PreparedLog) -> Vec<Sheet> {
    let file = File::open(&log.path).unwrap();
    let mut walk = Walk::new(&log.superblock);
    let mut sheets = Vec::new();
    loop {
        while let Some(found) = walk.found() {
            match found {
                Found::Sheet(sheet) => sheets.push(sheet),
                Found::Done(_) => return sheets,
                Found::Failed => panic!("the walk failed"),
                _ => {}
            }
        }
        let Some(read) = walk.wanted() else { continue };
        let mut bytes = vec![0; read.bytes];
        let got = file.read_exact_at(&mut bytes, log.base + read.at);
        walk.feed(read.ticket, got.is_ok().then_some(&bytes[..]));
    }
}

fn superblock_of(path: &Path) -> Superblock {
    let bytes = std::fs::read(path).unwrap();
    Superblock::read(&bytes[..FRONT_BYTES.min(bytes.len())]).unwrap()
}

#[test]
fn a_new_disk_is_a_file_for_each_shard_of_zeros_nobody_else_reads() {
    let directory = Directory::new("new");
    let disks = [directory.disk("a", 64 * MIB)];
    let (prepared, notes) = ready(&disks, 2, 5);
    assert_eq!(prepared.seed, chance(5).seed);
    assert_eq!(new_logs(&prepared), [true, true]);
    assert_eq!(notes.works.len(), 2, "{:?}", notes.said);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&disks[0].path), 0o700);
    for (shard, log) in (0..).zip(&prepared.logs) {
        assert_eq!(log.id, LogId { shard, device: 0 });
        assert_eq!(mode(&log.path), 0o600);
        let held = superblock_of(&log.path);
        assert_eq!(held, log.superblock);
        assert_eq!(
            (held.set, held.shard, held.shards),
            (chance(5).set, shard, 2)
        );
        assert_eq!(held.prepared_bytes, held.layout().total_bytes());
        let bytes = std::fs::read(&log.path).unwrap();
        assert_eq!(bytes.len() as u64, held.layout().total_bytes());
        assert!(bytes.len() as u64 <= 32 * MIB);
        assert!(bytes[2 * PAGE..].iter().all(|byte| *byte == 0));
        // Blocks, not a hole.
        use std::os::unix::fs::MetadataExt;
        let blocks = std::fs::metadata(&log.path).unwrap().blocks() * 512;
        assert!(blocks >= held.layout().total_bytes(), "{blocks}");
    }
}

#[test]
fn a_disk_is_used_again_as_it_is() {
    let directory = Directory::new("again");
    let disks = [directory.disk("a", 64 * MIB)];
    let (first, _) = ready(&disks, 1, 5);
    write_segment(&first.logs[0], 0, 1);
    check_refused(&disks, 1, &["in use", "running already"]);
    drop(first);
    let (second, notes) = ready(&disks, 1, 6);
    assert_eq!(second.seed, chance(5).seed);
    assert_eq!(new_logs(&second), [false]);
    assert_eq!((notes.works, notes.said), (vec![], vec![]));
    assert_eq!(segments(&second.logs[0]), [1]);
}

#[test]
fn what_is_prepared_ahead_of_time_is_new_when_it_is_used() {
    let directory = Directory::new("ahead");
    let disks = [directory.disk("a", 64 * MIB)];
    for _ in 0..2 {
        let mut notes = Notes::default();
        let ahead = attempt(&disks, 1, chance(5), false, &mut notes);
        assert_eq!(new_logs(&ahead.unwrap()), [true]);
    }
    let (used, notes) = ready(&disks, 1, 6);
    assert_eq!((new_logs(&used), notes.works), (vec![true], vec![]));
    drop(used);
    assert_eq!(new_logs(&ready(&disks, 1, 7).0), [false]);
}

#[test]
fn a_log_that_nobody_used_is_still_new() {
    let directory = Directory::new("unused");
    let disks = [directory.disk("a", 64 * MIB)];
    let mut notes = Notes {
        stop_after: Some(3),
        ..Notes::default()
    };
    let stopped = attempt(&disks, 1, chance(5), false, &mut notes);
    assert!(stopped
        .unwrap_err()
        .0
        .contains("the next start goes on there"));
    let (prepared, _) = ready(&disks, 1, 6);
    assert_eq!(new_logs(&prepared), [true]);
}

#[test]
fn pre_writing_goes_on_where_it_was_noted() {
    for (round, stop_after) in [0, 1, 2, 3, 4, 5, 9, 14].into_iter().enumerate() {
        let directory = Directory::new(&format!("resume-{round}"));
        let disks = [directory.disk("a", 64 * MIB)];
        let mut notes = Notes {
            stop_after: Some(stop_after),
            panics: round % 2 == 0,
            ..Notes::default()
        };
        let attempt = std::panic::AssertUnwindSafe(|| {
            attempt(&disks, 1, chance(5), false, &mut notes).map(drop)
        });
        let stopped = std::panic::catch_unwind(attempt);
        assert!(!matches!(stopped, Ok(Ok(()))), "{stop_after}");
        let path = place::file_of(&disks[0].path, 0);
        let noted = superblock_of(&path).prepared_bytes;
        // What was noted is not written once more, and all else is.
        let file = File::options().write(true).open(&path).unwrap();
        let reached = notes.works.first().map_or(0, |work| work.1);
        assert!(
            noted <= reached && reached < noted + 12 * MIB,
            "{noted} {reached}"
        );
        if noted > MIB {
            file.write_all_at(b"old", noted - 8).unwrap();
        }
        file.write_all_at(b"torn", noted.max(2 * PAGE as u64) + 8)
            .unwrap();
        let (prepared, notes) = ready(&disks, 1, 6);
        let from = noted.max(2 * PAGE as u64);
        assert_eq!(notes.works[0].0, from, "{stop_after}");
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes[from as usize..].iter().all(|byte| *byte == 0));
        if noted > MIB {
            assert!(bytes[..noted as usize].ends_with(b"old\0\0\0\0\0"));
        }
        let held = &prepared.logs[0].superblock;
        assert_eq!(held.prepared_bytes, held.layout().total_bytes());
    }
}

#[test]
fn one_torn_superblock_is_no_loss_and_two_are_told() {
    let directory = Directory::new("torn");
    let disks = [directory.disk("a", 64 * MIB)];
    let (first, _) = ready(&disks, 1, 5);
    let path = first.logs[0].path.clone();
    write_segment(&first.logs[0], 0, 1);
    drop(first);
    let file = File::options().write(true).open(&path).unwrap();
    for at in [100, PAGE as u64 + 100] {
        file.write_all_at(b"\xff\xff", at).unwrap();
        let (second, _) = ready(&disks, 1, 6);
        assert_eq!(segments(&second.logs[0]), [1], "{at}");
    }
    for at in [100, PAGE as u64 + 100] {
        file.write_all_at(b"\xff\xff", at).unwrap();
    }
    check_refused(&disks, 1, &["two damaged superblocks", "--force"]);
    let (third, notes) = forced(&disks, 1);
    assert!(
        notes.has("overwritten: it begins empty"),
        "{:?}",
        notes.said
    );
    assert_eq!(segments(&third.logs[0]), []);
}

#[test]
fn a_log_whose_end_was_cut_off_begins_empty() {
    let directory = Directory::new("cut");
    let disks = [directory.disk("a", 64 * MIB)];
    let (first, _) = ready(&disks, 1, 5);
    let path = first.logs[0].path.clone();
    let total = first.logs[0].superblock.layout().total_bytes();
    write_segment(&first.logs[0], 0, 1);
    drop(first);
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(20 * MIB).unwrap();
    let (second, notes) = ready(&disks, 1, 6);
    assert!(notes.has("its end was cut off: it begins empty"));
    assert_eq!(notes.works, [(20 * MIB, total)]);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), total);
    assert_eq!(
        (new_logs(&second), segments(&second.logs[0])),
        (vec![true], vec![])
    );
}

#[test]
fn what_the_operator_must_put_right_is_refused() {
    let directory = Directory::new("wrong");
    std::fs::write(directory.0.join("file"), "text").unwrap();
    let disk = |name| directory.disk(name, 64 * MIB);
    let no_size = DiskPlan {
        size_bytes: None,
        ..disk("a")
    };
    for (disk, shards, words) in [
        (no_size, 1, &["/a is a directory", "size = "][..]),
        (disk("file"), 1, &["/file is neither"]),
        (disk("not/there"), 1, &["there is no", "/not to make it in"]),
        (disk("a"), 8, &["8 MiB for each of 8 shards is too little"]),
        (
            directory.disk("b", 64 << 40),
            1,
            &["MiB more are needed", "MiB free"],
        ),
    ] {
        let before = disk.path.exists();
        check_refused(std::slice::from_ref(&disk), shards, words);
        assert_eq!(disk.path.exists(), before, "{}", disk.path.display());
    }
    // In a directory that was there, the files that were made for it go.
    let huge = disk("c");
    std::fs::create_dir(&huge.path).unwrap();
    let huge = DiskPlan {
        size_bytes: Some(64 << 40),
        ..huge
    };
    check_refused(std::slice::from_ref(&huge), 2, &["MiB more are needed"]);
    assert_eq!(std::fs::read_dir(&huge.path).unwrap().count(), 0);
}

#[test]
fn disks_in_one_file_system_share_its_room() {
    let directory = Directory::new("room");
    let free = crate::rt::free_bytes(&directory.0).unwrap();
    let disks = ["a", "b"].map(|name| directory.disk(name, free / 10 * 6));
    // In case it is not refused.
    let mut notes = Notes {
        stop_after: Some(0),
        ..Notes::default()
    };
    let refused = attempt(&disks, 1, chance(5), false, &mut notes);
    let why = refused.map(drop).unwrap_err().0;
    for words in ["/a, ", "/b: ", "MiB more are needed", "MiB free"] {
        assert!(why.contains(words), "{why}");
    }
    assert!(notes.works.is_empty(), "something was written");
    assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 0);
}

#[test]
fn a_disk_that_fails_is_left_out() {
    let directory = Directory::new("fails");
    let gone = DiskPlan {
        path: "/dev/ringside-no-such-device".into(),
        size_bytes: None,
    };
    let disks = [gone.clone(), directory.disk("a", 64 * MIB)];
    let (prepared, notes) = ready(&disks, 1, 5);
    assert_eq!(prepared.left_out, std::slice::from_ref(&gone.path));
    assert_eq!(prepared.logs.len(), 1);
    assert!(
        notes.has("/dev/ringside-no-such-device fails"),
        "{:?}",
        notes.said
    );
    let (prepared, _) = ready(&[gone], 1, 5);
    assert!(prepared.logs.is_empty());
}
