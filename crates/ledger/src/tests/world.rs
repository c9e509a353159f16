//! A Ledger with a client, and contracts written for these tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};
use trustkeep_chassis::clock::{ManualClock, Timestamp};
use trustkeep_contract::{
    AssetFilter, AssetOrder, Column, ColumnValue, Contract, Database, Engine, Engines, Environment, Error,
    Function, FunctionCall, LoadError, Result as ContractResult, Selection,
};
use trustkeep_crypto::SecretString;
use trustkeep_crypto::random::Seeded;
use trustkeep_scalar_rpc::identity::{HmacKey, Signer as _};
use trustkeep_scalar_rpc::messages::{
    ContractExecutionRequest, ContractExecutionResponse, ContractRegistrationRequest,
    LedgerValidationRequest, SecretRegistrationRequest,
};
use trustkeep_scalar_rpc::properties::Properties;
use trustkeep_scalar_rpc::signing::Signed;
use trustkeep_scalar_rpc::{Result, argument};
use trustkeep_store::{MemoryStore, SharedStore};

use crate::Ledger;
use crate::settings::Settings;

/// HMAC for clients, and a secret of the servers for proofs.
pub(crate) const HMAC: &str = "scalar.dl.ledger.authentication.method=hmac\n\
    scalar.dl.ledger.authentication.hmac.cipher_key=cipher\n";
/// An Auditor beside it.
pub(crate) const AUDITED: &str = "scalar.dl.ledger.auditor.enabled=true\nscalar.dl.ledger.proof.enabled=true\n\
    scalar.dl.ledger.servers.authentication.hmac.secret_key=servers\n";

pub(crate) struct World {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) store: SharedStore,
    properties: String,
    nonces: Arc<AtomicU64>,
}

impl World {
    /// A Ledger with `properties` after those of HMAC; alice is registered, with every contract there is.
    pub(crate) async fn new(properties: &str) -> Self {
        Self::on(Arc::new(MemoryStore::new()), properties).await
    }

    /// The same on this store.
    pub(crate) async fn on(store: SharedStore, properties: &str) -> Self {
        let properties = format!("{HMAC}{properties}");
        let ledger = open(&store, &properties).await;
        let world = Self { ledger, store, properties, nonces: Arc::default() };
        world.admit("").await;
        world
    }

    /// Another Ledger on the same store: another process, or this one started again.
    pub(crate) async fn again(&self) -> Self {
        self.with("").await
    }

    /// The same with more properties.
    pub(crate) async fn with(&self, properties: &str) -> Self {
        let properties = format!("{}{properties}", self.properties);
        let ledger = open(&self.store, &properties).await;
        Self { ledger, store: self.store.clone(), properties, nonces: self.nonces.clone() }
    }

    /// Registers alice and the contracts in a context namespace.
    pub(crate) async fn admit(&self, namespace: &str) {
        let request = SecretRegistrationRequest {
            entity_id: "alice".into(),
            key_version: 1,
            secret_key: "alices".into(),
            context_namespace: namespace.into(),
        };
        self.ledger.register_secret(request).await.unwrap();
        for name in CONTRACTS {
            self.ledger.register_contract(registration(name, namespace)).await.unwrap();
        }
    }

    pub(crate) fn nonce(&self) -> String {
        format!("nonce-{}", self.nonces.fetch_add(1, Ordering::Relaxed))
    }

    /// A signed request of a contract with a fresh nonce.
    pub(crate) fn request(&self, contract: &str, argument: Value) -> ContractExecutionRequest {
        request(contract, &argument, &self.nonce(), "", &[])
    }

    pub(crate) async fn execute(&self, contract: &str, argument: Value) -> Result<ContractExecutionResponse> {
        self.ledger.execute(self.request(contract, argument)).await
    }

    /// The status of a validation of all ages, and the age of the proof.
    pub(crate) async fn validate(&self, asset: &str, ages: (u32, u32)) -> Result<(u32, Option<u32>)> {
        let mut request = LedgerValidationRequest {
            asset_id: asset.into(),
            start_age: ages.0,
            end_age: ages.1,
            entity_id: "alice".into(),
            key_version: 1,
            ..Default::default()
        };
        request.signature = sign(&request);
        let answer = self.ledger.validate(request).await?;
        Ok((answer.status_code, answer.proof.map(|proof| proof.age)))
    }
}

pub(crate) fn request(
    contract: &str,
    argument: &Value,
    nonce: &str,
    namespace: &str,
    functions: &[&str],
) -> ContractExecutionRequest {
    let mut request = ContractExecutionRequest {
        contract_id: contract.into(),
        contract_argument: argument::format(&argument.to_string(), nonce, namespace, functions).unwrap(),
        context_namespace: namespace.into(),
        entity_id: "alice".into(),
        key_version: 1,
        ..Default::default()
    };
    request.signature = sign(&request);
    request
}

/// Alice's signature.
pub(crate) fn sign(request: &impl Signed) -> Bytes {
    tag("alices", &request.signing_bytes())
}

pub(crate) fn tag(secret: &str, bytes: &[u8]) -> Bytes {
    HmacKey::new(&SecretString::from(secret)).sign(bytes).unwrap().into()
}

