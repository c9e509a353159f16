//! The users, in a table of the controller's store.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use trustkeep_chassis::clock::SharedClock;
use trustkeep_store::ColumnType::{Int, Text};
use trustkeep_store::{Commit, Error as StoreError, Key, Record, Row, Scan, SharedStore, Table};

use super::{DEFAULT_USER, UserRole};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its name: up to 64 letters, digits and `. _ - @ +`.
    pub name: String,
    /// What it may do.
    pub role: UserRole,
    /// When it was added, to the second.
    pub created_at: Timestamp,
}

/// Something is wrong with a name or a role, or the store does not answer. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// It is there already.
    #[error("user {0} already exists; `vcc user modify` changes its role")]
    Exists(String),
    /// There is none of this name.
    #[error("user {0} does not exist; `vcc user list` shows who does")]
    Unknown(String),
    /// Not a name.
    #[error(
        "user_name {0:?} is not a user's name: it has 1 to 64 letters, digits and . _ - @ +, a letter or digit first"
    )]
    Name(String),
    /// Not a role.
    #[error("user_role {0:?} is neither super nor regular")]
    Role(String),
    /// Too many.
    #[error("there are {USERS_MAX} users, which is as many as there can be")]
    Full,
    /// The user owns unit groups.
    #[error("user {name} owns VC(s): {}; clean them up or change their owner first, or delete the user with --force, which leaves them", owned.join(", "))]
    Owner {
        /// The user.
        name: String,
        /// The unit groups' names.
        owned: Vec<String>,
    },
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// All users. Every change is in the store when it is acknowledged; every reader sees it from then on.
#[derive(Clone)]
pub struct Accounts {
    store: SharedStore,
    table: Table,
    clock: SharedClock,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Accounts {
    /// The table that they stand in.
    ///
    /// # Errors
    /// Never in practice: the names are fixed.
    pub fn table() -> Result<Table, StoreError> {
        Table::define("controller", "user")
            .partition("kind", Text)
            .clustering("name", Text)
            .column("role", Text)
            .column("created_at", Int)
            .build()
    }

    /// Opens them, in a store that has the table; the first time makes the user `nobody`.
    ///
    /// # Errors
    /// The store's.
    pub async fn open(store: SharedStore, clock: SharedClock) -> Result<Self, StoreError> {
        let accounts = Self { store, table: Self::table()?, clock };
        let first = accounts.store.scan(&accounts.table, &Scan::partition(USERS, 1)).await?;
        if first.records.is_empty() {
            match accounts.add(DEFAULT_USER, UserRole::Regular).await {
                // Another one was as quick.
                Ok(_) | Err(AccountError::Exists(_)) => {}
                Err(AccountError::Store(error)) => return Err(error),
                Err(error) => return Err(StoreError::Invalid(error.to_string())),
            }
        }
        Ok(accounts)
    }

    /// Everybody, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self) -> Result<Vec<User>, StoreError> {
        let mut users: Vec<User> = Vec::new();
        while users.len() < USERS_MAX {
            let mut scan = Scan::partition(USERS, PAGE_ROWS);
            if let Some(last) = users.last() {
                scan = scan.after(last.name.as_str());
            }
            let page = self.store.scan(&self.table, &scan).await?;
            for record in &page.records {
                users.push(self.read(record)?);
            }
            if page.records.is_empty() || !page.more {
                break;
            }
        }
        Ok(users)
    }

    /// One user.
    ///
    /// # Errors
    /// The store's.
    pub async fn find(&self, name: &str) -> Result<Option<User>, StoreError> {
        if check_name(name).is_err() {
            return Ok(None);
        }
        let record = self.store.get(&self.table, &key(name)).await?;
        record.map(|record| self.read(&record)).transpose()
    }

    /// One user that has to be there.
    ///
    /// # Errors
    /// [`AccountError::Unknown`], and the store's.
    pub async fn get(&self, name: &str) -> Result<User, AccountError> {
        check_name(name)?;
        self.find(name).await?.ok_or_else(|| AccountError::Unknown(name.to_owned()))
    }

