//! Stores that take little, or do not say what became of a commit; and namespaces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::json;
use trustkeep_scalar_rpc::StatusCode;
use trustkeep_scalar_rpc::messages::{
    LedgerValidationRequest, NamespaceCreationRequest, NamespaceDroppingRequest, StateRetrievalRequest,
    TransactionState,
};
use trustkeep_store::{
    Commit, Error, Key, Limits, MemoryStore, Page, Record, Result, Scan, Store, Table, Version,
};

use super::World;
use super::world::{request, sign};

#[tokio::test]
async fn what_does_not_fit_one_commit_is_refused_whole() {
    let world = World::on(Arc::new(Wrapped::new(Limits { commit_rows_max: 20, ..Limits::WIDE })), "").await;
    let many = |count: u32| json!({ "ids": (0..count).map(|n| format!("m{n}")).collect::<Vec<_>>() });
    world.execute("PutMany", many(9)).await.unwrap();
    let refused = world.execute("PutMany", many(10)).await.unwrap_err();
    assert_eq!(refused.code, StatusCode::InvalidArgument);
    assert!(refused.message.contains("rows in one commit"), "{refused}");
    assert_eq!(world.execute("Get", json!({ "id": "m9" })).await.unwrap().contract_result, "");
    assert_eq!(world.validate("m0", (0, 9)).await.unwrap().0, 200);
}

#[tokio::test]
async fn an_unknown_outcome_is_told_as_such_and_can_be_asked_for() {
    let store = Arc::new(Wrapped::new(Limits::WIDE));
    let world = World::on(store.clone(), "").await;
    for (fault, state, n) in
        [(LOST, TransactionState::Unknown, ""), (SILENT, TransactionState::Committed, r#"{"n":1}"#)]
    {
        let nonce = world.nonce();
        store.fault.store(fault, Ordering::SeqCst);
        let unknown = world.ledger.execute(request("Add", &json!({ "id": "a" }), &nonce, "", &[])).await;
        let unknown = unknown.unwrap_err();
        assert!(unknown.message.starts_with("DL-LEDGER-501001"), "{unknown}");
        let asked = StateRetrievalRequest { transaction_id: nonce };
        assert_eq!(world.ledger.state(asked).await.unwrap().state(), state);
        assert_eq!(world.execute("Get", json!({ "id": "a" })).await.unwrap().contract_result, n);
    }
}

#[tokio::test]
async fn a_namespace_is_a_place_of_its_own_until_it_is_dropped() {
    let world = World::new("").await;
    let create = NamespaceCreationRequest { namespace: "Tenant".into() };
    let missing = world.execute("Add", json!({ "id": "a", "namespace": "Tenant" })).await.unwrap_err();
    assert!(missing.message.starts_with("DL-COMMON-417001"), "{missing}");
    world.ledger.create_namespace(create.clone()).await.unwrap();
    let again = world.ledger.create_namespace(create.clone()).await.unwrap_err();
    assert_eq!(again.code, StatusCode::NamespaceAlreadyExists);
    world.admit("Tenant").await;
    let tenant = async |contract: &str, argument: serde_json::Value| {
        let request = request(contract, &argument, &world.nonce(), "Tenant", &[]);
        world.ledger.execute(request).await.map(|answer| answer.contract_result)
    };
    assert_eq!(tenant("Add", json!({ "id": "a" })).await.unwrap(), r#"{"n":1}"#);
    assert_eq!(tenant("Add", json!({ "id": "a" })).await.unwrap(), r#"{"n":2}"#);
    assert_eq!(world.execute("Get", json!({ "id": "a" })).await.unwrap().contract_result, "");
    let foreign = tenant("Get", json!({ "id": "a", "namespace": "default" })).await.unwrap_err();
    assert!(foreign.message.starts_with("DL-COMMON-407001"), "{foreign}");
    // A client of the default namespace may look into all of them.
    let both = world.execute("Get", json!({ "id": "a", "namespace": "Tenant" })).await.unwrap();
    assert_eq!(both.contract_result, r#"{"n":2}"#);
    let validate = async |namespace: &str, context: &str| {
        let mut request = LedgerValidationRequest {
            asset_id: "a".into(),
            end_age: 9,
            namespace: namespace.into(),
            context_namespace: context.into(),
            entity_id: "alice".into(),
            key_version: 1,
            ..Default::default()
        };
        request.signature = sign(&request);
        world.ledger.validate(request).await.map(|answer| answer.status_code)
    };
    assert_eq!(validate("", "Tenant").await.unwrap(), 200);
    assert_eq!(validate("Tenant", "Tenant").await.unwrap(), 200);
    assert_eq!(validate("default", "Tenant").await.unwrap_err().code, StatusCode::InvalidRequest);
    world.ledger.drop_namespace(NamespaceDroppingRequest { namespace: "Tenant".into() }).await.unwrap();
    assert_eq!(tenant("Get", json!({ "id": "a" })).await.unwrap_err().code, StatusCode::NamespaceNotFound);
    world.ledger.create_namespace(create).await.unwrap();
    let gone = world.execute("Get", json!({ "id": "a", "namespace": "Tenant" })).await.unwrap();
    assert_eq!(gone.contract_result, "");
}

/// The next commit of a transaction answers as if nobody knew: not carried out, or carried out.
const LOST: u8 = 1;
const SILENT: u8 = 2;

/// A store in memory with other limits and with faults.
#[derive(Debug)]
struct Wrapped {
    inner: MemoryStore,
    limits: Limits,
    fault: AtomicU8,
}

impl Wrapped {
    fn new(limits: Limits) -> Self {
        Self { inner: MemoryStore::new(), limits, fault: AtomicU8::new(0) }
    }
}

#[async_trait::async_trait]
impl Store for Wrapped {
    fn limits(&self) -> Limits {
        self.limits
    }

    async fn create_tables(&self, tables: &[Table]) -> Result<()> {
        self.inner.create_tables(tables).await
    }

    async fn get(&self, table: &Table, key: &Key) -> Result<Option<Arc<Record>>> {
        // Not at once, as over a network.
        tokio::task::yield_now().await;
        self.inner.get(table, key).await
    }

    async fn scan(&self, table: &Table, scan: &Scan) -> Result<Page> {
        tokio::task::yield_now().await;
        self.inner.scan(table, scan).await
    }

    async fn scan_table(&self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page> {
        self.inner.scan_table(table, after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version> {
        commit.check(&self.limits)?;
        let fault = self.fault.swap(0, Ordering::SeqCst);
        if fault != LOST {
            let done = self.inner.commit(commit).await;
            if fault != SILENT {
                return done;
            }
        }
        Err(Error::OutcomeUnknown("the connection broke".into()))
    }
}
