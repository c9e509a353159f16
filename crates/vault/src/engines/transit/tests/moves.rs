//! Keys that come from elsewhere and go elsewhere: import, export, backup.

use serde_json::{Value, json};
use trustkeep_crypto::hash::Algorithm as Hash;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_crypto::{Key256, key_wrap, rsa, sign};

use super::{Mount, invalid, text};
use crate::engines::base64;

/// Wraps a key for a mount as its clients do.
async fn wrapped(mount: &Mount, key: &[u8], hash: Hash) -> String {
    let public = text(&mount.read("wrapping_key").await["public_key"]);
    let public = rsa::PublicKey::from_pem(&public).unwrap();
    assert_eq!(public.size(), rsa::Size::Rsa4096);
    let ephemeral = Key256::random(&SystemRandom);
    let mut wrapped = public.encrypt_oaep(hash, ephemeral.expose()).unwrap();
    wrapped.extend_from_slice(&key_wrap::wrap(&ephemeral, key).unwrap());
    base64::encode(wrapped)
}

#[tokio::test]
async fn wrapped_keys_are_taken_in_and_given_away() {
    let mount = Mount::new().await;
    let seed = sign::SigningKey::ed25519_from_seed(&[7; 32]).unwrap();
    let pkcs8 = seed.to_pkcs8_der().unwrap();
    for (kind, key, hash, name) in [
        ("aes256-gcm96", &[7; 32][..], Hash::Sha256, "SHA256"),
        ("aes128-gcm96", &[7; 16], Hash::Sha1, "SHA1"),
        ("hmac", &[7; 40], Hash::Sha384, "sha384"),
        ("ed25519", pkcs8.expose(), Hash::Sha512, "SHA512"),
    ] {
        let body = json!({
            "type": kind, "ciphertext": wrapped(&mount, key, hash).await, "hash_function": name, "exportable": true,
        });
        assert_eq!(mount.write(&format!("keys/{kind}/import"), body.clone()).await, Value::Null);
        let (status, message) = mount.refused(&format!("keys/{kind}/import"), body).await;
        assert_eq!(status, 400);
        assert!(message.starts_with("the import path cannot be used with an existing key"), "{message}");
        assert_eq!(mount.read(&format!("keys/{kind}")).await["imported_key"], true);
    }
    let exported = mount.read("export/encryption-key/aes256-gcm96").await;
    assert_eq!(
        exported,
        json!({
            "keys": { "1": base64::encode([7; 32]) }, "name": "aes256-gcm96", "type": "aes256-gcm96",
        })
    );
    let refusal = mount.refused("keys/aes256-gcm96/rotate", json!({})).await;
    assert_eq!(refusal.0, 500);
    assert!(refusal.1.contains("imported key aes256-gcm96 does not allow rotation within Vault"));
    let next = json!({ "ciphertext": wrapped(&mount, &[8; 32], Hash::Sha256).await });
    mount.write("keys/aes256-gcm96/import_version", next.clone()).await;
    assert_eq!(mount.read("keys/aes256-gcm96").await["latest_version"], 2);

    // To another mount, under its wrapping key as a public key of this one.
    let other = Mount::new().await;
    let public = other.read("wrapping_key").await["public_key"].clone();
    mount.write("keys/other/import", json!({ "type": "rsa-4096", "public_key": public })).await;
    for kind in ["aes256-gcm96", "hmac", "ed25519"] {
        let moved = mount.read(&format!("byok-export/other/{kind}/latest")).await;
        let (_, key) = moved["keys"].as_object().unwrap().iter().next().unwrap();
        let body = json!({ "type": kind, "ciphertext": key, "exportable": true });
        other.write(&format!("keys/{kind}/import"), body).await;
    }
    let there = other.read("export/encryption-key/aes256-gcm96/latest").await;
    assert_eq!(there["keys"]["1"], base64::encode([8; 32]));
    let signed = mount.write("sign/ed25519", json!({ "input": "aGk=" })).await;
    let verify = json!({ "input": "aGk=", "signature": signed["signature"] });
    assert_eq!(other.write("verify/ed25519", verify).await, json!({ "valid": true }));

    mount.key("made", "aes256-gcm96").await;
    for (path, body, message) in [
        (
            "keys/made/import_version",
            next.clone(),
            "the import_version endpoint can only be used with an imported key",
        ),
        (
            "keys/none/import_version",
            next,
            "no key found with name none; to import a new key, use the import/ endpoint",
        ),
        ("keys/new/import", json!({}), "provided type does not support public_key import"),
        (
            "keys/new/import",
            json!({ "ciphertext": "", "public_key": "" }),
            "only one of the following fields, ciphertext and public_key, can be set",
        ),
        ("keys/new/import", json!({ "ciphertext": "AAAA" }), "provided ciphertext is too short"),
        (
            "keys/new/import",
            json!({ "ciphertext": base64::encode([1; 600]) }),
            "crypto/rsa: decryption error",
        ),
        (
            "keys/new/import",
            json!({ "ciphertext": "", "hash_function": "MD5" }),
            "unknown hash function: MD5",
        ),
        ("keys/new/import", json!({ "type": "x" }), "unknown key type: x"),
        (
            "keys/new/import",
            json!({ "convergent_encryption": false }),
            "import cannot be used on keys with convergent encryption enabled",
        ),
        (
            "keys/new/import",
            json!({ "auto_rotate_period": "1h" }),
            "allow_rotation must be set to true if auto-rotation is enabled",
        ),
        (
            "keys/new/import",
            json!({ "ciphertext": wrapped(&mount, &[1; 16], Hash::Sha256).await }),
            "error importing key: invalid key size 16 bytes for key type aes256-gcm96",
        ),
    ] {
        assert_eq!(mount.refused(path, body).await, invalid(message), "{path}");
    }
}

