//! A key's life: versions, settings, memory, rotation by itself, deletion.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Mount, invalid, text};
use crate::engines::Engine as _;
use crate::engines::test_support::data;
use crate::engines::transit::Transit;
use crate::engines::transit::kind::Kind;

#[tokio::test]
async fn a_new_key_is_described_as_vault_does() {
    let mount = Mount::new().await;
    let mut key = mount.write("keys/k", json!({})).await;
    assert_eq!(key["keys"]["1"], 1_700_000_000);
    key["keys"] = Value::Null;
    let expected = json!({
        "allow_plaintext_backup": false, "auto_rotate_period": 0, "deletion_allowed": false, "derived": false,
        "exportable": false, "imported_key": false, "keys": null, "latest_version": 1,
        "min_available_version": 0, "min_decryption_version": 1, "min_encryption_version": 0, "name": "k",
        "supports_decryption": true, "supports_derivation": true, "supports_encryption": true,
        "supports_signing": false, "type": "aes256-gcm96",
    });
    assert_eq!(key, expected);
    let again = mount.answer("keys/k", json!({ "type": "rsa-2048" })).await.unwrap().unwrap();
    assert_eq!(again.warnings, ["key k already existed"]);
    assert_eq!(data(&again)["type"], "aes256-gcm96");

    let derived = json!({ "derived": true, "convergent_encryption": true, "auto_rotate_period": "24h" });
    let derived = mount.write("keys/d", derived).await;
    assert_eq!(derived["kdf"], "hkdf_sha256");
    assert_eq!(derived["convergent_encryption_version"], -1);
    assert_eq!(derived["auto_rotate_period"], 86_400);
    let curve = mount.write("keys/c", json!({ "type": "ecdsa-p384" })).await;
    assert_eq!(curve["keys"]["1"]["name"], "P-384");
    assert_eq!(
        curve["keys"]["1"]["creation_time"].as_str().map(|time| &time[..19]),
        Some("2023-11-14T22:13:20")
    );
    assert!(text(&curve["keys"]["1"]["public_key"]).starts_with("-----BEGIN PUBLIC KEY-----\n"));
    let code = mount.write("keys/h", json!({ "type": "hmac", "key_size": 64 })).await;
    assert_eq!((&code["key_size"], &code["supports_signing"]), (&json!(64), &json!(false)));
    assert_eq!(
        mount.engine.handle(&mount.fixture.list("keys/")).await.unwrap().map(|list| data(&list)).unwrap(),
        json!({ "keys": ["c", "d", "h", "k"] })
    );
}

#[tokio::test]
async fn what_a_type_cannot_do_is_refused() {
    let mount = Mount::new().await;
    let together = "key derivation and convergent encryption not supported for keys of type";
    for (body, message) in [
        (json!({ "type": "x" }), "unknown key type x".to_owned()),
        (
            json!({ "convergent_encryption": true }),
            "convergent encryption requires derivation to be enabled".into(),
        ),
        (json!({ "type": "rsa-2048", "derived": true }), format!("{together} rsa-2048")),
        (json!({ "type": "ecdsa-p256", "derived": true }), format!("{together} ecdsa-p256")),
        (json!({ "type": "hmac", "derived": true }), format!("{together} hmac")),
        (
            json!({ "type": "ed25519", "derived": true, "convergent_encryption": true }),
            "convergent encryption not supported for keys of type ed25519".into(),
        ),
        (json!({ "key_size": 32 }), "key_size is not valid for algorithm aes256-gcm96".into()),
        (json!({ "type": "hmac", "key_size": 16 }), "invalid key_size 16".into()),
        (json!({ "type": "hmac", "key_size": 513 }), "invalid key_size 513".into()),
        (
            json!({ "auto_rotate_period": "59m" }),
            "auto rotate period must be 0 to disable or at least an hour".into(),
        ),
    ] {
        assert_eq!(mount.refused("keys/k", body).await, invalid(&message));
    }
    assert_eq!(mount.error(mount.fixture.read("keys/k")).await.status(), 404);
    mount.key("e", "ed25519").await;
    let refusal = mount.refused("encrypt/e", json!({ "plaintext": "" })).await;
    assert_eq!(refusal, invalid("message encryption not supported for key type ed25519"));
}

