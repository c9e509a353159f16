//! Files of options: YAML, with the options' names without dashes.

use serde_json::Value;

/// The options of a file: the values of each, once for each time.
pub(super) type Entries = Vec<(String, Vec<Vec<String>>)>;

/// Reads a file.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &str) -> Result<Entries, String> {
    let value: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let members = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Object(members) => members,
        _ => return Err("not a list of `option: value`".to_owned()),
    };
    let mut entries = Vec::with_capacity(members.len());
    for (name, value) in members {
        let name = name.trim_start_matches('-').to_owned();
        if let Some(values) = times(&name, &value)? {
            entries.push((name, values));
        }
    }
    Ok(entries)
}

/// The spellings of a flag in the environment.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

fn times(name: &str, value: &Value) -> Result<Option<Vec<Vec<String>>>, String> {
    use super::option::{self, Takes};
    let option = option::named(&format!("--{name}"), true);
    let is_flag = option.is_some_and(|option| option.takes == Takes::Nothing);
    Ok(match value {
        Value::Null | Value::Bool(true) => Some(vec![Vec::new()]),
        Value::Bool(false) => None,
        Value::String(text) if is_flag => match flag(text) {
            Some(flag) => flag.then(|| vec![Vec::new()]),
            None => return Err(format!("{name}: neither true nor false")),
        },
        Value::Array(items) if items.iter().any(Value::is_array) => {
            let each = items.iter().map(|item| match item {
                Value::Array(values) => values.iter().map(|value| word(name, value)).collect(),
                value => Ok(vec![word(name, value)?]),
            });
            Some(each.collect::<Result<_, _>>()?)
        }
        Value::Array(items) => {
            let values: Vec<String> = items.iter().map(|item| word(name, item)).collect::<Result<_, _>>()?;
            let is_each = option.is_some_and(|option| option.is_repeated && option.takes == Takes::One);
            Some(if is_each { values.into_iter().map(|value| vec![value]).collect() } else { vec![values] })
        }
        value => Some(vec![vec![word(name, value)?]]),
    })
}

fn word(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        // Settings that are JSON may be written as YAML too.
        Value::Object(_) => Ok(value.to_string()),
        _ => Err(format!("{name}: a text, a number or a list of them is expected")),
    }
}
