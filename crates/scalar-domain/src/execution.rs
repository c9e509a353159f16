//! Running a contract: what it reads and puts is traced, nothing is written here.
//!
//! A contract is synchronous: whoever executes one does it on a thread that may block, with an [`AssetReader`] that
//! waits for its store.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trustkeep_contract::{
    Asset, AssetFilter, ClientIdentityKey, Contract, Environment, Error as ContractError, json,
};
use trustkeep_scalar_rpc::signing::DEFAULT_NAMESPACE;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

use crate::asset::{self, AssetKey, AssetRow, Origin, Reads};
use crate::{errors, requests};

/// How deep contracts may call each other.
pub const NESTING_MAX: usize = 16;
/// How often contracts may invoke each other in one execution.
pub const INVOCATIONS_MAX: usize = 50_000;
/// How many contracts one execution may invoke: one that is not in memory takes time to be made ready.
pub const CONTRACTS_MAX: usize = 64;
/// How many assets one execution may read.
pub const READS_MAX: usize = 10_000;
/// How many assets one execution may write.
pub const WRITES_MAX: usize = 1_000;

/// How many states one scan may give, of all that it looks at; each may hold [`OUTPUT_BYTES_MAX`].
pub const SCAN_ROWS_MAX: usize = 10_000;
/// Bytes of one state of an asset, as canonical JSON: with its argument it fits a row of the store.
pub const OUTPUT_BYTES_MAX: usize = 512 << 10;
/// Bytes of a contract's result: a client takes messages of 4 MiB, proofs and all.
pub const RESULT_BYTES_MAX: usize = 2 << 20;
/// Bytes of what a contract leaves for functions.
pub const CONTEXT_BYTES_MAX: usize = 512 << 10;

/// Committed states of assets, as one domain knows them.
pub trait AssetReader {
    /// The latest state, or nothing.
    ///
    /// # Errors
    /// 417 for a namespace that is not there; 305, 500 and so on as the store has it.
    fn latest(&mut self, key: &AssetKey) -> Result<Option<AssetRow>>;

    /// The states that `filter` asks for, in its order; `key` is its asset, spelt out. A reader need not go on after
    /// [`SCAN_ROWS_MAX`] states and one more: the execution ends then.
    ///
    /// # Errors
    /// As above.
    fn scan(&mut self, key: &AssetKey, filter: &AssetFilter) -> Result<Vec<AssetRow>>;
}

/// A registered contract whose registration was verified, ready to run.
pub struct LoadedContract {
    /// What runs.
    pub contract: Arc<dyn Contract>,
    /// JSON fixed at registration.
    pub properties: Option<String>,
}

/// Where contracts come from.
pub trait ContractSource {
    /// The contract that this client registered under this id in this context namespace.
    ///
    /// # Errors
    /// 404 if there is none, 302 if its registration no longer holds, 402 if it cannot be run.
    fn load(
        &self,
        context_namespace: &str,
        owner: &ClientIdentityKey,
        contract_id: &str,
    ) -> Result<Arc<LoadedContract>>;

    /// The same contract if it is at hand; `None` says nothing about whether there is one.
    fn at_hand(
        &self,
        _context_namespace: &str,
        _owner: &ClientIdentityKey,
        _contract_id: &str,
    ) -> Option<Arc<LoadedContract>> {
        None
    }
}

/// What is executed.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Who executes.
    pub client: ClientIdentityKey,
    /// The client's context namespace, spelt out.
    pub context_namespace: &'a str,
    /// The contract's id as the client named it.
    pub contract_id: &'a str,
    /// What the contract sees: [`Argument::contract_argument`](trustkeep_scalar_rpc::argument::Argument).
    pub argument: &'a str,
}

/// What an execution came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The contract's result.
    pub result: Option<String>,
    /// What it left for functions.
    pub context: Option<String>,
    /// Each asset that was looked at, with the state it had; `None` for one that was not there.
    pub read: BTreeMap<AssetKey, Option<AssetRow>>,
    /// Each asset that was put, with its new state as canonical JSON. All of them are in `read` too.
    pub written: BTreeMap<AssetKey, String>,
}

impl Outcome {
    /// The text that goes into each row it writes.
    #[must_use]
    pub fn input(&self) -> String {
        let reads: Reads =
            self.read.iter().filter_map(|(key, row)| Some((key.clone(), row.as_ref()?.age))).collect();
        asset::input(&reads)
    }

