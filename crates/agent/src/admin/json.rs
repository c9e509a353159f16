//! Bodies.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::validate::{Problems, said};

/// The members of a body; no body has none. Its depth is bounded by the parser, its size by who read it.
pub(super) fn object(body: Bytes) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => {
            let problems = Problems::from_iter([("_schema".to_owned(), said("Invalid input type."))]);
            Err(Refusal::Fields { place: "json", problems })
        }
        Err(_) => Err(Refusal::NotJson),
    }
}
