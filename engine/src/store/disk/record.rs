//! One record: an object, or a list of kills. It begins on a page with a header, and all that
//! belongs to it lies behind that, so one read brings it whole.
//!
//! Where it stands and in which lap of the circle is part of the header, under the mark: a record
//! that was written to a wrong place, or that an earlier lap has left, is not taken for one.

use super::mark::{Bad, Crc, MarkKey};
use super::PAGE;
use crate::key::Key;
use core::ops::Range;

/// The version that this code writes, and the only one that it reads.
pub const VERSION: u8 = 1;

/// Bytes of a record before the object's head.
pub const HEADER_BYTES: usize = header::BYTES;

/// Pages of one record, at most: an index has ten bits for them.
pub const RECORD_PAGES_MAX: u32 = 1023;

/// Bytes of one kill in a list.
pub const KILL_BYTES: usize = kill::BYTES;

/// Bytes of a payload that are copied before they are summed.
const COPIED_AT_ONCE: usize = 16 << 10;

const MAGIC: [u8; 4] = *b"RsRc";
const OBJECT: u8 = 1;
const KILLS: u8 = 2;
/// It has a Vary, and so a variant.
const HAS_VARIANT: u8 = 1;
/// It is an outline.
const OUTLINE: u8 = 1 << 1;

structure!(header, 128 bytes {
    0 MAGIC: [u8; 4],
    4 VERSION: u8,
    5 KIND: u8,
    6 PAGES: u16,
    8 SEQ: u64,
    16 PAGE: u32,
    20 FLAGS: u8,
    21 USES: u8,
    22 DISK_USES: u8,
    24 VARIANT: u64,
    32 KEY: u128,
    48 HEAD_BYTES: u32,
    52 NOTES_BYTES: u32,
    56 BODY_BYTES: u32,
    60 PAYLOAD_CRC: u32,
    64 WHOLE_BYTES: u64,
    72 OBJECT_VERSION: u64,
    80 FACTS: [u8; 32],
    116 CRC: u32,
    120 MARK: u64,
});

structure!(kill, 24 bytes {
    0 KEY: u128,
    16 VARIANT: u8,
    17 HOW: u8,
    18 ALL_VARIANTS: u8,
});

/// An object, as it is given to be written or was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its key.
    pub key: Key,
    /// The hash of what its request had in the fields of its Vary.
    pub variant: u64,
    /// It has a Vary.
    pub has_variant: bool,
    /// What decisions need, opaque here.
    pub facts: [u8; 32],
    /// Its response head.
    pub head: &'a [u8],
    /// What else is kept with it, opaque here.
    pub notes: &'a [u8],
    /// Its content; when writing, the front of it.
    pub body: &'a [u8],
    /// Of an outline: bytes of the whole, and the version that its fragments must have.
    pub outline: Option<(u64, u64)>,
    /// How often it was used in memory.
    pub uses: u8,
    /// How often it was read from disk.
    pub disk_uses: u8,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An object.
    Object,
    /// A list of kills, as its body.
    Kills,
}

/// A record's header: what it says of itself, and where its parts are, from its first byte on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it is.
    pub kind: Kind,
    /// Its key; zero for kills.
    pub key: Key,
    /// As in [`Record`].
    pub variant: u64,
    /// As in [`Record`].
    pub has_variant: bool,
    /// Pages that it takes.
    pub pages: u32,
    /// The response head.
    pub head: Range<usize>,
    /// The notes.
    pub notes: Range<usize>,
    /// The content.
    pub body: Range<usize>,
    payload_crc: u32,
}

impl Header {
    /// The variant as an index has it.
    #[must_use]
    pub fn variant_bits(&self) -> u8 {
        variant_bits(self.variant, self.has_variant)
    }

    /// The whole record's bytes begin with these: is what is behind the header as it was written?
    ///
    /// # Errors
    /// There are too few bytes, or they are others.
    pub fn check_payload(&self, bytes: &[u8]) -> Result<(), Bad> {
        let mut check = PayloadCheck::of(self);
        check.go_on(bytes, usize::MAX).unwrap_or(Err(Bad::Short))
    }
}

