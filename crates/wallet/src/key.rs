//! Keys that a wallet holds.

use std::fmt;
use std::sync::Arc;

use trustkeep_crypto::SecretBytes;

use crate::Tag;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// Signatures, and by conversion the boxes of DIDComm v1.
    Ed25519,
    /// Key agreement.
    X25519,
    /// ECDSA and key agreement on P-256.
    P256,
    /// BLS12-381 in G2, for BBS signatures.
    Bls12381G2,
}

/// A secret key and what was noted of it.
#[derive(Clone)]
pub struct StoredKey {
    /// Unique among keys: the public key in base58, as ACA-Py names them.
    pub name: String,
    /// What it is for.
    pub algorithm: KeyAlgorithm,
    /// The secret: 32 bytes, of Ed25519 the seed.
    pub secret: Arc<SecretBytes>,
    /// A note, mostly a JSON text.
    pub metadata: Option<String>,
    /// What it is found by.
    pub tags: Vec<Tag>,
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey")
            .field("name", &self.name)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
