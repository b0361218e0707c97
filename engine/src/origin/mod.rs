//! Which server of an origin is asked, and whether a request may be sent again.
//!
//! Knows servers by number and what was sent; no addresses, no connections, no timeouts.

pub mod balance;
pub mod retry;

pub use balance::Balance;
pub use retry::{may_retry, Sent};
