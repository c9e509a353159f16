//! Who signs, and how: ECDSA over SHA-256 with the key of a certificate, or HMAC-SHA256 with a shared secret.

use trustkeep_crypto::SecretString;
use trustkeep_crypto::hmac::{Algorithm as HmacAlgorithm, Key};
use trustkeep_crypto::sign::{Algorithm, PublicKey, SigningKey};

use crate::status::{Error, Result, StatusCode};

/// Signs what a request or a proof says.
pub trait Signer: Send + Sync + std::fmt::Debug {
    /// The signature over `bytes`: DER (r, s) of ECDSA, or the 32 bytes of the HMAC.
    ///
    /// # Errors
    /// 400 if the key cannot sign (DL-COMMON-400001).
    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>>;
}

/// Checks what a [`Signer`] signed.
pub trait Verifier: Send + Sync + std::fmt::Debug {
    /// Whether `signature` is of `bytes`, in constant time where the key is secret.
    fn holds(&self, bytes: &[u8], signature: &[u8]) -> bool;

    /// Whether it has the form of a signature at all. To Scalar DL one that has not is an error of its own.
    fn is_formed(&self, _signature: &[u8]) -> bool {
        true
    }
}

/// A private key on the curve P-256.
#[derive(Debug)]
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// Reads PEM: `EC PRIVATE KEY` (SEC 1) or `PRIVATE KEY` (PKCS#8).
    ///
    /// # Errors
    /// 401 if it is not one, or on another curve.
    pub fn from_pem(text: &str) -> Result<Self> {
        let key = SigningKey::from_pem(text).map_err(|error| unloadable(1, &error.to_string()))?;
        Self::new(key)
    }

    /// Takes a key that is there already.
    ///
    /// # Errors
    /// 401 if it is on another curve than P-256.
    pub fn new(key: SigningKey) -> Result<Self> {
        if key.algorithm() != Algorithm::P256 {
            return Err(unloadable(1, "the private key is not on the curve P-256"));
        }
        Ok(Self(key))
    }

    /// What checks its signatures.
    ///
    /// # Errors
    /// 401 if the key has no public half.
    pub fn verifier(&self) -> Result<Certificate> {
        let public = self.0.public_key().map_err(|error| unloadable(1, &error.to_string()))?;
        Ok(Certificate(public))
    }
}

impl Signer for PrivateKey {
    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        self.0.sign(bytes).map_err(|error| {
            Error::numbered(
                StatusCode::InvalidSignature,
                "COMMON",
                1,
                format!("Signing failed. Details: {error}"),
            )
        })
    }
}

/// The public key of a certificate; nothing else of the certificate counts: no chain, no dates, no revocation.
#[derive(Debug)]
pub struct Certificate(PublicKey);

impl Certificate {
    /// Reads an X.509 certificate in PEM.
    ///
    /// # Errors
    /// 401 if it is not one, or its key is not on the curve P-256.
    pub fn from_pem(text: &str) -> Result<Self> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(text.as_bytes())
            .map_err(|_| unloadable(2, "the certificate is not PEM"))?;
        let certificate =
            pem.parse_x509().map_err(|_| unloadable(2, "the PEM block is not an X.509 certificate"))?;
        let key = PublicKey::from_spki_der(certificate.public_key().raw)
            .map_err(|error| unloadable(2, &error.to_string()))?;
        if key.algorithm() != Algorithm::P256 {
            return Err(unloadable(2, "the certificate's key is not on the curve P-256"));
        }
        Ok(Self(key))
    }
}

impl Verifier for Certificate {
    fn holds(&self, bytes: &[u8], signature: &[u8]) -> bool {
        self.0.verify(bytes, signature).is_ok()
    }

    fn is_formed(&self, signature: &[u8]) -> bool {
        is_der(signature)
    }
}

/// Whether it is DER of a sequence of two integers, which is shorter than 128 bytes on P-256.
fn is_der(signature: &[u8]) -> bool {
    let Some((numbers, [])) = field(SEQUENCE, signature) else { return false };
    let Some(([_, ..], rest)) = field(INTEGER, numbers) else { return false };
    matches!(field(INTEGER, rest), Some(([_, ..], [])))
}

/// What is in a field with this tag, and what comes after it.
fn field(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match bytes {
        [found, length @ ..128, rest @ ..] if *found == tag => rest.split_at_checked(usize::from(*length)),
        _ => None,
    }
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// A secret that both sides know.
#[derive(Debug)]
pub struct HmacKey(Key);

impl HmacKey {
    /// The key is the secret's UTF-8 text.
    #[must_use]
    pub fn new(secret: &SecretString) -> Self {
        Self(Key::new(HmacAlgorithm::Sha256, secret.expose().as_bytes()))
    }
}

impl Signer for HmacKey {
    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(self.0.sign(bytes).as_ref().to_vec())
    }
}

impl Verifier for HmacKey {
    fn holds(&self, bytes: &[u8], signature: &[u8]) -> bool {
        self.0.verify(bytes, signature).is_ok()
    }
}

fn unloadable(id: u32, why: &str) -> Error {
    let what = if id == 2 { "certificate" } else { "key" };
    Error::numbered(
        StatusCode::UnloadableKey,
        "COMMON",
        id,
        format!("Loading the {what} failed. Details: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_form_of_a_signature_is_told_from_what_has_not() {
        for formed in [&[0x30, 6, 2, 1, 7, 2, 1, 8][..], &[0x30, 7, 2, 2, 0, 200, 2, 1, 8]] {
            assert!(is_der(formed), "{formed:?}");
        }
        for other in [
            &[][..],
            &[7; 32],
            &[0x30, 6, 2, 1, 7, 2, 1],
            &[0x30, 6, 2, 1, 7, 2, 1, 8, 0],
            &[0x30, 3, 2, 1, 7],
            &[0x30, 5, 2, 0, 2, 1, 8],
            &[0x30, 7, 2, 1, 7, 2, 1, 8, 9],
            &[0x30, 0x81, 6, 2, 1, 7, 2, 1, 8],
            &[0x31, 6, 2, 1, 7, 2, 1, 8],
        ] {
            assert!(!is_der(other), "{other:?}");
        }
    }
}
