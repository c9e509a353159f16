//! Public keys of any type, as `did:key`, `did:peer` and DID documents write them: multibase of multicodec.

use std::fmt;

use crate::encoding::{from_base58, to_base58};
use crate::{Error, Result, Verkey};

/// Characters of a public key in multibase, at most: an RSA key of 4096 bits has about 720.
const MULTIBASE_CHARS_MAX: usize = 1024;

/// The types of keys that are told apart; the code is that of the multicodec table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// `ed25519-pub`, 0xed.
    Ed25519,
    /// `x25519-pub`, 0xec.
    X25519,
    /// `secp256k1-pub`, 0xe7.
    Secp256k1,
    /// `p256-pub`, 0x1200.
    P256,
    /// `p384-pub`, 0x1201.
    P384,
    /// `bls12_381-g1-pub`, 0xea.
    Bls12381G1,
    /// `bls12_381-g2-pub`, 0xeb.
    Bls12381G2,
    /// `bls12_381-g1g2-pub`, 0xee.
    Bls12381G1G2,
}

/// Each type with its multicodec code as an unsigned varint and the bytes of its keys.
const TYPES: [(KeyType, [u8; 2], usize); 8] = [
    (KeyType::Ed25519, [0xed, 0x01], 32),
    (KeyType::X25519, [0xec, 0x01], 32),
    (KeyType::Secp256k1, [0xe7, 0x01], 33),
    (KeyType::P256, [0x80, 0x24], 33),
    (KeyType::P384, [0x81, 0x24], 49),
    (KeyType::Bls12381G1, [0xea, 0x01], 48),
    (KeyType::Bls12381G2, [0xeb, 0x01], 96),
    (KeyType::Bls12381G1G2, [0xee, 0x01], 144),
];

/// A public key of a known type.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PublicKey {
    /// A verkey.
    Ed25519(Verkey),
    /// A key for boxes only.
    X25519([u8; 32]),
    /// A key that DIDComm v1 has no use for; kept, so that a document that holds one can be read.
    Other(KeyType, Box<[u8]>),
}

impl PublicKey {
    /// Reads `z` and the base58 of the multicodec-prefixed key.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::Unsupported`] with the field `key`.
    pub fn from_multibase(text: &str) -> Result<Self> {
        let base58 =
            text.strip_prefix('z').ok_or_else(|| Error::invalid("key", "not multibase base58btc"))?;
        let bytes = from_base58("key", base58, MULTIBASE_CHARS_MAX)?;
        let (prefix, key) = bytes.split_at_checked(2).ok_or_else(|| Error::invalid("key", "too short"))?;
        let known = TYPES.iter().find(|(_, code, _)| code == prefix);
        let (kind, _, len) = known.ok_or_else(|| Error::unsupported("key", text))?;
        if key.len() != *len {
            return Err(Error::invalid("key", format!("{} bytes instead of {len}", key.len())));
        }
        Self::new(*kind, key)
    }

    /// A key of this type.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field `key` if it has another length.
    pub fn new(kind: KeyType, key: &[u8]) -> Result<Self> {
        let wrong = |_| Error::invalid("key", "not 32 bytes");
        Ok(match kind {
            KeyType::Ed25519 => Self::Ed25519(Verkey::new(key.try_into().map_err(wrong)?)),
            KeyType::X25519 => Self::X25519(key.try_into().map_err(wrong)?),
            other => Self::Other(other, key.into()),
        })
    }

    /// `z` and the base58 of the multicodec-prefixed key.
    pub fn to_multibase(&self) -> String {
        let prefix = TYPES.iter().find(|(kind, ..)| *kind == self.kind()).map(|(_, code, _)| *code);
        let mut bytes = prefix.unwrap_or_default().to_vec();
        bytes.extend_from_slice(self.as_bytes());
        format!("z{}", to_base58(&bytes))
    }

    /// The type of the key.
    pub fn kind(&self) -> KeyType {
        match self {
            Self::Ed25519(_) => KeyType::Ed25519,
            Self::X25519(_) => KeyType::X25519,
            Self::Other(kind, _) => *kind,
        }
    }

    /// The key without its prefix.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(verkey) => verkey.as_bytes(),
            Self::X25519(bytes) => bytes,
            Self::Other(_, bytes) => bytes,
        }
    }

    /// The verkey, if it is one.
    pub fn verkey(&self) -> Option<Verkey> {
        if let Self::Ed25519(verkey) = self { Some(*verkey) } else { None }
    }
}

impl From<Verkey> for PublicKey {
    fn from(verkey: Verkey) -> Self {
        Self::Ed25519(verkey)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_multibase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multibase_goes_both_ways() {
        for text in [
            "z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH",
            "z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",
            "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
            "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        ] {
            assert_eq!(PublicKey::from_multibase(text).unwrap().to_multibase(), text);
        }
        assert_eq!(
            PublicKey::from_multibase("zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme").unwrap().kind(),
            KeyType::Secp256k1
        );
        for text in ["", "z", "z1", "6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH", "z6Mk", "z0OIl"] {
            assert!(PublicKey::from_multibase(text).is_err(), "{text}");
        }
        let long = format!("z{}", "2".repeat(2000));
        assert_eq!(PublicKey::from_multibase(&long).unwrap_err(), Error::too_large("key", 1024));
    }
}
