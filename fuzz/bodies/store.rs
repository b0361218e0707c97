//! What is read from a disk, and statements of purges: whatever the bytes are, decoders end, and
//! what they take is what was written.
//!
//! Chance does not find a checksum or a mark. So a body that wants to come behind them seals what
//! it was given: the bytes say what is in a structure, and where it is then damaged.

use ringside_engine::cache::Facts;
use ringside_engine::key::{Key, Seed};
use ringside_engine::purge::Purges;
use ringside_engine::store::disk::record::{self, decode_kills, encode_kills, peek};
use ringside_engine::store::disk::segment::{self, decode_footer, encode_footer};
use ringside_engine::store::disk::{
    checkpoint, edict, Event, Expect, Kill, KillForce, Layout, MarkKey, Record, Scan,
    SegmentHeader, Sheet, Superblock, PAGE,
};

pub(crate) const DISKS: &[&[u8]] = &[
    b"\x01\x02\x03\x04\x05\x06\x07\x08RINGSIDE\x01\0",
    b"RsRc\x01\x01\x01\0HTTP/1.1 200 OK\r\n\r\nnotes and a body",
    b"RsSg\x01\0RsFt\x01\0\x01\0\x07\x07\x07\x07\x07\x07\x07\x07",
    b"RsEd\x01\0RsEb\x01\0\x20\0\x01\0\0\0\0\0\0\0\x02\0\0\0",
    b"RsCp\x01\0\x09\x09\x09\x09\xff\xff\xff\xff\xff\xff\xff\xff",
];

pub(crate) const STATEMENTS: &[&[u8]] = &[
    b"\x01\x03\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"\x04\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08",
    b"\x03\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03\0\x02\0a.b/x\x02\0\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0",
    b"\x03\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0/\x03\x05\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\x01\0\x03\0a/im",
];

fn mark() -> MarkKey {
    MarkKey::new(Seed([1, 2]), 3, 4, 5, 6)
}

/// So many bytes as these, over and over.
fn cycled(bytes: &[u8], len: usize) -> Vec<u8> {
    bytes.iter().copied().cycle().take(len).collect()
}

fn key(bytes: &[u8]) -> Key {
    let mut sixteen = [0; 16];
    let len = bytes.len().min(16);
    sixteen[..len].copy_from_slice(&bytes[..len]);
    Key(u128::from_le_bytes(sixteen))
}

/// Every decoder, with bytes that nobody has sealed: they take none.
pub(crate) fn store_bytes(bytes: &[u8]) {
    let mark = mark();
    let expect = Expect {
        page: 1,
        seq: 1,
        key: None,
    };
    let page = cycled(bytes, if bytes.is_empty() { 0 } else { 2 * PAGE });
    for bytes in [bytes, &page] {
        assert!(record::decode(bytes, expect, mark).is_err());
        assert!(peek(bytes, 1, 1, mark).is_err());
        assert!(SegmentHeader::decode(bytes, 1, mark).is_err());
        assert!(segment::footer_extent(bytes, mark).is_err());
        assert!(decode_footer(bytes, 1, mark).is_err());
        assert!(edict::decode_header(bytes, mark).is_err());
        assert!(checkpoint::Header::decode(bytes, mark).is_err());
        let area = edict::read_area(bytes, mark);
        assert!(area.payloads.is_empty() && area.generation.is_none() && area.next_page == 1);
        let _ = Superblock::decode(bytes);
        if let Ok(read) = Superblock::read(bytes) {
            assert!(read.layout().total_bytes() <= read.total_bytes);
        }
        // These have no seal: what they lie in has been checked.
        assert_eq!(
            decode_kills(bytes).count(),
            bytes.len() / record::KILL_BYTES
        );
        let slots: Vec<(u64, u64)> = checkpoint::decode_slots(bytes).collect();
        let table = checkpoint::encode_slots(&slots);
        assert_eq!(table, bytes[..table.len()]);
    }
    if let Some(facts) = bytes.first_chunk().and_then(Facts::from_bytes) {
        assert_eq!(facts.to_bytes(), bytes[..32]);
    }
}

