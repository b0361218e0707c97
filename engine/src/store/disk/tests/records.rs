//! Records: what comes back, and what must not.

use super::*;
use crate::store::disk::record::{self, decode, decode_kills, encode_kills, peek, Kind};
use proptest::prelude::*;

const PAGE_NUMBER: u32 = 77;
const SEQ: u64 = 1 << 40;

fn expect(key: Option<u128>) -> Expect {
    Expect {
        page: PAGE_NUMBER,
        seq: SEQ,
        key: key.map(Key),
    }
}

#[test]
fn an_object_comes_back_whole() {
    let mut chance = Chance(1);
    // Around the bounds of a page, and the largest body with a large head.
    let lens = [
        (0, 0, 0),
        (100, 20, 0),
        (100, 20, 4096 - 128 - 120),
        (100, 20, 4096 - 128 - 119),
        (0, 0, 8192 - 128),
        (5000, 300, 70_000),
        (60_000, 1000, 1 << 20),
    ];
    for (n, (head, notes, body)) in lens.into_iter().enumerate() {
        let parts = parts(&mut chance, head, notes, body);
        let object = object(n as u128, &parts);
        let bytes = encoded(&object, SEQ, PAGE_NUMBER, mark());
        assert_eq!(
            bytes.len(),
            (128 + head + notes + body).div_ceil(PAGE) * PAGE
        );
        let (header, read) = decode(&bytes, expect(Some(n as u128)), mark()).expect("the object");
        assert_eq!(read, object);
        assert_eq!(&bytes[header.head.clone()], &parts[0][..]);
        assert_eq!(&bytes[header.notes.clone()], &parts[1][..]);
        assert_eq!(&bytes[header.body.clone()], &parts[2][..]);
        assert!(
            bytes[header.body.end..].iter().all(|byte| *byte == 0),
            "padding"
        );
        assert_eq!(header.pages as usize * PAGE, bytes.len());
        // With whatever behind it, and by its header alone.
        let longer = [&bytes[..], &[7; 5000]].concat();
        assert_eq!(
            decode(&longer, expect(None), mark()).expect("the same").1,
            object
        );
        assert_eq!(peek(&bytes[..PAGE], PAGE_NUMBER, SEQ, mark()), Ok(header));
    }
}

#[test]
fn a_payload_is_checked_in_any_pieces() {
    let parts = parts(&mut Chance(3), 300, 40, 20_000);
    let good = encoded(&object(4, &parts), SEQ, PAGE_NUMBER, mark());
    let header = record::expected(&good, expect(Some(4)), mark()).expect("the header");
    let checked = |bytes: &[u8], most: usize| {
        let mut check = record::PayloadCheck::of(&header);
        let mut pieces = 0;
        loop {
            pieces += 1;
            if let Some(result) = check.go_on(bytes, most) {
                return (result, pieces);
            }
        }
    };
    let payload = header.body.end - header.head.start;
    for most in [1, 7, 4096, 16 << 10, payload - 1, payload, usize::MAX] {
        assert_eq!(checked(&good, most), (Ok(()), payload.div_ceil(most)));
        for at in [header.head.start, header.notes.start, header.body.end - 1] {
            let mut damaged = good.clone();
            damaged[at] ^= 1;
            assert_eq!(checked(&damaged, most).0, Err(Bad::Checksum), "{at}");
        }
        let short = &good[..header.body.end - 1];
        assert_eq!(checked(short, most).0, Err(Bad::Short));
    }
}

#[test]
fn a_body_in_pieces_is_the_same_body() {
    let parts = parts(&mut Chance(2), 300, 40, 20_000);
    let whole = object(4, &parts);
    let (front, rest) = parts[2].split_at(77);
    let (middle, end) = rest.split_at(9_000);
    let mut out = vec![0xaa; encoded(&whole, SEQ, PAGE_NUMBER, mark()).len()];
    let fronted = Record {
        body: front,
        ..whole
    };
    record::encode(
        &fronted,
        &[middle, b"", end],
        SEQ,
        PAGE_NUMBER,
        mark(),
        &mut out,
    );
    assert_eq!(out, encoded(&whole, SEQ, PAGE_NUMBER, mark()));
}

