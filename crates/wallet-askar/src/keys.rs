//! Keys, as Askar keeps them.

use std::sync::Arc;

use aries_askar::kms::{KeyAlg, KeyEntry, LocalKey};
use askar_storage::crypto::alg::{BlsCurves, EcCurves};
use askar_storage::entry::EntryTag;
use trustkeep_crypto::SecretBytes;
use trustkeep_wallet::{Error, KeyAlgorithm, Result, StoredKey};

use crate::failure::said;
use crate::filter;

/// The key for Askar, and its tags.
pub(crate) fn to_askar(key: &StoredKey) -> Result<(LocalKey, Vec<EntryTag>)> {
    let algorithm = match key.algorithm {
        KeyAlgorithm::Ed25519 => KeyAlg::Ed25519,
        KeyAlgorithm::X25519 => KeyAlg::X25519,
        KeyAlgorithm::P256 => KeyAlg::EcCurve(EcCurves::Secp256r1),
        KeyAlgorithm::Bls12381G2 => KeyAlg::Bls12_381(BlsCurves::G2),
    };
    let local = LocalKey::from_secret_bytes(algorithm, key.secret.expose())
        .map_err(|error| Error::Invalid(format!("the key {}: {}", key.name, said(&error))))?;
    let tags = key.tags.iter().map(filter::to_askar).collect::<Result<_>>()?;
    Ok((local, tags))
}

/// A key that was stored.
pub(crate) fn from_askar(entry: &KeyEntry) -> Result<StoredKey> {
    let damaged =
        |error: aries_askar::Error| Error::Corrupt(format!("the key {}: {}", entry.name(), said(&error)));
    let local = entry.load_local_key().map_err(damaged)?;
    let algorithm = match local.algorithm() {
        KeyAlg::Ed25519 => KeyAlgorithm::Ed25519,
        KeyAlg::X25519 => KeyAlgorithm::X25519,
        KeyAlg::EcCurve(EcCurves::Secp256r1) => KeyAlgorithm::P256,
        KeyAlg::Bls12_381(BlsCurves::G2) => KeyAlgorithm::Bls12381G2,
        other => {
            let (name, other) = (entry.name(), other.as_str());
            return Err(Error::Invalid(format!(
                "the key {name} is of the kind {other}, which is not known here"
            )));
        }
    };
    let secret = local.to_secret_bytes().map_err(damaged)?;
    Ok(StoredKey {
        name: entry.name().to_owned(),
        algorithm,
        secret: Arc::new(SecretBytes::copy_of(&secret)),
        metadata: entry.metadata().map(str::to_owned),
        tags: entry.tags_as_slice().iter().cloned().map(filter::from_askar).collect(),
    })
}
