//! The engine from outside: requests and answers.

mod known_answers;
mod life;
mod moves;
mod signing;

use serde_json::{Value, json};

use super::Transit;
use crate::engines::Engine as _;
use crate::engines::test_support::{Fixture, data};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

/// An engine over storage of its own.
struct Mount {
    fixture: Fixture,
    engine: Transit,
}

impl Mount {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let engine = Transit::new(&fixture.context());
        Mount { fixture, engine }
    }

    /// The answer to a write.
    async fn answer(&self, path: &str, body: Value) -> Result<Option<Response>> {
        self.engine.handle(&self.fixture.write(path, &body.to_string())).await
    }

    /// The data answered to a write; null where there are none.
    async fn write(&self, path: &str, body: Value) -> Value {
        let answer = self.answer(path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"));
        answer.map_or(Value::Null, |answer| data(&answer))
    }

    /// The refusal of a write: its status and message.
    async fn refused(&self, path: &str, body: Value) -> (u16, String) {
        let error = self.answer(path, body).await.expect_err(path);
        (error.status(), error.to_string())
    }

    /// The data answered to a read.
    async fn read(&self, path: &str) -> Value {
        let answer = self.engine.handle(&self.fixture.read(path)).await;
        data(&answer.unwrap_or_else(|error| panic!("{path}: {error}")).unwrap())
    }

    async fn error(&self, request: Request) -> Error {
        self.engine.handle(&request).await.expect_err("an error")
    }

    fn create(&self, path: &str, body: Value) -> Request {
        Request { operation: Operation::Create, ..self.fixture.write(path, &body.to_string()) }
    }

    async fn key(&self, name: &str, kind: &str) {
        self.write(&format!("keys/{name}"), json!({ "type": kind })).await;
    }

    /// Encrypts `plaintext` (base64) with what else is in `extras`; returns the ciphertext.
    async fn encrypt(&self, name: &str, plaintext: &str, extras: Value) -> String {
        let mut body = extras;
        body["plaintext"] = plaintext.into();
        text(&self.write(&format!("encrypt/{name}"), body).await["ciphertext"])
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn invalid(message: &str) -> (u16, String) {
    (400, message.to_owned())
}

#[tokio::test]
async fn what_is_encrypted_is_decrypted_and_nothing_else_is() {
    let mount = Mount::new().await;
    for kind in ["aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "rsa-2048"] {
        mount.key(kind, kind).await;
        let decrypt = format!("decrypt/{kind}");
        let one = mount.encrypt(kind, "c2VjcmV0", json!({})).await;
        let two = mount.encrypt(kind, "c2VjcmV0", json!({})).await;
        assert!(one.starts_with("vault:v1:") && one != two, "{one} {two}");
        assert_eq!(
            mount.write(&decrypt, json!({ "ciphertext": one })).await,
            json!({ "plaintext": "c2VjcmV0" })
        );
        let empty = mount.encrypt(kind, "", json!({})).await;
        assert_eq!(mount.write(&decrypt, json!({ "ciphertext": empty })).await["plaintext"], "");

        let sealed = crate::engines::base64::decode(&one["vault:v1:".len()..]).unwrap();
        for place in [0, 11, 12, sealed.len() - 1] {
            let mut altered = sealed.to_vec();
            altered[place] ^= 1;
            let altered = format!("vault:v1:{}", crate::engines::base64::encode(altered));
            let (status, message) = mount.refused(&decrypt, json!({ "ciphertext": altered })).await;
            match kind {
                "rsa-2048" => assert_eq!(status, 500),
                "chacha20-poly1305" => {
                    assert_eq!((status, message), invalid("chacha20poly1305: message authentication failed"));
                }
                _ => assert_eq!((status, message), invalid("cipher: message authentication failed")),
            }
        }
    }
    for (ciphertext, message) in [
        ("", "missing ciphertext to decrypt"),
        ("x", "invalid ciphertext: no prefix"),
        ("vault:v1", "invalid ciphertext: wrong number of fields"),
        ("vault:vx:", "invalid ciphertext: version number could not be decoded"),
        ("vault:v2:aaaa", "invalid ciphertext: version is too new"),
        ("vault:v-1:aaaa", "ciphertext or signature version is disallowed by policy (too old)"),
        ("vault:v1:$", "invalid ciphertext: could not decode base64"),
        ("vault:v1:aaaa", "invalid ciphertext length"),
    ] {
        let refusal = mount.refused("decrypt/aes256-gcm96", json!({ "ciphertext": ciphertext })).await;
        assert_eq!(refusal, invalid(message));
    }
    let refusal = mount.refused("decrypt/none", json!({ "ciphertext": "vault:v1:aaaa" })).await;
    assert_eq!(refusal, invalid("encryption key not found"));
    let refusal = mount.refused("encrypt/aes256-gcm96", json!({})).await;
    assert_eq!(refusal, invalid("missing plaintext to encrypt"));
    let refusal = mount.refused("encrypt/aes256-gcm96", json!({ "plaintext": "%" })).await;
    assert_eq!(refusal, invalid("illegal base64 data at input byte 0"));
    let nonce = json!({ "plaintext": "", "nonce": "AAAAAAAAAAAAAAAA" });
    let refusal = mount.refused("encrypt/aes256-gcm96", nonce).await;
    assert_eq!(refusal, invalid("provided nonce not allowed for this key"));
}

#[tokio::test]
async fn associated_data_are_bound_to_the_ciphertext() {
    let mount = Mount::new().await;
    mount.key("k", "aes256-gcm96").await;
    let sealed = mount.encrypt("k", "aGk=", json!({ "associated_data": "YQ==" })).await;
    let with = |aad: &str| json!({ "ciphertext": sealed, "associated_data": aad });
    assert_eq!(mount.write("decrypt/k", with("YQ==")).await["plaintext"], "aGk=");
    for aad in ["", "Yg=="] {
        assert_eq!(mount.refused("decrypt/k", with(aad)).await.0, 400);
    }
    mount.key("rsa", "rsa-2048").await;
    let (status, message) =
        mount.refused("encrypt/rsa", json!({ "plaintext": "", "associated_data": "YQ==" })).await;
    assert_eq!(status, 400);
    assert!(message.contains("provided for non-AEAD cipher suite rsa-2048"), "{message}");
}

#[tokio::test]
async fn a_batch_answers_item_by_item() {
    let mount = Mount::new().await;
    mount.key("k", "aes256-gcm96").await;
    let batch = json!([
        { "plaintext": "YQ==", "reference": "first" },
        { "plaintext": "%" },
        { "plaintext": "Yg==", "key_version": 9 },
    ]);
    let request = |code: Value| json!({ "batch_input": batch, "partial_failure_response_code": code });
    for (code, status, warnings) in
        [(Value::Null, 400, 0), (json!(202), 202, 0), (json!("207"), 207, 0), (json!(1000), 400, 1)]
    {
        let answer = mount.answer("encrypt/k", request(code)).await.unwrap().unwrap();
        assert_eq!((answer.status, answer.warnings.len()), (Some(status), warnings));
        let results = &data(&answer)["batch_results"];
        assert!(text(&results[0]["ciphertext"]).starts_with("vault:v1:"));
        assert_eq!(results[0]["key_version"], 1);
        assert_eq!(results[0]["reference"], "first");
        assert_eq!(results[1], json!({ "error": "illegal base64 data at input byte 0", "reference": "" }));
        assert_eq!(
            results[2]["error"],
            "requested version for encryption is higher than the latest key version"
        );
    }
    let good = mount.answer("encrypt/k", json!({ "batch_input": [batch[0]] })).await.unwrap().unwrap();
    assert_eq!(good.status, None);
    let sealed = data(&good)["batch_results"][0]["ciphertext"].clone();
    let back = json!({ "batch_input": [{ "ciphertext": sealed, "reference": "r" }, { "ciphertext": "x" }] });
    let back = mount.answer("decrypt/k", back).await.unwrap().unwrap();
    assert_eq!(back.status, Some(400));
    let expected = json!({ "batch_results": [
        { "plaintext": "YQ==", "reference": "r" },
        { "plaintext": "", "error": "invalid ciphertext: no prefix", "reference": "" },
    ] });
    assert_eq!(data(&back), expected);
    // Nothing succeeded: the code for partial failures does not count.
    let none = json!({ "batch_input": [{ "ciphertext": "x" }], "partial_failure_response_code": 202 });
    assert_eq!(mount.answer("decrypt/k", none).await.unwrap().unwrap().status, Some(400));

    for (batch, message) in [
        (json!([]), "missing batch input to process"),
        (json!("x"), "failed to parse batch input: source data must be an array or slice, got string"),
        (json!([7]), "failed to parse batch input: [0] expected a map, got 'json.Number'"),
        (
            json!([{ "plaintext": "" }, { "plaintext": 7, "key_version": "x" }, {}]),
            "failed to parse batch input: 3 error(s) decoding:\n\n* '[1].plaintext' expected type 'string', got \
             unconvertible type 'json.Number'\n* '[1].key_version' expected type 'int', got unconvertible type \
             'string'\n* '[2].plaintext' missing plaintext to encrypt",
        ),
        (
            json!([{ "plaintext": "", "context": "YQ==" }, { "plaintext": "" }]),
            "context should be set either in all the request blocks or in none",
        ),
    ] {
        assert_eq!(mount.refused("encrypt/k", json!({ "batch_input": batch })).await, invalid(message));
    }
}

#[tokio::test]
async fn encrypting_makes_a_key_for_who_may_create_it() {
    let mount = Mount::new().await;
    let body = json!({ "plaintext": "aGk=" });
    let request = mount.create("encrypt/new", body.clone());
    assert_eq!(mount.engine.exists(&request).await.unwrap(), Some(false));
    assert_eq!(mount.refused("encrypt/new", body.clone()).await, invalid("encryption key not found"));
    assert!(mount.engine.handle(&request).await.unwrap().unwrap().warnings.is_empty());
    assert_eq!(mount.engine.exists(&request).await.unwrap(), Some(true));
    assert_eq!(mount.read("keys/new").await["type"], "aes256-gcm96");
    // Somebody else made it between the check and the request.
    assert_eq!(mount.engine.handle(&request).await.unwrap().unwrap().warnings.len(), 1);

    let derived = json!({ "plaintext": "aGk=", "context": "YQ==", "type": "chacha20-poly1305" });
    mount.engine.handle(&mount.create("encrypt/derived", derived)).await.unwrap();
    let key = mount.read("keys/derived").await;
    assert_eq!((&key["derived"], &key["type"]), (&json!(true), &json!("chacha20-poly1305")));
    for (extra, message) in [
        (json!({ "type": "ecdsa-p256" }), "key type ecdsa-p256 not supported for this operation"),
        (json!({ "type": "x" }), "unknown key type x"),
        (
            json!({ "convergent_encryption": true }),
            "convergent encryption requires derivation to be enabled, so context is required",
        ),
    ] {
        let mut body = body.clone();
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let error = mount.error(mount.create("encrypt/other", body)).await;
        assert_eq!((error.status(), error.to_string()), invalid(message));
    }
    assert_eq!(mount.read("config/keys").await, json!({ "disable_upsert": false }));
    mount.write("config/keys", json!({ "disable_upsert": true })).await;
    assert_eq!(mount.read("config/keys").await, json!({ "disable_upsert": true }));
    let error = mount.error(mount.create("encrypt/other", body)).await;
    assert_eq!((error.status(), error.to_string()), invalid("encryption key not found"));
}

#[tokio::test]
async fn data_keys_come_with_and_without_their_plaintext() {
    let mount = Mount::new().await;
    mount.key("k", "aes256-gcm96").await;
    for (bits, len) in [(json!(128), 16), (Value::Null, 32), (json!("512"), 64)] {
        let made = mount.write("datakey/plaintext/k", json!({ "bits": bits })).await;
        let plaintext = text(&made["plaintext"]);
        assert_eq!(crate::engines::base64::decode(&plaintext).unwrap().len(), len);
        let back = mount.write("decrypt/k", json!({ "ciphertext": made["ciphertext"] })).await;
        assert_eq!(back["plaintext"], plaintext);
    }
    let wrapped = mount.write("datakey/wrapped/k", json!({})).await;
    assert_eq!(wrapped.as_object().unwrap().keys().collect::<Vec<_>>(), ["ciphertext", "key_version"]);
    for (path, body, message) in [
        ("datakey/open/k", json!({}), "Invalid path, must be 'plaintext' or 'wrapped'"),
        ("datakey/wrapped/k", json!({ "bits": 5 }), "invalid bit length"),
        ("datakey/wrapped/none", json!({}), "encryption key not found"),
        ("datakey/wrapped/k", json!({ "context": "%" }), "failed to base64-decode context"),
    ] {
        assert_eq!(mount.refused(path, body).await, invalid(message));
    }
}

#[tokio::test]
async fn a_path_takes_its_operations_only() {
    let mount = Mount::new().await;
    for path in [
        "",
        "x",
        "encrypt",
        "encrypt/a/b",
        "encrypt/-a",
        "keys/a/b",
        "keys/a/config/x",
        "a/b/c/d/e/f",
        "encrypt/é",
    ] {
        assert_eq!(mount.refused(path, json!({})).await.0, 404, "{path}");
    }
    for path in ["wrapping_key", "backup/k", "export/hmac-key/k", "byok-export/a/b"] {
        assert_eq!(mount.refused(path, json!({})).await.0, 405, "{path}");
    }
    for path in ["encrypt/k", "sign/k", "random", "hash", "restore", "keys/k/rotate"] {
        assert_eq!(mount.error(mount.fixture.read(path)).await.status(), 405, "{path}");
    }
    assert_eq!(mount.error(mount.fixture.read("keys/none")).await.status(), 404);
    assert_eq!(mount.error(mount.fixture.list("keys/")).await.status(), 404);
    assert_eq!(
        mount.write("random/5", json!({ "format": "hex" })).await["random_bytes"].as_str().unwrap().len(),
        10
    );
    let sum = mount.write("hash/sha2-224", json!({ "input": "YWJj", "format": "hex" })).await;
    assert_eq!(sum["sum"], "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
}