#[test]
fn only_the_one_that_was_looked_for_is_taken() {
    let parts = parts(&mut Chance(3), 30, 4, 5000);
    let bytes = encoded(&object(5, &parts), SEQ, PAGE_NUMBER, mark());
    let read = |expect: Expect, key: MarkKey| decode(&bytes, expect, key).map(|(_, read)| read.key);
    assert_eq!(read(expect(None), mark()), Ok(Key(5)));
    assert_eq!(read(expect(Some(6)), mark()), Err(Bad::Other));
    let moved = Expect {
        page: PAGE_NUMBER + 1,
        ..expect(None)
    };
    assert_eq!(read(moved, mark()), Err(Bad::Other), "another place");
    for seq in [SEQ - 1, SEQ + 1, 0] {
        assert_eq!(
            read(
                Expect {
                    seq,
                    ..expect(None)
                },
                mark()
            ),
            Err(Bad::Other),
            "another lap"
        );
    }
    let mut other = superblock();
    other.shard = 1;
    assert_eq!(
        read(expect(None), other.mark_key()),
        Err(Bad::Other),
        "another log"
    );
    for cut in [0, 100, 127, 128, PAGE, bytes.len() - PAGE] {
        let part = decode(&bytes[..cut], expect(None), mark()).map(|_| ());
        assert_eq!(part, Err(Bad::Short), "cut at {cut}");
    }
}

#[test]
fn every_bit_is_checked() {
    let parts = parts(&mut Chance(4), 200, 30, 600);
    let bytes = encoded(&object(6, &parts), SEQ, PAGE_NUMBER, mark());
    let end = 128 + 830;
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let found = decode(&bad, expect(Some(6)), mark()).map(|_| ());
        // A turned bit of the mark alone can't be told from another log; the padding is nobody's.
        let is_told = match bit / 8 {
            0..4 => found == Err(Bad::NotARecord),
            4 => found == Err(Bad::Version(bad[4])),
            120..128 => found == Err(Bad::Other),
            at if at < end => found == Err(Bad::Checksum),
            _ => found.is_ok(),
        };
        assert!(is_told, "bit {bit}: {found:?}");
    }
}

#[test]
fn a_torn_write_does_not_hold() {
    let mut chance = Chance(5);
    let (new, old) = (
        parts(&mut chance, 500, 30, 9000),
        parts(&mut chance, 500, 30, 9000),
    );
    let new = encoded(&object(8, &new), SEQ, PAGE_NUMBER, mark());
    let old = encoded(&object(8, &old), SEQ - 9, PAGE_NUMBER, mark());
    // Each set of sectors that did not arrive, of the first ones that matter.
    let sectors = (128_usize + 9530).div_ceil(512);
    for missing in 1_u32..1 << sectors.min(12) {
        let mut torn = new.clone();
        for sector in (0..12).filter(|sector| missing >> sector & 1 == 1) {
            torn[sector * 512..][..512].copy_from_slice(&old[sector * 512..][..512]);
        }
        assert!(
            decode(&torn, expect(Some(8)), mark()).is_err(),
            "{missing:b}"
        );
    }
}

#[test]
fn a_cached_body_can_not_be_a_record() {
    // Somebody who knows the format, the place, the lap and the seed of all else, but not of this.
    let mut chance = Chance(6);
    let inner = parts(&mut chance, 60, 10, 500);
    let (mut attacker, good) = (superblock(), superblock());
    attacker.seed = Seed([0, 0]);
    let forged = encoded(
        &object(10, &inner),
        SEQ,
        PAGE_NUMBER + 1,
        attacker.mark_key(),
    );
    let kill = Kill {
        key: Key(12),
        variant: None,
        force: KillForce::Hard,
    };
    let mut killing = vec![0; PAGE];
    encode_kills(
        &[kill],
        SEQ,
        PAGE_NUMBER + 2,
        attacker.mark_key(),
        &mut killing,
    );
    // The body's own bytes begin 128 bytes into the first page.
    let body = [&vec![b'x'; PAGE - 128][..], &forged, &killing].concat();
    let carrier = Record {
        head: b"",
        notes: b"",
        body: &body,
        ..object(11, &inner)
    };
    let bytes = encoded(&carrier, SEQ, PAGE_NUMBER, mark());
    assert_eq!(&bytes[PAGE..2 * PAGE], &forged[..]);
    for n in 1..=2_u32 {
        let page = &bytes[n as usize * PAGE..][..PAGE];
        assert!(
            peek(page, PAGE_NUMBER + n, SEQ, attacker.mark_key()).is_ok(),
            "well forged"
        );
        assert_eq!(
            peek(page, PAGE_NUMBER + n, SEQ, good.mark_key()),
            Err(Bad::Other)
        );
    }
    // Nor with any mark that is tried.
    let mut page = forged;
    for _ in 0..10_000 {
        page[120..128].copy_from_slice(&chance.next().to_le_bytes());
        assert_eq!(peek(&page, PAGE_NUMBER + 1, SEQ, mark()), Err(Bad::Other));
    }
}

