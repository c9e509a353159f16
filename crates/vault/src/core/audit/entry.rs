//! The lines themselves: Vault's keys in Vault's order (`hashicorp/vault: audit/format.go`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value, json};
use trustkeep_crypto::hash;

use super::caller::{Caller, Kept};
use super::hash::{Veil, VeiledMap};
use crate::core::TokenEntry;
use crate::core::mount::{Mount, MountTable};
use crate::request::Request;
use crate::response::{Data, Response};
use crate::{Error, Result, VAULT_BUILTIN_VERSION};

/// What an entry is made of; the same for all devices.
pub(super) struct Subject<'r> {
    pub(super) request: &'r Request,
    pub(super) mount: Option<&'r Mount>,
    pub(super) caller: &'r Caller<'r>,
}

/// The parts that the request's and the response's entry share, as JSON: hashed once, used twice.
#[derive(Clone)]
pub(super) struct Shared {
    auth: String,
    request: String,
}

impl Shared {
    pub(super) fn new(
        veil: &Veil,
        subject: &Subject<'_>,
        headers: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self> {
        let request = subject.request;
        let token = match subject.caller {
            Caller::Token { entry, .. } => Some(*entry),
            Caller::Kept(kept) => Some(&kept.entry),
            Caller::Unknown | Caller::Public => None,
        };
        let mount = subject.mount.map(|mount| MountFields::new(mount, false)).unwrap_or_default();
        let exempt = subject.mount.map(|mount| mount.entry.config.audit_non_hmac_request_keys.as_slice());
        let fields = RequestFields {
            id: &request.id,
            client_id: token.map(client_id).unwrap_or_default(),
            operation: request.operation.as_str(),
            mount,
            client_token: veil.secret(request.client_token.as_deref().unwrap_or_default()),
            client_token_accessor: veil
                .accessor(token.map(|token| token.accessor.as_str()).unwrap_or_default()),
            namespace: Namespace { id: "root" },
            path: format!("{}{}", request.mount_point, request.path),
            data: (!request.data.is_empty()).then(|| veil.map(&request.data, exempt.unwrap_or_default())),
            remote_address: request
                .remote
                .map(|remote| remote.ip().to_canonical().to_string())
                .unwrap_or_default(),
            remote_port: request.remote.map(|remote| remote.port()).unwrap_or_default(),
            wrap_ttl: request.wrap_ttl.unwrap_or_default(),
            headers,
        };
        Ok(Shared { auth: text(&auth(veil, request, subject.caller))?, request: text(&fields)? })
    }

    /// The line of a request that is about to be handled, or refused with `error`.
    pub(super) fn request_line(&self, prefix: &str, time: &str, error: Option<&Error>) -> Result<Vec<u8>> {
        self.line(prefix, "request", time, None, error)
    }

    /// The line of its answer.
    pub(super) fn response_line(
        &self,
        prefix: &str,
        time: &str,
        response: &str,
        error: Option<&Error>,
    ) -> Result<Vec<u8>> {
        self.line(prefix, "response", time, Some(response), error)
    }

    fn line(
        &self,
        prefix: &str,
        kind: &str,
        time: &str,
        response: Option<&str>,
        error: Option<&Error>,
    ) -> Result<Vec<u8>> {
        let error = error.and_then(spoken);
        let mut line = format!(
            "{prefix}{{\"time\":\"{time}\",\"type\":\"{kind}\",\"auth\":{},\"request\":{}",
            self.auth, self.request
        );
        if let Some(response) = response {
            line.push_str(",\"response\":");
            line.push_str(response);
        }
        if let Some(error) = error {
            line.push_str(",\"error\":");
            line.push_str(&text(&error)?);
        }
        line.push_str("}\n");
        Ok(line.into_bytes())
    }
}

/// The `response` of an answer's entry.
pub(super) fn response(
    veil: &Veil,
    mount: Option<&Mount>,
    elide: bool,
    answer: std::result::Result<Option<&Response>, &Error>,
) -> Result<String> {
    let exempt = mount.map(|mount| mount.entry.config.audit_non_hmac_response_keys.as_slice());
    let mount = mount.map(|mount| MountFields::new(mount, true)).unwrap_or_default();
    let none = Response::default();
    let (response, mut data) = match answer {
        Ok(Some(response)) => (response, data_of(response)?),
        Ok(None) => (&none, None),
        Err(error) => (&none, refusal(error)),
    };
    if elide && let Some(data) = &mut data {
        elide_list(data.to_mut());
    }
    let leased = !response.lease_id.is_empty() || response.lease_duration != 0;
    text(&ResponseFields {
        auth: response.auth.as_ref().map(|auth| AuthFields {
            client_token: veil.secret(&auth.client_token),
            accessor: veil.accessor(&auth.accessor),
            display_name: "",
            policies: auth.policies.as_slice().into(),
            token_policies: &auth.token_policies,
            identity_policies: &auth.identity_policies,
            policy_results: None,
            metadata: auth.metadata.as_ref(),
            num_uses: auth.num_uses,
            remaining_uses: 0,
            entity_id: &auth.entity_id,
            token_type: &auth.token_type,
            token_ttl: auth.lease_duration,
            token_issue_time: String::new(),
        }),
        mount,
        secret: leased.then_some(SecretFields { lease_id: &response.lease_id }),
        data: data.as_deref().map(|data| veil.map(data, exempt.unwrap_or_default())),
        warnings: &response.warnings,
        wrap_info: response.wrap_info.as_ref().map(|info| WrapFields {
            ttl: info.ttl,
            token: veil.secret(&info.token),
            accessor: veil.accessor(&info.accessor),
            creation_time: &info.creation_time,
            creation_path: &info.creation_path,
            wrapped_accessor: veil.accessor(&info.wrapped_accessor),
        }),
    })
}

/// The entry that a device must take before it is enabled.
pub(super) fn test_line(prefix: &str, time: &str, id: &str) -> Vec<u8> {
    let line = json!({
        "time": time,
        "type": "request",
        "auth": { "token_type": "default" },
        "request": { "id": id, "operation": "update", "namespace": { "id": "root" }, "path": "sys/audit/test" },
    });
    format!("{prefix}{line}\n").into_bytes()
}

fn auth<'r>(veil: &'r Veil, request: &'r Request, caller: &'r Caller<'r>) -> AuthFields<'r> {
    let nobody = AuthFields { token_type: "default", ..AuthFields::default() };
    match caller {
        Caller::Unknown => nobody,
        Caller::Public => AuthFields { policy_results: Some(PolicyResults::new(true, Vec::new())), ..nobody },
        Caller::Token { entry, identity_policies, acl, operation, full_path, allowed } => {
            let results = PolicyResults::new(*allowed, acl.granting(*operation, full_path));
            holder(veil, request, entry, identity_policies, results)
        }
        Caller::Kept(Kept { entry, identity_policies, granting, allowed }) => {
            let results = PolicyResults::new(*allowed, granting.iter().map(String::as_str).collect());
            holder(veil, request, entry, identity_policies, results)
        }
    }
}

fn holder<'r>(
    veil: &'r Veil,
    request: &'r Request,
    entry: &'r TokenEntry,
    identity_policies: &'r [String],
    results: PolicyResults<'r>,
) -> AuthFields<'r> {
    AuthFields {
        client_token: veil.secret(request.client_token.as_deref().unwrap_or_default()),
        accessor: veil.accessor(&entry.accessor),
        display_name: &entry.display_name,
        policies: all(&entry.policies, identity_policies),
        token_policies: &entry.policies,
        identity_policies,
        policy_results: Some(results),
        metadata: entry.meta.as_ref(),
        num_uses: 0,
        remaining_uses: entry.num_uses,
        entity_id: &entry.entity_id,
        token_type: entry.kind(),
        token_ttl: entry.creation_ttl,
        token_issue_time: rfc3339(entry.creation_time),
    }
}