    /// Adds a user.
    ///
    /// # Errors
    /// It is there already, its name is none, there are too many; the store's.
    pub async fn add(&self, name: &str, role: UserRole) -> Result<User, AccountError> {
        check_name(name)?;
        if self.list().await?.len() >= USERS_MAX {
            return Err(AccountError::Full);
        }
        let created_at = Timestamp::from_second(self.clock.now().as_second()).unwrap_or_default();
        let user = User { name: name.to_owned(), role, created_at };
        let commit =
            Commit::new().expect_absent(&self.table, key(name)).put(&self.table, key(name), row(&user));
        match self.store.commit(commit).await {
            Ok(_) => Ok(user),
            Err(StoreError::Conflict { .. }) => Err(AccountError::Exists(name.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a user another role, which holds from its next request on.
    ///
    /// # Errors
    /// [`AccountError::Unknown`]; the store's.
    pub async fn modify(&self, name: &str, role: UserRole) -> Result<User, AccountError> {
        let user = User { role, ..self.get(name).await? };
        self.replace(name, |commit| commit.put(&self.table, key(name), row(&user))).await?;
        Ok(user)
    }

    /// Removes a user; its tokens are refused from then on.
    ///
    /// # Errors
    /// [`AccountError::Unknown`]; the store's.
    pub async fn delete(&self, name: &str) -> Result<(), AccountError> {
        check_name(name)?;
        self.replace(name, |commit| commit.delete(&self.table, key(name))).await
    }

    /// Changes a row that is there, whatever it holds by then.
    async fn replace(&self, name: &str, change: impl Fn(Commit) -> Commit) -> Result<(), AccountError> {
        let mut attempts = 1;
        loop {
            let record = self.store.get(&self.table, &key(name)).await?;
            let record = record.ok_or_else(|| AccountError::Unknown(name.to_owned()))?;
            let commit = Commit::new().expect_version(&self.table, key(name), record.version);
            match self.store.commit(change(commit)).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) if attempts < ATTEMPTS_MAX => attempts += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn read(&self, record: &Record) -> Result<User, StoreError> {
        let name = record.key.clustering.as_ref().and_then(|name| name.as_text());
        let role = record.text(0).and_then(|role| role.parse().ok());
        let created_at = record.int(1).and_then(|second| Timestamp::from_second(second).ok());
        match (name, role, created_at) {
            (Some(name), Some(role), Some(created_at)) => {
                Ok(User { name: name.to_owned(), role, created_at })
            }
            _ => Err(StoreError::Corrupt(format!("{}: the record of {name:?}", self.table.qualified()))),
        }
    }
}

fn key(name: &str) -> Key {
    Key::of(USERS).at(name)
}

fn row(user: &User) -> Row {
    Row::new(vec![Some(user.role.name().into()), Some(user.created_at.as_second().into())])
}

fn check_name(name: &str) -> Result<(), AccountError> {
    let is_name = name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte));
    if is_name { Ok(()) } else { Err(AccountError::Name(name.chars().take(NAME_BYTES_MAX).collect())) }
}

const USERS: &str = "user";
const NAME_BYTES_MAX: usize = 64;
/// A list is one answer; an institution has fewer.
const USERS_MAX: usize = 10_000;
const PAGE_ROWS: usize = 500;
const ATTEMPTS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use trustkeep_chassis::clock::SystemClock;
    use trustkeep_store::{MemoryStore, Store as _};

    use super::*;

    async fn accounts() -> Accounts {
        let store = Arc::new(MemoryStore::new());
        store.create_tables(&[Accounts::table().unwrap()]).await.unwrap();
        Accounts::open(store, SystemClock::shared()).await.unwrap()
    }

    #[tokio::test]
    async fn users_come_change_and_go() {
        let accounts = accounts().await;
        let names = |users: Vec<User>| users.into_iter().map(|user| user.name).collect::<Vec<_>>();
        assert_eq!(accounts.get("nobody").await.unwrap().role, UserRole::Regular);
        accounts.add("yamada", UserRole::Regular).await.unwrap();
        assert!(matches!(accounts.add("yamada", UserRole::Super).await, Err(AccountError::Exists(_))));
        assert_eq!(accounts.modify("yamada", UserRole::Super).await.unwrap().role, UserRole::Super);
        assert_eq!(accounts.get("yamada").await.unwrap().role, UserRole::Super);
        assert_eq!(names(accounts.list().await.unwrap()), ["nobody", "yamada"]);
        accounts.delete("yamada").await.unwrap();
        assert!(matches!(accounts.delete("yamada").await, Err(AccountError::Unknown(_))));
        assert!(matches!(accounts.modify("yamada", UserRole::Super).await, Err(AccountError::Unknown(_))));
        assert_eq!(names(accounts.list().await.unwrap()), ["nobody"]);
    }

    #[tokio::test]
    async fn nobody_stays_away_once_somebody_removed_it() {
        let accounts = accounts().await;
        accounts.add("root", UserRole::Super).await.unwrap();
        accounts.delete("nobody").await.unwrap();
        let again = Accounts::open(accounts.store.clone(), SystemClock::shared()).await.unwrap();
        assert!(again.find("nobody").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn more_users_than_a_page_are_all_listed() {
        let accounts = accounts().await;
        let mut commit = Commit::new();
        for n in 0..1_200 {
            let user = User {
                name: format!("user{n:04}"),
                role: UserRole::Regular,
                created_at: Timestamp::UNIX_EPOCH,
            };
            commit = commit.put(&accounts.table, key(&user.name), row(&user));
            if n % 50 == 49 {
                accounts.store.commit(std::mem::take(&mut commit)).await.unwrap();
            }
        }
        assert_eq!(accounts.list().await.unwrap().len(), 1_201);
    }

    #[tokio::test]
    async fn what_is_no_name_is_refused() {
        let accounts = accounts().await;
        let long = "a".repeat(65);
        for name in ["", "a b", "../x", "-f", "a/b", "日本", "a\n", long.as_str()] {
            let refused = accounts.add(name, UserRole::Regular).await;
            assert!(matches!(refused, Err(AccountError::Name(_))), "{name:?}");
            assert!(accounts.find(name).await.unwrap().is_none());
        }
        assert!("admin".parse::<UserRole>().is_err());
    }
}
