//! The book: all records, in memory to be read without waiting and in the store to outlive the process.
//!
//! There is one writer, this process. A change is decided over what stands in the book, committed as one, and then seen by every reader; what
//! was refused or could not be stored is not seen by anybody.

mod changes;
mod estate;
mod tables;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};
use trustkeep_store::{Error as StoreError, SharedStore, Table};

pub use changes::Changes;
pub use estate::{Estate, Sight, Stage};

use crate::model::{Disk, Group, Node, Unit};

/// All records.
#[derive(Debug)]
pub struct Book {
    store: SharedStore,
    tables: tables::Tables,
    /// One change at a time. `true`: what is in memory may differ from the store and is read anew first.
    gate: Mutex<bool>,
    page: RwLock<Arc<Page>>,
    turned: watch::Sender<u64>,
}

/// Everything as it stood at one moment. Cheap to clone where it is not changed.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Unit groups by `vcid`.
    pub groups: BTreeMap<String, Arc<Group>>,
    /// Existing servers that were ever used, by address.
    pub servers: BTreeMap<IpAddr, Arc<Server>>,
    /// What units left, and what is there of those that are being added, by their custody.
    pub estates: BTreeMap<String, Arc<Estate>>,
    /// The number that the next unit group gets.
    pub next_vcno: i64,
}

/// An existing server, which outlives the nodes on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Where it is.
    pub address: IpAddr,
    /// The host key that it showed first.
    pub host_key: Option<String>,
    /// The node that is on it: `node_id`.
    pub node_id: Option<String>,
    /// How it was logged in to: user and port, for removing what is left on it.
    pub login: Option<(String, u16)>,
    /// Nodes that were forgotten while it could not be reached: their containers go when it returns.
    pub left: Vec<String>,
}

/// A node or disk, with all that it stands in.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// Its unit group.
    pub group: Arc<Group>,
    /// Its unit.
    pub unit: Arc<Unit>,
    /// Itself.
    pub item: Arc<T>,
}

/// A change did not take place.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// The decision was against it.
    #[error("{0}")]
    Refused(E),
    /// The store did not take it.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl Book {
    /// The tables that it stands in.
    ///
    /// # Errors
    /// Never in practice: the names are fixed.
    pub fn tables() -> Result<Vec<Table>, StoreError> {
        Ok(tables::Tables::define()?.all())
    }

    /// Reads all records.
    ///
    /// # Errors
    /// The store's; [`StoreError::Corrupt`] for a record that cannot be read.
    pub async fn open(store: SharedStore) -> Result<Self, StoreError> {
        let tables = tables::Tables::define()?;
        let page = tables.read(&*store).await?;
        Ok(Self {
            store,
            tables,
            gate: Mutex::new(false),
            page: RwLock::new(Arc::new(page)),
            turned: watch::Sender::new(0),
        })
    }

    /// Everything as it stands now.
    pub fn page(&self) -> Arc<Page> {
        self.page.read().clone()
    }

    /// Tells of every change from now on.
    pub fn turns(&self) -> watch::Receiver<u64> {
        self.turned.subscribe()
    }

    /// Decides over what stands, and carries the changes out as one.
    ///
    /// # Errors
    /// The decision's own refusal, or the store's; nothing has changed then.
    pub async fn change<T, E>(
        &self,
        decide: impl FnOnce(&Page, &mut Changes) -> Result<T, E>,
    ) -> Result<T, ChangeError<E>> {
        let mut is_stale = self.gate.lock().await;
        if *is_stale {
            let page = self.tables.read(&*self.store).await?;
            *self.page.write() = Arc::new(page);
            *is_stale = false;
        }
        let before = self.page();
        let mut changes = Changes::default();
        let outcome = decide(&before, &mut changes).map_err(ChangeError::Refused)?;
        if changes.is_empty() {
            return Ok(outcome);
        }
        let commit = self.tables.commit(&changes)?;
        // From here to the end of the commit this may be dropped: then nobody knows what the store has.
        *is_stale = true;
        let mut attempt = 1;
        loop {
            match self.store.commit(commit.clone()).await {
                Ok(_) => break,
                // Whole records without expectations: writing them twice is writing them once.
                Err(error) if is_passing(&error) && attempt < ATTEMPTS_MAX => {
                    tracing::warn!(%error, attempt, "the store did not take a change; trying again");
                    tokio::time::sleep(PAUSE * attempt).await;
                    attempt += 1;
                }
                Err(error) => {
                    *is_stale = matches!(error, StoreError::OutcomeUnknown(_));
                    return Err(error.into());
                }
            }
        }
        let mut page = Page::clone(&before);
        changes.apply(&mut page);
        *self.page.write() = Arc::new(page);
        *is_stale = false;
        self.turned.send_modify(|turn| *turn += 1);
        Ok(outcome)
    }
}

impl Page {
    /// A node, wherever it stands.
    pub fn node(&self, vcid: &str, node_id: &str) -> Option<Found<Node>> {
        let group = self.groups.get(vcid)?;
        let (unit, node) = group.node(node_id)?;
        Some(Found { group: group.clone(), unit: unit.clone(), item: node.clone() })
    }

    /// A disk, wherever it stands.
    pub fn disk(&self, vcid: &str, disk_id: &str) -> Option<Found<Disk>> {
        let group = self.groups.get(vcid)?;
        let found = group.units.values().find_map(|unit| Some((unit, unit.disk(disk_id)?)));
        found.map(|(unit, disk)| Found { group: group.clone(), unit: unit.clone(), item: disk.clone() })
    }

    /// Every unit.
    pub fn units(&self) -> impl Iterator<Item = (&Arc<Group>, &Arc<Unit>)> {
        self.groups.values().flat_map(|group| group.units.values().map(move |unit| (group, unit)))
    }

    /// Every node.
    pub fn nodes(&self) -> impl Iterator<Item = (&Arc<Group>, &Arc<Unit>, &Arc<Node>)> {
        self.units().flat_map(|(group, unit)| unit.nodes.iter().map(move |node| (group, unit, node)))
    }

    /// Every disk.
    pub fn disks(&self) -> impl Iterator<Item = (&Arc<Group>, &Arc<Unit>, &Arc<Disk>)> {
        self.units().flat_map(|(group, unit)| unit.disks.iter().map(move |disk| (group, unit, disk)))
    }

    /// Whether a node is attached to this disk.
    pub fn is_in_use(&self, disk_id: &str) -> bool {
        self.nodes().any(|(_, unit, _)| unit.spec.volumes.disks.iter().any(|disk| disk == disk_id))
    }

    /// A server, as it is known or new.
    pub fn server(&self, address: IpAddr) -> Server {
        self.servers.get(&address).map(|server| Server::clone(server)).unwrap_or_else(|| Server {
            address,
            host_key: None,
            node_id: None,
            login: None,
            left: Vec::new(),
        })
    }
}

fn is_passing(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_))
}

const ATTEMPTS_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);
