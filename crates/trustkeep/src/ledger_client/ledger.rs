//! The commands of `scalardl`.

use clap::Subcommand;

use super::failure::Outcome;
use super::{contract, function, generic, identity, namespace, state, validation};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bootstrap the ledger by registering identity and system contracts
    Bootstrap(identity::Bootstrap),
    /// Register a specified certificate
    RegisterCert(identity::RegisterCert),
    /// Register a specified secret
    RegisterSecret(identity::RegisterSecret),
    /// Register a specified contract
    RegisterContract(contract::Register),
    /// Register specified contracts
    RegisterContracts(contract::RegisterAll),
    /// Register a specified function
    RegisterFunction(function::Register),
    /// Register specified functions
    RegisterFunctions(function::RegisterAll),
    /// Execute a specified contract
    ExecuteContract(contract::Execute),
    /// List registered contracts
    ListContracts(contract::List),
    /// Create a namespace
    CreateNamespace(namespace::Create),
    /// Drop a namespace
    DropNamespace(namespace::Drop),
    /// List namespaces
    ListNamespaces(namespace::List),
    /// Purge stale transaction states
    PurgeState(state::Purge),
    /// Say what became of a transaction
    RetrieveState(state::Retrieve),
    /// Recover the lock on an asset whose holder has gone away
    RecoverLock(state::RecoverLock),
    /// Validate a specified asset in a ledger
    ValidateLedger(validation::Validate),
    /// Run commands for generic-contracts-based setup
    #[command(subcommand, alias = "gc", arg_required_else_help = true)]
    GenericContracts(generic::Command),
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::Bootstrap(args) => identity::bootstrap(args).await,
        Command::RegisterCert(args) => identity::register_cert(args).await,
        Command::RegisterSecret(args) => identity::register_secret(args).await,
        Command::RegisterContract(args) => contract::register(args).await,
        Command::RegisterContracts(args) => contract::register_all(args).await,
        Command::RegisterFunction(args) => function::register(args).await,
        Command::RegisterFunctions(args) => function::register_all(args).await,
        Command::ExecuteContract(args) => contract::execute(args).await,
        Command::ListContracts(args) => contract::list(args).await,
        Command::CreateNamespace(args) => namespace::create(args).await,
        Command::DropNamespace(args) => namespace::drop(args).await,
        Command::ListNamespaces(args) => namespace::list(args).await,
        Command::PurgeState(args) => state::purge(args).await,
        Command::RetrieveState(args) => state::retrieve(args).await,
        Command::RecoverLock(args) => state::recover_lock(args).await,
        Command::ValidateLedger(args) => validation::validate(args).await,
        Command::GenericContracts(command) => generic::run(command).await,
    }
}
