//! KV version 1: one JSON object a path, no versions (`hashicorp/vault-plugin-secrets-kv: passthrough.go`).
//!
//! What was written is kept as text and comes back to the letter. A secret stands at `v1/<path>` of the mount's
//! storage, so that it cannot be taken for an entry of version 2 when the mount is upgraded.

mod help;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use trustkeep_crypto::{SecretBytes, SecretString};

use super::kv_v2::body;
use super::{Engine, EngineContext};
use crate::core::{Batch, LeaseEntry, View};
use crate::duration::go_duration;
use crate::request::{Operation, Request, parse_seconds};
use crate::response::{Response, SecretLease};
use crate::{Error, Result};

/// Where the secrets stand in the mount's storage.
pub(in crate::engines) const FOLDER: &str = "v1/";

/// The KV engine of version 1.
#[derive(Debug)]
pub struct KvV1 {
    secrets: RawMaps,
    /// Whether each read gives a lease, which is there so that it can be revoked and renewed; nothing else.
    leased: bool,
    lease_default: i64,
    lease_max: i64,
}

impl KvV1 {
    /// The engine over a mount's storage.
    pub fn new(context: &EngineContext) -> Self {
        KvV1 {
            secrets: RawMaps::new(context.view.below(FOLDER)),
            leased: context.options.get("leased_passthrough").is_some_and(|leased| leased == "true"),
            lease_default: context.lease_default,
            lease_max: context.lease_max,
        }
    }

    /// The secret as answer, with the seconds after which its author wants it to be read again.
    async fn read(&self, path: &str) -> Result<Option<Response>> {
        let text = self.secrets.read(path).await?.ok_or(Error::NotFound)?;
        let wanted = said_ttl(&text)?;
        if self.leased {
            let secret = Some(Box::new(leased(path, wanted)));
            return Ok(Some(Response { secret, ..Response::text(text) }));
        }
        let wanted = wanted.unwrap_or(self.lease_default);
        let mut response = Response::text(text);
        response.lease_duration = wanted;
        if self.lease_max > 0 && wanted > self.lease_max {
            response.lease_duration = self.lease_max;
            response = response.warn(format!(
                "TTL of {:?} exceeded the effective max_ttl of {:?}; TTL value is capped accordingly",
                short(wanted),
                short(self.lease_max)
            ));
        }
        Ok(Some(response))
    }
}

#[async_trait::async_trait]
impl Engine for KvV1 {
    fn help(&self) -> crate::help::Help {
        help::HELP
    }

    async fn handle(&self, request: &Request) -> Result<Option<Response>> {
        match request.operation {
            Operation::Read => self.read(&request.path).await,
            _ => self.secrets.handle(request).await,
        }
    }

    async fn exists(&self, request: &Request) -> Result<Option<bool>> {
        self.secrets.exists(&request.path).await.map(Some)
    }

    /// For as long as the secret says now.
    async fn renew(&self, lease: &LeaseEntry, _increment: i64) -> Result<SecretLease> {
        let path = lease.internal.get("path").and_then(Value::as_str).unwrap_or_default();
        let gone = || Error::invalid("the secret is gone: its lease cannot be renewed");
        let text = self.secrets.read(path).await?.ok_or_else(gone)?;
        Ok(leased(path, said_ttl(&text)?))
    }
}

/// Seconds that a secret says it holds.
fn said_ttl(text: &RawValue) -> Result<Option<i64>> {
    let hint: Hint = serde_json::from_str(text.get()).map_err(|_| Error::internal("a secret is not JSON"))?;
    Ok(hint.ttl.or(hint.lease).as_ref().and_then(parse_seconds).filter(|seconds| *seconds > 0))
}

/// The lease on a secret: it can be renewed where the secret says how long it holds.
fn leased(path: &str, ttl: Option<i64>) -> SecretLease {
    let internal = [("path".to_owned(), Value::from(path))].into_iter().collect();
    SecretLease { ttl: ttl.unwrap_or(0), max_ttl: 0, renewable: ttl.is_some(), internal }
}

