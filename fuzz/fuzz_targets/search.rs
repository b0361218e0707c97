//! `cargo +nightly fuzz run search`: see `bodies::search`.
#![no_main]

#[allow(dead_code)]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::search(bytes));
