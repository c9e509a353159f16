//! Executing a contract as one transaction: reads and functions, on a thread that may block unless it is brief, then one
//! commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use trustkeep_contract::{ClientIdentityKey, Error as ContractError, Function, FunctionCall, budget};
use trustkeep_scalar_domain::asset::{AssetKey, AssetRow, Origin, contract_reference};
use trustkeep_scalar_domain::blocking::Blocking;
use trustkeep_scalar_domain::brief::{self, BriefContracts, Wait, Way};
use trustkeep_scalar_domain::execution::{self, Call, ContractSource, Outcome};
use trustkeep_scalar_domain::namespaces::Namespaces;
use trustkeep_scalar_rpc::messages::{AssetProof, ContractExecutionRequest};
use trustkeep_scalar_rpc::signing::DEFAULT_NAMESPACE;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};
use trustkeep_store::{Commit, Error as StoreError, SharedStore};

use crate::assets::{Assets, Seen};
use crate::failure::{COMMIT, GET_ASSET, MUTABLE};
use crate::mutable::{Changes, MutableRecords, Schemas};
use crate::proofs::Prover;
use crate::reader::StoreReader;
use crate::states::States;

/// Executes what was verified.
pub(crate) struct Executor {
    pub(crate) store: SharedStore,
    pub(crate) namespaces: Arc<Namespaces>,
    pub(crate) assets: Assets,
    pub(crate) states: States,
    pub(crate) schemas: Schemas,
    pub(crate) prover: Prover,
    pub(crate) contracts: Arc<dyn ContractSource + Send + Sync>,
    pub(crate) blocking: Blocking,
}

/// A request that may be executed.
pub(crate) struct Job {
    /// As it came; its signatures hold.
    pub(crate) request: ContractExecutionRequest,
    /// Spelt out.
    pub(crate) context_namespace: String,
    /// The transaction's id.
    pub(crate) nonce: String,
    /// Where in the request's argument the contract's own begins, in bytes.
    pub(crate) argument_at: usize,
    /// What follows the contract, in order.
    pub(crate) functions: Vec<Arc<dyn Function>>,
}

/// What a committed transaction gives to its client.
#[derive(Debug)]
pub(crate) struct Executed {
    pub(crate) result: Option<String>,
    pub(crate) function_result: Option<String>,
    pub(crate) proofs: Vec<AssetProof>,
}

/// What a transaction read and wants to write.
struct Transaction {
    outcome: Outcome,
    function_result: Option<String>,
    seen: BTreeMap<AssetKey, Seen>,
    rows: BTreeMap<AssetKey, AssetRow>,
    changes: Changes,
}

/// Why a transaction did not come to its commit, and what it had read by then.
struct Failed {
    error: Error,
    seen: BTreeMap<AssetKey, Seen>,
}

/// More proofs than these are signed on a thread that may block: each takes about 16 microseconds.
const PROOFS_AT_ONCE: usize = 16;

impl Executor {
    /// Executes a job and commits it.
    ///
    /// # Errors
    /// What the contract or a function fails with; 504 if something that was read has changed, or the nonce was decided
    /// before; 501 if the store does not know whether it committed; 305, 417, 500. Except for 501 nothing was written.
    pub(crate) async fn execute(self: &Arc<Self>, job: Job) -> Result<Executed> {
        let job = Arc::new(job);
        let run = match self.run_briefly(&job) {
            Some(run) => run,
            None => {
                let (executor, job, wait) = (self.clone(), job.clone(), Wait::here());
                let run = move || {
                    let payer = &job.request.entity_id;
                    Ok(budget::transaction(payer, false, || executor.run(&job, Way::Waiting(&wait))))
                };
                self.blocking.run(run).await?
            }
        };
        let transaction = match run {
            Ok(transaction) => transaction,
            Err(failed) => return Err(self.justified(*failed).await),
        };
        let commit = self.commit_of(&job, &transaction).await?;
        // Whoever is ready comes first, so that many commits leave together: they share a disk write and its wakings.
        tokio::task::yield_now().await;
        if let Err(error) = self.store.commit(commit).await {
            return Err(self.refused(&job.nonce, &transaction, error).await);
        }
        let Transaction { outcome, function_result, rows, .. } = transaction;
        let Outcome { result, read, .. } = outcome;
        let proofs = if read.len() > PROOFS_AT_ONCE {
            let prover = self.prover.clone();
            self.blocking.run(move || prover.prove_all(&rows, &read)).await?
        } else {
            self.prover.prove_all(&rows, &read)?
        };
        Ok(Executed { result, function_result, proofs })
    }

    /// Runs a contract that is over sooner than a thread is found for it.
    fn run_briefly(&self, job: &Job) -> Option<std::result::Result<Transaction, Box<Failed>>> {
        if !job.functions.is_empty() {
            return None;
        }
        let argument = &job.request.contract_argument;
        brief::attempt(&*self.store, argument, |brief| self.run(job, Way::Brief(brief)))
    }

