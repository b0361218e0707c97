//! `cargo +nightly fuzz run target`: see `bodies::target`.
#![no_main]

#[allow(dead_code)]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::target(bytes));
