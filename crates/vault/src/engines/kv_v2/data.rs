//! `data/` and `subkeys/`: reading, writing, patching and deleting the current version.

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use trustkeep_crypto::SecretBytes;

use super::config::Config;
use super::key_metadata::KeyMetadata;
use super::merge_patch::merge_patch;
use super::time::rfc3339;
use super::{ATTEMPTS, KvV2, body, check_name, contended};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

impl KvV2 {
    pub(super) async fn handle_data(&self, request: &Request, path: &str) -> Result<Option<Response>> {
        match request.operation {
            Operation::Read => self.read_data(request, path).await,
            Operation::Create | Operation::Update => self.write_data(request, path).await,
            Operation::Patch => self.patch_data(request, path).await,
            Operation::Delete => self.delete_data(request, path).await,
            Operation::List | Operation::Help => Err(Error::UnsupportedOperation),
        }
    }

    async fn read_data(&self, request: &Request, path: &str) -> Result<Option<Response>> {
        self.read_version(request, path, "data", |text| Ok(text.to_owned())).await
    }

    /// The names in a version's data, without the values.
    pub(super) async fn handle_subkeys(&self, request: &Request, path: &str) -> Result<Option<Response>> {
        if request.operation != Operation::Read {
            return Err(Error::UnsupportedOperation);
        }
        let depth = request.int("depth")?.unwrap_or(0);
        let subkeys = |text: &str| {
            let mut data: Value =
                serde_json::from_str(text).map_err(|_| Error::internal("a secret is not JSON"))?;
            if let Value::Object(map) = &mut data {
                remove_values(map, depth, 1);
            }
            serde_json::to_string(&data).map_err(Error::internal)
        };
        self.read_version(request, path, "subkeys", subkeys).await
    }

    /// Answers with a version's metadata and, as `field`, what `shown` makes of its text.
    async fn read_version(
        &self,
        request: &Request,
        path: &str,
        field: &str,
        shown: impl Fn(&str) -> Result<String> + Send + Sync,
    ) -> Result<Option<Response>> {
        let wanted = request.int("version")?.unwrap_or(0);
        for _ in 0..ATTEMPTS {
            let secret = self.find(path, request.now).await?.ok_or(Error::NotFound)?;
            let number =
                u64::try_from(wanted).ok().filter(|number| *number > 0).unwrap_or(secret.meta.current);
            let version = secret.meta.version(number).ok_or(Error::NotFound)?;
            if version.is_gone(request.now) {
                let mut response = Response::text(spliced(field, "null", &secret.meta, number)?);
                response.status = Some(404);
                return Ok(Some(response));
            }
            // A write may drop the version between the two looks into the store; then the record tells.
            if let Some(text) = secret.text(&self.view, number).await? {
                let answer = spliced(field, &shown(text.as_str()?)?, &secret.meta, number)?;
                return Ok(Some(Response::text(answer)));
            }
        }
        Err(Error::internal("could not find version data"))
    }

    async fn write_data(&self, request: &Request, path: &str) -> Result<Option<Response>> {
        let data = body::object_field(request, "data")?;
        let cas = Cas::of(request)?;
        request.int("version")?;
        check_name(path)?;
        let data = data.ok_or_else(|| Error::invalid("no data provided"))?;
        let config = self.config().await?;
        let _alone = self.alone(path).await;
        for _ in 0..ATTEMPTS {
            let mut secret = self.find_or_new(path, request.now).await?;
            cas.check(&config, &secret.meta)?;
            secret.push(data.duplicate(), &config, request.now);
            let answer = version_document(&secret.meta, secret.meta.current)?;
            if secret.save(&self.view).await? {
                return Ok(Some(Response::text(answer)));
            }
        }
        Err(contended())
    }

    /// Merges into the current version (RFC 7396); what the patch does not name stays to the letter.
    async fn patch_data(&self, request: &Request, path: &str) -> Result<Option<Response>> {
        let patch = body::object_field(request, "data")?;
        let cas = Cas::of(request)?;
        let patch = patch
            .filter(|patch| patch.expose() != b"null")
            .ok_or_else(|| Error::invalid("no data provided"))?;
        let patch = std::str::from_utf8(patch.expose()).map_err(Error::internal)?;
        let config = self.config().await?;
        let _alone = self.alone(path).await;
        for _ in 0..ATTEMPTS {
            let mut secret = self.find(path, request.now).await?.ok_or(Error::NotFound)?;
            cas.check(&config, &secret.meta)?;
            let current = secret.meta.current;
            let version = secret.meta.version(current).ok_or(Error::NotFound)?;
            if version.is_gone(request.now) {
                let mut response = Response::text(version_document(&secret.meta, current)?);
                response.status = Some(404);
                return Ok(Some(response));
            }
            let Some(text) = secret.text(&self.view, current).await? else { continue };
            let merged = merge_patch(text.as_str()?, patch)?;
            drop(text);
            secret.push(SecretBytes::new(merged.into_bytes()), &config, request.now);
            let answer = version_document(&secret.meta, secret.meta.current)?;
            if secret.save(&self.view).await? {
                return Ok(Some(Response::text(answer)));
            }
        }
        Err(contended())
    }