#[tokio::test]
async fn a_public_key_verifies_until_its_private_key_comes() {
    let mount = Mount::new().await;
    let key = sign::SigningKey::generate(sign::Algorithm::P256).unwrap();
    let public = key.public_key().unwrap().to_pem().unwrap();
    mount.write("keys/k/import", json!({ "type": "ecdsa-p256", "public_key": public })).await;
    let signature = base64::encode(key.sign(b"hi").unwrap());
    let verify = json!({ "input": "aGk=", "signature": format!("vault:v1:{signature}") });
    assert_eq!(mount.write("verify/k", verify).await, json!({ "valid": true }));
    let refusal = mount.refused("sign/k", json!({ "input": "aGk=" })).await;
    assert_eq!(refusal, invalid("requested version for signing does not contain a private part"));
    let private = wrapped(&mount, key.to_pkcs8_der().unwrap().expose(), Hash::Sha256).await;
    mount.write("keys/k/import_version", json!({ "ciphertext": private, "version": 1 })).await;
    assert_eq!(mount.read("keys/k").await["latest_version"], 1);
    mount.write("sign/k", json!({ "input": "aGk=" })).await;
    let refusal =
        mount.refused("keys/k/import_version", json!({ "ciphertext": private, "version": 1 })).await;
    assert_eq!(refusal, invalid("private key imported, key version cannot be updated"));
    let (_, message) =
        mount.refused("keys/l/import", json!({ "type": "ecdsa-p384", "public_key": public })).await;
    assert_eq!(message, "error importing key: error parsing public key: not a key of type ecdsa-p384");
}

#[tokio::test]
async fn export_says_what_it_cannot_give() {
    let mount = Mount::new().await;
    mount.key("closed", "aes256-gcm96").await;
    mount.write("keys/k", json!({ "exportable": true })).await;
    mount.write("keys/e", json!({ "exportable": true, "type": "ecdsa-p256" })).await;
    mount.write("keys/k/rotate", json!({})).await;
    let keys = mount.read("export/hmac-key/k").await;
    assert_eq!(keys["keys"].as_object().unwrap().keys().collect::<Vec<_>>(), ["1", "2"]);
    for version in ["2", "v2", "latest"] {
        let one = mount.read(&format!("export/hmac-key/k/{version}")).await;
        assert_eq!(one["keys"]["2"], keys["keys"]["2"]);
    }
    for (path, message) in [
        ("export/hmac-key/closed", "private key material is not exportable"),
        ("export/kitty-cat-key/k", "invalid export type: kitty-cat-key"),
        ("export/signing-key/k", "signing not supported for the key"),
        ("export/encryption-key/e", "encryption not supported for the key"),
        ("export/public-key/k", "unknown key type aes256-gcm96 for export type public-key"),
        ("export/hmac-key/k/3", "version does not exist or cannot be found"),
        ("export/hmac-key/k/0", "version for export is below minimum decryption version"),
        ("export/hmac-key/k/x", "invalid key version"),
        ("export/hmac-key/k?format=pem", "unknown format for HMAC key; supported values are `` or `raw`"),
        (
            "export/signing-key/e?format=raw",
            "unknown key format for ec key; supported values are ``, `der`, or `pem`",
        ),
        ("export/signing-key/e?format=x", "invalid format: x"),
    ] {
        let error = mount.error(mount.fixture.read(path)).await;
        assert_eq!((error.status(), error.to_string()), invalid(message), "{path}");
    }
    assert_eq!(mount.error(mount.fixture.read("export/hmac-key/none")).await.status(), 404);
    let pem = text(&mount.read("export/signing-key/e?format=pem").await["keys"]["1"]);
    let usual = text(&mount.read("export/signing-key/e").await["keys"]["1"]);
    assert!(usual.starts_with("-----BEGIN EC PRIVATE KEY-----"));
    let public = text(&mount.read("export/public-key/e").await["keys"]["1"]);
    for private in [pem, usual] {
        let key = sign::SigningKey::from_pem(&private).unwrap();
        assert_eq!(key.public_key().unwrap().to_pem().unwrap().trim_end(), public);
    }
}

