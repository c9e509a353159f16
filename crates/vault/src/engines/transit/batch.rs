//! The items of a request, one or many, and what is answered to them.

use serde_json::{Map, Value, json};

use super::cipher::Extras;
use super::fault::Fault;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

/// The items of a request.
pub(super) struct Items<'a> {
    /// Whether they came as `batch_input`.
    pub(super) is_batch: bool,
    /// At least one.
    pub(super) items: Vec<Item<'a>>,
}

/// One item: fields of an object.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    fields: &'a Map<String, Value>,
}

impl<'a> Items<'a> {
    /// The items of `batch_input`, else the request itself. Fields that are there must be texts, those of
    /// `required` must be in every item of a batch, with what to say of it.
    ///
    /// # Errors
    /// 400 where the batch is empty or malformed, 413 where it is too long.
    pub(super) fn of(request: &'a Request, required: &[(&str, &str)]) -> Result<Self> {
        let batch = match request.data.get("batch_input") {
            None | Some(Value::Null) => {
                let item = Item { fields: &request.data };
                item.check_alone()?;
                return Ok(Items { is_batch: false, items: vec![item] });
            }
            Some(Value::Array(batch)) => batch,
            Some(other) => {
                let kind = kind_of(other);
                return Err(malformed(&format!("source data must be an array or slice, got {kind}")));
            }
        };
        if batch.is_empty() {
            return Err(Error::invalid("missing batch input to process"));
        }
        if batch.len() > ITEMS_MAX {
            return Err(Error::TooLarge(format!(
                "batch_input may have {ITEMS_MAX} items, not {}",
                batch.len()
            )));
        }
        let mut mistakes = Vec::new();
        let mut items = Vec::with_capacity(batch.len());
        for (index, item) in batch.iter().enumerate() {
            let Value::Object(fields) = item else {
                return Err(malformed(&format!("[{index}] expected a map, got '{}'", kind_of(item))));
            };
            let item = Item { fields };
            item.check(index, required, &mut mistakes);
            items.push(item);
        }
        if mistakes.is_empty() {
            return Ok(Items { is_batch: true, items });
        }
        let count = mistakes.len();
        mistakes.truncate(MISTAKES_SHOWN_MAX);
        Err(malformed(&format!("{count} error(s) decoding:\n\n{}", mistakes.join("\n"))))
    }

    /// Refuses items of which only some have a context.
    ///
    /// # Errors
    /// 400.
    pub(super) fn same_context(&self) -> Result<bool> {
        let with = self.items.iter().filter(|item| !item.text("context").is_empty()).count();
        if with != 0 && with != self.items.len() {
            return Err(Error::invalid("context should be set either in all the request blocks or in none"));
        }
        Ok(with != 0)
    }
}

impl<'a> Item<'a> {
    /// The item that these fields are.
    pub(super) fn of(fields: &'a Map<String, Value>) -> Self {
        Item { fields }
    }

    /// A text; empty where it is missing.
    pub(super) fn text(&self, field: &str) -> &'a str {
        self.get(field).unwrap_or_default()
    }

    /// A text, where it is there.
    pub(super) fn get(&self, field: &str) -> Option<&'a str> {
        self.fields.get(field).and_then(Value::as_str)
    }

    /// Whether the field is there and not null.
    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|value| !value.is_null())
    }

    /// The version of the key asked for; 0 for the latest.
    pub(super) fn key_version(&self) -> i64 {
        let number = |value: &Value| match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        self.fields.get("key_version").and_then(number).unwrap_or_default()
    }

    /// What goes with a plaintext or ciphertext.
    pub(super) fn extras(&self) -> Extras<'a> {
        Extras {
            context: self.text("context"),
            associated_data: self.text("associated_data"),
            nonce: self.text("nonce"),
        }
    }

    /// Refuses fields of the wrong type in an item that came alone.
    fn check_alone(&self) -> Result<()> {
        let wrong = TEXTS.iter().find(|name| self.has(name) && self.get(name).is_none());
        match wrong {
            Some(name) => Err(Error::invalid(format!(
                "Field validation failed: error converting input for field {name:?}: expected a string"
            ))),
            None => Ok(()),
        }
    }

    fn check(&self, index: usize, required: &[(&str, &str)], mistakes: &mut Vec<String>) {
        for (field, value) in self.fields {
            let fits = match field.as_str() {
                "key_version" => value.is_null() || value.as_i64().is_some(),
                name if TEXTS.contains(&name) => value.is_null() || value.is_string(),
                _ => true,
            };
            if !fits {
                let expected = if field == "key_version" { "int" } else { "string" };
                let got = kind_of(value);
                mistakes.push(format!(
                    "* '[{index}].{field}' expected type '{expected}', got unconvertible type '{got}'"
                ));
            }
        }
        for (field, complaint) in required.iter().filter(|(field, _)| !self.fields.contains_key(*field)) {
            mistakes.push(format!("* '[{index}].{field}' {complaint}"));
        }
    }
}

