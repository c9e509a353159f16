//! From one seal to another, with crashes between.

use serde_json::json;
use trustkeep_e2e::{Client, Gate, Server, run};

use super::{awskms, becomes_unsealed, initialize, moto, shares, start};

/// Gives shares; the last answer must tell whether the vault is open then.
async fn give(client: &Client, keys: &[String], options: (bool, bool), opens: bool) {
    let mut sealed = json!(true);
    for key in keys {
        let body = json!({ "key": key, "migrate": options.0, "break_glass": options.1 });
        let answer = client.post("sys/unseal", body).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        sealed = answer.at("/sealed").clone();
    }
    assert_eq!(sealed, json!(!opens));
}

/// Ends the server as a crash would and starts it with other seals.
async fn crash_and_start(mut server: Server, dir: &std::path::Path, seals: &str) -> Server {
    server.crash().await.unwrap();
    let token = server.token.clone();
    let mut server = start(dir, seals).await;
    server.token = token;
    server
}

async fn is_there(server: &Server) {
    let answer = server.client().get("cubbyhole/a").await.unwrap();
    assert_eq!(answer.at("/data/b"), &json!(1), "{answer:?}");
}

#[tokio::test]
async fn key_shares_to_a_service_to_another_and_back() {
    let Some(moto) = moto().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (moto.new_key().await.unwrap(), moto.new_key().await.unwrap());
    let gates = (Gate::before(moto.address()).await.unwrap(), Gate::before(moto.address()).await.unwrap());
    let mut server = start(dir.path(), "").await;
    let made = initialize(&mut server, json!({ "secret_shares": 3, "secret_threshold": 2 })).await;
    let keys = shares(&made, "/keys_base64");
    give(&server.client(), &keys[..2], (false, false), true).await;
    server.client().post("cubbyhole/a", json!({ "b": 1 })).await.unwrap();

    // A crash amid the shares leaves the old seal.
    let to_first = awskms(&gates.0.address, &first, "");
    let server = crash_and_start(server, dir.path(), &to_first).await;
    give(&server.client(), &keys[..1], (true, false), false).await;
    let server = crash_and_start(server, dir.path(), &to_first).await;
    let status = server.client().get("sys/seal-status").await.unwrap();
    assert_eq!((status.at("/migration"), status.at("/progress")), (&json!(true), &json!(0)), "{status:?}");
    // A service that fails meanwhile, too.
    gates.0.close();
    server.client().post("sys/unseal", json!({ "key": keys[0], "migrate": true })).await.unwrap();
    let failed =
        server.client().post("sys/unseal", json!({ "key": keys[1], "migrate": true })).await.unwrap();
    assert_eq!(failed.status, 400, "{failed:?}");
    let server = crash_and_start(server, dir.path(), "").await;
    give(&server.client(), &keys[..2], (false, false), true).await;
    is_there(&server).await;
    gates.0.open();
    let server = crash_and_start(server, dir.path(), &to_first).await;
    give(&server.client(), &keys[..2], (true, false), true).await;
    is_there(&server).await;

    let server = crash_and_start(server, dir.path(), &to_first).await;
    becomes_unsealed(&server.client()).await;
    is_there(&server).await;
    let both = to_first.replace("\n}", "\n  disabled = true\n}") + &awskms(&gates.1.address, &second, "");
    let server = crash_and_start(server, dir.path(), &both).await;
    let refused = server.client().post("sys/unseal", json!({ "key": keys[0] })).await.unwrap();
    assert_eq!(refused.at("/errors/0"), "migrate option not provided and seal migration is pending");
    // By the command line, as an operator does it.
    for key in &keys[1..] {
        let arguments = ["vault", "operator", "unseal", "-migrate", key.as_str()];
        let done =
            run(trustkeep_e2e::program(), &arguments, &[("VAULT_ADDR", &server.address)]).await.unwrap();
        assert_eq!(done.code, 0, "{done:?}");
    }
    is_there(&server).await;
    gates.0.close();
    let second_alone = awskms(&gates.1.address, &second, "");
    let server = crash_and_start(server, dir.path(), &second_alone).await;
    becomes_unsealed(&server.client()).await;

    let away = awskms(&gates.1.address, &second, "disabled = true");
    let server = crash_and_start(server, dir.path(), &away).await;
    give(&server.client(), &keys[..2], (true, false), true).await;
    gates.1.close();
    let server = crash_and_start(server, dir.path(), "").await;
    give(&server.client(), &keys[1..], (false, false), true).await;
    is_there(&server).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn break_glass_shares_survive_the_loss_of_the_service() {
    let Some(moto) = moto().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let seal = awskms(moto.address(), &moto.new_key().await.unwrap(), "");
    let mut server = start(dir.path(), &seal).await;
    let fields = json!({
        "recovery_shares": 1, "recovery_threshold": 1, "break_glass_shares": 3, "break_glass_threshold": 2,
    });
    let made = initialize(&mut server, fields).await;
    let glass = shares(&made, "/break_glass_keys_base64");
    server.client().post("cubbyhole/a", json!({ "b": 1 })).await.unwrap();
    drop(moto);

    let server = crash_and_start(server, dir.path(), &seal).await;
    give(&server.client(), &glass[..2], (false, true), true).await;
    is_there(&server).await;
    // For good: to key shares, with nothing of the service left in the configuration.
    let server = crash_and_start(server, dir.path(), "").await;
    give(&server.client(), &glass[..1], (true, true), false).await;
    let server = crash_and_start(server, dir.path(), "").await;
    give(&server.client(), &glass[1..], (true, true), true).await;
    let server = crash_and_start(server, dir.path(), "").await;
    give(&server.client(), &glass[..2], (false, false), true).await;
    is_there(&server).await;
    server.stop().await.unwrap();
}
