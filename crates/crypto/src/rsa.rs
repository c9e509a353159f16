//! RSA (RFC 8017) of 2048, 3072 and 4096 bits: OAEP, PSS and PKCS #1 v1.5 signatures over digests.
//!
//! Signatures are made over SHA-256, SHA-384 and SHA-512 only: the provider has no others, and no other crate
//! of good standing does RSA. Private keys are PKCS#8, public keys SPKI. Work on a private key takes up to some
//! milliseconds, generation up to seconds: callers keep it off threads that others wait for.

mod pss;

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384,
    OAEP_SHA512_MGF1SHA512, OaepAlgorithm, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{self, RsaParameters, RsaSignatureEncoding, UnparsedPublicKey};

use crate::hash::Algorithm as Hash;
use crate::{Error, Result, SecretBytes, der, pem};

/// How long a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// 2048 bits.
    Rsa2048,
    /// 3072 bits.
    Rsa3072,
    /// 4096 bits.
    Rsa4096,
}

impl Size {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    /// Bytes of the modulus, of a ciphertext and of a signature.
    pub fn len(self) -> usize {
        match self {
            Self::Rsa2048 => 256,
            Self::Rsa3072 => 384,
            Self::Rsa4096 => 512,
        }
    }

    /// Never: there is for clippy's sake beside [`Self::len`].
    pub fn is_empty(self) -> bool {
        false
    }

    fn of(len: usize) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|size| size.len() == len)
            .ok_or(Error::Key { what: "RSA key", reason: "it is not of 2048, 3072 or 4096 bits" })
    }
}

/// How a digest becomes a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// PKCS #1 v1.5.
    Pkcs1v15,
    /// PSS with MGF1 over the same digest.
    Pss(Salt),
}

/// The length of the salt of PSS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Salt {
    /// Signing: as long as fits. Verifying: any length.
    Auto,
    /// As long as the digest.
    Digest,
    /// So many bytes.
    Bytes(u16),
}

/// The longest salt that fits beside a digest of `hash`: in bytes.
pub fn salt_len_max(size: Size, hash: Hash) -> usize {
    size.len() - 2 - hash.output_len()
}

/// A private key that signs and decrypts.
pub struct PrivateKey {
    size: Size,
    signing: KeyPair,
    decrypting: OaepPrivateDecryptingKey,
    public: PublicKey,
}

