//! Tables: making what is missing, refusing what stands in another shape, and describing both.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ProvisionedThroughput, ScalarAttributeType,
    TableDescription, TableStatus,
};
use trustkeep_store::{ColumnType, Error, Result};

use crate::client::Client;
use crate::failure::Failure;
use crate::place::{KeyAttribute, Place};
use crate::{Capacity, Settings};

/// How often the state of a new table is asked for, with pauses of up to two seconds.
const CREATE_POLLS_MAX: u32 = 300;

/// Makes a place's physical table if it is missing and checks its keys.
pub(crate) async fn ensure(client: &Client, place: &Place, capacity: Capacity) -> Result<()> {
    let mut created = false;
    let mut backoff = client.backoff();
    for _ in 0..CREATE_POLLS_MAX {
        match describe(client, place).await? {
            None if !created => {
                create(client, place, capacity).await?;
                created = true;
            }
            // The new table may not be visible at once.
            None => backoff.wait().await,
            Some(table) => {
                check_keys(place, &table)?;
                match table.table_status() {
                    Some(TableStatus::Active | TableStatus::Updating) => return Ok(()),
                    _ => backoff.wait().await,
                }
            }
        }
    }
    Err(Error::Unavailable(format!("the table {} did not become active", place.table)))
}

/// The tables as text, for an operator who creates them by hand.
pub(crate) fn text(settings: &Settings, places: &[Arc<Place>]) -> String {
    let mut tables: BTreeMap<&str, Vec<&Arc<Place>>> = BTreeMap::new();
    for place in places {
        tables.entry(&place.table).or_default().push(place);
    }
    let mut out = String::new();
    for (table, places) in tables {
        let _ = writeln!(out, "table {table} (DynamoDB, region {})", settings.region);
        let Some(first) = places.first() else { continue };
        let _ = writeln!(out, "  HASH key   {} ({})", first.partition.name, letter(first.partition.kind));
        if let Some(clustering) = &first.clustering {
            let _ = writeln!(out, "  RANGE key  {} ({})", clustering.name, letter(clustering.kind));
        }
        let _ = match settings.capacity {
            Capacity::OnDemand => writeln!(out, "  capacity   on demand"),
            Capacity::Provisioned { read, write } => {
                writeln!(out, "  capacity   {read} read, {write} write units")
            }
        };
        for place in places {
            holds(&mut out, place);
        }
    }
    out
}

fn holds(out: &mut String, place: &Place) {
    let _ = write!(out, "  holds      {}", place.logical.qualified());
    if let Some(fixed) = &place.claim.fixed {
        let _ = write!(out, ", under {} = {fixed:?}", place.partition.name);
    }
    if let (Some(clustering), false) = (&place.clustering, place.claim.prefix.is_empty()) {
        let _ = write!(out, ", {} begins with {:?}", clustering.name, place.claim.prefix);
    }
    let _ = writeln!(out);
    for (name, column) in place.columns.iter().zip(place.logical.columns()) {
        let _ = writeln!(out, "    attribute {name} ({})", letter(column.kind));
    }
    let _ = writeln!(out, "    attribute {} (N)", place.version);
}

async fn describe(client: &Client, place: &Place) -> Result<Option<TableDescription>> {
    let found = client
        .repeat(|| async {
            let request = client.sdk.describe_table().table_name(&*place.table).send();
            let request = Box::pin(request);
            match client.attempt("DescribeTable", &place.table, request).await {
                Ok(answer) => Ok(answer.table),
                Err(Failure::NoTable(_)) => Ok(None),
                Err(other) => Err(other),
            }
        })
        .await?;
    Ok(found)
}

async fn create(client: &Client, place: &Place, capacity: Capacity) -> Result<()> {
    let invalid = |error: aws_sdk_dynamodb::error::BuildError| Error::Invalid(error.to_string());
    let mut request = client.sdk.create_table().table_name(&*place.table);
    let keys = [(Some(&place.partition), KeyType::Hash), (place.clustering.as_ref(), KeyType::Range)];
    for (key, role) in keys {
        let Some(key) = key else { continue };
        let element = KeySchemaElement::builder().attribute_name(&key.name).key_type(role);
        let kind = AttributeDefinition::builder().attribute_name(&key.name).attribute_type(scalar(key.kind));
        request = request
            .key_schema(element.build().map_err(invalid)?)
            .attribute_definitions(kind.build().map_err(invalid)?);
    }
    request = match capacity {
        Capacity::OnDemand => request.billing_mode(BillingMode::PayPerRequest),
        Capacity::Provisioned { read, write } => {
            let units = ProvisionedThroughput::builder()
                .read_capacity_units(i64::from(read.max(1)))
                .write_capacity_units(i64::from(write.max(1)));
            request
                .billing_mode(BillingMode::Provisioned)
                .provisioned_throughput(units.build().map_err(invalid)?)
        }
    };
    tracing::info!(table = &*place.table, region = client.region(), "creating a DynamoDB table");
    client
        .repeat(|| async {
            let sent = client.attempt_reading(
                "CreateTable",
                &place.table,
                Box::pin(request.clone().send()),
                // Another process creates it right now, or an earlier attempt of ours arrived.
                |error| error.is_resource_in_use_exception().then_some(Failure::Condition),
            );
            match sent.await {
                Ok(_) | Err(Failure::Condition) => Ok(()),
                Err(other) => Err(other),
            }
        })
        .await
}

fn check_keys(place: &Place, table: &TableDescription) -> Result<()> {
    let found = |role: &KeyType| {
        let name = table.key_schema().iter().find(|key| key.key_type() == role)?.attribute_name();
        let kind = table.attribute_definitions().iter().find(|kind| kind.attribute_name() == name);
        Some(format!("{name} ({})", kind.map_or("?", |kind| kind.attribute_type().as_str())))
    };
    let wanted = |key: &KeyAttribute| format!("{} ({})", key.name, letter(key.kind));
    let pairs = [
        ("HASH", found(&KeyType::Hash), Some(wanted(&place.partition))),
        ("RANGE", found(&KeyType::Range), place.clustering.as_ref().map(wanted)),
    ];
    for (role, found, wanted) in pairs {
        if found != wanted {
            let name = |key: Option<String>| key.unwrap_or_else(|| "none".to_owned());
            return Err(Error::Schema(format!(
                "the table {} stands in another shape: its {role} key is {}, {} needs {}",
                place.table,
                name(found),
                place.logical.qualified(),
                name(wanted)
            )));
        }
    }
    Ok(())
}

fn scalar(kind: ColumnType) -> ScalarAttributeType {
    match kind {
        ColumnType::Text => ScalarAttributeType::S,
        ColumnType::Bytes => ScalarAttributeType::B,
        ColumnType::Int | ColumnType::Bool => ScalarAttributeType::N,
    }
}

fn letter(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text => "S",
        ColumnType::Bytes => "B",
        ColumnType::Int => "N",
        ColumnType::Bool => "BOOL",
    }
}