pub(crate) fn registration(name: &str, namespace: &str) -> ContractRegistrationRequest {
    let mut request = ContractRegistrationRequest {
        contract_id: name.into(),
        contract_binary_name: name.into(),
        contract_byte_code: Bytes::from(format!("code of {name}")),
        contract_properties: r#"{"by":"alice"}"#.into(),
        context_namespace: namespace.into(),
        entity_id: "alice".into(),
        key_version: 1,
        ..Default::default()
    };
    request.signature = sign(&request);
    request
}

async fn open(store: &SharedStore, properties: &str) -> Arc<Ledger> {
    let settings = Settings::read(&Properties::parse(properties, &|_| None).unwrap()).unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_700_000_000).unwrap()));
    let engines = Engines::new().with(Tests);
    let random = Arc::new(Seeded::new(1));
    Arc::new(Ledger::open(store.clone(), settings, engines, clock, random).await.unwrap())
}

const CONTRACTS: [&str; 7] = ["PutMany", "Put", "Get", "Add", "Move", "History", "Nested"];

/// Knows its contracts and functions by their names.
struct Tests;

struct Named(String);

impl Engine for Tests {
    fn recognises(&self, _: &[u8]) -> bool {
        true
    }

    fn load(&self, name: &str, _: &[u8]) -> std::result::Result<Arc<dyn Contract>, LoadError> {
        match CONTRACTS.contains(&name) {
            true => Ok(Arc::new(Named(name.into()))),
            false => Err(LoadError(format!("no contract is named {name}"))),
        }
    }

    fn load_function(&self, name: &str, _: &[u8]) -> std::result::Result<Arc<dyn Function>, LoadError> {
        match name {
            "Insert" | "Refuse" => Ok(Arc::new(Named(name.into()))),
            _ => Err(LoadError(format!("no function is named {name}"))),
        }
    }
}

impl Contract for Named {
    fn invoke(
        &self,
        world: &mut dyn Environment,
        argument: &str,
        _: Option<&str>,
    ) -> ContractResult<Option<String>> {
        let argument: Value = serde_json::from_str(argument).unwrap();
        let text = |name: &str| argument[name].as_str().unwrap_or_default().to_owned();
        let number = |asset: Option<trustkeep_contract::Asset>| -> i64 {
            asset
                .map_or(0, |asset| serde_json::from_str::<Value>(&asset.data).unwrap()["n"].as_i64().unwrap())
        };
        let namespace = argument["namespace"].as_str();
        match self.0.as_str() {
            "Put" => {
                world.put(namespace, &text("id"), &argument["data"].to_string())?;
                Ok(None)
            }
            "PutMany" => {
                for id in argument["ids"].as_array().unwrap() {
                    world.put(None, id.as_str().unwrap(), "{}")?;
                }
                Ok(None)
            }
            "Get" => Ok(world.get(namespace, &text("id"))?.map(|asset| asset.data)),
            "Add" => {
                let n = number(world.get(namespace, &text("id"))?) + argument["by"].as_i64().unwrap_or(1);
                world.put(namespace, &text("id"), &json!({ "n": n }).to_string())?;
                world.set_context("added");
                Ok(Some(json!({ "n": n }).to_string()))
            }
            "Move" => {
                let (from, to) = (text("from"), text("to"));
                let by = argument["by"].as_i64().unwrap();
                let (left, right) = (number(world.get(None, &from)?), number(world.get(None, &to)?));
                if left < by {
                    return Err(Error::Contextual("there is not enough".into()));
                }
                world.put(None, &from, &json!({ "n": left - by }).to_string())?;
                world.put(None, &to, &json!({ "n": right + by }).to_string())?;
                Ok(None)
            }
            "History" => {
                let filter = AssetFilter {
                    namespace: None,
                    id: text("id"),
                    start_age: None,
                    end_age: None,
                    order: AssetOrder::Descending,
                    limit: 0,
                };
                let ages: Vec<u32> = world.scan(&filter)?.iter().map(|asset| asset.age).collect();
                world.put(None, "histories", &json!({ "ages": ages }).to_string())?;
                Ok(Some(json!(ages).to_string()))
            }
            _ => world.invoke("Add", &argument.to_string()),
        }
    }
}

impl Function for Named {
    fn invoke(&self, database: &mut dyn Database, call: FunctionCall<'_>) -> ContractResult<Option<String>> {
        if self.0 == "Refuse" {
            return Err(Error::Contextual("the function refuses".into()));
        }
        let argument: Value = serde_json::from_str(call.function_argument.unwrap_or("{}")).unwrap();
        let text = |name: &str| Some(ColumnValue::Text(argument[name].as_str().unwrap_or_default().into()));
        let selection = Selection {
            namespace: argument["namespace"].as_str().unwrap_or_default().into(),
            table: argument["table"].as_str().unwrap_or_default().into(),
            partition_key: vec![Column { name: "who".into(), value: text("who") }],
            clustering_key: Vec::new(),
        };
        let before = database.get(&selection)?;
        let count = match before.as_ref().and_then(|columns| columns.get(1)) {
            Some(Column { value: Some(ColumnValue::Int(count)), .. }) => *count,
            _ => 0,
        };
        let columns = [Column { name: "count".into(), value: Some(ColumnValue::Int(count + 1)) }];
        database.put(&selection, &columns)?;
        Ok(Some(format!("{} {} {}", count + 1, call.contract_context.unwrap_or("-"), call.contract_argument)))
    }
}
