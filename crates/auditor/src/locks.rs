//! Locks of assets: who may not be disturbed between an order and its validation.
//!
//! A lock is a row, `asset_lock`, that also counts the asset's age. All locks of a request are taken in one commit
//! together with its request proof, and released in one commit together with the rows it writes: nobody ever holds
//! a part of what he asked for, so there is nothing to deadlock on, and nothing half written to mend.

use trustkeep_scalar_domain::asset::{AGE_MAX, AssetKey};
use trustkeep_scalar_rpc::Result;
use trustkeep_store::{Record, Row, Value, Version};

use crate::claims::Claim;
use crate::failure;

/// How many requests may read an asset at the same time; one more is told that it is in use.
pub(crate) const READERS_MAX: usize = 256;

/// A lock's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssetLock {
    /// The age of the asset's latest state; `None` if it has none.
    pub(crate) age: Option<u32>,
    /// Who holds it.
    pub(crate) holders: Holders,
}

/// Who holds an asset, by nonce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Holders {
    /// Nobody.
    #[default]
    None,
    /// Requests that only read it; at least one, each once.
    Readers(Vec<String>),
    /// The one request that writes it.
    Writer {
        /// Its nonce.
        nonce: String,
        /// What it read, as it will stand in its rows.
        input: String,
    },
}

/// A lock as it was seen in the store.
#[derive(Clone, Debug)]
pub(crate) struct SeenLock {
    /// What it says; free and without an age where there is no row.
    pub(crate) lock: AssetLock,
    /// The row's version; `None` where there is no row.
    pub(crate) version: Option<Version>,
}

impl Holders {
    /// The nonces of all of them.
    pub(crate) fn nonces(&self) -> &[String] {
        match self {
            Self::None => &[],
            Self::Readers(nonces) => nonces,
            Self::Writer { nonce, .. } => std::slice::from_ref(nonce),
        }
    }
}

impl AssetLock {
    /// The lock once this request has taken it.
    ///
    /// # Errors
    /// 504001 if someone writes the asset, 504002 if others read what is to be written.
    pub(crate) fn taken(&self, nonce: &str, write: bool, input: &str) -> Result<Self> {
        let holders = match (&self.holders, write) {
            (Holders::Writer { .. }, _) => return Err(failure::held_by_writer()),
            (Holders::Readers(_), true) => return Err(failure::in_use()),
            (Holders::None, true) => Holders::Writer { nonce: nonce.to_owned(), input: input.to_owned() },
            (Holders::None, false) => Holders::Readers(vec![nonce.to_owned()]),
            (Holders::Readers(readers), false) => {
                if readers.len() >= READERS_MAX {
                    return Err(failure::in_use());
                }
                let mut readers = readers.clone();
                readers.push(nonce.to_owned());
                Holders::Readers(readers)
            }
        };
        Ok(Self { age: self.age, holders })
    }

    /// Whether this request holds it, and for what it said.
    pub(crate) fn is_held_by(&self, nonce: &str, claim: &Claim) -> bool {
        self.age == claim.age
            && match &self.holders {
                Holders::None => false,
                Holders::Readers(nonces) => !claim.write && nonces.iter().any(|held| held == nonce),
                Holders::Writer { nonce: held, .. } => claim.write && held == nonce,
            }
    }

    /// The lock once this request has let go of it; `None` where no row is needed any more: nobody holds the
    /// asset and it has no state.
    ///
    /// # Errors
    /// 502 if the asset has no age left.
    pub(crate) fn released(&self, nonce: &str, written: bool) -> Result<Option<Self>> {
        let holders = match &self.holders {
            Holders::Readers(readers) => {
                let others: Vec<_> = readers.iter().filter(|held| *held != nonce).cloned().collect();
                if others.is_empty() { Holders::None } else { Holders::Readers(others) }
            }
            Holders::None | Holders::Writer { .. } => Holders::None,
        };
        let age = if written { Some(next_age(self.age)?) } else { self.age };
        Ok((age.is_some() || holders != Holders::None).then_some(Self { age, holders }))
    }

    /// The row, stamped with the time in milliseconds since 1970.
    pub(crate) fn row(&self, now: i64) -> Row {
        let (kind, input) = match &self.holders {
            Holders::None => (NONE, None),
            Holders::Readers(_) => (READ, None),
            Holders::Writer { input, .. } => (WRITE, Some(Value::from(input.as_str()))),
        };
        let nonces = self.holders.nonces();
        let count = i64::try_from(nonces.len()).unwrap_or(i64::MAX);
        let taken_by = (!nonces.is_empty()).then(|| serde_json::Value::from(nonces.to_vec()).to_string());
        Row::new(vec![
            Some(Value::Int(self.age.map_or(NO_AGE, i64::from))),
            Some(Value::Int(kind)),
            Some(Value::Int(count)),
            taken_by.map(Value::from),
            input,
            Some(Value::Int(now)),
        ])
    }
}

