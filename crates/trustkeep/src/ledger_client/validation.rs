//! Validating assets, by their ids or by what generic contracts call them.

use std::process::ExitCode;

use trustkeep_scalar_client::table_store::Validated;
use trustkeep_scalar_client::{Ages, Client, HashStore, TableStore, Validation};
use trustkeep_scalar_rpc::{Error, StatusCode};

use super::failure::{Failure, Outcome};
use super::options::{Common, json};
use super::output;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl validate-ledger --properties client.properties --asset-id a --asset-id b,0,5"
)]
pub(super) struct Validate {
    #[command(flatten)]
    common: Common,
    /// The namespace of the asset
    #[arg(long)]
    namespace: Option<String>,
    /// The ID (and the ages) of an asset. Format: 'asset_id' or 'asset_id,start_age,end_age'
    #[arg(long = "asset-id", required = true)]
    asset_ids: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl gc validate-ledger --properties client.properties --table-name employee \\\n    \
    --primary-key-column-name id --column-value '\"1001\"'"
)]
pub(super) struct ValidateGeneric {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    ages: AgeRange,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    key: Key,
}

/// What a generic contract made.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// The ID of an object created by the object.Put contract
    #[arg(long)]
    object_id: Option<String>,
    /// The ID of a collection created by the collection.Create contract
    #[arg(long)]
    collection_id: Option<String>,
    /// The name of a table created by table-oriented generic contracts
    #[arg(long)]
    table_name: Option<String>,
}

/// Which ages of an asset.
#[derive(Debug, clap::Args)]
pub(super) struct AgeRange {
    /// The validation start age of the asset
    #[arg(long, default_value_t = 0, allow_hyphen_values = true, hide_default_value = true)]
    start_age: i32,
    /// The validation end age of the asset
    #[arg(long, default_value_t = i32::MAX, allow_hyphen_values = true, hide_default_value = true)]
    end_age: i32,
}

/// A record or an index's entry of a table; its schema if neither is given.
#[derive(Debug, clap::Args)]
pub(super) struct Key {
    /// The primary key column name of a record created by table-oriented generic contracts
    #[arg(long, requires = "column_value", conflicts_with = "index_key_column_name")]
    primary_key_column_name: Option<String>,
    /// The index key column name of a record created by table-oriented generic contracts
    #[arg(long, requires = "column_value")]
    index_key_column_name: Option<String>,
    /// The column value of the primary key or the index key as a JSON string
    #[arg(long, allow_hyphen_values = true)]
    column_value: Option<String>,
}

impl AgeRange {
    pub(super) fn ages(&self) -> Result<Ages, Failure> {
        Ok(Ages::new(self.start_age, self.end_age)?)
    }
}

impl Key {
    /// Validates what of a table this is.
    pub(super) async fn validate(
        &self,
        store: &TableStore,
        table: &str,
        ages: Ages,
    ) -> Result<Validation, Failure> {
        let value = self.column_value.as_deref().map(json).transpose()?;
        let what = match (&self.primary_key_column_name, &self.index_key_column_name, &value) {
            (Some(column), _, Some(value)) => Validated::Record { column, value },
            (None, Some(column), Some(value)) => Validated::Index { column, value },
            (None, None, None) => Validated::Schema,
            _ => {
                let text = "--column-value goes with --primary-key-column-name or --index-key-column-name.";
                return Err(Failure::Local(text.to_owned()));
            }
        };
        Ok(store.validate(table, &what, ages).await?)
    }
}

pub(super) async fn validate(args: Validate) -> Outcome {
    let work = async |client: Client| {
        for asset in &args.asset_ids {
            let (id, ages) = id_and_ages(asset)?;
            output::validation(&client.validate_ledger(args.namespace.as_deref(), id, ages).await?)?;
        }
        Ok(ExitCode::SUCCESS)
    };
    args.common.with(work).await
}

pub(super) async fn validate_generic(args: ValidateGeneric) -> Outcome {
    let work = async |client: Client| {
        let ages = args.ages.ages()?;
        if client.config().auto_bootstrap {
            client.bootstrap().await?;
        }
        let validation = match &args.target {
            Target { object_id: Some(id), .. } => HashStore::new(client).validate_object(id, ages).await?,
            Target { collection_id: Some(id), .. } => {
                HashStore::new(client).validate_collection(id, ages).await?
            }
            Target { table_name, .. } => {
                let table = table_name.as_deref().unwrap_or_default();
                args.key.validate(&TableStore::new(client), table, ages).await?
            }
        };
        output::validation(&validation)?;
        Ok(ExitCode::SUCCESS)
    };
    args.common.with(work).await
}

/// `id` or `id,first,last`.
fn id_and_ages(asset: &str) -> Result<(&str, Ages), Failure> {
    let refused = |id, text| {
        let error = Error::numbered(StatusCode::InvalidArgument, "CLIENT", id, text);
        Failure::Refused { error, traced: false }
    };
    let parts: Vec<_> = asset.split(',').collect();
    match parts.as_slice() {
        [id] => Ok((id, Ages::ALL)),
        [id, first, last] => match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) => Ok((id, Ages::new(first, last)?)),
            _ => Err(refused(2, "The specified option --asset-id contains an invalid integer.")),
        },
        _ => Err(refused(
            1,
            "The specified option --asset-id is malformed. The format should be \"[assetId]\" or \
            \"[assetId],[startAge],[endAge]\".",
        )),
    }
}
