//! `cargo +nightly fuzz run head_response`: see `bodies::head_response`.
#![no_main]

#[allow(dead_code)]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::head_response(bytes));
