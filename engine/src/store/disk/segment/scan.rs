//! What is in a segment that was never sealed, found page by page.
//!
//! Somebody else reads; this says which pages it wants next and takes what came. A page that is
//! no record of this lap is stepped over, and so is a record whose header holds and whose payload
//! does not: it was not wholly written when the machine stopped.

use super::{record, Bad, Event, Kind, Layout, MarkKey, PAGE};
use core::ops::Range;

/// The way through one segment.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The segment's first page in the circle.
    first: u32,
    seq: u64,
    /// The page in the segment to stop before.
    end: u32,
    mark: MarkKey,
    next: u32,
    wanted: u32,
    records: u64,
    torn: u64,
    unread: u64,
}

/// What stands at the next page.
enum Found {
    Record(record::Header),
    /// It can't be told without so many pages.
    Wants(u32),
    Nothing,
    Torn,
}

impl Scan {
    /// Of the segment in this slot, opened with this number.
    #[must_use]
    pub fn new(slot: u32, seq: u64, layout: &Layout, mark: MarkKey) -> Scan {
        Scan {
            first: layout.first_page(slot),
            seq,
            end: layout.pages_per_segment(),
            mark,
            next: 1,
            wanted: 1,
            records: 0,
            torn: 0,
            unread: 0,
        }
    }

    /// The same, no further than this page of the segment: where a footer begins.
    #[must_use]
    pub fn ending(mut self, page: u32) -> Scan {
        self.end = self.end.min(page);
        self
    }

    /// The pages of the segment that it must see next, at least; none when it is through.
    #[must_use]
    pub fn wanted(&self) -> Option<Range<u32>> {
        (self.next < self.end).then(|| self.next..self.next + self.wanted)
    }

    /// Takes bytes from the first wanted page on, and calls `each` with what they hold, in the
    /// order in which it was written. More than what is wanted saves reads. Fewer, or none, mean
    /// that they can't be read: the first of those pages is stepped over.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Event)) {
        let mut rest = bytes;
        let mut asked = self.wanted;
        while self.next < self.end {
            let step = match self.look(rest) {
                Found::Record(header) => {
                    self.records += 1;
                    self.tell(rest, &header, &mut each);
                    header.pages
                }
                Found::Wants(pages) if pages > asked => {
                    self.wanted = pages;
                    return;
                }
                Found::Wants(_) => {
                    self.unread += 1;
                    self.next += 1;
                    self.wanted = 1;
                    return;
                }
                Found::Nothing => 1,
                Found::Torn => {
                    self.torn += 1;
                    1
                }
            };
            self.next += step;
            self.wanted = 1;
            rest = rest.get(step as usize * PAGE..).unwrap_or_default();
            // What comes now was not asked for: that it is not there says nothing.
            asked = 0;
        }
    }

    fn look(&self, rest: &[u8]) -> Found {
        let Some(page) = rest.get(..PAGE) else {
            return Found::Wants(1);
        };
        let number = self.first.wrapping_add(self.next);
        let header = match record::peek(page, number, self.seq, self.mark) {
            Ok(header) => header,
            Err(Bad::Checksum) => return Found::Torn,
            Err(_) => return Found::Nothing,
        };
        if header.pages > self.end - self.next {
            return Found::Nothing;
        }
        let Some(whole) = rest.get(..header.pages as usize * PAGE) else {
            return Found::Wants(header.pages);
        };
        match header.check_payload(whole) {
            Ok(()) => Found::Record(header),
            Err(_) => Found::Torn,
        }
    }

    fn tell(&self, bytes: &[u8], header: &record::Header, each: &mut impl FnMut(Event)) {
        match header.kind {
            // Pages within a segment fit sixteen bits.
            Kind::Object => each(Event::Object {
                key: header.key,
                page: self.next as u16,
                pages: header.pages as u16,
                variant: header.variant_bits(),
            }),
            Kind::Kills => {
                let payload = bytes.get(header.body.clone()).unwrap_or_default();
                record::decode_kills(payload).for_each(|kill| each(Event::Kill(kill)));
            }
        }
    }

    /// Whole records so far, of either kind.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Records so far that were begun and do not hold.
    #[must_use]
    pub fn torn(&self) -> u64 {
        self.torn
    }

    /// Pages so far that could not be read.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.unread
    }
}
