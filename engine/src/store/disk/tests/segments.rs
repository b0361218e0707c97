//! Segments: headers, footers, what fits, and scans.

use super::*;
use crate::store::disk::segment::{
    decode_footer, encode_footer, first_seq, footer_extent, footer_pages,
};

const PAGES: u32 = 32;
const SLOT: u32 = 3;
const SEQ: u64 = 100;

fn layout() -> Layout {
    Layout::of(PAGES * PAGE as u32, 8).expect("a layout")
}

fn header() -> SegmentHeader {
    SegmentHeader {
        slot: SLOT,
        seq: SEQ,
        opened_ms: 5,
    }
}

#[test]
fn a_header_opens_its_slot_only() {
    let page = header().encode(mark());
    assert_eq!(page.len(), PAGE);
    assert_eq!(SegmentHeader::decode(&page, SLOT, mark()), Ok(header()));
    assert_eq!(SegmentHeader::decode(&page, 4, mark()), Err(Bad::Other));
    assert_eq!(
        SegmentHeader::decode(&[0; PAGE], SLOT, mark()),
        Err(Bad::NotARecord)
    );
    assert_eq!(
        SegmentHeader::decode(&page[..20], SLOT, mark()),
        Err(Bad::Short)
    );
    for bit in 0..44 * 8 {
        let mut bad = page.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(
            SegmentHeader::decode(&bad, SLOT, mark()).is_err(),
            "bit {bit}"
        );
    }
}

#[test]
fn no_number_is_used_twice_however_many_headers_are_lost() {
    assert_eq!(first_seq(0, 8), 9);
    // The last 8 segments, with all their headers, were lost: they had 93 to 100.
    assert!(first_seq(92, 8) > 100);
    assert_eq!(first_seq(u64::MAX, 8), u64::MAX);
}

fn event(n: u128) -> Event {
    let kill = |variant, force| {
        Event::Kill(Kill {
            key: Key(n << 70),
            variant,
            force,
        })
    };
    match n % 4 {
        0 => kill(None, KillForce::Hard),
        1 => kill(Some(n as u8), KillForce::Soft),
        _ => Event::Object {
            key: Key(n << 60),
            page: 1 + (n % 20) as u16,
            pages: 1 + (n % 3) as u16,
            variant: n as u8,
        },
    }
}

fn sheet(events: usize) -> Sheet {
    Sheet {
        header: header(),
        sealed_ms: 9,
        events: (0..events as u128).map(event).collect(),
    }
}

#[test]
fn a_footer_comes_back_from_any_tail_that_has_it() {
    for (events, pages) in [
        (0, 1),
        (1, 1),
        (168, 1),
        (169, 2),
        (338, 2),
        (339, 3),
        (1000, 6),
    ] {
        let sheet = sheet(events);
        assert_eq!(footer_pages(events), pages, "{events}");
        let bytes = encode_footer(&sheet, mark(), PAGES);
        assert_eq!(bytes.len(), pages as usize * PAGE);
        let extent = footer_extent(&bytes[bytes.len() - PAGE..], mark()).expect("an extent");
        assert_eq!(
            (extent.slot, extent.seq, extent.count),
            (SLOT, SEQ, events as u32)
        );
        assert_eq!(
            (u32::from(extent.first_page), extent.pages()),
            (PAGES - pages, pages)
        );
        assert_eq!(decode_footer(&bytes, SLOT, mark()), Ok(sheet.clone()));
        let longer = [&[9; PAGE], &bytes[..]].concat();
        assert_eq!(decode_footer(&longer, SLOT, mark()), Ok(sheet));
        assert_eq!(decode_footer(&bytes, 4, mark()), Err(Bad::Other));
        let shorter = decode_footer(&bytes[PAGE.min(bytes.len() - 64)..], SLOT, mark());
        assert_eq!(shorter, Err(Bad::Short));
    }
}

#[test]
fn a_damaged_footer_is_none() {
    let bytes = encode_footer(&sheet(150), mark(), PAGES);
    let (events, trailer) = (150 * 24, PAGE - 64);
    for bit in (0..events * 8).chain(trailer * 8..PAGE * 8) {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(decode_footer(&bad, SLOT, mark()).is_err(), "bit {bit}");
    }
    assert_eq!(
        decode_footer(&vec![0; PAGE], SLOT, mark()),
        Err(Bad::NotARecord)
    );
    assert_eq!(decode_footer(&[], SLOT, mark()), Err(Bad::Short));
}

