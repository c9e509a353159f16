//! Where a wallet is and what opens it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use askar_storage::{Argon2Level, KdfMethod, StoreKeyMethod};
use serde::Deserialize;
use trustkeep_crypto::SecretString;
use trustkeep_wallet::{Error, Result};

/// Connections to a database, unless settings say otherwise.
const CONNECTIONS: u32 = 10;
/// More are refused: each is a process of the database server.
const CONNECTIONS_MAX: u32 = 1000;
/// How long to wait for a connection, in seconds, unless settings say otherwise.
const CONNECTION_TIMEOUT: u64 = 30;

/// A wallet's place and key.
#[derive(Debug)]
pub struct AskarSettings {
    /// Its name, which is that of its folder or database.
    pub name: String,
    /// Its key, or what that is derived from.
    pub key: SecretString,
    /// How the key is made of it. `None` takes what the wallet says, and for a new one [`KeyDerivation::Moderate`].
    pub derivation: Option<KeyDerivation>,
    /// Where it is.
    pub storage: Storage,
    /// Which of the identities in it; `None` takes the one that the wallet says.
    pub profile: Option<String>,
    /// Where libindy would have it: if it is there and no other, none is made.
    pub indy_file: Option<PathBuf>,
}

/// How a wallet's key is made of what the operator gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyDerivation {
    /// `ARGON2I_MOD`: Argon2i over 128 MiB; half a second to two.
    Moderate,
    /// `ARGON2I_INT`: Argon2i over 32 MiB.
    Interactive,
    /// `RAW`: it is the key, 32 bytes in base58.
    Raw,
}

/// Where a wallet is.
#[derive(Debug)]
pub enum Storage {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(PostgresStorage),
}

/// A PostgreSQL server and who one is there.
#[derive(Debug)]
pub struct PostgresStorage {
    /// `host:port`.
    pub address: String,
    /// Who owns the wallet's database.
    pub account: String,
    /// The account's password.
    pub password: SecretString,
    /// Who makes the database; `None` takes the account.
    pub admin_account: Option<String>,
    /// The admin's password.
    pub admin_password: Option<SecretString>,
    /// Connections at most.
    pub connections_max: u32,
    /// Connections that are kept.
    pub connections_min: u32,
    /// How long to wait for a connection, in seconds.
    pub connection_timeout: u64,
    /// Whether libindy would keep several wallets in one database: `MultiWalletSingleTable…`.
    pub is_shared_by_wallets: bool,
    /// `disable`, `prefer` (without it), `require`, `verify-ca` or `verify-full`.
    pub ssl_mode: Option<String>,
    /// A PEM file with the certificates of authorities.
    pub ssl_root_cert: Option<String>,
}

/// What ACA-Py's options give, as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// `--wallet-name`.
    pub name: Option<&'a str>,
    /// `--wallet-key`.
    pub key: Option<&'a SecretString>,
    /// `--wallet-key-derivation-method`.
    pub key_derivation: Option<&'a str>,
    /// `--wallet-storage-type`.
    pub storage_type: Option<&'a str>,
    /// `--wallet-storage-config`, a JSON text.
    pub storage_config: Option<&'a str>,
    /// `--wallet-storage-creds`, a JSON text.
    pub storage_creds: Option<&'a SecretString>,
    /// The profile in the wallet.
    pub profile: Option<&'a str>,
    /// The user's home directory, `HOME`.
    pub home: Option<&'a Path>,
    /// `ACAPY_HOME`: instead of ACA-Py's folder in the home directory.
    pub acapy_home: Option<&'a Path>,
}

#[derive(Deserialize)]
struct Config {
    url: Option<String>,
    max_connections: Option<u32>,
    min_idle_count: Option<u32>,
    connection_timeout: Option<u64>,
    wallet_scheme: Option<String>,
    sslmode: Option<String>,
    sslrootcert: Option<String>,
}

#[derive(Deserialize)]
struct Creds {
    account: Option<String>,
    password: Option<SecretString>,
    admin_account: Option<String>,
    admin_password: Option<SecretString>,
}