#[tokio::test]
async fn versions_come_go_and_bind() {
    let mount = Mount::new().await;
    mount.key("k", "aes256-gcm96").await;
    let first = mount.encrypt("k", "aGk=", json!({})).await;
    for version in 2..=5 {
        let rotated = mount.write("keys/k/rotate", json!({})).await;
        assert_eq!(rotated["latest_version"], version);
    }
    let fifth = mount.encrypt("k", "aGk=", json!({})).await;
    assert!(fifth.starts_with("vault:v5:"));
    assert!(mount.encrypt("k", "aGk=", json!({ "key_version": 2 })).await.starts_with("vault:v2:"));
    let rewrapped = mount.write("rewrap/k", json!({ "ciphertext": first })).await;
    assert!(text(&rewrapped["ciphertext"]).starts_with("vault:v5:"));
    assert_eq!(rewrapped["key_version"], 5);
    assert_eq!(mount.write("decrypt/k", json!({ "ciphertext": first })).await["plaintext"], "aGk=");

    let configured = mount
        .write("keys/k/config", json!({ "min_decryption_version": 3, "min_encryption_version": 4 }))
        .await;
    assert_eq!(configured["keys"].as_object().unwrap().keys().collect::<Vec<_>>(), ["3", "4", "5"]);
    let too_old = invalid("ciphertext or signature version is disallowed by policy (too old)");
    assert_eq!(mount.refused("decrypt/k", json!({ "ciphertext": first })).await, too_old);
    for (version, why) in [
        (3, "less than the minimum encryption key version"),
        (6, "higher than the latest key version"),
        (-1, "negative"),
    ] {
        let refusal = mount.refused("encrypt/k", json!({ "plaintext": "", "key_version": version })).await;
        assert_eq!(refusal, invalid(&format!("requested version for encryption is {why}")));
    }
    // Old versions are not gone: the minimum may sink again.
    mount.write("keys/k/config", json!({ "min_decryption_version": 1 })).await;
    assert_eq!(mount.write("decrypt/k", json!({ "ciphertext": first })).await["plaintext"], "aGk=");

    let trim = |version: Value| json!({ "min_available_version": version });
    for (version, message) in [
        (json!(2), "minimum available version cannot be greater than minimum decryption version"),
        (json!(5), "minimum available version cannot be greater than minmum encryption version"),
        (json!(0), "minimum available version should be positive"),
        (json!(-1), "minimum available version cannot be decremented"),
        (Value::Null, "missing min_available_version"),
    ] {
        assert_eq!(mount.refused("keys/k/trim", trim(version)).await, invalid(message));
    }
    assert_eq!(mount.refused("keys/none/trim", trim(json!(1))).await, invalid("invalid key name"));
    mount.write("keys/k/config", json!({ "min_decryption_version": 3 })).await;
    assert_eq!(mount.write("keys/k/trim", trim(json!(3))).await["min_available_version"], 3);
    for (body, message) in [
        (
            json!({ "min_decryption_version": 2 }),
            "min decryption version should not be less then min available version",
        ),
        (
            json!({ "min_encryption_version": 0 }),
            "min encryption version should not be less than min available version",
        ),
        (
            json!({ "min_decryption_version": 9 }),
            "cannot set min decryption version of 9, latest key version is 5",
        ),
        (json!({ "min_decryption_version": -1 }), "min decryption version cannot be negative"),
        (
            json!({ "min_decryption_version": 5 }),
            "cannot set min encryption/decryption values; min encryption version of 4 must be greater than or equal \
             to min decryption version of 5",
        ),
    ] {
        assert_eq!(mount.refused("keys/k/config", body).await, invalid(message));
    }
    assert_eq!(mount.write("decrypt/k", json!({ "ciphertext": fifth })).await["plaintext"], "aGk=");
}

#[tokio::test]
async fn deletion_must_be_allowed_first() {
    let mount = Mount::new().await;
    mount.key("k", "aes256-gcm96").await;
    let error = mount.error(mount.fixture.delete("keys/k")).await;
    let message = "error deleting policy k: deletion is not allowed for this key";
    assert_eq!((error.status(), error.to_string()), invalid(message));
    let configured =
        mount.answer("keys/k/config", json!({ "deletion_allowed": true, "min_decryption_version": 0 }));
    let configured = configured.await.unwrap().unwrap();
    assert_eq!(configured.warnings.len(), 1);
    assert_eq!(data(&configured)["deletion_allowed"], true);
    assert!(mount.engine.handle(&mount.fixture.delete("keys/k")).await.unwrap().is_none());
    assert_eq!(mount.error(mount.fixture.read("keys/k")).await.status(), 404);
    let error = mount.error(mount.fixture.delete("keys/k")).await;
    let message = "error deleting policy k: could not delete key; not found";
    assert_eq!((error.status(), error.to_string()), invalid(message));
}

