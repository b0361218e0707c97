use super::check::Part;
use super::*;
use ringside_engine::key::{Key, Seed};
use ringside_engine::store::disk::checkpoint::{encode_slots, Header, ENTRY_BYTES};
use ringside_engine::store::disk::segment::encode_footer;
use ringside_engine::store::disk::{
    edict, record, Changes, Crc, Event, Falls, Kill, KillForce, Layout, Record, SegmentHeader,
    Sheet, PAGE,
};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

const SEGMENT_BYTES: u32 = 64 * 1024;
const SEGMENTS: u32 = 6;

struct Silent;

impl Watcher for Silent {
    fn say(&mut self, _: &str) {}
    fn begin(&mut self, _: &str, _: u64, _: u64) {}
    fn reached(&mut self, _: u64) {}
    fn end(&mut self) {}
}

/// A file of its own, removed with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(bytes: &[u8]) -> Scratch {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringside-verify-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left behind at worst; it is in the system's temporary directory.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A log in memory, as a server would have written it.
#[derive(Clone)]
struct Image {
    superblock: Superblock,
    layout: Layout,
    bytes: Vec<u8>,
}

fn key(n: u64) -> Key {
    Key(u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
}

impl Image {
    fn new(shard: u16, shards: u16) -> Image {
        let layout = Layout::of(SEGMENT_BYTES, SEGMENTS).unwrap();
        let total_bytes = layout.total_bytes();
        let superblock = Superblock {
            set: 7,
            seed: Seed([1, 2]),
            device: 0,
            shard,
            shards,
            segment_bytes: SEGMENT_BYTES,
            segments: SEGMENTS,
            generation: 1,
            valid_from: 3,
            prepared_bytes: total_bytes,
            created_ms: 5,
            latest_ms: 5,
            total_bytes,
            falls: Falls::default(),
            changes: Changes::default(),
        };
        let mut image = Image {
            bytes: vec![0; total_bytes as usize],
            layout,
            superblock,
        };
        image.put_superblocks();
        image
    }

    /// Two sealed segments, one that is not, one of before `valid_from`, a checkpoint, an edict.
    fn full() -> Image {
        let mut image = Image::new(0, 1);
        image.segment(0, 5, &[(1, 100), (2, 9000), (3, 5000)], &[], true);
        image.segment(1, 6, &[(1, 200), (4, 300)], &[2], true);
        image.segment(2, 7, &[(5, 300), (6, 12_000)], &[], false);
        image.segment(3, 2, &[(7, 300)], &[], true);
        let mark = image.superblock.mark_key();
        image.put(image.layout.edicts_at[1], &edict::encode_header(4, mark));
        let batch = edict::encode_batch(4, 1, b"all of it", mark);
        image.put(image.layout.edicts_at[1] + PAGE as u64, &batch);
        image.checkpoint(1, 3, 2);
        image
    }

    fn put(&mut self, at: u64, bytes: &[u8]) {
        let at = at as usize;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn put_superblocks(&mut self) {
        let page = self.superblock.encode();
        self.put(0, &page);
        self.put(PAGE as u64, &page);
    }

    fn page_at(&self, slot: u32, page: u32) -> u64 {
        self.layout.page_at(self.layout.first_page(slot) + page)
    }

    fn segment(
        &mut self,
        slot: u32,
        seq: u64,
        objects: &[(u64, usize)],
        kills: &[u64],
        sealed: bool,
    ) {
        let mark = self.superblock.mark_key();
        let header = SegmentHeader {
            slot,
            seq,
            opened_ms: 9,
        };
        self.put(self.page_at(slot, 0), &header.encode(mark));
        let mut events = Vec::new();
        let mut page = 1;
        for (number, bytes) in objects {
            let body = vec![*number as u8; *bytes];
            let record = Record {
                key: key(*number),
                variant: 0,
                has_variant: false,
                facts: [0; 32],
                head: b"head",
                notes: b"",
                body: &body,
                outline: None,
                uses: 0,
                disk_uses: 0,
            };
            let pages = record::pages_for(4, 0, *bytes);
            let mut into = vec![0; pages as usize * PAGE];
            let place = self.layout.first_page(slot) + page;
            record::encode(&record, &[], seq, place, mark, &mut into);
            self.put(self.page_at(slot, page), &into);
            events.push(Event::Object {
                key: key(*number),
                page: page as u16,
                pages: pages as u16,
                variant: 0,
            });
            page += pages;
        }
        let kill = |number: &u64| Kill {
            key: key(*number),
            variant: None,
            force: KillForce::Hard,
        };
        let kills: Vec<Kill> = kills.iter().map(kill).collect();
        if !kills.is_empty() {
            let mut into = vec![0; PAGE];
            let place = self.layout.first_page(slot) + page;
            record::encode_kills(&kills, seq, place, mark, &mut into);
            self.put(self.page_at(slot, page), &into);
            events.extend(kills.into_iter().map(Event::Kill));
        }
        if sealed {
            let sheet = Sheet {
                header,
                sealed_ms: 10,
                events,
            };
            let pages = self.layout.pages_per_segment();
            let footer = encode_footer(&sheet, mark, pages);
            let at = self.layout.slot_at(slot + 1) - footer.len() as u64;
            self.put(at, &footer);
        }
    }

    fn checkpoint(&mut self, area: usize, generation: u64, count: u64) {
        let slots = encode_slots(&[(5, 9); SEGMENTS as usize]);
        let entries = vec![3; count as usize * ENTRY_BYTES];
        let header = Header {
            generation,
            since_seq: 6,
            head_slot: 1,
            segments: SEGMENTS,
            count,
            slots_crc: Crc::new().add(&slots).value(),
            entries_crc: Crc::new().add(&entries).value(),
        };
        let at = self.layout.checkpoints_at[area];
        let page = header.encode(self.superblock.mark_key());
        self.put(at, &page);
        self.put(at + PAGE as u64, &slots);
        self.put(at + header.entries_at(), &entries);
    }

    fn flip(&mut self, at: u64) {
        self.bytes[at as usize] ^= 4;
    }

    fn tally(&self) -> Tally {
        let file = Scratch::new(&self.bytes);
        let mut logs = verify_file(&file.0, false, &mut Silent).unwrap();
        assert_eq!(logs.len(), 1);
        logs.remove(0).1
    }

    /// Fails unless there is exactly this damage.
    #[track_caller]
    fn check_faults(&self, expected: &[Part]) -> Tally {
        let tally = self.tally();
        let parts: Vec<Part> = tally.faults.iter().map(|fault| fault.part).collect();
        assert_eq!(parts, expected, "{:?}", tally.faults);
        tally
    }
}

#[test]
fn a_whole_log_is_counted_to_the_last_record() {
    let tally = Image::full().check_faults(&[]);
    let expected = Tally {
        superblocks: 2,
        objects: 7,
        // In pages 1, 3, 2; 1, 1 and one of kills; 1, 3.
        record_bytes: 13 * PAGE as u64,
        // The first of key 1, and key 2.
        void: 2,
        torn: 0,
        kills: 1,
        sealed: 2,
        unsealed: 1,
        void_segments: 1,
        empty: 2,
        lost: 0,
        edicts: 1,
        checkpoints: 1,
        entries: 2,
        read_bytes: tally.read_bytes,
        faults: Vec::new(),
    };
    assert_eq!(tally, expected);
    assert!(tally.read_bytes >= u64::from(SEGMENT_BYTES * SEGMENTS));
}

#[test]
fn one_bit_anywhere_that_counts_is_found() {
    let image = Image::full();
    let page = PAGE as u64;
    let end = |slot: u32| image.layout.slot_at(slot + 1);
    let checkpoint = image.layout.checkpoints_at[1];
    for (at, expected) in [
        (20, Part::Superblock),
        (page + 20, Part::Superblock),
        (image.layout.edicts_at[1] + 9, Part::Edicts),
        (image.layout.edicts_at[1] + page + 9, Part::Edicts),
        (image.layout.edicts_at[1] + page + 50, Part::Edicts),
        (image.page_at(0, 0), Part::Header),
        (image.page_at(0, 0) + 16, Part::Header),
        // Magic, length and content of records.
        (image.page_at(0, 1), Part::Object),
        (image.page_at(0, 2) + 6, Part::Object),
        (image.page_at(0, 4) + 77, Part::Object),
        (image.page_at(1, 1) + 130, Part::Object),
        (image.page_at(1, 3) + 130, Part::Kills),
        // One that is followed by another, where nothing says what there should be.
        (image.page_at(2, 1) + 130, Part::Object),
        (end(0) - 20, Part::Footer),
        (end(0) - 60, Part::Footer),
        // Its first entry.
        (end(1) - page, Part::Footer),
        (checkpoint + 9, Part::Checkpoint),
        (checkpoint + page + 3, Part::Checkpoint),
        (
            checkpoint + page + 16 * u64::from(SEGMENTS),
            Part::Checkpoint,
        ),
    ] {
        let mut image = image.clone();
        image.flip(at);
        let tally = image.tally();
        let parts: Vec<Part> = tally.faults.iter().map(|fault| fault.part).collect();
        assert_eq!(parts, [expected], "at {at}: {:?}", tally.faults);
    }
}

#[test]
fn one_bit_that_does_not_count_is_no_damage() {
    let image = Image::full();
    let page = PAGE as u64;
    for at in [
        // Behind what is sealed in a page.
        600,
        image.layout.edicts_at[1] + 100,
        image.layout.edicts_at[0] - 1,
        image.page_at(0, 0) + 100,
        // Padding of a record, a page between the records and the footer.
        image.page_at(0, 1) + page - 1,
        image.page_at(0, 9) + 1,
        // A segment older than what counts.
        image.page_at(3, 1) + 130,
        image.layout.slot_at(4) - 20,
    ] {
        let mut image = image.clone();
        image.flip(at);
        assert_eq!(image.tally().faults, [], "at {at}");
    }
}

#[test]
fn what_earlier_laps_have_left_is_no_damage() {
    let mut image = Image::full();
    // Slot 4 was full in an earlier lap, and is the newest now, with one record.
    image.segment(4, 4, &[(11, 3000), (12, 3000), (13, 20_000)], &[11], true);
    let records = 13 * PAGE as u64;
    image.segment(4, 8, &[(14, 3000)], &[], false);
    // Half of an old record was overwritten by it: that was a longer one.
    image.flip(image.page_at(4, 2) + 5);
    // Slot 5 is of a log that was here before.
    let made = image.superblock.created_ms;
    image.superblock.created_ms = made + 1;
    image.segment(5, 900, &[(15, 3000)], &[], true);
    image.superblock.created_ms = made;
    let tally = image.check_faults(&[]);
    assert_eq!(
        (tally.objects, tally.record_bytes),
        (8, records + PAGE as u64)
    );
    assert_eq!((tally.unsealed, tally.empty), (2, 1));
}

#[test]
fn what_was_being_written_when_the_machine_stopped_is_torn() {
    let mut image = Image::full();
    image.flip(image.page_at(2, 2) + 5000);
    // The footer was begun.
    let sealed = {
        let mut other = image.clone();
        other.segment(2, 7, &[(5, 300)], &[], true);
        other.bytes
    };
    let end = image.layout.slot_at(3);
    let last = (end as usize - PAGE)..end as usize;
    image.bytes[last.clone()].copy_from_slice(&sealed[last]);
    image.flip(end - 20);
    let tally = image.check_faults(&[]);
    assert_eq!((tally.torn, tally.unsealed, tally.objects), (1, 1, 6));
}

#[test]
fn a_checkpoint_that_is_being_written_over_is_no_damage() {
    let mut image = Image::full();
    image.checkpoint(0, 2, 5);
    image.flip(image.layout.checkpoints_at[0] + PAGE as u64);
    let tally = image.check_faults(&[]);
    assert_eq!((tally.checkpoints, tally.entries), (1, 2));
    // The newer one is.
    image.checkpoint(0, 4, 5);
    image.flip(image.layout.checkpoints_at[0] + PAGE as u64);
    image.check_faults(&[Part::Checkpoint]);
}

#[test]
fn a_log_that_nobody_has_opened_is_whole() {
    let tally = Image::new(0, 1).check_faults(&[]);
    assert_eq!((tally.empty, tally.objects, tally.edicts), (6, 0, 0));
}

#[test]
fn what_is_missing_of_a_file_is_damage_unless_it_was_never_there() {
    let mut image = Image::full();
    // Within a page of the second segment: neither whole pages nor whole sectors are left.
    let end = image.page_at(1, 2) as usize + 100;
    image.bytes.truncate(end);
    let tally = image.tally();
    let faults = |part| {
        tally
            .faults
            .iter()
            .filter(|fault| fault.part == part)
            .count()
    };
    assert!(faults(Part::Bytes) >= 1, "{:?}", tally.faults);
    assert_eq!(tally.sealed, 1);
    // Pre-writing had come so far.
    let mut image = Image::new(0, 1);
    image.superblock.prepared_bytes = image.page_at(1, 2);
    image.put_superblocks();
    image.bytes.truncate(image.page_at(1, 2) as usize);
    image.check_faults(&[]);
}

#[test]
fn logs_behind_each_other_are_found() {
    let mut bytes = Image::new(0, 3).bytes;
    bytes.extend_from_slice(&Image::new(1, 3).bytes);
    let mut third = Image::new(2, 3);
    third.segment(0, 5, &[(1, 100)], &[], true);
    bytes.extend_from_slice(&third.bytes);
    bytes.extend_from_slice(&[0; 64 * 1024]);
    let verified = |bytes: &[u8]| {
        let file = Scratch::new(bytes);
        verify_file(&file.0, false, &mut Silent).unwrap()
    };
    let logs = verified(&bytes);
    assert_eq!(logs.len(), 3);
    assert_eq!(logs[2].1.objects, 1);
    assert!(logs.iter().all(|(_, tally)| tally.faults.is_empty()));
    // One whose superblocks are gone does not hide the next.
    let second = third.bytes.len();
    bytes[second..second + 2 * PAGE].fill(0);
    let logs = verified(&bytes);
    let faults: Vec<usize> = logs.iter().map(|(_, tally)| tally.faults.len()).collect();
    assert_eq!(faults, [0, 1, 0]);
}

#[test]
fn what_is_no_store_or_in_use_is_refused() {
    let refused = |bytes: &[u8]| {
        let file = Scratch::new(bytes);
        verify_file(&file.0, false, &mut Silent).unwrap_err()
    };
    assert!(refused(&[b'x'; 9000]).contains("not Ringside's"));
    assert!(refused(&[]).contains("only zeros"));
    let mut image = Image::full();
    image.flip(20);
    image.flip(20 + PAGE as u64);
    assert!(refused(&image.bytes).contains("both copies"));
    let file = Scratch::new(&Image::full().bytes);
    let held = File::open(&file.0).unwrap();
    assert!(rt::lock(&held).unwrap());
    let told = verify_file(&file.0, false, &mut Silent).unwrap_err();
    assert!(told.contains("in use"), "{told}");
    assert!(verify_file(&file.0, true, &mut Silent).is_ok());
    drop(held);
    assert!(verify_file(&file.0, false, &mut Silent).is_ok());
}
