//! A wallet as its user sees it: commits that come at the same time go together.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::{Backend, Batch, Changes, Error, Query, Record, Result, StoredKey};

/// Commits that wait for their turn.
const WAITING_MAX: usize = 4096;
/// Commits of one transaction.
const GROUP_MAX: usize = 256;

/// A wallet. Cheap to clone; every method may be called from any task of a Tokio runtime.
#[derive(Clone, Debug)]
pub struct Wallet {
    backend: Arc<dyn Backend>,
    commits: mpsc::Sender<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    batch: Batch,
    answer: oneshot::Sender<Result<()>>,
}

impl Wallet {
    /// A wallet over a backend. It has a task of its own, which ends with the last clone.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        let (commits, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(work(backend.clone(), waiting));
        Self { backend, commits }
    }

    /// The record, or `None`.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn get(&self, category: &str, name: &str) -> Result<Option<Record>> {
        self.backend.get(category, name).await
    }

    /// The records that fit, in the order in which they were first put there.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn find(&self, query: &Query) -> Result<Vec<Record>> {
        self.backend.find(query).await
    }

    /// How many records fit.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn count(&self, query: &Query) -> Result<u64> {
        self.backend.count(query).await
    }

    /// The key, or `None`.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn key(&self, name: &str) -> Result<Option<StoredKey>> {
        self.backend.key(name).await
    }

    /// Carries out a batch if all that it expects holds; durable when it answers. Who goes away while it waits does not
    /// undo it.
    ///
    /// # Errors
    /// [`Error::Conflict`], and those of the backend.
    pub async fn commit(&self, batch: Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let (answer, outcome) = oneshot::channel();
        let ended = || Error::Unavailable("the wallet is closed".to_owned());
        self.commits.send(Waiting { batch, answer }).await.map_err(|_| ended())?;
        outcome
            .await
            .map_err(|_| Error::OutcomeUnknown("the wallet was closed during a commit".to_owned()))?
    }

    /// Tells other processes on the same wallet, and this one, something.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn tell(&self, what: &str) -> Result<()> {
        self.backend.tell(what).await
    }

    /// What is told, from now on.
    pub fn changes(&self) -> Changes {
        self.backend.changes()
    }

    /// Ends the backend.
    pub async fn close(&self) {
        self.backend.close().await;
    }
}

async fn work(backend: Arc<dyn Backend>, mut waiting: mpsc::Receiver<Waiting>) {
    let mut group = Vec::new();
    while waiting.recv_many(&mut group, GROUP_MAX).await > 0 {
        let (batches, answers): (Vec<_>, Vec<_>) =
            group.drain(..).map(|waiting| (waiting.batch, waiting.answer)).unzip();
        let outcomes = carry_out(&*backend, &batches).await;
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // Who asked may have gone.
            let _ = answer.send(outcome);
        }
    }
}

async fn carry_out(backend: &dyn Backend, batches: &[Batch]) -> Vec<Result<()>> {
    match backend.commit(batches).await {
        Ok(outcomes) => outcomes,
        // One that cannot be written must not take the others with it.
        Err(Error::Invalid(_)) if batches.len() > 1 => {
            let mut outcomes = Vec::with_capacity(batches.len());
            for batch in batches {
                let alone = backend.commit(std::slice::from_ref(batch)).await;
                outcomes.push(alone.and_then(|outcomes| outcomes.into_iter().collect()));
            }
            outcomes
        }
        Err(error) => vec![Err(error); batches.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expect, MemoryWallet};

    #[tokio::test]
    async fn of_two_who_change_the_same_one_is_refused_and_nothing_of_its_batch_stands() {
        let wallet = Wallet::new(Arc::new(MemoryWallet::new()));
        let read = Record::new("connection", "1", "request").tagged("state", "request");
        let mut batch = Batch::new();
        batch.insert(read.clone());
        wallet.commit(batch).await.unwrap();

        let change = |value: &str| {
            let mut batch = Batch::new();
            batch.replace(read.clone(), Record::new("connection", "1", value));
            batch.insert(Record::new("event", value, ""));
            wallet.commit(batch)
        };
        let (one, other) = tokio::join!(change("response"), change("abandoned"));
        assert!(one.is_ok() != other.is_ok());
        assert!(one.and(other).unwrap_err().is_conflict());
        assert_eq!(wallet.count(&Query::all("event")).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_batch_that_only_expects_is_checked() {
        let wallet = Wallet::new(Arc::new(MemoryWallet::new()));
        let mut batch = Batch::new();
        batch.expect(Expect::Is(Record::new("connection", "1", "")));
        assert!(wallet.commit(batch).await.unwrap_err().is_conflict());
    }
}
