//! Registered contracts: bytes that a client signed once, checked, kept for ever, and made ready to run.
//!
//! A contract belongs to the key that registered it and never changes. Its registration is verified again whenever it
//! is loaded from the store, so that nobody can put other bytes in its place; what is loaded stays in memory (bounded),
//! for at most [`VERIFIED_FOR`].

mod class;
mod listing;
mod loaded;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quick_cache::sync::Cache;
use trustkeep_chassis::clock::SharedClock;
use trustkeep_contract::{ClientIdentityKey, Contract, Engines, LoadError};
use trustkeep_scalar_rpc::messages::{ContractRegistrationRequest, ContractsListingRequest};
use trustkeep_scalar_rpc::signing::Signed as _;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};
use trustkeep_store::{Commit, Error as StoreError, Record, Row, Scan, SharedStore, Value};

use self::loaded::{ClassBytes, ClassPlace, Entry, Place, PlaceRef};
use crate::errors::{self, Access};
use crate::execution::{ContractSource, LoadedContract};
use crate::identities::Identities;
use crate::namespaces::Namespaces;
use crate::requests;
use crate::tables::{Tables, contract_key};

pub use self::class::{CLASS_BYTES_MAX, Class};

/// How long a verified registration is trusted before it is read and verified again; as the original.
pub const VERIFIED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// Bytes of a binary name.
pub const BINARY_NAME_BYTES_MAX: usize = 1_024;
/// Bytes of a contract's properties.
pub const PROPERTIES_BYTES_MAX: usize = 64 << 10;
/// Contracts that one key may have: what a listing can hold.
pub const CONTRACTS_MAX: usize = 10_000;

/// Which binary names may be registered; `None` for all. The configuration's `executable_contracts`.
pub type AllowList = Option<BTreeSet<String>>;

/// The contracts of one domain.
pub struct Contracts {
    store: SharedStore,
    namespaces: Arc<Namespaces>,
    identities: Arc<Identities>,
    engines: Engines,
    clock: SharedClock,
    allow_list: AllowList,
    loaded: Cache<Place, Entry>,
    classes: Cache<ClassPlace, Arc<dyn Contract>, ClassBytes>,
}

impl std::fmt::Debug for Contracts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contracts").field("engines", &self.engines).finish_non_exhaustive()
    }
}

impl Contracts {
    /// The contracts of `namespaces`, run by `engines`.
    #[must_use]
    pub fn new(
        store: SharedStore,
        namespaces: Arc<Namespaces>,
        identities: Arc<Identities>,
        engines: Engines,
        clock: SharedClock,
        allow_list: AllowList,
    ) -> Self {
        Self {
            store,
            namespaces,
            identities,
            engines,
            clock,
            allow_list,
            loaded: Cache::new(LOADED_MAX),
            classes: Cache::with_weighter(CLASSES_GUESS, CLASSES_BYTES_MAX, ClassBytes),
        }
    }

