//! Context namespaces: each has tables of its own, so that tenants share nothing.
//!
//! A namespace is a row of the table `namespace`. Whoever serves a request asks for its [`Generation`], which costs a
//! look into memory; what is cached for a namespace is cached under its generation, so that nothing survives a drop.
//! A process that did not carry out the drop itself learns of it within [`KNOWN_FOR`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use serde_json::json;
use trustkeep_chassis::clock::SharedClock;
use trustkeep_crypto::{Random, random};
use trustkeep_scalar_rpc::signing::DEFAULT_NAMESPACE;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};
use trustkeep_store::{
    Commit, Error as StoreError, Expect, Key, Record, Row, Scan, SharedStore, Table, Value, Version,
};

use crate::errors::{self, Access};
use crate::tables::{self, Tables};

/// How long what is known of a namespace is trusted before the store is asked again.
pub const KNOWN_FOR: Duration = Duration::from_secs(5);

/// The tables that a service itself keeps in a context namespace, spelt out.
pub type TablesOf = Arc<dyn Fn(&str) -> Result<Vec<Table>> + Send + Sync>;

/// A namespace between a creation and a drop; another one after it was created anew. 0 is `default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generation(i64);

/// The context namespaces of one domain.
pub struct Namespaces {
    store: SharedStore,
    base: String,
    registry: Table,
    tables_of: TablesOf,
    clock: SharedClock,
    random: Arc<dyn Random>,
    known: Cache<String, Known>,
}

#[derive(Clone, Copy)]
struct Known {
    generation: Generation,
    since: Duration,
}