/// A token's own policies and those of its entity, each once.
fn all<'r>(own: &'r [String], of_entity: &[String]) -> Cow<'r, [String]> {
    if of_entity.is_empty() {
        return own.into();
    }
    let all: BTreeSet<_> = own.iter().chain(of_entity).cloned().collect();
    Vec::from_iter(all).into()
}

/// Counts clients without an entity by their policies (`hashicorp/vault: sdk/logical/token.go`).
fn client_id(token: &TokenEntry) -> String {
    if !token.entity_id.is_empty() {
        return token.entity_id.clone();
    }
    let mut policies: Vec<&str> = token.policies.iter().map(String::as_str).collect();
    policies.sort_unstable();
    STANDARD.encode(hash::sha256(format!("{}\0root", policies.join("\x7f")).as_bytes()))
}

/// An answer's data. A body without envelope is one text, and its media type another.
fn data_of(response: &Response) -> Result<Option<Cow<'_, Map<String, Value>>>> {
    if let Some(raw) = &response.raw {
        let mut data = Map::new();
        data.insert("http_content_type".into(), raw.content_type.into());
        data.insert("http_raw_body".into(), String::from_utf8_lossy(&raw.body).into());
        data.insert("http_status_code".into(), raw.status.into());
        return Ok(Some(Cow::Owned(data)));
    }
    Ok(match &response.data {
        None => None,
        Some(Data::Map(map)) => Some(Cow::Borrowed(map)),
        Some(Data::Text(json)) => {
            Some(Cow::Owned(serde_json::from_str(json.get()).map_err(Error::internal)?))
        }
    })
}

/// What the client is told of a refusal may repeat what it sent: it is data, to be hashed.
fn refusal(error: &Error) -> Option<Cow<'static, Map<String, Value>>> {
    let message = error.messages().into_iter().next()?;
    let mut data = Map::new();
    data.insert("error".into(), message.into());
    (error.status() < 500).then_some(Cow::Owned(data))
}

