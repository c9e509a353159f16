//! HashStore: hashes of objects, their versions and collections of them, by the generic contracts that servers have
//! built in.

use trustkeep_contract::json::{Json, object};
use trustkeep_scalar_rpc::Result;

use crate::client::Client;
use crate::execution::{Call, Execution};
use crate::registration::{BuiltIn, class_stub};
use crate::validation::{Ages, Validation};

/// The contracts that `bootstrap` registers.
const CONTRACTS: [BuiltIn; 9] = [
    BuiltIn("object.v1_0_0.Get"),
    BuiltIn("object.v1_0_0.Put"),
    BuiltIn("object.v1_0_0.Validate"),
    BuiltIn("collection.v1_0_0.Add"),
    BuiltIn("collection.v1_0_0.Create"),
    BuiltIn("collection.v1_0_0.Get"),
    BuiltIn("collection.v1_0_0.GetCheckpointInterval"),
    BuiltIn("collection.v1_0_0.GetHistory"),
    BuiltIn("collection.v1_0_0.Remove"),
];

/// The function that writes a mutable record beside an object.
const PUT_TO_MUTABLE: BuiltIn = BuiltIn("object.v1_0_0.PutToMutableDatabase");

/// What a collection of objects is called in an asset's id, and an object.
const PREFIXES: [&str; 2] = ["c_", "o_"];

/// A client of the HashStore contracts.
#[derive(Clone, Debug)]
pub struct HashStore {
    client: Client,
}

impl HashStore {
    /// Through this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Registers the client's identity, the contracts and the function; what is there already stays as it is.
    ///
    /// # Errors
    /// As the servers answer.
    pub async fn bootstrap(&self) -> Result<()> {
        self.client.bootstrap().await?;
        self.client.register_generic(&CONTRACTS).await?;
        let name = PUT_TO_MUTABLE.class();
        self.client.register_function(PUT_TO_MUTABLE.0, &name, class_stub(&name)).await
    }

    /// The latest version of an object: `{"object_id","hash_value"[,"metadata"]}`, or no result.
    ///
    /// # Errors
    /// As [`Client::execute_contract`].
    pub async fn get_object(&self, object_id: &str) -> Result<Execution> {
        self.execute("object.v1_0_0.Get", object([("object_id", object_id.into())])).await
    }

    /// Adds a version to an object, and in the same transaction perhaps a record to a mutable table:
    /// `{"namespace","table","partition_key"[,"clustering_key"][,"columns"]}`.
    ///
    /// # Errors
    /// As [`Client::execute_contract`].
    pub async fn put_object(
        &self,
        object_id: &str,
        hash: &str,
        metadata: Option<Json>,
        mutable: Option<&Json>,
    ) -> Result<Execution> {
        let mut argument = vec![("object_id", object_id.into()), ("hash_value", hash.into())];
        argument.extend(metadata.map(|metadata| ("metadata", metadata)));
        let argument = members(argument).to_string();
        let mutable = mutable.map(ToString::to_string);
        let function_ids: &[&str] = if mutable.is_some() { &[PUT_TO_MUTABLE.0] } else { &[] };
        let call = Call {
            contract_id: "object.v1_0_0.Put",
            argument: &argument,
            function_ids,
            function_argument: mutable.as_deref().unwrap_or_default(),
            nonce: None,
        };
        self.client.execute(call).await
    }

    /// Compares versions (`[{"version_id","hash_value"[,"metadata"]}]`, newest first) with those in the ledger: the
    /// latest ones, or `all`.
    ///
    /// # Errors
    /// As [`Client::execute_contract`].
    pub async fn compare_object_versions(
        &self,
        object_id: &str,
        versions: Json,
        all: bool,
        verbose: bool,
    ) -> Result<Execution> {
        let mut argument = vec![("object_id", object_id.into()), ("versions", versions)];
        let options: Vec<_> = [("all", all), ("verbose", verbose)]
            .into_iter()
            .filter(|(_, on)| *on)
            .map(|(name, on)| (name, Json::from(on)))
            .collect();
        if !options.is_empty() {
            argument.push(("options", members(options)));
        }
        self.execute("object.v1_0_0.Validate", members(argument)).await
    }

