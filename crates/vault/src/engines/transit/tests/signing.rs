//! Signatures and codes.

use serde_json::{Value, json};

use super::{Mount, invalid};

const INPUT: &str = "dG8gYmUgc2lnbmVk";

#[tokio::test]
async fn what_is_signed_verifies_in_every_way() {
    let mount = Mount::new().await;
    for kind in ["ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048"] {
        mount.key(kind, kind).await;
        for options in [
            json!({}),
            json!({ "hash_algorithm": "sha2-512" }),
            json!({ "algorithm": "sha2-384", "signature_algorithm": "pkcs1v15" }),
            json!({ "salt_length": "hash" }),
            json!({ "salt_length": 11 }),
            json!({ "marshaling_algorithm": "jws" }),
        ] {
            let with = |name: &str, value: &Value| {
                let mut body = options.clone();
                body["input"] = INPUT.into();
                body[name] = value.clone();
                body
            };
            let signed = mount.write(&format!("sign/{kind}"), with("x", &Value::Null)).await;
            assert_eq!(signed["key_version"], 1);
            let verify = format!("verify/{kind}");
            let good = mount.write(&verify, with("signature", &signed["signature"])).await;
            assert_eq!(good, json!({ "valid": true }), "{kind} {options}");
            let mut other = with("signature", &signed["signature"]);
            other["input"] = "b3RoZXI=".into();
            assert_eq!(mount.write(&verify, other).await, json!({ "valid": false }), "{kind} {options}");
        }
    }
    // A salt of another length than the one asked for.
    let signed = mount.write("sign/rsa-2048", json!({ "input": INPUT, "salt_length": "11" })).await;
    for (salt, valid) in
        [("auto", true), ("11", true), ("hash", false), ("12", false), ("-1", false), ("0", true)]
    {
        let body = json!({ "input": INPUT, "signature": signed["signature"], "salt_length": salt });
        assert_eq!(mount.write("verify/rsa-2048", body).await, json!({ "valid": valid }), "{salt}");
    }
}

#[tokio::test]
async fn a_digest_may_be_brought_along() {
    let mount = Mount::new().await;
    let hashed = mount.write("hash", json!({ "input": INPUT, "format": "base64" })).await;
    let digest = &hashed["sum"];
    for kind in ["ecdsa-p256", "ecdsa-p521", "rsa-2048"] {
        mount.key(kind, kind).await;
        let signed =
            mount.write(&format!("sign/{kind}"), json!({ "input": digest, "prehashed": true })).await;
        let verify = json!({ "input": INPUT, "signature": signed["signature"] });
        assert_eq!(mount.write(&format!("verify/{kind}"), verify).await, json!({ "valid": true }));
    }
    let refusal = mount.refused("sign/rsa-2048", json!({ "input": INPUT, "prehashed": true })).await;
    assert_eq!(refusal, invalid("crypto/rsa: input must be hashed message"));
    let none = json!({ "input": digest, "hash_algorithm": "none" });
    let message = "hash_algorithm=none requires both prehashed=true and signature_algorithm=pkcs1v15";
    assert_eq!(mount.refused("sign/rsa-2048", none).await, invalid(message));
    for hash in ["sha1", "sha2-224", "sha3-256"] {
        let refusal = mount.refused("sign/rsa-2048", json!({ "input": INPUT, "hash_algorithm": hash })).await;
        assert_eq!(refusal, invalid("unsupported hash algorithm"));
        let signed = mount.write(&format!("sign/ecdsa-p256/{hash}"), json!({ "input": INPUT })).await;
        let verify = json!({ "input": INPUT, "signature": signed["signature"], "hash_algorithm": hash });
        assert_eq!(mount.write("verify/ecdsa-p256", verify).await, json!({ "valid": true }));
    }
}

