//! The keeper over real files, on both of its bodies.

use super::*;
use crate::siblings::{mesh, Post};
use crate::store::disk::orders::SlotState;
use ringside_engine::key::{Key, Seed};
use ringside_engine::store::disk::checkpoint::ENTRY_BYTES;
use ringside_engine::store::disk::edict::encode_header;
use ringside_engine::store::disk::places::Places;
use ringside_engine::store::disk::record::{encode, pages_for, Record};
use ringside_engine::store::disk::recover::Recovery;
use ringside_engine::store::disk::segment::{encode_footer, Event, SegmentHeader, Sheet};
use ringside_engine::store::disk::walk::Walked;
use ringside_engine::store::disk::{Changes, Falls, Layout, PAGE};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

const LOG: LogId = LogId {
    shard: 0,
    device: 0,
};

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    /// Below the build's directory: a real file system, which the system's may not be.
    fn new(name: &str) -> Directory {
        let exe = std::env::current_exe().unwrap();
        let id = std::process::id();
        let path = exe.with_file_name(format!("keeper-{name}-{id}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A log in a file.
struct Log {
    file: File,
    to_keep: LogToKeep,
    layout: Layout,
}

impl Log {
    /// At `base` of the file, all zeros but for its superblock and an area of edicts.
    fn new(path: &Path, base: u64, segment_bytes: u32, segments: u32) -> Log {
        let layout = Layout::of(segment_bytes, segments).unwrap();
        let superblock = Superblock {
            set: 7,
            seed: Seed([1, 2]),
            device: 0,
            shard: 0,
            shards: 1,
            segment_bytes,
            segments,
            generation: 1,
            valid_from: 0,
            prepared_bytes: layout.total_bytes(),
            created_ms: 5,
            latest_ms: 5,
            total_bytes: layout.total_bytes(),
            falls: Falls::default(),
            changes: Changes::default(),
        };
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .unwrap();
        file.set_len(base + layout.total_bytes()).unwrap();
        let log = Log {
            file,
            to_keep: LogToKeep {
                log: LOG,
                path: path.to_owned(),
                base,
                superblock: superblock.clone(),
                is_new: false,
            },
            layout,
        };
        log.put(0, &superblock.encode());
        log.put(PAGE as u64, &superblock.encode());
        log.put(
            layout.edicts_at[0],
            &encode_header(1, superblock.mark_key()),
        );
        log
    }

    fn put(&self, at: u64, bytes: &[u8]) {
        self.file
            .write_all_at(bytes, self.to_keep.base + at)
            .unwrap();
    }

    fn flip(&self, at: u64) {
        let mut byte = [0];
        let at = self.to_keep.base + at;
        self.file.read_exact_at(&mut byte, at).unwrap();
        self.file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
    }

    fn last(&self, slot: u32) -> u64 {
        self.layout.slot_at(slot + 1) - PAGE as u64
    }

    /// A segment of so many objects of a page each. Their records are written only if it is not
    /// sealed: otherwise nobody looks at them here.
    fn segment(&self, slot: u32, seq: u64, records: u16, is_sealed: bool) -> Sheet {
        let mark = self.to_keep.superblock.mark_key();
        let header = SegmentHeader {
            slot,
            seq,
            opened_ms: seq * 1000,
        };
        self.put(self.layout.slot_at(slot), &header.encode(mark));
        let object = |page: u16| Event::Object {
            key: key(seq, page),
            page,
            pages: 1,
            variant: 0,
        };
        let sheet = Sheet {
            header,
            sealed_ms: header.opened_ms,
            events: (1..=records).map(object).collect(),
        };
        if is_sealed {
            let footer = encode_footer(&sheet, mark, self.layout.pages_per_segment());
            self.put(self.layout.slot_at(slot + 1) - footer.len() as u64, &footer);
            return sheet;
        }
        for page in 1..=records {
            let record = Record {
                key: key(seq, page),
                variant: 0,
                has_variant: false,
                facts: [0; 32],
                head: b"head",
                notes: b"",
                body: b"body",
                outline: None,
                uses: 0,
                disk_uses: 0,
            };
            let mut bytes = vec![0; pages_for(4, 0, 4) as usize * PAGE];
            let number = self.layout.first_page(slot) + u32::from(page);
            encode(&record, &[], seq, number, mark, &mut bytes);
            self.put(self.layout.page_at(number), &bytes);
        }
        sheet
    }
}

/// Spread over all bits, as keys are.
fn key(seq: u64, page: u16) -> Key {
    let low = (seq << 16 | u64::from(page)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Key(u128::from(seq) << 64 | u128::from(low ^ low >> 29))
}

/// What the keeper said to its operator.
type Said = Arc<Mutex<Vec<String>>>;

struct Kept {
    keeper: Keeper,
    post: Post,
    said: Said,
}

fn start(body: Body, logs: Vec<LogToKeep>, gait: Gait) -> Kept {
    let (mut posts, outside) = mesh(1).unwrap();
    let said = Said::default();
    let say = said.clone();
    let say = Box::new(move |what| say.lock().unwrap().push(what));
    let keeper = start_on(body, outside, logs, gait, say).unwrap();
    Kept {
        keeper,
        post: posts.remove(0),
        said,
    }
}

/// The next letter.
fn next(post: &Post) -> DiskNews {
    let patience = Instant::now();
    loop {
        match post.take() {
            Some((_, Letter::Disk(news))) => return *news,
            Some(_) => panic!("another letter"),
            None => std::thread::yield_now(),
        }
        assert!(patience.elapsed().as_secs() < 60, "no news");
    }
}

/// All letters of a recovery.
fn recovered(post: &Post) -> Came {
    let mut came = Came::default();
    loop {
        match next(post) {
            DiskNews::Head {
                slot,
                seq,
                checkpoint_generation,
                ..
            } => {
                assert!(came.sheets.is_empty(), "a sheet before the head");
                came.head.push((slot, seq, checkpoint_generation));
            }
            DiskNews::Sheet { sheet, .. } => {
                assert!(came.entries.is_empty(), "a sheet after entries");
                came.sheets.push(sheet);
            }
            DiskNews::Index { entries, slots, .. } => {
                came.entries.extend(entries);
                came.slots = slots.to_vec();
            }
            DiskNews::Recovered {
                walked, took_ms, ..
            } => {
                came.walked = walked;
                came.took_ms = took_ms;
                return came;
            }
            DiskNews::Failed { why, .. } => {
                came.failed = Some(why);
                return came;
            }
            DiskNews::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

impl Kept {
    fn next(&self) -> DiskNews {
        next(&self.post)
    }

    fn recovered(&self) -> Came {
        recovered(&self.post)
    }

    fn order(&self, order: Order) {
        let mut order = order;
        while let Err(back) = self.keeper.orders().try_send(order) {
            let std::sync::mpsc::TrySendError::Full(back) = back else {
                panic!("the keeper is gone: {:?}", self.said.lock().unwrap());
            };
            order = back;
            std::thread::yield_now();
        }
    }

    fn end(self) -> Vec<String> {
        self.keeper.stop();
        let said = self.said.lock().unwrap();
        said.clone()
    }
}

#[derive(Debug, Default)]
struct Came {
    head: Vec<(u32, u64, u64)>,
    sheets: Vec<Sheet>,
    entries: Vec<u8>,
    slots: Vec<u64>,
    walked: Walked,
    took_ms: u64,
    failed: Option<String>,
}

impl Came {
    fn seqs(&self) -> Vec<u64> {
        self.sheets.iter().map(|sheet| sheet.header.seq).collect()
    }
}

fn down(from: u64, to: u64) -> Vec<u64> {
    (to..=from).rev().collect()
}

#[test]
fn a_log_is_recovered_and_its_tail_sealed() {
    for body in [Body::Ring, Body::Plain] {
        let directory = Directory::new(&format!("tail-{body:?}"));
        // A slice of a larger device, with a hole at its front: see `device`.
        let log = Log::new(&directory.0.join("store"), 3 << 20, 256 * 1024, 12);
        for seq in 1..=20 {
            log.segment((seq as u32 - 1) % 12, seq, 20, true);
        }
        let tail = log.segment(8, 21, 30, false);
        // The rest is still as the lap before left it; and one footer more does not hold.
        log.segment(2, 15, 10, false);
        log.flip(log.last(2) + PAGE as u64 - 9);
        let kept = start(body, vec![log.to_keep.clone()], Gait::default());
        let came = kept.recovered();
        assert_eq!(came.head, [(8, 21, 0)], "{body:?} {:?}", came.failed);
        assert_eq!(came.seqs(), down(21, 10), "{body:?}");
        assert_eq!(came.sheets[0], tail);
        assert_eq!(came.sheets[6].events.len(), 10);
        assert_eq!(came.walked.scanned, 2);
        let said = kept.end();
        let [said] = &said[..] else {
            panic!("{body:?}: {said:?}");
        };
        let path = log.to_keep.path.display();
        let records = came.walked.objects;
        let (at, what) = (
            format!("disk {path}: recovered"),
            format!(": {records} records, "),
        );
        assert!(said.starts_with(&at) && said.contains(&what), "{said}");
        // The next start finds a footer.
        let kept = start(body, vec![log.to_keep.clone()], Gait::default());
        let came = kept.recovered();
        assert_eq!(came.sheets[0], tail);
        assert_eq!(came.walked.scanned, 1);
        kept.end();
    }
}

fn begin(generation: u64, since_seq: u64, head_slot: u32, slots: &[u64]) -> Order {
    let state = |seq: &u64| SlotState {
        seq: *seq,
        opened_ms: *seq * 1000,
    };
    Order::Begin {
        log: LOG,
        generation,
        since_seq,
        head_slot,
        slots: slots.iter().map(state).collect(),
        hurries: false,
    }
}

#[test]
fn a_checkpoint_is_written_and_found_again() {
    for body in [Body::Ring, Body::Plain] {
        let directory = Directory::new(&format!("checkpoint-{body:?}"));
        let log = Log::new(&directory.0.join("store"), 0, 1 << 20, 60);
        for seq in 1..=30 {
            log.segment(seq as u32 - 1, seq, 50, true);
        }
        let kept = start(body, vec![log.to_keep.clone()], Gait::default());
        assert_eq!(kept.recovered().seqs(), down(30, 1));
        let mut slots: Vec<u64> = (1..=30).collect();
        slots.resize(60, 0);
        // More than one write, and not whole pages.
        let entries: Vec<u8> = (0..15_000 * ENTRY_BYTES).map(|at| (at / 3) as u8).collect();
        for generation in [1, 2] {
            kept.order(begin(generation, 30, 29, &slots));
            for part in entries.chunks(7000 * ENTRY_BYTES) {
                let bytes = part.to_vec();
                kept.order(Order::Part { log: LOG, bytes });
            }
            let count = entries.len() as u64 / ENTRY_BYTES as u64;
            kept.order(Order::End {
                log: LOG,
                entries: count,
            });
            let written = kept.next();
            let ok = matches!(written, DiskNews::Written { generation: which, ok: true, .. } if which == generation);
            assert!(ok, "{written:?}");
        }
        // What is not as it was announced is not a checkpoint, and one that is given up neither.
        kept.order(begin(3, 30, 29, &slots));
        kept.order(Order::End {
            log: LOG,
            entries: 5,
        });
        let written = kept.next();
        let refused = matches!(
            written,
            DiskNews::Written {
                generation: 3,
                ok: false,
                ..
            }
        );
        assert!(refused, "{written:?}");
        kept.order(begin(3, 30, 29, &slots));
        kept.order(Order::Abandon { log: LOG });
        kept.order(Order::End {
            log: LOG,
            entries: 0,
        });
        // The log goes on after it, and is read anew.
        log.segment(30, 31, 50, true);
        log.segment(31, 32, 50, false);
        kept.order(Order::Recover { log: LOG });
        let came = kept.recovered();
        assert_eq!(came.head, [(31, 32, 2)]);
        assert_eq!(came.seqs(), down(32, 30));
        assert!(came.entries == entries);
        assert_eq!(came.slots, slots);
        // Damage in the newer one's entries: all sheets instead.
        let at = log.layout.checkpoints_at[0] + PAGE as u64;
        log.flip(at + 60 * 16 + 100_000);
        kept.order(Order::Recover { log: LOG });
        let came = kept.recovered();
        assert_eq!(came.seqs(), down(32, 1));
        assert!(came.entries.is_empty() && came.walked.is_checkpoint_damaged);
        // Damage in its slot table: the older one.
        log.flip(at + 8);
        kept.order(Order::Recover { log: LOG });
        let came = kept.recovered();
        assert_eq!(came.head, [(31, 32, 1)]);
        assert!(came.entries == entries);
        // A superblock that calls all off.
        let mut superblock = log.to_keep.superblock.clone();
        superblock.valid_from = 32;
        superblock.generation = 2;
        log.put(0, &superblock.encode());
        kept.order(Order::Recover { log: LOG });
        assert_eq!(kept.recovered().seqs(), [32]);
        let mut said = kept.end();
        said.retain(|line| !line.contains("recovered in"));
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("entries are missing"), "{said:?}");
    }
}

/// Two logs of one device, each of a shard of its own.
fn two_logs(directory: &Directory) -> Vec<LogToKeep> {
    let log = |shard: u16| {
        let path = directory.0.join(format!("store-{shard}"));
        let log = Log::new(&path, 0, 64 * 1024, 40);
        (1..=40).for_each(|seq| drop(log.segment(seq as u32 - 1, seq, 3, true)));
        let mut to_keep = log.to_keep;
        to_keep.log.shard = shard;
        to_keep
    };
    vec![log(0), log(1)]
}

#[test]
fn the_logs_of_a_device_share_its_pace() {
    let directory = Directory::new("pace");
    let (posts, outside) = mesh(2).unwrap();
    let gait = Gait {
        read_bytes_per_s: 1 << 20,
        ..Gait::default()
    };
    let began = Instant::now();
    let say = Box::new(|_| {});
    let keeper = start_on(Body::Ring, outside, two_logs(&directory), gait, say).unwrap();
    let mut read_bytes = 0;
    for post in &posts {
        read_bytes += recovered(post).walked.read_bytes;
    }
    let least = read_bytes as f64 / gait.read_bytes_per_s as f64;
    let took = began.elapsed().as_secs_f64();
    // A moment's worth goes at once, and so does the last read.
    assert!(took > 0.7 * least, "{took} s for {read_bytes} bytes");
    keeper.stop();
}

#[test]
fn on_plain_calls_no_log_waits_for_all_of_another() {
    let directory = Directory::new("turns");
    let (posts, outside) = mesh(2).unwrap();
    let (logs, gait) = (two_logs(&directory), Gait::default());
    let say = Box::new(|_| {});
    let keeper = start_on(Body::Plain, outside, logs, gait, say).unwrap();
    // Nobody reads of the first one, whose letters are more than may be unread.
    let first = next(&posts[1]);
    assert!(matches!(first, DiskNews::Head { seq: 40, .. }), "{first:?}");
    for post in &posts {
        assert!(recovered(post).failed.is_none());
    }
    keeper.stop();
}

#[test]
fn nothing_is_written_to_another_store_at_the_path() {
    for body in [Body::Ring, Body::Plain] {
        let directory = Directory::new(&format!("replaced-{body:?}"));
        let path = directory.0.join("store");
        let log = Log::new(&path, 0, 64 * 1024, 20);
        let tail = log.segment(0, 1, 3, true);
        let kept = start(body, vec![log.to_keep.clone()], Gait::default());
        assert_eq!(kept.recovered().sheets, [tail]);
        // Another of the same size, made later; its newest segment was never sealed.
        std::fs::rename(&path, directory.0.join("before")).unwrap();
        let other = Log::new(&path, 0, 64 * 1024, 20);
        let superblock = Superblock {
            created_ms: 6,
            ..log.to_keep.superblock.clone()
        };
        for at in [0, PAGE as u64] {
            other.put(at, &superblock.encode());
        }
        other.segment(0, 1, 3, false);
        let bytes = std::fs::read(&path).unwrap();
        kept.order(begin(1, 1, 0, &[1; 20]));
        let written = kept.next();
        assert!(matches!(written, DiskNews::Written { ok: false, .. }));
        kept.order(Order::Recover { log: LOG });
        let why = kept.recovered().failed.unwrap_or_default();
        assert!(why.contains("there is another store now"), "{why}");
        assert!(std::fs::read(&path).unwrap() == bytes, "{body:?}");
        let said = kept.end().concat();
        assert!(said.contains("there is another store now"), "{said}");
        // Nor is a segment of it sealed by a start.
        let kept = start(body, vec![log.to_keep.clone()], Gait::default());
        assert!(kept.recovered().failed.is_some());
        kept.end();
        assert!(std::fs::read(&path).unwrap() == bytes, "{body:?}");
    }
}

#[test]
fn a_shard_that_does_not_read_slows_the_keeper_and_loses_nothing() {
    let directory = Directory::new("slow");
    let log = Log::new(&directory.0.join("store"), 0, 64 * 1024, 400);
    for seq in 1..=400 {
        log.segment(seq as u32 - 1, seq, 3, true);
    }
    let (mut posts, outside) = mesh(1).unwrap();
    let post = posts.remove(0);
    let keeper = super::start(outside.clone(), vec![log.to_keep.clone()], |_| {}).unwrap();
    while outside.unread(0) < UNREAD_MAX {
        std::thread::yield_now();
    }
    let kept = Kept {
        keeper,
        post,
        said: Said::default(),
    };
    assert_eq!(kept.recovered().seqs(), down(400, 1));
    kept.end();
    // One that never reads does not keep it from its end.
    let (_posts, outside) = mesh(1).unwrap();
    let keeper = super::start(outside.clone(), vec![log.to_keep.clone()], |_| {}).unwrap();
    while outside.unread(0) < UNREAD_MAX {
        std::thread::yield_now();
    }
    keeper.stop();
    assert_eq!(outside.unread(0), UNREAD_MAX);
}

#[test]
fn a_log_that_can_not_be_read_is_told_as_failed() {
    for body in [Body::Ring, Body::Plain] {
        let directory = Directory::new(&format!("gone-{body:?}"));
        let log = Log::new(&directory.0.join("store"), 0, 64 * 1024, 20);
        log.segment(0, 1, 3, true);
        let mut nowhere = log.to_keep.clone();
        nowhere.path = directory.0.join("nowhere");
        nowhere.log.device = 1;
        let mut short = Log::new(&directory.0.join("short"), 0, 64 * 1024, 20).to_keep;
        short.log.device = 2;
        let file = File::options().write(true).open(&short.path).unwrap();
        file.set_len(80 * 1024).unwrap();
        let logs = vec![nowhere, log.to_keep.clone(), short];
        let kept = start(body, logs, Gait::default());
        let (mut failed, mut recovered) = (Vec::new(), 0);
        while failed.len() < 2 || recovered < 1 {
            match kept.next() {
                DiskNews::Failed { log, why } => {
                    assert!(!why.is_empty());
                    failed.push(log.device);
                }
                DiskNews::Recovered { log, .. } => {
                    assert_eq!(log.device, 0);
                    recovered += 1;
                }
                _ => {}
            }
        }
        failed.sort_unstable();
        assert_eq!(failed, [1, 2], "{body:?}");
        kept.end();
    }
}

#[test]
fn a_panic_is_told_and_the_work_goes_on() {
    let directory = Directory::new("panic");
    let log = Log::new(&directory.0.join("store"), 0, 64 * 1024, 20);
    log.segment(0, 1, 3, true);
    let (mut posts, outside) = mesh(1).unwrap();
    let said = Said::default();
    let say = said.clone();
    let say = move |what: String| {
        let is_trap = what.contains("a checkpoint can't be written");
        say.lock().unwrap().push(what);
        assert!(!is_trap, "deliberate, for the test");
    };
    let keeper = super::start(outside, vec![log.to_keep.clone()], say).unwrap();
    let kept = Kept {
        keeper,
        post: posts.remove(0),
        said,
    };
    assert_eq!(kept.recovered().seqs(), [1]);
    // Of a wrong number of segments.
    kept.order(begin(5, 1, 0, &[1]));
    let written = kept.next();
    let refused = matches!(
        written,
        DiskNews::Written {
            generation: 5,
            ok: false,
            ..
        }
    );
    assert!(refused, "{written:?}");
    kept.order(Order::Recover { log: LOG });
    assert_eq!(kept.recovered().seqs(), [1]);
    let said = kept.end();
    assert!(
        said.iter().any(|what| what.contains("a fault of ours")),
        "{said:?}"
    );
}

#[test]
fn a_million_records_are_recovered_within_seconds() {
    let directory = Directory::new("million");
    // 16 MiB segments as in life: 1000 of them, 1000 records in each; holes between.
    let log = Log::new(&directory.0.join("store"), 0, 16 << 20, 1000);
    for seq in 1..=1000 {
        log.segment(seq as u32 - 1, seq, 1000, true);
    }
    let mut places = Places::new(log.layout.records_max());
    for body in [Body::Ring, Body::Plain] {
        let kept = start(body, vec![log.to_keep.clone()], Gait::default());
        let began = Instant::now();
        let came = kept.recovered();
        println!(
            "{body:?}: footers of a million records read in {} ms",
            came.took_ms
        );
        assert_eq!(came.walked.objects, 1_000_000);
        let mut recovery = Recovery::new();
        drop(places.take());
        for sheet in &came.sheets {
            recovery.sheet(&mut places, &log.layout, sheet);
        }
        println!("{body:?}: and in an index after {:?}", began.elapsed());
        assert_eq!(places.len(), 1_000_000);
        if body == Body::Plain {
            break;
        }
        // And the same by a checkpoint.
        let slots: Vec<u64> = (1..=1000).collect();
        let wrote = Instant::now();
        kept.order(begin(1, 1000, 999, &slots));
        let mut entries = 0;
        for table in 0..places.tables() {
            let mut bytes = Vec::new();
            entries += places.export(table, &mut bytes) as u64;
            if !bytes.is_empty() {
                kept.order(Order::Part { log: LOG, bytes });
            }
        }
        kept.order(Order::End { log: LOG, entries });
        assert!(matches!(kept.next(), DiskNews::Written { ok: true, .. }));
        println!("{body:?}: its checkpoint written in {:?}", wrote.elapsed());
        kept.order(Order::Recover { log: LOG });
        let came = kept.recovered();
        println!(
            "{body:?}: checkpoint of a million entries read in {} ms",
            came.took_ms
        );
        assert_eq!(came.walked.entries, 1_000_000);
        kept.end();
        for area in log.layout.checkpoints_at {
            log.put(area, &[0; PAGE]);
        }
    }
}
