use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Error, Random, Result};

/// Secret bytes of any length: cleared when dropped, never printed, compared in constant time.
///
/// There is no `Clone`, `Display`, `PartialEq` or `Serialize`; a copy is made only by [`Self::duplicate`].
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes ownership of `bytes`; nothing is copied.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Copies `bytes`. The caller still owns, and should clear, the original.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// `len` zero bytes, to be filled through [`Self::expose_mut`] without a detour.
    pub fn zeroed(len: usize) -> Self {
        Self::new(vec![0; len])
    }

    /// `len` bytes from `random`.
    pub fn random(random: &dyn Random, len: usize) -> Self {
        let mut secret = Self::zeroed(len);
        random.fill(secret.expose_mut());
        secret
    }

    /// Decodes standard base64 with padding (RFC 4648, section 4).
    ///
    /// # Errors
    /// [`Error::Encoding`], without naming the offending character.
    pub fn from_base64(text: &str) -> Result<Self> {
        let mut secret = Self::zeroed(base64::decoded_len_estimate(text.len()));
        let len = STANDARD
            .decode_slice(text, secret.expose_mut())
            .map_err(|_| Error::Encoding { encoding: "base64" })?;
        secret.0.truncate(len);
        Ok(secret)
    }

    /// Decodes hexadecimal, upper or lower case.
    ///
    /// # Errors
    /// [`Error::Encoding`], without naming the offending character.
    pub fn from_hex(text: &str) -> Result<Self> {
        let mut secret = Self::zeroed(text.len() / 2);
        hex::decode_to_slice(text, secret.expose_mut())
            .map_err(|_| Error::Encoding { encoding: "hexadecimal" })?;
        Ok(secret)
    }

    /// Encodes as standard base64 with padding.
    pub fn to_base64(&self) -> SecretString {
        SecretString::new(STANDARD.encode(self.expose()))
    }

    /// Encodes as lower-case hexadecimal.
    pub fn to_hex(&self) -> SecretString {
        SecretString::new(hex::encode(self.expose()))
    }

    /// The bytes themselves. Named so that each use stands out in review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes themselves, to write into.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Gives the buffer away, still cleared when dropped.
    pub fn into_inner(self) -> Zeroizing<Vec<u8>> {
        self.0
    }

    /// A deliberate copy.
    pub fn duplicate(&self) -> Self {
        Self::copy_of(self.expose())
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in time that depends on the lengths only.
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        self.expose().ct_eq(other).into()
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted {} bytes]", self.len())
    }
}

/// A secret of exactly `N` bytes. It sits on the heap, so that moving it leaves no copy behind.
pub struct SecretKey<const N: usize>(Box<Zeroizing<[u8; N]>>);

/// A 256-bit key.
pub type Key256 = SecretKey<32>;

impl<const N: usize> SecretKey<N> {
    /// The number of bytes.
    pub const LEN: usize = N;

    /// A fresh key from `random`.
    pub fn random(random: &dyn Random) -> Self {
        let mut key = Self::zeroed();
        random.fill(key.expose_mut());
        key
    }

    /// Copies exactly `N` bytes. The caller still owns, and should clear, the original.
    ///
    /// # Errors
    /// [`Error::Length`] if `bytes` is shorter or longer.
    pub fn from_slice(bytes: &[u8]) -> Result<Self> {
        let mut key = Self::zeroed();
        if bytes.len() != N {
            return Err(Error::Length { what: "secret key", expected: N, got: bytes.len() });
        }
        key.expose_mut().copy_from_slice(bytes);
        Ok(key)
    }

    /// All zero, to be filled through [`Self::expose_mut`] without a detour.
    pub fn zeroed() -> Self {
        Self(Box::new(Zeroizing::new([0; N])))
    }

    /// The bytes themselves. Named so that each use stands out in review.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// The bytes themselves, to write into.
    pub fn expose_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }

    /// A deliberate copy.
    pub fn duplicate(&self) -> Self {
        let mut copy = Self::zeroed();
        copy.expose_mut().copy_from_slice(self.expose());
        copy
    }

    /// Compares in time that depends on the lengths only.
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        self.expose().as_slice().ct_eq(other).into()
    }

    /// The same secret without its length in the type.
    pub fn to_secret_bytes(&self) -> SecretBytes {
        SecretBytes::copy_of(self.expose())
    }
}

impl<const N: usize> TryFrom<&SecretBytes> for SecretKey<N> {
    type Error = Error;

