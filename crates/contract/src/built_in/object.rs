//! Objects: hashes (and metadata) of documents that are kept elsewhere. Asset `o_<object_id>`.

use super::call::{Call, Run, broken, data, refusal};
use crate::json::{Json, object, write_string};
use crate::{AssetFilter, AssetOrder, Result};

pub(super) fn find(class: &str) -> Option<Run> {
    Some(match class {
        "Put" => put,
        "Get" => get,
        "Validate" => validate,
        _ => return None,
    })
}

const OBJECT_ID_IS_MISSING_OR_INVALID: &str =
    "The object ID is not specified in the arguments or is invalid.";
const HASH_VALUE_IS_MISSING_OR_INVALID: &str =
    "The hash value is not specified in the arguments or is invalid.";
const VERSIONS_ARE_MISSING: &str = "The versions are not specified in the arguments.";
const INVALID_METADATA_FORMAT: &str = "The specified format of the metadata is invalid.";
const INVALID_VERSIONS_FORMAT: &str = "The specified format of the version information is invalid.";

fn put(call: Call<'_>) -> Result<Option<String>> {
    let object_id = call.argument.string("object_id", OBJECT_ID_IS_MISSING_OR_INVALID)?;
    let hash_value = call.argument.string("hash_value", HASH_VALUE_IS_MISSING_OR_INVALID)?;
    let mut data = String::with_capacity(40 + object_id.len() + hash_value.len());
    data.push_str("{\"object_id\":");
    write_string(object_id, &mut data);
    data.push_str(",\"hash_value\":");
    write_string(hash_value, &mut data);
    if let Some(metadata) = call.argument.get("metadata") {
        metadata.as_object().ok_or_else(|| refusal(INVALID_METADATA_FORMAT))?;
        data.push_str(",\"metadata\":");
        metadata.write(&mut data);
    }
    data.push('}');
    // No get before: a put reads what was there.
    call.ledger.put(None, &asset_id(object_id), &data)?;
    Ok(None)
}

fn get(call: Call<'_>) -> Result<Option<String>> {
    let asset_id = asset_id(call.argument.string("object_id", OBJECT_ID_IS_MISSING_OR_INVALID)?);
    Ok(call.ledger.get(None, &asset_id)?.map(|asset| asset.data))
}

fn validate(call: Call<'_>) -> Result<Option<String>> {
    let object_id = call.argument.string("object_id", OBJECT_ID_IS_MISSING_OR_INVALID)?;
    let given = versions(call.argument.member("versions", VERSIONS_ARE_MISSING)?)?;
    let limit = if call.argument.option("all") { 0 } else { u32::try_from(given.len()).unwrap_or(u32::MAX) };
    let verbose = call.argument.option("verbose");
    let filter = AssetFilter {
        namespace: None,
        id: asset_id(object_id),
        start_age: None,
        end_age: None,
        order: AssetOrder::Descending,
        limit,
    };
    let stored = call.ledger.scan(&filter)?;
    if stored.len() != given.len() {
        return Ok(Some(status("faulty", "The number of versions is mismatched.", Vec::new(), None)));
    }
    let (mut faulty, mut corresponding) = (Vec::new(), Vec::new());
    for (stored, (version_id, given)) in stored.iter().zip(given) {
        let stored = data(stored)?;
        if !is_faulty(&stored, given) {
            continue;
        }
        if verbose {
            faulty.push(faulty_version(version_id, &stored)?);
            corresponding.push(given.clone());
        } else {
            faulty.push(version_id.into());
        }
    }
    if faulty.is_empty() {
        return Ok(Some(status("correct", "The status is correct.", faulty, None)));
    }
    let corresponding = verbose.then_some(corresponding);
    Ok(Some(status("faulty", "A faulty version is found.", faulty, corresponding)))
}

fn asset_id(object_id: &str) -> String {
    format!("o_{object_id}")
}

/// Each version with its id, as given: the newest first.
fn versions(versions: &Json) -> Result<Vec<(&str, &Json)>> {
    let invalid = || refusal(INVALID_VERSIONS_FORMAT);
    let versions = versions.as_array().filter(|versions| !versions.is_empty()).ok_or_else(invalid)?;
    let check = |version| {
        let version_id = Json::get(version, "version_id").and_then(Json::as_str).ok_or_else(invalid)?;
        version.get("hash_value").and_then(Json::as_str).ok_or_else(invalid)?;
        match version.get("metadata") {
            Some(metadata) if metadata.as_object().is_none() => Err(invalid()),
            _ => Ok((version_id, version)),
        }
    };
    versions.iter().map(check).collect()
}

fn is_faulty(stored: &Json, given: &Json) -> bool {
    let hash = |version: &Json| version.get("hash_value").map(|hash| hash.to_text().into_owned());
    let metadata_differs =
        given.get("metadata").is_some_and(|metadata| stored.get("metadata") != Some(metadata));
    hash(stored).is_none() || hash(stored) != hash(given) || metadata_differs
}

fn faulty_version(version_id: &str, stored: &Json) -> Result<Json> {
    let Some(hash_value) = stored.get("hash_value") else {
        return Err(broken("a stored version has no hash value"));
    };
    let mut version =
        vec![("version_id", version_id.into()), ("hash_value", hash_value.to_text().as_ref().into())];
    version.extend(stored.get("metadata").map(|metadata| ("metadata", metadata.clone())));
    Ok(Json::Object(version.into_iter().collect()))
}

fn status(status: &str, details: &str, faulty: Vec<Json>, given: Option<Vec<Json>>) -> String {
    let mut result =
        object([("status", status.into()), ("details", details.into()), ("faulty_versions", faulty.into())]);
    if let (Json::Object(members), Some(given)) = (&mut result, given) {
        members.insert("corresponding_given_versions", given.into());
    }
    result.text()
}
