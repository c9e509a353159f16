//! A ledger in memory, for tests of contracts and of engines that run them. Not a part of any server.
//!
//! It treats transactions as the real ones do: what a contract put is seen by itself only until it ends well, a get
//! after a put gives the pending state without metadata, a scan reads what is committed.

mod database;
mod transaction;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use database::MemoryDatabase;
use transaction::Transaction;

use crate::{Asset, ClientIdentityKey, Contract, Result};

/// How deep contracts may invoke each other.
pub const MAX_NESTING: usize = 16;

/// Assets and registered contracts of one client.
pub struct MemoryLedger {
    contracts: BTreeMap<String, Registered>,
    assets: BTreeMap<AssetKey, Vec<Asset>>,
    namespace: String,
    client: ClientIdentityKey,
    executions: u64,
    interruption: Option<String>,
}

/// What one execution did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Execution {
    /// The contract's result.
    pub result: Option<String>,
    /// What it left for functions.
    pub context: Option<String>,
    /// The assets that it read, and the age that it met; `None` if there was none.
    pub reads: BTreeMap<AssetKey, Option<u32>>,
    /// The assets that it wrote, and their new age.
    pub writes: BTreeMap<AssetKey, u32>,
}

/// The namespace of an asset and its id.
pub type AssetKey = (String, String);

struct Registered {
    contract: Arc<dyn Contract>,
    properties: Option<String>,
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryLedger {
    /// An empty ledger; the client is version 1 of `client`, its context namespace is `default`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            contracts: BTreeMap::new(),
            assets: BTreeMap::new(),
            namespace: "default".into(),
            client: ClientIdentityKey { entity_id: "client".into(), key_version: 1 },
            executions: 0,
            interruption: None,
        }
    }

    /// Registers a contract; `properties` is JSON.
    pub fn register(&mut self, contract_id: &str, contract: Arc<dyn Contract>, properties: Option<&str>) {
        let registered = Registered { contract, properties: properties.map(str::to_owned) };
        self.contracts.insert(contract_id.to_owned(), registered);
    }

    /// Executes a registered contract as its client would, and keeps what it put if it ends well.
    ///
    /// # Errors
    /// What the contract fails with; see [`interruption`](Self::interruption) for why the ledger ended it.
    pub fn execute(&mut self, contract_id: &str, argument: &str) -> Result<Execution> {
        self.executions += 1;
        let nonce = format!("nonce-{}", self.executions);
        let mut transaction = Transaction::new(self);
        let outcome = transaction.run(contract_id, argument);
        let interruption = transaction.interruption.take();
        let Transaction { execution, pending, .. } = transaction;
        self.interruption = interruption.clone();
        if interruption.is_some() {
            return Err(crate::Error::Interrupted);
        }
        let result = outcome?;
        let execution = Execution { result, ..execution };
        transaction::commit(&mut self.assets, pending, &nonce, &execution);
        Ok(execution)
    }

    /// Why the last execution was interrupted, if it was.
    #[must_use]
    pub fn interruption(&self) -> Option<&str> {
        self.interruption.as_deref()
    }

    /// All states of an asset of namespace `default`, the oldest first.
    #[must_use]
    pub fn history(&self, id: &str) -> &[Asset] {
        self.assets.get(&("default".to_owned(), id.to_owned())).map(Vec::as_slice).unwrap_or_default()
    }

    /// The latest data of an asset of namespace `default`.
    #[must_use]
    pub fn latest(&self, id: &str) -> Option<&str> {
        self.history(id).last().map(|asset| asset.data.as_str())
    }

    /// The ids of all assets of namespace `default`, sorted.
    #[must_use]
    pub fn asset_ids(&self) -> Vec<&str> {
        self.assets
            .keys()
            .filter(|(namespace, _)| namespace == "default")
            .map(|(_, id)| id.as_str())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AssetFilter, AssetOrder, Environment, Error};

    /// Counts in the asset that its argument names, twice if it nests.
    struct Counter;

    impl Contract for Counter {
        fn invoke(&self, ledger: &mut dyn Environment, id: &str, _: Option<&str>) -> Result<Option<String>> {
            let before = ledger.get(None, id)?.map_or(0, |asset| asset.data.parse::<u32>().unwrap());
            ledger.put(None, id, &format!(" {} ", before + 1))?;
            let pending = ledger.get(None, id)?.unwrap();
            assert_eq!((pending.data, pending.metadata), ((before + 1).to_string(), None));
            if ledger.is_root() {
                ledger.invoke("counter", id)?;
                ledger.set_context("left");
            }
            if before == 4 {
                return Err(Error::Contextual("enough".into()));
            }
            let order = AssetOrder::Descending;
            let filter = AssetFilter {
                namespace: None,
                id: id.into(),
                start_age: Some(0),
                end_age: None,
                order,
                limit: 1,
            };
            Ok(ledger.scan(&filter)?.first().map(|asset| asset.data.clone()))
        }
    }

    #[test]
    fn a_transaction_is_kept_whole_or_not_at_all() {
        let mut ledger = MemoryLedger::new();
        ledger.register("counter", Arc::new(Counter), None);
        let first = ledger.execute("counter", "a").unwrap();
        assert_eq!((first.result, first.context.as_deref()), (None, Some("left")));
        let second = ledger.execute("counter", "a").unwrap();
        assert_eq!(second.result.as_deref(), Some("2"));
        assert_eq!(ledger.execute("counter", "a"), Err(Error::Contextual("enough".into())));
        let [one, two] = ledger.history("a") else { panic!("two states") };
        assert_eq!((one.data.as_str(), two.data.as_str(), two.age), ("2", "4", 1));
        let (one, two) = (one.metadata.as_ref().unwrap(), two.metadata.as_ref().unwrap());
        assert_eq!((one.input.as_str(), two.input.as_str()), ("{}", r#"{"a":{"age":0}}"#));
        assert_eq!((&one.prev_hash, two.prev_hash.as_ref()), (&None, Some(&one.hash)));
        assert_eq!(ledger.execute("other", "a"), Err(Error::Interrupted));
        assert_eq!(ledger.interruption(), Some("contract not found: other"));
    }
}
