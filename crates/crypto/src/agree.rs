//! Key agreement: X25519 (RFC 7748) and ECDH on the NIST curves (SP 800-56A).

use std::fmt;

use aws_lc_rs::agreement;
use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin, EcPrivateKeyBin};

use crate::{Error, Result, SecretBytes};

/// The curves on offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// X25519; keys and secret are 32 bytes.
    X25519,
    /// ECDH on P-256; the secret is the 32-byte x coordinate.
    P256,
    /// ECDH on P-384; the secret is the 48-byte x coordinate.
    P384,
    /// ECDH on P-521; the secret is the 66-byte x coordinate.
    P521,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::X25519, Self::P256, Self::P384, Self::P521];

    fn provider(self) -> &'static agreement::Algorithm {
        match self {
            Self::X25519 => &agreement::X25519,
            Self::P256 => &agreement::ECDH_P256,
            Self::P384 => &agreement::ECDH_P384,
            Self::P521 => &agreement::ECDH_P521,
        }
    }
}

/// A private key for agreement, ephemeral or long-lived.
pub struct PrivateKey {
    algorithm: Algorithm,
    key: agreement::PrivateKey,
}

impl PrivateKey {
    /// A fresh key, from the provider's own generator.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self> {
        let key = agreement::PrivateKey::generate(algorithm.provider())
            .map_err(|_| Error::Provider { operation: "key generation" })?;
        Ok(Self { algorithm, key })
    }

    /// Reads the private scalar: 32 bytes for X25519, else a big-endian number of the curve's length.
    ///
    /// # Errors
    /// [`Error::Key`] if it has another length or is out of range.
    pub fn from_bytes(algorithm: Algorithm, scalar: &[u8]) -> Result<Self> {
        let key = agreement::PrivateKey::from_private_key(algorithm.provider(), scalar)
            .map_err(|_| Error::Key { what: "agreement key", reason: "wrong length or out of range" })?;
        Ok(Self { algorithm, key })
    }

    /// The private scalar, as [`Self::from_bytes`] reads it.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn to_bytes(&self) -> Result<SecretBytes> {
        let failed = |_| Error::Provider { operation: "private key encoding" };
        if self.algorithm == Algorithm::X25519 {
            let seed: Curve25519SeedBin<'_> = self.key.as_be_bytes().map_err(failed)?;
            return Ok(SecretBytes::copy_of(seed.as_ref()));
        }
        let scalar: EcPrivateKeyBin<'_> = self.key.as_be_bytes().map_err(failed)?;
        Ok(SecretBytes::copy_of(scalar.as_ref()))
    }

    /// The algorithm of this key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key to give the peer: 32 bytes for X25519, else an uncompressed point (SEC 1).
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn public_key(&self) -> Result<Vec<u8>> {
        let public = self.key.compute_public_key();
        public
            .map(|key| key.as_ref().to_vec())
            .map_err(|_| Error::Provider { operation: "public key encoding" })
    }

    /// The secret shared with the owner of `peer` (raw, compressed or SPKI). It is not uniform: derive keys
    /// from it with [`crate::hkdf`] or the protocol's own function.
    ///
    /// # Errors
    /// [`Error::Key`] if `peer` is not a point of the curve, or is one of small order.
    pub fn agree(&self, peer: &[u8]) -> Result<SecretBytes> {
        let peer = agreement::UnparsedPublicKey::new(self.algorithm.provider(), peer);
        let refused =
            Error::Key { what: "peer's public key", reason: "it is not a valid point of the curve" };
        agreement::agree(&self.key, peer, refused, |secret| Ok(SecretBytes::copy_of(secret)))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("agree::PrivateKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_on_every_curve() {
        for algorithm in Algorithm::ALL {
            let (alice, bob) =
                (PrivateKey::generate(algorithm).unwrap(), PrivateKey::generate(algorithm).unwrap());
            let secret = alice.agree(&bob.public_key().unwrap()).unwrap();
            assert!(secret.ct_eq(bob.agree(&alice.public_key().unwrap()).unwrap().expose()));
            let again = PrivateKey::from_bytes(algorithm, alice.to_bytes().unwrap().expose()).unwrap();
            assert!(secret.ct_eq(again.agree(&bob.public_key().unwrap()).unwrap().expose()));
            let eve = PrivateKey::generate(algorithm).unwrap();
            assert!(!secret.ct_eq(eve.agree(&bob.public_key().unwrap()).unwrap().expose()));
            assert!(matches!(alice.agree(b"short"), Err(Error::Key { .. })));
            assert!(matches!(PrivateKey::from_bytes(algorithm, b"short"), Err(Error::Key { .. })));
        }
    }

    #[test]
    fn x25519_matches_rfc_7748() {
        // RFC 7748, section 5.2, first vector.
        let scalar = "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4";
        let point = hex::decode("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c").unwrap();
        let key = PrivateKey::from_bytes(Algorithm::X25519, &hex::decode(scalar).unwrap()).unwrap();
        let secret = key.agree(&point).unwrap().to_hex();
        assert_eq!(secret.expose(), "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    }

    #[test]
    fn points_of_small_order_are_refused() {
        let key = PrivateKey::generate(Algorithm::X25519).unwrap();
        for point in [[0; 32], {
            let mut one = [0; 32];
            one[0] = 1;
            one
        }] {
            assert!(matches!(key.agree(&point), Err(Error::Key { .. })));
        }
    }
}
