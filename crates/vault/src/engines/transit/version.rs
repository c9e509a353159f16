//! One version of a key: its secrets as stored, and made ready for use once.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use trustkeep_crypto::aead::Aead;
use trustkeep_crypto::{Random, SecretBytes, pem, rsa, sign};
use zeroize::Zeroizing;

use super::fault::Fault;
use super::kind::Kind;
use crate::engines::base64;
use crate::{Error, Result};

/// A version of a key.
#[derive(Debug)]
pub(super) struct KeyVersion {
    /// Unix nanoseconds.
    pub(super) created: i64,
    /// The key: raw bytes for symmetric keys and HMAC, the seed for Ed25519, else PKCS#8. Empty where only
    /// the public key was imported.
    pub(super) secret: SecretBytes,
    /// The key of `hmac`; for keys of that type the key itself.
    pub(super) hmac: SecretBytes,
    /// The public key (SPKI); empty for symmetric keys.
    pub(super) public: Vec<u8>,
    ready: OnceLock<Material>,
}

/// Keys expanded for use.
#[derive(Debug)]
pub(super) enum Material {
    Cipher(Box<Aead>),
    Curve {
        private: Option<Box<sign::SigningKey>>,
        public: Box<sign::PublicKey>,
    },
    Rsa {
        private: Option<Box<rsa::PrivateKey>>,
        public: Box<rsa::PublicKey>,
    },
    /// Nothing to expand.
    Plain,
}

impl KeyVersion {
    /// A fresh one; `len` is the length of an HMAC key. RSA takes up to seconds.
    pub(super) fn generate(kind: Kind, len: usize, random: &dyn Random, now: i64) -> Result<Self> {
        let (secret, public) = if let Some(cipher) = kind.cipher() {
            (SecretBytes::random(random, cipher.key_len()), Vec::new())
        } else if let Some(size) = kind.rsa() {
            let key = rsa::PrivateKey::generate(size).map_err(Error::internal)?;
            (key.to_pkcs8_der().map_err(Error::internal)?, key.public_key().to_spki_der().to_vec())
        } else if kind == Kind::Ed25519 {
            let seed = SecretBytes::random(random, ED25519_SEED_LEN);
            let key = sign::SigningKey::ed25519_from_seed(seed.expose()).map_err(Error::internal)?;
            (seed, spki(&key)?)
        } else if let Some(curve) = kind.curve() {
            let key = sign::SigningKey::generate(curve).map_err(Error::internal)?;
            (key.to_pkcs8_der().map_err(Error::internal)?, spki(&key)?)
        } else {
            (SecretBytes::random(random, len), Vec::new())
        };
        Ok(Self::with(kind, secret, public, random, now))
    }

    /// One of secrets that came from outside: raw bytes, or PKCS#8 for asymmetric keys.
    ///
    /// # Errors
    /// 400 where they are no key of this type.
    pub(super) fn import(kind: Kind, secret: SecretBytes, random: &dyn Random, now: i64) -> Result<Self> {
        let refused = || {
            Error::invalid(format!(
                "error importing key: error parsing asymmetric key: not a PKCS#8 document of type {}",
                kind.name()
            ))
        };
        let (secret, public) = if let Some(size) = kind.rsa() {
            let key = rsa::PrivateKey::from_pkcs8_der(secret.expose()).map_err(|_| refused())?;
            if key.size() != size {
                return Err(Error::invalid(format!(
                    "error importing key: invalid key size: expected {} bytes, got {} bytes",
                    size.len(),
                    key.size().len()
                )));
            }
            (key.to_pkcs8_der().map_err(Error::internal)?, key.public_key().to_spki_der().to_vec())
        } else if let Some(curve) = kind.curve() {
            let key = sign::SigningKey::from_pkcs8_der(curve, secret.expose()).map_err(|_| refused())?;
            let public = spki(&key)?;
            let secret = if kind == Kind::Ed25519 { key.to_ed25519_seed() } else { key.to_pkcs8_der() };
            (secret.map_err(Error::internal)?, public)
        } else {
            let fits = match kind.cipher() {
                Some(cipher) => secret.len() == cipher.key_len(),
                None => super::key::HMAC_LEN.contains(&secret.len()),
            };
            if !fits {
                return Err(Error::invalid(format!(
                    "error importing key: invalid key size {} bytes for key type {}",
                    secret.len(),
                    kind.name()
                )));
            }
            (secret, Vec::new())
        };
        Ok(Self::with(kind, secret, public, random, now))
    }