#[tokio::test]
async fn a_backup_brings_a_key_back() {
    let mount = Mount::new().await;
    mount.key("k", "aes256-gcm96").await;
    let message = |error: crate::Error| (error.status(), error.to_string());
    let failed = |what: &str| (500, format!("1 error occurred:\n\t* {what}\n\n"));
    let backup = || mount.fixture.read("backup/k");
    assert_eq!(message(mount.error(backup()).await), failed("exporting is disallowed on the policy"));
    mount.write("keys/k/config", json!({ "exportable": true })).await;
    assert_eq!(message(mount.error(backup()).await), failed("plaintext backup is disallowed on the policy"));
    mount.write("keys/k/config", json!({ "allow_plaintext_backup": true, "deletion_allowed": true })).await;
    let sealed = mount.encrypt("k", "aGk=", json!({})).await;
    let backup = mount.read("backup/k").await["backup"].clone();
    let none = mount.error(mount.fixture.read("backup/none")).await;
    assert_eq!(message(none), failed("key \"none\" not found"));

    let restore = json!({ "backup": backup });
    assert_eq!(mount.refused("restore", restore.clone()).await, failed("key \"k\" already exists"));
    mount.write("restore/copy", restore.clone()).await;
    let decrypt = json!({ "ciphertext": sealed });
    assert_eq!(mount.write("decrypt/copy", decrypt.clone()).await["plaintext"], "aGk=");
    mount.write("keys/k/rotate", json!({})).await;
    mount.write("restore", json!({ "backup": backup, "force": true })).await;
    let key = mount.read("keys/k").await;
    assert_eq!((&key["latest_version"], &key["restore_info"]["version"]), (&json!(1), &json!(1)));
    mount.engine.keys.remove("k", 0, |_| Ok(())).await.unwrap().unwrap();
    mount.write("restore", restore).await;
    assert_eq!(mount.write("decrypt/k", decrypt).await["plaintext"], "aGk=");
    let document: Value = serde_json::from_slice(&base64::decode(backup.as_str().unwrap()).unwrap()).unwrap();
    for (field, value) in [
        ("latest", json!(0)),
        ("latest", json!(u32::MAX)),
        ("min_decryption", json!(0)),
        ("min_encryption", json!(2)),
        ("min_available", json!(2)),
        ("type", json!("rsa-2048")),
        ("convergent", json!(true)),
        ("auto_rotate_period", json!(-1)),
    ] {
        let mut altered = document.clone();
        altered["settings"][field] = value;
        let body = json!({ "backup": base64::encode(altered.to_string()), "name": "altered" });
        assert_eq!(mount.refused("restore", body).await.0, 400, "{field}");
    }
    for (body, refusal) in [
        (json!({}), invalid("'backup' must be supplied")),
        (json!({ "backup": backup, "name": "a/b" }), failed("key names cannot be paths")),
        (json!({ "backup": "%" }), invalid("illegal base64 data at input byte 0")),
        (
            json!({ "backup": "e30=" }),
            invalid("the backup is not one of this server: those of Vault and OpenBao have another form"),
        ),
    ] {
        assert_eq!(mount.refused("restore", body).await, refusal);
    }
}
