//! The commands of `scalardl-hashstore`.

use std::process::ExitCode;

use clap::Subcommand;
use trustkeep_contract::json::Json;
use trustkeep_scalar_client::{Execution, HashStore};

use super::failure::{Failure, Outcome};
use super::options::{Common, answered, json};
use super::output;
use super::validation::AgeRange;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bootstrap the hash store by registering identity and contracts
    Bootstrap(Bootstrap),
    /// Get an object from the hash store
    GetObject(GetObject),
    /// Put an object to the hash store
    PutObject(PutObject),
    /// Compare object versions
    CompareObjectVersions(Compare),
    /// Create a new collection
    CreateCollection(CreateCollection),
    /// Get a collection from the hash store
    GetCollection(GetCollection),
    /// Add objects to a collection
    AddToCollection(Change),
    /// Remove objects from a collection
    RemoveFromCollection(Change),
    /// Get the history of a collection
    GetCollectionHistory(History),
    /// Validate a specified asset in the ledger
    ValidateLedger(Validate),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  scalardl-hashstore bootstrap --properties client.properties")]
pub(super) struct Bootstrap {
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl-hashstore get-object --properties client.properties --object-id o1"
)]
pub(super) struct GetObject {
    #[command(flatten)]
    common: Common,
    /// The ID of the object to retrieve
    #[arg(long)]
    object_id: String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl-hashstore put-object --properties client.properties --object-id o1 --hash 5feceb66 \\\n    \
    --metadata '{\"name\":\"report.pdf\"}'"
)]
pub(super) struct PutObject {
    #[command(flatten)]
    common: Common,
    /// The ID of the object to store
    #[arg(long)]
    object_id: String,
    /// The hash value of the object
    #[arg(long)]
    hash: String,
    /// Optional metadata as JSON string
    #[arg(long, value_name = "METADATA_JSON")]
    metadata: Option<String>,
    /// Optional Put operation for mutable database as JSON string
    #[arg(long, value_name = "PUT_TO_MUTABLE_JSON")]
    put_to_mutable: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl-hashstore compare-object-versions --properties client.properties --object-id o1 \\\n    \
    --versions '[{\"version_id\":\"v1\",\"hash_value\":\"5feceb66\"}]' --verbose"
)]
pub(super) struct Compare {
    #[command(flatten)]
    common: Common,
    /// The ID of the object to compare versions
    #[arg(long)]
    object_id: String,
    /// Object versions to compare as JSON array
    #[arg(long, value_name = "VERSIONS_JSON")]
    versions: String,
    /// Compare all versions including stored versions in the ledger
    #[arg(long)]
    all: bool,
    /// Show detailed validation information
    #[arg(long)]
    verbose: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl-hashstore create-collection --properties client.properties --collection-id c1 \\\n    \
    --object-ids o1 --object-ids o2"
)]
pub(super) struct CreateCollection {
    #[command(flatten)]
    common: Common,
    /// The ID of the collection to create
    #[arg(long)]
    collection_id: String,
    /// Object IDs to include in the collection
    #[arg(long, value_name = "OBJECT_ID")]
    object_ids: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl-hashstore get-collection --properties client.properties --collection-id c1"
)]
pub(super) struct GetCollection {
    #[command(flatten)]
    common: Common,
    /// The ID of the collection to retrieve
    #[arg(long)]
    collection_id: String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl-hashstore add-to-collection --properties client.properties --collection-id c1 --object-ids o3"
)]
pub(super) struct Change {
    #[command(flatten)]
    common: Common,
    /// The ID of the collection
    #[arg(long)]
    collection_id: String,
    /// Object IDs to add or remove
    #[arg(long, value_name = "OBJECT_ID", required = true)]
    object_ids: Vec<String>,
    /// Skip validation: objects may be in the collection already, or not be in it
    #[arg(long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl-hashstore get-collection-history --properties client.properties --collection-id c1 --limit 10"
)]
pub(super) struct History {
    #[command(flatten)]
    common: Common,
    /// The ID of the collection
    #[arg(long)]
    collection_id: String,
    /// Maximum number of recent history entries to return
    #[arg(long, allow_hyphen_values = true)]
    limit: Option<i32>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl-hashstore validate-ledger --properties client.properties --object-id o1"
)]
pub(super) struct Validate {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    ages: AgeRange,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// The ID of the object to validate
    #[arg(long)]
    object_id: Option<String>,
    /// The ID of the collection to validate
    #[arg(long)]
    collection_id: Option<String>,
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::Bootstrap(args) => {
            let work = async |store: HashStore| {
                store.bootstrap().await?;
                Ok(output::done(Json::Null)?)
            };
            with(args.common, work).await
        }
        Command::GetObject(args) => {
            let work =
                async |store: HashStore| found(store.get_object(&args.object_id).await?, "Object not found.");
            with(args.common, work).await
        }
        Command::PutObject(args) => put_object(args).await,
        Command::CompareObjectVersions(args) => compare(args).await,
        Command::CreateCollection(args) => {
            let work = async |store: HashStore| {
                silent(&store.create_collection(&args.collection_id, &args.object_ids).await?)
            };
            with(args.common, work).await
        }
        Command::GetCollection(args) => {
            let work = async |store: HashStore| {
                found(store.get_collection(&args.collection_id).await?, "Collection not found.")
            };
            with(args.common, work).await
        }
        Command::AddToCollection(args) => {
            let work = async |store: HashStore| {
                silent(&store.add_to_collection(&args.collection_id, &args.object_ids, args.force).await?)
            };
            with(args.common, work).await
        }
        Command::RemoveFromCollection(args) => {
            let work = async |store: HashStore| {
                silent(
                    &store.remove_from_collection(&args.collection_id, &args.object_ids, args.force).await?,
                )
            };
            with(args.common, work).await
        }
        Command::GetCollectionHistory(args) => {
            let work = async |store: HashStore| {
                result(&store.get_collection_history(&args.collection_id, args.limit).await?)
            };
            with(args.common, work).await
        }
        Command::ValidateLedger(args) => validate(args).await,
    }
}

