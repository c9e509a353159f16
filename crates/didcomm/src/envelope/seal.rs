//! Boxes as libsodium makes them: `crypto_box` from one key to another, `crypto_box_seal` from nobody.

use askar_crypto::alg::x25519::{PUBLIC_KEY_LENGTH, X25519KeyPair};
use askar_crypto::buffer::SecretBytes;
use askar_crypto::encrypt::crypto_box::{
    CBOX_NONCE_LENGTH, CBOX_TAG_LENGTH, crypto_box, crypto_box_open, crypto_box_seal_nonce,
    crypto_box_seal_open,
};
use askar_crypto::repr::{KeyGen as _, KeyPublicBytes as _};
use trustkeep_crypto::Random;

use crate::key::Material;
use crate::{Error, Result};

pub(super) const NONCE_BYTES: usize = CBOX_NONCE_LENGTH;
/// What a sealed box is longer than its content.
pub(super) const SEAL_BYTES: usize = PUBLIC_KEY_LENGTH + CBOX_TAG_LENGTH;
/// What a box between two keys is longer than its content.
pub(super) const BOX_BYTES: usize = CBOX_TAG_LENGTH;

const FAILED: Error = Error::Library { operation: "sealing a box" };

/// `tag ciphertext`, authenticated by the sender's key.
pub(super) fn between(
    sender: &X25519KeyPair,
    recipient: &X25519KeyPair,
    nonce: &[u8; NONCE_BYTES],
    content: &[u8],
) -> Result<Vec<u8>> {
    let mut boxed = Vec::with_capacity(content.len() + BOX_BYTES);
    boxed.extend_from_slice(content);
    crypto_box(recipient, sender, &mut boxed, nonce).map_err(|_| FAILED)?;
    Ok(boxed)
}

pub(super) fn open_between(
    recipient: &X25519KeyPair,
    sender: &X25519KeyPair,
    nonce: &[u8; NONCE_BYTES],
    boxed: &[u8],
) -> Result<SecretBytes> {
    let mut content = SecretBytes::from_slice(boxed);
    crypto_box_open(recipient, sender, &mut content, nonce)
        .map_err(|_| Error::Open { part: "encrypted_key" })?;
    Ok(content)
}

/// `ephemeral_key tag ciphertext`. Askar's own function for it takes its ephemeral key from the system; here
/// randomness is a parameter.
pub(super) fn anonymous(recipient: &X25519KeyPair, content: &[u8], random: &dyn Random) -> Result<Vec<u8>> {
    let ephemeral = X25519KeyPair::generate(Material(random)).map_err(|_| FAILED)?;
    ephemeral.with_public_bytes(|public| {
        let nonce =
            recipient.with_public_bytes(|to| crypto_box_seal_nonce(public, to)).map_err(|_| FAILED)?;
        let boxed = between(&ephemeral, recipient, &nonce, content)?;
        Ok([public, &boxed].concat())
    })
}

pub(super) fn open_anonymous(
    part: &'static str,
    recipient: &X25519KeyPair,
    sealed: &[u8],
) -> Result<SecretBytes> {
    crypto_box_seal_open(recipient, sealed).map_err(|_| Error::Open { part })
}
