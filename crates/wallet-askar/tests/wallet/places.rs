//! Where the tests' wallets are.

use std::path::Path;

use aries_askar::Store;
use tempfile::TempDir;
use trustkeep_crypto::SecretString;
use trustkeep_wallet_askar::{AskarSettings, KeyDerivation, Options};

use crate::server;

/// A place for one wallet, empty at first.
pub(crate) enum Place {
    /// A folder, which goes with it.
    Folder(TempDir),
    /// A database on the server at this address.
    Database {
        /// `user[:password]@host:port`.
        server: String,
        /// Unique.
        name: String,
    },
}

impl Place {
    pub(crate) fn folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    /// On the server that tests share, if there is one.
    pub(crate) fn database() -> Option<Self> {
        Some(Self::on(server::shared()?))
    }

    pub(crate) fn on(server: String) -> Self {
        Self::Database { server, name: format!("wallet_{:016x}", rand::random::<u64>()) }
    }

    /// Both kinds, as far as there are.
    pub(crate) fn all() -> Vec<Self> {
        std::iter::once(Self::folder()).chain(Self::database()).collect()
    }

    /// Settings with a raw key, which costs no time.
    pub(crate) fn settings(&self) -> AskarSettings {
        self.settings_with(&raw_key(1), KeyDerivation::Raw)
    }

    pub(crate) fn settings_with(&self, key: &str, derivation: KeyDerivation) -> AskarSettings {
        let key = SecretString::new(key.to_owned());
        match self {
            Self::Folder(folder) => AskarSettings::sqlite(file(folder.path()), key, derivation),
            Self::Database { server, name } => {
                let (user, address) = server.split_once('@').unwrap();
                let (account, password) = user.split_once(':').unwrap_or((user, ""));
                let creds = format!(r#"{{"account":"{account}","password":"{password}"}}"#);
                let creds = SecretString::new(creds);
                let config = format!(r#"{{"url":"{address}","max_connections":5}}"#);
                let options = Options {
                    name: Some(name),
                    key: Some(&key),
                    storage_type: Some("postgres_storage"),
                    storage_config: Some(&config),
                    storage_creds: Some(&creds),
                    ..Options::default()
                };
                AskarSettings {
                    derivation: Some(derivation),
                    ..AskarSettings::from_options(&options).unwrap()
                }
            }
        }
    }

    /// Runs statements in it, and makes it if it is not there.
    pub(crate) async fn execute(&self, statements: &str) {
        use sqlx::{Connection as _, Executor as _};
        match self {
            Self::Folder(folder) => {
                let file = file(folder.path());
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                let options =
                    sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true);
                let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
                connection.execute(statements).await.unwrap();
                connection.close().await.unwrap();
            }
            Self::Database { server, name } => {
                let connect = async |database: &str| {
                    sqlx::PgConnection::connect(&format!("postgres://{server}/{database}")).await.unwrap()
                };
                let make = format!("CREATE DATABASE {name}");
                // It may be there.
                let _ = connect("postgres").await.execute(make.as_str()).await;
                connect(name).await.execute(statements).await.unwrap();
            }
        }
    }
}

/// A key, the same for the same number.
pub(crate) fn raw_key(number: u8) -> String {
    Store::new_raw_key(Some(&[number; 32])).unwrap().to_string()
}

fn file(folder: &Path) -> std::path::PathBuf {
    folder.join("wallet/test/sqlite.db")
}
