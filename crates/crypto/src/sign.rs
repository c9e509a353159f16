//! Signatures: ECDSA (FIPS 186-5) on P-256, P-384 and P-521, and Ed25519 (RFC 8032).
//!
//! Each curve goes with one digest, as in X.509 and JOSE: P-256 with SHA-256, P-384 with SHA-384, P-521 with
//! SHA-512. An ECDSA signature is either a DER sequence (X.509, TLS, Java, Go) or the fixed-length `r ‖ s`
//! (JOSE, DIDComm); an Ed25519 signature has one form. Private keys are PKCS#8, public keys SPKI.

mod digest;

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, VerificationAlgorithm,
};

use crate::{Error, Result, SecretBytes, SecretString, pem};

/// The curves on offer, each with its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    P256,
    /// ECDSA on P-384 with SHA-384.
    P384,
    /// ECDSA on P-521 with SHA-512.
    P521,
    /// Ed25519.
    Ed25519,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::P256, Self::P384, Self::P521, Self::Ed25519];

    /// Bytes of a fixed-length signature: 64, 96, 132 or 64.
    pub fn fixed_len(self) -> usize {
        match self {
            Self::P256 | Self::Ed25519 => 64,
            Self::P384 => 96,
            Self::P521 => 132,
        }
    }

    /// Bytes of a raw public key: an uncompressed point (SEC 1), or the 32 bytes of RFC 8032.
    pub fn public_len(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::P384 => 97,
            Self::P521 => 133,
            Self::Ed25519 => 32,
        }
    }

    /// The ECDSA variants for DER and fixed-length signatures; none for Ed25519.
    fn signing(self) -> Option<[&'static signature::EcdsaSigningAlgorithm; 2]> {
        use signature::*;
        match self {
            Self::P256 => Some([&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P256_SHA256_FIXED_SIGNING]),
            Self::P384 => Some([&ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P384_SHA384_FIXED_SIGNING]),
            Self::P521 => Some([&ECDSA_P521_SHA512_ASN1_SIGNING, &ECDSA_P521_SHA512_FIXED_SIGNING]),
            Self::Ed25519 => None,
        }
    }

    fn verification(self) -> [&'static dyn VerificationAlgorithm; 2] {
        use signature::*;
        match self {
            Self::P256 => [&ECDSA_P256_SHA256_ASN1, &ECDSA_P256_SHA256_FIXED],
            Self::P384 => [&ECDSA_P384_SHA384_ASN1, &ECDSA_P384_SHA384_FIXED],
            Self::P521 => [&ECDSA_P521_SHA512_ASN1, &ECDSA_P521_SHA512_FIXED],
            Self::Ed25519 => [&ED25519, &ED25519],
        }
    }
}