/// Records with these bytes as their parts, in a segment of few pages that is then damaged: what a
/// scan tells was written, in that order.
pub(crate) fn store_scan(bytes: &[u8]) {
    let (mark, seq, slot) = (mark(), 9, 2);
    let layout = Layout::of(8 * PAGE as u32, 4).expect("a layout");
    let mut log = vec![0; layout.segment_bytes as usize];
    let mut written = Vec::new();
    let mut at = 1;
    for (n, part) in bytes.chunks(23).enumerate() {
        let number = layout.first_page(slot) + at;
        let (kind, rest) = part
            .split_first()
            .map_or((0, part), |(kind, rest)| (*kind, rest));
        let into = at as usize * PAGE;
        if kind & 1 == 0 {
            let kill = Kill {
                key: key(rest),
                variant: (kind & 2 == 0).then_some(kind),
                force: if kind & 4 == 0 {
                    KillForce::Hard
                } else {
                    KillForce::Soft
                },
            };
            encode_kills(&[kill], seq, number, mark, &mut log[into..into + PAGE]);
            written.push(Event::Kill(kill));
            at += 1;
        } else {
            let body = cycled(rest, usize::from(kind) * 40);
            let pages = record::pages_for(rest.len(), n, body.len());
            let end = into + pages as usize * PAGE;
            if end > log.len() {
                break;
            }
            let object = Record {
                key: key(rest),
                variant: u64::from(kind),
                has_variant: kind & 2 == 0,
                facts: [kind; 32],
                head: rest,
                notes: &vec![kind; n],
                body: &body,
                outline: (kind & 4 == 0).then_some((1, 2)),
                uses: kind,
                disk_uses: 0,
            };
            record::encode(&object, &[], seq, number, mark, &mut log[into..end]);
            let expect = Expect {
                page: number,
                seq,
                key: Some(object.key),
            };
            let read = record::decode(&log[into..end], expect, mark).map(|(_, read)| read);
            assert_eq!(read, Ok(object));
            written.push(Event::Object {
                key: object.key,
                page: at as u16,
                pages: pages as u16,
                variant: ringside_engine::store::disk::variant_bits(
                    object.variant,
                    object.has_variant,
                ),
            });
            at += pages;
        }
        if at >= layout.pages_per_segment() {
            break;
        }
    }
    assert_eq!(scanned(&log, &layout, slot, seq), written);
    for (n, byte) in bytes.iter().enumerate().take(6) {
        let place = (n * 5003 + usize::from(*byte) * 131) % log.len();
        log[place] ^= byte | 1;
    }
    let mut left = written.iter();
    for event in scanned(&log, &layout, slot, seq) {
        assert!(
            left.any(|one| *one == event),
            "{event:?} was not written, or not then"
        );
    }
}

fn scanned(log: &[u8], layout: &Layout, slot: u32, seq: u64) -> Vec<Event> {
    let mut scan = Scan::new(slot, seq, layout, mark());
    let mut events = Vec::new();
    while let Some(pages) = scan.wanted() {
        let wanted = log.get(pages.start as usize * PAGE..pages.end as usize * PAGE);
        scan.feed(wanted.expect("no page beyond the segment"), |event| {
            events.push(event)
        });
    }
    events
}

/// A footer of events from these bytes, and two areas of edicts with batches from them, before and
/// after one byte is turned.
pub(crate) fn store_sealed(bytes: &[u8]) {
    let mark = mark();
    let Some((turned, rest)) = bytes.split_first() else {
        return;
    };
    let events = rest.chunks(5).map(|part| {
        Event::Kill(Kill {
            key: key(part),
            variant: part.first().copied().filter(|byte| byte % 2 == 0),
            force: if part.len() > 3 {
                KillForce::Hard
            } else {
                KillForce::Soft
            },
        })
    });
    let header = SegmentHeader {
        slot: 1,
        seq: 2,
        opened_ms: 3,
    };
    let sheet = Sheet {
        header,
        sealed_ms: 4,
        events: events.collect(),
    };
    let mut footer = encode_footer(&sheet, mark, 64);
    assert_eq!(decode_footer(&footer, 1, mark).as_ref(), Ok(&sheet));
    let place = (usize::from(*turned) * 331 + rest.len()) % footer.len();
    footer[place] ^= turned | 1;
    if let Ok(read) = decode_footer(&footer, 1, mark) {
        assert_eq!(
            read, sheet,
            "only what is between events and trailer may be turned"
        );
    }

    let mut area = edict::encode_header(1, mark);
    let mut payloads = Vec::new();
    for part in rest.chunks(9) {
        let payload = cycled(part, usize::from(part[0]) * 40);
        let page = (area.len() / PAGE) as u32;
        area.extend(edict::encode_batch(1, page, &payload, mark));
        payloads.push(payload);
    }
    let pages = (area.len() / PAGE) as u32;
    area.resize(area.len() + 2 * PAGE, 0);
    let read = edict::read([&area, &[]], mark);
    assert_eq!(
        (&read.payloads, read.next_page, read.lost),
        (&payloads, pages, false)
    );
    let place = usize::from(*turned) * 4099 % area.len();
    area[place] ^= turned | 1;
    let read = edict::read([&area, &[]], mark);
    assert!(
        read.lost || read.payloads == payloads,
        "something is lost, and nobody knows"
    );
}

/// Statements of purges: what can be read says the same when it was written and read again.
pub(crate) fn statements(bytes: &[u8]) {
    let mut purges = Purges::new();
    let is_whole = purges.read(bytes);
    assert!(!is_whole || purges.changes() as usize <= bytes.len());
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    purges.write(&mut once);
    let mut again = Purges::new();
    assert!(again.read(&once), "what was written can be read");
    assert_eq!(again.latest(), purges.latest());
    again.write(&mut twice);
    // Groups come in any order.
    once.sort_unstable();
    twice.sort_unstable();
    assert_eq!(once, twice);
}
