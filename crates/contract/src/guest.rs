//! What a contract in another language sees and says, as JSON: assets, filters, records of the mutable database.
//! `docs/contracts.md` shows these forms to those who write contracts; every engine speaks them.

mod database;

use std::fmt::Write as _;

pub use database::{database_scan, put, record, records, selection};

use crate::json::{self, Json, JsonError, Number, write_string};
use crate::{Asset, AssetFilter, AssetOrder, ClientIdentityKey};

/// Why a text of a contract is not understood: a sentence that names the member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GuestError(String);

impl GuestError {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl From<JsonError> for GuestError {
    fn from(error: JsonError) -> Self {
        Self(error.to_string())
    }
}

/// An asset: `namespace`, `id`, `age`, `data` (its JSON, not a string of it) and, unless this very transaction put it,
/// `metadata` with `nonce`, `input` (a string), `hash` and `prev_hash` (hex; `null` at age 0).
///
/// # Errors
/// [`GuestError`] if its data is no JSON: somebody changed the stored row.
pub fn asset(asset: &Asset) -> Result<String, GuestError> {
    let mut text = String::with_capacity(asset.data.len() + 512);
    write_asset(asset, &mut text)?;
    Ok(text)
}

/// Assets as an array.
///
/// # Errors
/// As [`asset()`].
pub fn assets(assets: &[Asset]) -> Result<String, GuestError> {
    let mut text = String::from("[");
    for (index, asset) in assets.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_asset(asset, &mut text)?;
    }
    text.push(']');
    Ok(text)
}

fn write_asset(asset: &Asset, out: &mut String) -> Result<(), GuestError> {
    let Asset { namespace, id, age, data, metadata } = asset;
    let data = json::canonical(data).map_err(|error| {
        GuestError::new(format!("the stored data of asset {id} at age {age} is no JSON: {error}"))
    })?;
    out.push_str("{\"namespace\":");
    write_string(namespace, out);
    out.push_str(",\"id\":");
    write_string(id, out);
    // A `String` takes everything.
    let _ = write!(out, ",\"age\":{age},\"data\":{data}");
    if let Some(metadata) = metadata {
        out.push_str(",\"metadata\":{\"nonce\":");
        write_string(&metadata.nonce, out);
        out.push_str(",\"input\":");
        write_string(&metadata.input, out);
        let _ = write!(out, ",\"hash\":\"{}\",\"prev_hash\":", hex::encode(&metadata.hash));
        match &metadata.prev_hash {
            Some(hash) => {
                let _ = write!(out, "\"{}\"", hex::encode(hash));
            }
            None => out.push_str("null"),
        }
        out.push('}');
    }
    out.push('}');
    Ok(())
}

/// Who executes: `entity_id` and `key_version`.
#[must_use]
pub fn client_identity_key(key: &ClientIdentityKey) -> String {
    let mut text = String::from("{\"entity_id\":");
    write_string(&key.entity_id, &mut text);
    let _ = write!(text, ",\"key_version\":{}}}", key.key_version);
    text
}

/// A filter: `id`, and where wanted `namespace`, `start_age`, `end_age` (both inclusive), `order` (`asc`, the default,
/// or `desc`), `limit` (0, the default, for none).
///
/// # Errors
/// [`GuestError`] for another member, or a value of another kind.
pub fn filter(text: &str) -> Result<AssetFilter, GuestError> {
    let given = Json::parse(text)?;
    let members =
        Members::of(&given, "filter", &["id", "namespace", "start_age", "end_age", "order", "limit"])?;
    Ok(AssetFilter {
        id: members.text("id")?.to_owned(),
        namespace: members.optional_text("namespace")?.map(str::to_owned),
        start_age: members.number("start_age")?,
        end_age: members.number("end_age")?,
        order: if members.is_descending()? { AssetOrder::Descending } else { AssetOrder::Ascending },
        limit: members.number("limit")?.unwrap_or(0),
    })
}

/// The members of an object that a contract gave; `null` is as good as absent.
struct Members<'a> {
    of: &'static str,
    members: &'a json::Object,
}

