//! Fields that entities, aliases and groups have in common.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::auth::clean_policies;
use crate::request::Request;
use crate::{Error, Result};

/// `policies` as they are stored, where the request names them.
///
/// # Errors
/// 400 where `root` is among them, in whatever case.
pub(super) fn policies(request: &Request) -> Result<Option<Vec<String>>> {
    let Some(policies) = request.texts("policies")?.map(clean_policies) else { return Ok(None) };
    if policies.iter().any(|policy| policy == "root") {
        return Err(Error::invalid("policies cannot contain root"));
    }
    Ok(Some(policies))
}

/// A name, where the request has one that is not empty.
///
/// # Errors
/// 400 where it is too long.
pub(super) fn name(request: &Request, field: &str) -> Result<Option<String>> {
    let name = request.text(field)?.filter(|name| !name.is_empty());
    match name {
        Some(name) if name.len() > NAME_BYTES_MAX => {
            Err(Error::invalid(format!("{field} must be of at most {NAME_BYTES_MAX} bytes")))
        }
        name => Ok(name),
    }
}

/// Pairs: an object of texts, or `key=value` as text or as a list of texts.
///
/// # Errors
/// 400 where it is none, or beyond Vault's bounds: 64 pairs, 128 bytes a key, 512 a value.
pub(super) fn pairs(request: &Request, field: &str) -> Result<Option<BTreeMap<String, String>>> {
    let pairs = match request.data.get(field) {
        Some(Value::String(_) | Value::Array(_)) => {
            let texts = request.texts(field)?.unwrap_or_default();
            let pair = |text: &String| {
                let pair =
                    text.split_once('=').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
                pair.ok_or_else(|| {
                    Error::invalid(format!("failed to parse {field}: {text:?} is no key=value pair"))
                })
            };
            Some(texts.iter().map(pair).collect::<Result<BTreeMap<_, _>>>()?)
        }
        _ => request.text_map(field)?,
    };
    let Some(pairs) = pairs else { return Ok(None) };
    if pairs.len() > PAIRS_MAX {
        return Err(Error::invalid(format!(
            "invalid {field}: it holds {} pairs, at most {PAIRS_MAX} are allowed",
            pairs.len()
        )));
    }
    for (key, value) in &pairs {
        if !(1..=KEY_BYTES_MAX).contains(&key.len()) || value.len() > VALUE_BYTES_MAX {
            return Err(Error::invalid(format!(
                "invalid {field}: keys must be of 1 to {KEY_BYTES_MAX} bytes and values of at most {VALUE_BYTES_MAX}"
            )));
        }
    }
    Ok(Some(pairs))
}

/// A list of ids, each once.
///
/// # Errors
/// 400 where it is no list of texts.
pub(super) fn ids(request: &Request, field: &str) -> Result<Option<Vec<String>>> {
    let ids = request.texts(field)?;
    Ok(ids.map(|ids| {
        let mut seen = std::collections::BTreeSet::new();
        ids.into_iter().filter(|id| !id.is_empty() && seen.insert(id.clone())).collect()
    }))
}

pub(super) const NAME_BYTES_MAX: usize = 512;
const PAIRS_MAX: usize = 64;
const KEY_BYTES_MAX: usize = 128;
const VALUE_BYTES_MAX: usize = 512;
