#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trustkeep_vault::fuzzing::token(data, &trustkeep_crypto::random::SystemRandom));
