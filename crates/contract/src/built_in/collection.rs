//! Collections: sets of object ids, kept as changes with a snapshot now and then. Asset `c_<collection_id>`.
//!
//! Age 0 and every age that the checkpoint interval divides hold, besides their own change, the whole set before it.

use std::collections::HashSet;

use indexmap::IndexSet;

use super::call::{Argument, Call, Run, broken, data, invoke, parse, refusal, required};
use crate::json::{Json, Number, object};
use crate::{AssetFilter, AssetOrder, Environment, Result};

pub(super) fn find(class: &str) -> Option<Run> {
    Some(match class {
        "Create" => create,
        "Add" => add,
        "Remove" => remove,
        "Get" => get,
        "GetHistory" => get_history,
        "GetCheckpointInterval" => get_checkpoint_interval,
        _ => return None,
    })
}

const COLLECTION_ID_IS_MISSING_OR_INVALID: &str =
    "The collection ID is not specified in the arguments or is invalid.";
const OBJECT_IDS_ARE_MISSING: &str = "The object IDs are not specified in the arguments.";
const INVALID_OBJECT_IDS_FORMAT: &str = "The specified format of the object IDs is invalid.";
const INVALID_CONTRACT_PROPERTIES_FORMAT: &str =
    "The specified format of the contract properties is invalid.";
const INVALID_OPTIONS_FORMAT: &str = "The specified format of the options is invalid.";
const COLLECTION_ALREADY_EXISTS: &str = "The specified collection already exists.";
const COLLECTION_NOT_FOUND: &str = "The specified collection is not found.";
const OBJECT_ALREADY_EXISTS_IN_COLLECTION: &str =
    "One of the specified objects already exists in the collection.";
const OBJECT_NOT_FOUND_IN_COLLECTION: &str = "One of the specified objects is not found in the collection.";
const INVALID_CHECKPOINT: &str = "The checkpoint for the specified collection is invalid. Check if the correct \
                                  contract and its properties are used.";
const ILLEGAL_ASSET_STATE: &str = "The state of the specified asset is illegal.";

const DEFAULT_CHECKPOINT_INTERVAL: i32 = 10;
const MIN_CHECKPOINT_INTERVAL: i32 = 1;

fn create(call: Call<'_>) -> Result<Option<String>> {
    let (collection_id, object_ids) = change(&call.argument)?;
    let asset_id = asset_id(collection_id);
    if call.ledger.get(None, &asset_id)?.is_some() {
        return Err(refusal(COLLECTION_ALREADY_EXISTS));
    }
    let interval = checkpoint_interval(call.ledger, call.nested, &call.argument)?;
    let data = object([
        ("collection_id", collection_id.into()),
        ("operation_type", "create".into()),
        ("object_ids", object_ids.clone()),
        ("snapshot", Vec::new().into()),
        ("checkpoint_interval", interval.into()),
    ]);
    call.ledger.put(None, &asset_id, &data.text())?;
    Ok(None)
}

fn add(call: Call<'_>) -> Result<Option<String>> {
    append(call, "add", |known| !known, OBJECT_ALREADY_EXISTS_IN_COLLECTION)
}

fn remove(call: Call<'_>) -> Result<Option<String>> {
    append(call, "remove", |known| known, OBJECT_NOT_FOUND_IN_COLLECTION)
}

/// Appends a change if every object is in the collection, or is not, as it should.
fn append(
    call: Call<'_>,
    operation: &str,
    should: fn(bool) -> bool,
    otherwise: &str,
) -> Result<Option<String>> {
    let (collection_id, object_ids) = change(&call.argument)?;
    let asset_id = asset_id(collection_id);
    let Some(asset) = call.ledger.get(None, &asset_id)? else {
        return Err(refusal(COLLECTION_NOT_FOUND));
    };
    let Some(collection) = invoke(call.ledger, &format!("{}Get", call.nested), &call.argument)? else {
        return Err(refusal(COLLECTION_NOT_FOUND));
    };
    let before = required(&collection, "object_ids")?;
    if !call.argument.option("force") {
        let known: HashSet<_> = elements(before).iter().map(Json::to_text).collect();
        if !elements(object_ids).iter().all(|object_id| should(known.contains(&object_id.to_text()))) {
            return Err(refusal(otherwise));
        }
    }
    let mut data = object([
        ("collection_id", collection_id.into()),
        ("operation_type", operation.into()),
        ("object_ids", object_ids.clone()),
    ]);
    let interval = checkpoint_interval(call.ledger, call.nested, &call.argument)?;
    if let (Json::Object(members), true) = (&mut data, is_checkpoint(asset.age + 1, interval)) {
        members.insert("snapshot", before.clone());
        members.insert("checkpoint_interval", interval.into());
    }
    call.ledger.put(None, &asset_id, &data.text())?;
    Ok(None)
}

