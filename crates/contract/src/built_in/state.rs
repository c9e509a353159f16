//! `StateUpdater`, `StateReader` and `StateUpdaterReader` of the getting-started samples: one number per asset.

use super::call::{BuiltIn, Call, data, refusal, required};
use crate::json::{Json, write_string};
use crate::{Environment, Result};

/// The same contract goes by the name of each of the original's base classes.
pub(super) fn find(class: &str) -> Option<BuiltIn> {
    let reader = match class {
        "StateUpdaterReader" => "state-reader",
        "JacksonBasedStateUpdaterReader" => "jackson-state-reader",
        "JsonpBasedStateUpdaterReader" => "jsonp-state-reader",
        "DeprecatedStateUpdaterReader" => "deprecated-state-reader",
        _ => "",
    };
    if !reader.is_empty() {
        return Some(BuiltIn { run: update_and_read, nested: reader });
    }
    let run = match class {
        "StateUpdater" | "JacksonBasedStateUpdater" | "JsonpBasedStateUpdater" | "DeprecatedStateUpdater" => {
            update
        }
        "StateReader" | "JsonpBasedStateReader" | "DeprecatedStateReader" => {
            |call: Call<'_>| read(call, ASSET_ID)
        }
        "JacksonBasedStateReader" => |call: Call<'_>| read(call, ASSET_ID_AND_STATE),
        _ => return None,
    };
    Some(BuiltIn { run, nested: "" })
}

const ASSET_ID: &str = "please set asset_id in the argument";
const ASSET_ID_AND_STATE: &str = "please set asset_id and state in the argument";

fn update(call: Call<'_>) -> Result<Option<String>> {
    set(call.ledger, &call.argument)?;
    Ok(None)
}

fn read(call: Call<'_>, otherwise: &str) -> Result<Option<String>> {
    let asset_id = call.argument.member("asset_id", otherwise)?.to_text();
    let Some(asset) = call.ledger.get(None, &asset_id)? else { return Ok(None) };
    let mut result = String::with_capacity(32 + asset.id.len() + asset.data.len());
    result.push_str("{\"id\":");
    write_string(&asset.id, &mut result);
    result.push_str(",\"age\":");
    result.push_str(&asset.age.to_string());
    result.push_str(",\"output\":");
    result.push_str(&asset.data);
    result.push('}');
    Ok(Some(result))
}

fn update_and_read(call: Call<'_>) -> Result<Option<String>> {
    set(call.ledger, &call.argument)?;
    call.ledger.invoke(call.nested, &call.argument.text())
}

/// Appends the state unless it is the same already.
fn set(ledger: &mut dyn Environment, argument: &Json) -> Result<()> {
    let (Some(asset_id), Some(state)) = (argument.get("asset_id"), argument.get("state")) else {
        return Err(refusal(ASSET_ID_AND_STATE));
    };
    let (asset_id, state) = (asset_id.to_text(), state.to_int());
    if let Some(asset) = ledger.get(None, &asset_id)?
        && required(&data(&asset)?, "state")?.to_int() == state
    {
        return Ok(());
    }
    ledger.put(None, &asset_id, &format!("{{\"state\":{state}}}"))
}
