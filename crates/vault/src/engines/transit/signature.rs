//! Signing and verifying one item, without storage or requests.

use trustkeep_crypto::hash::Algorithm as Hash;
use trustkeep_crypto::{rsa, sign};

use super::cipher::derived_signing_key;
use super::fault::Fault;
use super::key::Key;
use super::kind::Kind;
use super::text::{self, Parts};
use super::version::Material;
use crate::engines::base64;
use crate::engines::tools;
use crate::request::Request;
use crate::{Error, Result};

/// How to sign or verify: the same for all items of a request.
#[derive(Debug)]
pub(super) struct Options {
    /// The digest; `None` for `none`.
    pub(super) hash: Option<Hash>,
    /// Whether the input is the digest.
    pub(super) prehashed: bool,
    marshaling: Marshaling,
    padding: Padding,
    salt: Salt,
}

/// How a signature is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marshaling {
    /// A DER sequence in base64.
    Asn1,
    /// `r ‖ s` in base64 for URLs.
    Jws,
}

#[derive(Debug, PartialEq, Eq)]
enum Padding {
    Pss,
    Pkcs1v15,
    Unknown(String),
}

/// The length of a salt as it was asked for: 0 is `auto`, -1 is `hash`.
#[derive(Clone, Copy, Debug)]
struct Salt(i64);

impl Options {
    /// Those of a request; `named` is the digest that the path names, which may be empty.
    ///
    /// # Errors
    /// 400 for what is not on offer.
    pub(super) fn of(request: &Request, named: &str) -> Result<Self> {
        let name = hash_name(request, named, "hash_algorithm")?;
        let hash = match name.as_str() {
            "none" => None,
            name => {
                let unknown = || Error::invalid(format!("invalid hash algorithm {name:?}"));
                Some(tools::algorithm(name).ok_or_else(unknown)?)
            }
        };
        let marshaling = match request.text("marshaling_algorithm")?.as_deref() {
            None | Some("asn1") => Marshaling::Asn1,
            Some("jws") => Marshaling::Jws,
            Some(other) => return Err(Error::invalid(format!("invalid marshaling type {other:?}"))),
        };
        let padding = match request.text("signature_algorithm")?.as_deref() {
            None | Some("" | "pss") => Padding::Pss,
            Some("pkcs1v15") => Padding::Pkcs1v15,
            Some(other) => Padding::Unknown(other.to_owned()),
        };
        let prehashed = request.bool("prehashed")?.unwrap_or(false);
        let salt = Salt::of(request.text("salt_length")?)?;
        Ok(Options { hash, prehashed, marshaling, padding, salt })
    }

    /// Refuses `none` where no digest was given.
    ///
    /// # Errors
    /// 400.
    pub(super) fn check_none(&self) -> Result<()> {
        if self.hash.is_none() && (!self.prehashed || self.padding != Padding::Pkcs1v15) {
            return Err(Error::invalid(
                "hash_algorithm=none requires both prehashed=true and signature_algorithm=pkcs1v15",
            ));
        }
        Ok(())
    }

    fn encode(&self, signature: &[u8]) -> String {
        match self.marshaling {
            Marshaling::Asn1 => base64::encode(signature),
            Marshaling::Jws => base64::encode_url(signature),
        }
    }

    fn decode(&self, payload: &str) -> std::result::Result<Vec<u8>, Fault> {
        let decoded = match self.marshaling {
            Marshaling::Asn1 => base64::decode(payload),
            Marshaling::Jws => base64::decode_url(payload),
        };
        decoded.map(|bytes| bytes.to_vec()).map_err(|_| Fault::user("invalid base64 signature value"))
    }

    /// The parameters of RSA.
    fn rsa(&self, size: rsa::Size) -> std::result::Result<(rsa::Padding, Hash), Fault> {
        // The provider has no others; of PKCS #1 v1.5 it has none without a digest's name either.
        let offered = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
        let hash = self.hash.filter(|hash| offered.contains(hash));
        let hash = hash.ok_or_else(|| Fault::user("unsupported hash algorithm"))?;
        let padding = match &self.padding {
            Padding::Pkcs1v15 => rsa::Padding::Pkcs1v15,
            Padding::Pss => rsa::Padding::Pss(self.salt.for_key(size, hash)?),
            Padding::Unknown(name) => {
                return Err(Fault::internal(format!("unsupported rsa signature algorithm {name}")));
            }
        };
        Ok((padding, hash))
    }
}

impl Salt {
    fn of(text: Option<String>) -> Result<Self> {
        let Some(text) = text else { return Ok(Salt(0)) };
        match text.to_lowercase().as_str() {
            "" | "auto" => Ok(Salt(0)),
            "hash" => Ok(Salt(-1)),
            lower => match lower.parse::<i64>() {
                Err(_) => {
                    Err(Error::invalid(format!("salt length neither 'auto', 'hash', nor an int: {text}")))
                }
                Ok(len) if len < -1 => Err(Error::invalid(format!("salt length is invalid: {len}"))),
                Ok(len) => Ok(Salt(len)),
            },
        }
    }

