//! Executions on a handful of rows.

use std::collections::HashMap;

use bytes::Bytes;
use trustkeep_contract::{Contract, Result as ContractResult};

use super::*;

type Body = fn(&mut dyn Environment, &str) -> ContractResult<Option<String>>;

struct Native(Body);

impl Contract for Native {
    fn invoke(
        &self,
        environment: &mut dyn Environment,
        argument: &str,
        _: Option<&str>,
    ) -> ContractResult<Option<String>> {
        (self.0)(environment, argument)
    }
}

struct World {
    contracts: HashMap<&'static str, Body>,
    rows: Vec<(AssetKey, AssetRow)>,
}

impl ContractSource for World {
    fn load(&self, _: &str, _: &ClientIdentityKey, contract_id: &str) -> Result<Arc<LoadedContract>> {
        let body = self.contracts.get(contract_id).ok_or_else(errors::contract_not_found)?;
        Ok(Arc::new(LoadedContract { contract: Arc::new(Native(*body)), properties: None }))
    }
}

impl AssetReader for &World {
    fn latest(&mut self, key: &AssetKey) -> Result<Option<AssetRow>> {
        Ok(self.rows.iter().rev().find(|(found, _)| found == key).map(|(_, row)| row.clone()))
    }

    fn scan(&mut self, key: &AssetKey, _: &AssetFilter) -> Result<Vec<AssetRow>> {
        Ok(self.rows.iter().filter(|(found, _)| found == key).map(|(_, row)| row.clone()).collect())
    }
}

fn key(namespace: &str, id: &str) -> AssetKey {
    AssetKey { namespace: namespace.into(), id: id.into() }
}

fn origin() -> Origin {
    Origin {
        argument: r#"{"nonce":"n-0"}"#.into(),
        contract_id: "alice/1/c".into(),
        signature: Bytes::from_static(b"s"),
    }
}

fn run(context_namespace: &str, bodies: &[(&'static str, Body)]) -> Result<Outcome> {
    let row =
        |age: Option<&AssetRow>, id: &str| AssetRow::next(id, age, &origin(), "{}", r#"{"x":0}"#.into());
    let first = row(None, "a")?;
    let second = row(Some(&first), "a")?;
    let world = World {
        contracts: bodies.iter().copied().collect(),
        rows: vec![(key("default", "a"), first), (key("default", "a"), second)],
    };
    let client = ClientIdentityKey { entity_id: "alice".into(), key_version: 1 };
    let call = Call { client, context_namespace, contract_id: "c", argument: "{}" };
    execute(&call, &world, &mut &world)
}

#[test]
fn a_put_is_canonical_and_seen_by_the_gets_that_follow() {
    let body: Body = |environment, _| {
        environment.put(None, "a", "{ \"x\" : 1e3 }")?;
        environment.put(None, "b", "[ ]")?;
        let again = environment.get(None, "a")?.unwrap();
        assert_eq!((again.age, again.data.as_str(), again.metadata), (2, r#"{"x":1000.0}"#, None));
        assert_eq!(environment.get(None, "b")?.unwrap().age, 0);
        assert!(environment.get(None, "z")?.is_none());
        Ok(None)
    };
    let outcome = run("default", &[("c", body)]).unwrap();
    assert_eq!(outcome.input(), r#"{"a":{"age":1}}"#);
    let rows = outcome.rows(&origin()).unwrap();
    let ages: Vec<_> =
        rows.iter().map(|(key, row)| (key.id.as_str(), row.age, row.prev_hash.is_some())).collect();
    assert_eq!(ages, [("a", 2, true), ("b", 0, false)]);
    assert_eq!(rows[&key("default", "a")].output, r#"{"x":1000.0}"#);
}

#[test]
fn what_the_environment_refuses_ends_the_execution_whatever_the_contract_makes_of_it() {
    let bodies: [(Body, &str); 6] = [
        (|environment, _| environment.put(None, "a", "{").map(|()| None).or(Ok(None)), "DL-COMMON-502002"),
        (
            |environment, _| {
                let data = format!("\"{}\"", "x".repeat(OUTPUT_BYTES_MAX));
                environment.put(None, "a", &data).map(|()| None).or(Ok(None))
            },
            "The contract's state of an asset is too long",
        ),
        (|environment, _| environment.get(None, "").map(|_| None).or(Ok(None)), "DL-COMMON-502003"),
        (
            |environment, _| environment.get(None, &"x".repeat(2_000)).map(|_| None).or(Ok(None)),
            "asset_id is too long",
        ),
        (|environment, _| environment.invoke("none", "{}").or(Ok(None)), "DL-COMMON-404001"),
        (|_, _| Ok(Some("x".repeat(RESULT_BYTES_MAX + 1))), "The contract's result is too long"),
    ];
    for (body, message) in bodies {
        let error = run("default", &[("c", body)]).unwrap_err();
        assert!(error.message.starts_with(message), "{error}");
    }
}

#[test]
fn a_client_of_a_namespace_touches_no_other() {
    let body: Body = |environment, _| {
        assert!(environment.get(None, "a")?.is_none());
        environment.get(Some("default"), "a").map(|_| None)
    };
    let error = run("ns", &[("c", body)]).unwrap_err();
    assert_eq!(
        error.message,
        "DL-COMMON-407001: Accessing the specified namespace is not allowed. Namespace: default, context namespace: ns"
    );
    let free: Body = |environment, _| environment.get(Some("ns"), "a").map(|_| Some("fine".into()));
    assert_eq!(run("default", &[("c", free)]).unwrap().result.as_deref(), Some("fine"));
}

#[test]
fn nested_contracts_have_a_context_of_their_own_and_an_end() {
    let outer: Body = |environment, _| {
        assert!(environment.is_root());
        environment.set_context("outer");
        environment.invoke("inner", "{}")
    };
    let inner: Body = |environment, _| {
        assert!(!environment.is_root());
        environment.set_context("inner");
        Ok(Some(environment.client_identity_key().entity_id))
    };
    let outcome = run("default", &[("c", outer), ("inner", inner)]).unwrap();
    assert_eq!((outcome.result.as_deref(), outcome.context.as_deref()), (Some("alice"), Some("outer")));
    let endless: Body = |environment, argument| environment.invoke("c", argument);
    let error = run("default", &[("c", endless)]).unwrap_err();
    assert!(error.message.contains("at most 16 deep"), "{error}");
}

#[test]
fn a_contracts_own_refusal_keeps_its_words() {
    let body: Body = |_, _| Err(ContractError::Contextual("not enough".into()));
    assert_eq!(
        run("default", &[("c", body)]).unwrap_err(),
        Error::new(StatusCode::ContractContextualError, "not enough")
    );
}

#[test]
fn a_scan_gives_what_is_committed_and_counts_as_a_read() {
    let body: Body = |environment, _| {
        environment.put(None, "a", "1")?;
        let filter = AssetFilter {
            namespace: None,
            id: "a".into(),
            start_age: None,
            end_age: None,
            order: Default::default(),
            limit: 0,
        };
        let ages: Vec<_> = environment.scan(&filter)?.into_iter().map(|asset| asset.age).collect();
        Ok(Some(format!("{ages:?}")))
    };
    let outcome = run("default", &[("c", body)]).unwrap();
    assert_eq!(outcome.result.as_deref(), Some("[0, 1]"));
    assert_eq!(outcome.read[&key("default", "a")].as_ref().map(|row| row.age), Some(1));
}
