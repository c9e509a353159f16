//! `trustkeep ledger-client` and the names `scalardl`, `scalardl-hashstore`, `scalardl-tablestore`, `scalardl-gc`: the
//! commands of Scalar DL's clients, with their options, output and exit codes.
//!
//! Exit codes: 0 done; 1 refused or failed; 2 wrong use. What a server refuses is JSON on standard output,
//! `{"status_code","error_message"}`; what is wrong on this side is a sentence on standard error.

mod contract;
mod failure;
mod function;
mod generic;
mod hash_store;
mod identity;
mod ledger;
mod namespace;
mod options;
mod output;
mod prompt;
mod registration_file;
mod state;
mod table_store;
mod validation;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use failure::Outcome;

const EXAMPLES: &str = "Who you are and where the servers are stands in a file of properties (scalar.dl.client.*).\n\n\
    Examples:\n  \
    scalardl bootstrap --properties client.properties\n  \
    scalardl register-contract --properties client.properties --contract-id StateReader \\\n    \
    --contract-binary-name com.org1.contract.StateReader --contract-class-file StateReader.class\n  \
    scalardl execute-contract --properties client.properties --contract-id StateReader \\\n    \
    --contract-argument '{\"asset_id\":\"a\"}'\n  \
    scalardl validate-ledger --properties client.properties --asset-id a";

/// What `trustkeep ledger-client` takes.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Ledger(ledger::Command),
    /// HashStore: hashes of objects and collections (the commands of `scalardl-hashstore`)
    #[command(subcommand, arg_required_else_help = true)]
    Hashstore(hash_store::Command),
    /// TableStore: tables with SQL (the commands of `scalardl-tablestore`)
    #[command(subcommand, arg_required_else_help = true)]
    Tablestore(table_store::Command),
}

/// The commands when the program is called `scalardl`.
#[derive(Debug, Parser)]
#[command(name = "scalardl", about = "Register, execute and validate at a Ledger and an Auditor", arg_required_else_help = true, after_help = EXAMPLES)]
struct Scalardl {
    #[command(subcommand)]
    command: ledger::Command,
}

/// The commands when the program is called `scalardl-hashstore`.
#[derive(Debug, Parser)]
#[command(
    name = "scalardl-hashstore",
    about = "Keep hashes of objects and collections in a ledger",
    arg_required_else_help = true
)]
struct HashStore {
    #[command(subcommand)]
    command: hash_store::Command,
}

/// The commands when the program is called `scalardl-tablestore`.
#[derive(Debug, Parser)]
#[command(
    name = "scalardl-tablestore",
    about = "Keep tables with their history in a ledger",
    arg_required_else_help = true
)]
struct TableStore {
    #[command(subcommand)]
    command: table_store::Command,
}

/// The commands when the program is called `scalardl-gc`.
#[derive(Debug, Parser)]
#[command(
    name = "scalardl-gc",
    about = "Run commands for generic-contracts-based setup",
    arg_required_else_help = true
)]
struct Generic {
    #[command(subcommand)]
    command: generic::Command,
}

/// The names of programs whose commands these are.
pub(crate) const NAMES: [&str; 4] = ["scalardl", "scalardl-hashstore", "scalardl-tablestore", "scalardl-gc"];

/// The command tree under one of [`NAMES`].
pub(crate) fn command(name: &str) -> Option<clap::Command> {
    match name {
        "scalardl" => Some(Scalardl::command()),
        "scalardl-hashstore" => Some(HashStore::command()),
        "scalardl-tablestore" => Some(TableStore::command()),
        "scalardl-gc" => Some(Generic::command()),
        _ => None,
    }
}

/// What was asked for under one of [`NAMES`].
///
/// # Errors
/// How the command line is wrong, or the help that was asked for.
pub(crate) fn called(name: &str, words: Vec<OsString>) -> Option<Result<Args, clap::Error>> {
    let words = std::iter::once(OsString::from(name)).chain(words);
    let matches = command(name)?.try_get_matches_from(words);
    let command = matches.and_then(|matches| {
        Ok(match name {
            "scalardl-hashstore" => Command::Hashstore(HashStore::from_arg_matches(&matches)?.command),
            "scalardl-tablestore" => Command::Tablestore(TableStore::from_arg_matches(&matches)?.command),
            "scalardl-gc" => Command::Ledger(ledger::Command::GenericContracts(
                Generic::from_arg_matches(&matches)?.command,
            )),
            _ => Command::Ledger(Scalardl::from_arg_matches(&matches)?.command),
        })
    });
    Some(command.map(|command| Args { command }))
}

/// Runs one command.
///
/// # Errors
/// Only if nothing can be printed.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let outcome: Outcome = match args.command {
        Command::Ledger(command) => Box::pin(ledger::run(command)).await,
        Command::Hashstore(command) => Box::pin(hash_store::run(command)).await,
        Command::Tablestore(command) => Box::pin(table_store::run(command)).await,
    };
    match outcome {
        Ok(code) => Ok(code),
        Err(failure) => failure.report(),
    }
}