fn get(call: Call<'_>) -> Result<Option<String>> {
    let asset_id = asset_id(call.argument.string("collection_id", COLLECTION_ID_IS_MISSING_OR_INVALID)?);
    let Some(asset) = call.ledger.get(None, &asset_id)? else { return Ok(None) };
    let interval = checkpoint_interval(call.ledger, call.nested, &call.argument)?;
    let mut set = IndexSet::new();
    if is_checkpoint(asset.age, interval) {
        let checkpoint = data(&asset)?;
        start(&mut set, &checkpoint, interval)?;
        apply(&mut set, &checkpoint)?;
    } else {
        let filter = AssetFilter {
            namespace: None,
            id: asset_id,
            start_age: Some(asset.age - asset.age % interval),
            end_age: Some(asset.age),
            order: AssetOrder::Ascending,
            limit: 0,
        };
        for (index, asset) in call.ledger.scan(&filter)?.iter().enumerate() {
            let change = data(asset)?;
            if index == 0 {
                start(&mut set, &change, interval)?;
            }
            apply(&mut set, &change)?;
        }
    }
    let object_ids: Vec<Json> = set.into_iter().map(Json::String).collect();
    Ok(Some(object([("object_ids", object_ids.into())]).text()))
}

fn get_history(call: Call<'_>) -> Result<Option<String>> {
    let collection_id = call.argument.string("collection_id", COLLECTION_ID_IS_MISSING_OR_INVALID)?;
    let limit = match call.argument.get("options").and_then(|options| options.get("limit")) {
        None => 0,
        Some(limit) => positive_int(limit)
            .and_then(|limit| u32::try_from(limit).ok())
            .ok_or_else(|| refusal(INVALID_OPTIONS_FORMAT))?,
    };
    let filter = AssetFilter {
        namespace: None,
        id: asset_id(collection_id),
        start_age: None,
        end_age: None,
        order: AssetOrder::Descending,
        limit,
    };
    let mut events = Vec::new();
    for asset in call.ledger.scan(&filter)? {
        let change = data(&asset)?;
        events.push(object([
            ("operation_type", required(&change, "operation_type")?.to_text().as_ref().into()),
            ("age", asset.age.into()),
            ("object_ids", required(&change, "object_ids")?.clone()),
        ]));
    }
    let result = object([("collection_id", collection_id.into()), ("collection_events", events.into())]);
    Ok(Some(result.text()))
}

fn get_checkpoint_interval(call: Call<'_>) -> Result<Option<String>> {
    let properties = call.properties.map(parse).transpose()?;
    let interval = match properties.as_ref().and_then(|properties| properties.get("checkpoint_interval")) {
        None => DEFAULT_CHECKPOINT_INTERVAL,
        Some(interval) => positive_int(interval)
            .filter(|interval| *interval >= MIN_CHECKPOINT_INTERVAL)
            .ok_or_else(|| refusal(INVALID_CONTRACT_PROPERTIES_FORMAT))?,
    };
    Ok(Some(object([("checkpoint_interval", interval.into())]).text()))
}

/// The collection's id and the objects of a change.
fn change(argument: &Argument) -> Result<(&str, &Json)> {
    let collection_id = argument.string("collection_id", COLLECTION_ID_IS_MISSING_OR_INVALID)?;
    let object_ids = argument.member("object_ids", OBJECT_IDS_ARE_MISSING)?;
    match object_ids.as_array() {
        Some(ids) if ids.iter().all(|id| id.as_str().is_some()) => Ok((collection_id, object_ids)),
        _ => Err(refusal(INVALID_OBJECT_IDS_FORMAT)),
    }
}

fn asset_id(collection_id: &str) -> String {
    format!("c_{collection_id}")
}

fn checkpoint_interval(ledger: &mut dyn Environment, nested: &str, argument: &Json) -> Result<u32> {
    let answer = invoke(ledger, &format!("{nested}GetCheckpointInterval"), argument)?;
    let interval = answer.as_ref().and_then(|answer| answer.get("checkpoint_interval")).map(Json::to_int);
    interval
        .and_then(|interval| u32::try_from(interval).ok())
        .filter(|interval| *interval > 0)
        .ok_or_else(|| broken(format_args!("{nested}GetCheckpointInterval gave no interval")))
}

fn is_checkpoint(age: u32, interval: u32) -> bool {
    age.is_multiple_of(interval)
}

/// The whole set before the change of a checkpoint.
fn start(set: &mut IndexSet<String>, checkpoint: &Json, interval: u32) -> Result<()> {
    let recorded = checkpoint.get("checkpoint_interval").and_then(positive_int);
    if recorded.and_then(|recorded| u32::try_from(recorded).ok()) != Some(interval) {
        return Err(refusal(INVALID_CHECKPOINT));
    }
    let snapshot =
        checkpoint.get("snapshot").and_then(Json::as_array).ok_or_else(|| refusal(ILLEGAL_ASSET_STATE))?;
    set.extend(snapshot.iter().map(|id| id.to_text().into_owned()));
    Ok(())
}

fn apply(set: &mut IndexSet<String>, change: &Json) -> Result<()> {
    let operation = required(change, "operation_type")?.to_text();
    let object_ids = elements(required(change, "object_ids")?).iter().map(|id| id.to_text().into_owned());
    match operation.as_ref() {
        "create" | "add" => set.extend(object_ids),
        "remove" => {
            let gone: HashSet<String> = object_ids.collect();
            set.retain(|id| !gone.contains(id));
        }
        _ => return Err(refusal(ILLEGAL_ASSET_STATE)),
    }
    Ok(())
}

fn elements(array: &Json) -> &[Json] {
    array.as_array().unwrap_or_default()
}

/// An integer of 32 bits that is not negative.
fn positive_int(value: &Json) -> Option<i32> {
    match value {
        Json::Number(number) => Number::as_i32(number).filter(|value| *value >= 0),
        _ => None,
    }
}
