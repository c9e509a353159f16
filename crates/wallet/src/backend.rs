//! What stands behind a wallet.

use tokio::sync::broadcast;

use crate::{Batch, Query, Record, Result, StoredKey};

/// What other processes on the same wallet say, by a name that who wants to be woken knows. A message may be lost with a
/// connection: who listens also looks by himself from time to time.
pub type Changes = broadcast::Receiver<String>;

/// One profile of a wallet in some database. Cheap to share; every method may be called from any task.
///
/// All methods answer [`crate::Error::Unavailable`] when the database cannot be reached.
#[async_trait::async_trait]
pub trait Backend: Send + Sync + std::fmt::Debug + 'static {
    /// The record, or `None`.
    async fn get(&self, category: &str, name: &str) -> Result<Option<Record>>;

    /// The records that fit, in the order in which they were first put there.
    async fn find(&self, query: &Query) -> Result<Vec<Record>>;

    /// How many records fit; offset, limit and order do not matter.
    async fn count(&self, query: &Query) -> Result<u64>;

    /// The key, or `None`.
    async fn key(&self, name: &str) -> Result<Option<StoredKey>>;

    /// Carries out each batch in turn whose expectations hold at its turn, in one transaction, and puts what the batches
    /// that passed enqueue into one record a queue and shard ([`crate::queue::segments`]).
    ///
    /// Gives, once durable, what became of each. An error is that of all: nothing was written, unless it is
    /// [`crate::Error::OutcomeUnknown`].
    async fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<()>>>;

    /// Tells the other processes on this wallet something: at most 64 ASCII characters.
    async fn tell(&self, what: &str) -> Result<()>;

    /// What others tell, from now on.
    fn changes(&self) -> Changes;

    /// Ends it: nothing is asked for afterwards.
    async fn close(&self);
}
