//! `cargo +nightly fuzz run structured`: see `bodies::structured`.
#![no_main]

#[allow(dead_code)]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::structured(bytes));
