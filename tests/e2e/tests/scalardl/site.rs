//! One administrative domain: a server on a directory of its own, whose rows can be edited while it is stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trustkeep_e2e::{Server, free_port};
use trustkeep_scalar_domain::tables::Tables;
use trustkeep_store::ColumnType::{Int, Text};
use trustkeep_store::{Commit, Key, Record, Row, SharedStore, Store as _, Table, Value};
use trustkeep_store_embedded::{EmbeddedStore, Settings};

/// A Ledger or an Auditor, running or not.
pub(crate) struct Site {
    kind: Kind,
    dir: PathBuf,
    config: PathBuf,
    /// For clients, for administrators, for pausing.
    pub(crate) ports: [u16; 3],
    server: Option<Server>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ledger,
    Auditor,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Auditor => "auditor",
        }
    }

    fn tables(self, namespace: &str) -> Vec<Table> {
        let (base, own, shared) = match self {
            Self::Ledger => (
                "scalar",
                trustkeep_ledger::namespace_tables("scalar", namespace),
                trustkeep_ledger::shared_tables("scalar"),
            ),
            Self::Auditor => (
                "auditor",
                trustkeep_auditor::namespace_tables("auditor", namespace),
                trustkeep_auditor::shared_tables("auditor"),
            ),
        };
        let alike = Tables::of(base, namespace).unwrap().all();
        own.unwrap().into_iter().chain(shared.unwrap()).chain(alike).collect()
    }
}

impl Site {
    /// A site in `dir`, not running yet. `more` are lines of its configuration.
    pub(crate) fn new(kind: Kind, dir: &Path, more: &str) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let ports = [free_port().unwrap(), free_port().unwrap(), free_port().unwrap()];
        let [main, privileged, admin] = ports.map(|port| port.to_string());
        let store = dir.join("store");
        let mut text =
            format!("scalar.db.storage=embedded\nscalar.db.contact_points={}\n{more}", store.display());
        let common = [
            ("server.host", "127.0.0.1"),
            ("server.port", &main),
            ("server.privileged_port", &privileged),
            ("server.admin_port", &admin),
            ("server.prometheus_exporter_port", "-1"),
            ("server.decommissioning_duration_secs", "0"),
        ];
        for (key, value) in common {
            text += &format!("scalar.dl.{}.{key}={value}\n", kind.name());
        }
        let config = dir.join("server.properties");
        std::fs::write(&config, text).unwrap();
        Self { kind, dir: dir.to_owned(), config, ports, server: None }
    }

    pub(crate) async fn start(&mut self) {
        self.server = Some(Server::scalar(self.kind.name(), &self.config, &self.ports).await.unwrap());
    }

    /// In good order.
    pub(crate) async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await.unwrap();
        }
    }

    /// `kill -9`.
    pub(crate) async fn crash(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.crash().await.unwrap();
        }
    }

    /// Changes a line of its configuration, for the next start.
    pub(crate) fn set(&self, key: &str, value: &str) {
        let text = std::fs::read_to_string(&self.config).unwrap();
        let others = text.lines().filter(|line| !line.starts_with(&format!("{key}=")));
        let text: String = others.map(|line| format!("{line}\n")).collect();
        std::fs::write(&self.config, format!("{text}{key}={value}\n")).unwrap();
    }

    /// Another site with a copy of this one's rows as they are now; this one must be stopped.
    pub(crate) fn fork(&self, dir: &Path, more: &str) -> Self {
        let fork = Self::new(self.kind, dir, more);
        copy(&self.dir.join("store"), &dir.join("store"));
        fork
    }

    /// Sets a copy of its rows aside; it must be stopped.
    pub(crate) fn keep(&self) {
        copy(&self.dir.join("store"), &self.dir.join("kept"));
    }

    /// Goes back to the copy that was set aside; it must be stopped.
    pub(crate) fn go_back(&self) {
        std::fs::remove_dir_all(self.dir.join("store")).unwrap();
        copy(&self.dir.join("kept"), &self.dir.join("store"));
    }

    /// Opens its rows behind its back; it must be stopped.
    pub(crate) fn rows(&self) -> Rows {
        self.rows_in("default")
    }

    /// The same of another namespace.
    pub(crate) fn rows_in(&self, namespace: &str) -> Rows {
        let store = EmbeddedStore::open(Settings::new(self.dir.join("store"))).unwrap();
        Rows { store, tables: self.kind.tables(namespace) }
    }

    /// Defines tables of mutable records; it must be stopped.
    pub(crate) async fn define(&self, schema: &str) {
        let store = Arc::new(EmbeddedStore::open(Settings::new(self.dir.join("store"))).unwrap());
        let shared: SharedStore = store.clone();
        trustkeep_ledger::define_tables(&shared, "scalar", schema).await.unwrap();
        drop(shared);
        Arc::into_inner(store).unwrap().close().await;
    }
}

/// The rows of a server that is not running.
pub(crate) struct Rows {
    store: EmbeddedStore,
    tables: Vec<Table>,
}

impl Rows {
    /// A table by its name.
    pub(crate) fn table(&self, name: &str) -> &Table {
        self.tables.iter().find(|table| table.name() == name).unwrap()
    }

    pub(crate) async fn get(&self, table: &str, key: &Key) -> Option<Row> {
        let record = self.store.get(self.table(table), key).await.unwrap()?;
        Some(record.row.clone())
    }

    pub(crate) async fn put(&self, table: &str, key: Key, row: Row) {
        self.store.commit(Commit::new().put(self.table(table), key, row)).await.unwrap();
    }

    pub(crate) async fn delete(&self, table: &str, key: Key) {
        self.store.commit(Commit::new().delete(self.table(table), key)).await.unwrap();
    }

    /// Changes one column of one row, which must be there.
    pub(crate) async fn set(&self, table: &str, key: Key, column: &str, value: Option<Value>) {
        let index = self.table(table).columns().iter().position(|known| &*known.name == column).unwrap();
        let row = self.get(table, &key).await.unwrap();
        let mut values = row.values().to_vec();
        *values.get_mut(index).unwrap() = value;
        self.put(table, key, Row::new(values)).await;
    }

    /// The mutable records of [`crate::world::NOTES`], each with its number.
    pub(crate) async fn notes(&self) -> BTreeMap<String, i64> {
        let table = Table::define("shop", "notes").partition("id", Text).column("amount", Int);
        let records = self.records(&table.build().unwrap()).await;
        let note =
            |record: &Record| (record.key.partition.as_text().unwrap().to_owned(), record.int(0).unwrap());
        records.iter().map(note).collect()
    }

    /// All rows of a table.
    pub(crate) async fn all(&self, table: &str) -> Vec<Record> {
        self.records(self.table(table)).await
    }

    async fn records(&self, table: &Table) -> Vec<Record> {
        let mut all = Vec::<Record>::new();
        loop {
            let after = all.last().map(|record| record.key.clone());
            let page = self.store.scan_table(table, after.as_ref(), 256).await.unwrap();
            all.extend(page.records.iter().map(|record| Record::clone(record)));
            if !page.more {
                return all;
            }
        }
    }

    pub(crate) async fn close(self) {
        self.store.close().await;
    }
}

/// A row of an asset.
pub(crate) fn state(id: &str, age: i64) -> Key {
    Key::of(id).at(age)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