#[test]
fn a_footer_that_says_what_can_not_be_is_none() {
    // Sealed rightly, so this would be a fault of ours; it must not become a wrong read.
    let last = (PAGES - 1) as u16;
    for (page, pages) in [
        (0, 1),
        (1, 0),
        (last, 1),
        (last - 1, 2),
        (u16::MAX, u16::MAX),
    ] {
        let mut sheet = sheet(0);
        sheet.events.push(Event::Object {
            key: Key(1),
            page,
            pages,
            variant: 0,
        });
        let bytes = encode_footer(&sheet, mark(), PAGES);
        assert_eq!(
            decode_footer(&bytes, SLOT, mark()),
            Err(Bad::NotARecord),
            "{page} {pages}"
        );
    }
}

#[test]
fn whatever_fits_leaves_room_for_its_footer() {
    let mut chance = Chance(11);
    for round in 0..200 {
        let pages = 8 + chance.below(300) as u32;
        let mut room = Room::new(pages);
        let mut end = 1;
        loop {
            let (record, events) = match chance.below(3) {
                0 => (1, chance.below(400)),
                _ => (1 + chance.below(9) as u32, 1),
            };
            let fits = end + record + footer_pages(room.events() + events) <= pages;
            assert_eq!(room.fits(record, events), fits, "round {round}");
            if !fits {
                break;
            }
            assert_eq!(room.next_page(), end);
            room.take(record, events);
            end += record;
        }
        assert!(
            room.next_page() + footer_pages(room.events()) <= pages,
            "round {round}"
        );
    }
    let room = Room::new(PAGES);
    assert!(!room.fits(u32::MAX, 1) && !room.fits(1, usize::MAX));
    assert!(room.fits(PAGES - 2, 1) && !room.fits(PAGES - 1, 1));
}

/// A segment written record by record, with what a scan must find in it.
struct Written {
    bytes: Vec<u8>,
    room: Room,
    /// The first page of each record, its pages, its events.
    records: Vec<(u32, u32, Vec<Event>)>,
}

impl Written {
    fn new(chance: &mut Chance) -> Written {
        // An earlier lap's, whole: a scan must take none of it.
        let mut bytes = vec![0; (PAGES as usize) * PAGE];
        for page in 1..PAGES {
            let parts = parts(chance, 9, 9, 9);
            let old = encoded(
                &object(1, &parts),
                SEQ - 8,
                layout().first_page(SLOT) + page,
                mark(),
            );
            bytes[page as usize * PAGE..][..PAGE].copy_from_slice(&old);
        }
        let sheet = Sheet {
            header: SegmentHeader {
                seq: SEQ - 8,
                ..header()
            },
            ..sheet(20)
        };
        bytes[(PAGES as usize - 1) * PAGE..].copy_from_slice(&encode_footer(&sheet, mark(), PAGES));
        bytes[..PAGE].copy_from_slice(&header().encode(mark()));
        Written {
            bytes,
            room: Room::new(PAGES),
            records: Vec::new(),
        }
    }

    fn put(&mut self, record: &[u8], events: Vec<Event>) {
        let (at, pages) = (self.room.next_page(), (record.len() / PAGE) as u32);
        self.bytes[at as usize * PAGE..][..record.len()].copy_from_slice(record);
        self.room.take(pages, events.len());
        self.records.push((at, pages, events));
    }

    fn fill(chance: &mut Chance) -> Written {
        let mut written = Written::new(chance);
        loop {
            let number = layout().first_page(SLOT) + written.room.next_page();
            let n = written.records.len() as u128 + 2;
            if chance.below(3) == 0 {
                let kills = [0, 1].map(|m| Kill {
                    key: Key(n - m),
                    variant: (m == 0).then_some(3),
                    force: if m == 0 {
                        KillForce::Soft
                    } else {
                        KillForce::Hard
                    },
                });
                let mut page = vec![0; PAGE];
                record::encode_kills(&kills, SEQ, number, mark(), &mut page);
                if !written.room.fits(1, 2) {
                    return written;
                }
                written.put(&page, kills.map(Event::Kill).to_vec());
            } else {
                let len = chance.below(12_000);
                let parts = parts(chance, 90, 9, len);
                let object = object(n, &parts);
                let bytes = encoded(&object, SEQ, number, mark());
                let pages = (bytes.len() / PAGE) as u16;
                if !written.room.fits(u32::from(pages), 1) {
                    return written;
                }
                let event = Event::Object {
                    key: object.key,
                    page: written.room.next_page() as u16,
                    pages,
                    variant: variant_bits(object.variant, object.has_variant),
                };
                written.put(&bytes, vec![event]);
            }
        }
    }

