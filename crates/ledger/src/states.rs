//! What each transaction came to: committed or aborted, decided once and for ever.
//!
//! A nonce is remembered by a fingerprint of sixteen bytes and nothing else that grows with it. So there is nothing
//! that a purge would have to remove, and a nonce stays refused after one.

use trustkeep_chassis::clock::SharedClock;
use trustkeep_crypto::hash::sha256;
use trustkeep_scalar_domain::errors::unexpected_record;
use trustkeep_scalar_rpc::messages::TransactionState;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};
use trustkeep_store::{Commit, Error as StoreError, Key, Row, SharedStore, Table, Value};

use crate::failure::{GET_STATE, ledger};

/// Outcomes of transactions by nonce.
#[derive(Clone)]
pub(crate) struct States {
    store: SharedStore,
    table: Table,
    clock: SharedClock,
}

/// How often an abort is tried that meets another decision on its way.
const ATTEMPTS_MAX: usize = 4;

impl States {
    pub(crate) fn new(store: SharedStore, table: Table, clock: SharedClock) -> Self {
        Self { store, table, clock }
    }

    /// Adds to a commit that this transaction is committed by it, which must not have been decided before.
    pub(crate) fn committed(&self, commit: Commit, nonce: &str) -> Commit {
        self.decided(commit, nonce, TransactionState::Committed)
    }

    /// What a transaction came to; unknown if nothing was decided.
    ///
    /// # Errors
    /// 500 if the store cannot be read, 305 if the record holds something else.
    pub(crate) async fn of(&self, nonce: &str) -> Result<TransactionState> {
        let record = self
            .store
            .get(&self.table, &fingerprint(nonce))
            .await
            .map_err(|error| GET_STATE.error(&error))?;
        match record.map(|record| record.int(0)) {
            None => Ok(TransactionState::Unknown),
            Some(Some(COMMITTED)) => Ok(TransactionState::Committed),
            Some(Some(ABORTED)) => Ok(TransactionState::Aborted),
            Some(_) => Err(unexpected_record("the state of a transaction")),
        }
    }

    /// Decides that a transaction is aborted unless it is decided already; gives what holds then, unknown if the store
    /// did not say.
    ///
    /// # Errors
    /// 305 as [`States::of`].
    pub(crate) async fn abort(&self, nonce: &str) -> Result<TransactionState> {
        for _ in 0..ATTEMPTS_MAX {
            let commit = self.decided(Commit::new(), nonce, TransactionState::Aborted);
            match self.store.commit(commit).await {
                Ok(_) => return Ok(TransactionState::Aborted),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => {
                    tracing::warn!(%error, "a transaction could not be aborted");
                    return Ok(TransactionState::Unknown);
                }
            }
            match self.of(nonce).await {
                Ok(TransactionState::Unknown) => {}
                Err(error) if error.code == StatusCode::DatabaseError => break,
                decided => return decided,
            }
        }
        Ok(TransactionState::Unknown)
    }

    /// The error of a commit that found its nonce decided.
    pub(crate) async fn refused(&self, nonce: &str) -> Error {
        match self.of(nonce).await {
            Ok(TransactionState::Aborted) => already("aborted"),
            Ok(_) => already("committed"),
            Err(error) => error,
        }
    }

    /// The name of the table.
    pub(crate) fn table(&self) -> &str {
        self.table.qualified()
    }

    fn decided(&self, commit: Commit, nonce: &str, state: TransactionState) -> Commit {
        let key = fingerprint(nonce);
        let row = Row::of([i64::from(state as i32), self.clock.now().as_millisecond()]);
        commit.expect_absent(&self.table, key.clone()).put(&self.table, key, row)
    }
}

impl std::fmt::Debug for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("States").field("table", &self.table).finish_non_exhaustive()
    }
}

const COMMITTED: i64 = TransactionState::Committed as i64;
const ABORTED: i64 = TransactionState::Aborted as i64;

/// Half of the SHA-256: whoever finds two nonces that share it has spoilt two transactions of their own.
fn fingerprint(nonce: &str) -> Key {
    Key::of(Value::Bytes(sha256(nonce.as_bytes()).iter().take(16).copied().collect()))
}

fn already(what: &str) -> Error {
    ledger(StatusCode::Conflict, 1, format!("The transaction state has already been {what}."))
}
