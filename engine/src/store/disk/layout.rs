//! The superblock, and where everything lies in a log.
//!
//! From the front: two copies of the superblock, two areas of edicts, the circle of segments, two
//! areas for checkpoints. What must stay where it is when a log grows stands before what need not:
//! checkpoints can be made again, segments can't.

use super::changes::Changes;
use super::falls::Falls;
use super::mark::Crc;
use super::{pages_of, EDICTS_BYTES, PAGE};
use crate::key::Seed;
use alloc::vec;
use alloc::vec::Vec;

mod foreign;

/// The version that this code writes, and the only one that it reads.
pub const VERSION: u16 = 1;

/// Bytes at the front of a device or file that [`Superblock::read`] wants to see.
pub const FRONT_BYTES: usize = 72 * 1024;

/// Where the two copies of the superblock are.
pub const SUPERBLOCKS_AT: [u64; 2] = [0, PAGE as u64];

/// Segments of a log, at least: one is written, one is being given up, and there must be something
/// to be kept.
pub const SEGMENTS_MIN: u32 = 4;

/// Pages of a segment, at least and at most: footers name a page of it in sixteen bits.
pub const SEGMENT_PAGES: core::ops::RangeInclusive<u32> = 8..=u16::MAX as u32;

const MAGIC: [u8; 8] = *b"RINGSIDE";
/// Where the edicts begin: past what other systems write at the front of a disk.
const EDICTS_AT: u64 = 64 * 1024;
/// Areas of edicts are no smaller than this.
const EDICTS_BYTES_MIN: u64 = 64 * 1024;
/// Segments as large as this, or larger, begin at a multiple of their length.
const ALIGNED_FROM: u64 = 1 << 20;

// All of it in the first 512 bytes, which no disk tears.
structure!(superblock, 512 bytes {
    0 MAGIC: [u8; 8],
    8 VERSION: u16,
    10 SHARD: u16,
    12 SHARDS: u16,
    14 DEVICE: u16,
    16 SET: u128,
    32 SEED_0: u64,
    40 SEED_1: u64,
    48 PAGE_BYTES: u32,
    52 SEGMENT_BYTES: u32,
    56 SEGMENTS: u32,
    64 GENERATION: u64,
    72 VALID_FROM: u64,
    80 PREPARED_BYTES: u64,
    88 CREATED_MS: u64,
    96 LATEST_MS: u64,
    104 TOTAL_BYTES: u64,
    112 FALLS: [u8; 128],
    240 CHANGES: [u8; 128],
    508 CRC: u32,
});

/// What a log says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// The set of logs that belong together: chance.
    pub set: u128,
    /// The secret under the keys: what is stored is found by it, so it outlives the process.
    pub seed: Seed,
    /// The number of its device in the set.
    pub device: u16,
    /// Whose log it is.
    pub shard: u16,
    /// Of how many.
    pub shards: u16,
    /// Bytes of a segment.
    pub segment_bytes: u32,
    /// Segments in the circle.
    pub segments: u32,
    /// Grows by one with each rewriting; of two good copies the higher one counts.
    pub generation: u64,
    /// Records, segments and checkpoints of a lower sequence number are void.
    pub valid_from: u64,
    /// Bytes that have been written once; all of them when the log is ready.
    pub prepared_bytes: u64,
    /// When the log was made.
    pub created_ms: u64,
    /// No record was written later than this, as of the last checkpoint.
    pub latest_ms: u64,
    /// Bytes that were given to this log.
    pub total_bytes: u64,
    /// Logs of the same shard that failed.
    pub falls: Falls,
    /// Other numbers of shards that there were since something of it was written.
    pub changes: Changes,
}

/// Why there is no log here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOurs {
    /// Only zeros.
    Empty,
    /// Something that is not ours, by what it looks like.
    Foreign(&'static str),
    /// A log of another version of the format.
    Version(u16),
    /// A log whose superblock can't be read any more.
    Damaged,
}

