//! The command line as a whole: which program was called, which command, which exit code.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::{
    agent, argv, auditor_server, completion, controller_server, demo, dev, ledger_client, ledger_server,
    schema, simulate, store_command, usage, vault, vcc, version,
};

/// Secrets, records and identities of an organisation, in one program.
#[derive(Debug, Parser)]
#[command(
    name = "trustkeep",
    version = version::TRUSTKEEP,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        trustkeep dev                             run everything on this machine, to try it\n  \
        trustkeep demo                            see a record forged and the forger caught\n  \
        trustkeep vault kv put secret/db pass=x   use a vault (also: link this program as `vault`)\n  \
        trustkeep vault server -config=vault.hcl  run a vault\n\n\
        `trustkeep COMMAND --help` explains each command, with examples."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every service on this machine, for trying and developing
    Dev(dev::Args),
    /// Show in seconds what the services do together, with a forger who is caught
    Demo(demo::Args),
    /// The vault: run a server, or use one (the commands of `vault`)
    Vault(Box<vault::Args>),
    /// Run a Ledger: records that even their administrator cannot rewrite unnoticed
    Ledger(ledger_server::Args),
    /// Run an Auditor: the second administrative domain, which catches a Ledger that lies
    Auditor(auditor_server::Args),
    /// An agent: connections and messages with other organisations' agents (the commands of `aca-py`)
    #[command(subcommand_required = true)]
    Agent(agent::Args),
    /// Run a VC controller: nodes on clouds and existing servers behind NII's REST API
    Controller(controller_server::Args),
    /// Users, tokens, catalogue and repairs of a running VC controller (the commands of `vcc`)
    #[command(subcommand_required = true, arg_required_else_help = true, after_help = vcc::OVERVIEW)]
    Vcc(vcc::Args),
    /// Use a ledger: register, execute, validate (the commands of `scalardl` and its relatives)
    LedgerClient(Box<ledger_client::Args>),
    /// Make servers out of this machine, to try the controller on
    Simulate(simulate::Args),
    /// Create the tables a configuration needs in its store
    Schema(schema::Args),
    /// Export, import or repair an embedded store
    #[command(subcommand)]
    Store(store_command::Command),
    /// Print a completion script for a shell
    Completion(completion::Args),
}

/// The same commands when the program is called `vault`.
#[derive(Debug, Parser)]
#[command(name = "vault", about = "Use or run a vault", arg_required_else_help = true, after_help = vault::OVERVIEW)]
struct Vault {
    #[command(flatten)]
    args: vault::Args,
}

/// Runs the program with the arguments of the process, the program's own name first.
pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let called = arguments.next().unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    match Path::new(&called).file_stem().and_then(|name| name.to_str()) {
        Some("vault") => run_vault(Vault::command(), rest),
        Some("aca-py") => match agent::words_of_aca_py(&rest) {
            Some(words) => run_trustkeep(words),
            None => report(print_line(&version::aca_py())),
        },
        Some(name) if vcc::NAMES.contains(&name) => run_trustkeep(vcc::words_of(name, rest)),
        Some(name) if ledger_client::NAMES.contains(&name) => run_ledger_client(name, rest),
        _ => match rest.split_first() {
            Some((first, rest)) if first == "vault" => {
                run_vault(Vault::command().bin_name("trustkeep vault"), rest.to_vec())
            }
            _ => run_trustkeep(rest),
        },
    }
}

/// The command tree of the whole program, for completion scripts.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// The command tree of the program under the name `vault`.
pub(crate) fn vault_command() -> clap::Command {
    Vault::command()
}

fn run_trustkeep(rest: Vec<OsString>) -> ExitCode {
    let words = std::iter::once(OsString::from("trustkeep")).chain(rest);
    match Cli::try_parse_from(words) {
        Err(error) => refuse(&error, 2),
        Ok(Cli { command }) => match command {
            Command::Dev(args) => block_on(dev::run(args)),
            Command::Demo(args) => block_on(demo::run(args)),
            Command::Vault(args) => block_on(vault::run(*args)),
            Command::Ledger(args) => block_on(ledger_server::run(args)),
            Command::Auditor(args) => block_on(auditor_server::run(args)),
            Command::Agent(args) => block_on(agent::run(args)),
            Command::Controller(args) => block_on(controller_server::run(args)),
            Command::Vcc(args) => block_on(vcc::run(args)),
            Command::LedgerClient(args) => block_on(ledger_client::run(*args)),
            Command::Simulate(args) => block_on(simulate::run(args)),
            Command::Schema(args) => block_on(schema::run(args)),
            Command::Store(command) => block_on(store_command::run(command)),
            Command::Completion(args) => report(completion::run(&args)),
        },
    }
}

fn run_vault(mut command: clap::Command, rest: Vec<OsString>) -> ExitCode {
    if rest.first().is_some_and(|word| word == "-version" || word == "--version" || word == "-v") {
        return report(print_line(&version::vault()));
    }
    command.build();
    let words = std::iter::once(OsString::from("vault")).chain(argv::normalise(&command, rest));
    let words: Vec<OsString> = words.collect();
    let parsed =
        command.try_get_matches_from_mut(&words).and_then(|matches| Vault::from_arg_matches(&matches));
    match parsed {
        // A wrong command line is exit code 1 in this family: 2 says that the server refused.
        Err(error) => match usage::explain(&command, &words, &error) {
            Some((text, code)) => {
                // With standard error gone there is nobody left to tell.
                let _ = writeln!(std::io::stderr(), "{text}");
                ExitCode::from(code)
            }
            None => refuse(&error, 1),
        },
        Ok(Vault { args }) => block_on(vault::run(args)),
    }
}

fn run_ledger_client(name: &str, rest: Vec<OsString>) -> ExitCode {
    match ledger_client::called(name, rest) {
        Some(Ok(args)) => block_on(ledger_client::run(args)),
        Some(Err(error)) => refuse(&error, 2),
        None => ExitCode::from(2),
    }
}

fn refuse(error: &clap::Error, usage: u8) -> ExitCode {
    let asked = !error.use_stderr();
    // Nothing better can be done when the terminal itself is gone.
    let _ = error.print();
    if asked { ExitCode::SUCCESS } else { ExitCode::from(usage) }
}

fn block_on(work: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => report(runtime.block_on(work)),
        Err(error) => report(Err(anyhow::Error::new(error).context("cannot start the asynchronous runtime"))),
    }
}

fn report(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "{error:#}");
        ExitCode::FAILURE
    })
}

fn print_line(line: &str) -> anyhow::Result<ExitCode> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_trees_are_consistent() {
        Cli::command().debug_assert();
        Vault::command().debug_assert();
        for name in ledger_client::NAMES {
            ledger_client::command(name).into_iter().for_each(clap::Command::debug_assert);
        }
    }

    #[test]
    fn every_command_says_what_it_does_and_every_leaf_shows_an_example() {
        fn walk(command: &clap::Command, path: &str) {
            let name = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{name} has no description");
            if command.get_subcommands().next().is_none() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example"), "{name} has no example");
            }
            command.get_subcommands().filter(|sub| sub.get_name() != "help").for_each(|sub| walk(sub, &name));
        }
        walk(&Cli::command(), "");
        ledger_client::NAMES
            .iter()
            .filter_map(|name| ledger_client::command(name))
            .for_each(|tool| walk(&tool, ""));
    }
}
