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

/// Variants of one key: more means that Vary names a field that is different for everybody.
pub const VARIANTS_MAX: usize = 64;

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
