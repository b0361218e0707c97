//! A segment: a header that opens it, records from its second page on, and a footer that seals it
//! and says what is in it, in the order in which it was written.
//!
//! What was written last counts, within a segment and between segments, so the order must not be
//! lost. A segment whose footer is not of the same lap as its header was never sealed: what is in
//! it is found by looking at each page ([`Scan`]).

use super::mark::{Bad, Crc, MarkKey};
use super::record::{self, Kill, KillForce, Kind, HARD, SOFT};
use super::{pages_of, Layout, PAGE};
use crate::key::Key;
use alloc::vec;
use alloc::vec::Vec;

mod scan;

pub use scan::Scan;

/// The version that this code writes, and the only one that it reads.
pub const VERSION: u16 = 1;

/// Bytes of one event in a footer.
pub const EVENT_BYTES: usize = event::BYTES;

const MAGIC: [u8; 4] = *b"RsSg";
const FOOTER_MAGIC: [u8; 4] = *b"RsFt";
const OBJECT: u8 = 1;
const HARD_KILL: u8 = 1 + HARD;
const SOFT_KILL: u8 = 1 + SOFT;

structure!(header, 44 bytes {
    0 MAGIC: [u8; 4],
    4 VERSION: u16,
    8 SLOT: u32,
    16 SEQ: u64,
    24 OPENED_MS: u64,
    32 CRC: u32,
    36 MARK: u64,
});

structure!(event, 24 bytes {
    0 KEY: u128,
    16 PAGE: u16,
    18 PAGES: u16,
    20 KIND: u8,
    21 VARIANT: u8,
    22 ALL_VARIANTS: u8,
});

structure!(trailer, 64 bytes {
    0 MAGIC: [u8; 4],
    4 VERSION: u16,
    6 FIRST_PAGE: u16,
    8 SEQ: u64,
    16 SLOT: u32,
    20 COUNT: u32,
    24 OPENED_MS: u64,
    32 SEALED_MS: u64,
    40 EVENTS_CRC: u32,
    52 CRC: u32,
    56 MARK: u64,
});

/// What opens a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Its place in the circle.
    pub slot: u32,
    /// Its number: higher than that of every segment that was opened before.
    pub seq: u64,
    /// When it was opened.
    pub opened_ms: u64,
}

impl SegmentHeader {
    /// Its page.
    #[must_use]
    pub fn encode(&self, mark: MarkKey) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        let bytes = &mut page[..header::BYTES];
        header::MAGIC.put(bytes, MAGIC);
        header::VERSION.put(bytes, VERSION);
        header::SLOT.put(bytes, self.slot);
        header::SEQ.put(bytes, self.seq);
        header::OPENED_MS.put(bytes, self.opened_ms);
        mark.seal(bytes);
        page
    }

    /// From the first page of the segment in this slot.
    ///
    /// # Errors
    /// No segment was opened here, or its header is damaged.
    pub fn decode(page: &[u8], slot: u32, mark: MarkKey) -> Result<SegmentHeader, Bad> {
        let bytes = page.get(..header::BYTES).ok_or(Bad::Short)?;
        known(
            header::MAGIC.of(bytes) == MAGIC,
            header::VERSION.of(bytes),
            VERSION,
        )?;
        mark.check(bytes)?;
        if header::SLOT.of(bytes) != slot {
            return Err(Bad::Other);
        }
        Ok(SegmentHeader {
            slot,
            seq: header::SEQ.of(bytes),
            opened_ms: header::OPENED_MS.of(bytes),
        })
    }
}

/// The number of the first segment that is opened after a start which found no higher number than
/// `highest`, in a circle of so many segments. Numbers are never used twice, or a scan would find
/// what an earlier use has left; and each segment may hide a higher one whose header was lost.
#[must_use]
pub fn first_seq(highest: u64, segments: u32) -> u64 {
    let hidden = u64::from(segments);
    highest.saturating_add(hidden).saturating_add(1)
}

/// The first two questions to every structure.
pub(super) fn known(magic: bool, version: u16, want: u16) -> Result<(), Bad> {
    match (magic, version == want) {
        (false, _) => Err(Bad::NotARecord),
        (_, false) => Err(Bad::Version(u8::try_from(version).unwrap_or(u8::MAX))),
        _ => Ok(()),
    }
}

