//! From a request's host and path to the site, the route and the key.
//!
//! - [`table`] which site and route
//! - [`uri_key`] which key: what of the URL tells responses apart
//! - [`search`] what of its query a response says does not
//!
//! Compiled once from the Plan. Knows URLs in pieces, and of heads one field; no caches, no origins.

pub mod search;
pub mod table;
pub mod uri_key;

pub use search::SearchRule;
pub use table::{Found, RouteId, Table};
pub use uri_key::KeyRule;
