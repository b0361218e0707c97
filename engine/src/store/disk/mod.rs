//! The disk cache's format: bytes to values and back (docs/store.md has every offset, and what a
//! crash, a torn page or a turned bit does at each point).
//!
//! | what | file |
//! |---|---|
//! | the secret under every structure, and how one is sealed | [`mark`] |
//! | the superblock, and where everything lies | [`layout`] |
//! | which logs failed | [`falls`] |
//! | other numbers of shards that there were | [`changes`] |
//! | one record: an object, or a list of kills | [`record`] |
//! | a segment's header and footer, what fits, how an unsealed one is scanned | [`segment`] |
//! | purges by decree, so that they outlive the process | [`edict`] |
//! | the index as it was at some time | [`checkpoint`] |
//!
//! And what goes by it, as values:
//!
//! | what | file |
//! |---|---|
//! | where each record is | [`places`] |
//! | what is admitted, and what stays when its segment is overwritten | [`keep`] |
//! | the places after a restart | [`recover`] |
//!
//! Every decoder takes any bytes: it gives a value that was written with the secret of this log,
//! or says why not. None allocates more than it was given.
//!
//! Knows no files, no clock and no HTTP; what an object's head, notes and body mean is not known
//! here.

#[macro_use]
mod bytes;

pub mod changes;
pub mod checkpoint;
pub mod edict;
pub mod falls;
pub mod keep;
pub mod layout;
pub mod mark;
pub mod places;
pub mod record;
pub mod recover;
pub mod segment;
pub mod walk;

pub use changes::Changes;
pub use falls::Falls;
pub use keep::{admits, staying, Admission, Staying};
pub use layout::{Layout, NotOurs, Superblock};
pub use mark::{Bad, Crc, MarkKey};
pub use places::{Found, Places};
pub use record::{variant_bits, Expect, Kill, KillForce, Record};
pub use recover::Recovery;
pub use segment::{Event, Room, Scan, SegmentHeader, Sheet};

/// Bytes of a page: the unit of every offset, and of every write.
pub const PAGE: usize = 4096;

/// Bytes of a segment, unless a test wants smaller ones.
pub const SEGMENT_BYTES: u32 = 16 << 20;

/// Bytes of each of the two areas of edicts, at most; a log of small segments has smaller ones.
pub const EDICTS_BYTES: u64 = 4 << 20;

/// Pages that hold so many bytes.
#[must_use]
pub const fn pages_of(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE as u64)
}

#[cfg(test)]
mod circle;
#[cfg(test)]
mod tests;
