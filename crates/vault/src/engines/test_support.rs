//! Engines under test: a real barrier over the memory store, and requests in a few words.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use serde_json::Value;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_store::{MemoryStore, Store};

use super::EngineContext;
use crate::core::keyring::Keyring;
use crate::core::path_store::entry_table;
use crate::core::{Barrier, PathStore, TokenEntry, View};
use crate::request::{Operation, Request};
use crate::response::{Data, Response};

/// An unsealed barrier, a folder of it, and a clock that moves on with each request.
pub(crate) struct Fixture {
    /// The folder.
    pub(crate) view: View,
    /// The paths below the barrier, to see what an operator of the storage sees.
    pub(crate) paths: Arc<PathStore>,
    now: AtomicI64,
}

impl Fixture {
    /// An empty one; its clock starts at 2023-11-14T22:13:20Z.
    pub(crate) async fn new() -> Self {
        let table = entry_table().unwrap();
        let store = Arc::new(MemoryStore::new());
        store.create_tables(std::slice::from_ref(&table)).await.unwrap();
        let paths = Arc::new(PathStore::new(store, table));
        let barrier = Arc::new(Barrier::new(paths.clone(), Arc::new(SystemRandom)));
        barrier.unseal(Keyring::generate(&SystemRandom, 0).unwrap());
        let view = View::new(barrier, "logical/test/");
        Fixture { view, paths, now: AtomicI64::new(1_700_000_000_000_000_000) }
    }

    /// What an engine of this folder is made from, with Vault's default leases.
    pub(crate) fn context(&self) -> EngineContext {
        EngineContext {
            view: self.view.clone(),
            accessor: "test_01234567".into(),
            random: Arc::new(SystemRandom),
            options: Default::default(),
            lease_max: 2_764_800,
            lease_default: 2_764_800,
        }
    }

    /// Moves the clock.
    pub(crate) fn advance(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000_000_000, Ordering::Relaxed);
    }

    /// A write (update) with a JSON body.
    pub(crate) fn write(&self, path: &str, body: &str) -> Request {
        self.request(Operation::Update, path, body)
    }

    /// A merge patch.
    pub(crate) fn patch(&self, path: &str, body: &str) -> Request {
        self.request(Operation::Patch, path, body)
    }

    /// A read; the path may end in `?name=value&...`.
    pub(crate) fn read(&self, path: &str) -> Request {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut request = self.request(Operation::Read, path, "");
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            request.data.insert(name.to_owned(), Value::String(value.to_owned()));
        }
        request
    }

    /// A list.
    pub(crate) fn list(&self, path: &str) -> Request {
        self.request(Operation::List, path, "")
    }

    /// A deletion.
    pub(crate) fn delete(&self, path: &str) -> Request {
        self.request(Operation::Delete, path, "")
    }

    fn request(&self, operation: Operation, path: &str, body: &str) -> Request {
        Request {
            id: "request".into(),
            operation,
            path: path.into(),
            mount_point: "test/".into(),
            data: if body.is_empty() { Default::default() } else { serde_json::from_str(body).unwrap() },
            body: Bytes::copy_from_slice(body.as_bytes()),
            token: None,
            client_token: None,
            headers: Default::default(),
            wrap_ttl: None,
            remote: None,
            now: self.now.fetch_add(1_000_000, Ordering::Relaxed),
        }
    }
}

/// A token with this hash.
pub(crate) fn token(hash: &str) -> Arc<TokenEntry> {
    let entry = serde_json::json!({
        "hash": hash, "accessor": "", "parent": "", "policies": ["default"], "path": "auth/token/create",
        "meta": null, "display_name": "token", "num_uses": 0, "creation_time": 0, "creation_ttl": 0,
        "expire_time": 0, "explicit_max_ttl": 0, "period": 0, "renewable": false, "last_renewal": 0,
        "role": "", "entity_id": "",
    });
    Arc::new(serde_json::from_value(entry).unwrap())
}

/// The answer's data as a tree.
pub(crate) fn data(response: &Response) -> Value {
    serde_json::to_value(&response.data).unwrap()
}

/// The answer's data as the text it is sent as.
pub(crate) fn text(response: &Response) -> &str {
    match &response.data {
        Some(Data::Text(text)) => text.get(),
        other => panic!("the answer has no text but {other:?}"),
    }
}