impl PrivateKey {
    /// A fresh key, from the provider's own generator. Takes up to seconds.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn generate(size: Size) -> Result<Self> {
        let bits = match size {
            Size::Rsa2048 => KeySize::Rsa2048,
            Size::Rsa3072 => KeySize::Rsa3072,
            Size::Rsa4096 => KeySize::Rsa4096,
        };
        let failed = |_| Error::Provider { operation: "key generation" };
        let key = PrivateDecryptingKey::generate(bits).map_err(failed)?;
        let document: Pkcs8V1Der<'_> = key.as_der().map_err(failed)?;
        Self::from_pkcs8_der(document.as_ref())
    }

    /// Reads a PKCS#8 key (RFC 5958).
    ///
    /// # Errors
    /// [`Error::Key`] if it is malformed, inconsistent, of another algorithm or of another length.
    pub fn from_pkcs8_der(document: &[u8]) -> Result<Self> {
        let refused = Error::Key {
            what: "RSA private key",
            reason: "it is not an unencrypted PKCS#8 key of the expected algorithm",
        };
        let parts = KeyPair::from_pkcs8(document).ok().zip(PrivateDecryptingKey::from_pkcs8(document).ok());
        let Some((signing, decrypting)) = parts else { return Err(refused) };
        let size = Size::of(signing.public_modulus_len())?;
        let public: PublicKeyX509Der<'_> = decrypting
            .public_key()
            .as_der()
            .map_err(|_| Error::Provider { operation: "public key encoding" })?;
        let public = PublicKey::from_spki_der(public.as_ref())?;
        let decrypting = OaepPrivateDecryptingKey::new(decrypting)
            .map_err(|_| Error::Provider { operation: "RSA key expansion" })?;
        Ok(Self { size, signing, decrypting, public })
    }

    /// The key as PKCS#8 version 1.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn to_pkcs8_der(&self) -> Result<SecretBytes> {
        let document: Pkcs8V1Der<'_> =
            self.signing.as_der().map_err(|_| Error::Provider { operation: "private key encoding" })?;
        Ok(SecretBytes::copy_of(document.as_ref()))
    }

    /// The key as an `RSAPrivateKey` (RFC 8017, appendix A.1.2).
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn to_pkcs1_der(&self) -> Result<SecretBytes> {
        let document = self.to_pkcs8_der()?;
        let key = der::private_key_of_pkcs8(document.expose());
        key.map(SecretBytes::copy_of).ok_or(Error::Provider { operation: "private key encoding" })
    }

    /// How long it is.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The key that verifies and encrypts.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a digest made with `hash`.
    ///
    /// # Errors
    /// [`Error::Key`] if `hash` is not SHA-256, SHA-384 or SHA-512, [`Error::Length`] if the digest or the salt is
    /// not of a length that goes with it.
    pub fn sign_digest(&self, padding: Padding, hash: Hash, digest: &[u8]) -> Result<Vec<u8>> {
        let encoding: &'static RsaSignatureEncoding = match (padding, hash) {
            (Padding::Pkcs1v15, Hash::Sha256) => &signature::RSA_PKCS1_SHA256,
            (Padding::Pkcs1v15, Hash::Sha384) => &signature::RSA_PKCS1_SHA384,
            (Padding::Pkcs1v15, Hash::Sha512) => &signature::RSA_PKCS1_SHA512,
            (Padding::Pkcs1v15, _) => return Err(unsupported_hash()),
            (Padding::Pss(salt), hash) => pss::signing(hash, self.salt_len(salt, hash)?)?,
        };
        let digest = import(hash, digest)?;
        let mut signature = vec![0; self.size.len()];
        let signed = self.signing.sign_digest(encoding, &digest, &mut signature);
        signed.map(|()| signature).map_err(|_| Error::Provider { operation: "signing" })
    }

    /// Decrypts what [`PublicKey::encrypt_oaep`] made, with no label.
    ///
    /// # Errors
    /// [`Error::Decrypt`], or [`Error::Key`] if `hash` is not SHA-1, SHA-256, SHA-384 or SHA-512.
    pub fn decrypt_oaep(&self, hash: Hash, ciphertext: &[u8]) -> Result<SecretBytes> {
        let mut plaintext = SecretBytes::zeroed(self.decrypting.min_output_size());
        let len = self
            .decrypting
            .decrypt(oaep(hash)?, ciphertext, plaintext.expose_mut(), None)
            .map_err(|_| Error::Decrypt)?
            .len();
        let mut inner = plaintext.into_inner();
        inner.truncate(len);
        Ok(SecretBytes::new(std::mem::take(&mut *inner)))
    }

    fn salt_len(&self, salt: Salt, hash: Hash) -> Result<usize> {
        let longest = salt_len_max(self.size, hash);
        match salt {
            Salt::Auto => Ok(longest),
            Salt::Digest => Ok(hash.output_len()),
            Salt::Bytes(len) if usize::from(len) <= longest => Ok(len.into()),
            Salt::Bytes(len) => {
                Err(Error::Length { what: "PSS salt (at most)", expected: longest, got: len.into() })
            }
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("rsa::PrivateKey").field("size", &self.size).finish_non_exhaustive()
    }
}

/// A public key that verifies and encrypts.
pub struct PublicKey {
    size: Size,
    spki: Vec<u8>,
    encrypting: OaepPublicEncryptingKey,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo (RFC 5280, section 4.1).
    ///
    /// # Errors
    /// [`Error::Key`] if it is malformed, of another algorithm or of another length.
    pub fn from_spki_der(spki: &[u8]) -> Result<Self> {
        let refused =
            |_| Error::Key { what: "RSA public key", reason: "it is not a key of the expected algorithm" };
        let key = PublicEncryptingKey::from_der(spki).map_err(refused)?;
        let size = Size::of(key.key_size_bytes())?;
        let encoded: PublicKeyX509Der<'_> =
            key.as_der().map_err(|_| Error::Provider { operation: "public key encoding" })?;
        let spki = encoded.as_ref().to_vec();
        let encrypting = OaepPublicEncryptingKey::new(key)
            .map_err(|_| Error::Provider { operation: "RSA key expansion" })?;
        Ok(Self { size, spki, encrypting })
    }

    /// Reads a `PUBLIC KEY` block.
    ///
    /// # Errors
    /// [`Error::Encoding`] if it is not PEM, [`Error::Key`] as for [`Self::from_spki_der`].
    pub fn from_pem(text: &str) -> Result<Self> {
        Self::from_spki_der(pem::decode(text, &["PUBLIC KEY"])?.expose())
    }

