//! Keeps the latest state of things, as the sample of the same name that comes with Scalar DL.
//! Argument: `{"asset_id": "<id>", "state": <integer>}`.

mod ledger;

use serde_json::{Value, json};

#[unsafe(no_mangle)]
pub extern "C" fn invoke() {
    let argument: Value = match serde_json::from_str(&ledger::argument()) {
        Ok(argument) => argument,
        Err(_) => ledger::fail("please set asset_id and state in the argument"),
    };
    let (Some(id), Some(state)) = (argument["asset_id"].as_str(), argument["state"].as_i64()) else {
        ledger::fail("please set asset_id and state in the argument");
    };
    let asset = ledger::get(id);
    if asset.is_none_or(|asset| asset["data"]["state"] != state) {
        ledger::put(id, &json!({ "state": state }));
    }
}
