//! `keys`: making, reading, listing, deleting, configuring and trimming them.

use super::key::{HMAC_LEN, Key, Settings};
use super::kind::Kind;
use super::{Transit, is_name, only};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

impl Transit {
    /// Answers what is at `keys` and below; `count` parts follow it.
    pub(super) async fn keys_request(
        &self,
        request: &Request,
        count: usize,
        [name, action, _]: [&str; 3],
    ) -> Result<Option<Response>> {
        if count == 0 {
            return match request.operation {
                Operation::List => Response::list(self.keys.names().await?),
                _ => Err(Error::UnsupportedOperation),
            };
        }
        if count > 2 || !is_name(name) {
            return Err(Error::UnsupportedPath);
        }
        let write = request.operation.is_write();
        match action {
            "" if count == 1 => match request.operation {
                Operation::Create | Operation::Update => self.create_key(request, name).await.map(Some),
                Operation::Read => self.read_key(request, name).await.map(Some),
                Operation::Delete => self.delete_key(request, name).await,
                _ => Err(Error::UnsupportedOperation),
            },
            "config" => only(write)?.then(self.configure_key(request, name)).await,
            "rotate" => only(write)?.then(self.rotate_key(request, name)).await,
            "trim" => only(write)?.then(self.trim_key(request, name)).await,
            "import" => only(write)?.then(self.import_key(request, name)).await,
            "import_version" => only(write)?.then(self.import_version(request, name)).await,
            _ => Err(Error::UnsupportedPath),
        }
    }

    async fn create_key(&self, request: &Request, name: &str) -> Result<Response> {
        let settings = settings_of(request, name)?;
        let (key, is_new) = self.create(settings, request.now).await?;
        let response = key.describe("")?;
        Ok(if is_new { response } else { response.warn(format!("key {name} already existed")) })
    }

    async fn read_key(&self, request: &Request, name: &str) -> Result<Response> {
        let key = self.keys.find(name, request.now).await?.ok_or(Error::NotFound)?;
        key.describe(&request.text("context")?.unwrap_or_default())
    }

    async fn delete_key(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let refuse = |why: &str| Error::invalid(format!("error deleting policy {name}: {why}"));
        let allowed = |key: &Key| {
            let allowed = key.settings.deletion_allowed;
            if allowed { Ok(()) } else { Err(refuse("deletion is not allowed for this key")) }
        };
        match self.keys.remove(name, request.now, allowed).await? {
            Some(()) => Ok(None),
            None => Err(refuse("could not delete key; not found")),
        }
    }

    async fn rotate_key(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let missing = || Error::invalid("key not found");
        let key = self.keys.find(name, request.now).await?.ok_or_else(missing)?;
        self.rotate(&key, request.now).await?.ok_or_else(missing)?.describe("").map(Some)
    }

    async fn configure_key(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let wanted = Wanted::of(request)?;
        let mut warning = None;
        let changed = self.keys.change(name, request.now, |key| {
            warning = wanted.warning();
            wanted.apply(&mut key.settings)
        });
        let missing = || Error::invalid(format!("no existing key named {name} could be found"));
        let response = changed.await?.ok_or_else(missing)?.describe("")?;
        Ok(Some(match warning {
            Some(warning) => response.warn(warning),
            None => response,
        }))
    }

    async fn trim_key(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let wanted = request.int("min_available_version")?;
        let wanted = match wanted {
            Some(wanted) => wanted,
            None => {
                let known = self.keys.find(name, request.now).await?.is_some();
                let complaint = if known { "missing min_available_version" } else { "invalid key name" };
                return Err(Error::invalid(complaint));
            }
        };
        let trimmed = self.keys.change(name, request.now, |key| {
            let settings = &mut key.settings;
            let refuse = |why: &str| Err(Error::invalid(format!("minimum available version {why}")));
            match () {
                () if wanted < i64::from(settings.min_available) => return refuse("cannot be decremented"),
                () if settings.min_encryption == 0 => {
                    return refuse("cannot be set when minimum encryption version is not set");
                }
                () if wanted > i64::from(settings.min_encryption) => {
                    return refuse("cannot be greater than minmum encryption version");
                }
                () if wanted > i64::from(settings.min_decryption) => {
                    return refuse("cannot be greater than minimum decryption version");
                }
                () if wanted == 0 => return refuse("should be positive"),
                () => {}
            }
            settings.min_available = u32::try_from(wanted).map_err(Error::internal)?;
            key.trim();
            Ok(true)
        });
        let missing = || Error::invalid("invalid key name");
        trimmed.await?.ok_or_else(missing)?.describe("").map(Some)
    }
}

