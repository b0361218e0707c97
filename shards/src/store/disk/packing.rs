//! An object as a record, and back.
//!
//! | part of the record | holds |
//! |---|---|
//! | facts | [`Facts`], as it says itself |
//! | notes | what brings it to disk (1), how many groups (2), the groups (8 each), the names in Vary |
//! | variant | the object's, where it has a Vary |
//!
//! Times are on the clock that goes on after a restart.

use crate::store::arena::{Budget, Piece};
use crate::store::object::{Notes, Object, Origin, Parts, ToDisk, Version};
use ringside_engine::cache::Facts;
use ringside_engine::store::disk::record::{pages_for, Header};
use ringside_engine::store::disk::Record;
use ringside_engine::time::Mono;
use std::sync::Arc;

/// Bytes of notes before the groups.
const NOTES_FRONT: usize = 3;
const GROUP_BYTES: usize = size_of::<u64>();

/// The notes of a record.
pub(super) fn notes_of(object: &Object) -> Vec<u8> {
    let notes = object.notes();
    let mut out = Vec::with_capacity(NOTES_FRONT + notes.groups.len() + notes.vary.len());
    out.push(object.to_disk().code());
    // Objects hold no more than fit.
    let groups = u16::try_from(notes.groups.len() / GROUP_BYTES).unwrap_or_default();
    out.extend_from_slice(&groups.to_le_bytes());
    out.extend_from_slice(notes.groups);
    out.extend_from_slice(notes.vary);
    out
}

/// What of an object has its place in the record's header and notes; its body comes beside it.
pub(super) fn record_of<'a>(object: &'a Object, notes: &'a [u8]) -> Record<'a> {
    let said = object.notes();
    Record {
        key: object.key(),
        variant: said.variant,
        has_variant: !said.vary.is_empty(),
        facts: object.facts.to_bytes(),
        head: object.head(),
        notes,
        body: &[],
        outline: object
            .version()
            .map(|version| (object.body_bytes(), version.0)),
        uses: object.uses(),
        disk_uses: object.disk_uses(),
    }
}

/// Bytes of the body that go into the record.
pub(super) fn body_bytes(object: &Object) -> u64 {
    match object.version() {
        Some(_) => 0,
        None => object.body_bytes(),
    }
}

/// Pages of an object's record; more than can be counted for one that is far too large.
pub(super) fn pages_of(object: &Object, notes: usize) -> u32 {
    match usize::try_from(body_bytes(object)) {
        Ok(body) => pages_for(object.head().len(), notes, body),
        Err(_) => u32::MAX,
    }
}

/// What the index knows of a record beside its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) page: u32,
    /// How often it was read before.
    pub(super) reads: u8,
    /// It was purged softly.
    pub(super) soft: bool,
    /// When its segment was opened: the purge came later.
    pub(super) opened: Mono,
}