/// Looks at what is behind a header piece by piece, for who must not take long at once.
pub struct PayloadCheck {
    crc: Crc,
    left: Range<usize>,
    wanted: u32,
}

impl PayloadCheck {
    /// Of this header's record, from its payload's first byte on.
    #[must_use]
    pub fn of(header: &Header) -> PayloadCheck {
        PayloadCheck {
            crc: Crc::new(),
            left: header.head.start..header.body.end,
            wanted: header.payload_crc,
        }
    }

    /// Looks at `most` more of the whole record's `bytes`, which are the same at each call. None:
    /// there are more; otherwise what [`Header::check_payload`] says.
    pub fn go_on(&mut self, bytes: &[u8], most: usize) -> Option<Result<(), Bad>> {
        let end = self.left.start.saturating_add(most).min(self.left.end);
        let Some(piece) = bytes.get(self.left.start..end) else {
            return Some(Err(Bad::Short));
        };
        self.crc = self.crc.add(piece);
        self.left.start = end;
        self.left.is_empty().then(|| match self.crc.value() {
            value if value == self.wanted => Ok(()),
            _ => Err(Bad::Checksum),
        })
    }
}

/// Pages of a record with parts of these lengths. More than [`RECORD_PAGES_MAX`] can't be written.
#[must_use]
pub fn pages_for(head: usize, notes: usize, body: usize) -> u32 {
    let parts = [head, notes, body].into_iter();
    let bytes = parts.fold(HEADER_BYTES, usize::saturating_add);
    u32::try_from(bytes.div_ceil(PAGE)).unwrap_or(u32::MAX)
}

/// Writes an object's record over all of `into`, whose content is `record.body` and then `more`.
/// It will be at `page` of the circle in the segment of this `seq`.
///
/// # Panics
/// `into` is not [`pages_for`] these parts long, or too long for a record.
pub fn encode(
    record: &Record<'_>,
    more: &[&[u8]],
    seq: u64,
    page: u32,
    mark: MarkKey,
    into: &mut [u8],
) {
    let body = || core::iter::once(record.body).chain(more.iter().copied());
    let body_bytes = body().map(<[u8]>::len).sum();
    let pages = pages_for(record.head.len(), record.notes.len(), body_bytes);
    let (header, payload) = split(into, pages);
    let (mut at, mut crc) = (0, Crc::new());
    let parts = [record.head, record.notes].into_iter().chain(body());
    // What was just copied is in the processor's cache still: to sum it costs little then.
    for part in parts.flat_map(|part| part.chunks(COPIED_AT_ONCE)) {
        let copy = &mut payload[at..at + part.len()];
        copy.copy_from_slice(part);
        crc = crc.add(copy);
        at += part.len();
    }
    payload[at..].fill(0);
    header::KIND.put(header, OBJECT);
    let flags = [
        (record.has_variant, HAS_VARIANT),
        (record.outline.is_some(), OUTLINE),
    ];
    let flags = flags.iter().filter(|(is, _)| *is).map(|(_, flag)| flag);
    header::FLAGS.put(header, flags.sum());
    header::USES.put(header, record.uses);
    header::DISK_USES.put(header, record.disk_uses);
    header::VARIANT.put(header, record.variant);
    header::KEY.put(header, record.key.0);
    header::HEAD_BYTES.put(header, record.head.len() as u32);
    header::NOTES_BYTES.put(header, record.notes.len() as u32);
    header::BODY_BYTES.put(header, body_bytes as u32);
    let (whole_bytes, version) = record.outline.unwrap_or_default();
    header::WHOLE_BYTES.put(header, whole_bytes);
    header::OBJECT_VERSION.put(header, version);
    header::FACTS.put(header, record.facts);
    finish(header, crc, pages, seq, page, mark);
}

