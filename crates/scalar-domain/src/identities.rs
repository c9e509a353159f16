//! Who may ask: registered certificates and secrets, and the checks of signatures by them.
//!
//! What is registered never changes, so that a verifier is made once and kept in memory (bounded). Certificates are
//! parsed, nothing more: no chain, no dates, no revocation. Secrets are sealed at rest under a key made from the
//! `cipher_key` of the configuration, bound to their place.

use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::Arc;

use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use trustkeep_chassis::clock::SharedClock;
use trustkeep_crypto::aead::Aead;
use trustkeep_crypto::{Random, SecretString, pbkdf2};
use trustkeep_scalar_rpc::identity::{Certificate, HmacKey, Verifier};
use trustkeep_scalar_rpc::{Error, Result, StatusCode};
use trustkeep_store::{Commit, Error as StoreError, Key, Row, SharedStore, Table, Value};

use crate::errors::{self, Access};
use crate::namespaces::{Generation, Namespaces};
use crate::requests;
use crate::settings::Authentication;
use crate::tables::Tables;

/// The entity as which the Auditor speaks to the Ledger where HMAC is used.
pub const AUDITOR_ENTITY_ID: &str = "_AUDITOR_";
/// Bytes of a certificate in PEM.
pub const CERTIFICATE_BYTES_MAX: usize = 64 << 10;
/// Bytes of a secret.
pub const SECRET_BYTES_MAX: usize = 4 << 10;

/// The registered identities of one domain.
pub struct Identities {
    store: SharedStore,
    namespaces: Arc<Namespaces>,
    clock: SharedClock,
    random: Arc<dyn Random>,
    method: Method,
    verifiers: Cache<Place, Arc<dyn Verifier>>,
}

enum Method {
    DigitalSignature,
    Hmac { cipher: Box<Aead>, auditor: Option<Arc<dyn Verifier>> },
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identities").field("namespaces", &self.namespaces).finish_non_exhaustive()
    }
}

impl Identities {
    /// Identities of the namespaces; `servers_secret` is what the two servers share where HMAC is used.
    ///
    /// # Errors
    /// 401 (DL-COMMON-401003) if no key can be made from the configured one.
    pub fn new(
        store: SharedStore,
        namespaces: Arc<Namespaces>,
        authentication: &Authentication,
        servers_secret: Option<&SecretString>,
        clock: SharedClock,
        random: Arc<dyn Random>,
    ) -> Result<Self> {
        let method = match authentication {
            Authentication::DigitalSignature => Method::DigitalSignature,
            Authentication::Hmac { cipher_key } => Method::Hmac {
                cipher: Box::new(cipher(cipher_key)?),
                auditor: servers_secret.map(|secret| Arc::new(HmacKey::new(secret)) as Arc<dyn Verifier>),
            },
        };
        Ok(Self { store, namespaces, clock, random, method, verifiers: Cache::new(VERIFIERS_MAX) })
    }

    /// Registers a certificate (PEM) of a context namespace, spelt out.
    ///
    /// # Errors
    /// 405 if this version is there, 401 if it is no certificate with a usable key, 417 and so on.
    pub async fn register_certificate(
        &self,
        namespace: &str,
        entity_id: &str,
        key_version: u32,
        pem: &str,
    ) -> Result<()> {
        requests::check_entity(entity_id, key_version)?;
        requests::check_text("cert_pem", pem, CERTIFICATE_BYTES_MAX)?;
        self.namespaces.generation(namespace).await?;
        Certificate::from_pem(pem)?;
        let row = Row::new(vec![Some(pem.into()), Some(Value::Int(self.clock.now().as_millisecond()))]);
        let already = || {
            let text = "The specified certificate is already registered.";
            Error::numbered(StatusCode::CertificateAlreadyRegistered, "COMMON", 1, text)
        };
        let table = Tables::of(self.namespaces.base(), namespace)?.certificate;
        self.bind(&table, key(entity_id, key_version), row, BINDING_CERTIFICATE, already).await
    }

