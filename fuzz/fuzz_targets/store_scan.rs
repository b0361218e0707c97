//! `cargo +nightly fuzz run store_scan`: see `bodies::store_scan`.
#![no_main]

#[allow(dead_code)]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::store_scan(bytes));
