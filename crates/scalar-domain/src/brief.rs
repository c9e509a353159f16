//! Executions that are too short for a thread of their own.
//!
//! Handing an execution to a thread that may block and back costs more than most built-in contracts take. So a contract
//! that is brief is first run where it is asked for, on a store that reads at once. An execution has no effect before its
//! commit: one that turns out to be long is given up, and begun anew on such a thread.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;

use futures::FutureExt as _;
use tokio::runtime::Handle;
use trustkeep_contract::ClientIdentityKey;
use trustkeep_scalar_rpc::{Error, Result};
use trustkeep_store::Store;

use crate::execution::{ContractSource, LoadedContract};

/// Bytes of an argument above which no execution is brief.
const ARGUMENT_BYTES_MAX: usize = 32 << 10;
/// How often a brief execution may read.
const READS_MAX: u32 = 16;
/// How much it may read, bytes.
const READ_BYTES_MAX: usize = 64 << 10;

/// Waits for the store on a thread that may block.
#[derive(Clone, Debug)]
pub struct Wait(Handle);

/// An execution where nobody may wait, until it is given up.
#[derive(Debug)]
pub struct Brief {
    reads_left: Cell<u32>,
    bytes_left: Cell<usize>,
    given_up: Cell<bool>,
}

/// How an execution comes to what it reads.
#[derive(Clone, Copy, Debug)]
pub enum Way<'a> {
    /// It waits.
    Waiting(&'a Wait),
    /// It has it at once or is given up.
    Brief(&'a Brief),
}

/// Runs `work` here if an execution with this argument may be brief; `None` if it is not, and nothing was done then.
pub fn attempt<T>(store: &dyn Store, argument: &str, work: impl FnOnce(&Brief) -> T) -> Option<T> {
    if !store.reads_at_once() || argument.len() > ARGUMENT_BYTES_MAX {
        return None;
    }
    let brief = Brief {
        reads_left: Cell::new(READS_MAX),
        bytes_left: Cell::new(READ_BYTES_MAX),
        given_up: Cell::new(false),
    };
    let done = work(&brief);
    (!brief.given_up.get()).then_some(done)
}

impl Wait {
    /// Waits on the runtime that runs the caller.
    #[must_use]
    pub fn here() -> Self {
        Self(Handle::current())
    }

    /// What `work` gives: at once if the store has it in memory, as the embedded one mostly does.
    pub fn on<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        match work.as_mut().now_or_never() {
            Some(done) => done,
            None => self.0.block_on(work),
        }
    }
}

impl Way<'_> {
    /// What `work` gives.
    ///
    /// # Errors
    /// What `work` fails with; 502, which nobody sees, if a brief execution is given up.
    pub fn on<T>(self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let brief = match self {
            Self::Waiting(wait) => return wait.on(work),
            Self::Brief(brief) => brief,
        };
        let left = brief.reads_left.get().checked_sub(1).ok_or_else(|| brief.give_up())?;
        brief.reads_left.set(left);
        work.now_or_never().unwrap_or_else(|| Err(brief.give_up()))
    }

    /// Notes so many bytes that were read.
    ///
    /// # Errors
    /// As above.
    pub fn note(self, bytes: usize) -> Result<()> {
        let Self::Brief(brief) = self else { return Ok(()) };
        let left = brief.bytes_left.get().checked_sub(bytes).ok_or_else(|| brief.give_up())?;
        brief.bytes_left.set(left);
        Ok(())
    }
}

impl Brief {
    /// Marks the execution as given up.
    pub fn give_up(&self) -> Error {
        self.given_up.set(true);
        Error::runtime("the execution is not brief")
    }
}

/// The contracts that are at hand and brief.
#[derive(Clone, Copy)]
pub struct BriefContracts<'a> {
    /// All contracts.
    pub contracts: &'a dyn ContractSource,
    /// The execution that asks for them.
    pub execution: &'a Brief,
}

impl ContractSource for BriefContracts<'_> {
    fn load(
        &self,
        context_namespace: &str,
        owner: &ClientIdentityKey,
        contract_id: &str,
    ) -> Result<Arc<LoadedContract>> {
        self.at_hand(context_namespace, owner, contract_id).ok_or_else(|| self.execution.give_up())
    }

    fn at_hand(
        &self,
        context_namespace: &str,
        owner: &ClientIdentityKey,
        contract_id: &str,
    ) -> Option<Arc<LoadedContract>> {
        let loaded = self.contracts.at_hand(context_namespace, owner, contract_id)?;
        loaded.contract.is_brief().then_some(loaded)
    }
}

impl std::fmt::Debug for BriefContracts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BriefContracts").field("execution", &self.execution).finish_non_exhaustive()
    }
}
