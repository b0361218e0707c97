//! Bounds that no operator needs to set, each with its unit and its reason.

/// Field lines in one head, at most: the parser's table is on the stack (32 bytes a line).
pub const FIELDS_MAX: usize = 256;

/// Bytes of a chunk's size line, extensions included: nobody sends useful ones, and an endless
/// line must not hold a connection.
pub const CHUNK_LINE_BYTES_MAX: usize = 256;

/// Bytes of a trailer section: trailers are checksums and timings.
pub const TRAILER_BYTES_MAX: usize = 8192;

/// Seconds that stand for "for ever": what a delta-seconds too large to hold means
/// (RFC 9111, 1.2.2).
pub const LIFETIME_MAX: u32 = 1 << 31;

/// How long a key whose response could not be shared is fetched by everybody alone, in seconds.
/// Short, so that a response that became storable is soon shared again.
pub const HIT_FOR_MISS_SECONDS: u32 = 10;

/// One object may take this fraction (one in so many) of its shard's memory.
pub const OBJECT_SHARE: usize = 4;

/// Bytes of a response that may wait for a slow client before the origin is slowed down.
pub const WINDOW_BYTES: usize = 1024 * 1024;

/// Empty lines skipped before a request line (RFC 9112, 2.2).
pub const EMPTY_LINES_MAX: usize = 4;

/// Options of Connection that are honoured beyond the known ones. Nobody names so many; each is
/// compared with every field, so a head full of them must not cost a square.
pub const CONNECTION_OPTIONS_MAX: usize = 32;

/// Ranges of one request. Players ask for one, readers of documents for a handful; a request for
/// more is answered with the whole.
pub const RANGES_MAX: usize = 32;

/// Bytes of a fragment: what a range request fetches on a miss, and how large objects are stored.
/// Large enough that a request to the origin is worth it, small enough that a few bytes of a long
/// film do not cost it all.
pub const FRAGMENT_BYTES: u64 = 1024 * 1024;

/// Members of one structured field, list or dictionary: as many as RFC 9651, 3.1 and 3.2, wants
/// to be read, and more than anybody sends. A field with more is not read at all.
pub const STRUCTURED_MEMBERS_MAX: usize = 1024;

/// Items of one inner list, and parameters of one item, likewise (RFC 9651, 3.1.1 and 3.1.2).
pub const STRUCTURED_INNER_MAX: usize = 256;

/// Fields that `no-cache` and `private` of one response may name. Each is compared with every
/// field; a list of more counts as the directive without a list.
pub const WITHHELD_MAX: usize = 32;

/// Entity tags in one question to the origin: it compares each, and its own bound on a field must
/// not be met. The newest variants are the likeliest.
pub const TAGS_ASKED_MAX: usize = 16;

/// Their bytes: half of what the strictest servers take as a whole head.
pub const TAGS_ASKED_BYTES_MAX: usize = 4096;

/// Prefixes that are remembered as purged. Each is looked at when an older object is used; beyond
/// these, neighbours are merged into what they have in common.
pub const PURGED_PREFIXES_MAX: usize = 256;

/// Groups that are remembered as purged, at about 28 bytes each: 2 MiB a shard. Beyond these the
/// oldest count for every object that has a group.
pub const PURGED_GROUPS_MAX: usize = 65_536;

/// Groups of one response, tags included, at 8 bytes each in the object. RFC 9875 wants 32 of
/// them taken, and content management systems tag pages with hundreds. A response with more is
/// not stored: what it left out could not be purged. A name in Cache-Groups counts as two, since
/// it is found with its host and without.
pub const GROUPS_MAX: usize = 2048;

/// Groups that one response to an unsafe request invalidates: as many as RFC 9875, 3, wants taken.
/// Each costs a letter to every shard.
pub const GROUPS_INVALIDATED_MAX: usize = 32;