async fn put_object(args: PutObject) -> Outcome {
    let work = async |store: HashStore| {
        let metadata = args.metadata.as_deref().map(json).transpose()?;
        let mutable = args.put_to_mutable.as_deref().map(json).transpose()?;
        silent(&store.put_object(&args.object_id, &args.hash, metadata, mutable.as_ref()).await?)
    };
    with(args.common, work).await
}

async fn compare(args: Compare) -> Outcome {
    let work = async |store: HashStore| {
        let versions = json(&args.versions)?;
        let compared = store.compare_object_versions(&args.object_id, versions, args.all, args.verbose);
        result(&compared.await?)
    };
    with(args.common, work).await
}

async fn validate(args: Validate) -> Outcome {
    let work = async |store: HashStore| {
        let ages = args.ages.ages()?;
        let validation = match &args.target {
            Target { object_id: Some(id), .. } => store.validate_object(id, ages).await?,
            Target { collection_id, .. } => {
                store.validate_collection(collection_id.as_deref().unwrap_or_default(), ages).await?
            }
        };
        output::validation(&validation)?;
        Ok(ExitCode::SUCCESS)
    };
    with(args.common, work).await
}

async fn with<W: Future<Output = Outcome>>(common: Common, work: impl FnOnce(HashStore) -> W) -> Outcome {
    common.with(|client| work(HashStore::new(client))).await
}

/// What changes something prints nothing.
fn silent(_: &Execution) -> Outcome {
    Ok(ExitCode::SUCCESS)
}

fn found(execution: Execution, absent: &str) -> Outcome {
    if execution.contract_result.is_none() {
        output::line(absent)?;
    }
    result(&execution)
}

/// `Result:` and the JSON, if there is one.
pub(super) fn result(execution: &Execution) -> Outcome {
    if let Some(text) = &execution.contract_result {
        let json = answered(text).map_err(|error| Failure::local(&error))?;
        output::line("Result:")?;
        output::print(&json)?;
    }
    Ok(ExitCode::SUCCESS)
}
