//! What is measured: whose agent, on which wallet.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;

use crate::options::Options;

/// One line-up.
#[derive(Clone)]
pub(crate) struct Setting {
    /// With its version, if it is the peer.
    pub(crate) product: String,
    pub(crate) is_peer: bool,
    pub(crate) program: PathBuf,
    /// What comes before the options.
    pub(crate) words: &'static [&'static str],
    pub(crate) storage: Storage,
    postgres: Option<String>,
}

/// Where the wallet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Storage {
    /// A file.
    Sqlite,
    /// A database of its own on a PostgreSQL server.
    Postgresql,
}

impl Setting {
    /// All line-ups that were asked for and that this machine can have.
    ///
    /// # Errors
    /// A program is missing.
    pub(crate) fn all(options: &Options) -> anyhow::Result<Vec<Self>> {
        let ours = options.program.clone().unwrap_or_else(built);
        ensure!(ours.exists(), "{} is missing: run `cargo build --release` first", ours.display());
        let mut settings = Vec::new();
        for &storage in &options.store {
            if storage == Storage::Postgresql && options.postgres.is_none() {
                continue;
            }
            let postgres = options.postgres.clone();
            if !options.peer_only {
                settings.push(Self {
                    product: "Trustkeep".to_owned(),
                    is_peer: false,
                    program: ours.clone(),
                    words: &["agent", "start"],
                    storage,
                    postgres: postgres.clone(),
                });
            }
            let Some(folder) = &options.aca_py else { continue };
            for version in &options.versions {
                let program = folder.join(version).join("bin/python");
                ensure!(program.exists(), "{} is missing", program.display());
                settings.push(Self {
                    product: format!("ACA-Py {version}"),
                    is_peer: true,
                    program,
                    words: &["-m", "aries_cloudagent", "start"],
                    storage,
                    postgres: postgres.clone(),
                });
            }
        }
        ensure!(!settings.is_empty(), "nothing to measure: see README.md");
        Ok(settings)
    }

    /// The options of the wallet, for a wallet of this name.
    pub(crate) fn wallet(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let mut options: Vec<String> =
            ["--wallet-type", "askar", "--wallet-key", "bench", "--auto-provision", "--wallet-name", name]
                .map(str::to_owned)
                .to_vec();
        if self.storage == Storage::Postgresql {
            let url = self.postgres.as_deref().context("TRUSTKEEP_BENCH_POSTGRES")?;
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            let (who, place) = rest.split_once('@').context("the URL of PostgreSQL names no user")?;
            let (user, password) = who.split_once(':').unwrap_or((who, ""));
            let place = place.split('/').next().unwrap_or(place);
            let config = serde_json::json!({"url": place});
            let credentials = serde_json::json!({"account": user, "password": password,
                "admin_account": user, "admin_password": password});
            options.extend(
                ["--wallet-storage-type", "postgres_storage", "--wallet-storage-config"].map(str::to_owned),
            );
            options.push(config.to_string());
            options.push("--wallet-storage-creds".to_owned());
            options.push(credentials.to_string());
        }
        Ok(options)
    }

    /// The first columns of its rows.
    pub(crate) fn columns(&self) -> String {
        let storage = match self.storage {
            Storage::Sqlite => "SQLite",
            Storage::Postgresql => "PostgreSQL",
        };
        format!("{} | {storage}", self.product)
    }
}

fn built() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/trustkeep")
}
