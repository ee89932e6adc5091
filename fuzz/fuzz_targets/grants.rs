#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hemostat_fuzz::grants(data));
