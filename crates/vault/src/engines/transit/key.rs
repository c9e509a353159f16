//! A named key: its settings and its versions, in memory and as stored.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trustkeep_crypto::{Random, SecretBytes};

use super::fault::Fault;
use super::kind::Kind;
use super::version::{KeyVersion, StoredVersion};
use crate::{Error, Result};

/// A named key. Versions that a change did not touch are shared with the key before it.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) settings: Settings,
    versions: BTreeMap<u32, Arc<KeyVersion>>,
}

/// What is set of a key as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    /// Bytes of an HMAC key; 0 for the other types.
    pub(super) key_size: usize,
    /// Whether each context has a key of its own.
    pub(super) derived: bool,
    /// Whether a plaintext has one ciphertext under a context.
    pub(super) convergent: bool,
    pub(super) exportable: bool,
    pub(super) allow_plaintext_backup: bool,
    pub(super) deletion_allowed: bool,
    /// The lowest version that decrypts and verifies; from 1.
    pub(super) min_decryption: u32,
    /// The lowest version that encrypts and signs; 0 leaves any that decrypts.
    pub(super) min_encryption: u32,
    /// The lowest version kept; 0 until the first trimming.
    pub(super) min_available: u32,
    /// The version that encrypts and signs unless another is asked for.
    pub(super) latest: u32,
    /// Seconds after which a new version is made; 0 for never.
    pub(super) auto_rotate_period: i64,
    /// Whether its latest version came from outside.
    pub(super) imported: bool,
    /// Whether an imported key may be rotated here.
    pub(super) allow_rotation: bool,
    /// The last backup.
    pub(super) backup: Option<Mark>,
    /// When it was restored.
    pub(super) restore: Option<Mark>,
}

/// When something was done to a key, and at which version.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Unix nanoseconds.
    pub(super) time: i64,
    pub(super) version: u32,
}

impl Settings {
    /// Those of a new key of this type; what is not said is off.
    pub(super) fn new(name: &str, kind: Kind) -> Self {
        Settings {
            name: name.to_owned(),
            kind,
            key_size: if kind == Kind::Hmac { HMAC_LEN_DEFAULT } else { 0 },
            derived: false,
            convergent: false,
            exportable: false,
            allow_plaintext_backup: false,
            deletion_allowed: false,
            min_decryption: 1,
            min_encryption: 0,
            min_available: 0,
            latest: 0,
            auto_rotate_period: 0,
            imported: false,
            allow_rotation: false,
            backup: None,
            restore: None,
        }
    }

    /// Refuses combinations that the type cannot do.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |what: &str| {
            Err(Error::invalid(format!("{what} not supported for keys of type {}", self.kind.name())))
        };
        if self.convergent && !self.derived {
            return Err(Error::invalid("convergent encryption requires derivation to be enabled"));
        }
        if !self.kind.derives() && self.derived {
            return refuse("key derivation and convergent encryption");
        }
        if self.convergent && self.kind.cipher().is_none() {
            return refuse("convergent encryption");
        }
        Ok(())
    }
}

impl Key {
    /// A key without versions: nobody sees it before its first one is added.
    pub(super) fn new(settings: Settings) -> Self {
        Key { settings, versions: BTreeMap::new() }
    }

    /// Adds a version, which becomes the latest.
    ///
    /// # Errors
    /// 400 where the key has as many versions as one entry of storage holds.
    pub(super) fn push(&mut self, version: Arc<KeyVersion>) -> Result<()> {
        if self.versions.len() >= VERSIONS_MAX {
            return Err(Error::invalid(format!(
                "a key has at most {VERSIONS_MAX} versions: trim it with min_available_version first"
            )));
        }
        self.settings.latest = self.settings.latest.saturating_add(1);
        self.versions.insert(self.settings.latest, version);
        Ok(())
    }

    /// Puts another version in the place of one.
    pub(super) fn replace(&mut self, number: u32, version: Arc<KeyVersion>) {
        self.versions.insert(number, version);
    }

    /// Drops the versions below the lowest available one for good.
    pub(super) fn trim(&mut self) {
        self.versions = self.versions.split_off(&self.settings.min_available);
    }

    /// The versions that may still be used, by number.
    pub(super) fn versions(&self) -> impl Iterator<Item = (u32, &KeyVersion)> {
        let usable = self.versions.range(self.settings.min_decryption..);
        usable.map(|(number, version)| (*number, version.as_ref()))
    }

    /// The latest version.
    pub(super) fn latest(&self) -> std::result::Result<&KeyVersion, Fault> {
        self.version(self.settings.latest)
    }

    /// The version `number`, which may still be used.
    pub(super) fn version(&self, number: u32) -> std::result::Result<&KeyVersion, Fault> {
        let usable = number >= self.settings.min_decryption;
        let version = self.versions.get(&number).filter(|_| usable);
        version.map(Arc::as_ref).ok_or_else(|| Fault::user("no such key version"))
    }