impl AskarSettings {
    /// What ACA-Py would open with these options.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the option.
    pub fn from_options(options: &Options<'_>) -> Result<Self> {
        let name = options.name.unwrap_or("default");
        check_name(name)?;
        let derivation = options.key_derivation.map(KeyDerivation::parse).transpose()?;
        let key = options.key.map_or_else(|| SecretString::new(String::new()), SecretString::duplicate);
        if derivation == Some(KeyDerivation::Raw) && key.is_empty() {
            return Err(Error::Invalid("--wallet-key-derivation-method RAW needs --wallet-key".to_owned()));
        }
        let storage = match options.storage_type {
            None | Some("" | "default" | "sqlite") => Storage::Sqlite(sqlite_file(name, options)?),
            Some("postgres_storage" | "postgres") => Storage::Postgres(PostgresStorage::parse(options)?),
            Some(other) => {
                let known = "default (SQLite) and postgres_storage";
                return Err(Error::Invalid(format!("--wallet-storage-type {other}: there are {known}")));
            }
        };
        let profile = options.profile.map(str::to_owned);
        let is_file = matches!(storage, Storage::Sqlite(_));
        let indy_file =
            options.home.filter(|_| is_file).map(|home| file_in(&home.join(".indy_client"), name));
        Ok(Self { name: name.to_owned(), key, derivation, storage, profile, indy_file })
    }

    /// A wallet in a SQLite file.
    pub fn sqlite(file: impl Into<PathBuf>, key: SecretString, derivation: KeyDerivation) -> Self {
        let file = file.into();
        let name = file.display().to_string();
        let storage = Storage::Sqlite(file);
        Self { name, key, derivation: Some(derivation), storage, profile: None, indy_file: None }
    }

    /// The place as Askar wants it named, with what only Askar knows.
    pub(crate) fn askar_url(&self) -> SecretString {
        SecretString::new(match &self.storage {
            Storage::Sqlite(file) => format!("sqlite://{}", percent(&file.to_string_lossy(), true)),
            Storage::Postgres(storage) => {
                let mut url = self.base_url(storage);
                let (max, min) = (storage.connections_max, storage.connections_min);
                let timeout = storage.connection_timeout;
                // Writing to a text does not fail.
                let _ = write!(url, "max_connections={max}&min_connections={min}&connect_timeout={timeout}");
                if let Some(account) = &storage.admin_account {
                    let _ = write!(url, "&admin_account={}", percent(account, false));
                }
                if let Some(password) = &storage.admin_password {
                    let _ = write!(url, "&admin_password={}", percent(password.expose(), false));
                }
                url
            }
        })
    }

    /// The PostgreSQL database as any client wants it named.
    pub(crate) fn postgres_url(&self) -> Option<SecretString> {
        match &self.storage {
            Storage::Sqlite(_) => None,
            Storage::Postgres(storage) => Some(SecretString::new(self.base_url(storage))),
        }
    }

    fn base_url(&self, storage: &PostgresStorage) -> String {
        let (account, password) =
            (percent(&storage.account, false), percent(storage.password.expose(), false));
        let mut url =
            format!("postgres://{account}:{password}@{}/{}?", storage.address, percent(&self.name, false));
        for (name, value) in [("sslmode", &storage.ssl_mode), ("sslrootcert", &storage.ssl_root_cert)] {
            if let Some(value) = value {
                let _ = write!(url, "{name}={}&", percent(value, false));
            }
        }
        url
    }

    /// How many connections there are at most.
    pub(crate) fn connections_max(&self) -> u32 {
        match &self.storage {
            Storage::Sqlite(_) => CONNECTIONS,
            Storage::Postgres(storage) => storage.connections_max,
        }
    }

    /// Where it is, for messages.
    pub(crate) fn place(&self) -> String {
        match &self.storage {
            Storage::Sqlite(file) => file.display().to_string(),
            Storage::Postgres(storage) => format!("database {} on {}", self.name, storage.address),
        }
    }
}

