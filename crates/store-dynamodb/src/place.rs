//! A logical table resolved to its physical one: attribute names, key mapping, and whose row is whose.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;
use trustkeep_store::{ColumnType, Error, Key, Limits, Result, Table, Value};

use crate::{Layout, Settings};

/// A key of the physical table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PhysicalKey {
    pub(crate) partition: Value,
    pub(crate) clustering: Option<Value>,
}

/// A row of a physical table: what two commits must not both write at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RowId {
    pub(crate) table: Arc<str>,
    pub(crate) key: PhysicalKey,
}

/// A key attribute of the physical table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyAttribute {
    pub(crate) name: String,
    pub(crate) kind: ColumnType,
}

/// Where a logical table lies.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) logical: Table,
    pub(crate) table: Arc<str>,
    pub(crate) partition: KeyAttribute,
    pub(crate) clustering: Option<KeyAttribute>,
    /// Attribute names, one a column.
    pub(crate) columns: Vec<String>,
    pub(crate) version: String,
    pub(crate) claim: Claim,
    /// The claims of other logical tables of the same physical table that come before ours.
    closer: Vec<Claim>,
}

/// Which rows of a shared table are a logical table's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) fixed: Option<String>,
    pub(crate) prefix: String,
}

/// Resolves tables; caches what it found.
#[derive(Debug)]
pub(crate) struct Places {
    prefix: String,
    layouts: BTreeMap<String, Layout>,
    cache: RwLock<HashMap<String, Arc<Place>>>,
}

impl Places {
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let shared: Vec<_> = settings
            .layouts
            .iter()
            .filter_map(|(name, layout)| match layout {
                Layout::Within(within) => Some((name, &within.table, Claim::of(layout))),
                Layout::Own(_) => None,
            })
            .collect();
        for (index, (name, table, claim)) in shared.iter().enumerate() {
            let twin = shared.iter().skip(index + 1).find(|other| other.1 == *table && other.2 == *claim);
            if let Some((other, ..)) = twin {
                return Err(Error::Invalid(format!(
                    "{name} and {other} lie in the same rows of the table {table}: give one a key prefix"
                )));
            }
        }
        Ok(Places {
            prefix: settings.table_prefix.clone(),
            layouts: settings.layouts.clone(),
            cache: RwLock::default(),
        })
    }

    pub(crate) fn of(&self, table: &Table) -> Result<Arc<Place>> {
        if let Some(place) = self.cache.read().get(table.qualified())
            && place.logical == *table
        {
            return Ok(place.clone());
        }
        let place = Arc::new(self.resolve(table)?);
        self.cache.write().insert(table.qualified().to_owned(), place.clone());
        Ok(place)
    }

    fn resolve(&self, table: &Table) -> Result<Place> {
        let default = Layout::Own(crate::Own::default());
        let layout = self.layouts.get(table.qualified()).unwrap_or(&default);
        layout.check_table(table)?;
        let attribute =
            |column: &str| layout.attributes().get(column).cloned().unwrap_or_else(|| column.to_owned());
        let (physical, partition, clustering) = match layout {
            Layout::Own(own) => {
                let name = || format!("{}{}", self.prefix, table.qualified());
                let key = |column: &trustkeep_store::Column| KeyAttribute {
                    name: attribute(&column.name),
                    kind: column.kind,
                };
                (own.table.clone().unwrap_or_else(name), key(table.partition()), table.clustering().map(key))
            }
            Layout::Within(within) => {
                let key = |name: &str| KeyAttribute { name: name.to_owned(), kind: ColumnType::Text };
                (
                    within.table.clone(),
                    key(&within.partition_attribute),
                    Some(key(&within.clustering_attribute)),
                )
            }
        };
        check_table_name(&physical)?;
        let claim = Claim::of(layout);
        let closer = self.closer_claims(table.qualified(), &physical, &claim);
        let columns: Vec<_> = table.columns().iter().map(|column| attribute(&column.name)).collect();
        let version = attribute("version");
        let mut names = HashSet::new();
        let keys = [Some(&partition), clustering.as_ref()].into_iter().flatten().map(|key| &key.name);
        if let Some(twice) = keys.chain(&columns).chain([&version]).find(|name| !names.insert(*name)) {
            return Err(Error::Schema(format!(
                "the layout of {} uses the attribute {twice} twice",
                table.qualified()
            )));
        }
        Ok(Place {
            logical: table.clone(),
            columns,
            version,
            table: physical.into(),
            partition,
            clustering,
            claim,
            closer,
        })
    }

    fn closer_claims(&self, qualified: &str, physical: &str, ours: &Claim) -> Vec<Claim> {
        let others = self.layouts.iter().filter(|(name, layout)| {
            *name != qualified && matches!(layout, Layout::Within(within) if within.table == physical)
        });
        others.map(|(_, layout)| Claim::of(layout)).filter(|claim| claim.rank() > ours.rank()).collect()
    }
}

