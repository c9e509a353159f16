//! The JSON of an envelope, as it is on the wire (RFC 0019, and its schema).

use std::borrow::Cow;

use serde::Deserialize;

/// What `enc` is called. The cipher is ChaCha20-Poly1305 with a nonce of 12 bytes, whatever the name says.
pub(super) const ENC: &str = "xchacha20poly1305_ietf";
/// Other names of the same cipher: the RFC's own in its description of the format, and the true one.
pub(super) const ENC_ALIASES: [&str; 2] = ["xchachapoly1305_ietf", "chacha20poly1305_ietf"];
pub(super) const TYP: &str = "JWM/1.0";
pub(super) const AUTHCRYPT: &str = "Authcrypt";
pub(super) const ANONCRYPT: &str = "Anoncrypt";

/// An envelope has these members and no other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Jwe<'a> {
    #[serde(borrow)]
    pub(super) protected: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) iv: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) ciphertext: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) tag: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Protected<'a> {
    #[serde(borrow)]
    pub(super) enc: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) typ: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) alg: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) recipients: Vec<Slot<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Slot<'a> {
    #[serde(borrow)]
    pub(super) encrypted_key: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) header: Header<'a>,
}

#[derive(Deserialize)]
pub(super) struct Header<'a> {
    #[serde(borrow)]
    pub(super) kid: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) sender: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) iv: Option<Cow<'a, str>>,
}
