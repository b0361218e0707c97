//! A finished cached response.
//!
//! | phase | who | may do |
//! |---|---|---|
//! | made | the home shard's flight | nothing changes after this but the bits below |
//! | live | any shard that holds a handle | serve it; count `touched` up to three |
//! | dead | anybody who still holds it | finish what is under way; start nothing new |
//! | gone | the last holder, on any shard | memory freed, budget released |
//!
//! `live` is cleared by the home shard on purge, replacement and eviction, and checked by every
//! shard before each use: one load of a line that nobody writes.

use super::arena::{Budget, Filling, Packed, Piece};
use crate::rt::MemFile;
use ringside_engine::cache::{Extent, Facts};
use ringside_engine::http::{HeadLimits, Response, ResponseHead};
use ringside_engine::key::{Key, KeyWriter, Seed};
use ringside_engine::store::disk::variant_bits;
use ringside_engine::store::Entry;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU8, Ordering};
use std::sync::Arc;

/// Bodies up to this size share one allocation with their head.
pub const SMALL_BODY_BYTES: usize = 16 * 1024;

/// Uses after which a large body is put into a file: filling one costs about as much as four
/// sends save.
const POPULAR_USES: u8 = 8;

/// Charged per object for its bookkeeping: the object, its place in the index, the allocator's.
const OBJECT_OVERHEAD: usize = 256;

/// One stored response, complete.
pub struct Object {
    /// In halves, since a whole one would align the object to 16 bytes.
    key: [u64; 2],
    /// What decisions need: age, lifetime, status.
    pub facts: Facts,
    /// Head, then its notes (see [`Notes`]), then the body if it is small.
    data: Packed,
    large: Option<Box<Large>>,
    budget: &'static Budget,
    holders: AtomicU32,
    head_bytes: u32,
    notes_bytes: u16,
    grouped: bool,
    live: AtomicBool,
    /// Uses since eviction last looked.
    touched: AtomicU8,
    /// Uses, counted to [`USES_MAX`].
    uses: AtomicU8,
    /// The code of [`ToDisk`].
    to_disk: AtomicU8,
    /// How often its record had been read when it was read; 0 for what did not come from disk.
    disk_uses: u8,
    /// The page of its record; 0 when there is none.
    disk_page: AtomicU32,
}

/// Uses that are counted, at most.
const USES_MAX: u8 = 15;
/// Stands above the count of uses: somebody was told that it is popular.
const POPULAR: u8 = 1 << 7;

/// What brings an object to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToDisk(u8);

impl ToDisk {
    /// It goes there when it is stored.
    pub const AT_ONCE: ToDisk = ToDisk(0);
    /// Nothing does.
    pub const NEVER: ToDisk = ToDisk(u8::MAX);

    /// So many uses in memory; more than are counted are as many as are counted.
    pub fn after(uses: u8) -> ToDisk {
        ToDisk(uses.min(USES_MAX))
    }

    /// So many uses have brought it there.
    pub fn wants(self, uses: u8) -> bool {
        self != ToDisk::NEVER && uses >= self.0
    }

    /// As a byte of a record.
    pub fn code(self) -> u8 {
        self.0
    }

    /// From a byte of a record.
    pub fn of_code(code: u8) -> ToDisk {
        match code {
            u8::MAX => ToDisk::NEVER,
            uses => ToDisk::after(uses),
        }
    }
}

/// What a record on disk says of an object beside its [`Parts`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin {
    /// The page of the record.
    pub page: u32,
    /// Uses in memory before it was written.
    pub uses: u8,
    /// How often the record was read before.
    pub disk_uses: u8,
    /// Of an outline: bytes of the whole, and the version of its fragments.
    pub outline: Option<(u64, Version)>,
}

/// A body that is not small.
struct Large {
    bytes: u64,
    /// Empty when the body is in the file, or in fragments.
    pieces: Box<[Piece]>,
    file: Option<Arc<BodyFile>>,
    /// The body lies in fragments, which are objects of their own with keys made from this.
    version: Option<Version>,
}

/// Tells one stored version of a response from all others, before and after: the fragments of
/// another are never found by it, even when their validators are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u64);