impl std::fmt::Debug for Namespaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Namespaces").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Namespaces {
    /// The namespaces under `base`; `tables_of` gives what the service keeps beside [`Tables`].
    ///
    /// # Errors
    /// 414 if `base` is no name of a store.
    pub fn new(
        store: SharedStore,
        base: &str,
        tables_of: TablesOf,
        clock: SharedClock,
        random: Arc<dyn Random>,
    ) -> Result<Self> {
        let (base, registry) = (base.to_owned(), tables::namespaces(base)?);
        Ok(Self { store, base, registry, tables_of, clock, random, known: Cache::new(KNOWN_MAX) })
    }

    /// The base namespace of the domain.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// All tables of one context namespace, spelt out; those of `default` hold the list of namespaces too.
    ///
    /// # Errors
    /// 414 if the names make no table.
    pub fn tables(&self, namespace: &str) -> Result<Vec<Table>> {
        let mut tables = Tables::of(&self.base, namespace)?.all();
        tables.extend((self.tables_of)(namespace)?);
        if namespace == DEFAULT_NAMESPACE {
            tables.push(self.registry.clone());
        }
        Ok(tables)
    }

    /// Makes what tables are missing, of `default` and of every namespace there is: also those that a newer version
    /// of the service added.
    ///
    /// # Errors
    /// 500 (DL-COMMON-500010) if the store refuses.
    pub async fn create_tables(&self) -> Result<()> {
        self.make(DEFAULT_NAMESPACE, CREATING_TABLE).await?;
        for namespace in self.names("").await? {
            self.make(&namespace, CREATING_TABLE).await?;
        }
        Ok(())
    }

    /// Makes a namespace with its tables.
    ///
    /// # Errors
    /// 414 (DL-COMMON-414019, -414021) for the name, 416 if it is there, 500 and so on as the store has it.
    pub async fn create(&self, namespace: &str) -> Result<()> {
        check(namespace)?;
        if let Some(row) = self.row(namespace, CREATING).await? {
            if !is_dropping(&row) {
                return Err(exists());
            }
            self.empty(namespace, &row).await?;
        }
        self.make(namespace, CREATING).await?;
        let row = Row::new(vec![
            Some(Value::Int(self.fresh_generation())),
            Some(Value::Bool(false)),
            Some(Value::Int(self.clock.now().as_millisecond())),
        ]);
        let key = key(namespace);
        let commit = Commit::new().expect_absent(&self.registry, key.clone()).put(&self.registry, key, row);
        match self.store.commit(commit).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { .. }) => Err(exists()),
            Err(error) => Err(CREATING.error(&error)),
        }
    }

    /// Drops a namespace with all that is in it. From its first moment on nobody can use the namespace; one that was
    /// interrupted is finished by the next drop or creation.
    ///
    /// # Errors
    /// 414 for the name, 417 if there is none, 500 and so on as the store has it.
    pub async fn remove(&self, namespace: &str) -> Result<()> {
        check(namespace)?;
        let Some(row) = self.row(namespace, DROPPING).await? else {
            return Err(errors::namespace_not_found(namespace));
        };
        self.empty(namespace, &row).await
    }

    /// The names that contain `pattern`, sorted, `default` among them: `{"namespaces":[…]}`.
    ///
    /// # Errors
    /// 500 (DL-COMMON-500012) and so on as the store has it.
    pub async fn list(&self, pattern: &str) -> Result<String> {
        let mut names = self.names(pattern).await?;
        if DEFAULT_NAMESPACE.contains(pattern) {
            names.insert(DEFAULT_NAMESPACE.to_owned());
        }
        Ok(json!({ "namespaces": names }).to_string())
    }

    /// The generation of a namespace, spelt out; from memory almost always.
    ///
    /// # Errors
    /// 417 (DL-COMMON-417001) if there is no such namespace, 500 and so on as the store has it.
    pub async fn generation(&self, namespace: &str) -> Result<Generation> {
        if let Some(generation) = self.known(namespace) {
            return Ok(generation);
        }
        // What cannot be a name is not looked up: the store has bounds on keys.
        check(namespace).map_err(|_| errors::namespace_not_found(namespace))?;
        let since = self.clock.monotonic();
        match self.row(namespace, SCANNING).await? {
            Some(row) if !is_dropping(&row) => {
                let generation = Generation(generation_of(&row)?);
                self.known.insert(namespace.to_owned(), Known { generation, since });
                Ok(generation)
            }
            _ => {
                self.known.remove(namespace);
                Err(errors::namespace_not_found(namespace))
            }
        }
    }

    /// The generation if it is known without asking the store.
    #[must_use]
    pub fn known(&self, namespace: &str) -> Option<Generation> {
        if namespace == DEFAULT_NAMESPACE {
            return Some(Generation(0));
        }
        let known = self.known.get(namespace)?;
        (self.clock.monotonic().saturating_sub(known.since) < KNOWN_FOR).then_some(known.generation)
    }

    /// What a commit that writes into a namespace must expect, so that it is refused once the namespace was dropped;
    /// `default` cannot be.
    #[must_use]
    pub fn fence(&self, namespace: &str, generation: Generation) -> Option<Expect> {
        (namespace != DEFAULT_NAMESPACE).then(|| Expect::Column {
            table: self.registry.clone(),
            key: key(namespace),
            column: GENERATION,
            value: Value::Int(generation.0),
        })
    }

    async fn row(&self, namespace: &str, access: Access) -> Result<Option<Arc<Record>>> {
        self.store.get(&self.registry, &key(namespace)).await.map_err(|error| access.error(&error))
    }

    async fn make(&self, namespace: &str, access: Access) -> Result<()> {
        let tables = self.tables(namespace)?;
        self.store.create_tables(&tables).await.map_err(|error| access.error(&error))
    }

    async fn names(&self, pattern: &str) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        let mut scan = Scan::partition(PARTITION, PAGE_ROWS);
        loop {
            let page = self.store.scan(&self.registry, &scan).await;
            let page = page.map_err(|error| SCANNING.error(&error))?;
            for row in page.records.iter().filter(|row| !is_dropping(row)) {
                let name = row.key.clustering.as_ref().and_then(Value::as_text).unwrap_or_default();
                if name.contains(pattern) {
                    names.insert(name.to_owned());
                }
            }
            match page.records.last().and_then(|row| row.key.clustering.clone()) {
                Some(last) if page.more => scan = scan.after(last),
                _ => return Ok(names),
            }
        }
    }

    /// Closes the namespace, deletes what is in it, then its row.
    async fn empty(&self, namespace: &str, row: &Record) -> Result<()> {
        let failed = |error: StoreError| DROPPING.error(&error);
        let closed = if is_dropping(row) { row.version } else { self.close(namespace, row).await? };
        self.known.remove(namespace);
        let rows = DROP_ROWS.min(self.store.limits().commit_rows_max);
        for table in self.tables(namespace)? {
            let mut after: Option<Key> = None;
            loop {
                let page = self.store.scan_table(&table, after.as_ref(), rows).await.map_err(failed)?;
                let keys = page.records.iter().map(|record| record.key.clone());
                let commit = keys.fold(Commit::new(), |commit, key| commit.delete(&table, key));
                if !commit.is_empty() {
                    self.store.commit(commit).await.map_err(failed)?;
                }
                after = page.records.last().map(|record| record.key.clone());
                if !page.more {
                    break;
                }
            }
        }
        let commit = Commit::new()
            .expect_version(&self.registry, key(namespace), closed)
            .delete(&self.registry, key(namespace));
        self.store.commit(commit).await.map_err(failed)?;
        Ok(())
    }

    /// A new generation, too: commits that are under way are refused by their fence.
    async fn close(&self, namespace: &str, row: &Record) -> Result<Version> {
        let closed = Row::new(vec![
            Some(Value::Int(self.fresh_generation())),
            Some(Value::Bool(true)),
            row.row.value(CREATED_AT).cloned(),
        ]);
        let commit = Commit::new().expect_version(&self.registry, key(namespace), row.version).put(
            &self.registry,
            key(namespace),
            closed,
        );
        self.store.commit(commit).await.map_err(|error| DROPPING.error(&error))
    }

    fn fresh_generation(&self) -> i64 {
        // Not 0, which is `default`.
        (i64::from_be_bytes(random::array(&*self.random)) & i64::MAX).max(1)
    }
}