    fn try_from(bytes: &SecretBytes) -> Result<Self> {
        Self::from_slice(bytes.expose())
    }
}

impl<const N: usize> fmt::Debug for SecretKey<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted {N} bytes]")
    }
}

/// Secret text (a token, a password, a PEM private key) under the rules of [`SecretBytes`].
///
/// It can be deserialised, so that settings may hold it, but not serialised.
pub struct SecretString(Zeroizing<String>);

impl SecretString {
    /// Takes ownership of `text`; nothing is copied.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Reads UTF-8.
    ///
    /// # Errors
    /// [`Error::Encoding`] if the bytes are not UTF-8; they are cleared all the same.
    pub fn from_utf8(bytes: SecretBytes) -> Result<Self> {
        let mut inner = bytes.into_inner();
        String::from_utf8(std::mem::take(&mut *inner)).map(Self::new).map_err(|error| {
            error.into_bytes().zeroize();
            Error::Encoding { encoding: "UTF-8" }
        })
    }

    /// The text itself. Named so that each use stands out in review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A deliberate copy.
    pub fn duplicate(&self) -> Self {
        Self::new(self.expose().to_owned())
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in time that depends on the lengths only.
    pub fn ct_eq(&self, other: &str) -> bool {
        self.expose().as_bytes().ct_eq(other.as_bytes()).into()
    }

    /// The same secret as bytes.
    pub fn into_secret_bytes(mut self) -> SecretBytes {
        SecretBytes::new(std::mem::take(&mut *self.0).into_bytes())
    }
}

impl From<String> for SecretString {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for SecretString {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl std::str::FromStr for SecretString {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(text.into())
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted {} bytes]", self.len())
    }
}

impl<'de> serde::Deserialize<'de> for SecretString {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seeded;

    #[test]
    fn debug_shows_the_length_and_nothing_else() {
        assert_eq!(format!("{:?}", SecretBytes::copy_of(b"hunter2")), "[redacted 7 bytes]");
        assert_eq!(format!("{:?}", SecretString::from("hunter2")), "[redacted 7 bytes]");
        assert_eq!(format!("{:?}", Key256::random(&Seeded::new(1))), "[redacted 32 bytes]");
        assert_eq!(
            format!("{:#?}", Some(SecretBytes::copy_of(b"hunter2"))),
            "Some(\n    [redacted 7 bytes],\n)"
        );
    }

    #[test]
    fn comparison_sees_content_and_length() {
        let secret = SecretBytes::copy_of(b"abc");
        assert!(secret.ct_eq(b"abc"));
        assert!(!secret.ct_eq(b"abd"));
        assert!(!secret.ct_eq(b"abcd"));
        assert!(!secret.ct_eq(b""));
        assert!(SecretString::from("abc").ct_eq("abc"));
        assert!(!SecretString::from("abc").ct_eq("abC"));
    }

    #[test]
    fn fixed_keys_refuse_other_lengths() {
        assert_eq!(
            Key256::from_slice(&[0; 31]).unwrap_err(),
            Error::Length { what: "secret key", expected: 32, got: 31 }
        );
        let key = Key256::try_from(&SecretBytes::copy_of(&[7; 32])).unwrap();
        assert!(key.duplicate().ct_eq(&[7; 32]));
        assert!(key.to_secret_bytes().ct_eq(&[7; 32]));
    }

    #[test]
    fn text_encodings_round_trip_and_refuse_junk() {
        let secret = SecretBytes::copy_of(&[0, 1, 254, 255]);
        assert_eq!(secret.to_base64().expose(), "AAH+/w==");
        assert_eq!(secret.to_hex().expose(), "0001feff");
        assert!(SecretBytes::from_base64("AAH+/w==").unwrap().ct_eq(secret.expose()));
        assert!(SecretBytes::from_hex("0001FEff").unwrap().ct_eq(secret.expose()));
        for junk in ["AAH+/w", "A", "AAH_", "é"] {
            assert_eq!(SecretBytes::from_base64(junk).unwrap_err(), Error::Encoding { encoding: "base64" });
        }
        for junk in ["0", "0g", "é"] {
            assert_eq!(SecretBytes::from_hex(junk).unwrap_err(), Error::Encoding { encoding: "hexadecimal" });
        }
        assert!(SecretString::from_utf8(SecretBytes::copy_of(&[0xff])).is_err());
        assert_eq!(SecretString::from_utf8(SecretBytes::copy_of("é".as_bytes())).unwrap().expose(), "é");
    }
}
