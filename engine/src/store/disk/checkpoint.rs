//! A checkpoint: the index as it was when some segment was open, so that a start need not read
//! every footer.
//!
//! Two areas take turns. The body goes first and the header after it, with a flush between, so a
//! header that holds means a body that was written; its checksums find what happened since. A
//! checkpoint that is lost costs time and nothing else: the footers say the same.

use super::mark::{Bad, MarkKey};
use super::segment::known;
use super::PAGE;
use alloc::vec;
use alloc::vec::Vec;

/// The version that this code writes, and the only one that it reads: also that of the entries,
/// which are the index's own form.
pub const VERSION: u16 = 1;

/// Where the slot table begins in an area.
pub const SLOTS_AT: u64 = PAGE as u64;

/// Bytes of one slot in the table.
pub const SLOT_BYTES: usize = slot::BYTES;

/// Bytes of one entry of the index.
pub const ENTRY_BYTES: usize = 12;

const MAGIC: [u8; 4] = *b"RsCp";

structure!(header, 68 bytes {
    0 MAGIC: [u8; 4],
    4 VERSION: u16,
    8 GENERATION: u64,
    16 SINCE_SEQ: u64,
    24 HEAD_SLOT: u32,
    28 SEGMENTS: u32,
    32 COUNT: u64,
    40 SLOTS_CRC: u32,
    44 ENTRIES_CRC: u32,
    56 CRC: u32,
    60 MARK: u64,
});

structure!(slot, 16 bytes {
    0 SEQ: u64,
    8 OPENED_MS: u64,
});

/// A checkpoint's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Grows by one with each checkpoint of the log.
    pub generation: u64,
    /// The number of the segment that was open when it was begun: what this one and later ones
    /// hold may be missing in it.
    pub since_seq: u64,
    /// The slot of that segment.
    pub head_slot: u32,
    /// Slots in the table.
    pub segments: u32,
    /// Entries behind the table.
    pub count: u64,
    /// Of the slot table.
    pub slots_crc: u32,
    /// Of the entries.
    pub entries_crc: u32,
}

impl Header {
    /// Its page.
    #[must_use]
    pub fn encode(&self, mark: MarkKey) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        let bytes = &mut page[..header::BYTES];
        header::MAGIC.put(bytes, MAGIC);
        header::VERSION.put(bytes, VERSION);
        header::GENERATION.put(bytes, self.generation);
        header::SINCE_SEQ.put(bytes, self.since_seq);
        header::HEAD_SLOT.put(bytes, self.head_slot);
        header::SEGMENTS.put(bytes, self.segments);
        header::COUNT.put(bytes, self.count);
        header::SLOTS_CRC.put(bytes, self.slots_crc);
        header::ENTRIES_CRC.put(bytes, self.entries_crc);
        mark.seal(bytes);
        page
    }

    /// From the first page of an area.
    ///
    /// # Errors
    /// No checkpoint was finished here, or its header is damaged.
    pub fn decode(page: &[u8], mark: MarkKey) -> Result<Header, Bad> {
        let bytes = page.get(..header::BYTES).ok_or(Bad::Short)?;
        known(
            header::MAGIC.of(bytes) == MAGIC,
            header::VERSION.of(bytes),
            VERSION,
        )?;
        mark.check(bytes)?;
        Ok(Header {
            generation: header::GENERATION.of(bytes),
            since_seq: header::SINCE_SEQ.of(bytes),
            head_slot: header::HEAD_SLOT.of(bytes),
            segments: header::SEGMENTS.of(bytes),
            count: header::COUNT.of(bytes),
            slots_crc: header::SLOTS_CRC.of(bytes),
            entries_crc: header::ENTRIES_CRC.of(bytes),
        })
    }

    /// Where the entries begin in an area.
    #[must_use]
    pub fn entries_at(&self) -> u64 {
        SLOTS_AT + u64::from(self.segments) * SLOT_BYTES as u64
    }

    /// Where they end. More than the area has means that this header is not to be believed.
    #[must_use]
    pub fn end(&self) -> u64 {
        let entries = self.count.saturating_mul(ENTRY_BYTES as u64);
        self.entries_at().saturating_add(entries)
    }
}

/// The slot table: each slot's number, 0 for one that was never opened, and when it was opened.
#[must_use]
pub fn encode_slots(slots: &[(u64, u64)]) -> Vec<u8> {
    let mut out = vec![0; slots.len() * SLOT_BYTES];
    for (entry, (seq, opened_ms)) in out.chunks_exact_mut(SLOT_BYTES).zip(slots) {
        slot::SEQ.put(entry, *seq);
        slot::OPENED_MS.put(entry, *opened_ms);
    }
    out
}

/// The slots of a table whose checksum holds.
pub fn decode_slots(table: &[u8]) -> impl Iterator<Item = (u64, u64)> + '_ {
    let slots = table.chunks_exact(SLOT_BYTES);
    slots.map(|entry| (slot::SEQ.of(entry), slot::OPENED_MS.of(entry)))
}
