//! Opening (RFC 0019, "Unpack Message").

use std::borrow::Cow;
use std::collections::BTreeSet;

use askar_crypto::alg::chacha20::{C20P, Chacha20Key};
use askar_crypto::encrypt::KeyAeadInPlace as _;
use askar_crypto::repr::KeySecretBytes as _;

use super::jwe::{ANONCRYPT, AUTHCRYPT, ENC, ENC_ALIASES, Jwe, Protected, Slot, TYP};
use super::{ENVELOPE_BYTES_MAX, PROTECTED_CHARS_MAX, RECIPIENTS_MAX, seal};
use crate::encoding::from_base64;
use crate::{Error, Keypair, Result, Verkey, key};

const NONCE_BYTES: usize = Chacha20Key::<C20P>::NONCE_LENGTH;
const TAG_BYTES: usize = Chacha20Key::<C20P>::TAG_LENGTH;
const KEY_BYTES: usize = Chacha20Key::<C20P>::KEY_LENGTH;
/// A verkey in base58, sealed.
const SENDER_BYTES_MAX: usize = 44 + seal::SEAL_BYTES;
/// The name of a recipient. Only names of our own keys are ever looked up.
const KID_CHARS_MAX: usize = 128;

/// An envelope that was taken apart and not yet opened.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// As it came: the text, not what it decodes to, is what the sender authenticated.
    protected: String,
    nonce: [u8; NONCE_BYTES],
    /// Ciphertext and tag; opened in place.
    sealed: Vec<u8>,
    recipients: Vec<Addressee>,
}

#[derive(Clone, Debug)]
struct Addressee {
    kid: String,
    encrypted_key: Vec<u8>,
    sender: Option<(Vec<u8>, [u8; seal::NONCE_BYTES])>,
}

/// What was in an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The message, usually JSON.
    pub message: Vec<u8>,
    /// Who packed it, proven; none if it was packed anonymously.
    pub sender: Option<Verkey>,
    /// The key that opened it.
    pub recipient: Verkey,
}

impl Envelope {
    /// Takes an envelope apart. base64 may be of either alphabet, padded or not; everything else must be as RFC 0019
    /// says, with each recipient once.
    ///
    /// # Errors
    /// Names the field: [`Error::Missing`], [`Error::Invalid`], [`Error::Unsupported`] or [`Error::TooLarge`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(Error::too_large("envelope", ENVELOPE_BYTES_MAX));
        }
        let jwe: Jwe<'_> =
            serde_json::from_slice(bytes).map_err(|error| Error::invalid("envelope", error.to_string()))?;
        let mut sealed = from_base64("ciphertext", &jwe.ciphertext)?;
        let tag: [u8; TAG_BYTES] = sized("tag", from_base64("tag", &jwe.tag)?)?;
        sealed.extend_from_slice(&tag);
        Ok(Self {
            nonce: sized("iv", from_base64("iv", &jwe.iv)?)?,
            sealed,
            recipients: recipients(&jwe.protected)?,
            protected: jwe.protected.into_owned(),
        })
    }

    /// The names of the keys that can open it, in the sender's order: verkeys in base58. The first that the caller
    /// has is the one to use.
    pub fn recipients(&self) -> impl Iterator<Item = &str> {
        self.recipients.iter().map(|recipient| recipient.kid.as_str())
    }

    /// Opens it with one of the keys it is addressed to.
    ///
    /// # Errors
    /// [`Error::NotAddressed`] for another key, [`Error::Open`] if anything was altered.
    pub fn open(mut self, keypair: &Keypair) -> Result<Opened> {
        let slot = self.recipients.iter().find(|recipient| recipient.kid == keypair.kid());
        let slot = slot.ok_or_else(|| Error::NotAddressed(keypair.kid().to_owned()))?;
        let (secret, sender) = match &slot.sender {
            Some((sealed, nonce)) => {
                let sender = sender(keypair, sealed)?;
                let image = key::agreement(&sender).map_err(|_| Error::Open { part: "sender" })?;
                let secret = seal::open_between(keypair.agreement(), &image, nonce, &slot.encrypted_key)?;
                (secret, Some(sender))
            }
            None => (seal::open_anonymous("encrypted_key", keypair.agreement(), &slot.encrypted_key)?, None),
        };
        let key = Chacha20Key::<C20P>::from_secret_bytes(&secret)
            .map_err(|_| Error::Open { part: "encrypted_key" })?;
        key.decrypt_in_place(&mut self.sealed, &self.nonce, self.protected.as_bytes())
            .map_err(|_| Error::Open { part: "ciphertext" })?;
        Ok(Opened { message: self.sealed, sender, recipient: keypair.verkey() })
    }
}