#[test]
fn kills_come_back_in_order() {
    assert_eq!(record::kills_per_page(), 165);
    let kill = |n: u128| Kill {
        key: Key(n << 64 | 7),
        variant: (n % 3 != 0).then_some(n as u8),
        force: if n % 2 == 0 {
            KillForce::Soft
        } else {
            KillForce::Hard
        },
    };
    for count in [0, 1, 165, 166, 1000] {
        let kills: Vec<Kill> = (0..count).map(kill).collect();
        let pages = record::pages_for_kills(kills.len());
        assert_eq!(pages == 1, kills.len() <= record::kills_per_page());
        let mut bytes = vec![0xaa; pages as usize * PAGE];
        encode_kills(&kills, SEQ, PAGE_NUMBER, mark(), &mut bytes);
        let header = peek(&bytes, PAGE_NUMBER, SEQ, mark()).expect("kills");
        assert_eq!((header.kind, header.pages), (Kind::Kills, pages));
        assert_eq!(header.check_payload(&bytes), Ok(()));
        let read: Vec<Kill> = decode_kills(&bytes[header.body]).collect();
        assert_eq!(read, kills);
        assert_eq!(
            decode(&bytes, expect(None), mark()).map(|_| ()),
            Err(Bad::NotARecord)
        );
    }
}

#[test]
fn variants_in_eight_bits() {
    assert_eq!(variant_bits(99, false), 0);
    for variant in (0..1000).chain([u64::MAX, u64::MAX - 1]) {
        assert_ne!(variant_bits(variant, true), 0, "{variant}");
    }
    let all: std::collections::HashSet<u8> = (0..255).map(|n| variant_bits(n, true)).collect();
    assert_eq!(all.len(), 255);
}

#[test]
fn lengths_that_no_record_has_are_counted_without_overflow() {
    assert_eq!(record::pages_for(usize::MAX, 1, 1), u32::MAX);
    assert_eq!(record::pages_for(0, 0, 0), 1);
    assert_eq!(record::pages_for_kills(usize::MAX), u32::MAX);
}

proptest! {
    #[test]
    fn whatever_is_written_comes_back(
        key in any::<u128>(), variant in any::<u64>(), has_variant in any::<bool>(),
        facts in proptest::array::uniform32(any::<u8>()),
        outline in proptest::option::of(any::<(u64, u64)>()),
        uses in any::<u8>(), disk_uses in any::<u8>(),
        head in proptest::collection::vec(any::<u8>(), 0..300),
        notes in proptest::collection::vec(any::<u8>(), 0..300),
        body in proptest::collection::vec(any::<u8>(), 0..9000),
        seq in any::<u64>(), page in any::<u32>(),
    ) {
        let record = Record {
            key: Key(key), variant, has_variant, facts, head: &head, notes: &notes, body: &body,
            outline, uses, disk_uses,
        };
        let bytes = encoded(&record, seq, page, mark());
        let expect = Expect { page, seq, key: Some(Key(key)) };
        let (header, read) = decode(&bytes, expect, mark()).expect("the record");
        prop_assert_eq!(read, record);
        prop_assert_eq!(header.variant_bits(), variant_bits(variant, has_variant));
    }
}