impl KeyDerivation {
    /// Reads ACA-Py's names, and Askar's.
    ///
    /// # Errors
    /// [`Error::Invalid`] for any other.
    pub fn parse(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "argon2i_mod" | "kdf:argon2i:mod" | "kdf:argon2i" => Ok(Self::Moderate),
            "argon2i_int" | "kdf:argon2i:int" => Ok(Self::Interactive),
            "raw" => Ok(Self::Raw),
            _ => Err(Error::Invalid(format!(
                "--wallet-key-derivation-method {text}: there are ARGON2I_MOD, ARGON2I_INT and RAW"
            ))),
        }
    }

    pub(crate) fn method(self) -> StoreKeyMethod {
        match self {
            Self::Moderate => StoreKeyMethod::DeriveKey(KdfMethod::Argon2i(Argon2Level::Moderate)),
            Self::Interactive => StoreKeyMethod::DeriveKey(KdfMethod::Argon2i(Argon2Level::Interactive)),
            Self::Raw => StoreKeyMethod::RawKey,
        }
    }
}

impl PostgresStorage {
    fn parse(options: &Options<'_>) -> Result<Self> {
        let missing = |what: &str| Error::Invalid(format!("{what}: PostgreSQL needs it"));
        let config = options.storage_config.ok_or_else(|| missing("--wallet-storage-config"))?;
        let config: Config = serde_json::from_str(config)
            .map_err(|error| Error::Invalid(format!("--wallet-storage-config: {error}")))?;
        let creds = options.storage_creds.ok_or_else(|| missing("--wallet-storage-creds"))?;
        // The reason would cite a password.
        let creds: Creds = serde_json::from_str(creds.expose()).map_err(|_| {
            Error::Invalid("--wallet-storage-creds is no JSON object of account and password".to_owned())
        })?;
        let address = config.url.ok_or_else(|| missing("\"url\" in --wallet-storage-config"))?;
        let address = address.rsplit_once("://").map_or(address.as_str(), |(_, address)| address);
        let address = address.trim_end_matches('/');
        if address.is_empty() || address.contains(['/', '?', '#', '@', ' ']) {
            return Err(Error::Invalid("\"url\" in --wallet-storage-config is not host:port".to_owned()));
        }
        let connections_max = config.max_connections.unwrap_or(CONNECTIONS);
        if !(1..=CONNECTIONS_MAX).contains(&connections_max) {
            return Err(Error::Invalid(format!(
                "\"max_connections\" in --wallet-storage-config is not from 1 to {CONNECTIONS_MAX}"
            )));
        }
        // Askar needs a second one while it opens.
        let connections_max = connections_max.max(2);
        Ok(Self {
            address: address.to_owned(),
            account: creds.account.ok_or_else(|| missing("\"account\" in --wallet-storage-creds"))?,
            password: creds.password.ok_or_else(|| missing("\"password\" in --wallet-storage-creds"))?,
            admin_account: creds.admin_account,
            admin_password: creds.admin_password,
            connections_max,
            connections_min: config.min_idle_count.unwrap_or(0).min(connections_max),
            connection_timeout: config.connection_timeout.unwrap_or(CONNECTION_TIMEOUT),
            is_shared_by_wallets: config
                .wallet_scheme
                .is_some_and(|scheme| scheme.starts_with("MultiWallet")),
            ssl_mode: config.sslmode,
            ssl_root_cert: config.sslrootcert,
        })
    }
}

/// A name that is a folder's and a database's, and passes through URLs as it is.
fn check_name(name: &str) -> Result<()> {
    let is_odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | '"' | '?' | '#' | '%');
    if name.is_empty() || name == "." || name == ".." || name.contains(is_odd) {
        return Err(Error::Invalid(format!(
            "--wallet-name {name:?} cannot be the name of a folder or database"
        )));
    }
    Ok(())
}

