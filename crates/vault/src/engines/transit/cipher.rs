//! Encryption and decryption of one item, without storage or requests.

use trustkeep_crypto::aead::{Aead, NONCE_LEN, OVERHEAD};
use trustkeep_crypto::hash::Algorithm as Hash;
use trustkeep_crypto::{Random, SecretBytes, hkdf, hmac, sign};
use zeroize::Zeroizing;

use super::fault::Fault;
use super::key::Key;
use super::kind::Kind;
use super::text::{self, Parts};
use super::version::Material;
use crate::engines::base64;

/// What an item brings beside its text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extras<'a> {
    /// The context, base64; empty without one.
    pub(super) context: &'a str,
    /// The associated data, base64; empty without.
    pub(super) associated_data: &'a str,
    /// A nonce of the caller's own: never taken, as no key of ours is convergent in the first of the ways.
    pub(super) nonce: &'a str,
}

/// Encrypts bytes; returns the text and the version it was encrypted with.
pub(super) fn encrypt(
    key: &Key,
    requested: i64,
    extras: Extras<'_>,
    plaintext: &[u8],
    random: &dyn Random,
) -> Result<(String, u32), Fault> {
    let kind = key.settings.kind;
    if !kind.encrypts() {
        return Err(Fault::user(format!("message encryption not supported for key type {}", kind.name())));
    }
    if !extras.nonce.is_empty() {
        return Err(Fault::user("provided nonce not allowed for this key"));
    }
    let number = key.version_for(requested, "encryption")?;
    let aad = associated_data(kind, extras)?;
    if let Material::Rsa { public, .. } = key.version(number)?.material(kind)? {
        let sealed = public.encrypt_oaep(Hash::Sha256, plaintext).map_err(|_| {
            Fault::internal(
                "failed to RSA encrypt the plaintext: crypto/rsa: message too long for RSA key size",
            )
        })?;
        return Ok((text::join(number, &base64::encode(sealed)), number));
    }
    let failed = |_| Fault::internal("encryption failed");
    let sealed = if key.settings.derived {
        let (cipher, nonce_key) = derived_cipher(key, number, extras.context)?;
        match nonce_key {
            Some(nonce_key) => {
                cipher.seal_with_nonce(convergent_nonce(&nonce_key, plaintext)?, &aad, plaintext)
            }
            None => cipher.seal(random, &aad, plaintext),
        }
    } else {
        match key.version(number)?.material(kind)? {
            Material::Cipher(cipher) => cipher.seal(random, &aad, plaintext),
            _ => return Err(unsupported(kind)),
        }
    };
    Ok((text::join(number, &base64::encode(sealed.map_err(failed)?)), number))
}

/// Decrypts a text.
pub(super) fn decrypt(key: &Key, extras: Extras<'_>, ciphertext: &str) -> Result<SecretBytes, Fault> {
    let kind = key.settings.kind;
    if !kind.encrypts() {
        return Err(Fault::user(format!("message decryption not supported for key type {}", kind.name())));
    }
    let parts = Parts::of(ciphertext, "ciphertext")?;
    // Version 0 is what the first release of Vault wrote for version 1.
    let number = key.version_of(if parts.version == 0 { 1 } else { parts.version }, "ciphertext")?;
    let sealed = base64::decode(parts.payload)
        .map_err(|_| Fault::user("invalid ciphertext: could not decode base64"))?;
    let aad = associated_data(kind, extras)?;
    if let Material::Rsa { private, .. } = key.version(number)?.material(kind)? {
        let private = private.as_ref().ok_or_else(|| {
            Fault::internal("cannot decrypt ciphertext, key version does not have a private counterpart")
        })?;
        return private.decrypt_oaep(Hash::Sha256, &sealed).map_err(|_| {
            Fault::internal("failed to RSA decrypt the ciphertext: crypto/rsa: decryption error")
        });
    }
    let open = |cipher: &Aead| {
        if sealed.len() < NONCE_LEN {
            return Err(Fault::user("invalid ciphertext length"));
        }
        cipher.open(&aad, &sealed).map_err(|_| not_authentic(kind))
    };
    if key.settings.derived {
        let (cipher, _) = derived_cipher(key, number, extras.context)?;
        return open(&cipher);
    }
    match key.version(number)?.material(kind)? {
        Material::Cipher(cipher) => open(cipher),
        _ => Err(unsupported(kind)),
    }
}

