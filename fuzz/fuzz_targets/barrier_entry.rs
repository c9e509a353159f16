#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trustkeep_vault::fuzzing::barrier_entry(data, &trustkeep_crypto::random::SystemRandom));
