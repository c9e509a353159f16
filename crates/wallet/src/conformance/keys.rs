//! Keys.

use std::sync::Arc;

use trustkeep_crypto::SecretBytes;

use super::{Harness, commit};
use crate::{Batch, KeyAlgorithm, Record, StoredKey, Tag, Write};

fn key(name: &str, algorithm: KeyAlgorithm, byte: u8) -> StoredKey {
    StoredKey {
        name: name.to_owned(),
        algorithm,
        secret: Arc::new(SecretBytes::new(vec![byte; 32])),
        metadata: None,
        tags: Vec::new(),
    }
}

fn assert_same(found: Option<StoredKey>, expected: &StoredKey) {
    let found = found.expect("the key is there");
    assert_eq!((&found.name, found.algorithm), (&expected.name, expected.algorithm));
    assert!(found.secret.ct_eq(expected.secret.expose()));
    assert_eq!((&found.metadata, &found.tags), (&expected.metadata, &expected.tags));
}

/// With metadata and tags, and without.
pub async fn keys_of_every_kind_read_back<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    let tag = Tag { name: "multikey".to_owned(), value: "z6Mk".to_owned(), is_plain: false };
    let keys = [
        key("ed", KeyAlgorithm::Ed25519, 1),
        key("x", KeyAlgorithm::X25519, 0x48),
        key("p", KeyAlgorithm::P256, 3),
        StoredKey {
            metadata: Some(r#"{"a": 1}"#.to_owned()),
            tags: vec![tag],
            ..key("bls", KeyAlgorithm::Bls12381G2, 4)
        },
    ];
    let mut batch = Batch::new();
    for key in &keys {
        batch.write(Write::PutKey(key.clone()));
    }
    commit(&*backend, batch).await.unwrap();
    for key in &keys {
        assert_same(backend.key(&key.name).await.unwrap(), key);
    }
    assert!(backend.key("other").await.unwrap().is_none());
}

/// A second one of the same name is not even looked at.
pub async fn a_key_stays_as_it_was_first_put<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    let first = key("k", KeyAlgorithm::Ed25519, 1);
    for key in [first.clone(), key("k", KeyAlgorithm::Ed25519, 2)] {
        let mut batch = Batch::new();
        batch.write(Write::PutKey(key)).write(Write::Put(Record::new("c", "1", "")));
        commit(&*backend, batch).await.unwrap();
    }
    assert_same(backend.key("k").await.unwrap(), &first);
}

/// A batch that is refused leaves no key, and keys are no records.
pub async fn keys_come_and_go_with_their_batch<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    let mut refused = Batch::new();
    refused.write(Write::PutKey(key("k", KeyAlgorithm::Ed25519, 1)));
    refused.remove(Record::new("c", "missing", ""));
    assert!(commit(&*backend, refused).await.unwrap_err().is_conflict());
    assert!(backend.key("k").await.unwrap().is_none());
    let mut batch = Batch::new();
    batch.write(Write::PutKey(key("k", KeyAlgorithm::Ed25519, 1)));
    commit(&*backend, batch).await.unwrap();
    assert!(backend.get("cryptokey", "k").await.unwrap().is_none());
    let mut batch = Batch::new();
    batch.write(Write::RemoveKey { name: "k".to_owned() });
    commit(&*backend, batch).await.unwrap();
    assert!(backend.key("k").await.unwrap().is_none());
}
