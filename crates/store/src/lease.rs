//! Leases with fencing, over any store.
//!
//! A lease is one row of a [`lease_table`]. Its holder renews the row; a contender watches the row's version and
//! may take it once the version has stood still for the time to live that the row itself names. Clocks of two
//! machines are never compared: the holder counts from before it *sent* its last successful renewal, the
//! contender from after it *saw* the version, both with their own monotonic clock.
//!
//! Clocks are for liveness. Safety comes from the **fence**: the row's `epoch` rises whenever the lease changes
//! hands, and every commit made in the holder's name carries [`Lease::fence`]. A holder that was paused,
//! partitioned or whose virtual machine was frozen cannot write any more.
//!
//! Use the store itself, not a [`CachedStore`](crate::CachedStore) over it: another process writes this row.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::ColumnType::{Bytes as BytesColumn, Int, Text};
use crate::{Commit, Error, Expect, Key, Record, Result, Row, SharedStore, Store, Table, Value, Version};

/// The table that leases of a namespace stand in: `<namespace>.lease`.
///
/// # Errors
/// [`Error::Invalid`] for a namespace that is not a name.
pub fn lease_table(namespace: &str) -> Result<Table> {
    Table::define(namespace, "lease")
        .partition("name", Text)
        .column("holder", Text)
        .column("epoch", Int)
        .column("ttl_ms", Int)
        .column("note", BytesColumn)
        .build()
}

const HOLDER: usize = 0;
const EPOCH: usize = 1;
const TTL_MS: usize = 2;
const NOTE: usize = 3;

/// Which lease, for whom and for how long.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    /// The table, made by [`lease_table`].
    pub table: Table,
    /// The lease's name.
    pub name: String,
    /// Who asks for it; different for every process, not empty.
    pub holder: String,
    /// How long the lease lasts without renewal; at least 3 times `renew_every`.
    pub ttl: Duration,
    /// How often it is renewed.
    pub renew_every: Duration,
    /// How often a contender looks whether it is free.
    pub watch_every: Duration,
    /// What others may read while it is held, for example the holder's address.
    pub note: Bytes,
}

impl LeaseSettings {
    /// 15 s to live, renewed every 4 s, watched every second, without a note.
    pub fn new(table: Table, name: impl Into<String>, holder: impl Into<String>) -> Self {
        LeaseSettings {
            table,
            name: name.into(),
            holder: holder.into(),
            ttl: Duration::from_secs(15),
            renew_every: Duration::from_secs(4),
            watch_every: Duration::from_secs(1),
            note: Bytes::new(),
        }
    }

    /// With another time to live; renewal and watching keep their share of it.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self.renew_every = ttl / 4;
        self.watch_every = (ttl / 15).min(Duration::from_secs(1));
        self
    }

    /// With a note.
    pub fn note(mut self, note: impl Into<Bytes>) -> Self {
        self.note = note.into();
        self
    }

    fn key(&self) -> Key {
        Key::of(self.name.as_str())
    }

    fn check(&self) -> Result<()> {
        let refuse = |message: &str| Err(Error::Invalid(format!("lease {}: {message}", self.name)));
        if self.holder.is_empty() {
            return refuse("holder: must not be empty");
        }
        if self.renew_every.is_zero() || self.watch_every.is_zero() {
            return refuse("renew_every and watch_every: must not be 0");
        }
        if self.ttl < self.renew_every * 3 {
            return refuse(
                "ttl: must be at least 3 times renew_every, so that one lost renewal does no harm",
            );
        }
        self.table.check_key(&self.key())
    }

    /// The row that makes `holder` hold the lease in `epoch`.
    fn row(&self, holder: &str, epoch: i64) -> Row {
        let ttl_ms = i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX);
        let note = if holder.is_empty() { Bytes::new() } else { self.note.clone() };
        let (holder, epoch, ttl_ms) = (Value::from(holder), Value::Int(epoch), Value::Int(ttl_ms));
        Row::new(vec![Some(holder), Some(epoch), Some(ttl_ms), Some(note.into())])
    }

    fn expect_epoch(&self, epoch: i64) -> Expect {
        let table = self.table.clone();
        Expect::Column { table, key: self.key(), column: EPOCH, value: Value::Int(epoch) }
    }
}

/// Who holds a lease, as the row says; whether the holder still lives is not known from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseHolder {
    /// The name it gave.
    pub holder: String,
    /// Rises whenever the lease changes hands.
    pub epoch: i64,
    /// How long the lease lasts without renewal.
    pub ttl: Duration,
    /// What the holder wants others to know.
    pub note: Bytes,
}

