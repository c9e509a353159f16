#![no_main]

use std::sync::LazyLock;

use trustkeep_crypto::Key256;
use trustkeep_didcomm::{Envelope, Keypair};

/// The key of the seeds.
static READER: LazyLock<Keypair> = LazyLock::new(|| {
    let seed = Key256::from_slice(b"bob-----------------------------").expect("32 bytes");
    Keypair::from_seed(&seed).expect("any seed is a key")
});

// An envelope: refused, or opened or not.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(envelope) = Envelope::parse(data) {
        let _ = envelope.recipients().count();
        let _ = envelope.open(&READER);
    }
});
