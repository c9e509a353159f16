//! Transit: cryptography as a service, with keys that stay here (`hashicorp/vault: builtin/logical/transit`,
//! `sdk/helper/keysutil`, at the level of Vault 1.14).
//!
//! Storage, below the mount's view:
//! - `policy/<name>`: a key with its settings and all its versions, see `transit/key.rs`;
//! - `auto-rotate/<name>`: empty, for each key that rotates by itself;
//! - `import/wrapping-key`: the RSA key under which keys are brought in;
//! - `config/keys`, `config/cache`: the mount's settings.
//!
//! Keys in use stay in memory, expanded: encrypting or signing reads no storage. See `transit/key_store.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::{OnceCell, Semaphore};
use trustkeep_crypto::Random;

use self::batch::{Item, ItemResult, Items};
use self::key::{Key, Settings};
use self::key_store::KeyStore;
use super::{Engine, EngineContext, tools};
use crate::core::View;
use crate::help::Help;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

mod backup;
mod batch;
mod cipher;
mod configuration;
mod crypt;
mod describe;
mod export;
mod fault;
mod help;
mod import;
mod key;
mod key_store;
mod keys;
mod kind;
mod rotation;
mod sign;
mod signature;
#[cfg(test)]
mod tests;
mod text;
mod version;
mod wrapping;

/// Takes a ciphertext apart as every operation does first.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn read_ciphertext(text: &str) -> bool {
    text::Parts::of(text, "ciphertext")
        .is_ok_and(|parts| crate::engines::base64::decode(parts.payload).is_ok())
}

/// The transit engine.
#[derive(Debug)]
pub struct Transit {
    view: View,
    keys: KeyStore,
    random: Arc<dyn Random>,
    /// Whether the settings of the mount were read.
    prepared: OnceCell<()>,
    /// How many requests may compute for long at a time.
    heavy: Semaphore,
    /// Unix seconds at which keys were last looked through for those to rotate.
    rotated: AtomicI64,
}

impl Transit {
    /// The engine over a mount's storage. Nothing is read or written yet.
    pub fn new(context: &EngineContext) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Transit {
            view: context.view.clone(),
            keys: KeyStore::new(context.view.clone()),
            random: context.random.clone(),
            prepared: OnceCell::new(),
            heavy: Semaphore::new(processors),
            rotated: AtomicI64::new(0),
        }
    }

    fn random(&self) -> &dyn Random {
        self.random.as_ref()
    }

    /// The key of this name; 400 where there is none.
    async fn key(&self, request: &Request, name: &str) -> Result<Arc<Key>> {
        self.keys.find(name, request.now).await?.ok_or_else(crypt::not_found)
    }

    /// A key of these settings, or the one that has the name already, and whether it is new.
    async fn create(&self, settings: Settings, now: i64) -> Result<(Arc<Key>, bool)> {
        if let Some(key) = self.keys.find(&settings.name, now).await? {
            return Ok((key, false));
        }
        settings.check()?;
        let name = settings.name.clone();
        let version = Key::generate(&settings, &self.random, now).await?;
        let mut key = Key::new(settings);
        key.push(version)?;
        if let Some(key) = self.keys.create(key, now).await? {
            return Ok((key, true));
        }
        let other = self.keys.find(&name, now).await?;
        let gone = || Error::Unavailable("the key is being changed by others, try again".to_owned());
        other.map(|key| (key, false)).ok_or_else(gone)
    }

    /// What becomes of each item. Work that takes long is done beside the other requests, for few at a time.
    async fn each<'a>(
        &self,
        key: &Key,
        request: &Request,
        items: &Items<'a>,
        work: impl Fn(&Item<'a>) -> ItemResult,
    ) -> Vec<ItemResult> {
        let run = || items.items.iter().map(&work).collect();
        let is_light = key.settings.kind.rsa().is_none()
            && request.body.len() < LIGHT_BYTES_MAX
            && items.items.len() < LIGHT_ITEMS_MAX;
        if is_light {
            return run();
        }
        // The semaphore is never closed, so there is a turn for everybody.
        let _turn = self.heavy.acquire().await.ok();
        batch::off_the_queue(run)
    }

    async fn prepare(&self) -> Result<()> {
        let limit = || async {
            self.keys.limit(self.cache_size().await?);
            Ok(())
        };
        self.prepared.get_or_try_init(limit).await.copied()
    }
}