    /// The key as SubjectPublicKeyInfo.
    pub fn to_spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The key as a `PUBLIC KEY` block.
    ///
    /// # Errors
    /// [`Error::Provider`] if the provider fails.
    pub fn to_pem(&self) -> Result<String> {
        pem::encode("PUBLIC KEY", &self.spki)
    }

    /// How long it is.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Bytes of the longest plaintext for OAEP over `hash`.
    ///
    /// # Errors
    /// [`Error::Key`] as for [`PrivateKey::decrypt_oaep`].
    pub fn plaintext_len_max(&self, hash: Hash) -> Result<usize> {
        Ok(self.encrypting.max_plaintext_size(oaep(hash)?))
    }

    /// Encrypts with OAEP (MGF1 over the same digest, no label).
    ///
    /// # Errors
    /// [`Error::Encrypt`] if the plaintext is too long, [`Error::Key`] as for [`PrivateKey::decrypt_oaep`].
    pub fn encrypt_oaep(&self, hash: Hash, plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut ciphertext = vec![0; self.encrypting.ciphertext_size()];
        let len = self
            .encrypting
            .encrypt(oaep(hash)?, plaintext, &mut ciphertext, None)
            .map_err(|_| Error::Encrypt)?
            .len();
        ciphertext.truncate(len);
        Ok(ciphertext)
    }

    /// Verifies the signature of a digest made with `hash`. With [`Salt::Auto`] a wrong signature costs as many
    /// verifications as there are lengths of salt, up to 480; a right one of usual make costs one or two.
    ///
    /// # Errors
    /// [`Error::Verify`], or [`Error::Key`] if `hash` is not on offer.
    pub fn verify_digest(&self, padding: Padding, hash: Hash, digest: &[u8], signature: &[u8]) -> Result<()> {
        let digest = import(hash, digest).map_err(|error| match error {
            Error::Length { .. } => Error::Verify,
            other => other,
        })?;
        if signature.len() != self.size.len() {
            return Err(Error::Verify);
        }
        let verify = |parameters: &'static RsaParameters| {
            let verified = UnparsedPublicKey::new(parameters, &self.spki).verify_digest(&digest, signature);
            verified.map_err(|_| Error::Verify)
        };
        let salt = match padding {
            Padding::Pkcs1v15 => return verify(pkcs1v15_verification(hash)?),
            Padding::Pss(salt) => salt,
        };
        let longest = salt_len_max(self.size, hash);
        match salt {
            Salt::Digest => verify(pss::verification(hash, hash.output_len())?),
            Salt::Bytes(len) if usize::from(len) > longest => Err(Error::Verify),
            Salt::Bytes(len) => verify(pss::verification(hash, len.into())?),
            Salt::Auto => {
                let usual = [longest, hash.output_len()];
                let others = (0..longest).filter(|len| *len != hash.output_len());
                for len in usual.into_iter().chain(others) {
                    if verify(pss::verification(hash, len)?).is_ok() {
                        return Ok(());
                    }
                }
                Err(Error::Verify)
            }
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("rsa::PublicKey").field("size", &self.size).finish_non_exhaustive()
    }
}

fn oaep(hash: Hash) -> Result<&'static OaepAlgorithm> {
    match hash {
        Hash::Sha1 => Ok(&OAEP_SHA1_MGF1SHA1),
        Hash::Sha256 => Ok(&OAEP_SHA256_MGF1SHA256),
        Hash::Sha384 => Ok(&OAEP_SHA384_MGF1SHA384),
        Hash::Sha512 => Ok(&OAEP_SHA512_MGF1SHA512),
        _ => Err(unsupported_hash()),
    }
}

fn pkcs1v15_verification(hash: Hash) -> Result<&'static RsaParameters> {
    match hash {
        Hash::Sha1 => Ok(&signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        Hash::Sha256 => Ok(&signature::RSA_PKCS1_2048_8192_SHA256),
        Hash::Sha384 => Ok(&signature::RSA_PKCS1_2048_8192_SHA384),
        Hash::Sha512 => Ok(&signature::RSA_PKCS1_2048_8192_SHA512),
        _ => Err(unsupported_hash()),
    }
}

fn import(hash: Hash, digest: &[u8]) -> Result<digest::Digest> {
    let provider = hash.provider().ok_or_else(unsupported_hash)?;
    digest::Digest::import_less_safe(digest, provider).map_err(|_| Error::Length {
        what: "digest",
        expected: hash.output_len(),
        got: digest.len(),
    })
}

fn unsupported_hash() -> Error {
    Error::Key { what: "RSA parameters", reason: "the provider does not do RSA with this digest" }
}

#[cfg(test)]
mod tests;