    /// Registers a contract.
    ///
    /// # Errors
    /// In this order: 502 or 414 for the fields, 407 (DL-LEDGER-407001) for a class that is not allowed, 400 for the
    /// signature, 406 (DL-COMMON-406001) for an id that is taken, 402 for bytes that no engine can run, 406
    /// (DL-COMMON-406002) for a binary name that is registered with other bytes.
    pub async fn register(&self, request: &ContractRegistrationRequest) -> Result<()> {
        let client = requests::client(&request.entity_id, request.key_version)?;
        requests::check_contract_id(&request.contract_id)?;
        let binary_name = &request.contract_binary_name;
        requests::check_text("contract_binary_name", binary_name, BINARY_NAME_BYTES_MAX)?;
        requests::check_optional_text(
            "contract_properties",
            &request.contract_properties,
            PROPERTIES_BYTES_MAX,
        )?;
        let class = Class::of(binary_name, &request.contract_byte_code)?;
        if self.allow_list.as_ref().is_some_and(|allowed| !allowed.contains(binary_name)) {
            let text = "The specified contract class is not allowed to be executed.";
            return Err(Error::numbered(StatusCode::InvalidRequest, "LEDGER", 1, text));
        }
        let namespace = requests::context_namespace(&request.context_namespace);
        let signed = signing_bytes(
            &client,
            namespace,
            &request.contract_id,
            binary_name,
            &request.contract_byte_code,
            &request.contract_properties,
        );
        self.identities
            .verify(namespace, &client.entity_id, client.key_version, &signed, &request.signature)
            .await?;

        let tables = Tables::of(self.namespaces.base(), namespace)?;
        let key = contract_key(&client.entity_id, client.key_version, &request.contract_id);
        if self.store.get(&tables.contract, &key).await.map_err(|error| GETTING.error(&error))?.is_some() {
            return Err(already_registered());
        }
        let (engines, tried) = (self.engines.clone(), class.clone());
        making(move || engines.try_out(tried.bytes())).await?;
        self.class(&class).await?;
        let properties = Some(&request.contract_properties).filter(|properties| !properties.is_empty());
        let row = Row::new(vec![
            Some(binary_name.as_str().into()),
            properties.map(|properties| properties.as_str().into()),
            Some(Value::Int(self.clock.now().as_millisecond())),
            Some(Value::Bytes(request.signature.clone())),
            Some(Value::Bytes(class.digest().clone())),
        ]);
        for _ in 0..BINDINGS_MAX {
            let commit = Commit::new().expect_absent(&tables.contract, key.clone()).put(
                &tables.contract,
                key.clone(),
                row.clone(),
            );
            let commit = class.bound(&*self.store, &tables.contract_class, commit).await?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { table, .. }) if table == tables.contract.qualified() => {
                    return Err(already_registered());
                }
                // Somebody registered this class a moment ago: look again.
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(BINDING.error(&error)),
            }
        }
        Err(Error::new(StatusCode::Conflict, "Binding the contract failed due to conflicts."))
    }

    /// The contracts of the client's key as the original lists them, all or the one that the request names.
    ///
    /// # Errors
    /// 400 for the signature, 500 (DL-COMMON-500009) and so on as the store has it.
    pub async fn list(&self, request: &ContractsListingRequest) -> Result<String> {
        let client = requests::client(&request.entity_id, request.key_version)?;
        let namespace = requests::context_namespace(&request.context_namespace);
        let signed = ContractsListingRequest {
            context_namespace: requests::signed_namespace(namespace).to_owned(),
            ..request.clone()
        }
        .signing_bytes();
        self.identities
            .verify(namespace, &client.entity_id, client.key_version, &signed, &request.signature)
            .await?;
        let table = Tables::of(self.namespaces.base(), namespace)?.contract;
        let mut listing = listing::Listing::default();
        if !request.contract_id.is_empty() {
            requests::check_contract_id(&request.contract_id)?;
            let key = contract_key(&client.entity_id, client.key_version, &request.contract_id);
            if let Some(record) =
                self.store.get(&table, &key).await.map_err(|error| SCANNING.error(&error))?
            {
                listing.add(&record)?;
            }
            return Ok(listing.into_json());
        }
        let range = listing::of_version(client.key_version);
        let mut scan = Scan::partition(client.entity_id.as_str(), LISTED_AT_ONCE).range(range.clone());
        loop {
            let page = self.store.scan(&table, &scan).await.map_err(|error| SCANNING.error(&error))?;
            for record in &page.records {
                listing.add(record)?;
            }
            if listing.len() > CONTRACTS_MAX {
                return Err(Error::runtime(format!("more than {CONTRACTS_MAX} contracts cannot be listed")));
            }
            match page.records.last().and_then(|record| record.key.clustering.clone()) {
                Some(last) if page.more => scan = scan.after(last),
                _ => return Ok(listing.into_json()),
            }
        }
    }

    /// A contract ready to run; from memory almost always.
    ///
    /// # Errors
    /// 404 if there is none, 302 (DL-COMMON-302002) if its registration no longer holds, 402 if it cannot be run, 403,
    /// 415, 417, 500 and so on.
    pub async fn prepare(
        &self,
        namespace: &str,
        owner: &ClientIdentityKey,
        contract_id: &str,
    ) -> Result<Arc<LoadedContract>> {
        if let Some(loaded) = self.known(namespace, owner, contract_id) {
            return Ok(loaded);
        }
        // Looked up first, so that what is loaded is filed under the life of the namespace it was loaded in.
        let generation = self.namespaces.generation(namespace).await?;
        requests::check_contract_id(contract_id).map_err(|_| errors::contract_not_found())?;
        let verified_at = self.clock.monotonic();
        let loaded = Arc::new(self.load(namespace, owner, contract_id).await?);
        let place = Place { generation, owner: owner.clone(), contract_id: contract_id.to_owned() };
        self.loaded.insert(place, Entry { loaded: Arc::clone(&loaded), verified_at });
        Ok(loaded)
    }

    fn known(
        &self,
        namespace: &str,
        owner: &ClientIdentityKey,
        contract_id: &str,
    ) -> Option<Arc<LoadedContract>> {
        let generation = self.namespaces.known(namespace)?;
        let entry = self.loaded.get(&PlaceRef { generation, owner, contract_id })?;
        let age = self.clock.monotonic().saturating_sub(entry.verified_at);
        (age < VERIFIED_FOR).then_some(entry.loaded)
    }

    async fn load(
        &self,
        namespace: &str,
        owner: &ClientIdentityKey,
        contract_id: &str,
    ) -> Result<LoadedContract> {
        let tables = Tables::of(self.namespaces.base(), namespace)?;
        let key = contract_key(&owner.entity_id, owner.key_version, contract_id);
        let found = self.store.get(&tables.contract, &key).await.map_err(|error| GETTING.error(&error))?;
        let found = found.ok_or_else(errors::contract_not_found)?;
        let registered = Registered::of(&found)?;
        let class = Class::load(
            &*self.store,
            &tables.contract_class,
            registered.binary_name,
            registered.class_digest,
        )
        .await?;
        let properties = registered.properties.unwrap_or_default();
        let signed =
            signing_bytes(owner, namespace, contract_id, registered.binary_name, class.bytes(), properties);
        let verifier = self.identities.verifier(namespace, &owner.entity_id, owner.key_version).await?;
        if !verifier.holds(&signed, registered.signature) {
            return Err(errors::contract_validation_failed());
        }
        let contract = self.class(&class).await?;
        Ok(LoadedContract { contract, properties: registered.properties.map(str::to_owned) })
    }

    /// Makes a class ready to run, once for all contracts that are of it. Compiling takes a while, so it is done on a
    /// thread that may block.
    async fn class(&self, class: &Class) -> Result<Arc<dyn Contract>> {
        let place = ClassPlace::of(class);
        let make = async {
            let (engines, class) = (self.engines.clone(), class.clone());
            making(move || engines.load(class.binary_name(), class.bytes())).await
        };
        self.classes.get_or_insert_async(&place, make).await
    }
}

