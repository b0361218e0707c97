//! Edicts and checkpoints: what is stated stays stated, and what is lost is known to be.

use super::*;
use crate::store::disk::edict::{self, Area, Edicts, PAYLOAD_BYTES};
use crate::store::disk::{checkpoint, mark::Crc};

const AREA_PAGES: usize = 16;

/// The two areas of a log, written as a log writes them.
struct Written {
    areas: [Vec<u8>; 2],
    current: usize,
    generation: u64,
    next: u32,
}

impl Written {
    fn new() -> Written {
        let mut areas = [0, 1].map(|_| vec![0; AREA_PAGES * PAGE]);
        areas[0][..PAGE].copy_from_slice(&edict::encode_header(1, mark()));
        Written {
            areas,
            current: 0,
            generation: 1,
            next: 1,
        }
    }

    fn put(&mut self, area: usize, at: u32, bytes: &[u8]) {
        self.areas[area][at as usize * PAGE..][..bytes.len()].copy_from_slice(bytes);
    }

    fn append(&mut self, payload: &[u8]) {
        let batch = edict::encode_batch(self.generation, self.next, payload, mark());
        self.put(self.current, self.next, &batch);
        self.next += edict::batch_pages(payload.len());
    }

    /// The snapshot without its header, as it is before the last flush.
    fn begin_switch(&mut self, snapshot: &[u8]) {
        let batch = edict::encode_batch(self.generation + 1, 1, snapshot, mark());
        self.put(1 - self.current, 1, &batch);
    }

    fn switch(&mut self, snapshot: &[u8]) {
        self.begin_switch(snapshot);
        self.generation += 1;
        self.current = 1 - self.current;
        self.next = 1 + edict::batch_pages(snapshot.len());
        let header = edict::encode_header(self.generation, mark());
        self.put(self.current, 0, &header);
    }

    fn read(&self) -> Edicts {
        edict::read([&self.areas[0], &self.areas[1]], mark())
    }
}

fn payload(n: u8, len: usize) -> Vec<u8> {
    vec![n; len]
}

#[test]
fn what_was_stated_is_read_in_order() {
    let mut log = Written::new();
    let empty = log.read();
    assert_eq!(
        (empty.area, empty.generation, empty.next_page, empty.lost),
        (0, 1, 1, false)
    );
    let lens = [1, 0, PAYLOAD_BYTES, PAYLOAD_BYTES + 1, 3 * PAYLOAD_BYTES, 7];
    let mut want = Vec::new();
    for (n, len) in (1..).zip(lens) {
        log.append(&payload(n, len));
        want.push(payload(n, len));
        let read = log.read();
        assert_eq!(
            (&read.payloads, read.next_page, read.lost),
            (&want, log.next, false)
        );
    }
    log.switch(b"all of it");
    log.append(b"more");
    let read = log.read();
    assert_eq!(
        (read.area, read.generation, read.next_generation),
        (1, 2, 3)
    );
    assert_eq!(read.payloads, [b"all of it".to_vec(), b"more".to_vec()]);
    // And back, over what was there.
    log.switch(&payload(9, 2 * PAYLOAD_BYTES));
    let read = log.read();
    assert_eq!(
        (read.area, read.generation, read.next_page, read.lost),
        (0, 3, 3, false)
    );
    assert_eq!(read.payloads, [payload(9, 2 * PAYLOAD_BYTES)]);
}

#[test]
fn a_switch_that_was_not_finished_changes_nothing() {
    for snapshot in [1, PAYLOAD_BYTES, 5 * PAYLOAD_BYTES] {
        let mut log = Written::new();
        log.append(b"one");
        log.switch(b"two");
        log.append(b"three");
        let before = log.read();
        log.begin_switch(&payload(4, snapshot));
        let after = log.read();
        assert_eq!((after.area, after.lost), (before.area, false));
        assert_eq!(after.payloads, before.payloads);
        assert_eq!(after.next_page, before.next_page);
        assert_eq!(after.next_generation, 4, "above what was begun");
    }
}

