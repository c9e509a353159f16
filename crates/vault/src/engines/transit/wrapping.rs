//! Keys wrapped under RSA keys: bringing one in, giving one away
//! (PKCS #11's `CKM_RSA_AES_KEY_WRAP`: RSA-OAEP of an AES key, then AES-KWP of the key itself).

use serde_json::json;
use trustkeep_crypto::hash::Algorithm as Hash;
use trustkeep_crypto::{Key256, SecretBytes, key_wrap, rsa};

use super::Transit;
use super::export::each_version;
use super::fault::Fault;
use super::key::{Key, Settings};
use super::kind::Kind;
use super::version::{KeyVersion, Material};
use crate::core::Batch;
use crate::engines::base64;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

impl Transit {
    pub(super) async fn wrapping_key_request(&self) -> Result<Option<Response>> {
        let key = self.wrapping_key().await?;
        let text = key.public_key().to_pem().map_err(Error::internal)?;
        Ok(Some(Response::object(json!({ "public_key": text }))))
    }

    /// Unwraps a key that was wrapped under this mount's wrapping key.
    ///
    /// # Errors
    /// 400 where it was not.
    pub(super) async fn unwrap_import(&self, wrapped: &[u8], hash: Hash) -> Result<SecretBytes> {
        let size = rsa::Size::Rsa4096;
        let parts = wrapped.split_at_checked(size.len()).filter(|(_, rest)| !rest.is_empty());
        let (wrapped_key, wrapped) =
            parts.ok_or_else(|| Error::invalid("provided ciphertext is too short"))?;
        let wrapping_key = self.wrapping_key().await?;
        let _turn = self.heavy.acquire().await.ok();
        let key = super::batch::off_the_queue(|| wrapping_key.decrypt_oaep(hash, wrapped_key));
        let key = key.map_err(|error| match error {
            trustkeep_crypto::Error::Key { .. } => Error::invalid("unsupported hash function"),
            _ => Error::invalid("crypto/rsa: decryption error"),
        })?;
        let key = Key256::from_slice(key.expose());
        let key = key.map_err(|_| Error::invalid("expected ephemeral AES key to be 256-bit"))?;
        key_wrap::unwrap(&key, wrapped).map_err(|_| Error::invalid("could not unwrap the imported key"))
    }

    pub(super) async fn wrapped_export(
        &self,
        request: &Request,
        to: &str,
        name: &str,
        version: &str,
    ) -> Result<Option<Response>> {
        let missing = |what: &str| Error::invalid(format!("no such {what}"));
        let destination = self.keys.find(to, request.now).await?;
        let destination = destination.ok_or_else(|| missing("destination key to export to"))?;
        let source = self.keys.find(name, request.now).await?;
        let source = source.ok_or_else(|| missing("source key for export"))?;
        if !source.settings.exportable {
            return Err(Error::invalid("key is not exportable"));
        }
        let hash = hash_function(request, "hash")?;
        let kind = source.settings.kind;
        let public = match destination.latest()?.material(destination.settings.kind)? {
            Material::Rsa { public, .. } => public,
            _ => return Err(Error::invalid("unsupported key type in use; must be a rsa key")),
        };
        let wrap = |version: &KeyVersion| self.wrap(public, hash, kind, version);
        let keys = each_version(&source, version, wrap)?;
        let name = &source.settings.name;
        Ok(Some(Response::object(json!({ "keys": keys, "name": name, "type": kind.name() }))))
    }

    fn wrap(
        &self,
        public: &rsa::PublicKey,
        hash: Hash,
        kind: Kind,
        version: &KeyVersion,
    ) -> std::result::Result<String, Fault> {
        let failed = |error: trustkeep_crypto::Error| {
            Fault::user(format!("failed to wrap target key for import: {error}"))
        };
        if version.is_public_only() {
            return Err(Fault::user("failed to wrap target key for import: it has no private part"));
        }
        let key = match version.material(kind)? {
            Material::Curve { private: Some(private), .. } => private.to_pkcs8_der().map_err(failed)?,
            _ => version.secret.duplicate(),
        };
        let ephemeral = Key256::random(self.random());
        let mut wrapped = public.encrypt_oaep(hash, ephemeral.expose()).map_err(failed)?;
        wrapped.extend_from_slice(&key_wrap::wrap(&ephemeral, key.expose()).map_err(failed)?);
        Ok(base64::encode(wrapped))
    }

    /// The mount's own RSA key, made when it is first asked for.
    async fn wrapping_key(&self) -> Result<rsa::PrivateKey> {
        for _ in 0..ATTEMPTS {
            if let Some(entry) = self.view.get(WRAPPING_KEY).await? {
                return rsa::PrivateKey::from_pkcs8_der(entry.value.expose()).map_err(Error::internal);
            }
            let settings = Settings::new("wrapping-key", Kind::Rsa4096);
            let version = Key::generate(&settings, &self.random, 0).await?;
            let batch = Batch::new().expect(WRAPPING_KEY, None).put(WRAPPING_KEY, version.secret.duplicate());
            match self.view.commit(batch).await {
                Ok(_) | Err(Error::Store(trustkeep_store::Error::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Unavailable("the wrapping key is being made by others, try again".to_owned()))
    }
}

/// The digest of OAEP that a request names in `field`.
///
/// # Errors
/// 400 for one that is not on offer.
pub(super) fn hash_function(request: &Request, field: &str) -> Result<Hash> {
    let name = request.text(field)?.unwrap_or_else(|| "SHA256".to_owned());
    match name.to_uppercase().as_str() {
        "SHA1" => Ok(Hash::Sha1),
        "SHA256" => Ok(Hash::Sha256),
        "SHA384" => Ok(Hash::Sha384),
        "SHA512" => Ok(Hash::Sha512),
        _ => Err(Error::invalid(format!("unknown hash function: {name}"))),
    }
}

/// Where the wrapping key stands, in PKCS#8.
const WRAPPING_KEY: &str = "import/wrapping-key";
const ATTEMPTS: usize = 4;