    /// The rows that it writes.
    ///
    /// # Errors
    /// 502 if an asset has no age left.
    pub fn rows(&self, origin: &Origin) -> Result<BTreeMap<AssetKey, AssetRow>> {
        let input = self.input();
        let next = |(key, output): (&AssetKey, &String)| {
            let latest = self.read.get(key).and_then(Option::as_ref);
            Ok((key.clone(), AssetRow::next(&key.id, latest, origin, &input, output.clone())?))
        };
        self.written.iter().map(next).collect()
    }
}

/// Executes a contract on what `reader` knows.
///
/// # Errors
/// 408 if the contract refuses, 502 if it breaks, and what `contracts` and `reader` fail with.
pub fn execute(
    call: &Call<'_>,
    contracts: &dyn ContractSource,
    reader: &mut dyn AssetReader,
) -> Result<Outcome> {
    let loaded = contracts.load(call.context_namespace, &call.client, call.contract_id)?;
    let mut session = Session {
        call,
        contracts,
        reader,
        depth: 0,
        invocations: 0,
        invoked: BTreeSet::new(),
        failure: None,
        context: None,
        read: BTreeMap::new(),
        written: BTreeMap::new(),
    };
    let answered = loaded.contract.invoke(&mut session, call.argument, loaded.properties.as_deref());
    // Why the environment ended an execution counts more than what the contract made of it.
    if let Some(failure) = session.failure {
        return Err(failure);
    }
    let result = answered.map_err(|error| match error {
        ContractError::Contextual(text) => Error::new(StatusCode::ContractContextualError, text),
        ContractError::Runtime(text) => Error::runtime(text),
        ContractError::Unavailable(text) => Error::new(StatusCode::Unavailable, text),
        ContractError::Interrupted => Error::runtime("the contract ended its own execution"),
    })?;
    let (context, read, written) = (session.context, session.read, session.written);
    check_length("result", result.as_deref(), RESULT_BYTES_MAX)?;
    check_length("context", context.as_deref(), CONTEXT_BYTES_MAX)?;
    Ok(Outcome { result, context, read, written })
}

/// A state as it is kept: the same text in both domains.
fn output(data: &str) -> Result<String> {
    let canonical = json::canonical(data).map_err(|error| {
        let text = format!("Deserializing the specified json string failed. Details: {error}");
        Error::numbered(StatusCode::RuntimeError, "COMMON", 2, text)
    })?;
    check_length("state of an asset", Some(&canonical), OUTPUT_BYTES_MAX)?;
    Ok(canonical.into_owned())
}

fn check_length(what: &str, text: Option<&str>, bytes_max: usize) -> Result<()> {
    match text.map_or(0, str::len) {
        bytes if bytes > bytes_max => Err(Error::runtime(format!(
            "The contract's {what} is too long: {bytes} bytes, at most {bytes_max}."
        ))),
        _ => Ok(()),
    }
}

fn scan_too_long() -> Error {
    Error::runtime(format!(
        "One scan gives at most {SCAN_ROWS_MAX} states of an asset: set a limit or ages that are nearer to each other."
    ))
}

struct Session<'a> {
    call: &'a Call<'a>,
    contracts: &'a dyn ContractSource,
    reader: &'a mut dyn AssetReader,
    depth: usize,
    invocations: usize,
    invoked: BTreeSet<String>,
    failure: Option<Error>,
    context: Option<String>,
    read: BTreeMap<AssetKey, Option<AssetRow>>,
    written: BTreeMap<AssetKey, String>,
}

