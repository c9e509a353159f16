//! Many clients at one time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use trustkeep_e2e::{Client, Server};

/// Reads the counter and writes its successor; whether that was in time.
async fn increment(client: &Client) -> bool {
    let read = client.get("secret/data/counter").await.unwrap();
    let version = read.at("/data/metadata/version").as_u64().unwrap();
    let count = read.at("/data/data/count").as_u64().unwrap();
    let body = json!({ "data": { "count": count + 1 }, "options": { "cas": version } });
    let written = client.post("secret/data/counter", body).await.unwrap();
    match written.status {
        200 => true,
        400 => {
            assert!(written.text.contains("check-and-set parameter did not match"), "{written:?}");
            false
        }
        _ => panic!("{written:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_and_set_loses_no_increment() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::dev(&dir.path().join("data")).await.unwrap();
    let first = json!({ "data": { "count": 0 }, "options": { "cas": 0 } });
    assert_eq!(server.client().post("secret/data/counter", first).await.unwrap().status, 200);
    let clients: Vec<_> = (0..16)
        .map(|_| {
            let client = server.client();
            tokio::spawn(async move {
                let mut successes = 0;
                for _ in 0..25 {
                    successes += u64::from(increment(&client).await);
                }
                successes
            })
        })
        .collect();
    let mut successes = 0;
    for client in clients {
        successes += client.await.unwrap();
    }
    assert!(successes >= 25, "somebody wins each round");
    let read = server.client().get("secret/data/counter").await.unwrap();
    assert_eq!(read.at("/data/data/count"), &json!(successes));
    assert_eq!(read.at("/data/metadata/version"), &json!(successes + 1));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_creates() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::dev(&dir.path().join("data")).await.unwrap();
    for round in 0..10 {
        let attempts: Vec<_> = (0..16)
            .map(|number| {
                let client = server.client();
                let body = json!({ "data": { "by": number }, "options": { "cas": 0 } });
                tokio::spawn(async move {
                    (number, client.post(&format!("secret/data/only/{round}"), body).await.unwrap().status)
                })
            })
            .collect();
        let mut winners = Vec::new();
        for attempt in attempts {
            let (number, status) = attempt.await.unwrap();
            assert!([200, 400].contains(&status), "{status}");
            winners.extend((status == 200).then_some(number));
        }
        assert_eq!(winners.len(), 1, "round {round}");
        let read = server.client().get(&format!("secret/data/only/{round}")).await.unwrap();
        assert_eq!(read.at("/data/data/by"), &json!(winners[0]));
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_does_nothing_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::dev(&dir.path().join("data")).await.unwrap();
    let root = server.client();
    let rules =
        json!({ "policy": "path \"secret/*\" { capabilities = [\"create\", \"update\", \"read\"] }" });
    assert_eq!(root.post("sys/policies/acl/user", rules).await.unwrap().status, 204);
    for round in 0..10 {
        let made = root.post("auth/token/create", json!({ "policies": ["user"] })).await.unwrap();
        let token = made.at("/auth/client_token").as_str().unwrap().to_owned();
        let (revoked, before) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let users: Vec<_> = (0..8)
            .map(|user| {
                let client = root.with_token(Some(&token));
                let (revoked, before) = (revoked.clone(), before.clone());
                tokio::spawn(async move { use_until_refused(&client, round, user, &revoked, &before).await })
            })
            .collect();
        while before.load(Ordering::SeqCst) < 20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(root.post("auth/token/revoke", json!({ "token": token })).await.unwrap().status, 204);
        revoked.store(true, Ordering::SeqCst);
        for user in users {
            user.await.unwrap();
        }
    }
    server.stop().await.unwrap();
}

/// Uses a token until it is refused: no request that begins after the revocation's answer may succeed.
async fn use_until_refused(
    client: &Client,
    round: usize,
    user: usize,
    revoked: &AtomicBool,
    before: &AtomicUsize,
) {
    for number in 0.. {
        let began_after = revoked.load(Ordering::SeqCst);
        let answer = if number % 2 == 0 {
            client
                .post(&format!("secret/data/{round}/{user}"), json!({ "data": { "n": number } }))
                .await
                .unwrap()
        } else {
            client.get(&format!("secret/data/{round}/{user}")).await.unwrap()
        };
        match answer.status {
            200 => {
                assert!(!began_after, "a request with the revoked token succeeded");
                before.fetch_add(1, Ordering::SeqCst);
            }
            403 => {
                assert_ne!(answer.at("/errors"), &Value::Null);
                return;
            }
            _ => panic!("{answer:?}"),
        }
    }
}
