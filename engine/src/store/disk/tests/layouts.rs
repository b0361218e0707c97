//! The superblock, what is not one, and where everything lies.

use super::*;
use crate::store::disk::layout::{FRONT_BYTES, SEGMENTS_MIN};

#[test]
fn everything_fits_and_nothing_overlaps() {
    let sizes = [
        32 << 10,
        36 << 10,
        64 << 10,
        1 << 20,
        3 << 20,
        16 << 20,
        128 << 20,
    ];
    let mut totals = Vec::new();
    for shift in 20..=44 {
        totals.extend([
            (1_u64 << shift) - 1,
            1 << shift,
            (1 << shift) + 4096,
            3 << (shift - 1),
        ]);
    }
    for segment_bytes in sizes {
        for &total in &totals {
            let Some(layout) = Layout::fitting(total, segment_bytes) else {
                let least = Layout::of(segment_bytes, SEGMENTS_MIN).expect("four of them");
                assert!(least.total_bytes() > total, "{total} {segment_bytes}");
                continue;
            };
            fits(&layout, total);
            let more = Layout::of(segment_bytes, layout.segments + 1);
            let fuller = more.is_some_and(|more| more.total_bytes() <= total);
            assert!(!fuller, "{total} {segment_bytes}: one more would fit");
        }
    }
}

fn fits(layout: &Layout, total: u64) {
    let case = (layout.segment_bytes, total);
    let page = PAGE as u64;
    let end = layout.slot_at(layout.segments);
    let areas = [
        (0, 2 * page),
        (layout.edicts_at[0], layout.edicts_bytes),
        (layout.edicts_at[1], layout.edicts_bytes),
        (layout.segments_at, end - layout.segments_at),
        (layout.checkpoints_at[0], layout.checkpoint_bytes),
        (layout.checkpoints_at[1], layout.checkpoint_bytes),
    ];
    let mut before = 0;
    for (at, bytes) in areas {
        assert!(
            at >= before && at % page == 0 && bytes % page == 0,
            "{case:?}"
        );
        before = at + bytes;
    }
    assert!(
        before == layout.total_bytes() && before <= total,
        "{case:?}"
    );
    if layout.segment_bytes >= 1 << 20 {
        assert_eq!(
            layout.segments_at % u64::from(layout.segment_bytes),
            0,
            "{case:?}"
        );
    }
    // The last page has a number, and its place.
    let pages = layout.pages_per_segment();
    let last = layout.segments.checked_mul(pages).expect("numbers") - 1;
    assert_eq!(layout.slot_of(last), layout.segments - 1);
    assert_eq!(layout.page_at(last) + page, end);
    assert_eq!(layout.page_at(layout.first_page(2)), layout.slot_at(2));
    let index = 12 * layout.records_max() + 16 * u64::from(layout.segments) + page;
    assert!(index <= layout.checkpoint_bytes, "{case:?}");
    assert_eq!(
        Layout::of(layout.segment_bytes, layout.segments),
        Some(*layout)
    );
}

#[test]
fn sizes_that_can_not_be() {
    for (segment_bytes, segments) in [
        (0, 4),
        (4096, 4),
        (28 << 10, 4),
        ((64 << 10) + 1, 4),
        (1 << 28, 4),
        (64 << 10, 3),
        (64 << 10, 1 << 28),
    ] {
        assert_eq!(
            Layout::of(segment_bytes, segments),
            None,
            "{segment_bytes} {segments}"
        );
    }
    assert!(
        Layout::of(32 << 10, 4).is_some() && Layout::of(u32::from(u16::MAX) * 4096, 4).is_some()
    );
    assert_eq!(Layout::fitting(0, SEGMENT_BYTES), None);
    let largest = Layout::fitting(u64::MAX, SEGMENT_BYTES).expect("a bound");
    assert_eq!(
        largest.segments,
        (1 << 20) - 1,
        "of 2^20, the last would have a page 2^32"
    );
}