/// The file that ACA-Py has: where an older one made it, if it did, else where today's makes it.
fn sqlite_file(name: &str, options: &Options<'_>) -> Result<PathBuf> {
    if let Some(folder) = options.acapy_home.filter(|folder| !folder.as_os_str().is_empty()) {
        return Ok(file_in(folder, name));
    }
    let home = options.home.ok_or_else(|| Error::Invalid("neither HOME nor ACAPY_HOME is set".to_owned()))?;
    let old = file_in(&home.join(".aries_cloudagent"), name);
    Ok(if old.exists() { old } else { file_in(&home.join(".acapy_agent"), name) })
}

fn file_in(folder: &Path, name: &str) -> PathBuf {
    folder.join("wallet").join(name).join("sqlite.db")
}

/// Everything but letters, digits and `-._~` as `%XX`; in paths, slashes stay too.
fn percent(text: &str, is_path: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            b'/' if is_path => encoded.push('/'),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options<'a>(config: &'a str, creds: &'a SecretString) -> Options<'a> {
        Options {
            name: Some("issuer"),
            storage_type: Some("postgres_storage"),
            storage_config: Some(config),
            storage_creds: Some(creds),
            ..Options::default()
        }
    }

    #[test]
    fn the_options_of_a_cluster_name_a_database() {
        let creds =
            r#"{"account":"own er","password":"p@ss/w","admin_account":"root","admin_password":"a&b"}"#;
        let creds = SecretString::new(creds.to_owned());
        let config = r#"{"url":"db.example:5432","wallet_scheme":"MultiWalletSingleTableSharedPool","max_connections":25}"#;
        let settings = AskarSettings::from_options(&options(config, &creds)).unwrap();
        assert_eq!(
            settings.askar_url().expose(),
            "postgres://own%20er:p%40ss%2Fw@db.example:5432/issuer?max_connections=25&min_connections=0\
             &connect_timeout=30&admin_account=root&admin_password=a%26b"
        );
        assert!(!format!("{settings:?}").contains("p@ss"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let empty = SecretString::new("{}".to_owned());
        let secret = SecretString::new(r#"{"account":"a","password":7"#.to_owned());
        for (config, creds, named) in [
            ("{}", &empty, "\"url\""),
            (r#"{"url":"db:5432"}"#, &empty, "\"account\""),
            (r#"{"url":"db:5432"}"#, &secret, "--wallet-storage-creds"),
            (r#"{"url":"db:5432/other"}"#, &empty, "host:port"),
            (r#"{"url":"db:5432","max_connections":0}"#, &empty, "\"max_connections\""),
            ("[", &empty, "--wallet-storage-config"),
        ] {
            let error = AskarSettings::from_options(&options(config, creds)).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let named = |options: Options<'_>| AskarSettings::from_options(&options).unwrap_err().to_string();
        assert!(named(Options { name: Some("../x"), ..Options::default() }).contains("--wallet-name"));
        assert!(named(Options { storage_type: Some("oracle"), ..Options::default() }).contains("oracle"));
        assert!(named(Options { key_derivation: Some("MD5"), ..Options::default() }).contains("ARGON2I_MOD"));
        assert!(
            named(Options { key_derivation: Some("RAW"), ..Options::default() }).contains("--wallet-key")
        );
    }

    #[test]
    fn a_sqlite_wallet_is_where_acapy_made_it() {
        let home = tempfile::tempdir().unwrap();
        let options = Options { name: Some("holder"), home: Some(home.path()), ..Options::default() };
        let file = || match AskarSettings::from_options(&options).unwrap().storage {
            Storage::Sqlite(file) => file.strip_prefix(home.path()).unwrap().display().to_string(),
            Storage::Postgres(_) => String::new(),
        };
        assert_eq!(file(), ".acapy_agent/wallet/holder/sqlite.db");
        let old = home.path().join(".aries_cloudagent/wallet/holder");
        std::fs::create_dir_all(&old).unwrap();
        std::fs::write(old.join("sqlite.db"), "").unwrap();
        assert_eq!(file(), ".aries_cloudagent/wallet/holder/sqlite.db");
    }
}
