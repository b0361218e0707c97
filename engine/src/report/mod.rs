//! What is told to the operator: log lines and numbers, as bytes.
//!
//! - [`record`] one exchange, as a line of the log
//! - [`counters`] the bounds of latency buckets
//! - [`prometheus`] the text format of metrics
//!
//! Composes only; counting and writing is done elsewhere.

pub mod counters;
pub mod prometheus;
pub mod record;

pub use counters::BUCKETS_US;
pub use prometheus::{family, sample, Kind};
pub use record::{combined, json, Record};