const GENERATION: usize = 0;
const DROPPING_FLAG: usize = 1;
const CREATED_AT: usize = 2;
/// All namespaces stand in one partition.
const PARTITION: i64 = 0;
/// Namespaces known at one time.
const KNOWN_MAX: usize = 10_000;
const PAGE_ROWS: usize = 1_000;
/// Rows read and deleted at a time, or fewer where a commit takes fewer: each may be a megabyte.
const DROP_ROWS: usize = 25;
const NAME_BYTES_MAX: usize = 256;

const CREATING_TABLE: Access = Access::common(10, "Creating the namespace table failed");
const CREATING: Access = Access::common(11, "Creating the namespace failed");
const SCANNING: Access = Access::common(12, "Scanning the namespaces failed");
const DROPPING: Access = Access::common(13, "Dropping the namespace failed");

fn key(namespace: &str) -> Key {
    Key::of(PARTITION).at(namespace)
}

fn check(namespace: &str) -> Result<()> {
    let is_name = namespace.len() <= NAME_BYTES_MAX
        && namespace.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name {
        return Err(errors::invalid_namespace(namespace));
    }
    if namespace == DEFAULT_NAMESPACE {
        let text = format!(
            "The specified namespace is reserved and cannot be created or deleted. Name: {namespace}"
        );
        return Err(Error::numbered(StatusCode::InvalidArgument, "COMMON", 21, text));
    }
    Ok(())
}

fn is_dropping(row: &Record) -> bool {
    row.bool(DROPPING_FLAG) == Some(true)
}

fn generation_of(row: &Record) -> Result<i64> {
    row.int(GENERATION)
        .filter(|generation| *generation != 0)
        .ok_or_else(|| errors::unexpected_record("a namespace without its generation"))
}

