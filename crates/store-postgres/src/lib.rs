//! The store on PostgreSQL (14 and newer).
//!
//! Tables are ordinary tables: `auditor.asset_lock` is the table `asset_lock` in the schema `auditor`, with one
//! column of native type for each key part and column (`text COLLATE "C"`, `bytea`, `bigint`, `boolean`) and a
//! `version bigint`. [`schema_ddl`] prints what [`PostgresStore`] would make.
//!
//! Commits of many callers travel in groups, each group in one round trip and one transaction; reads are
//! pipelined on connections of their own. Broken connections are made anew, and what a broken connection was
//! at is found out before it is answered.
//!
//! Not here: connection poolers that give a session's statements to different servers (PgBouncer in transaction
//! mode) cannot be used, because sessions hold locks. Rows changed with other tools while a service runs are
//! not protected by its locks; give such changes a new `version` from the sequence `trustkeep.version`.
//!
//! # Invariants
//! - All that a group does is one transaction; its commits take effect one after the other inside it.
//! - Whoever writes rows holds their advisory locks, whoever decides by rows shares them, until the transaction
//!   ends. Locks are taken in one order, so that stores of several processes never wait in a circle.
//! - A version is taken from a sequence before it is used, and used for one commit only.
//! - A commit is tried again only when the server says that it was undone, or when the writer's mark shows that
//!   it never happened.
//!
//! # Example
//! ```no_run
//! use trustkeep_store::{ColumnType, Commit, Key, Row, Store, Table};
//! use trustkeep_store_postgres::{PostgresSettings, PostgresStore};
//!
//! # async fn example() -> trustkeep_store::Result<()> {
//! let settings = PostgresSettings::parse("postgresql://vault@db.example/trust?sslmode=verify-full")?;
//! let store = PostgresStore::open(settings).await?;
//! let table = Table::define("vault", "entry").partition("path", ColumnType::Text).build()?;
//! store.create_tables(std::slice::from_ref(&table)).await?;
//! store.commit(Commit::new().put(&table, Key::of("a"), Row::default())).await?;
//! # Ok(())
//! # }
//! ```

mod committer;
mod failure;
mod names;
mod pipeline;
mod plan;
mod reads;
mod schema;
mod session;
mod settings;
mod tls;
mod value;
mod writer;

pub use schema::schema_ddl;
pub use settings::PostgresSettings;

use std::sync::Arc;

use trustkeep_store::{Commit, Key, Limits, Page, Record, Result, Scan, Store, Table, Version};

use committer::Committer;
use names::Names;
use reads::Reads;
use session::Session;

/// The format of what stands in the database. A store of a newer one is refused.
pub(crate) const FORMAT: i32 = 1;

/// What PostgreSQL takes. An index entry holds at most 2,704 bytes, the key of a row among them, so that the
/// clustering key has less room than elsewhere.
const LIMITS: Limits = Limits { clustering_bytes_max: 512, ..Limits::WIDE };

/// A store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    settings: Arc<PostgresSettings>,
    names: Names,
    reads: Reads,
    committer: Committer,
}

impl PostgresStore {
    /// Connects, and refuses a store that a newer version wrote. Call it within a Tokio runtime.
    ///
    /// # Errors
    /// [`Error::Unavailable`](trustkeep_store::Error::Unavailable), `Denied` if the login is refused, `Schema` if the database is
    /// missing or newer, `Invalid` for settings out of bounds.
    pub async fn open(settings: PostgresSettings) -> Result<Self> {
        settings.check()?;
        let names = Names::new(&settings.schema_prefix);
        schema::check_store(&mut Session::connect(&settings).await?, &names).await?;
        let settings = Arc::new(settings);
        let reads = Reads::new(&settings, names.clone());
        let committer = Committer::start(&settings, &names);
        Ok(PostgresStore { settings, names, reads, committer })
    }
}

#[async_trait::async_trait]
impl Store for PostgresStore {
    fn limits(&self) -> Limits {
        LIMITS
    }

    async fn create_tables(&self, tables: &[Table]) -> Result<()> {
        let mut session = Session::connect(&self.settings).await?;
        schema::create_tables(&mut session, &self.names, tables).await
    }

    async fn get(&self, table: &Table, key: &Key) -> Result<Option<Arc<Record>>> {
        table.check_key(key)?;
        LIMITS.check_key(table, key)?;
        self.reads.get(table, key).await
    }

    async fn scan(&self, table: &Table, scan: &Scan) -> Result<Page> {
        scan.check(table, &LIMITS)?;
        self.reads.scan(table, scan).await
    }

    async fn scan_table(&self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page> {
        after.map_or(Ok(()), |key| table.check_key(key))?;
        self.reads.scan_table(table, after, limit.max(1)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version> {
        commit.check(&LIMITS)?;
        if commit.is_empty() {
            return Ok(Version(0));
        }
        self.committer.commit(commit).await
    }
}
