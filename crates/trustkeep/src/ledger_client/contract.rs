//! Contracts: registering, listing, executing.

use std::path::PathBuf;

use trustkeep_contract::json::{Json, Object};
use trustkeep_scalar_client::{Call, Client};
use trustkeep_scalar_rpc::{Error, StatusCode};

use super::failure::{Failure, Outcome};
use super::options::{Common, answered, json, read};
use super::output;
use super::registration_file::{self, Kind, Registered};

/// How contract arguments and properties are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "UPPER")]
enum Format {
    /// JSON, which is brought into its canonical form
    Json,
    /// Text as it stands
    String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl register-contract --properties client.properties --contract-id StateReader \\\n    \
    --contract-binary-name com.org1.contract.StateReader --contract-class-file StateReader.class\n\n\
    The file is WebAssembly, JavaScript, or the class of a contract that the servers have built in."
)]
pub(super) struct Register {
    #[command(flatten)]
    common: Common,
    /// An ID of a contract to register
    #[arg(long)]
    contract_id: String,
    /// A binary name of a contract to register
    #[arg(long)]
    contract_binary_name: String,
    /// A contract class file to register
    #[arg(long)]
    contract_class_file: PathBuf,
    /// A contract properties in a serialized format
    #[arg(long)]
    contract_properties: Option<String>,
    /// A deserialization format for a contract properties
    #[arg(long, value_enum, default_value_t = Format::Json)]
    deserialization_format: Format,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl register-contracts --properties client.properties --contracts-file contracts.toml\n\n\
    The file has a table [[contracts]] for each: contract-id, contract-binary-name, contract-class-file and\n\
    perhaps contract-properties. Those that failed are written to registration-failed-contracts.toml."
)]
pub(super) struct RegisterAll {
    #[command(flatten)]
    common: Common,
    /// A file including contracts to register in TOML format
    #[arg(long)]
    contracts_file: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  scalardl list-contracts --properties client.properties")]
pub(super) struct List {
    #[command(flatten)]
    common: Common,
    /// An ID of a contract to show
    #[arg(long)]
    contract_id: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl execute-contract --properties client.properties --contract-id StateUpdater \\\n    \
    --contract-argument '{\"asset_id\":\"a\",\"state\":3}'"
)]
pub(super) struct Execute {
    #[command(flatten)]
    common: Common,
    /// An ID of a contract to execute
    #[arg(long)]
    contract_id: String,
    /// An argument for a contract to execute in a serialized format
    #[arg(long, allow_hyphen_values = true)]
    contract_argument: String,
    /// An ID of a function to execute
    #[arg(long)]
    function_id: Option<String>,
    /// An argument for a function to execute in a serialized format
    #[arg(long, allow_hyphen_values = true)]
    function_argument: Option<String>,
    /// A deserialization format for contract and function arguments
    #[arg(long, value_enum, default_value_t = Format::Json)]
    deserialization_format: Format,
}

impl Format {
    fn read(self, text: Option<String>) -> Result<Option<String>, Failure> {
        match (self, text) {
            (Self::Json, Some(text)) => json(&text).map(|json| Some(json.to_string())),
            (_, text) => Ok(text),
        }
    }
}

pub(super) async fn register(args: Register) -> Outcome {
    let work = async |client: Client| {
        let properties = args.deserialization_format.read(args.contract_properties)?.unwrap_or_default();
        let code = read(&args.contract_class_file)?;
        client
            .register_contract(&args.contract_id, &args.contract_binary_name, code.into(), &properties)
            .await?;
        Ok(output::done(Json::Null)?)
    };
    args.common.with(work).await
}

pub(super) async fn register_all(args: RegisterAll) -> Outcome {
    let traced = args.common.stacktrace;
    let work = async |client: Client| {
        let register = async |table: &registration_file::Entry| {
            let properties = match table.text("contract-properties").or_else(|| table.text("properties")) {
                Some(text) => json(text)?.to_string(),
                None => String::new(),
            };
            let code = read(&table.class_file)?;
            match client.register_contract(&table.id, &table.binary_name, code.into(), &properties).await {
                Ok(()) => Ok(Registered::Now),
                Err(error) if error.code == StatusCode::ContractAlreadyRegistered => {
                    Ok(Registered::Before(error))
                }
                Err(error) => Err(Failure::from(error)),
            }
        };
        registration_file::run(&args.contracts_file, &Kind::CONTRACTS, traced, register).await
    };
    args.common.with(work).await
}

pub(super) async fn list(args: List) -> Outcome {
    let work = async |client: Client| {
        let text = client.list_contracts(args.contract_id.as_deref()).await?;
        let contracts = if text.is_empty() { Json::Object(Object::new()) } else { answered(&text)? };
        Ok(output::done(contracts)?)
    };
    args.common.with(work).await
}

pub(super) async fn execute(args: Execute) -> Outcome {
    let format = args.deserialization_format;
    let work = async |client: Client| {
        let argument = format.read(Some(args.contract_argument))?.unwrap_or_default();
        let function_argument = format.read(args.function_argument)?.unwrap_or_default();
        let function_ids: Vec<&str> = args.function_id.as_deref().into_iter().collect();
        let call = Call {
            contract_id: &args.contract_id,
            argument: &argument,
            function_ids: &function_ids,
            function_argument: &function_argument,
            nonce: None,
        };
        let execution = client.execute(call).await?;
        result("Contract", execution.contract_result.as_deref(), format)?;
        result("Function", execution.function_result.as_deref(), format)?;
        Ok(std::process::ExitCode::SUCCESS)
    };
    args.common.with(work).await
}

fn result(of: &str, text: Option<&str>, format: Format) -> Result<(), Failure> {
    match (text, format) {
        (None, _) => Ok(()),
        (Some(text), Format::String) => Ok(output::line(&format!("{of} result: {text}"))?),
        (Some(text), Format::Json) => {
            let json = answered(text).map_err(|error: Error| Failure::local(&error))?;
            output::line(&format!("{of} result:"))?;
            Ok(output::print(&json)?)
        }
    }
}
