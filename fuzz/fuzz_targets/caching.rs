//! `cargo +nightly fuzz run caching`: see `bodies::caching`.
#![no_main]

#[allow(dead_code)]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::caching(bytes));