fn exists() -> Error {
    Error::numbered(
        StatusCode::NamespaceAlreadyExists,
        "COMMON",
        1,
        "The specified namespace already exists.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustkeep_chassis::clock::{ManualClock, Timestamp};
    use trustkeep_crypto::random::Seeded;
    use trustkeep_store::MemoryStore;

    struct World {
        store: SharedStore,
        clock: Arc<ManualClock>,
    }

    impl World {
        fn new() -> Self {
            Self {
                store: Arc::new(MemoryStore::new()),
                clock: Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)),
            }
        }

        fn namespaces(&self, seed: u64) -> Result<Namespaces> {
            let none: TablesOf = Arc::new(|_| Ok(vec![]));
            let random = Arc::new(Seeded::new(seed));
            Namespaces::new(Arc::clone(&self.store), "scalar", none, self.clock.clone(), random)
        }
    }

    #[tokio::test]
    async fn a_namespace_is_made_listed_and_dropped_with_what_is_in_it() -> Result<()> {
        let world = World::new();
        let namespaces = world.namespaces(1)?;
        namespaces.create_tables().await?;
        assert_eq!(namespaces.list("").await?, r#"{"namespaces":["default"]}"#);
        for name in ["ns2", "Ns1", "a_b"] {
            namespaces.create(name).await?;
        }
        assert_eq!(namespaces.list("").await?, r#"{"namespaces":["Ns1","a_b","default","ns2"]}"#);
        assert_eq!(namespaces.list("ns").await?, r#"{"namespaces":["ns2"]}"#);
        assert_eq!(namespaces.list("faul").await?, r#"{"namespaces":["default"]}"#);
        assert!(namespaces.create("ns2").await.unwrap_err().message.starts_with("DL-COMMON-416001"));

        let tables = Tables::of("scalar", "ns2")?;
        let certificates = (0..60).map(|version| Key::of("alice").at(version));
        let filled = certificates.fold(Commit::new(), |commit, key| {
            let row = Row::new(vec![Some("pem".into()), Some(Value::Int(0))]);
            commit.put(&tables.certificate, key, row)
        });
        world.store.commit(filled).await.unwrap();
        let before = namespaces.generation("ns2").await?;
        namespaces.remove("ns2").await?;
        assert!(namespaces.generation("ns2").await.unwrap_err().message.starts_with("DL-COMMON-417001"));
        assert!(namespaces.remove("ns2").await.unwrap_err().message.starts_with("DL-COMMON-417001"));
        namespaces.create("ns2").await?;
        assert!(world.store.scan_table(&tables.certificate, None, 10).await.unwrap().records.is_empty());
        assert_ne!(namespaces.generation("ns2").await?, before);
        Ok(())
    }

    #[tokio::test]
    async fn names_are_checked() -> Result<()> {
        let namespaces = World::new().namespaces(1)?;
        namespaces.create_tables().await?;
        for (name, message) in
            [("", "414019"), ("1a", "414019"), ("a-b", "414019"), ("é", "414019"), ("default", "414021")]
        {
            assert!(namespaces.create(name).await.unwrap_err().message.contains(message));
            assert!(namespaces.remove(name).await.unwrap_err().message.contains(message));
        }
        assert_eq!(namespaces.generation("default").await?, Generation(0));
        assert_eq!(namespaces.generation("a/b").await.unwrap_err().code, StatusCode::NamespaceNotFound);
        Ok(())
    }

    #[tokio::test]
    async fn another_process_learns_of_a_drop_and_its_commits_are_fenced() -> Result<()> {
        let world = World::new();
        let (here, there) = (world.namespaces(1)?, world.namespaces(2)?);
        here.create_tables().await?;
        here.create("ns").await?;
        let generation = there.generation("ns").await?;
        here.remove("ns").await?;
        here.create("ns").await?;
        assert_eq!(there.known("ns"), Some(generation));
        let fence = there.fence("ns", generation).ok_or_else(|| Error::runtime("no fence"))?;
        assert!(world.store.commit(Commit::new().expect(fence)).await.is_err());
        world.clock.advance(KNOWN_FOR);
        assert_ne!(there.generation("ns").await?, generation);
        Ok(())
    }

    #[tokio::test]
    async fn a_drop_that_was_interrupted_is_finished() -> Result<()> {
        let world = World::new();
        let namespaces = world.namespaces(1)?;
        namespaces.create_tables().await?;
        namespaces.create("ns").await?;
        let row = namespaces.row("ns", DROPPING).await?.ok_or_else(exists)?;
        namespaces.close("ns", &row).await?;
        assert_eq!(namespaces.list("ns").await?, r#"{"namespaces":[]}"#);
        assert!(namespaces.generation("ns").await.is_err());
        namespaces.create("ns").await?;
        assert!(namespaces.generation("ns").await.is_ok());
        Ok(())
    }
}
