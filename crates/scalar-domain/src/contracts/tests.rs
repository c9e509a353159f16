//! Contracts from registration to execution, on a store in memory.

use trustkeep_crypto::SecretString;
use trustkeep_scalar_rpc::identity::{HmacKey, Signer as _};

use super::*;
use crate::execution::{self, AssetReader, Call};
use crate::testing::World;

fn signed(request: ContractRegistrationRequest) -> ContractRegistrationRequest {
    let key = HmacKey::new(&SecretString::from("secret"));
    let signature = key.sign(&request.signing_bytes()).unwrap().into();
    ContractRegistrationRequest { signature, ..request }
}

fn plain(id: &str, binary_name: &str, bytes: &'static [u8]) -> ContractRegistrationRequest {
    ContractRegistrationRequest {
        contract_id: id.into(),
        contract_binary_name: binary_name.into(),
        contract_byte_code: Bytes::from_static(bytes),
        entity_id: "alice".into(),
        key_version: 1,
        ..Default::default()
    }
}

fn registration(id: &str, binary_name: &str, bytes: &'static [u8]) -> ContractRegistrationRequest {
    signed(plain(id, binary_name, bytes))
}

async fn world() -> World {
    let world = World::new(World::hmac()).await.unwrap();
    for name in ["alice", "bob"] {
        world.identities.register_secret("default", name, 1, &SecretString::from("secret")).await.unwrap();
    }
    world
}

fn alice() -> ClientIdentityKey {
    ClientIdentityKey { entity_id: "alice".into(), key_version: 1 }
}

#[tokio::test]
async fn each_refusal_has_the_originals_number() -> Result<()> {
    let world = world().await;
    let contracts = world.contracts(None);
    contracts.register(&registration("c", "org.C", b"bytes")).await?;
    let mut unsigned = registration("d", "org.D", b"bytes");
    unsigned.contract_properties = "{}".into();
    let unknown = ContractRegistrationRequest { entity_id: "carol".into(), ..plain("d", "org.D", b"bytes") };
    for (request, message) in [
        (
            registration("c", "org.C", b"bytes"),
            "DL-COMMON-406001: The specified contract is already registered.",
        ),
        (unsigned, "DL-COMMON-400003"),
        (signed(unknown), "DL-COMMON-415001"),
        (
            registration("d", "org.D", b"!bytes"),
            "DL-COMMON-402001: Loading the contract failed. Details: damaged",
        ),
        (registration("d", "org.C", b"other"), "DL-COMMON-406002"),
        (
            registration("", "org.C", b"bytes"),
            "DL-COMMON-502003: The required fields are not specified. Field: contract_id",
        ),
        (registration("a/b", "org.C", b"bytes"), "contract_id must not contain '/'"),
        (registration("d", "", b"bytes"), "DL-COMMON-502003"),
        (
            registration("d", "org.D", b""),
            "DL-COMMON-502003: The required fields are not specified. Field: contract_byte_code",
        ),
    ] {
        let error = contracts.register(&request).await.unwrap_err();
        assert!(error.message.starts_with(message), "{error}");
    }
    let large = ContractRegistrationRequest {
        contract_byte_code: vec![b'x'; CLASS_BYTES_MAX + 1].into(),
        ..plain("d", "org.D", b"")
    };
    let error = contracts.register(&signed(large)).await.unwrap_err();
    assert!(
        error.code == StatusCode::InvalidArgument && error.message.contains("contract_byte_code"),
        "{error}"
    );
    let strict = world.contracts(Some(BTreeSet::from(["org.C".to_owned()])));
    let error = strict.register(&registration("e", "org.E", b"bytes")).await.unwrap_err();
    assert!(error.message.starts_with("DL-LEDGER-407001"), "{error}");
    // The same class under another id, and the class of a name that was refused before.
    contracts.register(&registration("d", "org.C", b"bytes")).await?;
    contracts.register(&registration("e", "org.D", b"bytes")).await
}

