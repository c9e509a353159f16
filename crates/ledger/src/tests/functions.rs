//! Functions, and the mutable records they change in the transaction of a contract.

use bytes::Bytes;
use serde_json::{Value, json};
use trustkeep_scalar_rpc::messages::{
    ContractExecutionRequest, FunctionRegistrationRequest, NamespaceCreationRequest,
    SignedFunctionRegistrationRequest,
};
use trustkeep_scalar_rpc::{Result, StatusCode};

use super::World;
use super::world::{request, sign};
use crate::define_tables;

const SIGNED: &str = "scalar.dl.ledger.function.non_privileged_port_registration.enabled=true\n";

#[tokio::test]
async fn a_function_changes_records_with_the_contract_or_not_at_all() {
    let world = prepared("").await;
    let first = run(&world, &["Insert"], "shop").await.unwrap();
    assert_eq!(first.1, r#"1 added {"id":"a"}"#);
    assert_eq!(run(&world, &["Insert", "Insert"], "shop").await.unwrap().1, r#"3 added {"id":"a"}"#);
    // A refusal takes the records and the assets back.
    let refused = run(&world, &["Insert", "Refuse"], "shop").await.unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (StatusCode::ContractContextualError, "the function refuses")
    );
    let after = run(&world, &["Insert"], "shop").await.unwrap();
    assert_eq!(after, (r#"{"n":3}"#.into(), r#"4 added {"id":"a"}"#.into()));
    assert_eq!(world.validate("a", (0, 9)).await.unwrap().0, 200);

    let missing = run(&world, &["Nowhere"], "shop").await.unwrap_err();
    assert!(missing.message.starts_with("DL-LEDGER-410001"), "{missing}");
    for (namespace, code) in
        [("system", "412001"), ("SCALAR_x", "412001"), ("auditor", "412001"), ("other", "412002")]
    {
        let refused = run(&world, &["Insert"], namespace).await.unwrap_err();
        assert!(refused.message.starts_with(&format!("DL-LEDGER-{code}")), "{refused}");
    }
    let off = prepared("scalar.dl.ledger.function.enabled=false\n").await;
    assert_eq!(run(&off, &["Insert"], "shop").await.unwrap(), (r#"{"n":1}"#.into(), String::new()));
}

#[tokio::test]
async fn a_function_of_a_namespace_uses_its_own_records_only() {
    let world = prepared("").await;
    world.ledger.create_namespace(NamespaceCreationRequest { namespace: "shop".into() }).await.unwrap();
    world.admit("shop").await;
    let execute = async |table_namespace: &str| {
        let nonce = world.nonce();
        let mut request = request("Add", &json!({ "id": "a" }), &nonce, "shop", &["Insert"]);
        request.function_argument =
            json!({ "namespace": table_namespace, "table": "orders", "who": "bob" }).to_string();
        world.ledger.execute(request).await
    };
    let missing = execute("shop").await.unwrap_err();
    assert_eq!(missing.code, StatusCode::FunctionNotFound);
    let signed = world.with(SIGNED).await;
    signed.ledger.register_signed_function(signed_function("shop", "Insert")).await.unwrap();
    assert_eq!(execute("shop").await.unwrap().function_result, r#"1 added {"id":"a"}"#);
    let foreign = execute("store").await.unwrap_err();
    assert!(foreign.message.starts_with("DL-LEDGER-412003"), "{foreign}");
}

#[tokio::test]
async fn registering_by_the_ordinary_port_is_a_choice() {
    let world = World::new("").await;
    let refused = world.ledger.register_signed_function(signed_function("", "Insert")).await.unwrap_err();
    assert!(refused.message.starts_with("DL-LEDGER-407005"), "{refused}");
    let world = World::new(SIGNED).await;
    world.ledger.register_signed_function(signed_function("", "Insert")).await.unwrap();
    let again = world.ledger.register_signed_function(signed_function("", "Insert")).await.unwrap_err();
    assert!(again.message.starts_with("DL-LEDGER-407006"), "{again}");
    let overwrite = "scalar.dl.ledger.function.non_privileged_port_registration.overwrite.enabled=true\n";
    let over = world.with(&format!("{SIGNED}{overwrite}")).await;
    over.ledger.register_signed_function(signed_function("", "Insert")).await.unwrap();
    let mut forged = signed_function("", "Insert");
    forged.function_byte_code = Bytes::from_static(b"other");
    assert_eq!(
        over.ledger.register_signed_function(forged).await.unwrap_err().code,
        StatusCode::InvalidSignature
    );
    let unknown = over.ledger.register_signed_function(signed_function("", "Strange")).await.unwrap_err();
    assert!(unknown.message.starts_with("DL-LEDGER-411001"), "{unknown}");
    register(&over, "Insert").await.unwrap();
    assert_eq!(register(&over, "").await.unwrap_err().code, StatusCode::RuntimeError);
}

#[tokio::test]
async fn tables_are_described_once() {
    let world = World::new("").await;
    let describe = async |text: &str| define_tables(&world.store, "scalar", text).await;
    assert_eq!(describe(ORDERS).await.unwrap(), ["shop.orders"]);
    assert_eq!(describe(ORDERS).await.unwrap(), ["shop.orders"]);
    for (text, code) in [
        (ORDERS.replace("\"INT\"", "\"BIGINT\""), StatusCode::InvalidArgument),
        (ORDERS.replace("shop", "scalar_shop"), StatusCode::InvalidFunction),
        ("[]".to_owned(), StatusCode::InvalidArgument),
        (ORDERS.replace("TEXT", "STRING"), StatusCode::InvalidArgument),
    ] {
        assert_eq!(describe(&text).await.unwrap_err().code, code, "{text}");
    }
    let own = define_tables(&world.store, "shop", ORDERS).await.unwrap_err();
    assert!(own.message.contains("the Ledger's own"), "{own}");
}

const ORDERS: &str = r#"{"shop.orders": {"transaction": true, "partition-key": ["who"],
    "columns": {"who": "TEXT", "count": "INT", "note": "TEXT"}}}"#;

/// A Ledger with the table `shop.orders` and the functions of these tests.
async fn prepared(properties: &str) -> World {
    let world = World::new(properties).await;
    define_tables(&world.store, "scalar", ORDERS).await.unwrap();
    for name in ["Insert", "Refuse"] {
        register(&world, name).await.unwrap();
    }
    world
}

/// Adds to the asset `a`, then runs the functions; gives both results.
async fn run(world: &World, functions: &[&str], namespace: &str) -> Result<(String, String)> {
    let nonce = world.nonce();
    let argument = json!({ "namespace": namespace, "table": "orders", "who": "bob" });
    let request = ContractExecutionRequest {
        function_argument: Value::to_string(&argument),
        ..request("Add", &json!({ "id": "a" }), &nonce, "", functions)
    };
    let answer = world.ledger.execute(request).await?;
    Ok((answer.contract_result, answer.function_result))
}

async fn register(world: &World, name: &str) -> Result<()> {
    let request = FunctionRegistrationRequest {
        function_id: name.into(),
        function_binary_name: name.into(),
        function_byte_code: Bytes::from_static(b"code"),
    };
    world.ledger.register_function(request).await
}

fn signed_function(namespace: &str, name: &str) -> SignedFunctionRegistrationRequest {
    let mut request = SignedFunctionRegistrationRequest {
        function_id: name.into(),
        function_binary_name: name.into(),
        function_byte_code: Bytes::from_static(b"code"),
        context_namespace: namespace.into(),
        entity_id: "alice".into(),
        key_version: 1,
        ..Default::default()
    };
    request.signature = sign(&request);
    request
}
