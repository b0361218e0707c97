//! Ringside's shards: one pinned thread per core with its own ring, listener, share of the cache
//! and upstream connections, and letters between them.
//!
//! This crate carries out what `ringside_engine` decides. It knows sockets, threads, timers and
//! memory; it reads no meaning into header fields itself. docs/architecture.md shows the rooms.

pub mod admin;
mod behind;
pub mod commands;
pub mod conversation;
pub mod counters;
pub mod crew;
pub mod exchange;
pub mod keeper;
pub mod listen;
pub mod log;
pub mod origin;
pub mod rt;
pub mod shard;
pub mod siblings;
pub mod store;
