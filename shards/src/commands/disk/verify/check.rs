//! What the bytes of a log's parts come to: whole, void, torn or damaged. Reads nothing itself.
//!
//! Damage is what this lap of the circle has written and is not there any more. What earlier laps,
//! or what stood here before, have left behind is none; nor is what was never wholly written
//! when the machine stopped, as far as that can be told: at the end of a segment that was not sealed.

use super::source::Unread;
use ringside_engine::store::disk::segment::{decode_footer, footer_extent};
use ringside_engine::store::disk::{
    edict, record, Bad, Event, Layout, MarkKey, Scan, SegmentHeader, Sheet, PAGE,
};
use std::collections::HashMap;

/// What does not change within a log.
#[derive(Clone, Copy)]
pub(super) struct Ground {
    pub(super) layout: Layout,
    pub(super) mark: MarkKey,
    pub(super) valid_from: u64,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// What it is, as it is counted.
    pub(super) part: Part,
    /// Where.
    pub(super) place: String,
    /// Why, in a word.
    pub(super) why: &'static str,
}

/// What can be damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Superblock,
    Header,
    Footer,
    Object,
    Kills,
    Edicts,
    Checkpoint,
    /// Bytes, of whatever.
    Bytes,
}

/// How a segment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Sealed,
    Unsealed,
    /// Older than what counts.
    Void,
    /// Nothing was ever written to it by this log.
    Empty,
    /// Not to be told any more.
    Lost,
}

/// What a segment's bytes come to.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) state: State,
    /// Whole objects and kills, in order; of a segment that counts.
    pub(super) sheet: Option<Sheet>,
    /// Bytes of whole records.
    pub(super) bytes: u64,
    /// Records never wholly written.
    pub(super) torn: u64,
    pub(super) faults: Vec<Fault>,
}

impl Segment {
    fn fault(&mut self, part: Part, place: String, why: &'static str) {
        self.faults.push(Fault { part, place, why });
    }
}

/// Words for what is wrong with a structure.
pub(super) const fn why(bad: Bad) -> &'static str {
    match bad {
        Bad::Short => "cut short",
        Bad::NotARecord => "nothing there",
        Bad::Version(_) => "of another version",
        Bad::Other => "something else is there",
        Bad::Checksum => "checksum",
    }
}

/// Words for bytes that were not to be had.
pub(super) fn why_unread(kind: std::io::ErrorKind) -> &'static str {
    match kind {
        std::io::ErrorKind::UnexpectedEof => "missing: the file ends before",
        _ => "can't be read",
    }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Looks at a whole segment. Of the newest, the footer may never have been wholly written.
pub(super) fn segment(
    bytes: &[u8],
    unread: &[Unread],
    slot: u32,
    ground: &Ground,
    is_newest: bool,
) -> Segment {
    let mut found = Segment {
        state: State::Empty,
        sheet: None,
        bytes: 0,
        torn: 0,
        faults: Vec::new(),
    };
    for (range, kind) in unread {
        let (from, to) = (range.start / PAGE, range.end.div_ceil(PAGE));
        let place = format!("segment {slot}, pages {from} to {}", to - 1);
        found.fault(Part::Bytes, place, why_unread(*kind));
    }
    let Some(header) = head(bytes, unread, slot, ground, &mut found) else {
        return found;
    };
    if header.seq < ground.valid_from {
        found.state = State::Void;
        return found;
    }
    let last = bytes.get(bytes.len().saturating_sub(PAGE)..);
    let footer = match footer_extent(last.unwrap_or_default(), ground.mark) {
        Ok(extent) if extent.slot == slot && extent.seq == header.seq => {
            Some(decode_footer(bytes, slot, ground.mark))
        }
        // A footer that was being written when the machine stopped is the newest's.
        Err(bad @ (Bad::Checksum | Bad::Version(_))) if !is_newest => Some(Err(bad)),
        _ => None,
    };
    let sheet = match footer {
        Some(Ok(sheet)) => Some(sheet),
        Some(Err(bad)) => {
            found.fault(Part::Footer, format!("segment {slot}, footer"), why(bad));
            None
        }
        None => None,
    };
    records(bytes, unread, header, sheet, ground, &mut found);
    found
}

/// How the segment was opened; none when it does not count, which `found` then says.
fn head(
    bytes: &[u8],
    unread: &[Unread],
    slot: u32,
    ground: &Ground,
    found: &mut Segment,
) -> Option<SegmentHeader> {
    let first = bytes.get(..PAGE).unwrap_or_default();
    let bad = match SegmentHeader::decode(first, slot, ground.mark) {
        Ok(header) => return Some(header),
        Err(bad) => bad,
    };
    let footer = decode_footer(bytes, slot, ground.mark).ok();
    let footer = footer.filter(|sheet| sheet.header.seq >= ground.valid_from);
    let was_there = unread.iter().all(|(range, _)| range.start > 0);
    // A whole header with another mark is of the log that was here before this one.
    if footer.is_none() && was_there && (bad == Bad::Other || is_blank(first)) {
        return None;
    }
    // What can't be read was told already.
    if was_there {
        let why = match bad {
            Bad::NotARecord if !is_blank(first) => "something else is there",
            bad => why(bad),
        };
        found.fault(Part::Header, format!("segment {slot}, header"), why);
    }
    found.state = State::Lost;
    footer.map(|sheet| sheet.header)
}