    /// The version to encrypt or sign with where `requested` was asked for, 0 being the latest; `purpose` is
    /// `encryption` or `signing`.
    pub(super) fn version_for(&self, requested: i64, purpose: &str) -> std::result::Result<u32, Fault> {
        let refuse = |why: &str| Err(Fault::user(format!("requested version for {purpose} is {why}")));
        match u32::try_from(requested) {
            Err(_) if requested < 0 => refuse("negative"),
            Err(_) => refuse("higher than the latest key version"),
            Ok(0) => Ok(self.settings.latest),
            Ok(version) if version > self.settings.latest => refuse("higher than the latest key version"),
            Ok(version) if version < self.settings.min_encryption => {
                refuse("less than the minimum encryption key version")
            }
            Ok(version) => Ok(version),
        }
    }

    /// The version that a ciphertext or signature names, where it may still be used.
    pub(super) fn version_of(&self, named: i64, what: &str) -> std::result::Result<u32, Fault> {
        match u32::try_from(named) {
            Ok(version) if version > self.settings.latest => Err(too_new(what)),
            Err(_) if named > 0 => Err(too_new(what)),
            Ok(version) if version >= self.settings.min_decryption => Ok(version),
            _ => Err(Fault::user("ciphertext or signature version is disallowed by policy (too old)")),
        }
    }

    /// The key as a JSON document, with its secrets.
    pub(super) fn encode(&self) -> Result<SecretBytes> {
        let versions = self.versions.iter().map(|(number, version)| (*number, version.stored())).collect();
        let document = Document { format: FORMAT, settings: self.settings.clone(), versions };
        serde_json::to_vec(&document).map(SecretBytes::new).map_err(Error::internal)
    }

    /// Reads a document.
    ///
    /// # Errors
    /// 500 where it is not one, or of another format.
    pub(super) fn decode(document: &[u8]) -> Result<Self> {
        let damaged = || Error::internal("the document of a transit key is not of the form expected");
        let document: Document = serde_json::from_slice(document).map_err(|_| damaged())?;
        let whole = document.versions.contains_key(&document.settings.latest);
        if document.format != FORMAT || !whole {
            return Err(damaged());
        }
        let version = |(number, stored)| (number, Arc::new(KeyVersion::from(stored)));
        Ok(Key {
            settings: document.settings,
            versions: document.versions.into_iter().map(version).collect(),
        })
    }

    /// Whether a key that came from outside holds together: its numbers fit each other, its versions expand.
    pub(super) fn is_sound(&self) -> bool {
        let settings = &self.settings;
        let range = 1..=settings.latest;
        let numbers = range.contains(&settings.min_decryption)
            && settings.min_encryption <= settings.latest
            && (settings.min_encryption == 0 || settings.min_encryption >= settings.min_decryption)
            && settings.min_available <= settings.min_decryption
            && settings.latest <= LATEST_MAX
            && settings.auto_rotate_period >= 0
            && (settings.kind != Kind::Hmac || HMAC_LEN.contains(&settings.key_size));
        let kept = settings.min_available.max(1)..=settings.latest;
        let whole = self.versions.len() <= VERSIONS_MAX && self.versions.keys().copied().eq(kept);
        let expands = || self.versions.values().all(|version| version.material(settings.kind).is_ok());
        numbers && whole && settings.check().is_ok() && expands()
    }

    /// A fresh version for this key, to be added to it. Off this thread where it takes long.
    pub(super) async fn generate(
        settings: &Settings,
        random: &Arc<dyn Random>,
        now: i64,
    ) -> Result<Arc<KeyVersion>> {
        let (kind, len, random) = (settings.kind, settings.key_size, random.clone());
        if kind.rsa().is_none() {
            return KeyVersion::generate(kind, len, random.as_ref(), now).map(Arc::new);
        }
        let generation =
            tokio::task::spawn_blocking(move || KeyVersion::generate(kind, len, random.as_ref(), now));
        generation.await.map_err(Error::internal)?.map(Arc::new)
    }
}

/// A key as it is stored.
#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    settings: Settings,
    versions: BTreeMap<u32, StoredVersion>,
}

fn too_new(what: &str) -> Fault {
    Fault::user(format!("invalid {what}: version is too new"))
}

/// Bytes that an HMAC key may have.
pub(super) const HMAC_LEN: RangeInclusive<usize> = 32..=512;
const HMAC_LEN_DEFAULT: usize = 32;
/// Versions that a key holds: one entry of storage is at most so large (400 kB on DynamoDB).
const VERSIONS_MAX: usize = 1000;
/// Far above what a key reaches, far below what a number holds.
const LATEST_MAX: u32 = 1 << 30;
/// The form of the stored document.
const FORMAT: u32 = 1;