/// What an engine makes of a class, on a thread that may block.
async fn making<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, LoadError> + Send + 'static,
) -> Result<T> {
    let why = match tokio::task::spawn_blocking(work).await {
        Ok(Ok(made)) => return Ok(made),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the engine failed; the server's log has the details".to_owned(),
    };
    let text = format!("Loading the contract failed. Details: {why}");
    Err(Error::numbered(StatusCode::UnloadableContract, "COMMON", 1, text))
}

/// For threads that may block, which belong to a runtime. What is not in memory is waited for.
impl ContractSource for Contracts {
    fn load(
        &self,
        context_namespace: &str,
        owner: &ClientIdentityKey,
        contract_id: &str,
    ) -> Result<Arc<LoadedContract>> {
        if let Some(loaded) = self.known(context_namespace, owner, contract_id) {
            return Ok(loaded);
        }
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|_| Error::runtime("a contract is executed outside the server's runtime"))?;
        runtime.block_on(self.prepare(context_namespace, owner, contract_id))
    }

    fn at_hand(
        &self,
        context_namespace: &str,
        owner: &ClientIdentityKey,
        contract_id: &str,
    ) -> Option<Arc<LoadedContract>> {
        self.known(context_namespace, owner, contract_id)
    }
}

/// A row of the table `contract`.
struct Registered<'a> {
    binary_name: &'a str,
    properties: Option<&'a str>,
    registered_at: i64,
    signature: &'a Bytes,
    class_digest: &'a Bytes,
}

impl<'a> Registered<'a> {
    fn of(record: &'a Record) -> Result<Self> {
        let fields = || {
            Some(Self {
                binary_name: record.text(0)?,
                properties: record.text(1),
                registered_at: record.int(2)?,
                signature: record.bytes(3)?,
                class_digest: record.bytes(4)?,
            })
        };
        fields().ok_or_else(|| errors::unexpected_record("a contract with an empty column"))
    }
}

/// Contracts kept ready; the original keeps a million, whose properties would fill a gigabyte.
const LOADED_MAX: usize = 131_072;
/// Bytes of the classes kept ready, as they were registered.
const CLASSES_BYTES_MAX: u64 = 256 << 20;
const CLASSES_GUESS: usize = 256;
const LISTED_AT_ONCE: usize = 256;
/// A class is bound once, so the second look finds it.
const BINDINGS_MAX: usize = 3;

const BINDING: Access = Access::common(7, "Binding the contract failed");
const GETTING: Access = Access::common(8, "Getting the contract failed");
const SCANNING: Access = Access::common(9, "Scanning the contracts failed");

fn signing_bytes(
    owner: &ClientIdentityKey,
    namespace: &str,
    contract_id: &str,
    binary_name: &str,
    byte_code: &Bytes,
    properties: &str,
) -> Vec<u8> {
    ContractRegistrationRequest {
        contract_id: contract_id.to_owned(),
        contract_binary_name: binary_name.to_owned(),
        contract_byte_code: byte_code.clone(),
        contract_properties: properties.to_owned(),
        entity_id: owner.entity_id.clone(),
        key_version: owner.key_version,
        signature: Bytes::new(),
        context_namespace: requests::signed_namespace(namespace).to_owned(),
    }
    .signing_bytes()
}

fn already_registered() -> Error {
    let text = "The specified contract is already registered.";
    Error::numbered(StatusCode::ContractAlreadyRegistered, "COMMON", 1, text)
}

#[cfg(test)]
mod tests;
