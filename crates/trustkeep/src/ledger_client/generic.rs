//! The commands of `scalardl-gc`: those of `scalardl` for a ledger that has generic contracts alone.

use clap::Subcommand;

use super::failure::Outcome;
use super::{contract, function, identity, validation};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
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
    /// Validate a specified asset in a ledger
    ValidateLedger(validation::ValidateGeneric),
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
        Command::ValidateLedger(args) => validation::validate_generic(args).await,
    }
}