impl LeaseHolder {
    fn of(record: &Record) -> Option<Self> {
        let holder = record.text(HOLDER).filter(|holder| !holder.is_empty())?;
        Some(LeaseHolder {
            holder: holder.to_owned(),
            epoch: record.int(EPOCH)?,
            ttl: ttl_of(record),
            note: record.bytes(NOTE).cloned().unwrap_or_default(),
        })
    }
}

fn ttl_of(record: &Record) -> Duration {
    Duration::from_millis(record.int(TTL_MS).and_then(|ttl| u64::try_from(ttl).ok()).unwrap_or(0))
}

/// A lease that was obtained. It is renewed in the background until it is released, lost or dropped; when it is
/// dropped others wait for its time to pass.
#[derive(Debug)]
pub struct Lease {
    store: SharedStore,
    settings: Arc<LeaseSettings>,
    epoch: i64,
    state: watch::Receiver<Standing>,
    renewal: AbortHandle,
}

/// Until when the lease is surely held; `None` once it is lost.
type Standing = Option<Instant>;

impl Lease {
    /// Waits until the lease is obtained. Outages of the store are waited out too. May be dropped at any time;
    /// a lease obtained at that very moment expires by itself.
    ///
    /// # Errors
    /// What waiting does not mend: [`Error::Schema`], [`Error::Denied`], [`Error::Invalid`], [`Error::Limit`].
    pub async fn acquire(store: SharedStore, settings: LeaseSettings) -> Result<Lease> {
        let mut contender = Contender::new(store, settings)?;
        loop {
            match contender.attempt().await {
                Ok(Some(lease)) => return Ok(lease),
                Ok(None) => {}
                Err(Error::Unavailable(reason) | Error::OutcomeUnknown(reason)) => {
                    tracing::warn!(lease = contender.settings.name, reason, "the lease cannot be asked for");
                }
                Err(other) => return Err(other),
            }
            sleep(contender.settings.watch_every).await;
        }
    }

    /// Obtains the lease if nobody holds it. One that expired is not taken: that needs watching, see
    /// [`Lease::acquire`] and [`Contender`].
    ///
    /// # Errors
    /// Those of the store.
    pub async fn try_acquire(store: SharedStore, settings: LeaseSettings) -> Result<Option<Lease>> {
        Contender::new(store, settings)?.attempt().await
    }

    /// What every commit in the holder's name expects: that the lease has not changed hands.
    pub fn fence(&self) -> Expect {
        self.settings.expect_epoch(self.epoch)
    }

