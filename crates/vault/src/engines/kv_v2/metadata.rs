//! `metadata/`: what is known of a secret, its own settings, its removal, and the lists of names.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::body::not_a_map;
use super::config::{flag, max_versions};
use super::key_metadata::KeyMetadata;
use super::secret::Removal;
use super::time::{rfc3339, signed_seconds};
use super::{ATTEMPTS, KvV2, check_name, contended};
use crate::duration::go_duration;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

impl KvV2 {
    pub(super) async fn handle_metadata(&self, request: &Request, path: &str) -> Result<Option<Response>> {
        match request.operation {
            Operation::Read => {
                let secret = self.find(path, request.now).await?.ok_or(Error::NotFound)?;
                Ok(Some(Response::data(document(&secret.meta))))
            }
            Operation::List => self.list(path).await,
            Operation::Create | Operation::Update => self.write_metadata(request, path, Merge::Replace).await,
            Operation::Patch => self.write_metadata(request, path, Merge::Patch).await,
            Operation::Delete => self.remove(request, path).await,
            Operation::Help => Err(Error::UnsupportedOperation),
        }
    }

    async fn list(&self, folder: &str) -> Result<Option<Response>> {
        let folder = match folder.strip_suffix('/') {
            None if folder.is_empty() => String::new(),
            bare => format!("{}/", bare.unwrap_or(folder)),
        };
        let Some(names) = self.names().await? else { return Err(Error::NotFound) };
        let stored = self.view.list(&names.record(&folder)?).await?;
        let mut keys = stored.iter().map(|name| names.open(&folder, name)).collect::<Result<Vec<_>>>()?;
        keys.sort_unstable();
        Response::list(keys)
    }

    async fn write_metadata(&self, request: &Request, path: &str, merge: Merge) -> Result<Option<Response>> {
        let settings = Settings::of(request, merge)?;
        check_name(path)?;
        if merge == Merge::Replace && settings.is_empty() {
            return Ok(None);
        }
        let overruled = settings.cas_required == Some(false) && self.config().await?.cas_required;
        let _alone = self.alone(path).await;
        for _ in 0..ATTEMPTS {
            let mut secret = match merge {
                Merge::Replace => self.find_or_new(path, request.now).await?,
                Merge::Patch => self.find(path, request.now).await?.ok_or(Error::NotFound)?,
            };
            settings.apply(&mut secret.meta)?;
            if secret.save(&self.view).await? {
                return Ok(overruled.then(|| {
                    Response::default().warn(
                        "\"cas_required\" set to false, but is mandated by backend config. This value will be \
                         ignored.",
                    )
                }));
            }
        }
        Err(contended())
    }

    /// Removes a secret with all its versions.
    async fn remove(&self, request: &Request, path: &str) -> Result<Option<Response>> {
        let _alone = self.alone(path).await;
        let mut conflicts = 0;
        while conflicts < ATTEMPTS {
            let Some(secret) = self.find(path, request.now).await? else { return Ok(None) };
            match secret.remove(&self.view).await? {
                Removal::Done => return Ok(None),
                Removal::Partly => {}
                Removal::Conflict => conflicts += 1,
            }
        }
        Err(contended())
    }
}

/// Whether a write replaces the custom metadata or merges into them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Merge {
    Replace,
    Patch,
}

/// What a write says; `None` for what it leaves as it is.
#[derive(Debug)]
struct Settings {
    max_versions: Option<u32>,
    cas_required: Option<bool>,
    delete_version_after: Option<i64>,
    custom: Option<Custom>,
}

/// A write's custom metadata.
#[derive(Debug)]
enum Custom {
    Replace(BTreeMap<String, String>),
    /// `None` removes the name.
    Patch(BTreeMap<String, Option<String>>),
}

impl Settings {
    fn of(request: &Request, merge: Merge) -> Result<Self> {
        let delete_version_after = match request.data.get("delete_version_after") {
            None | Some(Value::Null) => None,
            Some(value) => match signed_seconds("delete_version_after", value)? {
                seconds if seconds >= 0 => Some(seconds),
                seconds => {
                    return Err(Error::invalid(format!(
                        "Field validation failed: error converting input for field \"delete_version_after\": cannot \
                         provide negative value '{seconds}'"
                    )));
                }
            },
        };
        let custom = match request.data.get("custom_metadata") {
            None => None,
            Some(Value::Null) => Some(Custom::Replace(BTreeMap::new())),
            Some(Value::Object(map)) => Some(match merge {
                Merge::Replace => Custom::Replace(texts(map.iter())?),
                Merge::Patch => {
                    let set = texts(map.iter().filter(|(_, value)| !value.is_null()))?;
                    let removed = map.iter().filter(|(_, value)| value.is_null());
                    let set = set.into_iter().map(|(name, value)| (name, Some(value)));
                    Custom::Patch(set.chain(removed.map(|(name, _)| (name.clone(), None))).collect())
                }
            }),
            Some(other) => return Err(not_a_map("custom_metadata", other)),
        };
        Ok(Settings {
            max_versions: max_versions(request)?,
            cas_required: flag(request, "cas_required")?,
            delete_version_after,
            custom,
        })
    }

    fn is_empty(&self) -> bool {
        self.max_versions.is_none()
            && self.cas_required.is_none()
            && self.delete_version_after.is_none()
            && self.custom.is_none()
    }