    /// Registers a secret of a context namespace, spelt out.
    ///
    /// # Errors
    /// 413 if this version is there, 407 if the server does not use HMAC, 417 and so on.
    pub async fn register_secret(
        &self,
        namespace: &str,
        entity_id: &str,
        key_version: u32,
        secret: &SecretString,
    ) -> Result<()> {
        requests::check_entity(entity_id, key_version)?;
        requests::check_text("secret_key", secret.expose(), SECRET_BYTES_MAX)?;
        self.namespaces.generation(namespace).await?;
        let Method::Hmac { cipher, .. } = &self.method else {
            let text = "A secret cannot be registered: the server authenticates by digital signatures. Set authentication.method to hmac.";
            return Err(Error::new(StatusCode::InvalidRequest, text));
        };
        let sealed = cipher
            .seal(&*self.random, &bound_to(namespace, entity_id, key_version), secret.expose().as_bytes())
            .map_err(|error| Error::runtime(format!("the secret cannot be sealed: {error}")))?;
        let row = Row::new(vec![Some(sealed.into()), Some(Value::Int(self.clock.now().as_millisecond()))]);
        let already = || {
            let text = "The specified secret is already registered.";
            Error::numbered(StatusCode::SecretAlreadyRegistered, "COMMON", 1, text)
        };
        let table = Tables::of(self.namespaces.base(), namespace)?.secret;
        self.bind(&table, key(entity_id, key_version), row, BINDING_SECRET, already).await
    }

    /// What checks the signatures of an entity in a context namespace, spelt out; from memory almost always.
    ///
    /// # Errors
    /// 403 or 415 if nothing is registered, 401 if it cannot be used, 417, 500 and so on.
    pub async fn verifier(
        &self,
        namespace: &str,
        entity_id: &str,
        key_version: u32,
    ) -> Result<Arc<dyn Verifier>> {
        if let Method::Hmac { auditor, .. } = &self.method
            && entity_id == AUDITOR_ENTITY_ID
        {
            return auditor.clone().ok_or_else(secret_not_found);
        }
        let generation = self.namespaces.generation(namespace).await?;
        let place = PlaceRef { generation, entity_id, key_version };
        if let Some(verifier) = self.verifiers.get(&place) {
            return Ok(verifier);
        }
        requests::check_entity(entity_id, key_version)?;
        let verifier = self.load(namespace, entity_id, key_version).await?;
        let place = Place { generation, entity_id: entity_id.to_owned(), key_version };
        self.verifiers.insert(place, Arc::clone(&verifier));
        Ok(verifier)
    }

    /// Checks the signature of a request.
    ///
    /// # Errors
    /// 400 (DL-COMMON-400003) if it does not hold, else as [`Self::verifier`].
    pub async fn verify(
        &self,
        namespace: &str,
        entity_id: &str,
        key_version: u32,
        bytes: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let verifier = self.verifier(namespace, entity_id, key_version).await?;
        if verifier.holds(bytes, signature) { Ok(()) } else { Err(errors::request_signature()) }
    }

    async fn load(&self, namespace: &str, entity_id: &str, key_version: u32) -> Result<Arc<dyn Verifier>> {
        let tables = Tables::of(self.namespaces.base(), namespace)?;
        let key = key(entity_id, key_version);
        match &self.method {
            Method::DigitalSignature => {
                let found = self.store.get(&tables.certificate, &key).await;
                let record = found.map_err(|error| GETTING_CERTIFICATE.error(&error))?;
                let record = record.ok_or_else(|| {
                    let text = "The specified certificate is not found.";
                    Error::numbered(StatusCode::CertificateNotFound, "COMMON", 1, text)
                })?;
                let pem =
                    record.text(0).ok_or_else(|| errors::unexpected_record("a certificate without PEM"))?;
                Ok(Arc::new(Certificate::from_pem(pem)?))
            }
            Method::Hmac { cipher, .. } => {
                let found = self.store.get(&tables.secret, &key).await;
                let record =
                    found.map_err(|error| GETTING_SECRET.error(&error))?.ok_or_else(secret_not_found)?;
                let sealed =
                    record.bytes(0).ok_or_else(|| errors::unexpected_record("a secret without its key"))?;
                let secret = cipher
                    .open(&bound_to(namespace, entity_id, key_version), sealed)
                    .and_then(SecretString::from_utf8)
                    .map_err(|_| {
                        errors::unexpected_record(
                            "a secret that cannot be opened: it was changed, or authentication.hmac.cipher_key was",
                        )
                    })?;
                Ok(Arc::new(HmacKey::new(&secret)))
            }
        }
    }