/// The Ed25519 key of a context.
pub(super) fn derived_signing_key(key: &Key, number: u32, context: &str) -> Result<sign::SigningKey, Fault> {
    let seed = derive(key, number, context, ED25519_SEED_LEN)?;
    sign::SigningKey::ed25519_from_seed(seed.expose())
        .map_err(|_| Fault::internal("error deriving key: the seed was refused"))
}

/// The cipher of a context, and the key of its nonces for a convergent key.
fn derived_cipher(key: &Key, number: u32, context: &str) -> Result<(Aead, Option<SecretBytes>), Fault> {
    let kind = key.settings.kind;
    let algorithm = kind.cipher().ok_or_else(|| unsupported(kind))?;
    let len = algorithm.key_len();
    let nonce_len = if key.settings.convergent { NONCE_KEY_LEN } else { 0 };
    let derived = derive(key, number, context, len + nonce_len)?;
    let (cipher, nonce_key) = derived.expose().split_at_checked(len).ok_or_else(|| unsupported(kind))?;
    let nonce_key = key.settings.convergent.then(|| SecretBytes::copy_of(nonce_key));
    let cipher = Aead::new(algorithm, cipher).map_err(|error| Fault::internal(error.to_string()))?;
    Ok((cipher, nonce_key))
}

/// HKDF-SHA256 of the version's secret without salt, the context being the purpose.
fn derive(key: &Key, number: u32, context: &str, len: usize) -> Result<SecretBytes, Fault> {
    if context.is_empty() {
        return Err(Fault::user(
            "missing 'context' for key derivation; the key was created using a derived key, which means \
             additional, per-request information must be included in order to perform operations with the key",
        ));
    }
    let context = base64::decode(context).map_err(|illegal| Fault::user(illegal.to_string()))?;
    let secret = key.version(number)?.derivation_secret(key.settings.kind)?;
    hkdf::sha256_bytes(b"", secret.expose(), &context, len)
        .map_err(|error| Fault::internal(error.to_string()))
}

/// The third way of convergence: the beginning of an HMAC-SHA256 of the plaintext.
fn convergent_nonce(key: &SecretBytes, plaintext: &[u8]) -> Result<[u8; NONCE_LEN], Fault> {
    let code = hmac::Key::new(hmac::Algorithm::Sha256, key.expose()).sign(plaintext);
    code.as_ref().first_chunk().copied().ok_or_else(|| Fault::internal("could not derive the nonce"))
}

fn associated_data(kind: Kind, extras: Extras<'_>) -> Result<Zeroizing<Vec<u8>>, Fault> {
    if extras.associated_data.is_empty() {
        return Ok(Zeroizing::default());
    }
    if kind.cipher().is_none() {
        return Err(Fault::user(format!(
            "'associated_data' provided for non-AEAD cipher suite {}",
            kind.name()
        )));
    }
    base64::decode(extras.associated_data).map_err(|illegal| {
        Fault::user(format!("unable to get associated_data/additional_data from factory[0]: {illegal}"))
    })
}

fn not_authentic(kind: Kind) -> Fault {
    Fault::user(match kind {
        Kind::ChaCha20Poly1305 => "chacha20poly1305: message authentication failed",
        _ => "cipher: message authentication failed",
    })
}

fn unsupported(kind: Kind) -> Fault {
    Fault::internal(format!("unsupported key type {}", kind.name()))
}

/// Bytes of the key of a convergent key's nonces.
const NONCE_KEY_LEN: usize = 32;
const ED25519_SEED_LEN: usize = 32;
const _: () = assert!(OVERHEAD == 28, "ciphertexts are nonce, data and tag as Vault lays them out");
