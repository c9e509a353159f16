//! `ValidateLedger`: reads states of one asset, so that Ledger and Auditor compare them as they do any result.

use super::call::{Call, Run};
use crate::json::{Json, write_string};
use crate::{AssetFilter, AssetOrder, Result};

pub(super) fn find(package: &str, class: &str) -> Option<Run> {
    match (package, class) {
        ("com.scalar.dl.client.validation.contract.v1_1_0", "ValidateLedger") => {
            Some(|call| validate(call, true))
        }
        // Before 3.13, first of the client's samples, then of the client itself.
        ("com.scalar.dl.client.contract", "DeprecatedValidateLedger") | (_, "ValidateLedger") => {
            Some(|call| validate(call, false))
        }
        _ => None,
    }
}

fn validate(call: Call<'_>, namespaces: bool) -> Result<Option<String>> {
    let asset_id =
        call.argument.member("asset_id", "please set asset_id in the argument")?.to_text().into_owned();
    let int = |name| call.argument.get(name).map(Json::to_int);
    let (start_age, end_age) = match int("age") {
        Some(age) => (age, age),
        None => (int("start_age").unwrap_or(0), int("end_age").unwrap_or(i32::MAX)),
    };
    let namespace = if namespaces { call.argument.get("namespace").and_then(Json::as_str) } else { None };
    // Nothing is below age 0: a range that ends there is one that ends before it starts.
    let (start_age, end_age) = match u32::try_from(end_age) {
        Ok(end_age) => (u32::try_from(start_age).unwrap_or(0), end_age),
        Err(_) => (1, 0),
    };
    let filter = AssetFilter {
        namespace: namespace.map(str::to_owned),
        id: asset_id,
        start_age: Some(start_age),
        end_age: Some(end_age),
        order: AssetOrder::Ascending,
        limit: 0,
    };
    let assets = call.ledger.scan(&filter)?;
    let mut result = String::from("{");
    write_string(&filter.id, &mut result);
    result.push_str(":[");
    for (index, asset) in assets.iter().enumerate() {
        result.push_str(if index == 0 { "{\"age\":" } else { ",{\"age\":" });
        result.push_str(&asset.age.to_string());
        result.push_str(",\"data\":");
        result.push_str(&asset.data);
        result.push('}');
    }
    result.push_str("]}");
    Ok(Some(result))
}