impl<'a> Members<'a> {
    fn of(given: &'a Json, of: &'static str, known: &[&str]) -> Result<Self, GuestError> {
        let members =
            given.as_object().ok_or_else(|| GuestError::new(format!("the {of} must be an object")))?;
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(GuestError::new(format!("a {of} has no member {name}"))),
            None => Ok(Self { of, members }),
        }
    }

    fn get(&self, name: &str) -> Option<&'a Json> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, wanted: &str) -> GuestError {
        GuestError::new(format!("{name} of the {} must be {wanted}", self.of))
    }

    fn optional_text(&self, name: &str) -> Result<Option<&'a str>, GuestError> {
        self.get(name).map(|value| value.as_str().ok_or_else(|| self.wrong(name, "a string"))).transpose()
    }

    fn text(&self, name: &str) -> Result<&'a str, GuestError> {
        self.optional_text(name)?.ok_or_else(|| self.wrong(name, "a string"))
    }

    /// A count or an age: up to 2^31 - 1. A JavaScript number that is whole may come as `1.0`.
    fn number(&self, name: &str) -> Result<Option<u32>, GuestError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let whole = match value {
            Json::Number(Number::Integer(value)) => u32::try_from(*value).ok(),
            _ => None,
        };
        let whole = whole.filter(|value| *value <= i32::MAX.unsigned_abs());
        Ok(Some(whole.ok_or_else(|| self.wrong(name, "an integer from 0 to 2147483647"))?))
    }

    fn is_descending(&self) -> Result<bool, GuestError> {
        match self.optional_text("order")? {
            None | Some("asc") => Ok(false),
            Some("desc") => Ok(true),
            Some(_) => Err(self.wrong("order", "asc or desc")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AssetMetadata;

    #[test]
    fn an_asset_carries_its_data_as_it_is() {
        let mut state = Asset {
            namespace: "default".into(),
            id: "a\"b".into(),
            age: 3,
            data: r#"{"big":123456789012345678901234567890}"#.into(),
            metadata: None,
        };
        let pending =
            r#"{"namespace":"default","id":"a\"b","age":3,"data":{"big":123456789012345678901234567890}}"#;
        assert_eq!(asset(&state).unwrap(), pending);
        let metadata = AssetMetadata {
            nonce: "n".into(),
            input: r#"{"x":{"age":1}}"#.into(),
            hash: vec![1, 0xab],
            prev_hash: None,
        };
        state.metadata = Some(metadata);
        let committed =
            r#","metadata":{"nonce":"n","input":"{\"x\":{\"age\":1}}","hash":"01ab","prev_hash":null}}"#;
        let committed = format!("{}{committed}", pending.strip_suffix('}').unwrap());
        assert_eq!(asset(&state).unwrap(), committed);
        assert_eq!(assets(&[state.clone(), state.clone()]).unwrap(), format!("[{committed},{committed}]"));
        state.data = r#"1,"age":7"#.into();
        assert!(asset(&state).unwrap_err().to_string().contains("age 3 is no JSON"));
    }

    #[test]
    fn filters() {
        let least = filter(r#"{"id":"a"}"#).unwrap();
        assert_eq!((least.id.as_str(), least.namespace, least.limit), ("a", None, 0));
        assert_eq!((least.start_age, least.end_age, least.order), (None, None, AssetOrder::Ascending));
        let most =
            r#"{"id":"a","namespace":"n","start_age":1,"end_age":2147483647,"order":"desc","limit":5}"#;
        let most = filter(most).unwrap();
        assert_eq!(
            (most.namespace.as_deref(), most.limit, most.order),
            (Some("n"), 5, AssetOrder::Descending)
        );
        assert_eq!((most.start_age, most.end_age), (Some(1), Some(2_147_483_647)));
        for (wrong, why) in [
            ("[]", "the filter must be an object"),
            ("{}", "id of the filter must be a string"),
            (r#"{"id":"a","order":"up"}"#, "order of the filter must be asc or desc"),
            (r#"{"id":"a","limit":-1}"#, "limit of the filter must be an integer from 0 to 2147483647"),
            (
                r#"{"id":"a","end_age":2147483648}"#,
                "end_age of the filter must be an integer from 0 to 2147483647",
            ),
            (r#"{"id":"a","stop":1}"#, "a filter has no member stop"),
        ] {
            assert_eq!(filter(wrong).unwrap_err().to_string(), why);
        }
    }
}
