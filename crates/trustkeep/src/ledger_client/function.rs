//! Functions: what changes mutable records beside a contract.

use std::path::PathBuf;

use trustkeep_contract::json::Json;
use trustkeep_scalar_client::Client;

use super::failure::{Failure, Outcome};
use super::options::{Common, read};
use super::output;
use super::registration_file::{self, Kind, Registered};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl register-function --properties client.properties --function-id F \\\n    \
    --function-binary-name com.org1.function.F --function-class-file F.class"
)]
pub(super) struct Register {
    #[command(flatten)]
    common: Common,
    /// An ID of a function to register
    #[arg(long)]
    function_id: String,
    /// A binary name of a function to register
    #[arg(long)]
    function_binary_name: String,
    /// A function class file to register
    #[arg(long)]
    function_class_file: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl register-functions --properties client.properties --functions-file functions.toml\n\n\
    The file has a table [[functions]] for each: function-id, function-binary-name and function-class-file.\n\
    Those that failed are written to registration-failed-functions.toml."
)]
pub(super) struct RegisterAll {
    #[command(flatten)]
    common: Common,
    /// A file including functions to register in TOML format
    #[arg(long)]
    functions_file: PathBuf,
}

pub(super) async fn register(args: Register) -> Outcome {
    let work = async |client: Client| {
        let code = read(&args.function_class_file)?;
        client.register_function(&args.function_id, &args.function_binary_name, code.into()).await?;
        Ok(output::done(Json::Null)?)
    };
    args.common.with(work).await
}

pub(super) async fn register_all(args: RegisterAll) -> Outcome {
    let traced = args.common.stacktrace;
    let work = async |client: Client| {
        let register = async |entry: &registration_file::Entry| {
            let code = read(&entry.class_file)?;
            client.register_function(&entry.id, &entry.binary_name, code.into()).await?;
            Ok::<_, Failure>(Registered::Now)
        };
        registration_file::run(&args.functions_file, &Kind::FUNCTIONS, traced, register).await
    };
    args.common.with(work).await
}