#[tokio::test]
async fn a_due_key_rotates_by_itself() {
    let mount = Mount::new().await;
    mount.write("keys/due", json!({ "auto_rotate_period": "1h" })).await;
    mount.key("still", "aes256-gcm96").await;
    let start = 1_700_000_000;
    mount.engine.tick(start + 1).await.unwrap();
    assert_eq!(mount.read("keys/due").await["latest_version"], 1);
    // Within the hour after a look there is no other.
    mount.engine.tick(start + 3600).await.unwrap();
    assert_eq!(mount.read("keys/due").await["latest_version"], 1);
    mount.engine.tick(start + 3602).await.unwrap();
    assert_eq!(mount.read("keys/due").await["latest_version"], 2);
    assert_eq!(mount.read("keys/still").await["latest_version"], 1);
    mount.engine.tick(start + 7203).await.unwrap();
    assert_eq!(mount.read("keys/due").await["latest_version"], 3);
    let rotating = || async { mount.fixture.view.list("auto-rotate").await.unwrap() };
    assert_eq!(rotating().await, ["due"]);
    mount.write("keys/still/config", json!({ "auto_rotate_period": 7200 })).await;
    assert_eq!(rotating().await, ["due", "still"]);
    mount.write("keys/due/config", json!({ "auto_rotate_period": 0, "deletion_allowed": true })).await;
    mount.write("keys/still/config", json!({ "deletion_allowed": true })).await;
    mount.engine.handle(&mount.fixture.delete("keys/still")).await.unwrap();
    assert!(rotating().await.is_empty());
    mount.engine.tick(start + 11_000).await.unwrap();
    assert_eq!(mount.read("keys/due").await["latest_version"], 3);
}

#[tokio::test]
async fn a_key_outlives_the_process_and_other_writers_are_noticed() {
    let mount = Mount::new().await;
    for kind in Kind::ALL {
        mount.key(kind.name(), kind.name()).await;
    }
    let sealed = mount.encrypt("aes256-gcm96", "aGk=", json!({})).await;
    let other = Transit::new(&mount.fixture.context());
    let decrypt = mount.fixture.write("decrypt/aes256-gcm96", &json!({ "ciphertext": sealed }).to_string());
    assert_eq!(data(&other.handle(&decrypt).await.unwrap().unwrap())["plaintext"], "aGk=");
    for kind in Kind::ALL {
        let read = mount.fixture.read(&format!("keys/{}", kind.name()));
        let shown = data(&other.handle(&read).await.unwrap().unwrap());
        assert_eq!(shown, mount.read(&format!("keys/{}", kind.name())).await);
    }

    // Both have it in memory; one rotates, so does the other, and no version is lost.
    let rotate = mount.fixture.write("keys/aes256-gcm96/rotate", "{}");
    other.handle(&rotate).await.unwrap();
    assert_eq!(mount.write("keys/aes256-gcm96/rotate", json!({})).await["latest_version"], 3);
    // The other sees that after the time for which it trusts its memory.
    mount.fixture.advance(10);
    let read = mount.fixture.read("keys/aes256-gcm96");
    assert_eq!(data(&other.handle(&read).await.unwrap().unwrap())["latest_version"], 3);
}

#[tokio::test]
async fn rotations_at_once_are_all_there() {
    let mount = Arc::new(Mount::new().await);
    mount.key("k", "aes256-gcm96").await;
    let rotations = (0..20).map(|_| {
        let mount = mount.clone();
        tokio::spawn(async move {
            mount.write("keys/k/rotate", json!({})).await;
            mount.encrypt("k", "aGk=", json!({})).await
        })
    });
    let sealed = futures_of(rotations).await;
    assert_eq!(mount.read("keys/k").await["latest_version"], 21);
    for sealed in sealed {
        assert_eq!(mount.write("decrypt/k", json!({ "ciphertext": sealed })).await["plaintext"], "aGk=");
    }
}

#[tokio::test]
async fn memory_is_bounded_as_asked() {
    let mount = Mount::new().await;
    assert_eq!(mount.read("cache-config").await, json!({ "size": 0 }));
    assert_eq!(mount.write("cache-config", json!({ "size": 10 })).await, json!({ "size": 10 }));
    let refusal = mount.refused("cache-config", json!({ "size": 9 })).await;
    assert_eq!(refusal, invalid("size must be 0 or a value greater or equal to 10"));
    let mut sealed = Vec::new();
    for index in 0..30 {
        let name = format!("k{index}");
        mount.key(&name, "aes256-gcm96").await;
        sealed.push((mount.encrypt(&name, "aGk=", json!({})).await, name));
    }
    for (sealed, name) in sealed {
        let opened = mount.write(&format!("decrypt/{name}"), json!({ "ciphertext": sealed })).await;
        assert_eq!(opened["plaintext"], "aGk=");
    }
    assert_eq!(mount.read("cache-config").await, json!({ "size": 10 }));
}

async fn futures_of<T>(tasks: impl Iterator<Item = tokio::task::JoinHandle<T>>) -> Vec<T> {
    let tasks: Vec<_> = tasks.collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