    /// Rises whenever the lease changes hands; orders its holders.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Whether the lease is held, by this process's clock. Good for refusing early and for reads that may be
    /// stale by a clock's error; what is written is guarded by [`Lease::fence`].
    pub fn is_held(&self) -> bool {
        self.state.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// The same knowledge for others, who may keep it: once the lease is gone it is not held.
    pub fn hold(&self) -> Hold {
        Hold(self.state.clone())
    }

    /// Waits until the lease is lost.
    pub async fn lost(&self) {
        let mut state = self.state.clone();
        // The sender lives as long as the renewal; without it nothing is held any more.
        let _ = state.wait_for(Option::is_none).await;
    }

    /// Gives the lease back, so that the next contender need not wait. The row stays, so that epochs never
    /// repeat, and commits with this lease's fence are refused from now on.
    ///
    /// # Errors
    /// Those of the store; the lease then expires by itself. Nothing is wrong with having lost it before.
    pub async fn release(self) -> Result<()> {
        self.renewal.abort();
        let row = self.settings.row("", self.epoch.saturating_add(1));
        let give = Commit::new().expect(self.fence()).put(&self.settings.table, self.settings.key(), row);
        match self.store.commit(give).await {
            Ok(_) | Err(Error::Conflict { .. }) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Who holds the lease `name`; `None` if nobody does.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn observe(store: &dyn Store, table: &Table, name: &str) -> Result<Option<LeaseHolder>> {
        let record = store.get(table, &Key::of(name)).await?;
        Ok(record.as_deref().and_then(LeaseHolder::of))
    }

    fn start(store: SharedStore, settings: Arc<LeaseSettings>, epoch: i64, sent: Instant) -> Lease {
        let (sender, state) = watch::channel(Some(held_until(&settings, sent)));
        let renewal = tokio::spawn(renew(store.clone(), settings.clone(), epoch, sender)).abort_handle();
        Lease { store, settings, epoch, state, renewal }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

/// Whether a lease is held; outlives the lease itself. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hold(watch::Receiver<Standing>);

impl Hold {
    /// Whether the lease is held, by this process's clock; see [`Lease::is_held`].
    pub fn is_held(&self) -> bool {
        // Whoever renews it also speaks for it: without a sender the lease was released or dropped.
        self.0.has_changed().is_ok() && self.0.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until it is not held any more.
    pub async fn over(&self) {
        // An error says that nobody speaks for the lease any more, which is what is waited for.
        let _ = self.0.clone().wait_for(Option::is_none).await;
    }
}

/// Until when a lease is surely held whose renewal was sent at `sent`: a tenth earlier than others may take it,
/// for clocks that run at different speeds.
fn held_until(settings: &LeaseSettings, sent: Instant) -> Instant {
    sent + settings.ttl - settings.ttl / 10
}

/// Renews until the lease is lost.
async fn renew(store: SharedStore, settings: Arc<LeaseSettings>, epoch: i64, state: watch::Sender<Standing>) {
    let mut pause = settings.renew_every;
    let name = &settings.name;
    let standing = || *state.borrow();
    while let Some(until) = standing() {
        sleep_until(until.min(Instant::now() + pause)).await;
        let sent = Instant::now();
        let row = settings.row(&settings.holder, epoch);
        let commit =
            Commit::new().expect(settings.expect_epoch(epoch)).put(&settings.table, settings.key(), row);
        match timeout_at(until, store.commit(commit)).await {
            Ok(Ok(_)) => {
                state.send_replace(Some(held_until(&settings, sent)));
                pause = settings.renew_every;
            }
            Ok(Err(Error::Conflict { .. })) => {
                tracing::warn!(lease = name, epoch, "the lease was taken by another");
                state.send_replace(None);
            }
            Ok(Err(error)) if Instant::now() < until => {
                tracing::warn!(lease = name, epoch, %error, "the lease could not be renewed; trying again");
                pause = settings.renew_every / 4;
            }
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(lease = name, epoch, "the lease could not be renewed in time");
                state.send_replace(None);
            }
        }
    }
}

/// Someone who wants a lease and remembers for how long its row has stood still.
#[derive(Debug)]
pub struct Contender {
    store: SharedStore,
    settings: Arc<LeaseSettings>,
    watched: Option<(Version, Instant)>,
    holder: Option<LeaseHolder>,
}

impl Contender {
    /// A contender that has seen nothing yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] for settings that make no sense.
    pub fn new(store: SharedStore, settings: LeaseSettings) -> Result<Self> {
        settings.check()?;
        Ok(Contender { store, settings: Arc::new(settings), watched: None, holder: None })
    }

    /// Whom the last attempt found holding the lease; `None` if nobody did, or none was made yet.
    pub fn holder(&self) -> Option<&LeaseHolder> {
        self.holder.as_ref()
    }

    /// Looks once, and takes the lease if it is free or has stood still for its time to live.
    ///
    /// # Errors
    /// Those of the store. After [`Error::OutcomeUnknown`] the lease counts as not obtained; if it was, it
    /// expires by itself.
    pub async fn attempt(&mut self) -> Result<Option<Lease>> {
        let settings = &self.settings;
        let found = self.store.get(&settings.table, &settings.key()).await?;
        // Counted from after the answer: the version may be as young as that.
        let seen = Instant::now();
        self.holder = found.as_deref().and_then(LeaseHolder::of);
        let take = Commit::new();
        let (take, epoch) = match &found {
            None => (take.expect_absent(&settings.table, settings.key()), 1),
            Some(record) => {
                let since = match self.watched {
                    Some((version, since)) if version == record.version => since,
                    _ => seen,
                };
                self.watched = Some((record.version, since));
                if self.holder.is_some() && seen - since < ttl_of(record) {
                    return Ok(None);
                }
                let take = take.expect_version(&settings.table, settings.key(), record.version);
                (take, record.int(EPOCH).unwrap_or(0).saturating_add(1))
            }
        };
        let sent = Instant::now();
        let take = take.put(&settings.table, settings.key(), settings.row(&settings.holder, epoch));
        match self.store.commit(take).await {
            Ok(_) => {
                tracing::info!(lease = settings.name, epoch, "the lease was obtained");
                Ok(Some(Lease::start(self.store.clone(), settings.clone(), epoch, sent)))
            }
            Err(Error::Conflict { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }
}

#[cfg(test)]
mod tests;
