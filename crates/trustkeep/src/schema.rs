//! `trustkeep schema`: the tables of a service in its store.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use trustkeep_vault::settings::Settings;

use crate::stores;

/// Which configuration, and whether only to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trustkeep schema --config /etc/vault.d/vault.hcl           create what is missing\n  \
    trustkeep schema --config /etc/vault.d/vault.hcl --print   show it, change nothing")]
pub(crate) struct Args {
    /// Configuration file of the service
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print the tables instead of making them
    #[arg(long)]
    pub(crate) print: bool,
}

/// Creates or prints the tables.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
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
