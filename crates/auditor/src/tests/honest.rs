//! Everybody is honest: results, ages, locks, repeated and concurrent requests.

use trustkeep_scalar_rpc::Result;
use trustkeep_scalar_rpc::messages::ContractExecutionRequest;

use crate::testing::{World, key, refused};

#[tokio::test(flavor = "multi_thread")]
async fn both_domains_come_to_the_same_rows() -> Result<()> {
    let world = World::new().await;
    world.run("put", "n1", r#"{"id":"a","v":5}"#).await?;
    world.run("put", "n2", r#"{"id":"a","v":6}"#).await?;
    let answer = world.run("get", "n3", r#"{"id":"a"}"#).await?;
    assert_eq!(answer.contract_result, r#"{"v":6}"#);
    let [proof] = answer.proofs.as_slice() else { panic!("{:?}", answer.proofs) };
    assert_eq!((proof.age, proof.nonce.as_str(), proof.input.as_str()), (1, "n2", r#"{"a":{"age":0}}"#));

    let answer = world.run("move", "n4", r#"{"from":"a","to":"b"}"#).await?;
    let proved: Vec<_> = answer.proofs.iter().map(|proof| (proof.asset_id.as_str(), proof.age)).collect();
    assert_eq!(proved, [("a", 2), ("b", 0)]);
    assert_eq!(world.run("scan", "n5", r#"{"id":"a"}"#).await?.contract_result, "[2,1,0]");
    assert_eq!(world.run("get", "n6", r#"{"id":"nothing"}"#).await?.proofs, []);

    assert_eq!((world.lock("a").await, world.lock("b").await), ((Some(2), 0), (Some(0), 0)));
    assert_eq!(world.lock("nothing").await, (None, 0));
    assert!(world.auditor.books.lock(&key("nothing")).await?.version.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validation_whose_answer_was_lost_is_answered_again() -> Result<()> {
    let world = World::new().await;
    world.run("put", "n0", r#"{"id":"a","v":1}"#).await?;
    for (nonce, contract, argument) in [("n1", "put", r#"{"id":"a","v":2}"#), ("n2", "get", r#"{"id":"a"}"#)]
    {
        let request = world.order(&world.request(contract, nonce, argument)).await?;
        let proofs = world.execute(&request)?;
        let first = world.validate(&request, proofs.clone()).await?;
        world.run("put", &format!("{nonce}-later"), r#"{"id":"a","v":3}"#).await?;
        assert_eq!(world.validate(&request, proofs.clone()).await?, first);
        // So does another process, which has nothing in memory.
        assert_eq!(world.another().await.validate(&request, proofs).await?, first);
    }
    assert_eq!(world.lock("a").await, (Some(3), 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_process_validates_what_another_one_ordered() -> Result<()> {
    let world = World::new().await;
    world.run("put", "n0", r#"{"id":"a","v":1}"#).await?;
    let request = world.order(&world.request("move", "n1", r#"{"from":"a","to":"b"}"#)).await?;
    let proofs = world.execute(&request)?;
    let another = world.another().await;
    let answer = another.validate(&request, proofs).await?;
    assert_eq!(answer.proofs.len(), 2);
    assert_eq!((world.lock("a").await, world.lock("b").await), ((Some(1), 0), (Some(0), 0)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_share_and_writers_wait() -> Result<()> {
    let world = World::new().await;
    world.run("put", "n0", r#"{"id":"a","v":1}"#).await?;
    let (get, put) = (r#"{"id":"a"}"#, r#"{"id":"a","v":2}"#);
    let first = world.order(&world.request("get", "r1", get)).await?;
    let second = world.order(&world.request("get", "r2", get)).await?;
    assert_eq!(world.lock("a").await, (Some(0), 2));
    refused(world.order(&world.request("put", "w1", put)).await, "DL-AUDITOR-504002");
    for reader in [first, second] {
        let proofs = world.execute(&reader)?;
        world.validate(&reader, proofs).await?;
    }
    let writer = world.order(&world.request("put", "w2", put)).await?;
    for contract in ["get", "put"] {
        refused(world.order(&world.request(contract, "x", put)).await, "DL-AUDITOR-504001");
    }
    let proofs = world.execute(&writer)?;
    world.validate(&writer, proofs).await?;
    // A refused order left nothing behind, its nonce is free.
    world.run("get", "x", get).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_is_ordered_once() -> Result<()> {
    let world = World::new().await;
    let request = world.request("put", "n1", r#"{"id":"a","v":1}"#);
    let ordered = world.order(&request).await?;
    refused(world.order(&request).await, "DL-AUDITOR-304001");
    let proofs = world.execute(&ordered)?;
    world.validate(&ordered, proofs).await?;
    refused(world.order(&request).await, "DL-AUDITOR-304001");
    let other = world.request("get", "n1", r#"{"id":"b"}"#);
    refused(world.another().await.order(&other).await, "DL-AUDITOR-304001");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_ask_is_refused_before_anything_is_locked() -> Result<()> {
    let world = World::new().await;
    let good = world.request("put", "n", r#"{"id":"a","v":1}"#);
    let forged = ContractExecutionRequest { signature: vec![7; 32].into(), ..good.clone() };
    refused(world.order(&forged).await, "DL-COMMON-400003");
    let stranger = ContractExecutionRequest { entity_id: "bob".into(), ..good.clone() };
    refused(world.order(&stranger).await, "DL-COMMON-415001");
    refused(world.order(&world.request("unknown", "n", "{}")).await, "DL-COMMON-404001");
    refused(world.order(&world.request("refuse", "n", "{}")).await, "no");
    let differing = ContractExecutionRequest { nonce: "m".into(), ..good.clone() };
    refused(world.order(&differing).await, "The field nonce differs");
    assert_eq!(world.lock("a").await, (None, 0));

    let ordered = world.order(&good).await?;
    let proofs = world.execute(&ordered)?;
    let unsigned = ContractExecutionRequest { auditor_signature: vec![7; 32].into(), ..ordered.clone() };
    refused(world.validate(&unsigned, proofs.clone()).await, "DL-COMMON-400003");
    world.validate(&ordered, proofs).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_come_to_the_right_sum() -> Result<()> {
    let world = std::sync::Arc::new(World::new().await);
    for id in ["a", "b", "c"] {
        world.run("put", id, &format!(r#"{{"id":"{id}","v":0}}"#)).await?;
    }
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..6 {
        let world = world.clone();
        tasks.spawn(async move {
            let mut moved = 0;
            for turn in 0..20 {
                let (from, to) = [("a", "b"), ("b", "c"), ("c", "a")][(worker + turn) % 3];
                let argument = format!(r#"{{"from":"{from}","to":"{to}"}}"#);
                for attempt in 0.. {
                    let nonce = format!("{worker}-{turn}-{attempt}");
                    match world.run("move", &nonce, &argument).await {
                        Ok(_) => {
                            moved += 1;
                            break;
                        }
                        Err(error) => assert_eq!(error.code.number(), 504, "{error}"),
                    }
                    tokio::task::yield_now().await;
                }
            }
            moved
        });
    }
    let moved: usize = tasks.join_all().await.into_iter().sum();
    let mut ages = 0;
    for id in ["a", "b", "c"] {
        let (age, holders) = world.lock(id).await;
        assert_eq!(holders, 0);
        ages += age.unwrap_or(0);
    }
    assert_eq!((moved, ages), (120, 240));
    Ok(())
}
