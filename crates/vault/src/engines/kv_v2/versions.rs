//! `delete/`, `undelete/` and `destroy/`: what becomes of versions by number.

use serde_json::Value;

use super::secret::sweep_max;
use super::{ATTEMPTS, KvV2, contended};
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

impl KvV2 {
    /// Marks versions as deleted now.
    pub(super) async fn handle_delete(&self, request: &Request, path: &str) -> Result<Option<Response>> {
        let numbers = numbers(request, "No version number provided")?;
        let _alone = self.alone(path).await;
        for _ in 0..ATTEMPTS {
            let Some(mut secret) = self.find(path, request.now).await? else { return Ok(None) };
            for number in &numbers {
                if let Some(version) = secret.meta.version_mut(*number).filter(|v| !v.is_gone(request.now)) {
                    version.deletion = request.now;
                }
            }
            if secret.save(&self.view).await? {
                return Ok(None);
            }
        }
        Err(contended())
    }

    /// Takes deletions back; `delete_version_after` starts to count anew.
    pub(super) async fn handle_undelete(&self, request: &Request, path: &str) -> Result<Option<Response>> {
        let numbers = numbers(request, "No version number provided")?;
        let config = self.config().await?;
        let _alone = self.alone(path).await;
        for _ in 0..ATTEMPTS {
            let Some(mut secret) = self.find(path, request.now).await? else { return Ok(None) };
            let deletion = secret.meta.deletion_of_new(request.now, &config);
            for number in &numbers {
                if let Some(version) = secret.meta.version_mut(*number).filter(|version| !version.destroyed) {
                    version.deletion = deletion;
                }
            }
            if secret.save(&self.view).await? {
                return Ok(None);
            }
        }
        Err(contended())
    }

    /// Removes versions' data for good.
    pub(super) async fn handle_destroy(&self, request: &Request, path: &str) -> Result<Option<Response>> {
        let numbers = numbers(request, "no version number provided")?;
        let _alone = self.alone(path).await;
        for some in numbers.chunks(sweep_max(&self.view)) {
            let mut done = false;
            for _ in 0..ATTEMPTS {
                let Some(mut secret) = self.find(path, request.now).await? else { return Ok(None) };
                secret.destroy(some);
                done = secret.save(&self.view).await?;
                if done {
                    break;
                }
            }
            if !done {
                return Err(contended());
            }
        }
        Ok(None)
    }
}

/// The field `versions`: whole numbers as an array, as text with commas, or one alone. Numbers that no
/// version can have are left out: Vault passes over versions that are not there.
fn numbers(request: &Request, missing: &str) -> Result<Vec<u64>> {
    if !request.operation.is_write() {
        return Err(Error::UnsupportedOperation);
    }
    let wrong = || {
        Error::invalid(
            "Field validation failed: error converting input for field \"versions\": expected a list of whole numbers",
        )
    };
    let text = |text: &str| match text.trim() {
        "" => Ok(0),
        text => text.parse::<i64>().map_err(|_| wrong()),
    };
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_i64().ok_or_else(wrong),
        Value::String(string) => text(string),
        Value::Bool(bool) => Ok(i64::from(*bool)),
        Value::Null => Ok(0),
        _ => Err(wrong()),
    };
    let numbers: Vec<i64> = match request.data.get("versions") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(list)) if list.is_empty() => Vec::new(),
        Some(Value::String(list)) => list.split(',').map(text).collect::<Result<_>>()?,
        Some(Value::Array(list)) => list.iter().map(number).collect::<Result<_>>()?,
        Some(one) => vec![number(one)?],
    };
    if numbers.is_empty() {
        return Err(Error::invalid(missing));
    }
    let mut numbers: Vec<u64> = numbers.into_iter().filter_map(|number| u64::try_from(number).ok()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}
