//! The way to the origins: which server, over which connection. It moves bytes; what a request or
//! response means is decided in the engine.

mod pool;
pub mod resolve;

pub use pool::{Connection, Pool};
