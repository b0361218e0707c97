//! `cargo +nightly fuzz run ranges`: see `bodies::ranges`.
#![no_main]

#[allow(dead_code)]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::ranges(bytes));
