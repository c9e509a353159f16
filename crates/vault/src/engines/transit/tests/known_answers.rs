//! Answers computed with Python's `cryptography`: a convergent ciphertext, a derived Ed25519 key and signatures.

use std::sync::Arc;

use serde_json::json;
use trustkeep_crypto::SecretBytes;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_crypto::sign::SigningKey;

use super::Mount;
use crate::engines::transit::key::{Key, Settings};
use crate::engines::transit::kind::Kind;
use crate::engines::transit::version::KeyVersion;

/// Stores a key of the bytes 0, 1, 2 and so on.
async fn fixed(mount: &Mount, name: &str, kind: Kind, change: impl FnOnce(&mut Settings)) {
    let bytes: Vec<u8> = (0..32).collect();
    let secret = match kind {
        Kind::Aes128Gcm96 => SecretBytes::copy_of(&bytes[..16]),
        Kind::Ed25519 => SigningKey::ed25519_from_seed(&bytes).unwrap().to_pkcs8_der().unwrap(),
        _ => SecretBytes::new(bytes),
    };
    let mut settings = Settings::new(name, kind);
    change(&mut settings);
    let mut key = Key::new(settings);
    key.push(Arc::new(KeyVersion::import(kind, secret, &SystemRandom, 0).unwrap())).unwrap();
    mount.engine.keys.create(key, 0).await.unwrap().unwrap();
}

#[tokio::test]
async fn convergent_ciphertexts_are_those_of_the_third_way() {
    let mount = Mount::new().await;
    for (kind, expected) in [
        (Kind::Aes256Gcm96, "vault:v1:bO7E9s7PFrHtBFbRYFEgbvZq5L6Vz5HXk3DhdBZNXapvEaq1pSYDpm21DOe+ze8="),
        (Kind::Aes128Gcm96, "vault:v1:aXqw0rSNLkhXsdSfYntSXfEwRtzn9/zRBuvi/VtQzLcqxypkjr6xmfnK6lMdxtM="),
        (Kind::ChaCha20Poly1305, "vault:v1:bO7E9s7PFrHtBFbR8+TmyStKhRuTEtjyc0c90laMy7M7U8hSZFXu12LDE+z3xXo="),
    ] {
        let convergent = |settings: &mut Settings| {
            settings.derived = true;
            settings.convergent = true;
        };
        fixed(&mount, kind.name(), kind, convergent).await;
        let extras = json!({ "context": "Y29udGV4dA==", "associated_data": "YWFk" });
        let plaintext = "dGhlIHF1aWNrIGJyb3duIGZveA==";
        let sealed = mount.encrypt(kind.name(), plaintext, extras.clone()).await;
        assert_eq!(sealed, expected);
        let mut body = extras;
        body["ciphertext"] = sealed.into();
        assert_eq!(mount.write(&format!("decrypt/{}", kind.name()), body).await["plaintext"], plaintext);
    }
}

#[tokio::test]
async fn ed25519_signs_with_the_key_or_with_that_of_a_context() {
    let mount = Mount::new().await;
    fixed(&mount, "plain", Kind::Ed25519, |_| {}).await;
    fixed(&mount, "derived", Kind::Ed25519, |settings| settings.derived = true).await;
    let input = "dGhlIHF1aWNrIGJyb3duIGZveA==";
    let signed = mount.write("sign/plain", json!({ "input": input })).await;
    assert_eq!(
        signed["signature"],
        "vault:v1:OZORekOQiAkX+r0lQwgpVDF+nm4IFKGAnX15wMqffzhClKn67u/NbsuGqOqrCgYylUgQZYM2rgXPBuGAea7mDA=="
    );
    let context = "Y29udGV4dA==";
    let signed = mount.write("sign/derived", json!({ "input": input, "context": context })).await;
    assert_eq!(
        signed["signature"],
        "vault:v1:jDczIfuqwcRvQTqEIIhGNvOUcZk6gYOPGHjDHP2SqxBKh+IWLpI7vXSPYr+UEPc33J2ZTXVdSjQA8RndMhJmAA=="
    );
    assert_eq!(signed["public_key"], "lohzBGYaBlHuiSsInj0EzeA8XOx9fI4BGjYa/0Hxez8=");
    let shown = mount.read(&format!("keys/derived?context={context}")).await;
    assert_eq!(shown["keys"]["1"]["public_key"], signed["public_key"]);
    assert_eq!(mount.read("keys/derived").await["keys"]["1"]["public_key"], "");
    let verify = json!({ "input": input, "context": context, "signature": signed["signature"] });
    assert_eq!(mount.write("verify/derived", verify).await, json!({ "valid": true }));
    let other = json!({ "input": input, "context": "YQ==", "signature": signed["signature"] });
    assert_eq!(mount.write("verify/derived", other).await, json!({ "valid": false }));
}
