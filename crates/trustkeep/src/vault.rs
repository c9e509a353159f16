//! The `vault` commands: a client of a vault's HTTP interface, with the habits of the `vault` tool.
//!
//! Exit codes: 0 done; 1 wrong use or a local error; 2 the server refused, was not reached, or has nothing there
//! (`status`: 0 unsealed, 1 error, 2 sealed).

mod audit;
mod auth;
mod client;
mod data;
mod duration;
mod error;
mod hcl;
mod input;
mod kv;
mod lease;
mod logical;
mod login;
mod login_help;
mod mount;
mod operator;
mod options;
mod pace;
mod path;
mod path_help;
mod plugin;
mod policy;
mod print;
mod remount;
mod sample_policy;
mod screen;
mod secret;
mod secrets;
mod session;
mod settings;
mod status;
mod table;
mod token;
mod token_file;
pub(crate) mod token_helper;
mod transport;
mod unwrap;
mod version_history;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Map, Value};

use crate::{vault_server, version};
use error::Error;
use session::Session;

/// Shown after the list of commands.
pub(crate) const OVERVIEW: &str = "Where the vault is: -address or VAULT_ADDR (default https://127.0.0.1:8200).\n\
    Who you are: VAULT_TOKEN, or the token that `vault login` stored in ~/.vault-token.\n\n\
    Examples:\n  \
    export VAULT_ADDR=http://127.0.0.1:8200\n  \
    vault status                                 is it there, is it sealed\n  \
    vault login                                  asks for a token and keeps it\n  \
    vault kv put secret/db user=app pass=@file   write a secret\n  \
    vault kv get -field=pass secret/db           read one value\n\n\
    Flags may be written -flag or --flag, before or after the arguments.\n\
    `vault COMMAND -help` explains a command and lists the flags common to all.";

/// What the `vault` commands take.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    options: options::Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read and write key/value secrets, versioned or not
    Kv(kv::Args),
    /// Read data at a path
    Read(logical::Read),
    /// Write data to a path
    Write(logical::Write),
    /// List the keys below a path
    List(logical::List),
    /// Delete what is at a path
    Delete(logical::Delete),
    /// Change some fields at a path and leave the others
    Patch(logical::Write),
    /// Say whether the vault is there, initialised, sealed, active
    Status(status::Args),
    /// Authenticate, and keep the token for the next commands
    Login(login::Args),
    /// Create, look up, renew and revoke tokens
    Token(token::Args),
    /// Enable, list, tune, move and disable secrets engines
    Secrets(secrets::Args),
    /// Enable, list, tune and disable ways to authenticate
    Auth(auth::Args),
    /// Write, read, list and delete policies
    Policy(policy::Args),
    /// Look up, renew and revoke leases
    Lease(lease::Args),
    /// Open a wrapped response, once
    Unwrap(unwrap::Args),
    /// Enable, list and disable audit devices
    Audit(audit::Args),
    /// Initialise, unseal, seal and maintain a vault
    Operator(operator::Args),
    /// Print what this tool would use
    Print(print::Args),
    /// List the engines, auth methods and databases the server knows
    Plugin(plugin::Args),
    /// Show what a path is for
    #[command(name = "path-help")]
    PathHelp(path_help::Args),
    /// Run a vault
    Server(vault_server::Args),
    /// List the versions of the server that ran on its data
    #[command(name = "version-history")]
    VersionHistory(version_history::Args),
    /// Print the version
    #[command(after_help = "Example:\n  vault version")]
    Version,
}

/// Runs one command.
///
/// # Errors
///
/// Only for what is no failure of the command itself; those are reported on standard error and in the exit code.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Server(server) => Box::pin(vault_server::run(server)).await,
        Command::Version => {
            writeln!(std::io::stdout(), "{}", version::vault())?;
            Ok(ExitCode::SUCCESS)
        }
        command => {
            let outcome = Box::pin(dispatch(args.options, command)).await;
            Ok(outcome.unwrap_or_else(|error| error.report()))
        }
    }
}

/// The fields at a path, read as the environment says where the vault is and who asks.
///
/// # Errors
/// The vault does not give them, or has nothing there.
pub(crate) async fn read_data(
    path: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<Map<String, Value>> {
    let settings = settings::Settings::resolve(&options::Options::default(), environment)?;
    let secret = client::Client::new(settings)?.read(path, Vec::new()).await?;
    secret.map(secret::Secret::into_data).ok_or_else(|| anyhow::anyhow!("there is nothing at {path}"))
}

async fn dispatch(options: options::Options, command: Command) -> Result<ExitCode, Error> {
    let environment = |name: &str| std::env::var(name).ok();
    let is_status = matches!(command, Command::Status(_));
    let session = Session::open(&options, &environment).map_err(|error| {
        // For `status`, 2 is taken: it says "sealed".
        if is_status { Error::Usage(error.to_string()) } else { error }
    })?;
    match command {
        Command::Kv(args) => kv::run(&session, args).await,
        Command::Read(args) => logical::read(&session, args).await,
        Command::Write(args) => logical::write(&session, args).await,
        Command::List(args) => logical::list(&session, args).await,
        Command::Delete(args) => logical::delete(&session, args).await,
        Command::Patch(args) => logical::patch(&session, args).await,
        Command::Status(args) => status::run(&session, args).await,
        Command::Login(args) => login::run(&session, args).await,
        Command::Token(args) => token::run(&session, args).await,
        Command::Secrets(args) => secrets::run(&session, args).await,
        Command::Auth(args) => auth::run(&session, args).await,
        Command::Policy(args) => policy::run(&session, args).await,
        Command::Lease(args) => lease::run(&session, args).await,
        Command::Unwrap(args) => unwrap::run(&session, args).await,
        Command::Audit(args) => audit::run(&session, args).await,
        Command::Operator(args) => operator::run(&session, args).await,
        Command::Print(args) => print::run(&session, &args),
        Command::Plugin(args) => plugin::run(&session, args).await,
        Command::PathHelp(args) => path_help::run(&session, args).await,
        Command::VersionHistory(args) => version_history::run(&session, &args).await,
        Command::Server(_) | Command::Version => Ok(ExitCode::SUCCESS),
    }
}