    fn events(&self, damaged: &[usize]) -> Vec<Event> {
        let records = self.records.iter().enumerate();
        let good = records.filter(|(n, _)| !damaged.contains(n));
        good.flat_map(|(_, (_, _, events))| events.clone())
            .collect()
    }
}

/// Scans in reads of `more` pages than is asked for; some pages can't be read.
fn scanned(bytes: &[u8], more: u32, unreadable: &[u32]) -> (Vec<Event>, Scan) {
    let mut scan = Scan::new(SLOT, SEQ, &layout(), mark());
    let (mut events, mut reads) = (Vec::new(), 0);
    while let Some(pages) = scan.wanted() {
        assert!(pages.end <= PAGES && !pages.is_empty(), "{pages:?}");
        let fails = unreadable.iter().any(|page| pages.contains(page));
        let end = if fails {
            pages.start
        } else {
            PAGES.min(pages.end + more)
        };
        let end = unreadable
            .iter()
            .fold(end, |end, page| match *page >= pages.start {
                true => end.min(*page),
                false => end,
            });
        let range = pages.start as usize * PAGE..end as usize * PAGE;
        scan.feed(&bytes[range], |event| events.push(event));
        reads += 1;
        assert!(reads < 4 * PAGES, "no end");
    }
    (events, scan)
}

#[test]
fn a_scan_finds_what_a_footer_would_say() {
    for seed in 0..40 {
        let written = Written::fill(&mut Chance(seed));
        for more in [0, 1, 5, PAGES] {
            let (events, scan) = scanned(&written.bytes, more, &[]);
            assert_eq!(events, written.events(&[]), "seed {seed}, {more} more");
            assert_eq!(scan.records(), written.records.len() as u64);
            assert_eq!((scan.torn(), scan.unread()), (0, 0));
        }
    }
}

#[test]
fn what_is_torn_is_not_told_and_hides_nothing() {
    for seed in 0..200 {
        let mut chance = Chance(1000 + seed);
        let mut written = Written::fill(&mut chance);
        let n = chance.below(written.records.len());
        let (at, pages, _) = written.records[n];
        // Sectors that stayed as they were, the first one or one of the payload.
        let sector = if chance.below(2) == 0 {
            0
        } else {
            chance.below(pages as usize * 8)
        };
        let from = at as usize * PAGE + sector * 512;
        let before = written.bytes[from..from + 512].to_vec();
        written.bytes[from..from + 512].fill(0x5a);
        let (events, scan) = scanned(&written.bytes, chance.below(9) as u32, &[]);
        let whole = written.events(&[]);
        let less = written.events(&[n]);
        // Padding is not checked: a tear there takes nothing away.
        let is_padding = before.iter().all(|byte| *byte == 0);
        assert!(
            events == less || (is_padding && events == whole),
            "seed {seed}"
        );
        assert!(
            sector == 0 || is_padding || scan.torn() == 1,
            "seed {seed}: counted"
        );
    }
}

#[test]
fn what_can_not_be_read_is_stepped_over() {
    for seed in 0..100 {
        let mut chance = Chance(2000 + seed);
        let written = Written::fill(&mut chance);
        let n = chance.below(written.records.len());
        let (at, pages, _) = written.records[n];
        let page = at + chance.below(pages as usize) as u32;
        for more in [0, 3, PAGES] {
            let (events, scan) = scanned(&written.bytes, more, &[page]);
            assert_eq!(
                events,
                written.events(&[n]),
                "seed {seed}, page {page}, {more} more"
            );
            assert!(scan.unread() >= 1);
        }
    }
}

#[test]
fn a_scan_ends_where_it_is_told() {
    let written = Written::fill(&mut Chance(7));
    let (at, ..) = written.records[3];
    let mut scan = Scan::new(SLOT, SEQ, &layout(), mark()).ending(at);
    let mut events = Vec::new();
    while let Some(pages) = scan.wanted() {
        let all = &written.bytes[pages.start as usize * PAGE..];
        scan.feed(all, |event| events.push(event));
    }
    let after: Vec<usize> = (3..written.records.len()).collect();
    assert_eq!(events, written.events(&after));
}

#[test]
fn a_record_that_would_leave_its_segment_is_none() {
    let parts = parts(&mut Chance(8), 9, 9, 9000);
    let last = PAGES - 1;
    let record = encoded(
        &object(2, &parts),
        SEQ,
        layout().first_page(SLOT) + last,
        mark(),
    );
    let mut bytes = vec![0; PAGES as usize * PAGE];
    bytes[last as usize * PAGE..].copy_from_slice(&record[..PAGE]);
    assert_eq!(scanned(&bytes, 0, &[]).0, []);
}