    /// Creates a collection of objects.
    ///
    /// # Errors
    /// As [`Client::execute_contract`].
    pub async fn create_collection(&self, collection_id: &str, object_ids: &[String]) -> Result<Execution> {
        self.execute("collection.v1_0_0.Create", members(collection(collection_id, object_ids))).await
    }

    /// The objects of a collection: `{"object_ids"}`, or no result.
    ///
    /// # Errors
    /// As [`Client::execute_contract`].
    pub async fn get_collection(&self, collection_id: &str) -> Result<Execution> {
        self.execute("collection.v1_0_0.Get", object([("collection_id", collection_id.into())])).await
    }

    /// Adds objects to a collection; with `force` also those that it has.
    ///
    /// # Errors
    /// As [`Client::execute_contract`].
    pub async fn add_to_collection(
        &self,
        collection_id: &str,
        object_ids: &[String],
        force: bool,
    ) -> Result<Execution> {
        self.execute("collection.v1_0_0.Add", change(collection_id, object_ids, force)).await
    }

    /// Removes objects from a collection; with `force` also those that it does not have.
    ///
    /// # Errors
    /// As [`Client::execute_contract`].
    pub async fn remove_from_collection(
        &self,
        collection_id: &str,
        object_ids: &[String],
        force: bool,
    ) -> Result<Execution> {
        self.execute("collection.v1_0_0.Remove", change(collection_id, object_ids, force)).await
    }

    /// What happened to a collection, newest first; at most `limit` events.
    ///
    /// # Errors
    /// As [`Client::execute_contract`].
    pub async fn get_collection_history(&self, collection_id: &str, limit: Option<i32>) -> Result<Execution> {
        let mut argument = vec![("collection_id", collection_id.into())];
        argument.extend(limit.map(|limit| ("options", object([("limit", limit.into())]))));
        self.execute("collection.v1_0_0.GetHistory", members(argument)).await
    }

    /// Validates the versions of an object.
    ///
    /// # Errors
    /// As [`Client::validate_ledger`].
    pub async fn validate_object(&self, object_id: &str, ages: Ages) -> Result<Validation> {
        let [_, prefix] = PREFIXES;
        self.client.validate_ledger(None, &format!("{prefix}{object_id}"), ages).await
    }

    /// Validates the events of a collection.
    ///
    /// # Errors
    /// As [`Client::validate_ledger`].
    pub async fn validate_collection(&self, collection_id: &str, ages: Ages) -> Result<Validation> {
        let [prefix, _] = PREFIXES;
        self.client.validate_ledger(None, &format!("{prefix}{collection_id}"), ages).await
    }

    async fn execute(&self, contract_id: &str, argument: Json) -> Result<Execution> {
        self.client.execute_contract(contract_id, &argument.to_string()).await
    }
}

fn change(collection_id: &str, object_ids: &[String], force: bool) -> Json {
    let mut argument = collection(collection_id, object_ids);
    argument.push(("options", object([("force", force.into())])));
    members(argument)
}

fn collection<'a>(collection_id: &str, object_ids: &[String]) -> Vec<(&'a str, Json)> {
    let ids: Vec<Json> = object_ids.iter().map(|id| id.as_str().into()).collect();
    vec![("collection_id", collection_id.into()), ("object_ids", ids.into())]
}

fn members(members: Vec<(&str, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_have_the_originals_members_in_its_order() {
        let ids = ["o1".to_owned(), "o2".to_owned()];
        assert_eq!(
            change("c1", &ids, false).to_string(),
            r#"{"collection_id":"c1","object_ids":["o1","o2"],"options":{"force":false}}"#
        );
        let empty = members(collection("c\"", &[])).to_string();
        assert_eq!(empty, r#"{"collection_id":"c\"","object_ids":[]}"#);
    }
}