#[test]
fn a_log_that_grows_keeps_its_places() {
    for segment_bytes in [32 << 10, 64 << 10, SEGMENT_BYTES] {
        let small = Layout::fitting(1 << 30, segment_bytes).expect("room");
        let large = Layout::fitting(1 << 34, segment_bytes).expect("room");
        assert!(small.is_prefix_of(&large) && !large.is_prefix_of(&small));
        assert_eq!(small.edicts_at, large.edicts_at);
        assert_eq!(
            small.slot_at(small.segments - 1),
            large.slot_at(small.segments - 1)
        );
    }
}

/// The front of a disk with these two copies.
fn front(copies: [&[u8]; 2]) -> Vec<u8> {
    let mut front = vec![0; FRONT_BYTES];
    for (at, copy) in [0, PAGE].into_iter().zip(copies) {
        front[at..at + copy.len()].copy_from_slice(copy);
    }
    front
}

#[test]
fn the_newer_good_copy_counts() {
    let (old, mut new) = (superblock(), superblock());
    new.generation += 1;
    new.valid_from = 1000;
    let (old_page, new_page) = (old.encode(), new.encode());
    assert_eq!(old_page.len(), PAGE);
    assert_eq!(
        Superblock::read(&front([&old_page, &new_page])),
        Ok(new.clone())
    );
    assert_eq!(
        Superblock::read(&front([&new_page, &old_page])),
        Ok(new.clone())
    );
    let mut bad = new_page.clone();
    bad[100] ^= 1;
    assert_eq!(Superblock::decode(&bad), Err(NotOurs::Damaged));
    assert_eq!(Superblock::read(&front([&bad, &old_page])), Ok(old.clone()));
    assert_eq!(Superblock::read(&front([&old_page, &bad])), Ok(old.clone()));
    assert_eq!(
        Superblock::read(&front([&bad, &bad])),
        Err(NotOurs::Damaged)
    );
    // Only one was written so far, or one was turned into noise.
    assert_eq!(Superblock::read(&front([&old_page, b""])), Ok(old.clone()));
    assert_eq!(
        Superblock::read(&front([&[0x77; 4096], &old_page])),
        Ok(old.clone())
    );
    assert_eq!(Superblock::read(&old_page), Ok(old));
    assert_eq!(
        new.layout(),
        Layout::of(new.segment_bytes, new.segments).expect("one")
    );
}

#[test]
fn every_bit_of_a_superblock_is_checked() {
    let page = superblock().encode();
    for bit in 0..512 * 8 {
        let mut bad = page.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let found = Superblock::decode(&bad);
        let want = if bit < 64 {
            NotOurs::Foreign("something")
        } else {
            NotOurs::Damaged
        };
        assert_eq!(found, Err(want), "bit {bit}");
    }
}

#[test]
fn what_can_not_be_is_damaged_and_another_version_is_named() {
    let mut wrong = [superblock(), superblock(), superblock(), superblock()];
    wrong[0].segments = 3;
    wrong[1].segment_bytes += 1;
    wrong[2].shard = 3;
    wrong[3].total_bytes = 1 << 20;
    for bad in wrong {
        assert_eq!(
            Superblock::decode(&bad.encode()),
            Err(NotOurs::Damaged),
            "{bad:?}"
        );
    }
    let mut later = superblock().encode();
    later[8] = 2;
    let crc = Crc::new().add(&later[..508]).value();
    later[508..512].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(
        Superblock::read(&front([&later, b""])),
        Err(NotOurs::Version(2))
    );
    let old = superblock().encode();
    assert_eq!(
        Superblock::read(&front([&old, &later])),
        Err(NotOurs::Version(2))
    );
}