/// A private key that signs.
pub struct SigningKey {
    algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    /// The same key twice: the provider fixes the signature's form in the key.
    Ecdsa {
        der: EcdsaKeyPair,
        fixed: EcdsaKeyPair,
    },
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// A fresh key, from the provider's own generator.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self> {
        let failed = |_| Error::Provider { operation: "key generation" };
        match algorithm.signing() {
            Some([der, _]) => {
                let document =
                    EcdsaKeyPair::generate(der).and_then(|pair| pair.to_pkcs8v1()).map_err(failed)?;
                Self::from_pkcs8_der(algorithm, document.as_ref())
            }
            None => Ok(Self { algorithm, pair: Pair::Ed25519(Ed25519KeyPair::generate().map_err(failed)?) }),
        }
    }

    /// The Ed25519 key of a 32-byte seed (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// [`Error::Key`] if the seed is not 32 bytes long.
    pub fn ed25519_from_seed(seed: &[u8]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| Error::Key { what: "Ed25519 seed", reason: "it must be 32 bytes" })?;
        Ok(Self { algorithm: Algorithm::Ed25519, pair: Pair::Ed25519(pair) })
    }

    /// Reads a PKCS#8 key (RFC 5958), or for ECDSA also a bare `ECPrivateKey` (RFC 5915).
    ///
    /// # Errors
    /// [`Error::Key`] if it is malformed, inconsistent or of another algorithm.
    pub fn from_pkcs8_der(algorithm: Algorithm, der: &[u8]) -> Result<Self> {
        let refused = |_| Error::Key {
            what: "private key",
            reason: "it is not an unencrypted PKCS#8 key of the expected algorithm",
        };
        let pair = match algorithm.signing() {
            Some([asn1, fixed]) => Pair::Ecdsa {
                der: EcdsaKeyPair::from_private_key_der(asn1, der).map_err(refused)?,
                fixed: EcdsaKeyPair::from_private_key_der(fixed, der).map_err(refused)?,
            },
            None => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(der).map_err(refused)?),
        };
        Ok(Self { algorithm, pair })
    }

    /// Reads a `PRIVATE KEY` (PKCS#8) or `EC PRIVATE KEY` (RFC 5915) block and finds out its algorithm.
    ///
    /// # Errors
    /// [`Error::Encoding`] if it is not PEM, [`Error::Key`] if it is another kind of key or encrypted.
    pub fn from_pem(text: &str) -> Result<Self> {
        let der = pem::decode(text, &["PRIVATE KEY", "EC PRIVATE KEY"])?;
        Algorithm::ALL
            .into_iter()
            .find_map(|algorithm| Self::from_pkcs8_der(algorithm, der.expose()).ok())
            .ok_or(Error::Key {
                what: "private key",
                reason: "it is not a P-256, P-384, P-521 or Ed25519 key",
            })
    }

    /// The key as PKCS#8 version 1.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn to_pkcs8_der(&self) -> Result<SecretBytes> {
        let document = match &self.pair {
            Pair::Ecdsa { der, .. } => der.to_pkcs8v1(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1(),
        };
        let document = document.map_err(|_| Error::Provider { operation: "private key encoding" })?;
        Ok(SecretBytes::copy_of(document.as_ref()))
    }

    /// The key as a `PRIVATE KEY` block.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn to_pem(&self) -> Result<SecretString> {
        pem::encode("PRIVATE KEY", self.to_pkcs8_der()?.expose()).map(SecretString::new)
    }

    /// The algorithm of this key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that verifies what this one signs.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn public_key(&self) -> Result<PublicKey> {
        let raw = match &self.pair {
            Pair::Ecdsa { der, .. } => der.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
        };
        PublicKey::from_raw(self.algorithm, raw)
    }

    /// Signs `message`: a DER sequence for ECDSA, 64 bytes for Ed25519.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        match &self.pair {
            Pair::Ecdsa { der, .. } => ecdsa(der, message),
            Pair::Ed25519(pair) => ed25519(pair, message),
        }
    }

    /// Signs `message` in the fixed-length form: `r ‖ s` for ECDSA, 64 bytes for Ed25519.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn sign_fixed(&self, message: &[u8]) -> Result<Vec<u8>> {
        match &self.pair {
            Pair::Ecdsa { fixed, .. } => ecdsa(fixed, message),
            Pair::Ed25519(pair) => ed25519(pair, message),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// A public key that verifies; parsed once, shared between threads.
#[derive(Clone)]
pub struct PublicKey {
    algorithm: Algorithm,
    der: ParsedPublicKey,
    fixed: ParsedPublicKey,
}

impl PublicKey {
    /// Reads a raw key: a SEC 1 point, compressed or not, or the 32 bytes of an Ed25519 key.
    ///
    /// # Errors
    /// [`Error::Key`] if it is not a point of the curve.
    pub fn from_raw(algorithm: Algorithm, bytes: &[u8]) -> Result<Self> {
        let parse = |verification| {
            ParsedPublicKey::new(verification, bytes).map_err(|_| Error::Key {
                what: "public key",
                reason: "it is not a key of the expected algorithm",
            })
        };
        let [der, fixed] = algorithm.verification();
        Ok(Self { algorithm, der: parse(der)?, fixed: parse(fixed)? })
    }

    /// Reads a SubjectPublicKeyInfo (RFC 5280, section 4.1) and finds out its algorithm.
    ///
    /// # Errors
    /// [`Error::Key`] if it is malformed or of an algorithm not on offer.
    pub fn from_spki_der(der: &[u8]) -> Result<Self> {
        const SEQUENCE: u8 = 0x30;
        let looks_right = der.len() > 32 && der.first() == Some(&SEQUENCE);
        Algorithm::ALL
            .into_iter()
            .filter(|_| looks_right)
            .find_map(|algorithm| Self::from_raw(algorithm, der).ok())
            .ok_or(Error::Key {
                what: "public key",
                reason: "it is not a P-256, P-384, P-521 or Ed25519 key (SPKI)",
            })
    }

    /// Reads a `PUBLIC KEY` block.
    ///
    /// # Errors
    /// [`Error::Encoding`] if it is not PEM, [`Error::Key`] as for [`Self::from_spki_der`].
    pub fn from_pem(text: &str) -> Result<Self> {
        Self::from_spki_der(pem::decode(text, &["PUBLIC KEY"])?.expose())
    }

    /// The key as SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn to_spki_der(&self) -> Result<Vec<u8>> {
        let der: PublicKeyX509Der<'_> =
            self.der.as_der().map_err(|_| Error::Provider { operation: "public key encoding" })?;
        Ok(der.as_ref().to_vec())
    }

    /// The key as a `PUBLIC KEY` block.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn to_pem(&self) -> Result<String> {
        pem::encode("PUBLIC KEY", &self.to_spki_der()?)
    }

    /// The raw key, [`Algorithm::public_len`] bytes: an uncompressed point, or an Ed25519 key.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn to_raw(&self) -> Result<Vec<u8>> {
        // The key is the content of the bit string that ends a SubjectPublicKeyInfo.
        let der = self.to_spki_der()?;
        let start = der.len().checked_sub(self.algorithm.public_len());
        let raw = start.and_then(|start| der.get(start..));
        raw.map(<[u8]>::to_vec).ok_or(Error::Provider { operation: "public key encoding" })
    }

    /// The algorithm of this key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Verifies a signature made by [`SigningKey::sign`].
    ///
    /// # Errors
    /// [`Error::Verify`], whatever the cause.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        self.der.verify_sig(message, signature).map_err(|_| Error::Verify)
    }

    /// Verifies a signature made by [`SigningKey::sign_fixed`].
    ///
    /// # Errors
    /// [`Error::Verify`], whatever the cause.
    pub fn verify_fixed(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        self.fixed.verify_sig(message, signature).map_err(|_| Error::Verify)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raw = self.to_raw().map(hex::encode).unwrap_or_default();
        f.debug_struct("PublicKey").field("algorithm", &self.algorithm).field("raw", &raw).finish()
    }
}

fn ecdsa(pair: &EcdsaKeyPair, message: &[u8]) -> Result<Vec<u8>> {
    let signature = pair.sign(&aws_lc_rs::rand::SystemRandom::new(), message);
    signature.map(|s| s.as_ref().to_vec()).map_err(|_| Error::Provider { operation: "signing" })
}

fn ed25519(pair: &Ed25519KeyPair, message: &[u8]) -> Result<Vec<u8>> {
    let signature = pair.try_sign(message);
    signature.map(|s| s.as_ref().to_vec()).map_err(|_| Error::Provider { operation: "signing" })
}

#[cfg(test)]
mod tests;