impl SeenLock {
    /// Reads a row; no row is a free lock of an asset without a state.
    ///
    /// # Errors
    /// 305009 and 305008 for a row that cannot be ours.
    pub(crate) fn of(key: &AssetKey, record: Option<&Record>) -> Result<Self> {
        let Some(record) = record else {
            return Ok(Self { lock: AssetLock { age: None, holders: Holders::None }, version: None });
        };
        let odd = || failure::lock_inconsistent(key);
        let age = match record.int(AGE) {
            Some(NO_AGE) => None,
            Some(age) => Some(u32::try_from(age).ok().filter(|age| *age <= AGE_MAX).ok_or_else(odd)?),
            None => return Err(odd()),
        };
        let nonces: Vec<String> = match record.text(TAKEN_BY) {
            Some(text) => serde_json::from_str(text).map_err(|_| odd())?,
            None => Vec::new(),
        };
        if record.int(COUNT).and_then(|count| usize::try_from(count).ok()) != Some(nonces.len()) {
            return Err(odd());
        }
        let holders = match (record.int(TYPE).ok_or_else(odd)?, nonces.len()) {
            (NONE, 0) => Holders::None,
            (READ, 1..) => Holders::Readers(nonces),
            (WRITE, 1) => {
                let input = record.text(INPUT).ok_or_else(odd)?.to_owned();
                Holders::Writer { nonce: nonces.into_iter().next().unwrap_or_default(), input }
            }
            (NONE | READ | WRITE, _) => return Err(odd()),
            (other, _) => return Err(failure::lock_type(other)),
        };
        Ok(Self { lock: AssetLock { age, holders }, version: Some(record.version) })
    }
}

/// The age of the state after the latest one.
///
/// # Errors
/// 502 if there is none left.
pub(crate) fn next_age(age: Option<u32>) -> Result<u32> {
    match age {
        None => Ok(0),
        Some(age) if age < AGE_MAX => Ok(age + 1),
        Some(_) => Err(trustkeep_scalar_rpc::Error::runtime("the asset has no age left")),
    }
}

/// How a lock says that its asset has no state yet.
const NO_AGE: i64 = -1;
const NONE: i64 = 0;
const READ: i64 = 1;
const WRITE: i64 = 2;
// Columns of `asset_lock`.
const AGE: usize = 0;
const TYPE: usize = 1;
const COUNT: usize = 2;
const TAKEN_BY: usize = 3;
const INPUT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use trustkeep_store::Key;

    fn key() -> AssetKey {
        AssetKey { namespace: "default".into(), id: "a".into() }
    }

    fn free(age: Option<u32>) -> AssetLock {
        AssetLock { age, holders: Holders::None }
    }

    fn record(lock: &AssetLock) -> Record {
        Record { key: Key::of("a"), version: Version(7), row: lock.row(1) }
    }

    #[test]
    fn readers_share_and_writers_do_not() -> Result<()> {
        let one = free(Some(4)).taken("n1", false, "{}")?;
        let two = one.taken("n2", false, "{}")?;
        assert_eq!(two.holders.nonces(), ["n1", "n2"]);
        assert!(two.taken("n3", true, "{}").unwrap_err().message.starts_with("DL-AUDITOR-504002"));
        let claim = Claim { age: Some(4), write: false };
        assert!(two.is_held_by("n2", &claim) && !two.is_held_by("n3", &claim));
        let left = two.released("n1", false)?.and_then(|lock| lock.released("n2", false).ok().flatten());
        assert_eq!(left, Some(free(Some(4))));

        let writer = free(Some(4)).taken("n1", true, "{}")?;
        for write in [false, true] {
            assert!(writer.taken("n2", write, "{}").unwrap_err().message.starts_with("DL-AUDITOR-504001"));
        }
        assert_eq!(writer.released("n1", true)?, Some(free(Some(5))));
        assert_eq!(writer.released("n1", false)?, Some(free(Some(4))));
        Ok(())
    }

    #[test]
    fn an_asset_that_never_came_to_be_leaves_no_row() -> Result<()> {
        let lock = free(None).taken("n", true, "{}")?;
        assert_eq!(lock.released("n", false)?, None);
        assert_eq!(lock.released("n", true)?, Some(free(Some(0))));
        assert!(free(Some(AGE_MAX)).taken("n", true, "{}")?.released("n", true).is_err());
        Ok(())
    }

    #[test]
    fn rows_come_back_and_odd_ones_are_refused() -> Result<()> {
        let input = r#"{"a":{"age":1}}"#;
        for lock in [
            free(None),
            free(Some(0)),
            free(Some(2)).taken("n\"1", false, "")?.taken("n2", false, "")?,
            free(None).taken("n", true, input)?,
        ] {
            let seen = SeenLock::of(&key(), Some(&record(&lock)))?;
            assert_eq!((seen.lock, seen.version), (lock, Some(Version(7))));
        }
        let mut values = record(&free(Some(1))).row.values().to_vec();
        values[TYPE] = Some(Value::Int(9));
        let odd = Record { key: Key::of("a"), version: Version(1), row: Row::new(values.clone()) };
        assert!(SeenLock::of(&key(), Some(&odd)).unwrap_err().message.starts_with("DL-AUDITOR-305009"));
        values[TYPE] = Some(Value::Int(WRITE));
        let odd = Record { key: Key::of("a"), version: Version(1), row: Row::new(values) };
        assert!(SeenLock::of(&key(), Some(&odd)).unwrap_err().message.starts_with("DL-AUDITOR-305008"));
        Ok(())
    }
}
