//! What is stored, by key and cost: the index, and what is evicted from it.
//!
//! Knows keys, slots and costs; not HTTP, not memory, not what an entry means.

pub mod disk;
mod evict;
pub mod index;
mod slab;

pub use index::{Entry, Index};
pub use slab::Slot;
