//! The caching rules as tables, one file per section of its RFC, each case citing it. They go
//! through the engine's public face: heads as text in, decisions out as the words that the log,
//! the metrics and Cache-Status use.
//!
//! A case is a story, told in lines; [`story`] says how to read it. Cases stand apart by an empty
//! line, and begin with the section and what it is about:
//!
//! ```text
//! # 5.2.2.1 a lifetime ends with its second
//! < 200 | Cache-Control: max-age=10
//! @9 > GET => fresh
//! @10 > GET => validate: expired, stale in place of an error
//! ```

mod story;

mod rfc10008_query;
mod rfc5861_stale;
mod rfc8246_immutable;
mod rfc9110_12_accept;
mod rfc9110_13_conditions;
mod rfc9111_3_1_fields;
mod rfc9111_3_2_updating;
mod rfc9111_3_storing;
mod rfc9111_4_1_vary;
mod rfc9111_4_2_3_age;
mod rfc9111_4_2_4_stale;
mod rfc9111_4_2_freshness;
mod rfc9111_4_3_validation;
mod rfc9111_4_4_invalidation;
mod rfc9111_5_2_1_requests;
mod rfc9111_5_2_2_responses;
mod rfc9111_5_fields;
mod rfc9213_targeted;
mod routes;