/// Looks at all records of a segment that counts.
fn records(
    bytes: &[u8],
    unread: &[Unread],
    header: SegmentHeader,
    footer: Option<Sheet>,
    ground: &Ground,
    found: &mut Segment,
) {
    let slot = header.slot;
    let end = footer.as_ref().map(footer_page(ground));
    let scanned = scan(bytes, header, end, ground, found);
    found.state = match footer {
        Some(_) => State::Sealed,
        None => State::Unsealed,
    };
    let Some(mut sheet) = footer else {
        // One that whole ones stand behind was not the last to be written.
        let last = scanned.last_whole;
        for (page, bad) in scanned.torn {
            if page < last {
                let place = format!("segment {slot}, page {page}");
                found.fault(Part::Object, place, why(bad));
            } else {
                found.torn += 1;
            }
        }
        found.sheet = Some(Sheet {
            header,
            sealed_ms: 0,
            events: scanned.events,
        });
        return;
    };
    let whole = scanned.events.iter().filter_map(|event| match event {
        Event::Object { page, .. } => Some((*page, *event)),
        Event::Kill(_) => None,
    });
    let whole: HashMap<u16, Event> = whole.collect();
    let kills = |events: &[Event]| {
        let is_kill = |event: &&Event| matches!(event, Event::Kill(_));
        events.iter().filter(is_kill).count()
    };
    let missing = kills(&sheet.events).saturating_sub(kills(&scanned.events));
    if missing > 0 {
        let place = format!("segment {slot}, records of {missing} kills (the footer has them)");
        found.fault(Part::Kills, place, "not whole");
    }
    sheet.events.retain(|event| {
        let Event::Object { page, pages, .. } = event else {
            return true;
        };
        if whole.get(page) == Some(event) {
            return true;
        }
        let why = object_fault(bytes, unread, header, (*page, *pages), ground);
        let place = format!("segment {slot}, page {page}, {pages} page(s)");
        found.fault(Part::Object, place, why);
        false
    });
    found.sheet = Some(sheet);
}

/// The page that a footer begins on.
fn footer_page(ground: &Ground) -> impl Fn(&Sheet) -> u32 {
    let pages = ground.layout.pages_per_segment();
    move |sheet| {
        pages.saturating_sub(ringside_engine::store::disk::segment::footer_pages(
            sheet.events.len(),
        ))
    }
}

/// Why an object that a footer names is not whole.
fn object_fault(
    bytes: &[u8],
    unread: &[Unread],
    header: SegmentHeader,
    (page, pages): (u16, u16),
    ground: &Ground,
) -> &'static str {
    let (from, to) = (usize::from(page) * PAGE, usize::from(page + pages) * PAGE);
    let lost = unread
        .iter()
        .find(|(range, _)| range.start < to && range.end > from);
    if let Some((_, kind)) = lost {
        return why_unread(*kind);
    }
    let expect = record::Expect {
        page: ground.layout.first_page(header.slot) + u32::from(page),
        seq: header.seq,
        key: None,
    };
    let record = bytes.get(from..to).unwrap_or_default();
    match record::decode(record, expect, ground.mark) {
        Err(bad) => why(bad),
        // Whole, and not what the footer says.
        Ok(_) => "something else is there",
    }
}

struct Scanned {
    /// What is whole, in order.
    events: Vec<Event>,
    /// Begun and not whole: the page, and why.
    torn: Vec<(u32, Bad)>,
    /// The page of the last whole record.
    last_whole: u32,
}

/// All records of a segment, by its pages.
fn scan(
    bytes: &[u8],
    header: SegmentHeader,
    end: Option<u32>,
    ground: &Ground,
    found: &mut Segment,
) -> Scanned {
    let mut scan = Scan::new(header.slot, header.seq, &ground.layout, ground.mark);
    if let Some(end) = end {
        scan = scan.ending(end);
    }
    let mut scanned = Scanned {
        events: Vec::new(),
        torn: Vec::new(),
        last_whole: 0,
    };
    // What is wanted and no more, so that it is known which record it was.
    while let Some(pages) = scan.wanted() {
        let range = pages.start as usize * PAGE..pages.end as usize * PAGE;
        let (torn, whole) = (scan.torn(), scan.records());
        scan.feed(bytes.get(range).unwrap_or_default(), |event| {
            scanned.events.push(event);
        });
        if scan.torn() > torn {
            scanned.torn.push((pages.start, Bad::Checksum));
        }
        if scan.records() > whole {
            scanned.last_whole = pages.start;
            found.bytes += u64::from(pages.end - pages.start) * PAGE as u64;
        }
    }
    scanned
}

/// How many edicts there are; `None` when some may be lost.
pub(super) fn edicts(areas: [&[u8]; 2], mark: MarkKey) -> Option<u64> {
    // A log that no server has opened yet has none.
    if areas.iter().all(|area| is_blank(area)) {
        return Some(0);
    }
    let read = edict::read(areas, mark);
    (!read.lost).then_some(read.payloads.len() as u64)
}
