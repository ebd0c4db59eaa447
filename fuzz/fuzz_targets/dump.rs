#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mdbitmap::fuzzing::run("dump", bytes));
