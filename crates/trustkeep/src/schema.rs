//! `trustkeep schema`: the tables of a service in its store.

pub(crate) mod scalar;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use trustkeep_vault::settings::Settings;

use self::scalar::SchemaType;
use crate::stores;

/// Which configuration, and whether only to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trustkeep schema --config /etc/vault.d/vault.hcl           create what is missing\n  \
    trustkeep schema --config /etc/vault.d/vault.hcl --print   show it, change nothing\n  \
    trustkeep schema --config ledger.properties                the tables of a Ledger, or of an Auditor\n  \
    trustkeep schema --config database.properties --schema-type auditor\n  \
    trustkeep schema --config ledger.properties --schema-file functions.json   also tables for functions")]
pub(crate) struct Args {
    /// Configuration of the service: a vault's HCL or JSON, a Ledger's or an Auditor's .properties
    #[arg(long, short = 'c', value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print how an administrator makes the tables instead of making them
    #[arg(long)]
    pub(crate) print: bool,
    /// Whose tables, where the .properties hold nothing but scalar.db.… keys
    #[arg(long, value_name = "TYPE", env = "SCHEMA_TYPE", ignore_case = true)]
    schema_type: Option<SchemaType>,
    /// Also make the tables of mutable records that this file describes (ScalarDB's schema file); a Ledger's alone
    #[arg(long, short = 'f', value_name = "FILE")]
    schema_file: Option<PathBuf>,
    /// Of ScalarDB's Schema Loader: there is no coordinator here whose tables would have to be made
    #[arg(long)]
    coordinator: bool,
    /// Of ScalarDB's Schema Loader: make again what is missing, which is done in any case
    #[arg(long)]
    repair_all: bool,
}

/// Creates or prints the tables.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if scalar::is_properties(&args.config)? {
        return scalar::run(args).await;
    }
    anyhow::ensure!(
        args.schema_file.is_none() && !args.coordinator && !args.repair_all,
        "--schema-file, --coordinator and --repair-all are for the .properties of a Ledger or an Auditor"
    );
    let settings = Settings::load(&[args.config], &|name| std::env::var(name).ok())?;
    let text = stores::describe(&settings.storage)?;
    if !args.print {
        trustkeep_chassis::tls::install_provider();
        stores::create(&settings.storage).await?;
    }
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !args.print {
        writeln!(out, "The tables are there.")?;
    }
    Ok(ExitCode::SUCCESS)
}