impl Version {
    /// The key of the fragment that begins at byte `at`.
    pub fn fragment(self, seed: Seed, whole: Key, at: u64) -> Key {
        let mut key = KeyWriter::new(seed);
        key.bytes(&whole.0.to_le_bytes());
        key.bytes(&self.0.to_le_bytes());
        key.bytes(&at.to_le_bytes());
        key.finish()
    }
}

/// A popular body as a file in memory, charged to the budget.
pub struct BodyFile {
    file: MemFile,
    budget: &'static Budget,
}

impl BodyFile {
    /// A filled file, for which the caller has charged [`MemFile::memory`] and one file to
    /// `budget`.
    pub fn new(file: MemFile, budget: &'static Budget) -> BodyFile {
        BodyFile { file, budget }
    }

    /// The file.
    pub fn file(&self) -> &MemFile {
        &self.file
    }
}

impl Drop for BodyFile {
    fn drop(&mut self) {
        self.budget
            .release(MemFile::memory(self.file.bytes()) as usize);
        self.budget.close_file();
    }
}

/// What stands between the head and a small body, each part only where it is needed:
///
/// | part | bytes |
/// |---|---|
/// | how many groups it is in | 2 |
/// | the groups, hashed | 8 each |
/// | the variant, a hash | 8 |
/// | the names in Vary | the rest |
#[derive(Clone, Copy, Debug, Default)]
pub struct Notes<'a> {
    /// Hash of the selecting request fields; without meaning where there are no names.
    pub variant: u64,
    /// The names in Vary in normal form; empty without Vary.
    pub vary: &'a [u8],
    /// The groups it is in, 8 bytes each.
    pub groups: &'a [u8],
}

/// Uses that eviction tells apart.
const TOUCHES_MAX: u8 = 3;
/// Bytes of the variant before the names in Vary.
const VARIANT_BYTES: usize = size_of::<u64>();
/// Bytes of the number of groups.
const COUNT_BYTES: usize = size_of::<u16>();

// One of these for every object: its size is most of the bookkeeping.
const _: () = assert!(size_of::<Object>() <= 96);

/// What an object is made of.
pub struct Parts<'a> {
    /// The cache key, without the variant.
    pub key: Key,
    /// Facts for decisions.
    pub facts: Facts,
    /// Status line and end-to-end fields, without framing and without the last empty line.
    pub head: &'a [u8],
    /// What selects it, and what it belongs to.
    pub notes: Notes<'a>,
    /// The body; adjacent pieces joined.
    pub body: &'a [Piece],
    /// What brings it to disk.
    pub to_disk: ToDisk,
}

impl Object {
    /// An object charged to `budget`, or `None` when that is full (make room and try again).
    pub fn new(parts: &Parts<'_>, budget: &'static Budget) -> Option<Arc<Object>> {
        let bytes: usize = parts.body.iter().map(|piece| piece.len()).sum();
        if bytes > SMALL_BODY_BYTES {
            let pieces = tight(parts.body, budget)?;
            let large = Box::new(Large {
                bytes: bytes as u64,
                pieces,
                file: None,
                version: None,
            });
            return Self::assemble(parts, &[], Some(large), budget);
        }
        let body: Vec<&[u8]> = parts.body.iter().map(|piece| &**piece).collect();
        Self::assemble(parts, &body, None, budget)
    }

    /// An object without a body of its own: `bytes` of it lie in the fragments of `version`.
    pub fn outline(
        parts: &Parts<'_>,
        bytes: u64,
        version: Version,
        budget: &'static Budget,
    ) -> Option<Arc<Object>> {
        let large = Box::new(Large {
            bytes,
            pieces: Box::default(),
            file: None,
            version: Some(version),
        });
        Self::assemble(parts, &[], Some(large), budget)
    }

    /// An object as its record on disk has it, whose body is `parts.body`: a small one is copied, of
    /// a larger one the pieces are kept as they are.
    pub fn from_disk(
        parts: &Parts<'_>,
        origin: &Origin,
        budget: &'static Budget,
    ) -> Option<Arc<Object>> {
        let bytes: usize = parts.body.iter().map(|piece| piece.len()).sum();
        let large = match origin.outline {
            Some((whole_bytes, version)) => Some((whole_bytes, [].into(), Some(version))),
            None if bytes > SMALL_BODY_BYTES => Some((bytes as u64, parts.body.into(), None)),
            None => None,
        };
        let large = large.map(|(bytes, pieces, version)| {
            Box::new(Large {
                bytes,
                pieces,
                file: None,
                version,
            })
        });
        let small: Vec<&[u8]> = match &large {
            Some(_) => Vec::new(),
            None => parts.body.iter().map(|piece| &**piece).collect(),
        };
        let object = Self::assemble(parts, &small, large, budget)?;
        let mut own = Arc::try_unwrap(object).ok()?;
        own.uses = AtomicU8::new(origin.uses.min(USES_MAX));
        own.disk_uses = origin.disk_uses;
        own.disk_page = AtomicU32::new(origin.page);
        Some(Arc::new(own))
    }

