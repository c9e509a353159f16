//! `trustkeep store`: backup, restoration and repair of a service's store, while the service is stopped.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use trustkeep_store_embedded::{Backup, EmbeddedStore, import, tables};
use trustkeep_vault::settings::Settings;

use crate::ledger_server::load;
use crate::schema::scalar::{asset_tables, is_properties};
use crate::stores;
use crate::stores::scalar::ScalarStore;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Write all of an embedded store into one file, as it stands at one moment
    #[command(after_help = "Examples:\n  trustkeep store export --dir ./trustkeep-data/store backup.tkx")]
    Export(ExportArgs),
    /// Bring an export into an empty store of any kind: restoration, and the way from one store to another
    #[command(after_help = "Examples:\n  \
        trustkeep store import --dir ./restored backup.tkx              into an embedded store\n  \
        trustkeep store import --config /etc/vault.d/vault.hcl backup.tkx   into the store of a configuration\n  \
        trustkeep store import --config ledger.properties ledger.tkx   a Ledger or an Auditor, for example to PostgreSQL")]
    Import(ImportArgs),
    /// Open an embedded store again of which acknowledged commits are missing; what was lost stays lost
    #[command(
        after_help = "Keep a copy of the directory first; if there is an export, import that instead.\n\n\
        Example:\n  trustkeep store accept-loss --dir /var/lib/vault"
    )]
    AcceptLoss(AcceptLossArgs),
}

/// Where from and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Directory of the store; its service must be stopped
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// File to make; it holds what the store holds, so keep it as safe
    file: PathBuf,
}

/// Where from and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// Directory of an embedded store, new or empty
    #[arg(long, value_name = "DIR", required_unless_present = "config", conflicts_with = "config")]
    dir: Option<PathBuf>,
    /// Configuration of a vault, a Ledger or an Auditor (.properties), whose store is filled
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The export
    file: PathBuf,
}

/// Which store.
#[derive(Debug, clap::Args)]
pub(crate) struct AcceptLossArgs {
    /// Directory of the store
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// Carries it out.
pub(crate) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let done = match command {
        Command::Export(args) => {
            anyhow::ensure!(
                args.dir.join("FORMAT").exists(),
                "{} is not a store: name its directory",
                args.dir.display()
            );
            let store = EmbeddedStore::open(stores::embedded_settings(&args.dir))?;
            let backup = store.export(&args.file).await?;
            store.close().await;
            format!("{} rows of {} tables are in {}.", backup.rows, backup.tables, args.file.display())
        }
        Command::Import(ImportArgs { dir: Some(dir), file, .. }) => {
            let store = EmbeddedStore::open(stores::embedded_settings(&dir))?;
            let backup = import(&store, &file).await?;
            store.close().await;
            format!("{} rows of {} tables are in {}.", backup.rows, backup.tables, dir.display())
        }
        Command::Import(ImportArgs { config, file, .. }) => {
            trustkeep_chassis::tls::install_provider();
            let backup = match config {
                Some(config) if is_properties(&config)? => import_records(&config, &file).await?,
                config => {
                    let files: Vec<PathBuf> = config.into_iter().collect();
                    let settings = Settings::load(&files, &|name| std::env::var(name).ok())?;
                    let store = stores::raw(&settings.storage).await?;
                    import(store.as_ref(), &file).await?
                }
            };
            format!("{} rows of {} tables are in the store of the configuration.", backup.rows, backup.tables)
        }
        Command::AcceptLoss(args) => {
            let loss = EmbeddedStore::accept_loss(&args.dir)?;
            format!(
                "The store opens again. Commits up to {} had been acknowledged; those up to {} were found.",
                loss.acknowledged, loss.found
            )
        }
    };
    writeln!(std::io::stdout(), "{done}")?;
    Ok(ExitCode::SUCCESS)
}

/// Fills the store of a Ledger or an Auditor, unless the export is of something else.
async fn import_records(config: &Path, file: &Path) -> anyhow::Result<Backup> {
    let properties = load(config)?;
    let expected = asset_tables(&properties)?;
    let found = tables(file).await?;
    anyhow::ensure!(
        found.iter().any(|table| expected.iter().any(|name| name == table.qualified())),
        "{} has no table {}: it is of another service than {} configures, or of another namespace",
        file.display(),
        expected.join(" or "),
        config.display()
    );
    let opened = ScalarStore::open(&properties).await?;
    let imported = import(opened.store.as_ref(), file).await;
    opened.close().await;
    Ok(imported?)
}
