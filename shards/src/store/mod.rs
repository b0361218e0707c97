//! What a shard holds: memory under one budget, finished objects, replicas of siblings' objects,
//! and fetches in progress. It stores and hands out; what may be stored or served is decided in
//! the engine.

pub mod arena;
pub mod disk;
pub mod flight;
pub mod memory;
pub mod object;
pub mod replicas;

pub use arena::{Budget, Filling, Piece};
pub use flight::{End, Flight, FlightHead, Opening};
pub use memory::Memory;
pub use object::Object;
pub use replicas::Replicas;
