//! Secret ids: making, looking up, using up, destroying.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trustkeep_crypto::random;
use trustkeep_store::Version;

use super::role::Role;
use super::{AppRole, ID_BYTES_MAX};
use crate::auth::entry::{RETRIES, contended, is_conflict};
use crate::core::Batch;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result, cidr};

/// A secret id as it is stored. The id itself is not in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SecretId {
    pub(super) accessor: String,
    /// Logins left; 0 for any number.
    pub(super) num_uses: i64,
    /// Seconds it was made to live; 0 for ever.
    pub(super) ttl: i64,
    /// Unix nanoseconds.
    pub(super) creation_time: i64,
    /// Unix nanoseconds; 0 for never.
    pub(super) expiration_time: i64,
    /// Unix nanoseconds.
    pub(super) last_updated_time: i64,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) cidr_list: Vec<String>,
    pub(super) token_bound_cidrs: Vec<String>,
}

impl SecretId {
    /// Whether it ended at `now` (unix nanoseconds).
    pub(super) fn is_expired(&self, now: i64) -> bool {
        self.expiration_time != 0 && now >= self.expiration_time
    }

    fn describe(&self) -> Response {
        Response::object(json!({
            "cidr_list": self.cidr_list,
            "creation_time": time(self.creation_time),
            "expiration_time": time(self.expiration_time),
            "last_updated_time": time(self.last_updated_time),
            "metadata": self.metadata,
            "secret_id_accessor": self.accessor,
            "secret_id_num_uses": self.num_uses,
            "secret_id_ttl": self.ttl,
            "token_bound_cidrs": self.token_bound_cidrs,
        }))
    }

    /// The batch with all that stands of it in storage removed.
    pub(super) fn remove(&self, batch: Batch, storage_id: &str, hash: &str) -> Batch {
        let batch =
            batch.delete(path(storage_id, hash)).delete(format!("accessor/{storage_id}/{}", self.accessor));
        match self.expiry_path(storage_id, hash) {
            Some(path) => batch.delete(path),
            None => batch,
        }
    }

    /// Sorted by time: the sweeper reads from the front.
    fn expiry_path(&self, storage_id: &str, hash: &str) -> Option<String> {
        let end = self.expiration_time;
        (end != 0).then(|| format!("expire/{end:016x}-{storage_id}-{hash}"))
    }
}

/// Where a secret id stands.
pub(super) fn path(storage_id: &str, hash: &str) -> String {
    format!("secret/{storage_id}/{hash}")
}

