//! A vault that is sealed by another one's transit engine.

use serde_json::json;
use trustkeep_e2e::{Client, Gate, Server, eventually};

use super::{becomes_unsealed, initialize, shares, start};

const POLICY: &str = "path \"keys/encrypt/unseal\" { capabilities = [\"update\"] }\n\
                      path \"keys/decrypt/unseal\" { capabilities = [\"update\"] }";

/// A vault with a transit key, and a token that may use it for two seconds at a time.
async fn keeper(dir: &std::path::Path) -> (Server, String) {
    let mut server = start(dir, "").await;
    server.open().await.unwrap();
    let client = server.client();
    for (path, body) in [
        ("sys/mounts/keys", json!({ "type": "transit" })),
        ("keys/keys/unseal", json!({})),
        ("sys/policies/acl/unsealer", json!({ "policy": POLICY })),
    ] {
        let answer = client.post(path, body).await.unwrap();
        assert!(answer.status < 300, "{path}: {answer:?}");
    }
    let token =
        client.post("auth/token/create", json!({ "policies": ["unsealer"], "period": "3s" })).await.unwrap();
    (server, token.at("/auth/client_token").as_str().unwrap().to_owned())
}

fn seal(address: &str, token: &str, more: &str) -> String {
    format!(
        "seal \"transit\" {{\n  address = \"{address}\"\n  token = \"{token}\"\n  key_name = \"unseal\"\n  \
         mount_path = \"keys/\"\n  {more}\n}}\n"
    )
}

async fn lives(keeper: &Client, token: &str) -> bool {
    keeper.with_token(Some(token)).get("auth/token/lookup-self").await.unwrap().status == 200
}

#[tokio::test]
async fn another_vault_unseals_it_and_its_token_is_kept_alive() {
    let dirs = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (keeper, token) = keeper(dirs.0.path()).await;
    let gate = Gate::before(&keeper.address).await.unwrap();
    let stanza = seal(&gate.address, &token, "");
    let mut server = start(dirs.1.path(), &stanza).await;
    let made = initialize(&mut server, json!({ "recovery_shares": 1, "recovery_threshold": 1 })).await;
    server.client().post("cubbyhole/a", json!({ "b": 1 })).await.unwrap();
    // Longer than the token lives without being renewed.
    let began = tokio::time::Instant::now();
    eventually("six seconds", || async {
        assert!(lives(&keeper.client(), &token).await);
        Ok((began.elapsed().as_secs() >= 6).then_some(()))
    })
    .await
    .unwrap();
    gate.close();
    server.crash().await.unwrap();
    gate.open();
    let root = server.token.clone();
    let mut server = start(dirs.1.path(), &stanza).await;
    becomes_unsealed(&server.client()).await;
    server.token = root;
    assert_eq!(server.client().get("cubbyhole/a").await.unwrap().at("/data/b"), &json!(1));

    // The key's owner rotates it; what was sealed before opens.
    keeper.client().post("keys/keys/unseal/rotate", json!({})).await.unwrap();
    server.crash().await.unwrap();
    let server = start(dirs.1.path(), &stanza).await;
    becomes_unsealed(&server.client()).await;

    // Away from it, to key shares.
    let mut server = server;
    server.crash().await.unwrap();
    let server = start(dirs.1.path(), &seal(&gate.address, &token, "disabled = true")).await;
    let key = &shares(&made, "/recovery_keys")[0];
    let answer = server.client().post("sys/unseal", json!({ "key": key, "migrate": true })).await.unwrap();
    assert_eq!(answer.at("/sealed"), &json!(false), "{answer:?}");
    server.stop().await.unwrap();
    keeper.stop().await.unwrap();
}

#[tokio::test]
async fn what_the_other_vault_lacks_is_named() {
    let dirs = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (keeper, token) = keeper(dirs.0.path()).await;
    let client = keeper.client();
    let weak = client.post("auth/token/create", json!({ "policies": ["default"] })).await.unwrap();
    let weak = weak.at("/auth/client_token").as_str().unwrap().to_owned();
    let other = |from: &str, to: &str| seal(&keeper.address, &token, "").replace(from, to);
    for (stanza, words) in [
        (seal(&keeper.address, &weak, ""), "path \"keys/encrypt/unseal\" { capabilities = [\"update\"] }"),
        (seal(&keeper.address, "hvs.wrong", ""), "the token is missing, wrong or has ended"),
        (other("\"keys/\"", "\"none/\""), "no permission update on none/encrypt/unseal"),
    ] {
        let server = start(dirs.1.path(), &stanza).await;
        let body = json!({ "recovery_shares": 1, "recovery_threshold": 1 });
        let answer = server.client().post("sys/init", body).await.unwrap();
        assert_eq!(answer.status, 400, "{answer:?}");
        let said = answer.at("/errors/0").as_str().unwrap();
        assert!(said.contains(words), "{said}");
        assert!(!said.contains(&weak) && !server.log().contains(&token));
        server.stop().await.unwrap();
    }
    keeper.stop().await.unwrap();
}
