//! Any text as schema, settings and configuration.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weir::plugins::fuzzing::settings(bytes));
