//! Revocations that were acknowledged are carried out, whatever `kill -9` cuts off.

use std::time::Duration;

use serde_json::json;
use trustkeep_e2e::{Client, Server};

const LEASES: usize = 300;
const ROUNDS: usize = 4;
/// The sweeper's rounds are five seconds apart.
const PATIENCE: Duration = Duration::from_secs(60);

/// A token with leases and children, and another prefix of leases.
async fn give(client: &Client) -> (String, Vec<String>) {
    let made = client.post("auth/token/create", json!({ "policies": ["root"], "ttl": "1h" })).await.unwrap();
    let token = made.at("/auth/client_token").as_str().unwrap().to_owned();
    let own = client.with_token(Some(&token));
    let mut tokens = vec![token.clone()];
    for _ in 0..20 {
        let child = own.post("auth/token/create", json!({ "policies": ["default"] })).await.unwrap();
        tokens.push(child.at("/auth/client_token").as_str().unwrap().to_owned());
    }
    for number in 0..LEASES {
        let path = if number % 2 == 0 { "leased/of-token" } else { "leased/prefix/of-root" };
        let reader = if number % 2 == 0 { &own } else { client };
        let read = reader.get(path).await.unwrap();
        assert!(read.at("/lease_id").as_str().is_some_and(|id| !id.is_empty()), "{read:?}");
    }
    (token, tokens)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_the_middle_of_a_revocation_leaves_nothing_alive() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    for round in 0..ROUNDS {
        let mut server = Server::dev(&data).await.unwrap();
        let client = server.client();
        if round == 0 {
            let mount = json!({ "type": "kv", "options": { "version": "1", "leased_passthrough": "true" } });
            assert!(!client.post("sys/mounts/leased", mount).await.unwrap().is_error());
            for path in ["leased/of-token", "leased/prefix/of-root"] {
                client.post(path, json!({ "k": "v", "ttl": "1h" })).await.unwrap();
            }
        }
        let (token, tokens) = give(&client).await;
        let later =
            client.post("sys/leases/revoke-prefix/leased/prefix", json!({ "sync": false })).await.unwrap();
        assert_eq!(later.status, 202, "{later:?}");
        // Its tree and its leases are cut off at another point each time; it is marked first.
        let revoking = tokio::spawn({
            let (client, token) = (client.clone(), token.clone());
            async move { client.post("auth/token/revoke", json!({ "token": token })).await }
        });
        let of_token = client.with_token(Some(&token));
        while of_token.get("auth/token/lookup-self").await.is_ok_and(|answer| answer.status == 200) {}
        server.crash().await.unwrap();
        drop(revoking.await);
        let server = Server::dev(&data).await.unwrap();
        let client = server.client();
        let until = tokio::time::Instant::now() + PATIENCE;
        let mut rounds = tokio::time::interval(Duration::from_millis(100));
        loop {
            rounds.tick().await;
            let mut leases = Vec::new();
            for prefix in ["leased/of-token", "leased/prefix/of-root"] {
                let listed = client.send("LIST", &format!("sys/leases/lookup/{prefix}"), None).await.unwrap();
                if listed.status != 404 {
                    leases.push(listed);
                }
            }
            let mut alive = 0;
            for token in &tokens {
                let own = client.with_token(Some(token));
                alive += usize::from(own.get("auth/token/lookup-self").await.unwrap().status == 200);
            }
            if leases.is_empty() && alive == 0 {
                break;
            }
            assert!(tokio::time::Instant::now() < until, "{alive} tokens are alive; leases: {leases:?}");
        }
        server.stop().await.unwrap();
    }
}