impl Session<'_> {
    fn key(&self, namespace: Option<&str>, id: &str) -> Result<AssetKey> {
        let namespace = namespace.unwrap_or(self.call.context_namespace);
        // A client of a context namespace may touch that one only (`NamespaceRestrictedAssetLedger`).
        if self.call.context_namespace != DEFAULT_NAMESPACE && namespace != self.call.context_namespace {
            return Err(errors::namespace_not_allowed(namespace, self.call.context_namespace));
        }
        requests::check_asset_id(id)?;
        Ok(AssetKey { namespace: namespace.to_owned(), id: id.to_owned() })
    }

    /// Reads the latest state once; the same again afterwards.
    fn look(&mut self, key: &AssetKey) -> Result<Option<&AssetRow>> {
        let count = self.read.len();
        match self.read.entry(key.clone()) {
            Entry::Occupied(seen) => Ok(seen.into_mut().as_ref()),
            Entry::Vacant(_) if count >= READS_MAX => {
                Err(Error::runtime(format!("one execution reads at most {READS_MAX} assets")))
            }
            Entry::Vacant(place) => {
                let row = self.reader.latest(key)?;
                Ok(place.insert(row).as_ref())
            }
        }
    }

    fn got(&mut self, namespace: Option<&str>, id: &str) -> Result<Option<Asset>> {
        let key = self.key(namespace, id)?;
        let pending = self.written.get(&key).cloned();
        let row = self.look(&key)?;
        match pending {
            Some(data) => {
                let age = row.map_or(0, |row| row.age.saturating_add(1));
                Ok(Some(Asset { namespace: key.namespace, id: key.id, age, data, metadata: None }))
            }
            None => row.map(|row| row.seen(&key)).transpose(),
        }
    }

    fn appended(&mut self, namespace: Option<&str>, id: &str, data: &str) -> Result<()> {
        let key = self.key(namespace, id)?;
        self.look(&key)?;
        if self.written.len() >= WRITES_MAX && !self.written.contains_key(&key) {
            return Err(Error::runtime(format!("one execution writes at most {WRITES_MAX} assets")));
        }
        self.written.insert(key, output(data)?);
        Ok(())
    }

    fn scanned(&mut self, filter: &AssetFilter) -> Result<Vec<Asset>> {
        let key = self.key(filter.namespace.as_deref(), &filter.id)?;
        self.look(&key)?;
        let rows = self.reader.scan(&key, filter)?;
        if rows.len() > SCAN_ROWS_MAX {
            return Err(scan_too_long());
        }
        rows.iter().map(|row| row.seen(&key)).collect()
    }

    /// A contract that another one invokes.
    fn invoked(&mut self, contract_id: &str) -> Result<Arc<LoadedContract>> {
        self.invocations += 1;
        if self.depth >= NESTING_MAX {
            return Err(Error::runtime(format!("contracts call each other at most {NESTING_MAX} deep")));
        }
        if self.invocations > INVOCATIONS_MAX {
            let text = format!("contracts call each other at most {INVOCATIONS_MAX} times in one execution");
            return Err(Error::runtime(text));
        }
        if !self.invoked.contains(contract_id) {
            if self.invoked.len() >= CONTRACTS_MAX {
                let text = format!("one execution calls at most {CONTRACTS_MAX} contracts");
                return Err(Error::runtime(text));
            }
            self.invoked.insert(contract_id.to_owned());
        }
        self.contracts.load(self.call.context_namespace, &self.call.client, contract_id)
    }

    fn kept<T>(&mut self, result: Result<T>) -> trustkeep_contract::Result<T> {
        if self.failure.is_some() {
            return Err(ContractError::Interrupted);
        }
        result.map_err(|error| {
            self.failure = Some(error);
            ContractError::Interrupted
        })
    }
}

impl Environment for Session<'_> {
    fn get(&mut self, namespace: Option<&str>, id: &str) -> trustkeep_contract::Result<Option<Asset>> {
        let asset = self.got(namespace, id);
        self.kept(asset)
    }

    fn put(&mut self, namespace: Option<&str>, id: &str, data: &str) -> trustkeep_contract::Result<()> {
        let done = self.appended(namespace, id, data);
        self.kept(done)
    }

    fn scan(&mut self, filter: &AssetFilter) -> trustkeep_contract::Result<Vec<Asset>> {
        let assets = self.scanned(filter);
        self.kept(assets)
    }

    fn invoke(&mut self, contract_id: &str, argument: &str) -> trustkeep_contract::Result<Option<String>> {
        let loaded = self.invoked(contract_id);
        let loaded = self.kept(loaded)?;
        self.depth += 1;
        let result = loaded.contract.invoke(self, argument, loaded.properties.as_deref());
        self.depth -= 1;
        match result {
            // Not for the invoking contract to catch: on another machine it would not have happened.
            Err(ContractError::Unavailable(text)) => {
                self.kept(Err(Error::new(StatusCode::Unavailable, text)))
            }
            result => result,
        }
    }

    fn is_root(&self) -> bool {
        self.depth == 0
    }

    fn client_identity_key(&self) -> ClientIdentityKey {
        self.call.client.clone()
    }

    /// Of the contract that the client itself invoked: each has a context of its own, and functions see that one's.
    fn set_context(&mut self, context: &str) {
        if self.is_root() {
            self.context = Some(context.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
