//! A store whose tables, as far as their keys are text, share one DynamoDB table with `Path`, `Key`, `Value`.

use std::sync::Arc;

use tokio::sync::RwLock;
use trustkeep_store::ColumnType::Text;
use trustkeep_store::{Commit, Key, Limits, Page, Record, Result, Scan, Store, Table, Version};
use trustkeep_store_dynamodb::{DynamoStore, Layout, Settings, Within};

use crate::emulator;

/// Decides on the layout of a table when it is made, as the suite makes tables of any shape.
#[derive(Debug)]
pub(crate) struct SharedTable {
    state: RwLock<(Settings, Arc<DynamoStore>)>,
    limits: Limits,
}

/// The physical table that the layouts below share.
pub(crate) fn shared(table: &str) -> Within {
    Layout::within(table, "Path", "Key").attribute("value", "Value").attribute("version", "Version")
}

impl SharedTable {
    pub(crate) async fn open(settings: Settings) -> Self {
        let table = format!("{}vault", settings.table_prefix);
        let settings =
            settings.lay_out("trustkeep.format", shared(&table).under("core", "_trustkeep-").into());
        let store = Arc::new(emulator::open(settings.clone()).await);
        SharedTable { limits: store.limits(), state: RwLock::new((settings, store)) }
    }

    async fn store(&self) -> Arc<DynamoStore> {
        self.state.read().await.1.clone()
    }
}

#[async_trait::async_trait]
impl Store for SharedTable {
    fn limits(&self) -> Limits {
        self.limits
    }

    async fn create_tables(&self, tables: &[Table]) -> Result<()> {
        let mut state = self.state.write().await;
        let mut settings = state.0.clone();
        for table in tables {
            let kinds = (table.partition().kind, table.clustering().map(|column| column.kind));
            let name = table.qualified();
            let within = shared(&format!("{}vault", settings.table_prefix));
            let free = |prefix: &str| {
                !settings.layouts.values().any(|layout| {
                    matches!(layout, Layout::Within(other)
                        if other.fixed_partition.is_none() && other.key_prefix == prefix)
                })
            };
            let layout = match kinds {
                _ if settings.layouts.contains_key(name) => continue,
                (Text, None) => within.under("core", &format!("_{name}-")),
                // The first has the keys as they are, the others share its partitions.
                (Text, Some(Text)) if free("") => within,
                (Text, Some(Text)) => Within { key_prefix: format!("{name}:"), ..within },
                _ => continue,
            };
            settings.layouts.insert(name.to_owned(), layout.into());
        }
        if settings.layouts != state.0.layouts {
            let store = Arc::new(emulator::open(settings.clone()).await);
            *state = (settings, store);
        }
        state.1.create_tables(tables).await
    }

    async fn get(&self, table: &Table, key: &Key) -> Result<Option<Arc<Record>>> {
        self.store().await.get(table, key).await
    }

    async fn scan(&self, table: &Table, scan: &Scan) -> Result<Page> {
        self.store().await.scan(table, scan).await
    }

    async fn scan_table(&self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page> {
        self.store().await.scan_table(table, after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version> {
        self.store().await.commit(commit).await
    }
}
