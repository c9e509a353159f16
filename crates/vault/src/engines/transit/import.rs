//! `import` and `import_version`: keys that were made elsewhere.

use std::sync::Arc;

use trustkeep_crypto::SecretBytes;

use super::Transit;
use super::key::{Key, Settings};
use super::keys::rotation_period;
use super::kind::Kind;
use super::version::KeyVersion;
use super::wrapping::hash_function;
use crate::engines::base64;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

impl Transit {
    pub(super) async fn import_key(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let settings = settings_of(request, name)?;
        if self.keys.find(name, request.now).await?.is_some() {
            return Err(exists_already());
        }
        let version = self.brought(request, settings.kind, settings.derived).await?;
        let mut key = Key::new(settings);
        if key.settings.kind == Kind::Hmac {
            key.settings.key_size = version.secret.len();
        }
        key.push(version)?;
        self.keys.create(key, request.now).await?.map(|_| None).ok_or_else(exists_already)
    }

    pub(super) async fn import_version(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let missing = || {
            Error::invalid(format!(
                "no key found with name {name}; to import a new key, use the import/ endpoint"
            ))
        };
        let key = self.keys.find(name, request.now).await?.ok_or_else(missing)?;
        check_imported(&key)?;
        let brought = self.brought(request, key.settings.kind, key.settings.derived).await?;
        let place = request.int("version")?;
        let changed = self.keys.change(name, request.now, |key| {
            check_imported(key)?;
            match place {
                Some(place) => complete(key, place, &brought)?,
                None if completes(key.latest()?, &brought) => {
                    key.replace(key.settings.latest, brought.clone())
                }
                None => key.push(brought.clone())?,
            }
            if key.settings.kind == Kind::Hmac {
                key.settings.key_size = brought.secret.len();
            }
            Ok(true)
        });
        changed.await?.map(|_| None).ok_or_else(missing)
    }

    /// The version that a request brings: wrapped in `ciphertext`, or a public key.
    async fn brought(&self, request: &Request, kind: Kind, derived: bool) -> Result<Arc<KeyVersion>> {
        let (wrapped, public) = (request.text("ciphertext")?, request.text("public_key")?);
        let version = match (wrapped, public) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid(
                    "only one of the following fields, ciphertext and public_key, can be set",
                ));
            }
            (Some(wrapped), None) => {
                let hash = hash_function(request, "hash_function")?;
                let wrapped =
                    base64::decode(&wrapped).map_err(|illegal| Error::invalid(illegal.to_string()))?;
                let secret: SecretBytes = self.unwrap_import(&wrapped, hash).await?;
                KeyVersion::import(kind, secret, self.random(), request.now)?
            }
            (None, public) => {
                if !kind.signs() {
                    return Err(Error::invalid("provided type does not support public_key import"));
                }
                if derived {
                    return Err(Error::invalid(
                        "unable to import only public key for derived Ed25519 key: imported key should not be an \
                         Ed25519 key pair but is instead an HKDF key",
                    ));
                }
                let public = public.unwrap_or_default();
                KeyVersion::import_public(kind, &public, self.random(), request.now)?
            }
        };
        Ok(Arc::new(version))
    }
}

fn settings_of(request: &Request, name: &str) -> Result<Settings> {
    if request.data.contains_key("convergent_encryption") {
        return Err(Error::invalid("import cannot be used on keys with convergent encryption enabled"));
    }
    let kind = request.text("type")?.unwrap_or_else(|| Kind::Aes256Gcm96.name().to_owned());
    let unknown = || Error::invalid(format!("unknown key type: {kind}"));
    let kind = Kind::of(&kind.to_lowercase()).ok_or_else(unknown)?;
    let mut settings = Settings::new(name, kind);
    settings.imported = true;
    settings.allow_rotation = request.bool("allow_rotation")?.unwrap_or(false);
    settings.derived = request.bool("derived")?.unwrap_or(false);
    settings.exportable = request.bool("exportable")?.unwrap_or(false);
    settings.allow_plaintext_backup = request.bool("allow_plaintext_backup")?.unwrap_or(false);
    settings.auto_rotate_period = rotation_period(request)?.unwrap_or_default();
    if settings.auto_rotate_period > 0 && !settings.allow_rotation {
        return Err(Error::invalid("allow_rotation must be set to true if auto-rotation is enabled"));
    }
    settings.check()?;
    Ok(settings)
}

fn exists_already() -> Error {
    Error::invalid(
        "the import path cannot be used with an existing key; use import-version to rotate an existing imported key",
    )
}

fn check_imported(key: &Key) -> Result<()> {
    if !key.settings.imported {
        return Err(Error::invalid("the import_version endpoint can only be used with an imported key"));
    }
    Ok(())
}

/// Whether `brought` is the private key of a version that has only its public one.
fn completes(version: &KeyVersion, brought: &KeyVersion) -> bool {
    version.is_public_only() && !brought.is_public_only() && version.public == brought.public
}

/// Puts a private key to the public key of the version `place`.
fn complete(key: &mut Key, place: i64, brought: &Arc<KeyVersion>) -> Result<()> {
    let number = u32::try_from(place).unwrap_or_default();
    let version = key.version(number)?;
    let refuse = |why: &str| Err(Error::invalid(why));
    match () {
        () if !key.settings.kind.signs() => refuse("provided type does not support importing key versions"),
        () if !version.is_public_only() => refuse("private key imported, key version cannot be updated"),
        () if brought.is_public_only() => {
            refuse("cannot add a public key to a key version that already has a public key set")
        }
        () if version.public != brought.public => refuse("cannot import key, key pair does not match"),
        () => {
            key.replace(number, brought.clone());
            Ok(())
        }
    }
}
