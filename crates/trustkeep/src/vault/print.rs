//! `vault print`: what this tool would use.

use std::process::ExitCode;

use clap::Subcommand;

use super::error::Error;
use super::session::Session;

/// What to print.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the token: of VAULT_TOKEN, or of the last login
    #[command(after_help = "Example:\n  \
        curl -H \"X-Vault-Token: $(vault print token)\" $VAULT_ADDR/v1/auth/token/lookup-self")]
    Token,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Error> {
    match args.command {
        Command::Token => session.screen.line(session.client.token()),
    }
}
