//! Wrapping keys in keys: AES Key Wrap with Padding (RFC 5649) under a 256-bit key.

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded as _};

use crate::{Error, Key256, Result, SecretBytes};

/// Wraps `key` under `wrapping_key`; 8 to 15 bytes longer.
///
/// # Errors
/// [`Error::Encrypt`] if `key` is empty or too long.
pub fn wrap(wrapping_key: &Key256, key: &[u8]) -> Result<Vec<u8>> {
    let mut wrapped = vec![0; key.len() + GROWTH_MAX];
    let len = kek(wrapping_key)?.wrap_with_padding(key, &mut wrapped).map_err(|_| Error::Encrypt)?.len();
    wrapped.truncate(len);
    Ok(wrapped)
}

/// Unwraps what [`wrap`] made.
///
/// # Errors
/// [`Error::Decrypt`], whatever the cause.
pub fn unwrap(wrapping_key: &Key256, wrapped: &[u8]) -> Result<SecretBytes> {
    let mut key = SecretBytes::zeroed(wrapped.len());
    let kek = kek(wrapping_key)?;
    let len = kek.unwrap_with_padding(wrapped, key.expose_mut()).map_err(|_| Error::Decrypt)?.len();
    let mut inner = key.into_inner();
    inner.truncate(len);
    Ok(SecretBytes::new(std::mem::take(&mut *inner)))
}

fn kek(wrapping_key: &Key256) -> Result<AesKek> {
    AesKek::new(&AES_256, wrapping_key.expose()).map_err(|_| Error::Provider { operation: "key wrapping" })
}

/// A whole block of padding and the integrity check.
const GROWTH_MAX: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seeded;

    #[test]
    fn matches_pyca_cryptography() {
        // aes_key_wrap_with_padding(bytes(range(32)), bytes(range(20))) of Python's cryptography.
        let kek = Key256::from_slice(&(0..32).collect::<Vec<u8>>()).unwrap();
        let key: Vec<u8> = (0..20).collect();
        let wrapped = wrap(&kek, &key).unwrap();
        assert_eq!(hex::encode(&wrapped), "22d7fffc96b7adad9391ac9230d46b810e82e0f101f19e83e358f32ac9d407b6");
        assert!(unwrap(&kek, &wrapped).unwrap().ct_eq(&key));
    }

    #[test]
    fn any_length_comes_back_and_any_change_is_noticed() {
        let kek = Key256::random(&Seeded::new(3));
        for len in [1, 7, 8, 9, 16, 31, 32, 1200] {
            let key = SecretBytes::random(&Seeded::new(len as u64), len);
            let mut wrapped = wrap(&kek, key.expose()).unwrap();
            assert!(unwrap(&kek, &wrapped).unwrap().ct_eq(key.expose()));
            wrapped[0] ^= 1;
            assert_eq!(unwrap(&kek, &wrapped).unwrap_err(), Error::Decrypt);
        }
        assert_eq!(unwrap(&kek, b"").unwrap_err(), Error::Decrypt);
        assert_eq!(wrap(&kek, b"").unwrap_err(), Error::Encrypt);
    }
}
