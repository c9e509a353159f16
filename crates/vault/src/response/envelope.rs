//! The JSON that an answer is sent as (`hashicorp/vault: sdk/logical/translate_response.go`).

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Auth, Data, Response, WrapInfo};

/// Vault's envelope, in its order of keys.
#[derive(Serialize)]
struct Envelope<'a> {
    request_id: &'a str,
    lease_id: &'a str,
    renewable: bool,
    lease_duration: i64,
    data: Option<&'a Data>,
    wrap_info: Option<&'a WrapInfo>,
    warnings: Option<&'a [String]>,
    auth: Option<&'a Auth>,
}

impl Response {
    /// The answer in its envelope; `id` is the request's. With `repeat_at_top` the fields of `data` stand beside it
    /// too. A wrapped answer tells nothing but where it is kept.
    ///
    /// # Errors
    /// Where a value has no JSON form.
    pub fn to_envelope(&self, id: &str, repeat_at_top: bool) -> serde_json::Result<Vec<u8>> {
        let envelope = Envelope {
            request_id: if self.wrap_info.is_some() { "" } else { id },
            lease_id: &self.lease_id,
            renewable: self.renewable,
            lease_duration: self.lease_duration,
            data: self.data.as_ref(),
            wrap_info: self.wrap_info.as_deref(),
            warnings: (!self.warnings.is_empty()).then_some(&self.warnings),
            auth: self.auth.as_ref(),
        };
        match &self.data {
            Some(Data::Map(data)) if repeat_at_top => repeated(&envelope, data),
            _ => serde_json::to_vec(&envelope),
        }
    }
}

fn repeated(envelope: &Envelope<'_>, data: &Map<String, Value>) -> serde_json::Result<Vec<u8>> {
    let mut document = serde_json::to_value(envelope)?;
    if let Value::Object(document) = &mut document {
        for (key, value) in data {
            document.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    serde_json::to_vec(&document)
}