/// The header, zeroed, and what is behind it.
fn split(into: &mut [u8], pages: u32) -> (&mut [u8], &mut [u8]) {
    assert!(
        pages <= RECORD_PAGES_MAX && into.len() == pages as usize * PAGE,
        "{} bytes for a record of {pages} pages",
        into.len()
    );
    let (header, payload) = into.split_at_mut(HEADER_BYTES);
    header.fill(0);
    (header, payload)
}

/// What every header has, and its seal.
fn finish(header: &mut [u8], payload: Crc, pages: u32, seq: u64, page: u32, mark: MarkKey) {
    header::MAGIC.put(header, MAGIC);
    header::VERSION.put(header, VERSION);
    // At most RECORD_PAGES_MAX.
    header::PAGES.put(header, pages as u16);
    header::SEQ.put(header, seq);
    header::PAGE.put(header, page);
    header::PAYLOAD_CRC.put(header, payload.value());
    mark.seal(header);
}

/// What a record must be to be the one that was looked for.
#[derive(Clone, Copy, Debug)]
pub struct Expect {
    /// The page of the circle that it begins on.
    pub page: u32,
    /// The segment's sequence number.
    pub seq: u64,
    /// The whole key, when it is known.
    pub key: Option<Key>,
}

/// An object's record, from its bytes, all of which have been checked. Bytes behind it do not
/// matter.
///
/// # Errors
/// It is not the one that was expected, or not as it was written.
pub fn decode<'a>(
    bytes: &'a [u8],
    expect: Expect,
    mark: MarkKey,
) -> Result<(Header, Record<'a>), Bad> {
    let header = expected(bytes, expect, mark)?;
    header.check_payload(bytes)?;
    let record = parts_of(bytes, &header)?;
    Ok((header, record))
}

/// The header of an object's record that is the one expected; of the payload only that it will be
/// looked at.
///
/// # Errors
/// It is not, or not as it was written.
pub fn expected(bytes: &[u8], expect: Expect, mark: MarkKey) -> Result<Header, Bad> {
    let header = peek(bytes, expect.page, expect.seq, mark)?;
    if header.kind != Kind::Object {
        return Err(Bad::NotARecord);
    }
    if expect.key.is_some_and(|key| key != header.key) {
        return Err(Bad::Other);
    }
    Ok(header)
}

/// The parts of a record whose header and payload were found good.
///
/// # Errors
/// There are too few bytes.
pub fn parts_of<'a>(bytes: &'a [u8], header: &Header) -> Result<Record<'a>, Bad> {
    let part = |range: &Range<usize>| bytes.get(range.clone()).ok_or(Bad::Short);
    let flags = header::FLAGS.of(bytes);
    let outline = (
        header::WHOLE_BYTES.of(bytes),
        header::OBJECT_VERSION.of(bytes),
    );
    Ok(Record {
        key: header.key,
        variant: header.variant,
        has_variant: header.has_variant,
        facts: header::FACTS.of(bytes),
        head: part(&header.head)?,
        notes: part(&header.notes)?,
        body: part(&header.body)?,
        outline: (flags & OUTLINE != 0).then_some(outline),
        uses: header::USES.of(bytes),
        disk_uses: header::DISK_USES.of(bytes),
    })
}

