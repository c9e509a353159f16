//! The behavioural suite of the contract on this backend.

#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use trustkeep_store::SharedStore;
use trustkeep_store::conformance::Harness;
use trustkeep_store_embedded::{EmbeddedStore, Settings};

/// Stores in temporary directories; `cache_bytes` is small in one run, so that eviction takes part.
struct Embedded {
    cache_bytes: u64,
    dirs: Mutex<HashMap<usize, TempDir>>,
}

impl Embedded {
    fn start(&self, dir: TempDir) -> SharedStore {
        let settings = Settings { cache_bytes: self.cache_bytes, ..Settings::new(dir.path().join("store")) };
        let store: SharedStore = Arc::new(EmbeddedStore::open(settings).unwrap());
        self.dirs.lock().unwrap().insert(address(&store), dir);
        store
    }
}

#[async_trait::async_trait]
impl Harness for Embedded {
    async fn open(&self) -> SharedStore {
        self.start(tempfile::tempdir().unwrap())
    }

    async fn reopen(&self, store: SharedStore) -> Option<SharedStore> {
        let dir = self.dirs.lock().unwrap().remove(&address(&store)).unwrap();
        drop(store);
        Some(self.start(dir))
    }
}

fn address(store: &SharedStore) -> usize {
    Arc::as_ptr(store).cast::<()>() as usize
}

async fn cached() -> Option<Embedded> {
    Some(Embedded { cache_bytes: 64 << 20, dirs: Mutex::default() })
}

async fn barely_cached() -> Option<Embedded> {
    Some(Embedded { cache_bytes: 4 << 10, dirs: Mutex::default() })
}

async fn uncached() -> Option<Embedded> {
    Some(Embedded { cache_bytes: 0, dirs: Mutex::default() })
}

mod with_cache {
    trustkeep_store::conformance!(crate::cached);
}

mod with_little_cache {
    trustkeep_store::conformance!(crate::barely_cached);
}

mod without_cache {
    trustkeep_store::conformance!(crate::uncached);
}
