#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trustkeep_vault::fuzzing::ciphertext(data));
