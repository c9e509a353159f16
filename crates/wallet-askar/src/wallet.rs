//! The wallet as a backend.

use std::sync::Arc;
use std::time::Duration;

use aries_askar::Store;
use askar_storage::any::AnyBackend;
use askar_storage::backend::OrderBy;
use askar_storage::entry::{Entry, EntryKind, TagFilter};
use askar_storage::{Backend as _, BackendSession as _};
use tokio::time::timeout;
use trustkeep_crypto::random::{SystemRandom, uuid};
use trustkeep_wallet::{Backend, Batch, Changes, Error, Query, Record, Result, StoredKey};

use crate::commit::{Failed, commit};
use crate::failure::{Failure, Kind, kind, translate};
use crate::filter::{Condition, condition, from_askar};
use crate::news::News;
use crate::{AskarSettings, Opening, keys, opening};

/// How long reading may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One profile of an Askar store.
#[derive(Debug)]
pub struct AskarWallet {
    backend: AnyBackend,
    /// The same, as the one who knows keys.
    store: Store,
    profile: String,
    is_new: bool,
    news: News,
    /// Connections that may have broken while nobody used them.
    attempts: u32,
}

impl AskarWallet {
    /// Opens a wallet, or makes it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a wallet or profile that is not there, [`Error::Denied`] for a wrong key and for what the
    /// database does not permit, [`Error::Invalid`] for a database that holds something else, a libindy wallet for one,
    /// [`Error::Unavailable`] if nobody answers.
    pub async fn open(settings: &AskarSettings, opening: Opening) -> Result<Self> {
        let (backend, is_new) = opening::open(settings, opening).await?;
        let profile = backend.get_active_profile();
        let news = match settings.postgres_url() {
            Some(url) => {
                News::postgres(Arc::new(url), channel(&profile), uuid(&SystemRandom).simple().to_string())
            }
            None => News::local(),
        };
        let attempts = settings.connections_max().saturating_add(1);
        Ok(Self { store: Store::from(backend.clone()), backend, profile, is_new, news, attempts })
    }

    /// Whether opening it made it.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The profile's name.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// Connections that broke while nobody used them, with the server say, are found out by using them.
    async fn retried<T, E, F, R>(&self, read: F) -> Result<T>
    where
        E: Failure,
        F: Fn() -> R,
        R: Future<Output = std::result::Result<T, E>>,
    {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match timeout(PATIENCE, read()).await {
                Ok(Ok(read)) => return Ok(read),
                Ok(Err(error)) if kind(&error) == Kind::Lost && attempts < self.attempts => {}
                Ok(Err(error)) => return Err(translate(&error)),
                Err(_) => {
                    let seconds = PATIENCE.as_secs();
                    return Err(Error::Unavailable(format!(
                        "the wallet's database did not answer in {seconds} s"
                    )));
                }
            }
        }
    }

    async fn scan(
        &self,
        query: &Query,
        filter: Option<TagFilter>,
    ) -> std::result::Result<Vec<Record>, askar_storage::Error> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let offset = (query.offset > 0).then(|| number(query.offset));
        let mut scan = self
            .backend
            .scan(
                None,
                Some(EntryKind::Item),
                Some(query.category.clone()),
                filter,
                offset,
                query.limit.map(number),
                Some(OrderBy::Id),
                query.is_descending,
            )
            .await?;
        let mut records = Vec::new();
        while let Some(page) = scan.fetch_next().await? {
            records.extend(page.into_iter().map(record));
        }
        Ok(records)
    }
}

#[async_trait::async_trait]
impl Backend for AskarWallet {
    async fn get(&self, category: &str, name: &str) -> Result<Option<Record>> {
        let read = || async {
            self.backend.session(None, false)?.fetch(EntryKind::Item, category, name, false).await
        };
        Ok(self.retried(read).await?.map(record))
    }

    async fn find(&self, query: &Query) -> Result<Vec<Record>> {
        let Some(filter) = tags(query)? else { return Ok(Vec::new()) };
        self.retried(|| self.scan(query, filter.clone())).await
    }

    async fn count(&self, query: &Query) -> Result<u64> {
        let Some(filter) = tags(query)? else { return Ok(0) };
        let read = || {
            let filter = filter.clone();
            async move {
                let mut session = self.backend.session(None, false)?;
                session.count(Some(EntryKind::Item), Some(&query.category), filter).await
            }
        };
        Ok(self.retried(read).await?.try_into().unwrap_or_default())
    }

    async fn key(&self, name: &str) -> Result<Option<StoredKey>> {
        let entry = self.retried(|| async { self.store.session(None).await?.fetch_key(name, false).await });
        entry.await?.as_ref().map(keys::from_askar).transpose()
    }

    async fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<()>>> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match commit(&self.store, batches).await {
                Ok(outcomes) => return Ok(outcomes),
                Err(Failed::Lost(_)) if attempts < self.attempts => {}
                Err(Failed::Lost(error) | Failed::For(error)) => return Err(error),
            }
        }
    }

    async fn tell(&self, what: &str) -> Result<()> {
        self.news.tell(what)
    }

    fn changes(&self) -> Changes {
        self.news.changes()
    }

    async fn close(&self) {
        // Its connections end with it in any case.
        let _ = self.backend.close().await;
    }
}

/// The tags that are asked for, if any; `None` if there can be no such record.
fn tags(query: &Query) -> Result<Option<Option<TagFilter>>> {
    Ok(match query.filter.as_ref().map(condition).transpose()? {
        None | Some(Condition::Always) => Some(None),
        Some(Condition::Tags(filter)) => Some(Some(filter)),
        Some(Condition::Never) => None,
    })
}

fn record(entry: Entry) -> Record {
    Record {
        category: entry.category,
        name: entry.name,
        value: entry.value.to_vec(),
        tags: entry.tags.into_iter().map(from_askar).collect(),
    }
}

/// The channel of a profile: databases have channels of their own, and names of channels are short.
fn channel(profile: &str) -> String {
    // FNV-1a: two profiles that share one would only wake each other.
    let hash = profile.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("trustkeep_wallet_{hash:016x}")
}
