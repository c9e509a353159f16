//! What is measured: whose program, on which store, how everyone signs, with an Auditor or without.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;

use crate::options::Options;

/// One line-up.
pub(crate) struct Setting {
    pub(crate) product: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) storage: Storage,
    pub(crate) authentication: Authentication,
    pub(crate) auditor: bool,
    /// The peer's class files; ours has its contracts built in.
    pub(crate) classes: Option<PathBuf>,
    /// The server on which databases are made.
    pub(crate) postgres: Option<String>,
    /// Where directories are made.
    pub(crate) dir: Option<PathBuf>,
}

/// Where rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Storage {
    /// One directory of this machine.
    Embedded,
    /// A database on a server of PostgreSQL.
    Postgresql,
}

/// How everyone authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Authentication {
    /// Clients and servers by digital signatures, P-256.
    Signatures,
    /// Clients by digital signatures, the two servers between themselves by a shared secret. Needs an Auditor.
    #[value(name = "signatures+secret")]
    SignaturesAndSecret,
    /// Everyone by HMAC; without an Auditor there are no proofs.
    Hmac,
}

impl Setting {
    /// All line-ups that were asked for and that this machine can have.
    ///
    /// # Errors
    /// If a program is missing.
    pub(crate) fn all(options: &Options) -> anyhow::Result<Vec<Setting>> {
        let ours = options.program.clone().unwrap_or_else(built);
        ensure!(ours.exists(), "{} is missing: run `cargo build --release` first", ours.display());
        let mut settings = Vec::new();
        for &storage in &options.store {
            if storage == Storage::Postgresql && options.postgres.is_none() {
                continue;
            }
            for &authentication in &options.auth {
                for &auditor in &options.auditor {
                    if authentication == Authentication::SignaturesAndSecret && !auditor {
                        continue;
                    }
                    let setting = |product, program: &Path, classes| Setting {
                        product,
                        program: program.into(),
                        storage,
                        authentication,
                        auditor,
                        classes,
                        postgres: options.postgres.clone(),
                        dir: options.dir.clone(),
                    };
                    if !options.peer_only {
                        settings.push(setting("Trustkeep", &ours, None));
                    }
                    // Its Auditor is not public, and its only server is a database.
                    if let Some(peer) = &options.peer
                        && storage == Storage::Postgresql
                        && !auditor
                    {
                        let classes = options.classes.clone();
                        ensure!(classes.is_some(), "--classes says where the peer's contracts are");
                        settings.push(setting("the original", peer, classes));
                    }
                }
            }
        }
        ensure!(!settings.is_empty(), "nothing to measure: see README.md for what each store needs");
        Ok(settings)
    }

    /// Whether its data is on this machine's disk and in no other server.
    pub(crate) fn is_embedded(&self) -> bool {
        self.storage == Storage::Embedded
    }

    /// Whether it is not our program.
    pub(crate) fn is_peer(&self) -> bool {
        self.classes.is_some()
    }

    /// Its storage and authentication, for a table.
    pub(crate) fn columns(&self) -> String {
        let auditor = if self.auditor { "ledger + auditor" } else { "ledger" };
        format!("{} | {} | {auditor} | {}", self.product, name(&self.storage), name(&self.authentication))
    }

    /// The lines of a server's configuration that say where its rows are: below `folder`, or in `database`.
    ///
    /// # Errors
    /// If the database's URL is none.
    pub(crate) fn storage_lines(&self, folder: &Path, database: &str) -> anyhow::Result<String> {
        let Storage::Postgresql = self.storage else {
            let place = folder.join("store");
            return Ok(format!("scalar.db.storage=embedded\nscalar.db.contact_points={}\n", place.display()));
        };
        let (role, host) = self.postgres_server()?;
        let (user, password) = role.split_once(':').unwrap_or((role, ""));
        Ok(format!(
            "scalar.db.storage=jdbc\nscalar.db.contact_points=jdbc:postgresql://{host}/{database}\n\
             scalar.db.username={user}\nscalar.db.password={password}\n"
        ))
    }

    /// `user:password` and `host:port` of the server of databases.
    fn postgres_server(&self) -> anyhow::Result<(&str, &str)> {
        let url = self.postgres.as_deref().context("no PostgreSQL")?;
        let rest = url.split_once("://").context("the URL of PostgreSQL begins with postgresql://")?.1;
        let (role, rest) = rest.split_once('@').context("the URL of PostgreSQL names no role")?;
        Ok((role, rest.split('/').next().unwrap_or(rest)))
    }
}

/// A value's name on the command line.
pub(crate) fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn built() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/trustkeep")
}
