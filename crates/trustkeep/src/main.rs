//! The program `trustkeep`: the command line of everything Trustkeep does.
//!
//! Called by another name (a symlink), it behaves as the tool of that name: `vault …` is `trustkeep vault …`.
//!
//! This crate knows every service and owns no logic of any: it reads arguments, talks to running
//! services over their public protocols, and wires services together for `dev` and `server`.

mod agent;
mod agent_server;
mod argv;
mod audit_ledger;
mod auditor_server;
mod cli;
mod completion;
mod controller_server;
mod demo;
mod dev;
mod did_web;
mod host;
mod ledger_client;
mod ledger_server;
mod notify;
mod own_vault;
mod schema;
mod seals;
mod simulate;
mod store_command;
mod stores;
mod usage;
mod vault;
mod vault_server;
mod vcc;
mod version;

use std::process::ExitCode;

use trustkeep_contract_js::worker;

/// How it behaves is set in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if worker::is_wanted(&arguments) {
        return worker::serve();
    }
    cli::run(arguments)
}