#[tokio::test]
async fn the_listing_is_the_originals() -> Result<()> {
    let world = world().await;
    let contracts = world.contracts(None);
    let list = |contract_id: &str| {
        let request = ContractsListingRequest {
            contract_id: contract_id.into(),
            entity_id: "alice".into(),
            key_version: 1,
            ..Default::default()
        };
        let key = HmacKey::new(&SecretString::from("secret"));
        ContractsListingRequest { signature: key.sign(&request.signing_bytes()).unwrap().into(), ..request }
    };
    assert_eq!(contracts.list(&list("")).await?, "{}");
    let first = registration("b", "org.B", b"bytes");
    contracts.register(&first).await?;
    let with_properties = ContractRegistrationRequest {
        contract_properties: r#"{"x":1}"#.into(),
        ..plain("a", "org.B", b"bytes")
    };
    let second = signed(with_properties);
    contracts.register(&second).await?;
    let entry = |request: &ContractRegistrationRequest| {
        use base64::Engine as _;
        format!(
            r#"{{"contract_name":"org.B","entity_id":"alice","cert_version":1,"contract_properties":{},"registered_at":1700000000000,"signature":"{}"}}"#,
            serde_json::Value::from(request.contract_properties.as_str()),
            base64::engine::general_purpose::STANDARD.encode(&request.signature),
        )
    };
    let both = format!(r#"{{"a":{},"b":{}}}"#, entry(&second), entry(&first));
    assert_eq!(contracts.list(&list("")).await?, both);
    assert_eq!(contracts.list(&list("b")).await?, format!(r#"{{"b":{}}}"#, entry(&first)));
    assert_eq!(contracts.list(&list("z")).await?, "{}");
    let mut forged = list("");
    forged.contract_id = "b".into();
    assert_eq!(contracts.list(&forged).await.unwrap_err().code, StatusCode::InvalidSignature);
    Ok(())
}

#[tokio::test]
async fn a_contract_that_was_changed_behind_the_servers_back_is_found() -> Result<()> {
    let world = world().await;
    let large: &'static [u8] = Box::leak(vec![b'x'; 600 << 10].into_boxed_slice());
    world.contracts(None).register(&registration("c", "org.C", large)).await?;
    let owner = alice();
    let loaded = world.contracts(None).prepare("default", &owner, "c").await?;
    assert!(loaded.properties.is_none());
    let tables = Tables::of("scalar", "default")?;
    let key = contract_key("alice", 1, "c");
    let honest = world.store.get(&tables.contract, &key).await.unwrap().unwrap();
    for (column, value) in [
        (0, Value::from("org.D")),
        (1, Value::from("{}")),
        (3, Value::from(vec![1, 2, 3])),
        (4, Value::from(vec![0; 32])),
    ] {
        let mut values = honest.row.values().to_vec();
        values[column] = Some(value);
        world.store.commit(Commit::new().put(&tables.contract, key.clone(), Row::new(values))).await.unwrap();
        let error = world.contracts(None).prepare("default", &owner, "c").await.err().unwrap();
        assert!(error.message.starts_with("DL-COMMON-302002"), "{error}");
    }
    world.store.commit(Commit::new().put(&tables.contract, key, honest.row.clone())).await.unwrap();
    let contracts = world.contracts(None);
    contracts.prepare("default", &owner, "c").await?;

    // A piece of the byte code: the third, so that all of them were read.
    let pieces =
        world.store.scan(&tables.contract_class, &Scan::partition("org.C", 10)).await.unwrap().records;
    assert_eq!(pieces.len(), 4);
    let changed = Row::new(vec![None, None, Some(Value::from(vec![b'y'; 88 << 10]))]);
    let commit = Commit::new().put(&tables.contract_class, pieces[2].key.clone(), changed);
    world.store.commit(commit).await.unwrap();
    let error = world.contracts(None).prepare("default", &owner, "c").await.err().unwrap();
    assert!(error.message.starts_with("DL-COMMON-302002"), "{error}");
    // What was verified is trusted for a while, not for ever.
    contracts.prepare("default", &owner, "c").await?;
    world.clock.advance(VERIFIED_FOR);
    assert!(contracts.prepare("default", &owner, "c").await.is_err());
    Ok(())
}

#[tokio::test]
async fn jvm_classes_of_one_name_may_differ() -> Result<()> {
    let world = world().await;
    let contracts = world.contracts(None);
    let first = registration("p", "com.scalar.Put", b"\xca\xfe\xba\xbe first");
    contracts.register(&first).await?;
    let second = ContractRegistrationRequest {
        entity_id: "bob".into(),
        ..plain("p", "com.scalar.Put", b"\xca\xfe\xba\xbe second")
    };
    contracts.register(&signed(second)).await?;
    for name in ["alice", "bob"] {
        let owner = ClientIdentityKey { entity_id: name.into(), key_version: 1 };
        world.contracts(None).prepare("default", &owner, "p").await?;
    }
    Ok(())
}

#[tokio::test]
async fn two_that_register_one_class_at_once_both_succeed() -> Result<()> {
    let world = world().await;
    let contracts = world.contracts(None);
    let requests = ["a", "b", "c", "d"].map(|id| registration(id, "org.C", b"bytes"));
    let registered =
        futures::future::join_all(requests.iter().map(|request| contracts.register(request))).await;
    registered.into_iter().collect()
}

#[tokio::test]
async fn contracts_are_a_source_for_threads_that_block() -> Result<()> {
    struct Nothing;
    impl AssetReader for Nothing {
        fn latest(&mut self, _: &crate::asset::AssetKey) -> Result<Option<crate::asset::AssetRow>> {
            Ok(None)
        }

        fn scan(
            &mut self,
            _: &crate::asset::AssetKey,
            _: &trustkeep_contract::AssetFilter,
        ) -> Result<Vec<crate::asset::AssetRow>> {
            Ok(vec![])
        }
    }
    let world = world().await;
    world.contracts(None).register(&registration("c", "org.C", b"bytes")).await?;
    let contracts = world.contracts(None);
    let run = move || {
        let call = Call { client: alice(), context_namespace: "default", contract_id: "c", argument: "{}" };
        execution::execute(&call, &contracts, &mut Nothing)
    };
    let outcome = tokio::task::spawn_blocking(run).await.unwrap()?;
    assert_eq!(outcome.result.as_deref(), Some("bytes"));
    Ok(())
}
