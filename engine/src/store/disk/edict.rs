//! Edicts: purges by decree, kept so that they hold after a restart. What a statement says is not
//! known here.
//!
//! Two areas, of which one is appended to. When it is full, a snapshot of all that was stated goes
//! to the other one, and its header last. A batch takes whole pages, and each page is sealed for
//! itself: a damaged one is known as such and does not hide what stands behind it. A statement
//! that is lost would bring back what was purged, so damage is told ([`Edicts::lost`]), and what
//! is left in both areas is read then: what was once stated may be stated again.

use super::mark::{Bad, Crc, MarkKey, SEAL_BYTES};
use super::segment::known;
use super::PAGE;
use alloc::vec;
use alloc::vec::Vec;

/// The version that this code writes, and the only one that it reads.
pub const VERSION: u16 = 1;

/// Bytes of a payload that one page takes.
pub const PAYLOAD_BYTES: usize = PAGE - page::BYTES;

const MAGIC: [u8; 4] = *b"RsEd";
const PAGE_MAGIC: [u8; 4] = *b"RsEb";

structure!(header, 28 bytes {
    0 MAGIC: [u8; 4],
    4 VERSION: u16,
    8 GENERATION: u64,
    16 CRC: u32,
    20 MARK: u64,
});

structure!(page, 48 bytes {
    0 MAGIC: [u8; 4],
    4 VERSION: u16,
    6 LENGTH: u16,
    8 GENERATION: u64,
    16 PAGE: u32,
    20 PART: u32,
    24 PARTS: u32,
    28 PAYLOAD_CRC: u32,
    36 CRC: u32,
    40 MARK: u64,
});

const _: () = assert!(header::BYTES - SEAL_BYTES == 16 && page::BYTES - SEAL_BYTES == 36);

/// An area's first page.
#[must_use]
pub fn encode_header(generation: u64, mark: MarkKey) -> Vec<u8> {
    let mut out = vec![0; PAGE];
    let bytes = &mut out[..header::BYTES];
    header::MAGIC.put(bytes, MAGIC);
    header::VERSION.put(bytes, VERSION);
    header::GENERATION.put(bytes, generation);
    mark.seal(bytes);
    out
}

/// The generation that an area's first page says.
///
/// # Errors
/// It is not such a page, or damaged.
pub fn decode_header(bytes: &[u8], mark: MarkKey) -> Result<u64, Bad> {
    let bytes = bytes.get(..header::BYTES).ok_or(Bad::Short)?;
    known(
        header::MAGIC.of(bytes) == MAGIC,
        header::VERSION.of(bytes),
        VERSION,
    )?;
    mark.check(bytes)?;
    Ok(header::GENERATION.of(bytes))
}

/// Pages of a batch with so many bytes of payload.
#[must_use]
pub fn batch_pages(payload_bytes: usize) -> u32 {
    let pages = payload_bytes.div_ceil(PAYLOAD_BYTES).max(1);
    u32::try_from(pages).unwrap_or(u32::MAX)
}

/// A batch for the pages of an area from `first_page` on, which is at least 1.
#[must_use]
pub fn encode_batch(generation: u64, first_page: u32, payload: &[u8], mark: MarkKey) -> Vec<u8> {
    let parts = batch_pages(payload.len());
    let mut out = vec![0; parts as usize * PAGE];
    let mut rest = payload;
    for (part, bytes) in (0..).zip(out.chunks_exact_mut(PAGE)) {
        let (here, after) = rest.split_at(rest.len().min(PAYLOAD_BYTES));
        rest = after;
        let (top, into) = bytes.split_at_mut(page::BYTES);
        page::MAGIC.put(top, PAGE_MAGIC);
        page::VERSION.put(top, VERSION);
        // At most a page.
        page::LENGTH.put(top, here.len() as u16);
        page::GENERATION.put(top, generation);
        page::PAGE.put(top, first_page.wrapping_add(part));
        page::PART.put(top, part);
        page::PARTS.put(top, parts);
        page::PAYLOAD_CRC.put(top, Crc::new().add(here).value());
        mark.seal(top);
        into[..here.len()].copy_from_slice(here);
    }
    out
}

/// One page of a batch, as it was written.
struct Part<'a> {
    generation: u64,
    part: u32,
    parts: u32,
    payload: &'a [u8],
}

fn decode_page(bytes: &[u8], number: u32, mark: MarkKey) -> Result<Part<'_>, Bad> {
    let top = bytes.get(..page::BYTES).ok_or(Bad::Short)?;
    known(
        page::MAGIC.of(top) == PAGE_MAGIC,
        page::VERSION.of(top),
        VERSION,
    )?;
    mark.check(top)?;
    if page::PAGE.of(top) != number {
        return Err(Bad::Other);
    }
    let end = page::BYTES + usize::from(page::LENGTH.of(top));
    let payload = bytes.get(page::BYTES..end).ok_or(Bad::Short)?;
    if page::PAYLOAD_CRC.of(top) != Crc::new().add(payload).value() {
        return Err(Bad::Checksum);
    }
    Ok(Part {
        generation: page::GENERATION.of(top),
        part: page::PART.of(top),
        parts: page::PARTS.of(top),
        payload,
    })
}

