//! A key as it is shown: without its secrets.

use serde_json::{Map, Value, json};
use trustkeep_crypto::pem;

use super::cipher::derived_signing_key;
use super::fault::Fault;
use super::key::{Key, Mark};
use super::kind::Kind;
use super::version::{KeyVersion, Material};
use crate::engines::base64;
use crate::engines::kv_v2::rfc3339;
use crate::response::Response;
use crate::{Error, Result};

impl Key {
    /// What is answered of a key. With a context (base64) a derived key shows the public keys of that context.
    ///
    /// # Errors
    /// 400 where the context is not base64.
    pub(super) fn describe(&self, context: &str) -> Result<Response> {
        base64::decode(context).map_err(|_| Error::invalid("failed to base64-decode context"))?;
        let settings = &self.settings;
        let kind = settings.kind;
        let Value::Object(mut data) = json!({
            "allow_plaintext_backup": settings.allow_plaintext_backup,
            "auto_rotate_period": settings.auto_rotate_period,
            "deletion_allowed": settings.deletion_allowed,
            "derived": settings.derived,
            "exportable": settings.exportable,
            "imported_key": settings.imported,
            "keys": self.describe_versions(context)?,
            "latest_version": settings.latest,
            "min_available_version": settings.min_available,
            "min_decryption_version": settings.min_decryption,
            "min_encryption_version": settings.min_encryption,
            "name": settings.name,
            "supports_decryption": kind.encrypts(),
            "supports_derivation": kind.derives(),
            "supports_encryption": kind.encrypts(),
            "supports_signing": kind.signs(),
            "type": kind.name(),
        }) else {
            return Err(Error::internal("a key's description is an object"));
        };
        let mut add = |name: &str, value: Value| data.insert(name.to_owned(), value);
        if settings.key_size != 0 {
            add("key_size", settings.key_size.into());
        }
        if settings.imported {
            add("imported_key_allow_rotation", settings.allow_rotation.into());
        }
        for (name, mark) in [("backup_info", &settings.backup), ("restore_info", &settings.restore)] {
            if let Some(Mark { time, version }) = mark {
                add(name, json!({ "time": rfc3339(*time), "version": version }));
            }
        }
        if settings.derived {
            add("kdf", "hkdf_sha256".into());
            add("convergent_encryption", settings.convergent.into());
            if settings.convergent {
                // The way stands in each version since the third; Vault shows this in its place.
                add("convergent_encryption_version", json!(-1));
            }
        }
        Ok(Response::data(data))
    }

    fn describe_versions(&self, context: &str) -> Result<Map<String, Value>> {
        let kind = self.settings.kind;
        let describe = |(number, version): (u32, &KeyVersion)| {
            let described = if kind.signs() {
                json!({
                    "creation_time": rfc3339(version.created),
                    "name": kind.curve_name(),
                    "public_key": self.public_key(number, version, context)?,
                })
            } else {
                json!(version.created / NANOS)
            };
            Ok((number.to_string(), described))
        };
        self.versions().map(describe).collect()
    }

    fn public_key(
        &self,
        number: u32,
        version: &KeyVersion,
        context: &str,
    ) -> std::result::Result<String, Fault> {
        let failed = |error: trustkeep_crypto::Error| Fault::internal(error.to_string());
        if self.settings.derived {
            if context.is_empty() {
                return Ok(String::new());
            }
            let key = derived_signing_key(self, number, context)?;
            return key.public_key().and_then(|public| public.to_raw()).map(base64::encode).map_err(failed);
        }
        public_text(self.settings.kind, version)
    }
}

/// A version's public key: PEM, or base64 for Ed25519.
pub(super) fn public_text(kind: Kind, version: &KeyVersion) -> std::result::Result<String, Fault> {
    let failed = |error: trustkeep_crypto::Error| Fault::internal(error.to_string());
    match version.material(kind)? {
        Material::Curve { public, .. } if kind == Kind::Ed25519 => {
            public.to_raw().map(base64::encode).map_err(failed)
        }
        _ => pem::encode("PUBLIC KEY", &version.public).map_err(failed),
    }
}

const NANOS: i64 = 1_000_000_000;
