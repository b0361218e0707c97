//! Letters between shards: how one shard asks another, the way caches ask sibling caches.
//!
//! One bounded single-producer queue per ordered pair of shards, and one for the world outside
//! the shards (the main thread, the resolver). Letters are collected and flushed once per turn of
//! the loop, and a bell is rung only for a sibling whose postman sleeps.
//!
//! **Flow.** A question (`Ask`) that finds no room is refused at once: the asker goes on alone.
//! Everything else answers a question, or tells of a death; it waits in an outbox when the queue
//! is full and is flushed at the next turn. The number of questions under way is bounded by the
//! number of connections, so the outboxes are bounded too. Nobody ever waits for a reply while
//! holding up others: a letter is handled to its end when it is read.

pub mod letter;
pub mod mailbox;

pub use letter::{Asked, Letter, Told};
pub use mailbox::{mesh, Outside, Post};
