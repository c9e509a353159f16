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
/// How many states one of its scans may ask for.
const SCAN_ROWS_MAX: u32 = 16;
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

    /// Notes a scan that gives so many states at most, 0 for any number.
    ///
    /// # Errors
    /// As above.
    pub fn scans(self, rows_max: u32) -> Result<()> {
        match self {
            Self::Brief(brief) if rows_max == 0 || rows_max > SCAN_ROWS_MAX => Err(brief.give_up()),
            _ => Ok(()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use trustkeep_contract::{Contract, Environment};
    use trustkeep_store::{CachedStore, MemoryStore};

    struct Idle {
        is_brief: bool,
    }

    impl Contract for Idle {
        fn invoke(
            &self,
            _: &mut dyn Environment,
            _: &str,
            _: Option<&str>,
        ) -> trustkeep_contract::Result<Option<String>> {
            Ok(None)
        }

        fn is_brief(&self) -> bool {
            self.is_brief
        }
    }

    struct Shelf;

    impl ContractSource for Shelf {
        fn load(&self, _: &str, _: &ClientIdentityKey, _: &str) -> Result<Arc<LoadedContract>> {
            Err(Error::runtime("a brief execution loads nothing"))
        }

        fn at_hand(&self, _: &str, _: &ClientIdentityKey, id: &str) -> Option<Arc<LoadedContract>> {
            let contract = match id {
                "brief" => Idle { is_brief: true },
                "long" => Idle { is_brief: false },
                _ => return None,
            };
            Some(Arc::new(LoadedContract { contract: Arc::new(contract), properties: None }))
        }
    }

    fn attempted<T>(work: impl FnOnce(&Brief) -> T) -> Option<T> {
        attempt(&MemoryStore::new(), "{}", work)
    }

    async fn read() -> Result<u32> {
        Ok(7)
    }

    #[test]
    fn what_is_brief_is_done_once() {
        assert_eq!(attempted(|brief| Way::Brief(brief).on(read())).unwrap().unwrap(), 7);
        let refused = attempted(|_| Err::<(), _>(Error::runtime("no"))).unwrap().unwrap_err();
        assert_eq!(refused.message, "no");
    }

    #[test]
    fn nothing_is_tried_where_a_read_takes_time_or_an_argument_is_long() {
        let cached = CachedStore::new(Arc::new(MemoryStore::new()), 1 << 20);
        assert!(attempt(&cached, "{}", |_| ()).is_none());
        assert!(attempt(&MemoryStore::new(), &" ".repeat(ARGUMENT_BYTES_MAX + 1), |_| ()).is_none());
    }

    #[test]
    fn what_waits_reads_or_scans_much_is_given_up() {
        assert!(attempted(|brief| Way::Brief(brief).on(std::future::pending::<Result<()>>())).is_none());
        let reads =
            |count| attempted(|brief| (0..count).try_for_each(|_| Way::Brief(brief).on(read()).map(drop)));
        assert!(reads(READS_MAX).is_some() && reads(READS_MAX + 1).is_none());
        assert!(attempted(|brief| Way::Brief(brief).note(READ_BYTES_MAX)).is_some());
        assert!(attempted(|brief| Way::Brief(brief).note(READ_BYTES_MAX + 1)).is_none());
        assert!(attempted(|brief| Way::Brief(brief).scans(SCAN_ROWS_MAX)).is_some());
        for rows in [0, SCAN_ROWS_MAX + 1] {
            assert!(attempted(|brief| Way::Brief(brief).scans(rows)).is_none());
        }
    }

    #[test]
    fn a_contract_that_is_long_or_not_at_hand_is_left_to_a_thread() {
        let owner = ClientIdentityKey { entity_id: "alice".into(), key_version: 1 };
        let load = |id: &str| {
            attempted(|execution| {
                BriefContracts { contracts: &Shelf, execution }.load("default", &owner, id).is_ok()
            })
        };
        assert_eq!((load("brief"), load("long"), load("other")), (Some(true), None, None));
    }

    #[tokio::test]
    async fn who_may_wait_waits() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let wait = Wait::here();
        let waiting = tokio::task::spawn_blocking(move || {
            Way::Waiting(&wait).on(async { receiver.await.map_err(|_| Error::runtime("gone")) })
        });
        sender.send(7).unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), 7);
    }
}
