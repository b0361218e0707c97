//! The kit for testing Ringside on the wire: a scriptable origin, a client that trusts nothing, and
//! the real binary between them, over real sockets on free ports.
//!
//! A script reads in the order things happen: the origin says, a client asks, the test expects.
//!
//! ```no_run
//! use ringside_tests::{check_on, Answer};
//!
//! check_on(&[1, 2, 4], |stage| {
//!     stage.origin.on("/a", Answer::ok("hello").field("Cache-Control", "max-age=60"));
//!     stage.get("/a").expect(200).expect_body("hello");
//!     stage.everywhere(|client| {
//!         client.get("/a").expect(200).expect_body("hello").expect_hit();
//!     });
//!     assert_eq!(stage.origin.count("/a"), 1);
//! });
//! ```
//!
//! Every wait is bounded by [`PATIENCE`] and ends in a panic that says what was waited for; when a
//! script fails, the server's standard error is printed with it. The kit uses blocking threads
//! and knows nothing of Ringside's insides: what it can't see from a socket, a signal, the admin
//! listener or `/proc`, it does not test.

mod answer;
mod ask;
mod client;
mod command;
mod date;
mod disk;
mod entity;
mod gate;
mod metrics;
mod origin;
mod receipt;
mod received;
mod reply;
mod ringside;
mod stage;
mod status;
mod sys;
mod wait;
mod wire;

pub use answer::{Answer, Talk};
pub use ask::Ask;
pub use client::{Client, Reading};
pub use command::{binary, Command};
pub use date::http_date;
pub use entity::{BodyPart, Entity};
pub use gate::Gate;
pub use metrics::{parse_metrics, Sample};
pub use origin::Origin;
pub use receipt::Receipt;
pub use received::Received;
pub use reply::{Framing, Informational, Reply};
pub use ringside::Ringside;
pub use stage::{check_on, check_restarting, check_with, pattern, Setup, Stage};
pub use status::CacheStatus;
pub use wait::{wait_until, Deadline, PATIENCE};
