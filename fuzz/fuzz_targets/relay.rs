#![no_main]
#[path = "../entries/mod.rs"]
#[allow(dead_code)]
mod entries;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entries::relay::run(bytes));