    /// The same body under a head that a 304 has freshened (RFC 9111, 3.2).
    pub fn freshened(&self, head: &[u8], notes: Notes<'_>, facts: Facts) -> Option<Arc<Object>> {
        let parts = Parts {
            key: self.key(),
            facts,
            head,
            notes,
            body: &[],
            to_disk: self.to_disk(),
        };
        let large = self.large.as_ref().map(|large| {
            let (pieces, file) = (large.pieces.clone(), large.file.clone());
            Box::new(Large {
                bytes: large.bytes,
                pieces,
                file,
                version: large.version,
            })
        });
        let object = Self::assemble(&parts, &[self.small_body()], large, self.budget)?;
        object.uses.store(self.uses(), Ordering::Relaxed);
        Some(object)
    }

    /// The same object with its body in a file.
    pub fn in_file(&self, file: Arc<BodyFile>) -> Option<Arc<Object>> {
        let parts = Parts {
            key: self.key(),
            facts: self.facts,
            head: self.head(),
            notes: self.notes(),
            body: &[],
            to_disk: self.to_disk(),
        };
        let bytes = self.body_bytes();
        let large = Box::new(Large {
            bytes,
            pieces: Box::default(),
            file: Some(file),
            version: None,
        });
        let object = Self::assemble(&parts, &[], Some(large), self.budget)?;
        // It comes new into the index, but it has proved itself.
        object.touched.store(1, Ordering::Relaxed);
        object.uses.store(self.uses(), Ordering::Relaxed);
        object.disk_page.store(self.disk_page(), Ordering::Relaxed);
        Some(object)
    }

    /// The body's file, if it has one.
    pub fn file(&self) -> Option<&Arc<BodyFile>> {
        self.large.as_ref()?.file.as_ref()
    }

    /// Uses, as far as they are counted.
    pub fn uses(&self) -> u8 {
        (self.uses.load(Ordering::Relaxed) & !POPULAR).min(USES_MAX)
    }

    /// `true` once for a large body, after enough uses that it would be sent cheaper from a file.
    pub fn became_popular(&self) -> bool {
        let counts = self
            .large
            .as_ref()
            .is_some_and(|large| large.file.is_none() && large.version.is_none());
        counts
            && self.uses() >= POPULAR_USES
            && self.uses.load(Ordering::Relaxed) & POPULAR == 0
            && self.uses.fetch_or(POPULAR, Ordering::Relaxed) & POPULAR == 0
    }

    /// What brings it to disk.
    pub fn to_disk(&self) -> ToDisk {
        ToDisk(self.to_disk.load(Ordering::Relaxed))
    }

    /// It is about to be replaced: a record that is written from now on would outlive that in a
    /// crash. Only its home shard calls this.
    pub fn keep_off_disk(&self) {
        self.to_disk.store(ToDisk::NEVER.0, Ordering::Relaxed);
    }

    /// It goes to disk as soon as it is stored.
    pub fn goes_to_disk_at_once(&self) -> bool {
        self.to_disk() == ToDisk::AT_ONCE
    }

    /// How often its record had been read before it was read into this object; 0 also for what
    /// did not come from disk.
    pub fn disk_uses(&self) -> u8 {
        self.disk_uses
    }

    /// The page of its record on disk; 0 when it has none. Records go without a word to the
    /// object: the disk cache knows whether it is still there.
    pub fn disk_page(&self) -> u32 {
        self.disk_page.load(Ordering::Relaxed)
    }

    /// It was written to this page. Only its home shard calls this.
    pub fn written_to(&self, page: u32) {
        self.disk_page.store(page, Ordering::Relaxed);
    }