/// JSON objects by path, as KV version 1 and the cubbyhole keep them.
#[derive(Debug)]
pub(in crate::engines) struct RawMaps {
    view: View,
}

impl RawMaps {
    pub(in crate::engines) fn new(view: View) -> Self {
        RawMaps { view }
    }

    /// Handles any operation; a read is answered without lease.
    pub(in crate::engines) async fn handle(&self, request: &Request) -> Result<Option<Response>> {
        let path = request.path.as_str();
        match request.operation {
            Operation::Read => Ok(Some(Response::text(self.read(path).await?.ok_or(Error::NotFound)?))),
            Operation::List => Response::list(self.view.list(path).await?),
            Operation::Create | Operation::Update => self.write(request).await,
            Operation::Delete if is_name(path) => {
                self.view.commit(Batch::new().delete(path)).await?;
                Ok(None)
            }
            Operation::Delete => Ok(None),
            Operation::Patch | Operation::Help => Err(Error::UnsupportedOperation),
        }
    }

    pub(in crate::engines) async fn exists(&self, path: &str) -> Result<bool> {
        Ok(is_name(path) && self.view.get(path).await?.is_some())
    }

    async fn read(&self, path: &str) -> Result<Option<Box<RawValue>>> {
        if !is_name(path) {
            return Ok(None);
        }
        let Some(entry) = self.view.get(path).await? else { return Ok(None) };
        raw_json(entry.value).map(Some)
    }

    async fn write(&self, request: &Request) -> Result<Option<Response>> {
        let path = request.path.as_str();
        if path.is_empty() {
            return Err(Error::invalid("missing path"));
        }
        if path.contains("..") {
            return Err(Error::invalid("relative path not supported"));
        }
        if !is_name(path) {
            return Err(Error::invalid("a path must not hold empty segments"));
        }
        if request.data.is_empty() {
            return Err(Error::invalid("missing data fields"));
        }
        self.view.commit(Batch::new().put(path, body::whole(request)?)).await?;
        Ok(None)
    }
}

/// Whether a path can name a secret: no segment of it is empty.
pub(in crate::engines) fn is_name(path: &str) -> bool {
    !path.split('/').any(str::is_empty)
}

/// Stored text as JSON, with no tree built of it.
///
/// # Errors
/// 500 where it is none.
pub(in crate::engines) fn raw_json(text: SecretBytes) -> Result<Box<RawValue>> {
    let damaged = |_| Error::internal("a secret is not UTF-8");
    let text = SecretString::from_utf8(text).map_err(damaged)?;
    RawValue::from_string(text.expose().to_owned()).map_err(|_| Error::internal("a secret is not JSON"))
}

/// A duration without its zero parts at the end: `768h`, `1m30s`.
fn short(seconds: i64) -> String {
    let mut text = go_duration(seconds);
    if text.ends_with("m0s") {
        text.truncate(text.len() - 2);
    }
    if text.ends_with("h0m") {
        text.truncate(text.len() - 2);
    }
    text
}

/// What a secret may say of how long it holds.
#[derive(Deserialize)]
struct Hint {
    #[serde(default)]
    ttl: Option<Value>,
    #[serde(default)]
    lease: Option<Value>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engines::test_support::{Fixture, data, text};

    async fn engine() -> (Fixture, KvV1) {
        let fixture = Fixture::new().await;
        let engine = KvV1::new(&fixture.context());
        (fixture, engine)
    }

    #[tokio::test]
    async fn a_secret_comes_back_to_the_letter_with_its_lease() {
        let (fixture, engine) = engine().await;
        let body = r#"{"a": 1.10, "big": 123456789012345678901234567890, "nested":{"é":[null ,true]}}"#;
        assert!(engine.handle(&fixture.write("a/b", body)).await.unwrap().is_none());
        let read = engine.handle(&fixture.read("a/b")).await.unwrap().unwrap();
        assert_eq!(text(&read), body);
        assert_eq!((read.lease_duration, read.renewable, read.lease_id.as_str()), (2_764_800, false, ""));
    }

