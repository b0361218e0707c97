//! The secret under every structure of a log, and how a structure is sealed with it.
//!
//! A checksum finds what the disk did to our bytes. It does not say that they are ours: a body
//! that somebody has cached may hold a record, made as ours are made, at the start of a page. So
//! each structure ends in a *mark*, a keyed hash that only this log can make. A structure of
//! another log, or of what stood here before this log was made, has another mark too.

use super::layout::Superblock;
use crate::key::Seed;
use core::hash::Hasher;
use siphasher::sip::SipHasher13;
use siphasher::sip128::{Hasher128, SipHasher13 as Wide};

/// Bytes at the end of a sealed structure: a checksum and a mark.
pub(super) const SEAL_BYTES: usize = 12;

/// What makes and checks the marks of one log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MarkKey([u64; 2]);

// The secret is not for logs.
impl core::fmt::Debug for MarkKey {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        to.write_str("MarkKey")
    }
}

impl MarkKey {
    /// The key of a log: of its set, its place in it, and the time when it was made, so that one
    /// that is made anew on the same disk finds nothing of the old one.
    #[must_use]
    pub fn new(seed: Seed, set: u128, device: u16, shard: u16, created_ms: u64) -> MarkKey {
        let mut hash = Wide::new_with_keys(seed.0[0], seed.0[1]);
        hash.write(b"mark");
        hash.write(&set.to_le_bytes());
        hash.write(&device.to_le_bytes());
        hash.write(&shard.to_le_bytes());
        hash.write(&created_ms.to_le_bytes());
        let key = hash.finish128();
        MarkKey([key.h1, key.h2])
    }

    /// The mark under these bytes.
    #[must_use]
    pub fn mark(self, bytes: &[u8]) -> u64 {
        let mut hash = SipHasher13::new_with_keys(self.0[0], self.0[1]);
        hash.write(bytes);
        hash.finish()
    }

    /// Seals a structure: its last twelve bytes become the checksum of what is before them, and
    /// the mark of that and the checksum.
    pub(super) fn seal(self, structure: &mut [u8]) {
        let Some(end) = structure.len().checked_sub(SEAL_BYTES) else {
            return;
        };
        let (content, seal) = structure.split_at_mut(end);
        let (crc, _) = seal.split_at_mut(4);
        crc.copy_from_slice(&Crc::new().add(content).value().to_le_bytes());
        let (marked, mark) = structure.split_at_mut(end + 4);
        mark.copy_from_slice(&self.mark(marked).to_le_bytes());
    }

    /// Is this structure as it was sealed?
    pub(super) fn check(self, structure: &[u8]) -> Result<(), Bad> {
        let end = structure.len().checked_sub(SEAL_BYTES).ok_or(Bad::Short)?;
        let (content, seal) = structure.split_at(end);
        let (crc, mark) = seal.split_at(4);
        if crc != Crc::new().add(content).value().to_le_bytes() {
            return Err(Bad::Checksum);
        }
        let (marked, _) = structure.split_at(end + 4);
        if mark != self.mark(marked).to_le_bytes() {
            return Err(Bad::Other);
        }
        Ok(())
    }
}

impl Superblock {
    /// What marks this log's structures.
    #[must_use]
    pub fn mark_key(&self) -> MarkKey {
        MarkKey::new(
            self.seed,
            self.set,
            self.device,
            self.shard,
            self.created_ms,
        )
    }
}

/// Why bytes are not what was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bad {
    /// There are too few of them.
    Short,
    /// Nothing of this kind was ever written here.
    NotARecord,
    /// It is of another version of the format.
    Version(u8),
    /// It is whole, and something else: another lap of the circle, another place, key or log.
    Other,
    /// It is damaged, or was never wholly written.
    Checksum,
}

impl Bad {
    /// The word for messages and counters.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Bad::Short => "short",
            Bad::NotARecord => "not-a-record",
            Bad::Version(_) => "version",
            Bad::Other => "other",
            Bad::Checksum => "checksum",
        }
    }
}

/// A CRC32C (RFC 3720, appendix B.4) of bytes that come in parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crc(u32);

impl Crc {
    /// That of nothing.
    #[must_use]
    pub const fn new() -> Crc {
        Crc(0)
    }

    /// With these after what there was.
    #[must_use]
    // Not a sum: `crc + bytes` would say less.
    #[allow(clippy::should_implement_trait)]
    pub fn add(self, bytes: &[u8]) -> Crc {
        Crc(crc32c::crc32c_append(self.0, bytes))
    }

    /// The checksum.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}
