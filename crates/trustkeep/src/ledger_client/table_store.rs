//! The commands of `scalardl-tablestore`.

use std::process::ExitCode;

use clap::Subcommand;
use trustkeep_contract::json::Json;
use trustkeep_scalar_client::TableStore;
use trustkeep_scalar_client::table_store::Statement;

use super::failure::{Failure, Outcome};
use super::hash_store::result;
use super::options::Common;
use super::output;
use super::validation::{AgeRange, Key};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bootstrap the table store by registering identity and contracts
    Bootstrap(Bootstrap),
    /// Execute a specified statement
    ExecuteStatement(Execute),
    /// Validate a specified asset in the ledger
    ValidateLedger(Validate),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  scalardl-tablestore bootstrap --properties client.properties")]
pub(super) struct Bootstrap {
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scalardl-tablestore execute-statement --properties client.properties \\\n    \
    --statement 'CREATE TABLE employee (id STRING PRIMARY KEY, department STRING, salary INT)'\n  \
    scalardl-tablestore execute-statement --properties client.properties \\\n    \
    --statement \"INSERT INTO employee VALUES {'id':'1001','department':'sales','salary':654.5}\"\n  \
    scalardl-tablestore execute-statement --properties client.properties \\\n    \
    --statement \"SELECT id FROM employee WHERE department = 'sales' AND salary > 600\"")]
pub(super) struct Execute {
    #[command(flatten)]
    common: Common,
    /// A statement to interact with the table store
    #[arg(long)]
    statement: String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl-tablestore validate-ledger --properties client.properties --table-name employee \\\n    \
    --primary-key-column-name id --column-value '\"1001\"'"
)]
pub(super) struct Validate {
    #[command(flatten)]
    common: Common,
    /// The name of the table
    #[arg(long)]
    table_name: String,
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    ages: AgeRange,
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::Bootstrap(args) => {
            let work = async |store: TableStore| {
                store.bootstrap().await?;
                Ok(output::done(Json::Null)?)
            };
            with(args.common, work).await
        }
        Command::ExecuteStatement(args) => {
            let work = async |store: TableStore| {
                let statement = Statement::parse(&args.statement).map_err(|error| Failure::local(&error))?;
                result(&store.execute(&statement).await?)
            };
            with(args.common, work).await
        }
        Command::ValidateLedger(args) => {
            let work = async |store: TableStore| {
                let ages = args.ages.ages()?;
                output::validation(&args.key.validate(&store, &args.table_name, ages).await?)?;
                Ok(ExitCode::SUCCESS)
            };
            with(args.common, work).await
        }
    }
}

async fn with<W: Future<Output = Outcome>>(common: Common, work: impl FnOnce(TableStore) -> W) -> Outcome {
    common.with(|client| work(TableStore::new(client))).await
}