    #[tokio::test]
    async fn the_lease_is_the_secrets_ttl_within_the_mounts_maximum() {
        let (fixture, engine) = engine().await;
        for (body, expected, warnings) in [
            (r#"{"ttl":"1h"}"#, 3600, 0),
            (r#"{"ttl":90}"#, 90, 0),
            (r#"{"lease":"2m"}"#, 120, 0),
            (r#"{"ttl":"1m","lease":"2m"}"#, 60, 0),
            (r#"{"ttl":"soon"}"#, 2_764_800, 0),
            (r#"{"ttl":""}"#, 2_764_800, 0),
            (r#"{"ttl":"2000h"}"#, 2_764_800, 1),
        ] {
            engine.handle(&fixture.write("t", body)).await.unwrap();
            let read = engine.handle(&fixture.read("t")).await.unwrap().unwrap();
            assert_eq!((read.lease_duration, read.warnings.len()), (expected, warnings), "{body}");
            if warnings > 0 {
                let warning = "TTL of \"2000h\" exceeded the effective max_ttl of \"768h\"; \
                               TTL value is capped accordingly";
                assert_eq!(read.warnings, [warning]);
            }
        }
    }

    #[tokio::test]
    async fn forms_are_built_from_their_fields_and_repeated_names_count_once() {
        let (fixture, engine) = engine().await;
        let mut form = fixture.write("form", "");
        form.data = serde_json::from_value(json!({"user": "u", "n": "1"})).unwrap();
        engine.handle(&form).await.unwrap();
        let read = engine.handle(&fixture.read("form")).await.unwrap().unwrap();
        assert_eq!(data(&read), json!({"user": "u", "n": "1"}));

        engine.handle(&fixture.write("twice", r#"{"a":1,"b":2.50,"a":3}"#)).await.unwrap();
        let read = engine.handle(&fixture.read("twice")).await.unwrap().unwrap();
        assert_eq!(text(&read), r#"{"a":3,"b":2.50}"#);
    }

    #[tokio::test]
    async fn lists_deletes_and_existence() {
        let (fixture, engine) = engine().await;
        for path in ["b", "a", "dir/x", "a/b"] {
            assert_eq!(engine.exists(&fixture.write(path, "{}")).await.unwrap(), Some(false));
            engine.handle(&fixture.write(path, r#"{"k":"v"}"#)).await.unwrap();
            assert_eq!(engine.exists(&fixture.write(path, "{}")).await.unwrap(), Some(true));
        }
        let list = engine.handle(&fixture.list("")).await.unwrap().unwrap();
        assert_eq!(data(&list), json!({"keys": ["a", "a/", "b", "dir/"]}));
        let list = engine.handle(&fixture.list("dir/")).await.unwrap().unwrap();
        assert_eq!(data(&list), json!({"keys": ["x"]}));
        assert!(engine.handle(&fixture.delete("dir/x")).await.unwrap().is_none());
        assert!(engine.handle(&fixture.delete("never")).await.unwrap().is_none());
        assert_eq!(engine.handle(&fixture.list("dir/")).await.unwrap_err().status(), 404);
        assert_eq!(engine.handle(&fixture.read("dir/x")).await.unwrap_err().status(), 404);
        assert_eq!(fixture.view.list("").await.unwrap(), ["v1/"]);
    }

    #[tokio::test]
    async fn what_vault_refuses_is_refused() {
        let (fixture, engine) = engine().await;
        for (path, body, message) in [
            ("a", "{}", "missing data fields"),
            ("", r#"{"a":1}"#, "missing path"),
            ("a/../b", r#"{"a":1}"#, "relative path not supported"),
            ("a//b", r#"{"a":1}"#, "a path must not hold empty segments"),
        ] {
            let error = engine.handle(&fixture.write(path, body)).await.unwrap_err();
            assert_eq!((error.status(), error.to_string().as_str()), (400, message), "{path}");
        }
        assert_eq!(engine.handle(&fixture.patch("a", r#"{"a":1}"#)).await.unwrap_err().status(), 405);
    }
}