/// One thing that was written to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An object.
    Object {
        /// Its key.
        key: Key,
        /// The page in the segment that its record begins on.
        page: u16,
        /// The pages of the record.
        pages: u16,
        /// The variant, as [`record::variant_bits`] has it.
        variant: u8,
    },
    /// A kill of what is older.
    Kill(Kill),
}

impl Event {
    fn encode(self, entry: &mut [u8]) {
        match self {
            Event::Object {
                key,
                page,
                pages,
                variant,
            } => {
                event::KEY.put(entry, key.0);
                event::PAGE.put(entry, page);
                event::PAGES.put(entry, pages);
                event::KIND.put(entry, OBJECT);
                event::VARIANT.put(entry, variant);
            }
            Event::Kill(kill) => {
                event::KEY.put(entry, kill.key.0);
                event::KIND.put(entry, 1 + kill.force.code());
                event::VARIANT.put(entry, kill.variant.unwrap_or_default());
                event::ALL_VARIANTS.put(entry, u8::from(kill.variant.is_none()));
            }
        }
    }

    /// None when it says what can't be: an object outside of `records`, or an unknown kind.
    fn decode(entry: &[u8], records: core::ops::Range<u16>) -> Option<Event> {
        let key = Key(event::KEY.of(entry));
        let variant = event::VARIANT.of(entry);
        let of = (event::ALL_VARIANTS.of(entry) == 0).then_some(variant);
        let kill = |force| {
            Event::Kill(Kill {
                key,
                variant: of,
                force,
            })
        };
        let (page, pages) = (event::PAGE.of(entry), event::PAGES.of(entry));
        match event::KIND.of(entry) {
            HARD_KILL => Some(kill(KillForce::Hard)),
            SOFT_KILL => Some(kill(KillForce::Soft)),
            OBJECT => {
                let end = page.checked_add(pages)?;
                let is_there = page >= records.start && pages > 0 && end <= records.end;
                is_there.then_some(Event::Object {
                    key,
                    page,
                    pages,
                    variant,
                })
            }
            _ => None,
        }
    }
}

/// What a footer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// As the segment was opened.
    pub header: SegmentHeader,
    /// When it was sealed.
    pub sealed_ms: u64,
    /// What was written to it, in that order.
    pub events: Vec<Event>,
}

/// What still fits into a segment, its own footer counted.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pages: u32,
    next: u32,
    events: usize,
}

impl Room {
    /// Of an empty segment.
    #[must_use]
    pub fn new(pages_per_segment: u32) -> Room {
        Room {
            pages: pages_per_segment,
            next: 1,
            events: 0,
        }
    }

    /// Would a record of so many pages fit, that is so many events in the footer?
    #[must_use]
    pub fn fits(&self, pages: u32, events: usize) -> bool {
        let footer = footer_pages(self.events.saturating_add(events));
        let end = self.next.checked_add(pages);
        let end = end.and_then(|end| end.checked_add(footer));
        end.is_some_and(|end| end <= self.pages)
    }

    /// Takes it.
    ///
    /// # Panics
    /// It does not fit.
    pub fn take(&mut self, pages: u32, events: usize) {
        assert!(self.fits(pages, events), "{pages} pages in {self:?}");
        self.next += pages;
        self.events += events;
    }

    /// The page in the segment that the next record begins on.
    #[must_use]
    pub fn next_page(&self) -> u32 {
        self.next
    }

    /// Events so far.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events
    }
}

/// Pages of a footer of so many events.
#[must_use]
pub fn footer_pages(events: usize) -> u32 {
    let bytes = (events as u64).saturating_mul(EVENT_BYTES as u64);
    let pages = pages_of(bytes.saturating_add(trailer::BYTES as u64));
    u32::try_from(pages).unwrap_or(u32::MAX)
}