impl AppRole {
    pub(super) async fn create_secret_id(
        &self,
        request: &Request,
        name: &str,
        custom: Option<String>,
    ) -> Result<Option<Response>> {
        let id = match custom {
            Some(id) if id.len() > ID_BYTES_MAX => {
                return Err(Error::invalid(format!("value is longer than maximum of {ID_BYTES_MAX} bytes")));
            }
            Some(id) => id.trim().to_owned(),
            None => random::uuid(self.random.as_ref()).to_string(),
        };
        let hash = self.hash(&id).await?;
        for _ in 0..RETRIES {
            let role = self.role(name).await?;
            let (role, version) = role.ok_or(Error::UnsupportedPath)?;
            if !role.bind_secret_id {
                return Err(Error::invalid("bind_secret_id is not set on the role"));
            }
            let entry = self.new_secret_id(request, &role)?;
            let path = path(&role.storage_id, &hash);
            // The role must still be as it was: it could have been deleted, or made stricter.
            let mut batch = Batch::new()
                .expect(format!("role/{name}"), Some(version))
                .expect(&path, None)
                .put_json(&path, &entry)?
                .put(format!("accessor/{}/{}", role.storage_id, entry.accessor), hash.clone().into_bytes());
            if let Some(path) = entry.expiry_path(&role.storage_id, &hash) {
                batch = batch.put(path, Vec::new());
            }
            match self.view.commit(batch).await {
                Ok(_) => {
                    return Ok(Some(Response::object(json!({
                        "secret_id": id,
                        "secret_id_accessor": entry.accessor,
                        "secret_id_num_uses": entry.num_uses,
                        "secret_id_ttl": entry.ttl,
                    }))));
                }
                Err(error) if is_conflict(&error) => {
                    if self.view.get(&path).await?.is_some() {
                        return Err(Error::invalid(
                            "failed to store secret_id: SecretID is already registered",
                        ));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(contended())
    }

    fn new_secret_id(&self, request: &Request, role: &Role) -> Result<SecretId> {
        let cidrs = |field: &str, role: &[String]| -> Result<Vec<String>> {
            let cidrs = cidr::checked(request.texts(field)?.unwrap_or_default())?;
            if !cidr::within(&cidrs, role) {
                return Err(outside(role, &cidrs));
            }
            Ok(cidrs)
        };
        let cidr_list = cidrs("cidr_list", &role.secret_id_bound_cidrs)?;
        let token_bound_cidrs = cidrs("token_bound_cidrs", &role.token.bound_cidrs)?;
        let num_uses = match request.int("num_uses")? {
            Some(uses) if uses < 0 => return Err(Error::invalid("num_uses cannot be negative")),
            Some(uses) if exceeds(uses, role.secret_id_num_uses) => {
                return Err(Error::invalid("num_uses cannot be higher than the role's secret_id_num_uses"));
            }
            Some(uses) => uses,
            None => role.secret_id_num_uses,
        };
        let ttl = match request.seconds("ttl")? {
            Some(ttl) if exceeds(ttl, role.secret_id_ttl) => {
                return Err(Error::invalid("ttl cannot be longer than the role's secret_id_ttl"));
            }
            Some(ttl) => ttl,
            None => role.secret_id_ttl,
        };
        let ttl = ttl.min(self.lease_max);
        let now = request.now;
        Ok(SecretId {
            accessor: random::uuid(self.random.as_ref()).to_string(),
            num_uses,
            ttl,
            creation_time: now,
            expiration_time: if ttl == 0 { 0 } else { now.saturating_add(ttl.saturating_mul(NANOS)) },
            last_updated_time: now,
            metadata: parse_metadata(&request.text("metadata")?.unwrap_or_default())?,
            cidr_list,
            token_bound_cidrs,
        })
    }

    pub(super) async fn list_secret_ids(&self, name: &str) -> Result<Option<Response>> {
        let (role, _) = self.existing(name).await?;
        Response::list(self.view.list(&format!("accessor/{}", role.storage_id)).await?)
    }

    pub(super) async fn look_up_secret_id(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let id = request.required("secret_id")?;
        let (role, _) = self.existing(name).await?;
        let found = self.stored(&role, &self.hash(id.trim()).await?).await?;
        Ok(found.filter(|(entry, _)| !entry.is_expired(request.now)).map(|(entry, _)| entry.describe()))
    }

    pub(super) async fn destroy_secret_id(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let id = request.required("secret_id")?;
        let (role, _) = self.existing(name).await?;
        self.destroy(&role, &self.hash(id.trim()).await?).await?;
        Ok(None)
    }

    pub(super) async fn look_up_accessor(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let (role, hash) = self.by_accessor(request, name).await?;
        let found = self.stored(&role, &hash).await?;
        Ok(found.filter(|(entry, _)| !entry.is_expired(request.now)).map(|(entry, _)| entry.describe()))
    }

    pub(super) async fn destroy_accessor(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let (role, hash) = self.by_accessor(request, name).await?;
        self.destroy(&role, &hash).await?;
        Ok(None)
    }

    /// The role, and the hash of its secret id with the request's accessor: never another role's.
    async fn by_accessor(&self, request: &Request, name: &str) -> Result<(Role, String)> {
        let accessor = request.required("secret_id_accessor")?;
        let (role, _) = self.existing(name).await?;
        let unknown = || {
            let message = format!("failed to find accessor entry for secret_id_accessor: {accessor:?}");
            Error::NotFoundBecause(message)
        };
        if accessor.contains('/') || accessor.len() > ID_BYTES_MAX {
            return Err(unknown());
        }
        let index = self.view.get(&format!("accessor/{}/{accessor}", role.storage_id)).await?;
        let hash = String::from_utf8_lossy(index.ok_or_else(unknown)?.value.expose()).into_owned();
        Ok((role, hash))
    }

    /// A secret id of a role as it is stored, ended or not.
    pub(super) async fn stored(&self, role: &Role, hash: &str) -> Result<Option<(SecretId, Version)>> {
        self.view.get_json(&path(&role.storage_id, hash)).await
    }

    /// The same for logins: those without a bound on their uses come from memory.
    pub(super) async fn find(&self, role: &Role, hash: &str) -> Result<Option<Arc<SecretId>>> {
        let path = path(&role.storage_id, hash);
        let guard = match self.secret_ids.get_value_or_guard_async(&path).await {
            Ok(entry) => return Ok(Some(entry)),
            Err(guard) => guard,
        };
        let Some((entry, _)) = self.stored(role, hash).await? else { return Ok(None) };
        let entry = Arc::new(entry);
        if entry.num_uses == 0 {
            // Refused when it was destroyed meanwhile.
            let _ = guard.insert(entry.clone());
        }
        Ok(Some(entry))
    }

    async fn destroy(&self, role: &Role, hash: &str) -> Result<()> {
        for _ in 0..RETRIES {
            let Some((entry, version)) = self.stored(role, hash).await? else { return Ok(()) };
            match self.remove(&role.storage_id, hash, &entry, Some(version)).await {
                Err(error) if is_conflict(&error) => {}
                outcome => return outcome,
            }
        }
        Err(contended())
    }

    /// Removes a secret id that is at `version`, or whatever is there of it.
    pub(super) async fn remove(
        &self,
        storage_id: &str,
        hash: &str,
        entry: &SecretId,
        version: Option<Version>,
    ) -> Result<()> {
        let path = path(storage_id, hash);
        let batch = match version {
            Some(version) => Batch::new().expect(&path, Some(version)),
            None => Batch::new(),
        };
        let outcome = self.view.commit(entry.remove(batch, storage_id, hash)).await;
        self.secret_ids.remove(&path);
        outcome.map(|_| ())
    }
}

/// That networks of a secret id are not all within its role's.
pub(super) fn outside(role: &[String], secret_id: &[String]) -> Error {
    Error::invalid(format!(
        "failed to verify subset relationship between CIDR blocks on the role {role:?} and CIDR blocks on the secret \
         ID {secret_id:?}"
    ))
}

/// Whether a value, 0 for none, goes beyond a bound, 0 for none.
fn exceeds(value: i64, bound: i64) -> bool {
    bound > 0 && (value == 0 || value > bound)
}

/// A JSON object of texts, plain or in base64, or `key=value` pairs with commas between them.
fn parse_metadata(text: &str) -> Result<BTreeMap<String, String>> {
    if text.len() > METADATA_BYTES_MAX {
        return Err(Error::invalid(format!("metadata must be of at most {METADATA_BYTES_MAX} bytes")));
    }
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(text).ok();
    let json = |bytes: &[u8]| serde_json::from_slice::<Option<BTreeMap<String, Value>>>(bytes).ok();
    if let Some(map) = json(text.as_bytes()).or_else(|| json(&decoded?)) {
        let texts = map.unwrap_or_default().into_iter().map(|(key, value)| match value {
            Value::String(text) => Ok((key, text)),
            _ => {
                Err(Error::invalid(format!("failed to parse metadata: the value of {key:?} is not a string")))
            }
        });
        return texts.collect();
    }
    let pairs = text.split(',').map(|pair| match pair.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err(Error::invalid("failed to parse metadata: neither a JSON object nor key=value pairs")),
    });
    pairs.collect()
}

/// As Go writes it; never is its zero time.
fn time(nanoseconds: i64) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)) {
        Ok(time) if nanoseconds != 0 => time.to_string(),
        _ => "0001-01-01T00:00:00Z".into(),
    }
}

const NANOS: i64 = 1_000_000_000;
const METADATA_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_json_or_pairs() {
        let expected: BTreeMap<String, String> = [("a".into(), "1".into()), ("b".into(), "x".into())].into();
        for text in [r#"{"a":"1","b":"x"}"#, "eyJhIjoiMSIsImIiOiJ4In0=", "a=1, b=x"] {
            assert_eq!(parse_metadata(text).unwrap(), expected, "{text}");
        }
        assert!(parse_metadata("").unwrap().is_empty() && parse_metadata("null").unwrap().is_empty());
        for text in [r#"{"a":1}"#, "a", "=1"] {
            assert_eq!(parse_metadata(text).unwrap_err().status(), 400, "{text}");
        }
    }
}