    /// Its variant as indexes and kills of the disk have it.
    pub fn variant_bits(&self) -> u8 {
        let notes = self.notes();
        variant_bits(notes.variant, !notes.vary.is_empty())
    }

    fn assemble(
        parts: &Parts<'_>,
        small: &[&[u8]],
        large: Option<Box<Large>>,
        budget: &'static Budget,
    ) -> Option<Arc<Object>> {
        let Notes {
            variant,
            vary,
            groups,
        } = parts.notes;
        let variant = variant.to_ne_bytes();
        let variant: &[u8] = if vary.is_empty() { &[] } else { &variant };
        let count = u16::try_from(groups.len() / size_of::<u64>()).ok()?;
        let count = count.to_ne_bytes();
        let count: &[u8] = if groups.is_empty() { &[] } else { &count };
        let notes_bytes = count.len() + groups.len() + variant.len() + vary.len();
        let inline: usize = small.iter().map(|part| part.len()).sum();
        let data_bytes = parts.head.len() + notes_bytes + inline;
        let head_bytes = u32::try_from(parts.head.len()).ok()?;
        let notes_bytes = u16::try_from(notes_bytes).ok()?;
        if !budget.charge(data_bytes + OBJECT_OVERHEAD) {
            return None;
        }
        let all: Vec<&[u8]> = [parts.head, count, groups, variant, vary]
            .into_iter()
            .chain(small.iter().copied())
            .collect();
        let Some(data) = Packed::of(&all) else {
            budget.release(data_bytes + OBJECT_OVERHEAD);
            return None;
        };
        Some(Arc::new(Object {
            key: [(parts.key.0 >> 64) as u64, parts.key.0 as u64],
            facts: parts.facts,
            data,
            large,
            budget,
            holders: AtomicU32::new(0),
            head_bytes,
            notes_bytes,
            grouped: !groups.is_empty(),
            live: AtomicBool::new(true),
            touched: AtomicU8::new(0),
            uses: AtomicU8::new(0),
            to_disk: AtomicU8::new(parts.to_disk.0),
            disk_uses: 0,
            disk_page: AtomicU32::new(0),
        }))
    }

    /// The cache key, without the variant.
    pub fn key(&self) -> Key {
        Key(u128::from(self.key[0]) << 64 | u128::from(self.key[1]))
    }

    /// Status line and fields; no framing, no Age, no last empty line.
    pub fn head(&self) -> &[u8] {
        self.data
            .get(..self.head_bytes as usize)
            .unwrap_or_default()
    }

    /// The groups, and the rest of the notes.
    fn split_notes(&self) -> (&[u8], &[u8]) {
        let from = self.head_bytes as usize;
        let notes = self.data.get(from..from + self.notes_bytes as usize);
        let notes = notes.unwrap_or_default();
        if !self.grouped {
            return (&[], notes);
        }
        let Some((count, rest)) = notes.split_first_chunk::<COUNT_BYTES>() else {
            return (&[], &[]);
        };
        let bytes = usize::from(u16::from_ne_bytes(*count)) * size_of::<u64>();
        rest.split_at_checked(bytes).unwrap_or_default()
    }

