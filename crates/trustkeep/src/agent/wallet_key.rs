//! The key of a wallet, from where it is kept.

use anyhow::{Context as _, bail};
use serde_json::Value;
use trustkeep_crypto::SecretString;

use super::settings::KeySource;
use crate::vault;

/// Bytes of a file that holds a key.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Fetches it.
///
/// # Errors
/// The file or the vault does not give it; the key is in no message.
pub(crate) async fn fetch(source: &KeySource) -> anyhow::Result<SecretString> {
    match source {
        KeySource::Given(key) => Ok(key.duplicate()),
        KeySource::File(path) => of_file(path),
        KeySource::Vault { path, field } => of_vault(path, field).await,
    }
}

fn of_file(path: &str) -> anyhow::Result<SecretString> {
    let context = || format!("--wallet-key-file {path}");
    if std::fs::metadata(path).with_context(context)?.len() > FILE_BYTES_MAX {
        bail!("--wallet-key-file {path}: too large to be a key");
    }
    let text = SecretString::new(std::fs::read_to_string(path).with_context(context)?);
    // The line break at the end is the editor's.
    let key = text.expose().trim_end_matches(['\r', '\n']);
    if key.is_empty() {
        bail!("--wallet-key-file {path}: the file is empty");
    }
    Ok(SecretString::from(key))
}

/// Reads a field over the vault's interface, as the environment says: `VAULT_ADDR`, `VAULT_TOKEN` and the others.
async fn of_vault(path: &str, field: &str) -> anyhow::Result<SecretString> {
    let environment = |name: &str| std::env::var(name).ok();
    let data = vault::read_data(path, &environment)
        .await
        .with_context(|| format!("the wallet's key cannot be read from the vault at {path}"))?;
    // Version 2 of the key/value engine has the fields one level below.
    let inner = data.get("data").and_then(Value::as_object);
    let value = inner.and_then(|inner| inner.get(field)).or_else(|| data.get(field));
    match value.and_then(Value::as_str) {
        Some(key) if !key.is_empty() => Ok(SecretString::from(key)),
        _ => bail!("the vault has no text {field} at {path}"),
    }
}