#[test]
fn no_damage_loses_a_statement_unnoticed() {
    let mut chance = Chance(21);
    for round in 0..3000 {
        let mut log = Written::new();
        let mut want: Vec<Vec<u8>> = Vec::new();
        for n in 0..1 + chance.below(9) {
            let one = payload(n as u8 + 1, 1 + chance.below(PAYLOAD_BYTES + 300));
            if chance.below(4) == 0 || log.next as usize + 2 > AREA_PAGES {
                want.push(one);
                let all = want.concat();
                let fits = edict::batch_pages(all.len()) as usize + 3 < AREA_PAGES;
                let snapshot = if fits { all } else { payload(255, 5) };
                log.switch(&snapshot);
                want = vec![snapshot];
            } else {
                log.append(&one);
                want.push(one);
            }
        }
        let whole = log.read();
        assert_eq!(
            (&whole.payloads, whole.lost),
            (&want, false),
            "round {round}"
        );
        let (area, page) = (chance.below(2), chance.below(AREA_PAGES));
        let at = area * AREA_PAGES * PAGE + page * PAGE + chance.below(PAGE);
        log.areas[area][at % (AREA_PAGES * PAGE)] ^= 1 << chance.below(8);
        let read = log.read();
        let all_there = want.iter().all(|one| read.payloads.contains(one));
        assert!(
            all_there || read.lost,
            "round {round}: area {area} page {page}"
        );
        // What a damaged page did not hold is stated still.
        if area != log.current {
            assert!(all_there, "round {round}");
        }
    }
}

#[test]
fn one_damaged_page_hides_only_itself() {
    let mut log = Written::new();
    for n in 1..=5 {
        log.append(&payload(n, 10));
    }
    log.areas[0][3 * PAGE + 50] ^= 1;
    let read = log.read();
    assert!(read.lost);
    assert_eq!(read.payloads, [1, 2, 4, 5].map(|n| payload(n, 10)));
    assert_eq!(read.next_page, 6);
}

#[test]
fn a_lost_header_leaves_both_areas_to_be_stated() {
    let mut log = Written::new();
    log.append(b"one");
    log.switch(b"snapshot");
    log.append(b"two");
    log.areas[1][20] ^= 1;
    let read = log.read();
    assert!(read.lost);
    let mut said = read.payloads.clone();
    said.sort();
    assert_eq!(
        said,
        [b"one".to_vec(), b"snapshot".to_vec(), b"two".to_vec()]
    );
    assert_eq!(
        (read.generation, read.next_generation),
        (1, 3),
        "no generation comes twice"
    );
    log.areas[0][20] ^= 1;
    let read = log.read();
    assert!(read.lost && read.payloads.contains(&b"two".to_vec()));
    let blank = edict::read([&[], &[]], mark());
    assert!(blank.lost && blank.payloads.is_empty() && blank.next_generation == 1);
}

#[test]
fn a_batch_elsewhere_is_none() {
    let batch = edict::encode_batch(1, 4, b"text", mark());
    let mut log = Written::new();
    log.put(0, 3, &batch);
    assert_eq!(log.read().payloads, [b""; 0]);
    log.put(0, 4, &batch);
    assert_eq!(log.read().payloads, [b"text"]);
}

#[test]
fn a_batch_without_its_end_is_none() {
    let mut log = Written::new();
    log.append(b"one");
    let batch = edict::encode_batch(1, 2, &payload(2, 2 * PAYLOAD_BYTES + 5), mark());
    for pages in 0..3 {
        log.put(0, 2, &batch[..pages * PAGE]);
        let area: Area = edict::read_area(&log.areas[0], mark());
        assert_eq!(area.payloads, [b"one"], "{pages} of 3 pages");
        assert!(!area.is_damaged, "a crash does this");
        assert_eq!(area.next_page as usize, 2 + pages);
    }
}

#[test]
fn a_checkpoint_comes_back() {
    let slots = [(0, 0), (1 << 40, 5), (7, u64::MAX)];
    let table = checkpoint::encode_slots(&slots);
    assert!(checkpoint::decode_slots(&table).eq(slots));
    let header = checkpoint::Header {
        generation: 9,
        since_seq: 1 << 40,
        head_slot: 1,
        segments: 3,
        count: 5,
        slots_crc: Crc::new().add(&table).value(),
        entries_crc: Crc::new().add(&[1; 20]).add(&[2; 40]).value(),
    };
    let page = header.encode(mark());
    assert_eq!(checkpoint::Header::decode(&page, mark()), Ok(header));
    assert_eq!(
        (header.entries_at(), header.end()),
        (4096 + 48, 4096 + 48 + 60)
    );
    for bit in 0..68 * 8 {
        let mut bad = page.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(
            checkpoint::Header::decode(&bad, mark()).is_err(),
            "bit {bit}"
        );
    }
    let endless = checkpoint::Header {
        count: u64::MAX,
        ..header
    };
    assert_eq!(endless.end(), u64::MAX);
}

#[test]
fn checksums_are_those_of_rfc_3720() {
    let cases: &[(&[u8], u32)] = &[
        (&[0; 32], 0x8a91_36aa),
        (&[0xff; 32], 0x62a8_ab43),
        (b"123456789", 0xe306_9283),
    ];
    for (bytes, want) in cases {
        let (front, back) = bytes.split_at(5);
        assert_eq!(Crc::new().add(bytes).value(), *want);
        assert_eq!(Crc::new().add(front).add(back).value(), *want);
    }
}