fn recipients(protected: &str) -> Result<Vec<Addressee>> {
    if protected.len() > PROTECTED_CHARS_MAX {
        return Err(Error::too_large("protected", PROTECTED_CHARS_MAX));
    }
    let json = from_base64("protected", protected)?;
    let header: Protected<'_> =
        serde_json::from_slice(&json).map_err(|error| Error::invalid("protected", error.to_string()))?;
    if let Some(enc) = header.enc.as_deref().filter(|enc| *enc != ENC && !ENC_ALIASES.contains(enc)) {
        return Err(Error::unsupported("protected.enc", enc));
    }
    if let Some(typ) = header.typ.as_deref().filter(|typ| *typ != TYP) {
        return Err(Error::unsupported("protected.typ", typ));
    }
    let authenticated = match &*header.alg {
        AUTHCRYPT => true,
        ANONCRYPT => false,
        other => return Err(Error::unsupported("protected.alg", other)),
    };
    if header.recipients.is_empty() {
        return Err(Error::missing("protected.recipients"));
    }
    if header.recipients.len() > RECIPIENTS_MAX {
        return Err(Error::too_large("protected.recipients", RECIPIENTS_MAX));
    }
    let read = header.recipients.into_iter().enumerate();
    let read: Vec<_> =
        read.map(|(index, slot)| addressee(index, slot, authenticated)).collect::<Result<_>>()?;
    let mut seen = BTreeSet::new();
    if let Some(twice) = read.iter().find(|recipient| !seen.insert(recipient.kid.as_str())) {
        return Err(Error::invalid("protected.recipients", format!("{} is there twice", twice.kid)));
    }
    Ok(read)
}

fn addressee(index: usize, slot: Slot<'_>, authenticated: bool) -> Result<Addressee> {
    let path = |member: &str| format!("protected.recipients[{index}].{member}");
    if slot.header.kid.is_empty() {
        return Err(Error::missing(path("header.kid")));
    }
    if slot.header.kid.len() > KID_CHARS_MAX {
        return Err(Error::too_large(path("header.kid"), KID_CHARS_MAX));
    }
    // Empty is absent, as ACA-Py reads it.
    let sender = slot.header.sender.filter(|text| !text.is_empty());
    let iv = slot.header.iv.filter(|text| !text.is_empty());
    let sender = match (sender, iv) {
        (Some(sender), Some(iv)) => {
            let sender = from_base64(path("header.sender"), &sender)?;
            if sender.len() > SENDER_BYTES_MAX {
                return Err(Error::too_large(path("header.sender"), SENDER_BYTES_MAX));
            }
            Some((sender, sized(path("header.iv"), from_base64(path("header.iv"), &iv)?)?))
        }
        (None, None) if authenticated => return Err(Error::missing(path("header.sender"))),
        (None, None) => None,
        (Some(_), None) => return Err(Error::missing(path("header.iv"))),
        (None, Some(_)) => return Err(Error::missing(path("header.sender"))),
    };
    let encrypted_key = from_base64(path("encrypted_key"), &slot.encrypted_key)?;
    let around = if sender.is_some() { seal::BOX_BYTES } else { seal::SEAL_BYTES };
    if encrypted_key.len() != KEY_BYTES + around {
        return Err(Error::invalid(path("encrypted_key"), "not the length of a key in a box"));
    }
    Ok(Addressee { kid: slot.header.kid.into_owned(), encrypted_key, sender })
}

/// The sender's verkey, which only a recipient can read.
fn sender(keypair: &Keypair, sealed: &[u8]) -> Result<Verkey> {
    let text = seal::open_anonymous("sender", keypair.agreement(), sealed)?;
    let text = text.as_opt_str().ok_or(Error::Open { part: "sender" })?;
    text.parse().map_err(|_| Error::Open { part: "sender" })
}

fn sized<const N: usize>(field: impl Into<Cow<'static, str>>, bytes: Vec<u8>) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| Error::invalid(field, format!("not {N} bytes")))
}