    async fn bind(
        &self,
        table: &Table,
        key: Key,
        row: Row,
        access: Access,
        already: impl Fn() -> Error,
    ) -> Result<()> {
        let commit = Commit::new().expect_absent(table, key.clone()).put(table, key, row);
        match self.store.commit(commit).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { .. }) => Err(already()),
            Err(error) => Err(access.error(&error)),
        }
    }
}

/// Verifiers kept in memory; the original keeps as many a namespace.
const VERIFIERS_MAX: usize = 131_072;
/// As the original derives its key (`CipherFactory`); ours are other secrets under other nonces.
const ROUNDS: u32 = 65_536;
const SALT: &[u8] = b"trustkeep scalar secrets v1";

const BINDING_CERTIFICATE: Access = Access::common(1, "Binding the certificate failed");
const GETTING_CERTIFICATE: Access = Access::common(3, "Getting the certificate failed");
const BINDING_SECRET: Access = Access::common(4, "Binding the secret key failed");
const GETTING_SECRET: Access = Access::common(6, "Getting the secret key failed");

/// Whose verifier, in which life of a namespace.
#[derive(PartialEq, Eq, Hash)]
struct Place {
    generation: Generation,
    entity_id: String,
    key_version: u32,
}

struct PlaceRef<'a> {
    generation: Generation,
    entity_id: &'a str,
    key_version: u32,
}

impl Hash for PlaceRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As the derived one of `Place`.
        (self.generation, self.entity_id, self.key_version).hash(state);
    }
}

impl Equivalent<Place> for PlaceRef<'_> {
    fn equivalent(&self, place: &Place) -> bool {
        self.generation == place.generation
            && self.entity_id == place.entity_id
            && self.key_version == place.key_version
    }
}

fn cipher(cipher_key: &SecretString) -> Result<Aead> {
    let rounds = NonZeroU32::new(ROUNDS).unwrap_or(NonZeroU32::MIN);
    Aead::aes256_gcm(&pbkdf2::sha256(cipher_key.expose().as_bytes(), SALT, rounds)).map_err(|error| {
        let text = format!("Creating a cipher key failed. Details: {error}");
        Error::numbered(StatusCode::UnloadableKey, "COMMON", 3, text)
    })
}

