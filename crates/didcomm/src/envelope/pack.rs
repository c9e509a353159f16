//! Packing (RFC 0019, "Pack Message").

use askar_crypto::alg::chacha20::{C20P, Chacha20Key};
use askar_crypto::encrypt::KeyAeadInPlace as _;
use askar_crypto::repr::{KeyGen as _, KeySecretBytes as _};
use trustkeep_crypto::Random;
use trustkeep_crypto::random::array;

use super::jwe::{ANONCRYPT, AUTHCRYPT, ENC, TYP};
use super::{RECIPIENTS_MAX, seal};
use crate::encoding::{push_base64url, to_base64url};
use crate::key::Material;
use crate::{Error, Keypair, Recipient, Result};

const FAILED: Error = Error::Library { operation: "packing an envelope" };

/// Packs `message` so that each recipient, and nobody else, can open it and knows that `sender` packed it.
///
/// # Errors
/// [`Error::Missing`] or [`Error::TooLarge`] with the field `recipients`.
pub fn authcrypt(
    message: &[u8],
    recipients: &[Recipient],
    sender: &Keypair,
    random: &dyn Random,
) -> Result<Vec<u8>> {
    pack(message, recipients, Some(sender), random)
}

/// Packs `message` so that each recipient, and nobody else, can open it; nothing tells who packed it.
///
/// # Errors
/// [`Error::Missing`] or [`Error::TooLarge`] with the field `recipients`.
pub fn anoncrypt(message: &[u8], recipients: &[Recipient], random: &dyn Random) -> Result<Vec<u8>> {
    pack(message, recipients, None, random)
}

fn pack(
    message: &[u8],
    recipients: &[Recipient],
    sender: Option<&Keypair>,
    random: &dyn Random,
) -> Result<Vec<u8>> {
    let key = Chacha20Key::<C20P>::generate(Material(random)).map_err(|_| FAILED)?;
    let protected = to_base64url(header(&key, recipients, sender, random)?.as_bytes());

    let nonce: [u8; Chacha20Key::<C20P>::NONCE_LENGTH] = array(random);
    let mut sealed = Vec::with_capacity(message.len() + Chacha20Key::<C20P>::TAG_LENGTH);
    sealed.extend_from_slice(message);
    let end = key.encrypt_in_place(&mut sealed, &nonce, protected.as_bytes()).map_err(|_| FAILED)?;
    let (ciphertext, tag) = sealed.split_at_checked(end).ok_or(FAILED)?;

    // No character of base64url or base58 needs an escape in JSON.
    let mut text = String::with_capacity(protected.len() + message.len().div_ceil(3) * 4 + 128);
    text.push_str(r#"{"protected":""#);
    text.push_str(&protected);
    text.push_str(r#"","iv":""#);
    push_base64url(&nonce, &mut text);
    text.push_str(r#"","ciphertext":""#);
    push_base64url(ciphertext, &mut text);
    text.push_str(r#"","tag":""#);
    push_base64url(tag, &mut text);
    text.push_str(r#""}"#);
    Ok(text.into_bytes())
}

/// What `protected` holds: the content key, in a box for each recipient.
fn header(
    key: &Chacha20Key<C20P>,
    recipients: &[Recipient],
    sender: Option<&Keypair>,
    random: &dyn Random,
) -> Result<String> {
    if recipients.is_empty() {
        return Err(Error::missing("recipients"));
    }
    if recipients.len() > RECIPIENTS_MAX {
        return Err(Error::too_large("recipients", RECIPIENTS_MAX));
    }
    let alg = if sender.is_some() { AUTHCRYPT } else { ANONCRYPT };
    let mut text = format!(r#"{{"enc":"{ENC}","typ":"{TYP}","alg":"{alg}","recipients":["#);
    for (index, recipient) in recipients.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        slot(&mut text, key, recipient, sender, random)?;
    }
    text.push_str("]}");
    Ok(text)
}

fn slot(
    text: &mut String,
    key: &Chacha20Key<C20P>,
    recipient: &Recipient,
    sender: Option<&Keypair>,
    random: &dyn Random,
) -> Result<()> {
    let nonce: [u8; seal::NONCE_BYTES] = array(random);
    let encrypted_key = key.with_secret_bytes(|secret| {
        let secret = secret.ok_or(FAILED)?;
        match sender {
            Some(sender) => seal::between(sender.agreement(), recipient.agreement(), &nonce, secret),
            None => seal::anonymous(recipient.agreement(), secret, random),
        }
    })?;
    text.push_str(r#"{"encrypted_key":""#);
    push_base64url(&encrypted_key, text);
    text.push_str(r#"","header":{"kid":""#);
    text.push_str(recipient.kid());
    if let Some(sender) = sender {
        text.push_str(r#"","sender":""#);
        push_base64url(&seal::anonymous(recipient.agreement(), sender.kid().as_bytes(), random)?, text);
        text.push_str(r#"","iv":""#);
        push_base64url(&nonce, text);
    }
    text.push_str(r#""}}"#);
    Ok(())
}
