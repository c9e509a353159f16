//! `trustkeep schema`: the tables of a service in its store.

mod scalar;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use trustkeep_vault::settings::Settings;

use crate::stores;

/// Which configuration, and whether only to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trustkeep schema --config /etc/vault.d/vault.hcl           create what is missing\n  \
    trustkeep schema --config /etc/vault.d/vault.hcl --print   show it, change nothing\n  \
    trustkeep schema --config ledger.properties                the tables of a Ledger\n  \
    trustkeep schema --config ledger.properties --schema-file tables.json\n  \
                                                               tables for functions as well")]
pub(crate) struct Args {
    /// Configuration file of the service
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Of a Ledger: tables of mutable records to make, as ScalarDB's Schema Loader describes them (JSON)
    #[arg(long, value_name = "FILE")]
    pub(crate) schema_file: Option<PathBuf>,
    /// Print the tables instead of making them
    #[arg(long)]
    pub(crate) print: bool,
}

/// Creates or prints the tables.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let properties = args.config.extension().is_some_and(|extension| extension == "properties");
    let text = if properties { scalar::run(&args).await? } else { vault(&args).await? };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !args.print {
        writeln!(out, "The tables are there.")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn vault(args: &Args) -> anyhow::Result<String> {
    anyhow::ensure!(args.schema_file.is_none(), "--schema-file goes with a Ledger's .properties");
    let settings = Settings::load(std::slice::from_ref(&args.config), &|name| std::env::var(name).ok())?;
    let text = stores::describe(&settings.storage)?;
    if !args.print {
        trustkeep_chassis::tls::install_provider();
        stores::create(&settings.storage).await?;
    }
    Ok(text)
}
