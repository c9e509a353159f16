//! Somebody lies: each lie has its code, and the assets stay locked.

use trustkeep_scalar_rpc::Result;
use trustkeep_scalar_rpc::messages::{AssetProof, ContractExecutionRequest};
use trustkeep_store::{Commit, Key, Row, Value};

use crate::testing::{Lie, World, key, refused, signed};

/// Orders and executes a move from `a` to `b`, both there already.
async fn moved(world: &World) -> Result<(ContractExecutionRequest, Vec<AssetProof>)> {
    for id in ["a", "b", "c"] {
        world.run("put", &format!("put-{id}"), &format!(r#"{{"id":"{id}","v":5}}"#)).await?;
    }
    let request = world.order(&world.request("move", "n", r#"{"from":"a","to":"b"}"#)).await?;
    let proofs = world.execute(&request)?;
    Ok((request, proofs))
}

/// What is done to the Ledger's proofs on their way.
type Told<'a> = &'a dyn Fn(&mut Vec<AssetProof>);

#[tokio::test(flavor = "multi_thread")]
async fn every_proof_that_is_not_what_follows_is_refused() -> Result<()> {
    let world = World::new().await;
    let (request, proofs) = moved(&world).await?;
    let another = world.another().await;
    let lies: [(&str, Told); 12] = [
        ("DL-AUDITOR-305004", &|proofs| proofs[0].hash = vec![1; 32].into()),
        ("DL-AUDITOR-305008", &|proofs| proofs[0].age = 7),
        ("DL-AUDITOR-305008", &|proofs| proofs[0].prev_hash = vec![1; 32].into()),
        ("DL-AUDITOR-305008", &|proofs| proofs[0].prev_hash = Default::default()),
        ("DL-AUDITOR-305008", &|proofs| proofs[1].input = "{}".into()),
        ("DL-AUDITOR-305006", &|proofs| proofs[0].nonce = "other".into()),
        ("DL-AUDITOR-305006", &|proofs| proofs[0].asset_id = "c".into()),
        ("DL-AUDITOR-305006", &|proofs| proofs[0].namespace = "ns".into()),
        ("DL-AUDITOR-305002", &|proofs| drop(proofs.pop())),
        ("DL-AUDITOR-305002", &|proofs| proofs.clear()),
        ("DL-AUDITOR-305006", &|proofs| proofs.push(proofs[0].clone())),
        ("DL-AUDITOR-305006", &|proofs| {
            let other = AssetProof { asset_id: "c".into(), ..proofs[0].clone() };
            proofs.push(other);
        }),
    ];
    for (message, lie) in lies {
        let mut told = proofs.clone();
        lie(&mut told);
        // Not even signed by the Ledger, unless it is only left out.
        if told.iter().any(|proof| !proofs.contains(proof)) {
            refused(world.validate(&request, told.clone()).await, "DL-COMMON-400004");
        }
        let told: Vec<_> = told.into_iter().map(signed).collect();
        refused(world.validate(&request, told.clone()).await, message);
        refused(another.validate(&request, told).await, message);
        assert_eq!((world.lock("a").await, world.lock("b").await), ((Some(0), 1), (Some(0), 1)));
    }
    // Old clients leave `default` out and any order is taken; the truth is not late.
    let told: Vec<_> =
        proofs.into_iter().rev().map(|proof| AssetProof { namespace: String::new(), ..proof }).collect();
    world.validate(&request, told).await?;
    assert_eq!((world.lock("a").await, world.lock("b").await), ((Some(1), 0), (Some(1), 0)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_executes_something_else_is_found() -> Result<()> {
    let world = World::new().await;
    for (nonce, id) in [("n1", "a"), ("n2", "b")] {
        world.run("put", nonce, &format!(r#"{{"id":"{id}","v":5}}"#)).await?;
    }
    let request = world.order(&world.request("put", "n", r#"{"id":"a","v":6,"from":"a","to":"b"}"#)).await?;
    world.ledger.lie(Lie::OtherContract);
    let proofs = world.execute(&request)?;
    refused(world.validate(&request, proofs).await, "DL-AUDITOR-305006");
    // The Ledger has committed what it should not have: nobody gets past that.
    world.wait();
    refused(world.order(&world.request("get", "m", r#"{"id":"a"}"#)).await, "DL-AUDITOR-305008");
    refused(world.order(&world.request("get", "m", r#"{"id":"a"}"#)).await, "DL-AUDITOR-305008");
    assert_eq!(world.lock("a").await, (Some(0), 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_went_back_or_was_changed_is_found_at_the_next_access() -> Result<()> {
    let world = World::new().await;
    for id in ["a", "b", "c", "d"] {
        for v in 0..2 {
            world.run("put", &format!("{id}{v}"), &format!(r#"{{"id":"{id}","v":{v}}}"#)).await?;
        }
    }
    world.ledger.roll_back(&key("a"));
    refused(world.run("get", "n1", r#"{"id":"a"}"#).await, "DL-AUDITOR-305008");
    world.ledger.roll_back(&key("b"));
    refused(world.run("put", "n2", r#"{"id":"b","v":9}"#).await, "DL-AUDITOR-305008");
    // Equal age, other content.
    world.ledger.change(&key("c"), 1, |row| {
        row.output = r#"{"v":1000}"#.into();
        row.hash = row.computed_hash("c");
    });
    refused(world.run("get", "n3", r#"{"id":"c"}"#).await, "DL-AUDITOR-305004");
    refused(world.run("put", "n4", r#"{"id":"c","v":9}"#).await, "DL-AUDITOR-504002");
    world.run("put", "n5", r#"{"id":"d","v":9}"#).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_rows_and_locks_are_not_trusted_either() -> Result<()> {
    let world = World::new().await;
    for id in ["a", "b", "c", "d", "e"] {
        for v in 0..3 {
            world.run("put", &format!("{id}{v}"), &format!(r#"{{"id":"{id}","v":{v}}}"#)).await?;
        }
    }
    let asset = |id: &str, age: i64| Key::of(id).at(age);
    let tables = crate::tables::namespace_tables("auditor", "default")?;
    let (assets, locks) = (&tables[0], &tables[1]);
    let change = async |table, key: &Key, column: usize, value: Value| {
        let record = world.store.get(table, key).await.unwrap().unwrap();
        let mut values = record.row.values().to_vec();
        values[column] = Some(value);
        world.store.commit(Commit::new().put(table, key.clone(), Row::new(values))).await.unwrap();
    };
    // The latest row, an old one, a row less.
    change(assets, &asset("a", 2), 4, r#"{"v":9}"#.into()).await;
    refused(world.run("get", "m1", r#"{"id":"a"}"#).await, "DL-AUDITOR-305004");
    change(assets, &asset("b", 1), 1, "V2\u{1}x\u{3}\u{3}{}".into()).await;
    refused(world.run("scan", "m2", r#"{"id":"b"}"#).await, "DL-AUDITOR-305004");
    world.store.commit(Commit::new().delete(assets, asset("c", 1))).await.unwrap();
    refused(world.run("scan", "m3", r#"{"id":"c"}"#).await, "DL-AUDITOR-305007");
    world.store.commit(Commit::new().delete(assets, asset("c", 2))).await.unwrap();
    refused(world.run("get", "m4", r#"{"id":"c"}"#).await, "DL-AUDITOR-305007");
    // A lock that counts less, and one that is gone.
    change(locks, &Key::of("d"), 0, Value::Int(1)).await;
    refused(world.run("put", "m5", r#"{"id":"d","v":9}"#).await, "DL-AUDITOR-305008");
    world.store.commit(Commit::new().delete(locks, Key::of("e"))).await.unwrap();
    refused(world.run("get", "m6", r#"{"id":"e"}"#).await, "DL-AUDITOR-305005");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_or_a_request_proof_that_was_touched_meanwhile_is_found() -> Result<()> {
    let world = World::new().await;
    let tables = crate::tables::namespace_tables("auditor", "default")?;
    let proofs_table = crate::tables::request_proof("auditor")?;
    for (index, message) in
        ["DL-AUDITOR-305005", "DL-AUDITOR-305008", "DL-AUDITOR-305003", "DL-AUDITOR-305001"]
            .into_iter()
            .enumerate()
    {
        let (id, nonce) = (format!("a{index}"), format!("n{index}"));
        world.run("put", &format!("first-{index}"), &format!(r#"{{"id":"{id}","v":0}}"#)).await?;
        let request = world.request("put", &nonce, &format!(r#"{{"id":"{id}","v":1}}"#));
        let request = world.order(&request).await?;
        let proofs = world.execute(&request)?;
        let (table, place) = match index {
            0 | 1 => (&tables[1], Key::of(id.as_str())),
            _ => (&proofs_table, Key::of(nonce.as_str())),
        };
        let record = world.store.get(table, &place).await.unwrap().unwrap();
        let mut values = record.row.values().to_vec();
        values[0] = Some(match index {
            1 => Value::Int(5),
            _ => Value::from("other"),
        });
        let commit = match index {
            0 | 2 => Commit::new().delete(table, place),
            _ => Commit::new().put(table, place, Row::new(values)),
        };
        world.store.commit(commit).await.unwrap();
        refused(world.validate(&request, proofs.clone()).await, message);
        refused(world.another().await.validate(&request, proofs).await, message);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_differs_from_what_was_ordered_is_refused() -> Result<()> {
    let world = World::new().await;
    let ordered = world.order(&world.request("put", "n", r#"{"id":"a","v":1}"#)).await?;
    let mut other = world.request("put", "n", r#"{"id":"a","v":2}"#);
    other.auditor_signature = ordered.auditor_signature.clone();
    let proofs = world.execute(&other)?;
    refused(world.validate(&other, proofs.clone()).await, "DL-AUDITOR-305001");
    refused(world.validate(&ordered, proofs).await, "DL-AUDITOR-305004");
    let unknown = world.request("put", "m", r#"{"id":"b","v":2}"#);
    let auditor_signature = crate::testing::sign_as_server(b"m");
    let unknown = ContractExecutionRequest { auditor_signature, ..unknown };
    refused(world.validate(&unknown, vec![]).await, "DL-AUDITOR-305003");
    Ok(())
}
