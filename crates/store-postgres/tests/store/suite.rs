//! The conformance suite.

use std::sync::Arc;

use parking_lot::Mutex;
use trustkeep_store::SharedStore;
use trustkeep_store::conformance::Harness;
use trustkeep_store_postgres::{PostgresSettings, PostgresStore};

use crate::server;

struct Postgres {
    url: String,
    last: Mutex<Option<PostgresSettings>>,
}

#[async_trait::async_trait]
impl Harness for Postgres {
    async fn open(&self) -> SharedStore {
        let settings = server::settings(&self.url);
        *self.last.lock() = Some(settings.clone());
        Arc::new(PostgresStore::open(settings).await.unwrap())
    }

    async fn reopen(&self, store: SharedStore) -> Option<SharedStore> {
        drop(store);
        let settings = self.last.lock().clone()?;
        Some(Arc::new(PostgresStore::open(settings).await.unwrap()))
    }
}

async fn postgres() -> Option<Postgres> {
    Some(Postgres { url: server::shared()?, last: Mutex::default() })
}

trustkeep_store::conformance!(postgres);
