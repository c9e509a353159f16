//! Deriving keys from keys: HKDF (RFC 5869) over SHA-256.

use aws_lc_rs::hkdf;

use crate::{Error, Result, SecretBytes, SecretKey};

/// Derives a key of `N` bytes. `info` names its purpose; different purposes give unrelated keys.
///
/// # Errors
/// [`Error::Length`] if `N` exceeds 8160 bytes (255 digests).
pub fn sha256<const N: usize>(salt: &[u8], secret: &[u8], info: &[u8]) -> Result<SecretKey<N>> {
    let mut key = SecretKey::zeroed();
    fill(salt, secret, info, key.expose_mut())?;
    Ok(key)
}

/// Like [`sha256`], for a length known only at run time.
///
/// # Errors
/// [`Error::Length`] if `len` exceeds 8160 bytes (255 digests).
pub fn sha256_bytes(salt: &[u8], secret: &[u8], info: &[u8], len: usize) -> Result<SecretBytes> {
    let mut key = SecretBytes::zeroed(len);
    fill(salt, secret, info, key.expose_mut())?;
    Ok(key)
}

fn fill(salt: &[u8], secret: &[u8], info: &[u8], out: &mut [u8]) -> Result<()> {
    let too_long = Error::Length { what: "HKDF-SHA256 output (at most)", expected: 255 * 32, got: out.len() };
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[info], OutputLen(out.len()))
        .and_then(|okm| okm.fill(out))
        .map_err(|_| too_long)
}

struct OutputLen(usize);

impl hkdf::KeyType for OutputLen {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_rfc_5869() {
        // RFC 5869, appendix A.1 and A.3.
        let salt: Vec<u8> = (0..13).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let key = sha256::<42>(&salt, &[0x0b; 22], &info).unwrap();
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(hex::encode(key.expose()), expected);
        let key = sha256_bytes(b"", &[0x0b; 22], b"", 42).unwrap();
        let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8";
        assert_eq!(key.to_hex().expose(), expected);
    }

    #[test]
    fn refuses_more_than_255_digests() {
        assert!(sha256_bytes(b"", b"k", b"", 255 * 32).is_ok());
        assert!(matches!(sha256_bytes(b"", b"k", b"", 255 * 32 + 1), Err(Error::Length { .. })));
    }
}