    fn apply(&self, meta: &mut KeyMetadata) -> Result<()> {
        meta.max_versions = self.max_versions.unwrap_or(meta.max_versions);
        meta.cas_required = self.cas_required.unwrap_or(meta.cas_required);
        meta.delete_version_after = self.delete_version_after.unwrap_or(meta.delete_version_after);
        match &self.custom {
            None => {}
            Some(Custom::Replace(custom)) => meta.custom.clone_from(custom),
            Some(Custom::Patch(custom)) => {
                for (name, value) in custom {
                    match value {
                        Some(value) => meta.custom.insert(name.clone(), value.clone()),
                        None => meta.custom.remove(name),
                    };
                }
                check_count(meta.custom.len())?;
            }
        }
        Ok(())
    }
}

/// Values as texts: numbers and truth values become theirs, as Vault takes them; with Vault's limits.
fn texts<'a>(map: impl Iterator<Item = (&'a String, &'a Value)>) -> Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    for (name, value) in map {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(bool) => u8::from(*bool).to_string(),
            Value::Null => String::new(),
            Value::Array(_) | Value::Object(_) => {
                let found = if value.is_array() { "[]interface {}" } else { "map[string]interface {}" };
                return Err(Error::invalid(format!(
                    "{INVALID}: '' expected type 'string', got unconvertible type '{found}'"
                )));
            }
        };
        texts.insert(name.clone(), text);
    }
    check_count(texts.len())?;
    let mut wrong = Vec::new();
    for (name, value) in &texts {
        if name.is_empty() || name.len() > NAME_MAX {
            let len = name.len();
            wrong.push(format!(
                "{INVALID}: length of key {name:?} is {len} but must be 0 < len(key) <= {NAME_MAX}"
            ));
        }
        if value.is_empty() || value.len() > VALUE_MAX {
            let len = value.len();
            wrong.push(format!(
                "{INVALID}: length of value for key {name:?} is {len} but must be 0 < len(value) <= {VALUE_MAX}"
            ));
        }
        if !is_printable(name) {
            wrong.push(format!("{INVALID}: key {name:?} ({name}) contains unprintable characters"));
        }
        if !is_printable(value) {
            wrong.push(format!("{INVALID}: value for key {name:?} contains unprintable characters"));
        }
    }
    if wrong.is_empty() { Ok(texts) } else { Err(errors(&wrong)) }
}

fn check_count(count: usize) -> Result<()> {
    if count <= COUNT_MAX {
        return Ok(());
    }
    Err(errors(&[format!("{INVALID}: payload must contain at most {COUNT_MAX} keys, provided {count}")]))
}

/// Several errors as Vault writes them.
fn errors(messages: &[String]) -> Error {
    let count = messages.len();
    let noun = if count == 1 { "error" } else { "errors" };
    let points: Vec<_> = messages.iter().map(|message| format!("\t* {message}")).collect();
    Error::invalid(format!("{count} {noun} occurred:\n{}\n\n", points.join("\n")))
}

/// Whether every character shows, as Go's `unicode.IsPrint` sees it. The escapes of a text's debug form are
/// those that do not; the letter in front is for combining marks, which are escaped only where they stand first.
fn is_printable(text: &str) -> bool {
    let shown = |text: &str| {
        let escaped: usize = format!("a{text}").escape_debug().count();
        escaped == 1 + text.chars().map(|c| if matches!(c, '"' | '\'' | '\\') { 2 } else { 1 }).sum::<usize>()
    };
    match text.is_ascii() {
        true => text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()),
        false => !text.chars().any(|c| c != ' ' && c.is_whitespace()) && shown(text),
    }
}

/// The metadata as Vault sends them.
fn document(meta: &KeyMetadata) -> Map<String, Value> {
    let versions: BTreeMap<String, Value> = meta
        .numbers()
        .filter_map(|number| {
            let version = meta.version(number)?;
            let fields = json!({
                "created_time": rfc3339(version.created),
                "deletion_time": rfc3339(version.deletion),
                "destroyed": version.destroyed,
            });
            Some((number.to_string(), fields))
        })
        .collect();
    let fields = [
        ("cas_required", json!(meta.cas_required)),
        ("created_time", json!(rfc3339(meta.created))),
        ("current_version", json!(meta.current)),
        ("custom_metadata", if meta.custom.is_empty() { Value::Null } else { json!(meta.custom) }),
        ("delete_version_after", json!(go_duration(meta.delete_version_after))),
        ("max_versions", json!(meta.max_versions)),
        ("oldest_version", json!(meta.oldest)),
        ("updated_time", json!(rfc3339(meta.updated))),
        ("versions", json!(versions)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

const INVALID: &str = "custom_metadata validation failed";
const COUNT_MAX: usize = 64;
const NAME_MAX: usize = 128;
const VALUE_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_is_what_go_calls_so() {
        for text in ["", "a b", "größe", "日本語", "e\u{301}", "\u{301}", "🔑", "a\"'\\b", "\"ü"] {
            assert!(is_printable(text), "{text:?}");
        }
        for text in ["a\tb", "\n", "\0", "\u{7f}", "\u{a0}", "\u{200b}", "\u{2028}", "ü\u{feff}", "\u{e000}"]
        {
            assert!(!is_printable(text), "{text:?}");
        }
    }
}
