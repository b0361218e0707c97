//! `ringside explain`: the chain of decisions for one request, in words, and what comes of it.
//!
//! A corridor: it walks through the rooms in the order in which the shards do, and calls the very
//! functions that decide there. So what is explained is what happens; and the words for it are
//! those of [`outcome`](crate::outcome), as in Cache-Status, in the log and in metrics.
//!
//! | question | file |
//! |---|---|
//! | what would happen? | `predict` |
//! | how is that told of a running server? | [`live()`] |
//! | and where it is refused at once? | [`refused()`] |
//! | and of two heads, without any server? | [`offline()`] |
//! | how old, how long fresh, and what then? | `freshness` |
//! | what does each word mean, and which section says so? | `words` |
//! | how are steps written? | `text` |
//!
//! Changes nothing and asks nobody: whoever calls has looked before, and hands in what was found.

mod freshness;
mod live;
mod offline;
mod predict;
mod text;
mod words;

pub use live::{live, refused};
pub use offline::offline;
pub use words::{of_not_stored, of_reason, Saying};

use crate::cache::Facts;
use crate::key::Key;
use crate::purge::Verdict;
use crate::time::Wall;
use alloc::string::String;
use alloc::vec::Vec;

/// What was found at the home of a key, for one request.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The site's name.
    pub site: String,
    /// The route's name.
    pub route: String,
    /// The origin's name.
    pub origin: String,
    /// The key.
    pub key: Key,
    /// The URL of the key, as text.
    pub url: String,
    /// The shard that owns the key.
    pub home: usize,
    /// How many shards there are.
    pub shards: usize,
    /// The shard that was asked.
    pub here: usize,
    /// The responses that are stored for this key.
    pub variants: Vec<Stored>,
    /// For how long each client fetches it by itself, because the last response could not be
    /// shared.
    pub marked_for_ms: Option<u64>,
    /// Fetches under way that this request could join.
    pub flights: usize,
    /// The server is stopping.
    pub stopping: bool,
    /// The wall clock now, for dates of responses without a Date.
    pub wall: Wall,
}

/// One stored response.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its head, complete but for its last empty line.
    pub head: Vec<u8>,
    /// The names in its Vary, in normal form ([`vary`](crate::cache::vary)).
    pub vary: Vec<u8>,
    /// Its secondary key.
    pub variant: u64,
    /// The request selects it.
    pub selected: bool,
    /// What was computed when it arrived.
    pub facts: Facts,
    /// Bytes of its content.
    pub body_bytes: u64,
    /// How much is there of what its answer takes.
    pub kept: Kept,
    /// Where the content lies: `memory`, `file`, `fragments`, or [`DISK`].
    pub tier: &'static str,
    /// How often it was used, as far as that was counted.
    pub uses: u32,
    /// It was used since the store last looked.
    pub touched: bool,
    /// What the purges say of it.
    pub verdict: Verdict,
    /// How many groups it is in.
    pub groups: usize,
}

/// The tier of what lies on disk and nowhere else.
pub const DISK: &str = "disk";

/// How much of the content that an answer takes is stored: all of it, but for fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// All of it.
    All,
    /// The fragment that it begins with. The head goes out before the others are asked for.
    First,
    /// Not even that.
    Less,
}

#[cfg(test)]
mod tests;
