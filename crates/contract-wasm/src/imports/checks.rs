//! Hashes and signatures: what an interpreter would be slow at.

use trustkeep_crypto::hash;
use trustkeep_crypto::sign::{Algorithm, PublicKey};

use super::host::{Host, Outcome, bytes, bytes_mut};
use crate::limits::FUEL_SIGNATURE;

/// Writes the 32 bytes of the hash to a place.
pub(super) fn sha256(host: &mut Host<'_, '_>, at: u32, len: u32, to: u32) -> Outcome<()> {
    host.charge(len.into(), 0)?;
    host.with(|memory, _| {
        let digest = hash::sha256(bytes(memory, (at, len))?);
        bytes_mut(memory, to, digest.len())?.copy_from_slice(&digest);
        Ok(())
    })
}

/// ECDSA on P-256 with SHA-256. The key is an uncompressed point of 65 bytes or an SPKI in DER; the signature is
/// `r ‖ s` of 64 bytes or DER.
pub(super) fn verify_p256(
    host: &mut Host<'_, '_>,
    key: u32,
    key_len: u32,
    message: u32,
    message_len: u32,
    signature: u32,
    signature_len: u32,
) -> Outcome<i32> {
    let places = [(key, key_len), (message, message_len), (signature, signature_len)];
    verify(host, Algorithm::P256, places)
}

/// Ed25519. The key has 32 bytes or is an SPKI in DER.
pub(super) fn verify_ed25519(
    host: &mut Host<'_, '_>,
    key: u32,
    key_len: u32,
    message: u32,
    message_len: u32,
    signature: u32,
    signature_len: u32,
) -> Outcome<i32> {
    let places = [(key, key_len), (message, message_len), (signature, signature_len)];
    verify(host, Algorithm::Ed25519, places)
}

/// 1 if the signature is right; 0 if it is not, or the key or the signature is malformed.
fn verify(host: &mut Host<'_, '_>, algorithm: Algorithm, places: [(u32, u32); 3]) -> Outcome<i32> {
    host.charge(places.iter().map(|(_, len)| u64::from(*len)).sum(), FUEL_SIGNATURE)?;
    host.with(|memory, _| {
        let [key, message, signature] = places.map(|place| bytes(memory, place));
        let (key, message, signature) = (key?, message?, signature?);
        let key = if key.len() == algorithm.public_len() {
            PublicKey::from_raw(algorithm, key)
        } else {
            PublicKey::from_spki_der(key)
        };
        let is_right = key.is_ok_and(|key| {
            key.algorithm() == algorithm
                && (key.verify_fixed(message, signature).is_ok() || key.verify(message, signature).is_ok())
        });
        Ok(i32::from(is_right))
    })
}
