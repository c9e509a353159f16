//! Keyed message authentication codes: HMAC (RFC 2104).

mod sha3;

use std::fmt;

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq as _;

use crate::{Error, Result};

pub use self::sha3::sha3;

/// The digest below the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC-SHA1: still the default of one-time passwords (RFC 6238); nothing new should use it.
    Sha1,
    /// HMAC-SHA224.
    Sha224,
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA384.
    Sha384,
    /// HMAC-SHA512.
    Sha512,
}

impl Algorithm {
    fn provider(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => hmac::HMAC_SHA224,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// A key ready for use, of any length; it may be shared between threads.
#[derive(Clone)]
pub struct Key(hmac::Key);

impl Key {
    /// Prepares `key`. A key as long as the digest is right; shorter ones are weaker.
    pub fn new(algorithm: Algorithm, key: &[u8]) -> Self {
        Self(hmac::Key::new(algorithm.provider(), key))
    }

    /// The code of `data`.
    pub fn sign(&self, data: &[u8]) -> Tag {
        Tag(hmac::sign(&self.0, data))
    }

    /// Checks the code of `data` in constant time.
    ///
    /// # Errors
    /// [`Error::Verify`] if it does not match, or is shorter or longer than a whole code.
    pub fn verify(&self, data: &[u8], tag: &[u8]) -> Result<()> {
        hmac::verify(&self.0, data, tag).map_err(|_| Error::Verify)
    }

    /// Starts a code over data that comes in pieces.
    pub fn signer(&self) -> Signer {
        Signer(hmac::Context::with_key(&self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("hmac::Key").finish_non_exhaustive()
    }
}

/// A code in the making.
#[derive(Clone)]
pub struct Signer(hmac::Context);

impl Signer {
    /// Appends `data` to the message.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The code of the whole message.
    pub fn finish(self) -> Tag {
        Tag(self.0.sign())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("hmac::Signer").finish_non_exhaustive()
    }
}

/// A finished code. It has no `Debug` of its content: a code can be as good as a password.
#[derive(Clone, Copy)]
pub struct Tag(hmac::Tag);

impl Tag {
    /// Compares in time that depends on the lengths only.
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        self.as_ref().ct_eq(other).into()
    }

    /// Lower-case hexadecimal.
    pub fn to_hex(&self) -> String {
        hex::encode(self)
    }
}

impl AsRef<[u8]> for Tag {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted {} bytes]", self.as_ref().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_match_rfc_4231_and_rfc_2202() {
        // RFC 4231 test case 2 and RFC 2202 HMAC-SHA-1 test case 2: key "Jefe".
        for (algorithm, expected) in [
            (Algorithm::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (Algorithm::Sha224, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"),
            (Algorithm::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                Algorithm::Sha384,
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            ),
            (
                Algorithm::Sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            let key = Key::new(algorithm, b"Jefe");
            let data = b"what do ya want for nothing?";
            let tag = key.sign(data);
            assert_eq!(tag.to_hex(), expected, "{algorithm:?}");
            key.verify(data, tag.as_ref()).unwrap();
            assert_eq!(key.verify(b"other", tag.as_ref()), Err(Error::Verify));
            assert_eq!(key.verify(data, &tag.as_ref()[1..]), Err(Error::Verify));
            assert_eq!(key.verify(data, b""), Err(Error::Verify));
            let mut signer = key.signer();
            signer.update(&data[..5]);
            signer.update(&data[5..]);
            assert!(signer.finish().ct_eq(tag.as_ref()));
            assert!(!format!("{tag:?} {key:?}").contains(&expected[..6]));
        }
    }
}