impl Place {
    /// Where a logical key lies.
    ///
    /// # Errors
    /// [`Error::Invalid`] if that row belongs to another logical table, [`Error::Limit`] if the key is too
    /// long once its prefix stands before it.
    pub(crate) fn physical(&self, key: &Key, limits: &Limits) -> Result<PhysicalKey> {
        let physical = match (&self.claim.fixed, &key.clustering) {
            (Some(fixed), _) => PhysicalKey {
                partition: Value::Text(fixed.clone()),
                clustering: Some(self.prefixed(&key.partition)),
            },
            (None, clustering) => PhysicalKey {
                partition: key.partition.clone(),
                clustering: clustering.as_ref().map(|value| self.prefixed(value)),
            },
        };
        let found = physical.clustering.as_ref().map_or(0, Value::size);
        if found > limits.clustering_bytes_max {
            return Err(Error::Limit {
                what: format!("bytes of a key of {} with its prefix", self.logical.qualified()),
                found,
                max: limits.clustering_bytes_max,
            });
        }
        if !self.owns(&physical) {
            return Err(Error::Invalid(format!(
                "the key {key:?} of {} belongs to another table that shares {}",
                self.logical.qualified(),
                self.table
            )));
        }
        Ok(physical)
    }

    /// The logical key of a physical one; `None` if it belongs to another table.
    pub(crate) fn logical(&self, physical: PhysicalKey) -> Option<Key> {
        if !self.owns(&physical) {
            return None;
        }
        let clustering = match physical.clustering {
            Some(value) => Some(self.without_prefix(value)?),
            None => None,
        };
        Some(match (&self.claim.fixed, clustering) {
            (Some(_), Some(name)) => Key { partition: name, clustering: None },
            (_, clustering) => Key { partition: physical.partition, clustering },
        })
    }

    /// Whether a row of the physical table is this logical table's.
    pub(crate) fn owns(&self, key: &PhysicalKey) -> bool {
        self.claim.covers(key) && !self.closer.iter().any(|claim| claim.covers(key))
    }

    pub(crate) fn row(&self, key: PhysicalKey) -> RowId {
        RowId { table: self.table.clone(), key }
    }

    /// A RANGE value with the prefix before it.
    pub(crate) fn prefixed(&self, value: &Value) -> Value {
        match value {
            Value::Text(text) if !self.claim.prefix.is_empty() => {
                Value::Text(format!("{}{text}", self.claim.prefix))
            }
            other => other.clone(),
        }
    }

    fn without_prefix(&self, value: Value) -> Option<Value> {
        match value {
            Value::Text(text) if !self.claim.prefix.is_empty() => {
                text.strip_prefix(&self.claim.prefix).map(Value::from)
            }
            other => Some(other),
        }
    }
}

impl Claim {
    fn of(layout: &Layout) -> Self {
        match layout {
            Layout::Own(_) => Claim::default(),
            Layout::Within(within) => {
                Claim { fixed: within.fixed_partition.clone(), prefix: within.key_prefix.clone() }
            }
        }
    }

    fn covers(&self, key: &PhysicalKey) -> bool {
        let partition =
            self.fixed.as_ref().is_none_or(|fixed| key.partition.as_text() == Some(fixed.as_str()));
        let clustering = || key.clustering.as_ref().and_then(Value::as_text);
        partition && (self.prefix.is_empty() || clustering().is_some_and(|key| key.starts_with(&self.prefix)))
    }

    fn rank(&self) -> (bool, usize) {
        (self.fixed.is_some(), self.prefix.len())
    }
}

/// Checks a table name against DynamoDB's rule: 3 to 255 of `a-zA-Z0-9_.-`.
fn check_table_name(name: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if (3..=255).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::Invalid(format!("{name:?} cannot be a DynamoDB table: 3 to 255 of a-z, A-Z, 0-9, _ . -")))
}
