//! One execution on the ledger in memory.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::{AssetKey, Execution, MAX_NESTING, MemoryLedger};
use crate::{
    Asset, AssetFilter, AssetMetadata, AssetOrder, ClientIdentityKey, Environment, Error, Result, json,
};

pub(super) struct Transaction<'a> {
    ledger: &'a MemoryLedger,
    depth: usize,
    pub(super) pending: BTreeMap<AssetKey, String>,
    pub(super) execution: Execution,
    pub(super) interruption: Option<String>,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(ledger: &'a MemoryLedger) -> Self {
        Self {
            ledger,
            depth: 0,
            pending: BTreeMap::new(),
            execution: Execution::default(),
            interruption: None,
        }
    }

    pub(super) fn run(&mut self, contract_id: &str, argument: &str) -> Result<Option<String>> {
        if self.depth >= MAX_NESTING {
            return Err(self.interrupt(format!("contracts are nested too deeply: {contract_id}")));
        }
        let Some(registered) = self.ledger.contracts.get(contract_id) else {
            return Err(self.interrupt(format!("contract not found: {contract_id}")));
        };
        let contract = Arc::clone(&registered.contract);
        self.depth += 1;
        let outcome = contract.invoke(self, argument, registered.properties.as_deref());
        self.depth -= 1;
        outcome
    }

    fn interrupt(&mut self, why: String) -> Error {
        self.interruption.get_or_insert(why);
        Error::Interrupted
    }

    fn key(&self, namespace: Option<&str>, id: &str) -> AssetKey {
        (namespace.unwrap_or(&self.ledger.namespace).to_owned(), id.to_owned())
    }

    /// The committed states; what is latest counts as read.
    fn read(&mut self, key: &AssetKey) -> &'a [Asset] {
        let history = self.ledger.assets.get(key).map(Vec::as_slice).unwrap_or_default();
        self.execution.reads.insert(key.clone(), history.last().map(|asset| asset.age));
        history
    }
}

impl Environment for Transaction<'_> {
    fn get(&mut self, namespace: Option<&str>, id: &str) -> Result<Option<Asset>> {
        let key = self.key(namespace, id);
        let latest = self.read(&key).last();
        let Some(data) = self.pending.get(&key) else { return Ok(latest.cloned()) };
        let age = latest.map_or(0, |asset| asset.age + 1);
        let (namespace, id) = key.clone();
        Ok(Some(Asset { namespace, id, age, data: data.clone(), metadata: None }))
    }

    fn put(&mut self, namespace: Option<&str>, id: &str, data: &str) -> Result<()> {
        let key = self.key(namespace, id);
        if id.is_empty() {
            return Err(self.interrupt("an asset has an empty id".into()));
        }
        let data = match json::canonical(data) {
            Ok(data) => data.into_owned(),
            Err(error) => return Err(self.interrupt(format!("{id}: {error}"))),
        };
        let age = self.read(&key).last().map_or(0, |asset| asset.age + 1);
        self.execution.writes.insert(key.clone(), age);
        self.pending.insert(key, data);
        Ok(())
    }

    fn scan(&mut self, filter: &AssetFilter) -> Result<Vec<Asset>> {
        let key = self.key(filter.namespace.as_deref(), &filter.id);
        let limit = if filter.limit == 0 { usize::MAX } else { filter.limit as usize };
        let inside = |asset: &&Asset| {
            filter.start_age.is_none_or(|start| start <= asset.age)
                && filter.end_age.is_none_or(|end| asset.age <= end)
        };
        let states = self.read(&key).iter().filter(inside);
        Ok(match filter.order {
            AssetOrder::Ascending => states.take(limit).cloned().collect(),
            AssetOrder::Descending => states.rev().take(limit).cloned().collect(),
        })
    }

    fn invoke(&mut self, contract_id: &str, argument: &str) -> Result<Option<String>> {
        self.run(contract_id, argument)
    }

    fn is_root(&self) -> bool {
        self.depth == 1
    }

    fn client_identity_key(&self) -> ClientIdentityKey {
        self.ledger.client.clone()
    }

    fn set_context(&mut self, context: &str) {
        self.execution.context = Some(context.to_owned());
    }
}

/// Appends what an execution put.
pub(super) fn commit(
    assets: &mut BTreeMap<AssetKey, Vec<Asset>>,
    pending: BTreeMap<AssetKey, String>,
    nonce: &str,
    execution: &Execution,
) {
    let inputs = execution.reads.iter().filter_map(|((_, id), age)| {
        age.map(|age| (id.clone(), json::object([("age", json::Json::from(age))])))
    });
    let input = json::Json::Object(inputs.collect()).to_string();
    for (key, data) in pending {
        let (namespace, id) = key.clone();
        let history = assets.entry(key).or_default();
        let prev_hash =
            history.last().and_then(|asset| asset.metadata.as_ref()).map(|metadata| metadata.hash.clone());
        let age = execution.writes.get(&(namespace.clone(), id.clone())).copied().unwrap_or_default();
        let hash = stand_in_hash(&(&id, age, &input, &data, nonce, &prev_hash));
        let metadata = AssetMetadata { nonce: nonce.to_owned(), input: input.clone(), hash, prev_hash };
        history.push(Asset { namespace, id, age, data, metadata: Some(metadata) });
    }
}

/// 32 bytes that differ for different rows; the real ledger has SHA-256.
fn stand_in_hash(row: &impl Hash) -> Vec<u8> {
    (0u8..4)
        .flat_map(|part| {
            let mut hasher = DefaultHasher::new();
            (part, row).hash(&mut hasher);
            hasher.finish().to_be_bytes()
        })
        .collect()
}