    /// Marks the current version as deleted.
    async fn delete_data(&self, request: &Request, path: &str) -> Result<Option<Response>> {
        let _alone = self.alone(path).await;
        for _ in 0..ATTEMPTS {
            let Some(mut secret) = self.find(path, request.now).await? else { return Ok(None) };
            let current = secret.meta.current;
            match secret.meta.version_mut(current) {
                Some(version) if !version.is_gone(request.now) => version.deletion = request.now,
                _ => return Ok(None),
            }
            if secret.save(&self.view).await? {
                return Ok(None);
            }
        }
        Err(contended())
    }
}

/// The version that a write says it replaces.
#[derive(Clone, Copy, Debug)]
struct Cas(Option<i64>);

impl Cas {
    /// Reads `options.cas`: a whole number, also as text; null and empty text are 0.
    fn of(request: &Request) -> Result<Self> {
        let options = match request.data.get("options") {
            None | Some(Value::Null) => return Ok(Cas(None)),
            Some(Value::Object(options)) => options,
            Some(other) => return Err(body::not_a_map("options", other)),
        };
        let cas = match options.get("cas") {
            None => return Ok(Cas(None)),
            Some(Value::Null) => Some(0),
            Some(Value::Bool(bool)) => Some(i64::from(*bool)),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) if text.is_empty() => Some(0),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        cas.map(|cas| Cas(Some(cas))).ok_or_else(|| Error::invalid("error parsing check-and-set parameter"))
    }

    fn check(self, config: &Config, meta: &KeyMetadata) -> Result<()> {
        match self.0 {
            Some(cas) if u64::try_from(cas) == Ok(meta.current) => Ok(()),
            Some(_) => Err(Error::invalid("check-and-set parameter did not match the current version")),
            None if config.cas_required || meta.cas_required => {
                Err(Error::invalid("check-and-set parameter required for this call"))
            }
            None => Ok(()),
        }
    }
}

/// A version's metadata as a document, in the order in which Vault sends it.
fn version_document(meta: &KeyMetadata, number: u64) -> Result<Box<RawValue>> {
    let mut out = String::with_capacity(192);
    push_version(&mut out, meta, number)?;
    RawValue::from_string(out).map_err(Error::internal)
}

/// `{<field>: <text>, "metadata": ...}`, with the text as it is.
fn spliced(field: &str, text: &str, meta: &KeyMetadata, number: u64) -> Result<Box<RawValue>> {
    let mut out = String::with_capacity(text.len() + 224);
    let field_first = field < "metadata";
    if field_first {
        body::push_field(&mut out, field, text)?;
    }
    let mut metadata = String::with_capacity(192);
    push_version(&mut metadata, meta, number)?;
    body::push_field(&mut out, "metadata", &metadata)?;
    if !field_first {
        body::push_field(&mut out, field, text)?;
    }
    out.push('}');
    RawValue::from_string(out).map_err(|_| Error::internal("a secret is not JSON"))
}

fn push_version(out: &mut String, meta: &KeyMetadata, number: u64) -> Result<()> {
    let version = meta.version(number).copied().unwrap_or_default();
    let custom = match meta.custom.is_empty() {
        true => "null".to_owned(),
        false => serde_json::to_string(&meta.custom).map_err(Error::internal)?,
    };
    let (created, deletion, destroyed) =
        (rfc3339(version.created), rfc3339(version.deletion), version.destroyed);
    out.push_str(&format!(
        r#"{{"created_time":"{created}","custom_metadata":{custom},"deletion_time":"{deletion}","destroyed":{destroyed},"version":{number}}}"#
    ));
    Ok(())
}

/// Replaces every leaf by null; below `max` levels (0 for any) objects are leaves too.
fn remove_values(map: &mut Map<String, Value>, max: i64, depth: i64) {
    for value in map.values_mut() {
        match value {
            Value::Object(below) if !below.is_empty() && (max == 0 || depth < max) => {
                remove_values(below, max, depth + 1);
            }
            leaf => *leaf = Value::Null,
        }
    }
}