/// A record's header alone, from its first page: of whatever kind, with its payload unseen.
///
/// # Errors
/// There is none that was written for this place in this lap.
pub fn peek(page: &[u8], page_number: u32, seq: u64, mark: MarkKey) -> Result<Header, Bad> {
    let bytes = page.get(..HEADER_BYTES).ok_or(Bad::Short)?;
    if header::MAGIC.of(bytes) != MAGIC {
        return Err(Bad::NotARecord);
    }
    let version = header::VERSION.of(bytes);
    if version != VERSION {
        return Err(Bad::Version(version));
    }
    mark.check(bytes)?;
    if header::SEQ.of(bytes) != seq || header::PAGE.of(bytes) != page_number {
        return Err(Bad::Other);
    }
    let kind = match header::KIND.of(bytes) {
        OBJECT => Kind::Object,
        KILLS => Kind::Kills,
        _ => return Err(Bad::NotARecord),
    };
    let lens = [header::HEAD_BYTES, header::NOTES_BYTES, header::BODY_BYTES];
    let [head, notes, body] = lens.map(|len| len.of(bytes) as usize);
    let pages = u32::from(header::PAGES.of(bytes));
    if pages != pages_for(head, notes, body) || pages > RECORD_PAGES_MAX {
        return Err(Bad::NotARecord);
    }
    // Bounded by the pages: no sum is too large.
    let notes_at = HEADER_BYTES + head;
    let body_at = notes_at + notes;
    Ok(Header {
        kind,
        key: Key(header::KEY.of(bytes)),
        variant: header::VARIANT.of(bytes),
        has_variant: header::FLAGS.of(bytes) & HAS_VARIANT != 0,
        pages,
        head: HEADER_BYTES..notes_at,
        notes: notes_at..body_at,
        body: body_at..body_at + body,
        payload_crc: header::PAYLOAD_CRC.of(bytes),
    })
}

/// How hard a kill is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KillForce {
    /// What is older is stale.
    Soft,
    /// What is older is gone.
    Hard,
}

/// That all older records of a key, or of one of its variants, are void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kill {
    /// The key.
    pub key: Key,
    /// The variant as [`variant_bits`] has it; none means all of them.
    pub variant: Option<u8>,
    /// How hard.
    pub force: KillForce,
}

/// How kills are told in bytes, here and in footers.
pub(super) const HARD: u8 = 1;
pub(super) const SOFT: u8 = 2;

impl KillForce {
    pub(super) fn code(self) -> u8 {
        match self {
            KillForce::Hard => HARD,
            KillForce::Soft => SOFT,
        }
    }
}

/// Kills that fit into a record of one page.
#[must_use]
pub const fn kills_per_page() -> usize {
    (PAGE - HEADER_BYTES) / KILL_BYTES
}

/// Pages of a record of so many kills.
#[must_use]
pub fn pages_for_kills(kills: usize) -> u32 {
    pages_for(0, 0, kills.saturating_mul(KILL_BYTES))
}

/// Writes a record of kills over all of `into`, as [`encode`] does with an object.
///
/// # Panics
/// `into` is not [`pages_for_kills`] long, or too long for a record.
pub fn encode_kills(kills: &[Kill], seq: u64, page: u32, mark: MarkKey, into: &mut [u8]) {
    let pages = pages_for_kills(kills.len());
    let (header, payload) = split(into, pages);
    let (payload, padding) = payload.split_at_mut(kills.len() * KILL_BYTES);
    payload.fill(0);
    padding.fill(0);
    for (entry, said) in payload.chunks_exact_mut(KILL_BYTES).zip(kills) {
        kill::KEY.put(entry, said.key.0);
        kill::VARIANT.put(entry, said.variant.unwrap_or_default());
        kill::HOW.put(entry, said.force.code());
        kill::ALL_VARIANTS.put(entry, u8::from(said.variant.is_none()));
    }
    header::KIND.put(header, KILLS);
    header::BODY_BYTES.put(header, payload.len() as u32);
    finish(header, Crc::new().add(payload), pages, seq, page, mark);
}

/// The kills in the body of their record, which has been checked. One whose force is unknown is
/// hard: never less is killed than was said.
pub fn decode_kills(payload: &[u8]) -> impl Iterator<Item = Kill> + '_ {
    payload.chunks_exact(KILL_BYTES).map(|entry| Kill {
        key: Key(kill::KEY.of(entry)),
        variant: (kill::ALL_VARIANTS.of(entry) == 0).then_some(kill::VARIANT.of(entry)),
        force: match kill::HOW.of(entry) {
            SOFT => KillForce::Soft,
            _ => KillForce::Hard,
        },
    })
}

/// The variant in eight bits, for indexes: 0 for what has no Vary, and never 0 for what has one.
#[must_use]
pub fn variant_bits(variant: u64, has_variant: bool) -> u8 {
    if has_variant {
        (variant % 255) as u8 + 1
    } else {
        0
    }
}
