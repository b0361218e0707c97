//! `cargo +nightly fuzz run store_sealed`: see `bodies::store_sealed`.
#![no_main]

#[allow(dead_code)]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::store_sealed(bytes));
