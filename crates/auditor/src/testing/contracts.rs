//! Contracts for tests: `put` and `get` one asset, `move` between two, `scan` one, `refuse`.

use std::sync::Arc;

use serde_json::{Value, json};
use trustkeep_contract::{
    AssetFilter, AssetOrder, Contract, Engine, Environment, Error, Function, LoadError, Result,
};
use trustkeep_scalar_domain::execution::{ContractSource, LoadedContract};

/// An engine whose classes are their own names.
#[derive(Clone, Copy)]
pub(crate) struct TestContracts;

struct Named(String);

impl TestContracts {
    pub(crate) const IDS: [&str; 5] = ["put", "get", "move", "scan", "refuse"];
}

impl Engine for TestContracts {
    fn recognises(&self, _: &[u8]) -> bool {
        true
    }

    fn load(&self, _: &str, byte_code: &[u8]) -> std::result::Result<Arc<dyn Contract>, LoadError> {
        Ok(Arc::new(Named(String::from_utf8_lossy(byte_code).into_owned())))
    }

    fn load_function(&self, _: &str, _: &[u8]) -> std::result::Result<Arc<dyn Function>, LoadError> {
        Err(LoadError("no functions".into()))
    }
}

/// The Ledger's: nothing has to be registered there.
impl ContractSource for TestContracts {
    fn load(
        &self,
        _: &str,
        _: &trustkeep_contract::ClientIdentityKey,
        contract_id: &str,
    ) -> trustkeep_scalar_rpc::Result<Arc<LoadedContract>> {
        let contract = Arc::new(Named(contract_id.to_owned()));
        Ok(Arc::new(LoadedContract { contract, properties: None }))
    }
}

impl Contract for Named {
    fn invoke(
        &self,
        environment: &mut dyn Environment,
        argument: &str,
        _: Option<&str>,
    ) -> Result<Option<String>> {
        let argument: Value = serde_json::from_str(argument).unwrap_or_default();
        let text = |name: &str| argument[name].as_str().unwrap_or_default().to_owned();
        let namespace = argument["namespace"].as_str();
        let id = text("id");
        match self.0.as_str() {
            "put" => {
                environment.put(namespace, &id, &json!({ "v": argument["v"] }).to_string())?;
                Ok(None)
            }
            "get" => Ok(environment.get(namespace, &id)?.map(|asset| asset.data)),
            "move" => {
                for (id, by) in [(text("from"), -1), (text("to"), 1)] {
                    let data = environment.get(namespace, &id)?.map(|asset| asset.data).unwrap_or_default();
                    let data: Value = serde_json::from_str(&data).unwrap_or_default();
                    let sum = data["v"].as_i64().unwrap_or(0) + by;
                    environment.put(namespace, &id, &json!({ "v": sum }).to_string())?;
                }
                Ok(None)
            }
            "scan" => {
                let filter = AssetFilter {
                    namespace: namespace.map(str::to_owned),
                    id,
                    start_age: None,
                    end_age: None,
                    order: AssetOrder::Descending,
                    limit: 0,
                };
                let ages: Vec<_> = environment.scan(&filter)?.iter().map(|asset| asset.age).collect();
                Ok(Some(json!(ages).to_string()))
            }
            _ => Err(Error::Contextual("no".into())),
        }
    }
}
