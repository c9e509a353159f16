//! The data of a write, from arguments: `key=value`, `key=@file`, `key=-`, `@file.json`, `-`.

use serde_json::{Map, Value};

use super::error::Error;
use super::input;

/// Builds the data. `non_interactive` makes standard input empty.
///
/// A key given twice becomes an array; `key=\@text` is the text `@text`. Errors name the argument by
/// its number or key, never by its value.
pub(crate) fn parse(arguments: &[String], non_interactive: bool) -> Result<Map<String, Value>, Error> {
    let mut standard_input = StandardInput { non_interactive, used: false };
    let mut data = Map::new();
    for (index, argument) in arguments.iter().enumerate() {
        let problem =
            |what: &str| Error::Usage(format!("Failed to parse K=V data: argument {}: {what}", index + 1));
        match argument.split_once('=') {
            Some((key, value)) => {
                let value = if value == "-" {
                    standard_input.take()?
                } else if let Some(path) = value.strip_prefix('@') {
                    input::file(path).map_err(|error| problem(&error.to_string()))?
                } else {
                    value.strip_prefix('\\').filter(|rest| rest.starts_with('@')).unwrap_or(value).to_owned()
                };
                insert(&mut data, key, value);
            }
            None if argument.is_empty() => {}
            None => {
                let text = if argument == "-" {
                    standard_input.take()?
                } else if let Some(path) = argument.strip_prefix('@') {
                    input::file(path).map_err(|error| problem(&error.to_string()))?
                } else {
                    return Err(problem("must be key=value, @file.json or - for standard input"));
                };
                if text.trim().is_empty() {
                    continue;
                }
                match serde_json::from_str::<Map<String, Value>>(&text) {
                    Ok(read) => data.extend(read),
                    Err(error) => {
                        let (line, column) = (error.line(), error.column());
                        return Err(problem(&format!("not a JSON object (line {line}, column {column})")));
                    }
                }
            }
        }
    }
    Ok(data)
}

/// The same where only text makes sense: options, configuration of a login.
pub(crate) fn parse_text(arguments: &[String], non_interactive: bool) -> Result<Map<String, Value>, Error> {
    let mut data = parse(arguments, non_interactive)?;
    for value in data.values_mut() {
        if !value.is_string() {
            *value = Value::String(value.to_string());
        }
    }
    Ok(data)
}

/// `key=value` of flags such as `-options` and `-metadata`.
///
/// # Errors
///
/// A message for clap, when there is no `=`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "must be key=value".to_owned())
}

/// Pairs as a JSON object.
pub(crate) fn object(pairs: &[(String, String)]) -> Value {
    Value::Object(pairs.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect())
}

fn insert(data: &mut Map<String, Value>, key: &str, value: String) {
    let value = Value::String(value);
    match data.get_mut(key) {
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
        None => {
            data.insert(key.to_owned(), value);
        }
    }
}

struct StandardInput {
    non_interactive: bool,
    used: bool,
}

impl StandardInput {
    fn take(&mut self) -> Result<String, Error> {
        if std::mem::replace(&mut self.used, true) {
            return Err(Error::Usage(
                "Failed to parse K=V data: standard input can be used only once".to_owned(),
            ));
        }
        Ok(input::standard_input(self.non_interactive)?.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn data(words: &[&str]) -> Result<Value, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        parse(&words, true).map(Value::Object).map_err(|error| error.to_string())
    }

    #[test]
    fn pairs_keep_their_text() {
        assert_eq!(data(&["a=1", "b=x=y", "c="]), Ok(json!({"a": "1", "b": "x=y", "c": ""})));
        assert_eq!(data(&["a=1", "a=2", "a=3"]), Ok(json!({"a": ["1", "2", "3"]})));
        assert_eq!(data(&["a=\\@home", "b=\\n"]), Ok(json!({"a": "@home", "b": "\\n"})));
    }

    #[test]
    fn files_give_values_and_objects() {
        let directory = tempfile::tempdir().unwrap();
        let value = directory.path().join("value");
        let object = directory.path().join("object.json");
        std::fs::write(&value, "line 1\nline 2\n").unwrap();
        std::fs::write(&object, r#"{"n": 3, "s": "t"}"#).unwrap();
        let (value, object) = (format!("k=@{}", value.display()), format!("@{}", object.display()));
        assert_eq!(data(&[&value]), Ok(json!({"k": "line 1\nline 2\n"})));
        assert_eq!(data(&["s=old", &object]), Ok(json!({"s": "t", "n": 3})));
    }

    #[test]
    fn errors_name_the_argument_and_not_what_it_holds() {
        let error = data(&["a=1", "hunter2"]).unwrap_err();
        assert!(error.contains("argument 2") && !error.contains("hunter2"), "{error}");
        let error = data(&["k=@/no/such/file"]).unwrap_err();
        assert!(error.contains("/no/such/file"), "{error}");
        assert!(data(&["-", "a=-"]).unwrap_err().contains("only once"));
    }

    #[test]
    fn an_object_that_is_none_is_refused_by_place() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bad.json");
        std::fs::write(&file, "{\n  \"pass\": hunter2\n}").unwrap();
        let error = data(&[&format!("@{}", file.display())]).unwrap_err();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
    }
}