/// A footer's whole pages, which go to the end of the segment.
///
/// # Panics
/// There are more events than [`Room`] lets into a segment.
#[must_use]
pub fn encode_footer(sheet: &Sheet, mark: MarkKey, pages_per_segment: u32) -> Vec<u8> {
    let pages = footer_pages(sheet.events.len());
    let first = pages_per_segment.checked_sub(pages);
    let first = first.and_then(|first| u16::try_from(first).ok());
    assert!(
        first.is_some_and(|first| first > 0),
        "{} events in a segment of {pages_per_segment} pages",
        sheet.events.len()
    );
    let mut out = vec![0; pages as usize * PAGE];
    let (events, end) = out.split_at_mut(pages as usize * PAGE - trailer::BYTES);
    let (events, _) = events.split_at_mut(sheet.events.len() * EVENT_BYTES);
    for (entry, event) in events.chunks_exact_mut(EVENT_BYTES).zip(&sheet.events) {
        event.encode(entry);
    }
    trailer::MAGIC.put(end, FOOTER_MAGIC);
    trailer::VERSION.put(end, VERSION);
    trailer::FIRST_PAGE.put(end, first.unwrap_or_default());
    trailer::SEQ.put(end, sheet.header.seq);
    trailer::SLOT.put(end, sheet.header.slot);
    // As many as fit below a page number of sixteen bits.
    trailer::COUNT.put(end, sheet.events.len() as u32);
    trailer::OPENED_MS.put(end, sheet.header.opened_ms);
    trailer::SEALED_MS.put(end, sheet.sealed_ms);
    trailer::EVENTS_CRC.put(end, Crc::new().add(events).value());
    mark.seal(end);
    out
}

/// Where a footer is, by its last page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FooterExtent {
    /// The segment's slot.
    pub slot: u32,
    /// The segment's number.
    pub seq: u64,
    /// The page in the segment that it begins on; it goes to the end.
    pub first_page: u16,
    /// Its events.
    pub count: u32,
}

impl FooterExtent {
    /// Its pages.
    #[must_use]
    pub fn pages(&self) -> u32 {
        footer_pages(self.count as usize)
    }
}

/// What the last page of a segment says about its footer.
///
/// # Errors
/// It is not that of a sealed segment, or damaged.
pub fn footer_extent(last_page: &[u8], mark: MarkKey) -> Result<FooterExtent, Bad> {
    let end = trailer_of(last_page, mark)?;
    let extent = FooterExtent {
        slot: trailer::SLOT.of(end),
        seq: trailer::SEQ.of(end),
        first_page: trailer::FIRST_PAGE.of(end),
        count: trailer::COUNT.of(end),
    };
    if extent.first_page == 0 || extent.pages() > u32::from(u16::MAX) {
        return Err(Bad::NotARecord);
    }
    Ok(extent)
}

fn trailer_of(tail: &[u8], mark: MarkKey) -> Result<&[u8], Bad> {
    let at = tail.len().checked_sub(trailer::BYTES).ok_or(Bad::Short)?;
    let (_, end) = tail.split_at(at);
    known(
        trailer::MAGIC.of(end) == FOOTER_MAGIC,
        trailer::VERSION.of(end),
        VERSION,
    )?;
    mark.check(end)?;
    Ok(end)
}

/// A footer, from the tail of the segment in this slot: the footer's pages, or more before them.
///
/// # Errors
/// The segment is not sealed, its footer damaged, or the tail too short for it.
pub fn decode_footer(tail: &[u8], slot: u32, mark: MarkKey) -> Result<Sheet, Bad> {
    let extent = footer_extent(tail, mark)?;
    if extent.slot != slot {
        return Err(Bad::Other);
    }
    let at = tail.len().checked_sub(extent.pages() as usize * PAGE);
    let (_, footer) = tail.split_at(at.ok_or(Bad::Short)?);
    let events = extent.count as usize * EVENT_BYTES;
    let events = footer.get(..events).ok_or(Bad::Short)?;
    let end = trailer_of(tail, mark)?;
    if trailer::EVENTS_CRC.of(end) != Crc::new().add(events).value() {
        return Err(Bad::Checksum);
    }
    let records = 1..extent.first_page;
    let events = events.chunks_exact(EVENT_BYTES);
    let events: Option<Vec<Event>> = events
        .map(|entry| Event::decode(entry, records.clone()))
        .collect();
    Ok(Sheet {
        header: SegmentHeader {
            slot,
            seq: extent.seq,
            opened_ms: trailer::OPENED_MS.of(end),
        },
        sealed_ms: trailer::SEALED_MS.of(end),
        events: events.ok_or(Bad::NotARecord)?,
    })
}
