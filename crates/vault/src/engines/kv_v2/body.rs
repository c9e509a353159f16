//! The JSON text of a request's fields, kept to the letter.
//!
//! Secrets go in and come out as the text that was sent: parsing them into numbers and back would change
//! `1.10` and integers beyond 64 bits.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use trustkeep_crypto::SecretBytes;

use crate::request::Request;
use crate::{Error, Result};

/// A JSON object with its values as text. Of a repeated name the last value counts.
pub(in crate::engines) struct Object<'a> {
    fields: Vec<(String, &'a RawValue)>,
    repeated: bool,
}

impl<'a> Object<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// 400 where the text is no JSON object.
    pub(in crate::engines) fn parse(text: &'a str) -> Result<Self> {
        serde_json::from_str(text).map_err(|_| Error::invalid("error parsing JSON"))
    }

    /// The names and the texts of their values.
    pub(in crate::engines) fn fields(&self) -> &[(String, &'a RawValue)] {
        &self.fields
    }

    fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

/// All fields of a request as the text of one object.
///
/// # Errors
/// 400 where the body is no JSON object.
pub(in crate::engines) fn whole(request: &Request) -> Result<SecretBytes> {
    let Some(text) = json_body(request)? else {
        return serde_json::to_vec(&request.data).map(SecretBytes::new).map_err(Error::internal);
    };
    let object = Object::parse(text)?;
    if !object.repeated {
        return Ok(SecretBytes::copy_of(text.trim().as_bytes()));
    }
    let mut rebuilt = String::with_capacity(text.len());
    for (name, value) in object.fields() {
        push_field(&mut rebuilt, name, value.get())?;
    }
    rebuilt.push('}');
    Ok(SecretBytes::new(rebuilt.into_bytes()))
}

/// The text of the field `name`, which must be an object or `null`. `None` where the field is missing.
///
/// # Errors
/// 400 where it is of another type.
pub(in crate::engines) fn object_field(request: &Request, name: &str) -> Result<Option<SecretBytes>> {
    match request.data.get(name) {
        None => return Ok(None),
        Some(Value::Object(_) | Value::Null) => {}
        Some(other) => return Err(not_a_map(name, other)),
    }
    if let Some(text) = json_body(request)?
        && let Some(value) = Object::parse(text)?.get(name)
    {
        return Ok(Some(SecretBytes::copy_of(value.get().as_bytes())));
    }
    serde_json::to_vec(&request.data.get(name))
        .map(|text| Some(SecretBytes::new(text)))
        .map_err(Error::internal)
}

/// Appends one field to the text of an object that is being written; the closing brace is the caller's.
///
/// # Errors
/// 500 where the name has no JSON form, which every text has.
pub(in crate::engines) fn push_field(out: &mut String, name: &str, value: &str) -> Result<()> {
    out.push(if out.is_empty() { '{' } else { ',' });
    out.push_str(&serde_json::to_string(name).map_err(Error::internal)?);
    out.push(':');
    out.push_str(value);
    Ok(())
}

/// The refusal of a value that is no object. It does not repeat the value, which may be a secret.
pub(in crate::engines) fn not_a_map(name: &str, value: &Value) -> Error {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    };
    Error::invalid(format!(
        "Field validation failed: error converting input for field {name:?}: '' expected a map, got '{found}'"
    ))
}

/// The body, where it is JSON. Forms come without one, or with one that does not start like an object.
fn json_body(request: &Request) -> Result<Option<&str>> {
    if !request.body.trim_ascii_start().starts_with(b"{") {
        return Ok(None);
    }
    std::str::from_utf8(&request.body)
        .map(Some)
        .map_err(|_| Error::invalid("error parsing JSON: it is not UTF-8"))
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Object<'de>, A::Error> {
        let mut object = Object { fields: Vec::new(), repeated: false };
        let mut places: HashMap<String, usize> = HashMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let value: &'de RawValue = map.next_value()?;
            let known = places.get(&name).and_then(|place| object.fields.get_mut(*place));
            if let Some((_, last)) = known {
                *last = value;
                object.repeated = true;
            } else {
                places.insert(name.clone(), object.fields.len());
                object.fields.push((name, value));
            }
        }
        Ok(object)
    }
}
