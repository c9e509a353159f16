//! `sys/policies/password`: how passwords are made, by name.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use trustkeep_crypto::Random;

use crate::core::{Batch, Unsealed, View};
use crate::engines::base64;
use crate::password::PasswordPolicy;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

#[derive(Serialize, Deserialize)]
struct Stored {
    policy: String,
}

/// Answers what is at `policies/password` (`path` is what follows) and below.
///
/// # Errors
/// 400 where a policy cannot be followed, 404 where there is none of the name, and the store's.
pub(super) async fn answer(
    unsealed: &Arc<Unsealed>,
    request: &Request,
    path: &str,
    random: &dyn Random,
) -> Result<Option<Response>> {
    let view = View::new(unsealed.barrier.clone(), FOLDER);
    if path.is_empty() {
        return match request.operation {
            Operation::List => Response::list(view.list("").await?),
            _ => Err(Error::UnsupportedOperation),
        };
    }
    if let Some(name) = path.strip_suffix("/generate") {
        return match request.operation {
            Operation::Read => {
                let policy = PasswordPolicy::parse(&find(&view, name).await?).map_err(Error::internal)?;
                let password = policy.generate(random);
                Ok(Some(Response::object(json!({ "password": password.expose() }))))
            }
            _ => Err(Error::UnsupportedOperation),
        };
    }
    if !is_name(path) {
        return Err(Error::UnsupportedPath);
    }
    match request.operation {
        Operation::Read => {
            let policy = find(&view, path).await?;
            Ok(Some(Response::object(json!({ "policy": policy }))))
        }
        Operation::Create | Operation::Update => {
            let text = request.text("policy")?.unwrap_or_default();
            if text.is_empty() {
                return Err(refused("missing policy"));
            }
            let decoded = base64::decode(&text).ok().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
            let policy = decoded.unwrap_or(text);
            PasswordPolicy::parse(&policy).map_err(|why| refused(&why))?;
            view.commit(Batch::new().put_json(path, &Stored { policy })?).await?;
            Ok(None)
        }
        Operation::Delete => view.commit(Batch::new().delete(path)).await.map(|_| None),
        _ => Err(Error::UnsupportedOperation),
    }
}

async fn find(view: &View, name: &str) -> Result<String> {
    let stored = if is_name(name) { view.get_json::<Stored>(name).await? } else { None };
    let missing = || Error::NotFoundBecause(multi_line("policy does not exist"));
    stored.map(|(stored, _)| stored.policy).ok_or_else(missing)
}

fn refused(why: &str) -> Error {
    Error::invalid(multi_line(why))
}

/// Errors of this path come without an answer of their own, which Vault writes in several lines.
fn multi_line(why: &str) -> String {
    format!("1 error occurred:\n\t* {why}\n\n")
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME_LEN_MAX && text.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// Where policies stand in the barrier.
const FOLDER: &str = "sys/password_policy/";
/// Bytes of a policy's name.
const NAME_LEN_MAX: usize = 512;