#[tokio::test]
async fn mistakes_are_named() {
    let mount = Mount::new().await;
    mount.key("e", "ecdsa-p256").await;
    mount.key("a", "aes256-gcm96").await;
    mount.key("r", "rsa-2048").await;
    for (path, body, message) in [
        ("sign/none", json!({}), "signing key not found"),
        ("verify/none", json!({ "signature": "x" }), "signature verification key not found"),
        ("sign/a", json!({}), "key type aes256-gcm96 does not support signing"),
        ("verify/a", json!({ "signature": "x" }), "key type aes256-gcm96 does not support verification"),
        ("sign/e/md5", json!({}), "invalid hash algorithm \"md5\""),
        ("sign/e", json!({ "marshaling_algorithm": "x" }), "invalid marshaling type \"x\""),
        ("sign/e", json!({ "salt_length": "x" }), "salt length neither 'auto', 'hash', nor an int: x"),
        ("sign/e", json!({ "salt_length": -2 }), "salt length is invalid: -2"),
        (
            "sign/e",
            json!({ "input": "%" }),
            "unable to decode input as base64: illegal base64 data at input byte 0",
        ),
        ("sign/e", json!({ "context": "%" }), "failed to base64-decode context"),
        (
            "sign/e",
            json!({ "key_version": 2 }),
            "requested version for signing is higher than the latest key version",
        ),
        ("sign/r", json!({ "salt_length": 9999 }), "requested salt length 9999 is invalid"),
        ("verify/e", json!({}), "neither a 'signature' nor an 'hmac' were given to verify"),
        ("verify/e", json!({ "signature": "x", "hmac": "x" }), "provide one of 'signature' or 'hmac'"),
        ("verify/e", json!({ "signature": "x" }), "invalid signature: no prefix"),
        ("verify/e", json!({ "signature": "vault:v1:%" }), "invalid base64 signature value"),
        ("verify/e", json!({ "signature": "vault:v2:" }), "invalid signature: version is too new"),
        ("verify/e", json!({ "signature": "vault:v1:" }), "supplied signature is invalid"),
        ("verify/e", json!({ "hmac": "x" }), "invalid HMAC to verify: no prefix"),
        ("verify/e", json!({ "hmac": "vault:v1" }), "invalid HMAC: wrong number of fields"),
        ("verify/e", json!({ "hmac": "vault:v2:" }), "invalid HMAC: version is too new"),
        (
            "verify/e",
            json!({ "hmac": "vault:v0:" }),
            "cannot verify HMAC: version is too old (disallowed by policy)",
        ),
        ("hmac/e", json!({}), "missing input for HMAC"),
        ("hmac/e/md5", json!({ "input": "" }), "unsupported algorithm \"md5\""),
        (
            "hmac/e",
            json!({ "input": "", "key_version": 2 }),
            "key version does not exist; latest key version is 1",
        ),
        ("hmac/none", json!({ "input": "" }), "encryption key not found"),
    ] {
        assert_eq!(mount.refused(path, body).await, invalid(message), "{path}");
    }
    let unknown = mount.refused("sign/r", json!({ "signature_algorithm": "x" })).await;
    assert_eq!(unknown.0, 500);
    assert!(unknown.1.contains("unsupported rsa signature algorithm x"));
}

#[tokio::test]
async fn codes_of_every_digest_verify() {
    let mount = Mount::new().await;
    mount.key("k", "hmac").await;
    mount.key("a", "aes256-gcm96").await;
    for name in ["k", "a"] {
        for hash in
            ["sha2-224", "sha2-256", "sha2-384", "sha2-512", "sha3-224", "sha3-256", "sha3-384", "sha3-512"]
        {
            let code = mount.write(&format!("hmac/{name}/{hash}"), json!({ "input": INPUT })).await;
            let verify = |input: &str| json!({ "input": input, "hmac": code["hmac"], "algorithm": hash });
            assert_eq!(mount.write(&format!("verify/{name}"), verify(INPUT)).await, json!({ "valid": true }));
            assert_eq!(mount.write(&format!("verify/{name}"), verify("")).await, json!({ "valid": false }));
        }
    }
}

#[tokio::test]
async fn batches_of_signatures_and_codes_answer_item_by_item() {
    let mount = Mount::new().await;
    mount.key("k", "ed25519").await;
    let batch = json!({ "batch_input": [{ "input": INPUT, "reference": "a" }, { "input": "%" }, {}] });
    let signed = mount.answer("sign/k", batch.clone()).await.unwrap().unwrap();
    assert_eq!(signed.status, None);
    let signed = &super::data(&signed)["batch_results"];
    assert_eq!((&signed[0]["key_version"], &signed[0]["reference"]), (&json!(1), &json!("a")));
    assert_eq!(signed[2], json!({ "key_version": 0, "error": "missing input", "reference": "" }));
    let codes = &mount.write("hmac/k", batch).await["batch_results"];
    assert_eq!(codes[2]["error"], "missing input for HMAC");
    for (name, proof) in [("signature", &signed[0]["signature"]), ("hmac", &codes[0]["hmac"])] {
        let item = |input: &str| {
            let mut item = json!({ "input": input });
            item[name] = proof.clone();
            item
        };
        let verified = json!({ "batch_input": [item(INPUT), item("")] });
        let verified = &mount.write("verify/k", verified).await["batch_results"];
        assert_eq!((&verified[0]["valid"], &verified[1]["valid"]), (&json!(true), &json!(false)));
        let some = json!({ "batch_input": [item(INPUT), { "input": INPUT }] });
        let message = format!("some elements of batch_input are missing '{name}'");
        assert_eq!(mount.refused("verify/k", some).await, invalid(&message));
    }
    let mixed = json!({ "batch_input": [{ "signature": "x" }, { "hmac": "x" }] });
    let message = "elements of batch_input must all provide 'signature' or all provide 'hmac'";
    assert_eq!(mount.refused("verify/k", mixed).await, invalid(message));
    let neither = mount.refused("verify/k", json!({ "batch_input": [{}] })).await;
    assert_eq!(neither, invalid("no batch_input elements have 'signature' or 'hmac'"));
}
