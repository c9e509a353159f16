//! A contract and the little world it sees.

/// A deterministic program over assets: the same assets and argument give the same bytes, wherever it runs.
pub trait Contract: Send + Sync {
    /// Executes it once. `argument` is the client's own text, `properties` what was fixed at registration (JSON).
    /// Gives the result as text: compact JSON, or what the contract chooses.
    ///
    /// # Errors
    /// See [`Error`]. Whatever was put is dropped then.
    fn invoke(
        &self,
        environment: &mut dyn Environment,
        argument: &str,
        properties: Option<&str>,
    ) -> Result<Option<String>>;

    /// Whether it computes no more than its argument and what it reads make it: such a contract is run where it is asked
    /// for, without a thread of its own, as long as it reads little.
    fn is_brief(&self) -> bool {
        false
    }
}

/// What a contract may do. Everything it learns and changes goes through here.
///
/// `namespace` of an asset is `None` for the client's context namespace. A call that answers [`Error::Interrupted`]
/// has ended the execution: the environment keeps why, and what the contract answers no longer counts.
pub trait Environment {
    /// The asset's latest state: what this transaction put, else what is committed.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the ledger cannot be read or may not be asked.
    fn get(&mut self, namespace: Option<&str>, id: &str) -> Result<Option<Asset>>;

    /// Appends a state to the asset; a second one in the same transaction replaces the first. `data` is JSON and is
    /// kept as canonical text.
    ///
    /// # Errors
    /// [`Error::Interrupted`] as above, or if `data` is not JSON or too large.
    fn put(&mut self, namespace: Option<&str>, id: &str, data: &str) -> Result<()>;

    /// Committed states of one asset.
    ///
    /// # Errors
    /// [`Error::Interrupted`] as above.
    fn scan(&mut self, filter: &AssetFilter) -> Result<Vec<Asset>>;

    /// Runs another registered contract of the same client in the same transaction.
    ///
    /// # Errors
    /// What that contract fails with; [`Error::Interrupted`] if it is not there or nested too deeply.
    fn invoke(&mut self, contract_id: &str, argument: &str) -> Result<Option<String>>;

    /// Whether the client itself invoked the running contract.
    fn is_root(&self) -> bool;

    /// Who executes.
    fn client_identity_key(&self) -> ClientIdentityKey;

    /// Leaves a text for the functions that follow.
    fn set_context(&mut self, context: &str);
}

/// One state of an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The namespace it is in, spelt out (`default` too).
    pub namespace: String,
    /// Its id.
    pub id: String,
    /// 0 for the first state, then one more each; at most 2^31 - 1.
    pub age: u32,
    /// Its state: canonical JSON text.
    pub data: String,
    /// How the state came to be; absent for what this very transaction put.
    pub metadata: Option<AssetMetadata>,
}

/// How a committed state of an asset came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetMetadata {
    /// The nonce of the transaction that wrote it.
    pub nonce: String,
    /// What that transaction had read (JSON).
    pub input: String,
    /// Its hash: 32 bytes.
    pub hash: Vec<u8>,
    /// The hash of the state before; `None` at age 0.
    pub prev_hash: Option<Vec<u8>>,
}

/// Which states of an asset to read (`AssetFilter` of Scalar DL).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetFilter {
    /// `None` for the context namespace.
    pub namespace: Option<String>,
    /// The asset's id.
    pub id: String,
    /// The first age, inclusive.
    pub start_age: Option<u32>,
    /// The last age, inclusive.
    pub end_age: Option<u32>,
    /// From which end.
    pub order: AssetOrder,
    /// At most so many; 0 for no limit but the environment's own.
    pub limit: u32,
}

/// The order of ages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssetOrder {
    /// The oldest first.
    Ascending,
    /// The newest first: what a filter means that says nothing.
    #[default]
    Descending,
}

/// Who executes: an entity and the version of its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientIdentityKey {
    /// The entity's id.
    pub entity_id: String,
    /// From 1.
    pub key_version: u32,
}

/// Why an execution ended without a result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The contract refuses, for a reason of its own (`ContractContextException`): 408 with this text.
    #[error("{0}")]
    Contextual(String),
    /// The contract broke: a trap, an exception, no more fuel, memory or stack: 502 with this text.
    #[error("{0}")]
    Runtime(String),
    /// The machine had no time or room for it, which says nothing about the contract: 503 with this text. Nobody catches
    /// it, and nobody is blamed for it.
    #[error("{0}")]
    Unavailable(String),
    /// The environment ended the execution; it knows why.
    #[error("the execution was interrupted")]
    Interrupted,
}

/// What an execution gives.
pub type Result<T> = std::result::Result<T, Error>;