    /// One of a public key alone, in PEM: it encrypts and verifies.
    ///
    /// # Errors
    /// 400 where the text is no key of this type.
    pub(super) fn import_public(kind: Kind, text: &str, random: &dyn Random, now: i64) -> Result<Self> {
        let refused =
            |why: &str| Error::invalid(format!("error importing key: error parsing public key: {why}"));
        let der = pem::decode(text, &["PUBLIC KEY"]).map_err(|_| refused("not in PEM format"))?;
        let wrong = || refused(&format!("not a key of type {}", kind.name()));
        let public = if let Some(size) = kind.rsa() {
            let key = rsa::PublicKey::from_spki_der(der.expose()).ok().filter(|key| key.size() == size);
            key.ok_or_else(wrong)?.to_spki_der().to_vec()
        } else {
            let key = sign::PublicKey::from_spki_der(der.expose()).ok();
            let key = key.filter(|key| Some(key.algorithm()) == kind.curve()).ok_or_else(wrong)?;
            key.to_spki_der().map_err(Error::internal)?
        };
        Ok(Self::with(kind, SecretBytes::new(Vec::new()), public, random, now))
    }

    fn with(kind: Kind, secret: SecretBytes, public: Vec<u8>, random: &dyn Random, created: i64) -> Self {
        let hmac = match kind {
            Kind::Hmac => secret.duplicate(),
            _ => SecretBytes::random(random, HMAC_LEN),
        };
        KeyVersion { created, secret, hmac, public, ready: OnceLock::new() }
    }

    /// Whether only the public key is known.
    pub(super) fn is_public_only(&self) -> bool {
        self.secret.is_empty()
    }

    /// The keys, expanded at the first use.
    pub(super) fn material(&self, kind: Kind) -> std::result::Result<&Material, Fault> {
        if let Some(material) = self.ready.get() {
            return Ok(material);
        }
        let material = self.expand(kind).map_err(|_| Fault::internal("the key version is damaged"))?;
        Ok(self.ready.get_or_init(|| material))
    }

    fn expand(&self, kind: Kind) -> trustkeep_crypto::Result<Material> {
        let secret = (!self.is_public_only()).then(|| self.secret.expose());
        if let Some(cipher) = kind.cipher() {
            return Aead::new(cipher, self.secret.expose()).map(|aead| Material::Cipher(Box::new(aead)));
        }
        if kind.rsa().is_some() {
            let private = secret.map(rsa::PrivateKey::from_pkcs8_der).transpose()?.map(Box::new);
            let public = Box::new(rsa::PublicKey::from_spki_der(&self.public)?);
            return Ok(Material::Rsa { private, public });
        }
        let Some(curve) = kind.curve() else { return Ok(Material::Plain) };
        let private = secret.map(|secret| match kind {
            Kind::Ed25519 => sign::SigningKey::ed25519_from_seed(secret),
            _ => sign::SigningKey::from_pkcs8_der(curve, secret),
        });
        let private = private.transpose()?.map(Box::new);
        Ok(Material::Curve { private, public: Box::new(sign::PublicKey::from_spki_der(&self.public)?) })
    }

    /// The bytes that keys for contexts are derived from. Of Ed25519 these are seed and public key, as Go holds
    /// a private key, so that Vault derives the same.
    pub(super) fn derivation_secret(&self, kind: Kind) -> std::result::Result<SecretBytes, Fault> {
        if kind != Kind::Ed25519 {
            return Ok(self.secret.duplicate());
        }
        let Material::Curve { public, .. } = self.material(kind)? else {
            return Err(Fault::internal("the key version is damaged"));
        };
        let public = public.to_raw().map_err(|error| Fault::internal(error.to_string()))?;
        let mut joined = Vec::with_capacity(self.secret.len() + public.len());
        joined.extend_from_slice(self.secret.expose());
        joined.extend_from_slice(&public);
        Ok(SecretBytes::new(joined))
    }

    /// The version as it is stored.
    pub(super) fn stored(&self) -> StoredVersion {
        StoredVersion {
            created: self.created,
            secret: Zeroizing::new(base64::encode(self.secret.expose())),
            hmac: Zeroizing::new(base64::encode(self.hmac.expose())),
            public: base64::encode(&self.public),
        }
    }
}

/// A version as it is stored; bytes are base64.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredVersion {
    created: i64,
    #[serde(with = "secret_text")]
    secret: Zeroizing<String>,
    #[serde(with = "secret_text")]
    hmac: Zeroizing<String>,
    public: String,
}

impl From<StoredVersion> for KeyVersion {
    fn from(stored: StoredVersion) -> Self {
        // Bytes that do not decode become a version that does not expand, which says so when it is used.
        let secret =
            |text: &str| SecretBytes::from_base64(text).unwrap_or_else(|_| SecretBytes::new(Vec::new()));
        KeyVersion {
            created: stored.created,
            secret: secret(&stored.secret),
            hmac: secret(&stored.hmac),
            public: base64::decode(&stored.public).map(|bytes| bytes.to_vec()).unwrap_or_default(),
            ready: OnceLock::new(),
        }
    }
}

/// Text that is cleared when it is dropped.
mod secret_text {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(text: &Zeroizing<String>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
        String::deserialize(from).map(Zeroizing::new)
    }
}

fn spki(key: &sign::SigningKey) -> Result<Vec<u8>> {
    key.public_key().and_then(|public| public.to_spki_der()).map_err(Error::internal)
}

/// Bytes of the key that `hmac` uses.
const HMAC_LEN: usize = 32;
const ED25519_SEED_LEN: usize = 32;
