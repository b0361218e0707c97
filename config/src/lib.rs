//! Ringside's configuration: text to a checked, frozen [`Plan`].
//!
//! This crate knows what an operator may write and nothing of what becomes of it: no HTTP
//! message, no socket, no thread, no file. It follows docs/config.md, which it also prints.
//!
//! - [`plan`] the result, plain data that is right by construction
//! - [`faults`] what is wrong with a text, all of it at once, with line and column
//! - `reference` the one table of options: keys, kinds, bounds, defaults, meanings; and the page made of it
//! - `kinds`, `units`, `names` the grammar of single values
//! - `view` a TOML table seen through the table of options
//! - `read` the walk from a document to a Plan, with the checks that span options

pub mod faults;
mod kinds;
mod names;
pub mod plan;
mod read;
mod reference;
mod units;
mod view;

#[cfg(test)]
mod tests;

pub use faults::{FaultAt, Faults};
pub use plan::*;
pub use read::read;
pub use reference::reference;

/// A small complete configuration: one application behind Ringside. The README shows it.
pub const EXAMPLE: &str = r#"[memory]
size = "8GiB"

[[listen]]
address = "0.0.0.0:80"

[origins.app]
servers = ["192.168.0.100:80"]
keep_alive = false                  # the app server frees its process after each answer

[[sites]]
hosts = ["*"]

[[sites.routes]]
path = "/"
origin = "app"
cache.refresh = { min = "30m", percent = 20, max = "60h" }
"#;

/// The least that [`read`] accepts: one origin, everything else by default.
pub fn minimal() -> &'static str {
    "[origins.app]\nservers = [\"127.0.0.1:8000\"]\n"
}