#[async_trait::async_trait]
impl Engine for Transit {
    async fn handle(&self, request: &Request) -> Result<Option<Response>> {
        self.prepare().await?;
        let write = request.operation.is_write();
        let read = request.operation == Operation::Read;
        let mut parts = request.path.trim_end_matches('/').split('/');
        let part = [0; 5].map(|_| parts.next());
        let (path, rest) = match part {
            [Some(first), a, b, c, None] => (first, [a, b, c].map(Option::unwrap_or_default)),
            _ => return Err(Error::UnsupportedPath),
        };
        let named = is_name(rest[0]);
        let count = part.iter().flatten().count() - 1;
        match (path, count, rest) {
            ("keys", ..) => self.keys_request(request, count, rest).await,
            ("config", 1, ["keys", ..]) => self.keys_configuration(request).await,
            ("cache-config", 0, _) => self.cache_configuration(request).await,
            ("wrapping_key", 0, _) => only(read)?.then(self.wrapping_key_request()).await,
            ("encrypt", 1, [name, ..]) if named => only(write)?.then(self.encrypt(request, name)).await,
            ("decrypt", 1, [name, ..]) if named => only(write)?.then(self.decrypt(request, name)).await,
            ("rewrap", 1, [name, ..]) if named => only(write)?.then(self.rewrap(request, name)).await,
            ("datakey", 2, [form, name, _]) if named && is_name(name) => {
                only(write)?.then(self.data_key(request, form, name)).await
            }
            ("hmac", 1 | 2, [name, hash, _]) if named => {
                only(write)?.then(self.hmac(request, name, hash)).await
            }
            ("sign", 1 | 2, [name, hash, _]) if named => {
                only(write)?.then(self.sign(request, name, hash)).await
            }
            ("verify", 1 | 2, [name, hash, _]) if named => {
                only(write)?.then(self.verify(request, name, hash)).await
            }
            ("export", 2 | 3, [what, name, version]) if named && is_name(name) => {
                only(read)?.then(self.export(request, what, name, version)).await
            }
            ("byok-export", 2 | 3, [to, name, version]) if named && is_name(name) => {
                only(read)?.then(self.wrapped_export(request, to, name, version)).await
            }
            ("backup", 1, [name, ..]) if named => only(read)?.then(self.backup(request, name)).await,
            ("restore", 0 | 1, [name, ..]) => only(write)?.then(self.restore(request, name)).await,
            ("random", 0..=2, _) => {
                only(write)?;
                let rest = request.path.trim_end_matches('/').strip_prefix("random").unwrap_or_default();
                tools::random(request, rest.trim_start_matches('/'), self.random())
            }
            ("hash", 0 | 1, [algorithm, ..]) => {
                only(write)?;
                tools::hash(request, algorithm)
            }
            _ => Err(Error::UnsupportedPath),
        }
    }

    async fn exists(&self, request: &Request) -> Result<Option<bool>> {
        match request.path.split_once('/') {
            Some(("encrypt", name)) if is_name(name) => {
                self.prepare().await?;
                Ok(Some(self.keys.find(name, request.now).await?.is_some()))
            }
            _ => Ok(None),
        }
    }

    fn help(&self) -> Help {
        help::HELP
    }

    async fn tick(&self, now: i64) -> Result<()> {
        let last = self.rotated.swap(now, Ordering::Relaxed);
        if now.saturating_sub(last) < ROTATION_CHECK_EVERY {
            self.rotated.store(last, Ordering::Relaxed);
            return Ok(());
        }
        self.rotate_due(now.saturating_mul(NANOS)).await
    }
}

/// Lets an operation pass that the path takes.
fn only(allowed: bool) -> Result<Allowed> {
    if allowed { Ok(Allowed) } else { Err(Error::UnsupportedOperation) }
}

struct Allowed;

impl Allowed {
    async fn then(self, work: impl Future<Output = Result<Option<Response>>>) -> Result<Option<Response>> {
        work.await
    }
}

/// Whether a text can name a key: letters, digits, `_`, and within it `-` and `.`.
fn is_name(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= NAME_LEN_MAX
        && text.starts_with(is_word)
        && text.ends_with(is_word)
        && text.chars().all(|c| is_word(c) || c == '-' || c == '.')
}

/// Bytes of a key's name.
const NAME_LEN_MAX: usize = 512;
/// Bytes of a body that are worked on without a turn: some hundred microseconds.
const LIGHT_BYTES_MAX: usize = 64 * 1024;
/// Items that are worked on without a turn.
const LIGHT_ITEMS_MAX: usize = 16;
/// Seconds between two looks through all keys for those to rotate.
const ROTATION_CHECK_EVERY: i64 = 3600;
const NANOS: i64 = 1_000_000_000;
