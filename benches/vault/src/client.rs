//! Requests to a vault.

use serde_json::Value;
use trustkeep_bench_rig::http::Request;

pub(crate) fn get(token: &str, path: &str) -> Request {
    Request::get(&format!("/v1/{path}"), &[("X-Vault-Token", token)])
}

pub(crate) fn post(token: &str, path: &str, body: &Value) -> Request {
    let headers = [("X-Vault-Token", token)];
    Request::post(&format!("/v1/{path}"), if token.is_empty() { &[] } else { &headers }, body)
}