/// Which status a batch with failures has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Failures {
    /// 400 or 500, or what `partial_failure_response_code` says if some item succeeded.
    SetTheStatus,
    /// 200: they stand in the results only.
    StandInResults,
}

/// How a batch is answered.
pub(super) struct Shape {
    /// Which status failures have.
    pub(super) failures: Failures,
    /// A field that stands beside an item's error.
    pub(super) beside_error: Option<(&'static str, Value)>,
}

/// What became of an item: the fields that are answered, or why it failed.
pub(super) type ItemResult = std::result::Result<Map<String, Value>, Fault>;

/// What is answered to the items: results in a batch, else the fields of the one or its failure.
///
/// # Errors
/// The failure of an item that came alone.
pub(super) fn answer(
    request: &Request,
    items: &Items<'_>,
    results: Vec<ItemResult>,
    shape: Shape,
) -> Result<Response> {
    if !items.is_batch {
        let only = results.into_iter().next().unwrap_or_else(|| Err(Fault::internal("no result")));
        return Ok(Response::data(only?));
    }
    let user = results.iter().any(|result| matches!(result, Err(Fault::User(_))));
    let internal = results.iter().any(|result| matches!(result, Err(Fault::Internal(_))));
    let success = results.iter().any(std::result::Result::is_ok);
    let with_reference = |(result, item): (ItemResult, &Item<'_>)| {
        let mut fields = result.unwrap_or_else(|fault| {
            let beside = shape.beside_error.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
            beside.chain([("error".to_owned(), Value::from(fault.to_string()))]).collect()
        });
        fields.insert("reference".into(), item.text("reference").into());
        Value::Object(fields)
    };
    let results: Vec<Value> = results.into_iter().zip(&items.items).map(with_reference).collect();
    let mut response = Response::object(json!({ "batch_results": results }));
    if shape.failures == Failures::SetTheStatus && (user || internal) {
        let mut status = if user { 400 } else { 500 };
        if let Some(wanted) = request.int("partial_failure_response_code")?.filter(|_| success) {
            // Codes below 200 would end the connection's answer before its body.
            match u16::try_from(wanted).ok().filter(|wanted| (200..600).contains(wanted)) {
                Some(wanted) => status = wanted,
                None => {
                    response = response.warn(format!(
                        "invalid HTTP response code override from partial_failure_response_code, reverting to {status}"
                    ));
                }
            }
        }
        response.status = Some(status);
    }
    Ok(response)
}

/// Runs work that may take more than a millisecond so that other requests go on: the runtime moves them to
/// other threads where it has any.
pub(super) fn off_the_queue<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

fn malformed(why: &str) -> Error {
    Error::invalid(format!("failed to parse batch input: {why}"))
}

/// What Go calls the type of a value.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(_) => "json.Number",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// Items of one request.
const ITEMS_MAX: usize = 250_000;
/// Mistakes that one answer tells of.
const MISTAKES_SHOWN_MAX: usize = 20;
/// Fields of items that are texts.
const TEXTS: [&str; 9] = [
    "plaintext",
    "ciphertext",
    "context",
    "associated_data",
    "nonce",
    "reference",
    "input",
    "signature",
    "hmac",
];
