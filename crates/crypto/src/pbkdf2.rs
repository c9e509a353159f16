//! Deriving keys from passwords: PBKDF2 (RFC 8018) with HMAC-SHA-256.
//!
//! For text that a person chose: the rounds make guessing dear. A key that is random already takes [`crate::hkdf`].

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;

use crate::SecretKey;

/// Derives a key of `N` bytes; `salt` keeps equal passwords of different owners apart.
#[must_use]
pub fn sha256<const N: usize>(password: &[u8], salt: &[u8], rounds: NonZeroU32) -> SecretKey<N> {
    let mut key = SecretKey::zeroed();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password, key.expose_mut());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_rfc_7914() {
        // RFC 7914, section 11: the first 32 of 64 bytes, which are a block of their own.
        let key = sha256::<32>(b"passwd", b"salt", NonZeroU32::MIN);
        let expected = "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc";
        assert_eq!(hex::encode(key.expose()), expected);
    }
}
