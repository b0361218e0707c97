//! `cargo +nightly fuzz run head_request`: see `bodies::head_request`.
#![no_main]

#[allow(dead_code)]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::head_request(bytes));