/// What one area holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// Of its header; none when that does not hold.
    pub generation: Option<u64>,
    /// The payloads of the whole batches of this generation, in order; without a header, of the
    /// highest generation that is there.
    pub payloads: Vec<Vec<u8>>,
    /// The highest generation of its header and pages; 0 when there is none.
    pub highest: u64,
    /// The page after the last one of this generation: where the next batch goes.
    pub next_page: u32,
    /// Something stood here that does not hold.
    pub is_damaged: bool,
}

/// Reads a whole area. Nothing is hidden by a damaged page but what was on it.
#[must_use]
pub fn read_area(area: &[u8], mark: MarkKey) -> Area {
    let is_blank = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let mut pages = area.chunks_exact(PAGE);
    let Some(top) = pages.next() else {
        return Area {
            next_page: 1,
            ..Area::default()
        };
    };
    let header = decode_header(top, mark).ok();
    let read = |(number, bytes)| decode_page(bytes, number, mark);
    let numbered = (1..).zip(pages);
    let held = |page| read(page).ok().map(|part| part.generation);
    let highest = numbered.clone().filter_map(held).max();
    let Some(generation) = header.or(highest) else {
        return Area {
            next_page: 1,
            is_damaged: !is_blank(area),
            ..Area::default()
        };
    };
    let mut found = Area {
        generation: header,
        highest: header.max(highest).unwrap_or_default(),
        next_page: 1,
        is_damaged: header.is_none() && !is_blank(top),
        ..Area::default()
    };
    let mut batch = Batch::default();
    // Pages since the last one of this generation.
    let (mut between, mut first_after_is_bad) = (0_u32, false);
    for (number, bytes) in numbered {
        match decode_page(bytes, number, mark) {
            Ok(part) if part.generation == generation => {
                found.is_damaged |= between > 0;
                between = 0;
                first_after_is_bad = false;
                found.next_page = number + 1;
                if let Some(payload) = batch.add(&part) {
                    found.payloads.push(payload);
                }
            }
            other => {
                if between == 0 {
                    first_after_is_bad = other.is_err() && !is_blank(bytes);
                }
                between += 1;
                batch = Batch::default();
            }
        }
    }
    found.is_damaged |= first_after_is_bad;
    found
}

/// A batch as its pages come.
#[derive(Default)]
struct Batch {
    payload: Vec<u8>,
    parts: u32,
    next: u32,
}

impl Batch {
    /// The payload, when this was its last part.
    fn add(&mut self, part: &Part<'_>) -> Option<Vec<u8>> {
        if part.part == 0 {
            *self = Batch {
                parts: part.parts,
                ..Batch::default()
            };
        }
        if part.part != self.next || part.parts != self.parts {
            *self = Batch::default();
            return None;
        }
        self.payload.extend_from_slice(part.payload);
        self.next += 1;
        if self.next < self.parts {
            return None;
        }
        Some(core::mem::take(self).payload)
    }
}

/// What both areas say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edicts {
    /// The area that is appended to: 0 or 1.
    pub area: usize,
    /// Its generation; 0 when none holds.
    pub generation: u64,
    /// The generation of the next snapshot, which goes to the other area.
    pub next_generation: u64,
    /// What to state, in order.
    pub payloads: Vec<Vec<u8>>,
    /// The page of the area for the next batch.
    pub next_page: u32,
    /// Statements may be missing: everything that is stored must be held for soft-purged, and a
    /// snapshot that says so written at once.
    pub lost: bool,
}

/// Reads both areas: the one of the higher generation counts.
#[must_use]
pub fn read(areas: [&[u8]; 2], mark: MarkKey) -> Edicts {
    let [a, b] = areas.map(|area| read_area(area, mark));
    let (area, current, other) = if b.generation > a.generation {
        (1, b, a)
    } else {
        (0, a, b)
    };
    // An older area is being written over, or will be; only its header tells whether it is older.
    let is_older = other.generation.is_some();
    let lost =
        current.generation.is_none() || current.is_damaged || (!is_older && other.is_damaged);
    let highest = current.highest.max(other.highest);
    let mut payloads = current.payloads;
    if lost {
        payloads.extend(other.payloads);
    }
    Edicts {
        area,
        generation: current.generation.unwrap_or_default(),
        next_generation: highest.saturating_add(1),
        payloads,
        next_page: current.next_page,
        lost,
    }
}
