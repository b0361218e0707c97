//! What is told to the operator, as bytes: log lines, numbers, a field of answers.
//!
//! - [`record`] one exchange, as a line of the log
//! - [`counters`] the bounds of latency buckets
//! - [`prometheus`] the text format of metrics
//! - [`cache_status`] our member of Cache-Status, on answers
//!
//! Composes only; counting and writing is done elsewhere.

pub mod cache_status;
pub mod counters;
pub mod prometheus;
pub mod record;

pub use counters::BUCKETS_US;
pub use prometheus::{family, sample, Kind};
pub use record::{combined, json, Record};
