//! The types of keys and what each can do.

use serde::{Deserialize, Serialize};
use trustkeep_crypto::{aead, rsa, sign};

/// A key's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    #[serde(rename = "aes128-gcm96")]
    Aes128Gcm96,
    #[serde(rename = "aes256-gcm96")]
    Aes256Gcm96,
    #[serde(rename = "chacha20-poly1305")]
    ChaCha20Poly1305,
    #[serde(rename = "ed25519")]
    Ed25519,
    #[serde(rename = "ecdsa-p256")]
    EcdsaP256,
    #[serde(rename = "ecdsa-p384")]
    EcdsaP384,
    #[serde(rename = "ecdsa-p521")]
    EcdsaP521,
    #[serde(rename = "rsa-2048")]
    Rsa2048,
    #[serde(rename = "rsa-3072")]
    Rsa3072,
    #[serde(rename = "rsa-4096")]
    Rsa4096,
    #[serde(rename = "hmac")]
    Hmac,
}

impl Kind {
    /// The type of this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its name in requests and answers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Aes128Gcm96 => "aes128-gcm96",
            Self::Aes256Gcm96 => "aes256-gcm96",
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::EcdsaP521 => "ecdsa-p521",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::Rsa4096 => "rsa-4096",
            Self::Hmac => "hmac",
        }
    }

    /// What a public key's entry calls its algorithm.
    pub(super) fn curve_name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "P-256",
            Self::EcdsaP384 => "P-384",
            Self::EcdsaP521 => "P-521",
            other => other.name(),
        }
    }

    /// The cipher of symmetric keys.
    pub(super) fn cipher(self) -> Option<aead::Algorithm> {
        match self {
            Self::Aes128Gcm96 => Some(aead::Algorithm::Aes128Gcm),
            Self::Aes256Gcm96 => Some(aead::Algorithm::Aes256Gcm),
            Self::ChaCha20Poly1305 => Some(aead::Algorithm::ChaCha20Poly1305),
            _ => None,
        }
    }

    /// The curve of elliptic keys.
    pub(super) fn curve(self) -> Option<sign::Algorithm> {
        match self {
            Self::Ed25519 => Some(sign::Algorithm::Ed25519),
            Self::EcdsaP256 => Some(sign::Algorithm::P256),
            Self::EcdsaP384 => Some(sign::Algorithm::P384),
            Self::EcdsaP521 => Some(sign::Algorithm::P521),
            _ => None,
        }
    }

    /// The length of RSA keys.
    pub(super) fn rsa(self) -> Option<rsa::Size> {
        match self {
            Self::Rsa2048 => Some(rsa::Size::Rsa2048),
            Self::Rsa3072 => Some(rsa::Size::Rsa3072),
            Self::Rsa4096 => Some(rsa::Size::Rsa4096),
            _ => None,
        }
    }

    /// Whether it encrypts and decrypts.
    pub(super) fn encrypts(self) -> bool {
        self.cipher().is_some() || self.rsa().is_some()
    }

    /// Whether it signs and verifies; so it has a public key.
    pub(super) fn signs(self) -> bool {
        self.curve().is_some() || self.rsa().is_some()
    }

    /// Whether what it signs is a digest rather than the message.
    pub(super) fn signs_digests(self) -> bool {
        self.signs() && self != Self::Ed25519
    }

    /// Whether a key for each context can be derived from it.
    pub(super) fn derives(self) -> bool {
        self.cipher().is_some() || self == Self::Ed25519
    }

    pub(super) const ALL: [Self; 11] = [
        Self::Aes128Gcm96,
        Self::Aes256Gcm96,
        Self::ChaCha20Poly1305,
        Self::Ed25519,
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::EcdsaP521,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
        Self::Hmac,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_stored_as_it_is_spoken() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(kind.name()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert_eq!(Kind::of("AES256-GCM96"), None);
    }
}