/// An error in words that repeat nothing of a body. Not finding anything is none.
fn spoken(error: &Error) -> Option<Cow<'static, str>> {
    Some(match error {
        Error::NotFound => return None,
        Error::BadToken
        | Error::PermissionDenied
        | Error::NoHandler(_)
        | Error::UnsupportedPath
        | Error::UnsupportedOperation
        | Error::MethodNotAllowed
        | Error::Sealed
        | Error::RateLimited(_)
        | Error::Uninitialized => error.to_string().into(),
        error => match error.status() {
            403 => "permission denied".into(),
            413 => "request too large".into(),
            400..500 => "invalid request".into(),
            _ => "internal error".into(),
        },
    })
}

/// Lists of names become their lengths, for those who list often.
fn elide_list(data: &mut Map<String, Value>) {
    for (name, value) in data.iter_mut() {
        let len = match (name.as_str(), &*value) {
            ("keys", Value::Array(keys)) => keys.len(),
            ("key_info", Value::Object(infos)) => infos.len(),
            _ => continue,
        };
        *value = len.into();
    }
}

fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal)
}

fn is_empty(policies: &[String]) -> bool {
    policies.is_empty()
}

fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Serialize, Default)]
struct AuthFields<'r> {
    #[serde(skip_serializing_if = "str::is_empty")]
    client_token: Cow<'r, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    accessor: Cow<'r, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    display_name: &'r str,
    #[serde(skip_serializing_if = "is_empty")]
    policies: Cow<'r, [String]>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    token_policies: &'r [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    identity_policies: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_results: Option<PolicyResults<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'r BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "is_zero")]
    num_uses: i64,
    #[serde(skip_serializing_if = "is_zero")]
    remaining_uses: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    entity_id: &'r str,
    #[serde(skip_serializing_if = "str::is_empty")]
    token_type: &'r str,
    #[serde(skip_serializing_if = "is_zero")]
    token_ttl: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    token_issue_time: String,
}

#[derive(Serialize)]
struct PolicyResults<'r> {
    allowed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    granting_policies: Vec<PolicyFields<'r>>,
}

impl<'r> PolicyResults<'r> {
    fn new(allowed: bool, granting: Vec<&'r str>) -> Self {
        let field = |name| PolicyFields { name, namespace_id: "root", kind: "acl" };
        let granting_policies = if allowed { granting.into_iter().map(field).collect() } else { Vec::new() };
        PolicyResults { allowed, granting_policies }
    }
}

#[derive(Serialize)]
struct PolicyFields<'r> {
    name: &'r str,
    namespace_id: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct RequestFields<'r> {
    id: &'r str,
    #[serde(skip_serializing_if = "String::is_empty")]
    client_id: String,
    operation: &'static str,
    #[serde(flatten)]
    mount: MountFields<'r>,
    #[serde(skip_serializing_if = "str::is_empty")]
    client_token: Cow<'r, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    client_token_accessor: Cow<'r, str>,
    namespace: Namespace,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<VeiledMap<'r>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    remote_address: String,
    #[serde(skip_serializing_if = "is_zero")]
    remote_port: u16,
    #[serde(skip_serializing_if = "is_zero")]
    wrap_ttl: i64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: &'r BTreeMap<String, Vec<String>>,
}

#[derive(Serialize)]
struct Namespace {
    id: &'static str,
}

#[derive(Serialize, Default)]
struct MountFields<'r> {
    #[serde(skip_serializing_if = "String::is_empty")]
    mount_point: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_type: &'r str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_accessor: &'r str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_running_version: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_running_plugin_version: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_class: &'static str,
}

impl<'r> MountFields<'r> {
    /// Vault names the version in an answer otherwise than in a request.
    fn new(mount: &'r Mount, of_response: bool) -> Self {
        MountFields {
            mount_point: mount.entry.full_path(),
            mount_type: &mount.entry.kind,
            mount_accessor: &mount.entry.accessor,
            mount_running_version: if of_response { "" } else { VAULT_BUILTIN_VERSION },
            mount_running_plugin_version: if of_response { VAULT_BUILTIN_VERSION } else { "" },
            mount_class: match mount.entry.table {
                MountTable::Secret => "secret",
                MountTable::Auth => "auth",
            },
        }
    }
}

#[derive(Serialize)]
struct ResponseFields<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<AuthFields<'r>>,
    #[serde(flatten)]
    mount: MountFields<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<SecretFields<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<VeiledMap<'r>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    wrap_info: Option<WrapFields<'r>>,
}

#[derive(Serialize)]
struct SecretFields<'r> {
    #[serde(skip_serializing_if = "str::is_empty")]
    lease_id: &'r str,
}

#[derive(Serialize)]
struct WrapFields<'r> {
    #[serde(skip_serializing_if = "is_zero")]
    ttl: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    token: Cow<'r, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    accessor: Cow<'r, str>,
    creation_time: &'r str,
    creation_path: &'r str,
    #[serde(skip_serializing_if = "str::is_empty")]
    wrapped_accessor: Cow<'r, str>,
}