/// The object of a record that was read into `whole` and checked. A body that is not small stays
/// where it was read. `None`: the budget has no room, or the notes are not such as we write.
pub(super) fn object_of(
    header: &Header,
    record: &Record<'_>,
    whole: &Piece,
    known: Known,
    budget: &'static Budget,
) -> Option<Arc<Object>> {
    let (front, rest) = record.notes.split_first_chunk::<NOTES_FRONT>()?;
    let [code, low, high] = *front;
    let groups = usize::from(u16::from_le_bytes([low, high])) * GROUP_BYTES;
    let (groups, vary) = rest.split_at_checked(groups)?;
    let facts = Facts::from_bytes(&record.facts)?;
    let body = [whole.skip(header.body.start).first(header.body.len())];
    let parts = Parts {
        key: record.key,
        facts: match known.soft {
            // Nobody noted when it was purged. It is stale since the latest moment that was surely
            // before: since its next read, it would be stale for a short time again and again.
            true => facts.soft_purged(known.opened.max(facts.received)),
            false => facts,
        },
        head: record.head,
        notes: Notes {
            variant: record.variant,
            vary,
            groups,
        },
        body: if header.body.is_empty() { &[] } else { &body },
        to_disk: ToDisk::of_code(code),
    };
    let origin = Origin {
        page: known.page,
        uses: record.uses,
        disk_uses: known.reads,
        outline: record
            .outline
            .map(|(bytes, version)| (bytes, Version(version))),
    };
    Object::from_disk(&parts, &origin, budget)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::Pages;
    use ringside_engine::key::{Key, Seed};
    use ringside_engine::store::disk::record::{decode, encode};
    use ringside_engine::store::disk::{Expect, MarkKey};

    fn facts() -> Facts {
        Facts {
            received: Mono(0x0123_4567_89AB_CDEF),
            delay_ms: 1,
            initial_age: 2,
            lifetime: u32::MAX,
            stale_while: 4,
            stale_error: 5,
            status: 203,
            flags: 0x8001,
        }
    }

    /// Written and read; gives both.
    fn there_and_back(body: &[u8], outline: Option<u64>) -> (Arc<Object>, Arc<Object>) {
        let budget = Budget::new(1 << 24);
        let mut filling = crate::store::Filling::new(budget, body.len().max(1)).unwrap();
        filling.copy(body);
        let pieces: Vec<Piece> = filling.cut().into_iter().collect();
        let parts = Parts {
            key: Key(7 << 64 | 9),
            facts: facts(),
            head: b"HTTP/1.1 203 X\r\nA: b\r\n",
            notes: Notes {
                variant: 0x55AA,
                vary: b"accept,x",
                groups: &[1, 2, 3, 4, 5, 6, 7, 8],
            },
            body: &pieces,
            to_disk: ToDisk::after(3),
        };
        let object = match outline {
            Some(version) => Object::outline(&parts, 5 << 30, Version(version), budget),
            None => Object::new(&parts, budget),
        };
        let object = object.unwrap();
        (0..5).for_each(|_| object.touch());
        let notes = notes_of(&object);
        let mark = MarkKey::new(Seed([1, 2]), 3, 4, 5, 6);
        let mut pages = Pages::zeroed(pages_of(&object, notes.len()) as usize * 4096).unwrap();
        let body: Vec<&[u8]> = [object.small_body()]
            .into_iter()
            .chain(object.pieces().iter().map(|piece| &**piece))
            .collect();
        encode(&record_of(&object, &notes), &body, 8, 9, mark, &mut pages);
        let expect = Expect {
            page: 9,
            seq: 8,
            key: Some(object.key()),
        };
        let whole = Piece::of_pages(pages, budget).unwrap();
        let (header, record) = decode(&whole, expect, mark).unwrap();
        let known = Known {
            page: 9,
            reads: 2,
            soft: false,
            opened: Mono(0),
        };
        let back = object_of(&header, &record, &whole, known, budget).unwrap();
        (object, back)
    }

    fn alike(one: &Object, other: &Object) {
        assert_eq!(one.key(), other.key());
        assert_eq!(one.facts, other.facts);
        assert_eq!(one.head(), other.head());
        assert_eq!(one.notes().variant, other.notes().variant);
        assert_eq!(one.notes().vary, other.notes().vary);
        assert_eq!(one.notes().groups, other.notes().groups);
        assert_eq!(one.variant_bits(), other.variant_bits());
        assert_eq!(one.small_body(), other.small_body());
        let pieces = |object: &Object| object.pieces().iter().flat_map(|p| p.to_vec()).collect();
        let (left, right): (Vec<u8>, Vec<u8>) = (pieces(one), pieces(other));
        assert!(left == right);
        assert_eq!(one.body_bytes(), other.body_bytes());
        assert_eq!(one.version(), other.version());
        assert_eq!(one.to_disk(), other.to_disk());
        assert_eq!(one.uses(), other.uses());
    }

    #[test]
    fn objects_come_back_as_they_were() {
        let large: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        for body in [&b""[..], b"small", &large] {
            let (object, back) = there_and_back(body, None);
            alike(&object, &back);
            assert_eq!((back.disk_page(), back.disk_uses(), back.uses()), (9, 2, 5));
        }
        let (object, back) = there_and_back(b"", Some(77));
        alike(&object, &back);
        assert_eq!(back.body_bytes(), 5 << 30);
    }

    #[test]
    fn a_large_body_is_not_copied() {
        let (_, back) = there_and_back(&[7; 50_000], None);
        let [piece] = back.pieces() else {
            panic!("one piece")
        };
        assert!(piece.waste() >= 128);
    }
}