    fn for_key(self, size: rsa::Size, hash: Hash) -> std::result::Result<rsa::Salt, Fault> {
        match self.0 {
            0 => Ok(rsa::Salt::Auto),
            -1 => Ok(rsa::Salt::Digest),
            len => {
                let fitting = u16::try_from(len).ok();
                let fitting = fitting.filter(|len| usize::from(*len) <= rsa::salt_len_max(size, hash));
                let invalid = || Fault::user(format!("requested salt length {len} is invalid"));
                fitting.map(rsa::Salt::Bytes).ok_or_else(invalid)
            }
        }
    }
}

/// The name of the digest: of the path, of the field, or the older field `algorithm`.
pub(super) fn hash_name(request: &Request, named: &str, field: &str) -> Result<String> {
    if !named.is_empty() {
        return Ok(named.to_owned());
    }
    for field in [field, "algorithm"] {
        if let Some(name) = request.text(field)?.filter(|name| !name.is_empty()) {
            return Ok(name);
        }
    }
    Ok("sha2-256".to_owned())
}

/// A signature, with the version and, for a derived key, the public key that verifies it.
pub(super) struct Signed {
    pub(super) signature: String,
    pub(super) version: u32,
    pub(super) public: Option<Vec<u8>>,
}

/// Signs bytes that were decoded from an item's input.
pub(super) fn sign(
    key: &Key,
    requested: i64,
    options: &Options,
    context: &str,
    input: &[u8],
) -> std::result::Result<Signed, Fault> {
    let kind = key.settings.kind;
    let number = key.version_for(requested, "signing")?;
    let failed = |_| Fault::internal("the signature could not be computed");
    if kind == Kind::Ed25519 && key.settings.derived {
        let derived = derived_signing_key(key, number, context)?;
        let signature = derived.sign(input).map_err(failed)?;
        let public = derived.public_key().and_then(|public| public.to_raw()).map_err(failed)?;
        let signature = text::join(number, &options.encode(&signature));
        return Ok(Signed { signature, version: number, public: Some(public) });
    }
    let missing = || Fault::user("requested version for signing does not contain a private part");
    let signature = match key.version(number)?.material(kind)? {
        Material::Curve { private, .. } => {
            let private = private.as_deref().ok_or_else(missing)?;
            let digest = digest(kind, options, input);
            let signature = match options.marshaling {
                Marshaling::Asn1 => private.sign_digest(&digest),
                Marshaling::Jws => private.sign_digest_fixed(&digest),
            };
            signature.map_err(|error| Fault::user(error.to_string()))?
        }
        Material::Rsa { private, .. } => {
            let private = private.as_deref().ok_or_else(missing)?;
            let (padding, hash) = options.rsa(private.size())?;
            let digest = digest(kind, options, input);
            if digest.len() != hash.output_len() {
                return Err(Fault::user("crypto/rsa: input must be hashed message"));
            }
            private.sign_digest(padding, hash, &digest).map_err(failed)?
        }
        _ => return Err(Fault::internal(format!("unsupported key type {}", kind.name()))),
    };
    let signature = text::join(number, &options.encode(&signature));
    Ok(Signed { signature, version: number, public: None })
}

/// Whether a signature is one of these bytes.
pub(super) fn verify(
    key: &Key,
    options: &Options,
    context: &str,
    input: &[u8],
    signature: &str,
) -> std::result::Result<bool, Fault> {
    let kind = key.settings.kind;
    let parts = Parts::of(signature, "signature")?;
    let number = key.version_of(parts.version, "signature")?;
    let signature = options.decode(parts.payload)?;
    if kind == Kind::Ed25519 && key.settings.derived {
        let derived = derived_signing_key(key, number, context)?;
        let public = derived.public_key().map_err(|error| Fault::internal(error.to_string()))?;
        return Ok(public.verify(input, &signature).is_ok());
    }
    match key.version(number)?.material(kind)? {
        Material::Curve { public, .. } => verify_curve(public, kind, options, input, &signature),
        Material::Rsa { public, .. } => {
            let (padding, hash) = options.rsa(public.size())?;
            Ok(public.verify_digest(padding, hash, &digest(kind, options, input), &signature).is_ok())
        }
        _ => Err(Fault::internal(format!("unsupported key type {}", kind.name()))),
    }
}

fn verify_curve(
    public: &sign::PublicKey,
    kind: Kind,
    options: &Options,
    input: &[u8],
    signature: &[u8],
) -> std::result::Result<bool, Fault> {
    let digest = digest(kind, options, input);
    let is_sequence = signature.first() == Some(&DER_SEQUENCE);
    match options.marshaling {
        Marshaling::Asn1 if kind != Kind::Ed25519 && !is_sequence => {
            Err(Fault::user("supplied signature is invalid"))
        }
        Marshaling::Asn1 => Ok(public.verify_digest(&digest, signature).is_ok()),
        Marshaling::Jws => Ok(public.verify_digest_fixed(&digest, signature).is_ok()),
    }
}

/// What is signed: the digest of the input, or the input where it is one or the key signs messages.
fn digest(kind: Kind, options: &Options, input: &[u8]) -> Vec<u8> {
    match options.hash {
        Some(hash) if kind.signs_digests() && !options.prehashed => hash.digest(input).as_ref().to_vec(),
        _ => input.to_vec(),
    }
}

const DER_SEQUENCE: u8 = 0x30;
