//! What stands at the front of a disk that is not ours, so that nothing is overwritten unasked.

use super::NotOurs;

/// For what has no sign that is known here.
pub(super) const SOMETHING: &str = "something";

/// A sign: bytes at a place.
type Sign = (usize, &'static [u8], &'static str);

/// The more telling ones first: a file system may carry the sign of a partition table too.
const SIGNS: &[Sign] = &[
    (0, b"XFSB", "xfs"),
    (0, b"LUKS\xba\xbe", "LUKS"),
    (512 + 24, b"LVM2 001", "LVM"),
    (24, b"LVM2 001", "LVM"),
    (1024 + 24, b"LVM2 001", "LVM"),
    (1536 + 24, b"LVM2 001", "LVM"),
    (4096 - 10, b"SWAPSPACE2", "swap"),
    (4096 - 10, b"SWAP-SPACE", "swap"),
    (65_536 + 64, b"_BHRfS_M", "btrfs"),
    (
        4096 + 24,
        b"\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef",
        "bcachefs",
    ),
    (
        4096 + 24,
        b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81",
        "bcache",
    ),
    (0, b"\xfc\x4e\x2b\xa9", "a RAID member"),
    (4096, b"\xfc\x4e\x2b\xa9", "a RAID member"),
    (1024, b"\x10\x20\xf5\xf2", "f2fs"),
    (3, b"NTFS    ", "NTFS"),
    (3, b"EXFAT   ", "exFAT"),
    (54, b"FAT", "FAT"),
    (82, b"FAT32", "FAT"),
    (512, b"EFI PART", "a partition table"),
    (4096, b"EFI PART", "a partition table"),
    (510, b"\x55\xaa", "a partition table"),
];

/// What the front of a disk looks like, that has no superblock of ours.
pub(super) fn looks(front: &[u8]) -> NotOurs {
    if front.iter().all(|byte| *byte == 0) {
        return NotOurs::Empty;
    }
    let is_at = |at: usize, sign: &[u8]| front.get(at..).is_some_and(|from| from.starts_with(sign));
    if let Some(ext) = ext(front) {
        return NotOurs::Foreign(ext);
    }
    let known = SIGNS.iter().find(|(at, sign, _)| is_at(*at, sign));
    if let Some((_, _, name)) = known {
        return NotOurs::Foreign(name);
    }
    // Its label is a list of pairs from 16 KiB on.
    let label = front.get(16 * 1024..).unwrap_or_default();
    if memchr::memmem::find(label, b"pool_guid").is_some() {
        return NotOurs::Foreign("ZFS");
    }
    NotOurs::Foreign(SOMETHING)
}

/// One of three, by what it says it needs: a journal, extents.
fn ext(front: &[u8]) -> Option<&'static str> {
    let superblock = front.get(1024..1024 + 104)?;
    let (_, from_magic) = superblock.split_at(56);
    if !from_magic.starts_with(b"\x53\xef") {
        return None;
    }
    const JOURNAL: u8 = 4;
    // Extents, 64 bits, flexible groups.
    const FOURTH: u16 = 0x40 | 0x80 | 0x200;
    let at = |at: usize| superblock.get(at).copied().unwrap_or_default();
    let incompatible = u16::from_le_bytes([at(96), at(97)]);
    Some(match (incompatible & FOURTH, at(92) & JOURNAL) {
        (0, 0) => "ext2",
        (0, _) => "ext3",
        _ => "ext4",
    })
}