/// The settings of a key to be made.
fn settings_of(request: &Request, name: &str) -> Result<Settings> {
    let auto_rotate_period = rotation_period(request)?.unwrap_or_default();
    let derived = request.bool("derived")?.unwrap_or(false);
    let convergent = request.bool("convergent_encryption")?.unwrap_or(false);
    if convergent && !derived {
        return Err(Error::invalid("convergent encryption requires derivation to be enabled"));
    }
    let kind = request.text("type")?.unwrap_or_else(|| Kind::Aes256Gcm96.name().to_owned());
    let kind = Kind::of(&kind).ok_or_else(|| Error::invalid(format!("unknown key type {kind}")))?;
    let mut settings = Settings::new(name, kind);
    if let Some(size) = request.int("key_size")?.filter(|size| *size != 0) {
        if kind != Kind::Hmac {
            return Err(Error::invalid(format!("key_size is not valid for algorithm {}", kind.name())));
        }
        let size = usize::try_from(size).ok().filter(|size| HMAC_LEN.contains(size)).ok_or(size);
        settings.key_size = size.map_err(|size| Error::invalid(format!("invalid key_size {size}")))?;
    }
    settings.derived = derived;
    settings.convergent = convergent;
    settings.exportable = request.bool("exportable")?.unwrap_or(false);
    settings.allow_plaintext_backup = request.bool("allow_plaintext_backup")?.unwrap_or(false);
    settings.auto_rotate_period = auto_rotate_period;
    Ok(settings)
}

/// Seconds between two rotations, where it is said: none, or at least an hour.
pub(super) fn rotation_period(request: &Request) -> Result<Option<i64>> {
    match request.seconds("auto_rotate_period")? {
        Some(1..3600) => Err(Error::invalid("auto rotate period must be 0 to disable or at least an hour")),
        period => Ok(period),
    }
}

/// What a request wants changed of a key's settings.
struct Wanted {
    min_decryption: Option<i64>,
    min_encryption: Option<i64>,
    deletion_allowed: Option<bool>,
    exportable: bool,
    allow_plaintext_backup: bool,
    auto_rotate_period: Option<i64>,
}

impl Wanted {
    fn of(request: &Request) -> Result<Self> {
        Ok(Wanted {
            min_decryption: request.int("min_decryption_version")?,
            min_encryption: request.int("min_encryption_version")?,
            deletion_allowed: request.bool("deletion_allowed")?,
            exportable: request.bool("exportable")?.unwrap_or(false),
            allow_plaintext_backup: request.bool("allow_plaintext_backup")?.unwrap_or(false),
            auto_rotate_period: rotation_period(request)?,
        })
    }

    fn warning(&self) -> Option<&'static str> {
        let zero = self.min_decryption == Some(0);
        zero.then_some("since Vault 0.3, transit key numbering starts at 1; forcing minimum to 1")
    }

    /// Changes the settings; `false` where they were so already.
    fn apply(&self, settings: &mut Settings) -> Result<bool> {
        let before = settings.clone();
        if let Some(wanted) = self.min_decryption {
            settings.min_decryption = version(wanted, settings.latest, "decryption")?.max(1);
        }
        if let Some(wanted) = self.min_encryption {
            settings.min_encryption = version(wanted, settings.latest, "encryption")?;
        }
        let (encryption, decryption) = (settings.min_encryption, settings.min_decryption);
        if encryption > 0 && encryption < decryption {
            return Err(Error::invalid(format!(
                "cannot set min encryption/decryption values; min encryption version of {encryption} must be \
                 greater than or equal to min decryption version of {decryption}"
            )));
        }
        settings.deletion_allowed = self.deletion_allowed.unwrap_or(settings.deletion_allowed);
        // These two are never taken back.
        settings.exportable |= self.exportable;
        settings.allow_plaintext_backup |= self.allow_plaintext_backup;
        settings.auto_rotate_period = self.auto_rotate_period.unwrap_or(settings.auto_rotate_period);
        let same = before.min_decryption == decryption
            && before.min_encryption == encryption
            && before.deletion_allowed == settings.deletion_allowed
            && before.exportable == settings.exportable
            && before.allow_plaintext_backup == settings.allow_plaintext_backup
            && before.auto_rotate_period == settings.auto_rotate_period;
        if same {
            return Ok(false);
        }
        if settings.min_available > encryption {
            return Err(Error::invalid(
                "min encryption version should not be less than min available version",
            ));
        }
        if settings.min_available > decryption {
            return Err(Error::invalid(
                "min decryption version should not be less then min available version",
            ));
        }
        Ok(true)
    }
}

fn version(wanted: i64, latest: u32, purpose: &str) -> Result<u32> {
    if wanted < 0 {
        return Err(Error::invalid(format!("min {purpose} version cannot be negative")));
    }
    let version = u32::try_from(wanted).ok().filter(|wanted| *wanted <= latest);
    version.ok_or_else(|| {
        Error::invalid(format!(
            "cannot set min {purpose} version of {wanted}, latest key version is {latest}"
        ))
    })
}