    /// Runs the contract and the functions.
    fn run(&self, job: &Job, way: Way<'_>) -> std::result::Result<Transaction, Box<Failed>> {
        let request = &job.request;
        let client =
            ClientIdentityKey { entity_id: request.entity_id.clone(), key_version: request.key_version };
        let argument = request.contract_argument.get(job.argument_at..).unwrap_or_default();
        let origin = Origin {
            argument: request.contract_argument.clone(),
            contract_id: contract_reference(&client, &request.contract_id),
            signature: request.signature.clone(),
        };
        let call = Call {
            client,
            context_namespace: &job.context_namespace,
            contract_id: &request.contract_id,
            argument,
        };
        let mut reader = StoreReader::new(&self.assets, way);
        let contracts = &*self.contracts;
        let outcome = match way {
            Way::Waiting(_) => execution::execute(&call, contracts, &mut reader),
            Way::Brief(execution) => {
                execution::execute(&call, &BriefContracts { contracts, execution }, &mut reader)
            }
        };
        let seen = reader.into_seen();
        let rows = outcome.and_then(|outcome| Ok((outcome.rows(&origin)?, outcome)));
        let (rows, outcome) = match rows {
            Ok(done) => done,
            Err(error) => return Err(Box::new(Failed { error, seen })),
        };
        match self.run_functions(job, &call, &outcome, way) {
            Ok((function_result, changes)) => {
                Ok(Transaction { outcome, function_result, seen, rows, changes })
            }
            Err(error) => Err(Box::new(Failed { error, seen })),
        }
    }

    fn run_functions(
        &self,
        job: &Job,
        call: &Call<'_>,
        outcome: &Outcome,
        way: Way<'_>,
    ) -> Result<(Option<String>, Changes)> {
        if job.functions.is_empty() {
            return Ok((None, Changes::default()));
        }
        let wait = match way {
            Way::Waiting(wait) => wait,
            Way::Brief(execution) => return Err(execution.give_up()),
        };
        let loaded = self.contracts.load(call.context_namespace, &call.client, call.contract_id)?;
        let given = FunctionCall {
            function_argument: Some(job.request.function_argument.as_str()).filter(|text| !text.is_empty()),
            contract_argument: call.argument,
            contract_properties: loaded.properties.as_deref(),
            contract_context: outcome.context.as_deref(),
        };
        let mut records = MutableRecords::new(&self.store, &self.schemas, call.context_namespace, wait);
        let mut result = None;
        for function in &job.functions {
            let answered = function.invoke(&mut records, given);
            // Why the database ended a function counts more than what the function made of it.
            if let Some(failure) = records.take_failure() {
                return Err(failure);
            }
            result = answered.map_err(|error| match error {
                ContractError::Contextual(text) => Error::new(StatusCode::ContractContextualError, text),
                ContractError::Runtime(text) => Error::runtime(text),
                ContractError::Unavailable(text) => Error::new(StatusCode::Unavailable, text),
                ContractError::Interrupted => Error::runtime("the function ended its own execution"),
            })?;
        }
        Ok((result, records.into_changes()))
    }

    async fn commit_of(&self, job: &Job, transaction: &Transaction) -> Result<Commit> {
        let mut commit = self.states.committed(Commit::new(), &job.nonce);
        for (key, seen) in &transaction.seen {
            commit = self.assets.expect(commit, key, seen)?;
        }
        for (key, row) in &transaction.rows {
            commit = self.assets.append(commit, key, row)?;
        }
        let mut before = DEFAULT_NAMESPACE;
        for AssetKey { namespace, .. } in transaction.rows.keys() {
            // Keys are sorted by namespace. One that is dropped meanwhile must not get a state.
            if namespace != DEFAULT_NAMESPACE && namespace != before {
                let generation = self.namespaces.generation(namespace).await?;
                commit.expectations.extend(self.namespaces.fence(namespace, generation));
                before = namespace;
            }
        }
        Ok(transaction.changes.add_to(commit))
    }

    /// A contract that fails says so about a state of its assets that there was at one point in time, or else about
    /// nothing: then the answer is a conflict.
    async fn justified(&self, failed: Failed) -> Error {
        let Failed { error, seen } = failed;
        let by_contract =
            matches!(error.code, StatusCode::ContractContextualError | StatusCode::RuntimeError);
        if !by_contract || seen.is_empty() {
            return error;
        }
        let expected =
            seen.iter().try_fold(Commit::new(), |commit, (key, seen)| self.assets.expect(commit, key, seen));
        match expected {
            Err(error) => error,
            Ok(commit) => match self.store.commit(commit).await {
                Err(conflict @ StoreError::Conflict { .. }) => GET_ASSET.error(&conflict),
                // What was read could not be confirmed; that the contract refused it stands.
                Ok(_) | Err(_) => error,
            },
        }
    }

    /// The error that a failed commit is answered with.
    async fn refused(&self, nonce: &str, transaction: &Transaction, error: StoreError) -> Error {
        let table = match &error {
            StoreError::Conflict { table, .. } => table.as_str(),
            _ => return COMMIT.error(&error),
        };
        if table == self.states.table() {
            return self.states.refused(nonce).await;
        }
        if transaction.changes.touches(table) {
            return MUTABLE.error(&error);
        }
        match self.inconsistent(transaction, table).await {
            Ok(()) => COMMIT.error(&error),
            Err(error) => error,
        }
    }

    /// Whether the conflict on a table of states came from somebody who tampered with it.
    async fn inconsistent(&self, transaction: &Transaction, table: &str) -> Result<()> {
        for key in transaction.rows.keys() {
            let Some(seen) = transaction.seen.get(key) else { continue };
            if self.assets.table_of(&key.namespace)? == table {
                self.assets.check_consistent(key, seen).await?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor").field("store", &self.store).finish_non_exhaustive()
    }
}
