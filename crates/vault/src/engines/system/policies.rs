//! `sys/policies/acl` and the older `sys/policy`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::core::Unsealed;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

/// Which of the two paths was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `sys/policies/acl`: the text is `policy`.
    Acl,
    /// `sys/policy`: the text is `rules`.
    Legacy,
}

pub(super) async fn answer(
    unsealed: &Arc<Unsealed>,
    request: &Request,
    name: &str,
    form: Form,
) -> Result<Option<Response>> {
    let policies = &unsealed.policies;
    match (name, request.operation) {
        ("", Operation::List) => {
            let names = policies.names().await?;
            Ok(Some(Response::object(match form {
                Form::Acl => json!({ "keys": names }),
                Form::Legacy => json!({ "keys": names, "policies": names }),
            })))
        }
        ("", Operation::Read) if form == Form::Legacy => {
            let names = policies.names().await?;
            Ok(Some(Response::object(json!({ "keys": names, "policies": names }))))
        }
        ("", _) => Err(Error::UnsupportedOperation),
        (name, Operation::Read) => {
            let name = name.to_lowercase();
            let text = policies.get(&name).await?.ok_or(Error::NotFound)?;
            Ok(Some(Response::object(match form {
                Form::Acl => json!({ "name": name, "policy": text }),
                Form::Legacy => json!({ "name": name, "rules": text }),
            })))
        }
        (name, op) if op.is_write() => {
            let text = match request.text("policy")?.filter(|text| !text.is_empty()) {
                Some(text) => text,
                None => request.text("rules")?.unwrap_or_default(),
            };
            if text.is_empty() {
                return Err(Error::invalid("'policy' parameter not supplied or empty"));
            }
            policies.put(name, &plain(text)).await?;
            let lower = name.to_lowercase();
            Ok((lower != name).then(|| {
                Response::default().warn(format!("policy name was converted to lowercase: {lower}"))
            }))
        }
        (name, Operation::Delete) => policies.delete(name).await.map(|()| None),
        _ => Err(Error::UnsupportedOperation),
    }
}

/// A policy may come in base64.
fn plain(text: String) -> String {
    let decoded = STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or(text)
}
