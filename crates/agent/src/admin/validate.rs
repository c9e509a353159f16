//! Requests against what their route takes, with the words of ACA-Py's libraries for what does not fit.

use serde_json::{Map, Value};

use super::check::Check;
use super::field::{Field, Kind};

/// What is wrong, by field: a list of sentences, or an object for what is inside of it.
pub(super) type Problems = Map<String, Value>;

/// Takes the members that are known.
///
/// # Errors
/// All that is wrong.
pub(super) fn members(fields: &[Field], given: &Map<String, Value>) -> Result<Map<String, Value>, Problems> {
    let (mut taken, mut problems) = (Map::new(), Problems::new());
    for field in fields {
        let outcome = match given.get(field.name) {
            None if field.is_required => Err(said("Missing data for required field.")),
            None => continue,
            Some(Value::Null) if field.is_nullable => continue,
            Some(Value::Null) => Err(said("Field may not be null.")),
            Some(given) => value(field.kind, given),
        };
        match outcome {
            Ok(value) => drop(taken.insert(field.name.to_owned(), value)),
            Err(problem) => drop(problems.insert(field.name.to_owned(), problem)),
        }
    }
    if problems.is_empty() { Ok(taken) } else { Err(problems) }
}

fn value(kind: Kind, given: &Value) -> Result<Value, Value> {
    match kind {
        Kind::Any => Ok(given.clone()),
        Kind::Service => match given {
            Value::Object(_) => Ok(given.clone()),
            Value::String(did) if Check::Did.holds(did) => Ok(given.clone()),
            Value::String(_) => Err(said("Service item must be a valid decentralized identifier (DID)")),
            _ => Err(said("Service item must be a valid decentralized identifier (DID) or object")),
        },
        Kind::Text(check) => match given.as_str() {
            None => Err(said("Not a valid string.")),
            Some(text) if check.holds(text) => Ok(given.clone()),
            Some(text) => Err(said(&check.words(text))),
        },
        Kind::Flag => truth(given).map(Value::Bool).ok_or_else(|| said("Not a valid boolean.")),
        Kind::Number { least, most } => match number(given) {
            None => Err(said("Not a valid integer.")),
            Some(number) if (least..=most).contains(&number) => Ok(number.into()),
            Some(_) if most == i64::MAX => Err(said(&format!("Must be greater than or equal to {least}."))),
            Some(_) => Err(said(&format!(
                "Must be greater than or equal to {least} and less than or equal to {most}."
            ))),
        },
        Kind::Map if given.is_object() => Ok(given.clone()),
        Kind::Map => Err(said("Not a valid mapping type.")),
        Kind::List(inner) => {
            // A list of objects is no list to the library that ACA-Py checks by.
            let is_of_objects = matches!(inner, Kind::Object(_));
            let words = if is_of_objects { "Invalid type." } else { "Not a valid list." };
            let given = given.as_array().ok_or_else(|| said(words))?;
            let (mut taken, mut problems) = (Vec::with_capacity(given.len()), Problems::new());
            for (index, item) in given.iter().enumerate() {
                match value(*inner, item) {
                    Ok(value) => taken.push(value),
                    Err(problem) => drop(problems.insert(index.to_string(), problem)),
                }
            }
            if problems.is_empty() { Ok(taken.into()) } else { Err(problems.into()) }
        }
        Kind::Object(shape) => match given.as_object() {
            None => Err(Map::from_iter([("_schema".to_owned(), said("Invalid input type."))]).into()),
            Some(given) => members(shape.fields, given).map(Value::Object).map_err(Value::Object),
        },
    }
}

/// One sentence.
pub(super) fn said(words: &str) -> Value {
    Value::Array(vec![words.into()])
}

/// The spellings of marshmallow.
fn truth(given: &Value) -> Option<bool> {
    const TRUE: [&str; 14] =
        ["t", "T", "true", "True", "TRUE", "on", "On", "ON", "y", "Y", "yes", "Yes", "YES", "1"];
    const FALSE: [&str; 14] =
        ["f", "F", "false", "False", "FALSE", "off", "Off", "OFF", "n", "N", "no", "No", "NO", "0"];
    match given {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if TRUE.contains(&text.as_str()) => Some(true),
        Value::String(text) if FALSE.contains(&text.as_str()) => Some(false),
        Value::Number(number) if number.as_i64() == Some(1) => Some(true),
        Value::Number(number) if number.as_i64() == Some(0) => Some(false),
        _ => None,
    }
}

fn number(given: &Value) -> Option<i64> {
    match given {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::field::Shape;
    use super::*;

    const OPTIONS: Shape = Shape {
        name: "Options",
        fields: &[Field::checked("key_type", Check::OneOf(&["ed25519", "bls12381g2"]), "")],
    };
    const FIELDS: [Field; 7] = [
        Field::new("recipient_keys", Kind::RAW_KEYS, ""),
        Field::text("my_label", ""),
        Field::new("metadata", Kind::Map, "").required(),
        Field::checked("mediation_id", Check::Uuid, ""),
        Field::new("options", Kind::Object(&OPTIONS), ""),
        Field::text("comment", "").nullable(),
        Field::new("limit", Kind::Number { least: 1, most: 10_000 }, ""),
    ];

    fn problems(given: Value) -> Value {
        Value::Object(members(&FIELDS, given.as_object().unwrap()).unwrap_err())
    }

    #[test]
    fn what_does_not_fit_is_told_as_the_original_tells_it() {
        assert_eq!(
            problems(
                json!({"my_label": 5, "recipient_keys": ["x"], "metadata": [], "mediation_id": "x", "bogus": 1})
            ),
            json!({
                "metadata": ["Not a valid mapping type."],
                "mediation_id": ["Value x is not UUID4 (8-4-4-4-12 hex digits with digit#13=4)"],
                "recipient_keys": {"0": ["Value x is not a raw Ed25519VerificationKey2018 key"]},
                "my_label": ["Not a valid string."],
            })
        );
        assert_eq!(
            problems(json!({"recipient_keys": "x", "my_label": null, "options": {"key_type": "foo"}})),
            json!({
                "recipient_keys": ["Not a valid list."],
                "my_label": ["Field may not be null."],
                "metadata": ["Missing data for required field."],
                "options": {"key_type": ["Must be one of: ed25519, bls12381g2."]},
            })
        );
        assert_eq!(
            problems(json!({"metadata": {}, "options": 5, "limit": "0"})),
            json!({
                "options": {"_schema": ["Invalid input type."]},
                "limit": ["Must be greater than or equal to 1 and less than or equal to 10000."],
            })
        );
    }

    #[test]
    fn what_fits_is_taken_and_nothing_else() {
        let given = json!({"metadata": {"a": 1}, "comment": null, "bogus": 1, "limit": "7"});
        let taken = members(&FIELDS, given.as_object().unwrap()).unwrap();
        assert_eq!(Value::Object(taken), json!({"metadata": {"a": 1}, "limit": 7}));
        for (given, expected) in [("True", Some(true)), ("0", Some(false)), ("maybe", None), ("2", None)] {
            assert_eq!(truth(&given.into()), expected, "{given}");
        }
    }
}