impl Superblock {
    /// Its page.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        use superblock as at;
        let mut page = vec![0; PAGE];
        let p = &mut page[..];
        at::MAGIC.put(p, MAGIC);
        at::VERSION.put(p, VERSION);
        at::SHARD.put(p, self.shard);
        at::SHARDS.put(p, self.shards);
        at::DEVICE.put(p, self.device);
        at::SET.put(p, self.set);
        at::SEED_0.put(p, self.seed.0[0]);
        at::SEED_1.put(p, self.seed.0[1]);
        at::PAGE_BYTES.put(p, PAGE as u32);
        at::SEGMENT_BYTES.put(p, self.segment_bytes);
        at::SEGMENTS.put(p, self.segments);
        at::GENERATION.put(p, self.generation);
        at::VALID_FROM.put(p, self.valid_from);
        at::PREPARED_BYTES.put(p, self.prepared_bytes);
        at::CREATED_MS.put(p, self.created_ms);
        at::LATEST_MS.put(p, self.latest_ms);
        at::TOTAL_BYTES.put(p, self.total_bytes);
        at::FALLS.put(p, self.falls.encode());
        at::CHANGES.put(p, self.changes.encode());
        let crc = checksum(p);
        at::CRC.put(p, crc);
        page
    }

    /// From one copy.
    ///
    /// # Errors
    /// It is none, or says what can't be.
    pub fn decode(page: &[u8]) -> Result<Superblock, NotOurs> {
        use superblock as at;
        let Some(page) = page.get(..at::BYTES) else {
            return Err(foreign::looks(page));
        };
        if at::MAGIC.of(page) != MAGIC {
            return Err(foreign::looks(page));
        }
        if at::CRC.of(page) != checksum(page) {
            return Err(NotOurs::Damaged);
        }
        let version = at::VERSION.of(page);
        if version != VERSION {
            return Err(NotOurs::Version(version));
        }
        let read = Superblock {
            set: at::SET.of(page),
            seed: Seed([at::SEED_0.of(page), at::SEED_1.of(page)]),
            device: at::DEVICE.of(page),
            shard: at::SHARD.of(page),
            shards: at::SHARDS.of(page),
            segment_bytes: at::SEGMENT_BYTES.of(page),
            segments: at::SEGMENTS.of(page),
            generation: at::GENERATION.of(page),
            valid_from: at::VALID_FROM.of(page),
            prepared_bytes: at::PREPARED_BYTES.of(page),
            created_ms: at::CREATED_MS.of(page),
            latest_ms: at::LATEST_MS.of(page),
            total_bytes: at::TOTAL_BYTES.of(page),
            falls: Falls::decode(at::FALLS.of(page)),
            changes: Changes::decode(at::CHANGES.of(page)),
        };
        let layout = Layout::of(read.segment_bytes, read.segments);
        let fits = layout.is_some_and(|layout| layout.total_bytes() <= read.total_bytes);
        if fits && read.shard < read.shards && at::PAGE_BYTES.of(page) == PAGE as u32 {
            Ok(read)
        } else {
            Err(NotOurs::Damaged)
        }
    }

    /// From the front of a device or file, [`FRONT_BYTES`] of it or all that there is: the newer
    /// of both copies. Something foreign in place of the first one counts more than a good second
    /// one: a partition table is written over the first alone.
    ///
    /// # Errors
    /// There is no log, and what is there instead.
    pub fn read(front: &[u8]) -> Result<Superblock, NotOurs> {
        let copy = |at: u64| {
            let page = front.get(at as usize..);
            page.map_or(Err(NotOurs::Empty), Superblock::decode)
        };
        let is_ours = |found: &Result<Superblock, NotOurs>| {
            !matches!(found, Err(NotOurs::Empty | NotOurs::Foreign(_)))
        };
        let [first, second] = SUPERBLOCKS_AT.map(copy);
        if !is_ours(&first) {
            match foreign::looks(front) {
                NotOurs::Empty => return Err(NotOurs::Empty),
                // Not known by any sign: the second copy may say what it was.
                NotOurs::Foreign(foreign::SOMETHING) if is_ours(&second) => {}
                foreign => return Err(foreign),
            }
        }
        match (first, second) {
            (Ok(first), Ok(second)) if second.generation > first.generation => Ok(second),
            (Err(NotOurs::Version(version)), _) | (_, Err(NotOurs::Version(version))) => {
                Err(NotOurs::Version(version))
            }
            (Ok(read), _) | (_, Ok(read)) => Ok(read),
            _ => Err(NotOurs::Damaged),
        }
    }

    /// Where everything lies.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout::lay(self.segment_bytes, self.segments)
    }
}

/// Of a superblock: of all that is before it, in every version.
fn checksum(page: &[u8]) -> u32 {
    let end = superblock::BYTES - 4;
    Crc::new().add(page.get(..end).unwrap_or_default()).value()
}

