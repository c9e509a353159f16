//! Many at once: what was answered adds up.

use std::sync::Arc;

use serde_json::json;
use trustkeep_scalar_rpc::StatusCode;

use super::World;

const CLIENTS: usize = 8;
const TURNS: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_update_is_lost_between_many_clients_of_several_ledgers() {
    let first = World::new("").await;
    let worlds = [Arc::new(first.again().await), Arc::new(first)];
    for account in 0..3 {
        worlds[0].execute("Add", json!({ "id": format!("a{account}"), "by": 100 })).await.unwrap();
    }
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let world = worlds[client % 2].clone();
        clients.push(tokio::spawn(async move {
            let (mut moved, mut conflicts) = ([0_i64; 3], 0);
            for turn in 0..TURNS {
                let (from, to) = ((client + turn) % 3, (client + turn * 2 + 1) % 3);
                if from == to {
                    continue;
                }
                let argument = json!({ "from": format!("a{from}"), "to": format!("a{to}"), "by": 7 });
                match world.execute("Move", argument).await {
                    Ok(_) => {
                        moved[from] -= 7;
                        moved[to] += 7;
                    }
                    Err(error) if error.code == StatusCode::Conflict => {
                        assert!(error.message.starts_with("DL-LEDGER-50400"), "{error}");
                        conflicts += 1;
                    }
                    Err(error) => assert_eq!(error.code, StatusCode::ContractContextualError, "{error}"),
                }
            }
            (moved, conflicts)
        }));
    }
    let (mut sums, mut conflicts) = ([100_i64; 3], 0);
    for client in clients {
        let (moved, met) = client.await.unwrap();
        conflicts += met;
        for (sum, part) in sums.iter_mut().zip(moved) {
            *sum += part;
        }
    }
    for (account, sum) in sums.iter().enumerate() {
        let id = format!("a{account}");
        let found = worlds[1].execute("Get", json!({ "id": id })).await.unwrap();
        assert_eq!(found.contract_result, json!({ "n": sum }).to_string(), "{conflicts} conflicts");
        assert_eq!(worlds[0].validate(&id, (0, 1 << 20)).await.unwrap().0, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_carry_one_nonce_one_commits() {
    let world = Arc::new(World::new("").await);
    let request = world.request("Add", json!({ "id": "a" }));
    let tries: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (world, request) = (world.clone(), request.clone());
            tokio::spawn(async move { world.ledger.execute(request).await })
        })
        .collect();
    let mut committed = 0;
    for one in tries {
        match one.await.unwrap() {
            Ok(_) => committed += 1,
            Err(error) => assert_eq!(error.code, StatusCode::Conflict, "{error}"),
        }
    }
    assert_eq!(committed, 1);
    assert_eq!(world.execute("Get", json!({ "id": "a" })).await.unwrap().contract_result, r#"{"n":1}"#);
}