/// What a sealed secret is bound to: its place, each text with its length.
fn bound_to(namespace: &str, entity_id: &str, key_version: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(namespace.len() + entity_id.len() + 20);
    for text in [namespace, entity_id] {
        bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.extend_from_slice(&key_version.to_be_bytes());
    bytes
}

fn key(entity_id: &str, key_version: u32) -> Key {
    Key::of(entity_id).at(i64::from(key_version))
}

fn secret_not_found() -> Error {
    Error::numbered(StatusCode::SecretNotFound, "COMMON", 1, "The specified secret is not found.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, certificate};
    use trustkeep_scalar_rpc::identity::Signer as _;

    #[tokio::test]
    async fn a_certificate_is_registered_once_and_verifies() -> Result<()> {
        let world = World::new(Authentication::DigitalSignature).await?;
        let (key, pem) = certificate();
        let identities = &world.identities;
        identities.register_certificate("default", "alice", 1, &pem).await?;
        let again = identities.register_certificate("default", "alice", 1, &pem).await.unwrap_err();
        assert_eq!(again.message, "DL-COMMON-405001: The specified certificate is already registered.");
        let signature = key.sign(b"bytes")?;
        for _ in 0..2 {
            identities.verify("default", "alice", 1, b"bytes", &signature).await?;
            let refused = identities.verify("default", "alice", 1, b"other", &signature).await.unwrap_err();
            assert!(refused.message.starts_with("DL-COMMON-400003"), "{refused}");
        }
        let missing = identities.verifier("default", "alice", 2).await.unwrap_err();
        assert_eq!(missing.message, "DL-COMMON-403001: The specified certificate is not found.");
        assert_eq!(identities.verifier("ns", "alice", 1).await.unwrap_err().code.number(), 417);
        let bad = identities.register_certificate("default", "bob", 1, "no PEM").await.unwrap_err();
        assert!(bad.message.starts_with("DL-COMMON-401002"), "{bad}");
        let secret = SecretString::from("s");
        let refused = identities.register_secret("default", "alice", 1, &secret).await.unwrap_err();
        assert_eq!(refused.code, StatusCode::InvalidRequest);
        Ok(())
    }

    #[tokio::test]
    async fn a_secret_is_sealed_at_rest_and_bound_to_its_place() -> Result<()> {
        let world = World::new(World::hmac()).await?;
        world.namespaces.create("ns").await?;
        let (secret, identities) = (SecretString::from("secret-key"), &world.identities);
        identities.register_secret("default", "alice", 1, &secret).await?;
        identities.register_secret("ns", "alice", 1, &SecretString::from("other-key")).await?;
        let again = identities.register_secret("default", "alice", 1, &secret).await.unwrap_err();
        assert!(again.message.starts_with("DL-COMMON-413001"), "{again}");
        let signature = HmacKey::new(&secret).sign(b"bytes")?;
        identities.verify("default", "alice", 1, b"bytes", &signature).await?;
        assert!(identities.verify("ns", "alice", 1, b"bytes", &signature).await.is_err());
        let missing = identities.verifier("default", "bob", 1).await.unwrap_err();
        assert!(missing.message.starts_with("DL-COMMON-415001"), "{missing}");

        let table = Tables::of("scalar", "default")?.secret;
        let stored = world.store.get(&table, &key("alice", 1)).await.unwrap().unwrap();
        let sealed = stored.bytes(0).unwrap().clone();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        // Bob cannot be given Alice's secret behind the server's back.
        let row = Row::new(vec![Some(Value::Bytes(sealed)), Some(Value::Int(0))]);
        world.store.commit(Commit::new().put(&table, key("bob", 1), row)).await.unwrap();
        assert!(identities.verifier("default", "bob", 1).await.unwrap_err().message.contains("305001"));
        Ok(())
    }

    #[tokio::test]
    async fn the_auditor_is_checked_with_the_servers_secret() -> Result<()> {
        let world = World::new(World::hmac()).await?;
        let signature = HmacKey::new(&SecretString::from("servers-secret")).sign(b"n-1")?;
        world.identities.verify("default", AUDITOR_ENTITY_ID, 1, b"n-1", &signature).await
    }

    #[tokio::test]
    async fn what_was_registered_goes_with_its_namespace() -> Result<()> {
        let world = World::new(World::hmac()).await?;
        world.namespaces.create("ns").await?;
        world.identities.register_secret("ns", "alice", 1, &SecretString::from("s")).await?;
        world.identities.verifier("ns", "alice", 1).await?;
        world.namespaces.remove("ns").await?;
        assert_eq!(world.identities.verifier("ns", "alice", 1).await.unwrap_err().code.number(), 417);
        world.namespaces.create("ns").await?;
        assert_eq!(world.identities.verifier("ns", "alice", 1).await.unwrap_err().code.number(), 415);
        Ok(())
    }
}
