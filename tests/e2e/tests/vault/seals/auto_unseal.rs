//! A vault that unseals itself: at initialisation, at a start, once its service is back.

use serde_json::json;
use trustkeep_e2e::{Gate, eventually};

use super::{awskms, becomes_unsealed, initialize, moto, shares, start};

#[tokio::test]
async fn it_unseals_itself_at_initialisation_and_after_a_crash() {
    let Some(moto) = moto().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let seal = awskms(moto.address(), &moto.new_key().await.unwrap(), "");
    let mut server = start(dir.path(), &seal).await;
    let before = server.client().get("sys/seal-status").await.unwrap();
    assert_eq!((before.at("/type"), before.at("/recovery_seal")), (&json!("awskms"), &json!(true)));

    let wrong = server.client().post("sys/init", json!({ "secret_shares": 5, "secret_threshold": 3 })).await;
    let wrong = wrong.unwrap();
    assert_eq!(wrong.status, 400);
    assert_eq!(
        wrong.at("/errors/0"),
        "parameters secret_shares,secret_threshold not applicable to seal type awskms"
    );
    let made = initialize(&mut server, json!({ "recovery_shares": 3, "recovery_threshold": 2 })).await;
    assert_eq!((made.at("/keys"), made.at("/keys_base64")), (&json!([]), &json!([])));
    assert_eq!(shares(&made, "/recovery_keys").len(), 3);
    let status = server.client().get("sys/seal-status").await.unwrap();
    assert_eq!(status.at("/sealed"), &json!(false), "{status:?}");
    assert_eq!(
        (status.at("/type"), status.at("/t"), status.at("/n")),
        (&json!("shamir"), &json!(2), &json!(3))
    );
    assert_eq!(server.client().get("sys/health").await.unwrap().status, 200);
    server.client().post("sys/mounts/secret", json!({ "type": "kv" })).await.unwrap();
    server.client().post("secret/a", json!({ "value": 1 })).await.unwrap();

    server.crash().await.unwrap();
    let token = server.token.clone();
    let mut server = start(dir.path(), &seal).await;
    becomes_unsealed(&server.client()).await;
    server.token = token;
    assert_eq!(server.client().get("secret/a").await.unwrap().at("/data/value"), &json!(1));

    // Sealed by hand it stays sealed until recovery keys come.
    assert_eq!(server.client().post("sys/seal", json!({})).await.unwrap().status, 204);
    let keys = shares(&made, "/recovery_keys_base64");
    let stranger = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB";
    for (key, other, status) in [(&keys[0], stranger, 400), (&keys[0], &keys[2], 200)] {
        server.client().post("sys/unseal", json!({ "key": key })).await.unwrap();
        let answer = server.client().post("sys/unseal", json!({ "key": other })).await.unwrap();
        assert_eq!(answer.status, status, "{answer:?}");
    }
    assert_eq!(server.client().get("secret/a").await.unwrap().at("/data/value"), &json!(1));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn it_waits_for_its_service_and_outlives_it() {
    let Some(moto) = moto().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let gate = Gate::before(moto.address()).await.unwrap();
    let seal = awskms(&gate.address, &moto.new_key().await.unwrap(), "");
    let mut server = start(dir.path(), &seal).await;
    initialize(&mut server, json!({ "recovery_shares": 1, "recovery_threshold": 1 })).await;
    gate.close();
    // Lost while it runs: it goes on.
    assert_eq!(server.client().post("cubbyhole/a", json!({ "b": 1 })).await.unwrap().status, 204);
    server.crash().await.unwrap();

    let token = server.token.clone();
    let mut server = start(dir.path(), &seal).await;
    server.token = token;
    eventually("the reason in the log", || async {
        Ok(server.log().contains("stays sealed and tries again").then_some(()))
    })
    .await
    .unwrap();
    assert!(server.log().contains("KMS is unavailable"), "{}", server.log());
    let health = server.client().get("sys/health").await.unwrap();
    assert_eq!((health.status, health.at("/sealed")), (503, &json!(true)));
    gate.open();
    becomes_unsealed(&server.client()).await;
    assert_eq!(server.client().get("cubbyhole/a").await.unwrap().at("/data/b"), &json!(1));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_missing_or_disabled_key_is_named() {
    let Some(moto) = moto().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path(), &awskms(moto.address(), "alias/none", "")).await;
    let answer =
        server.client().post("sys/init", json!({ "recovery_shares": 1, "recovery_threshold": 1 })).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, 400);
    let said = answer.at("/errors/0").as_str().unwrap();
    assert!(
        said.contains("alias/none") && said.contains("check the key's id or alias, the region"),
        "{said}"
    );
    assert_eq!(server.client().get("sys/init").await.unwrap().at("/initialized"), &json!(false));
    server.stop().await.unwrap();

    let key = moto.new_key().await.unwrap();
    let mut server = start(dir.path(), &awskms(moto.address(), &key, "")).await;
    initialize(&mut server, json!({ "recovery_shares": 1, "recovery_threshold": 1 })).await;
    server.stop().await.unwrap();
    moto.kms("DisableKey", json!({ "KeyId": key })).await.unwrap();
    let server = start(dir.path(), &awskms(moto.address(), &key, "")).await;
    eventually("the reason in the log", || async {
        Ok(server.log().contains("enable the key").then_some(()))
    })
    .await
    .unwrap();
    moto.kms("EnableKey", json!({ "KeyId": key })).await.unwrap();
    becomes_unsealed(&server.client()).await;
    server.stop().await.unwrap();
}
