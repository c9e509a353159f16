//! `vault version-history`: which versions of the server ran on its data, and since when.

use std::process::ExitCode;

use super::error::Error;
use super::session::Session;
use super::table;

/// Nothing but the common flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  vault version-history")]
pub(crate) struct Args {}

pub(crate) async fn run(session: &Session, _args: &Args) -> Result<ExitCode, Error> {
    let answer = session.client.list("sys/version-history").await;
    let answer = answer.map_err(|error| error.during("Error reading version history"))?;
    let unusable = || Error::Nothing("Invalid response returned from Vault".to_owned());
    let secret = answer.filter(|secret| secret.has_data()).ok_or_else(unusable)?;
    if !session.screen.is_table() {
        return session.screen.secret(&secret);
    }
    let told = secret.get("key_info").ok_or_else(unusable)?;
    let rows = secret.keys().ok_or_else(unusable)?.into_iter().map(|version| {
        let cell = |name: &str| told.get(&version)?.get(name).filter(|value| !value.is_null());
        let cell = |name: &str| cell(name).map(table::plain).unwrap_or_default();
        vec![version.clone(), cell("timestamp_installed"), cell("build_date")]
    });
    session.screen.line(&table::table(&["Version", "Installation Time", "Build Date"], rows.collect()))
}
