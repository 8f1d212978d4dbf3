//! Any bytes as a plugin.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weir::plugins::fuzzing::component(bytes));