/// Where everything lies, in bytes from the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of a segment.
    pub segment_bytes: u32,
    /// Segments in the circle.
    pub segments: u32,
    /// The two areas of edicts.
    pub edicts_at: [u64; 2],
    /// Bytes of each.
    pub edicts_bytes: u64,
    /// The two areas for checkpoints.
    pub checkpoints_at: [u64; 2],
    /// Bytes of each.
    pub checkpoint_bytes: u64,
    /// The first segment.
    pub segments_at: u64,
}

impl Layout {
    /// As many segments of this length as there is room for; none when there are fewer than
    /// [`SEGMENTS_MIN`].
    #[must_use]
    pub fn fitting(total_bytes: u64, segment_bytes: u32) -> Option<Layout> {
        Layout::of(segment_bytes, SEGMENTS_MIN)?;
        // With the most segments that pages can be numbered for, or as many as fit.
        let (mut least, mut most) = (0, u32::MAX / pages_per_segment(segment_bytes));
        while least < most {
            let middle = most - (most - least) / 2;
            if Layout::lay(segment_bytes, middle).total_bytes() <= total_bytes {
                least = middle;
            } else {
                most = middle - 1;
            }
        }
        Layout::of(segment_bytes, least)
    }

    /// Of exactly so many segments; none when there can't be so many, or of this length.
    #[must_use]
    pub fn of(segment_bytes: u32, segments: u32) -> Option<Layout> {
        let pages = segment_bytes / PAGE as u32;
        let is_whole = segment_bytes % PAGE as u32 == 0 && SEGMENT_PAGES.contains(&pages);
        let numbered = pages.checked_mul(segments).is_some();
        let right = is_whole && numbered && segments >= SEGMENTS_MIN;
        right.then(|| Layout::lay(segment_bytes, segments))
    }

    fn lay(segment_bytes: u32, segments: u32) -> Layout {
        let segment = u64::from(segment_bytes);
        let edicts_bytes = segment.clamp(EDICTS_BYTES_MIN, EDICTS_BYTES);
        let mut segments_at = EDICTS_AT + 2 * edicts_bytes;
        if segment >= ALIGNED_FROM {
            segments_at = segments_at.next_multiple_of(segment);
        }
        let first = segments_at + segment * u64::from(segments);
        let mut layout = Layout {
            segment_bytes,
            segments,
            edicts_at: [EDICTS_AT, EDICTS_AT + edicts_bytes],
            edicts_bytes,
            checkpoints_at: [first, first],
            checkpoint_bytes: 0,
            segments_at,
        };
        let bytes = PAGE as u64 + 16 * u64::from(segments) + 12 * layout.records_max();
        layout.checkpoint_bytes = pages_of(bytes) * PAGE as u64;
        layout.checkpoints_at = [first, first + layout.checkpoint_bytes];
        layout
    }

    /// Pages of a segment, its header and footer included.
    #[must_use]
    pub fn pages_per_segment(&self) -> u32 {
        pages_per_segment(self.segment_bytes)
    }

    /// Bytes from the front to the end of the last area.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.checkpoints_at[1] + self.checkpoint_bytes
    }

    /// Where a segment begins.
    #[must_use]
    pub fn slot_at(&self, slot: u32) -> u64 {
        self.segments_at + u64::from(slot) * u64::from(self.segment_bytes)
    }

    /// Where a page of the circle begins.
    #[must_use]
    pub fn page_at(&self, page: u32) -> u64 {
        self.segments_at + u64::from(page) * PAGE as u64
    }

    /// The segment of a page of the circle.
    #[must_use]
    pub fn slot_of(&self, page: u32) -> u32 {
        page / self.pages_per_segment()
    }

    /// The page of the circle at which a segment begins.
    #[must_use]
    pub fn first_page(&self, slot: u32) -> u32 {
        slot.wrapping_mul(self.pages_per_segment())
    }

    /// Records that there can be, each on a page of its own.
    #[must_use]
    pub fn records_max(&self) -> u64 {
        let each = self.pages_per_segment().saturating_sub(2);
        u64::from(self.segments) * u64::from(each)
    }

    /// The same segments and edicts at the same places, and more or fewer segments after them.
    #[must_use]
    pub fn is_prefix_of(&self, other: &Layout) -> bool {
        self.segment_bytes == other.segment_bytes && self.segments <= other.segments
    }
}

/// At least 1, so that it can be divided by.
fn pages_per_segment(segment_bytes: u32) -> u32 {
    (segment_bytes / PAGE as u32).max(1)
}