    /// What selects it, and what it belongs to.
    pub fn notes(&self) -> Notes<'_> {
        let (groups, vary) = self.split_notes();
        match vary.split_first_chunk::<VARIANT_BYTES>() {
            Some((variant, vary)) => Notes {
                variant: u64::from_ne_bytes(*variant),
                vary,
                groups,
            },
            None => Notes {
                groups,
                ..Notes::default()
            },
        }
    }

    /// Where the small body lies in [`Object::data`]; empty when it lies elsewhere.
    pub fn small_body_range(&self) -> std::ops::Range<usize> {
        self.head_bytes as usize + self.notes_bytes as usize..self.data.len()
    }

    /// The body if it is small, else nothing.
    pub fn small_body(&self) -> &[u8] {
        self.data.get(self.small_body_range()).unwrap_or_default()
    }

    /// The body's pieces if it is not small.
    pub fn pieces(&self) -> &[Piece] {
        self.large.as_ref().map_or(&[], |large| &large.pieces)
    }

    /// The version whose fragments hold the body, if they do.
    pub fn version(&self) -> Option<Version> {
        self.large.as_ref()?.version
    }

    /// Where the body lies within something larger, if it is a part (RFC 9110, 14.4).
    pub fn extent(&self) -> Option<Extent> {
        let mut head = ResponseHead::default();
        Extent::of(&self.response(&mut head)?, Some(self.body_bytes()))
    }

    /// Length of the body.
    pub fn body_bytes(&self) -> u64 {
        match &self.large {
            Some(large) => large.bytes,
            None => self.small_body_range().len() as u64,
        }
    }

    /// Head, Vary names and small body as one.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// May it still be served?
    pub fn is_live(&self) -> bool {
        self.live.load(Ordering::Acquire)
    }

    /// It may never be served again. Only its home shard calls this. Returns the shards (bit by
    /// shard modulo 32) that keep a replica and must be told to let go.
    pub fn kill(&self) -> u32 {
        self.live.store(false, Ordering::Release);
        self.holders.load(Ordering::Relaxed)
    }

    /// Notes a use; writes only while that is news, to eviction, which tells three uses apart, or to
    /// the count. Of two shards that note one at once, one may be lost.
    pub fn touch(&self) {
        let uses = self.touched.load(Ordering::Relaxed);
        if uses < TOUCHES_MAX {
            self.touched.store(uses + 1, Ordering::Relaxed);
        }
        if self.uses() < USES_MAX {
            self.uses.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// It was used since eviction last looked.
    pub fn is_touched(&self) -> bool {
        self.touched.load(Ordering::Relaxed) > 0
    }

    /// Some shard was handed it.
    pub fn is_held(&self) -> bool {
        self.holders.load(Ordering::Relaxed) != 0
    }

    /// Notes that `shard` was handed it. Only its home shard calls this.
    pub fn held_by(&self, shard: usize) {
        let bit = 1 << (shard % 32);
        self.holders.store(
            self.holders.load(Ordering::Relaxed) | bit,
            Ordering::Relaxed,
        );
    }

    /// Parses its head into `into` for decisions that read fields.
    pub fn response<'b>(&'b self, into: &'b mut ResponseHead) -> Option<Response<'b>> {
        parse_stored(self.head(), into)
    }
}

/// Reads a head that we composed ourselves: complete but for its last empty line.
///
/// The parser wants the empty line, so it is read with one appended in a scratch that keeps the
/// same positions.
pub fn parse_stored<'b>(head: &'b [u8], into: &'b mut ResponseHead) -> Option<Response<'b>> {
    let mut whole = Vec::with_capacity(head.len() + 2);
    whole.extend_from_slice(head);
    whole.extend_from_slice(b"\r\n");
    let unbounded = HeadLimits {
        head_bytes: usize::MAX,
        fields: 256,
        target_bytes: usize::MAX,
    };
    into.parse(&whole, &unbounded).ok()?;
    Some(into.view(head))
}

/// The body in as few bytes as it needs: a last piece that keeps much unused memory is copied.
fn tight(body: &[Piece], budget: &'static Budget) -> Option<Box<[Piece]>> {
    let mut pieces: Vec<Piece> = Vec::new();
    for piece in body {
        if !pieces.last_mut().is_some_and(|last| last.join(piece)) {
            pieces.push(piece.clone());
        }
    }
    if let Some(last) = pieces.last_mut() {
        if last.waste() > 4096.max(last.len() / 8) {
            let mut filling = Filling::new(budget, last.len())?;
            filling.copy(last);
            *last = filling.cut()?;
        }
    }
    Some(pieces.into_boxed_slice())
}

impl Drop for Object {
    fn drop(&mut self) {
        self.budget.release(self.data.len() + OBJECT_OVERHEAD);
    }
}

/// An object in its home shard's index.
pub struct Resident(pub Arc<Object>);

impl Entry for Resident {
    fn key(&self) -> Key {
        self.0.key()
    }

    fn cost(&self) -> usize {
        // What lies in fragments is theirs.
        let large = self
            .0
            .large
            .as_ref()
            .filter(|large| large.version.is_none())
            .map_or(0, |large| large.bytes as usize);
        self.0.data.len() + large + OBJECT_OVERHEAD
    }

    fn take_uses(&self) -> u8 {
        // Rarely set, so usually only a load.
        match self.0.touched.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.0.touched.swap(0, Ordering::Relaxed),
        }
    }
}