#[test]
fn what_is_foreign_is_named() {
    assert_eq!(Superblock::read(&[]), Err(NotOurs::Empty));
    let short = Superblock::read(b"somebody's notes");
    assert_eq!(short, Err(NotOurs::Foreign("something")));
    assert_eq!(Superblock::read(&front([b"", b""])), Err(NotOurs::Empty));
    let ext = |incompatible: u8, compatible: u8| {
        vec![
            (1080, vec![0x53, 0xef]),
            (1120, vec![incompatible]),
            (1116, vec![compatible]),
        ]
    };
    let at = |at: usize, sign: &[u8]| vec![(at, sign.to_vec())];
    // A name, and what stands where.
    type Case = (&'static str, Vec<(usize, Vec<u8>)>);
    let cases: &[Case] = &[
        ("ext2", ext(2, 0)),
        ("ext3", ext(2, 4)),
        ("ext4", ext(0x42, 4)),
        ("xfs", at(0, b"XFSB")),
        ("btrfs", at(65_600, b"_BHRfS_M")),
        ("swap", at(4086, b"SWAPSPACE2")),
        ("LVM", [at(512, b"LABELONE"), at(536, b"LVM2 001")].concat()),
        ("LUKS", at(0, b"LUKS\xba\xbe\0\x02")),
        ("a partition table", at(510, b"\x55\xaa")),
        (
            "a partition table",
            [at(510, b"\x55\xaa"), at(512, b"EFI PART")].concat(),
        ),
        ("FAT", [at(510, b"\x55\xaa"), at(82, b"FAT32   ")].concat()),
        ("ZFS", at(20_000, b"pool_guid")),
        ("a RAID member", at(4096, b"\xfc\x4e\x2b\xa9")),
        ("something", at(300, b"x")),
        ("something", at(70_000, b"x")),
    ];
    for (name, signs) in cases {
        let mut disk = front([b"", b""]);
        for (at, sign) in signs {
            disk[*at..at + sign.len()].copy_from_slice(sign);
        }
        assert_eq!(
            Superblock::read(&disk),
            Err(NotOurs::Foreign(name)),
            "{signs:?}"
        );
    }
}

#[test]
fn a_partition_table_over_the_first_copy_is_respected() {
    let page = superblock().encode();
    let mut disk = front([b"", &page]);
    disk[510..512].copy_from_slice(b"\x55\xaa");
    assert_eq!(
        Superblock::read(&disk),
        Err(NotOurs::Foreign("a partition table"))
    );
}

#[test]
fn another_log_has_another_mark() {
    let ours = superblock();
    let mut others = vec![ours.clone(); 6];
    others[0].set += 1;
    others[1].seed = Seed([7, 9]);
    others[2].device = 0;
    others[3].shard = 0;
    others[4].created_ms += 1;
    // What changes while a log lives does not change its marks.
    others[5] = Superblock {
        shards: 9,
        generation: 9,
        valid_from: 9,
        segments: 9,
        latest_ms: 9,
        ..ours.clone()
    };
    for (n, other) in others.iter().enumerate() {
        let same = other.mark_key().mark(b"x") == ours.mark_key().mark(b"x");
        assert_eq!(same, n == 5, "{n}");
    }
}

#[test]
fn a_fall_counts_until_the_log_is_begun_anew() {
    let log = |device: u16, generation: u64| Superblock {
        device,
        generation,
        ..superblock()
    };
    let mut falls = Falls::default();
    assert!(!falls.has(&log(0, 0)) && !falls.has(&log(0, 5)));
    assert!(falls.note(0, 5) && !falls.note(0, 5) && !falls.note(0, 4));
    for (device, generation, has) in [(0, 5, true), (0, 4, true), (0, 6, false), (1, 5, false)] {
        assert_eq!(falls.has(&log(device, generation)), has, "{generation}");
    }
    // All of a set may fail, and those of earlier runs give way.
    for device in 1..8 {
        assert!(falls.note(device, 100 + u64::from(device)));
    }
    assert!(falls.note(0, 200) && falls.note(9, 300));
    for (device, generation, has) in [(0, 200, true), (9, 300, true), (1, 101, false)] {
        assert_eq!(falls.has(&log(device, generation)), has, "{device}");
    }
    let held = Superblock {
        falls,
        ..superblock()
    };
    assert_eq!(Superblock::decode(&held.encode()), Ok(held));
}
