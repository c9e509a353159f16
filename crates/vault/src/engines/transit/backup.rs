//! `backup` and `restore`: a key with everything in it as one text, for whom the key allows it.

use super::Transit;
use super::is_name;
use super::key::{Key, Mark};
use crate::engines::base64;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

impl Transit {
    pub(super) async fn backup(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let now = request.now;
        let marked = self.keys.change(name, now, |key| {
            if !key.settings.exportable {
                return Err(failed("exporting is disallowed on the policy"));
            }
            if !key.settings.allow_plaintext_backup {
                return Err(failed("plaintext backup is disallowed on the policy"));
            }
            key.settings.backup = Some(Mark { time: now, version: key.settings.latest });
            Ok(true)
        });
        let key = marked.await?.ok_or_else(|| failed(&format!("key {name:?} not found")))?;
        let backup = base64::encode(key.encode()?.expose());
        Ok(Some(Response::object(serde_json::json!({ "backup": backup }))))
    }

    pub(super) async fn restore(&self, request: &Request, named: &str) -> Result<Option<Response>> {
        let text = request.text("backup")?.unwrap_or_default();
        if text.is_empty() {
            return Err(Error::invalid("'backup' must be supplied"));
        }
        let force = request.bool("force")?.unwrap_or(false);
        let document = base64::decode(&text).map_err(|illegal| Error::invalid(illegal.to_string()))?;
        let refused = |_| {
            Error::invalid(
                "the backup is not one of this server: those of Vault and OpenBao have another form",
            )
        };
        let mut key = Key::decode(&document).map_err(refused)?;
        if !key.is_sound() {
            return Err(Error::invalid("the backup is damaged"));
        }
        let named = match named {
            "" => request.text("name")?.unwrap_or_default(),
            named => named.to_owned(),
        };
        if !named.is_empty() {
            key.settings.name = named;
        }
        if !is_name(&key.settings.name) {
            return Err(failed("key names cannot be paths"));
        }
        key.settings.restore = Some(Mark { time: request.now, version: key.settings.latest });
        let name = key.settings.name.clone();
        if force {
            self.keys.overwrite(key, request.now).await?;
        } else if self.keys.create(key, request.now).await?.is_none() {
            return Err(failed(&format!("key {name:?} already exists")));
        }
        Ok(None)
    }
}

/// Vault answers these with 500, and clients expect it.
fn failed(message: &str) -> Error {
    Error::Failed(message.to_owned())
}
