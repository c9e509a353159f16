//! The keys of a vault, kept in a file beside its data so that the next start finds it unsealed.

use std::fs;
use std::io::Write as _;

use anyhow::Context as _;
use serde_json::{Value, json};
use trustkeep_crypto::{SecretBytes, SecretString};

use super::Place;

/// What opens the vault, and its root token.
pub(super) struct Keys {
    pub(super) unseal_key: SecretString,
    pub(super) root_token: SecretString,
    /// Whether the first start came to its end.
    pub(super) set_up: bool,
}

impl Keys {
    pub(super) fn new(unseal_key: SecretString, root_token: SecretString) -> Self {
        Keys { unseal_key, root_token, set_up: false }
    }

    pub(super) fn load(place: Place<'_>) -> anyhow::Result<Self> {
        let path = place.dir.join(place.keys_file);
        let bytes = fs::read(&path).map(SecretBytes::new).with_context(|| {
            format!(
                "the vault in {} was initialised, but its keys cannot be read from {}: it stays sealed; put the file back, or remove the directory to start anew",
                place.dir.display(),
                path.display()
            )
        })?;
        let document: Value = serde_json::from_slice(bytes.expose())
            .with_context(|| format!("{} is damaged", path.display()))?;
        let text = |key: &str| {
            let text = document.get(key).and_then(Value::as_str);
            text.map(SecretString::from).with_context(|| format!("{} has no {key:?}", path.display()))
        };
        let set_up = document.get("set_up").and_then(Value::as_bool).unwrap_or(false);
        Ok(Keys { unseal_key: text("unseal_key")?, root_token: text("root_token")?, set_up })
    }

    /// Writes the file whole or not at all, readable by its owner only.
    pub(super) fn save(&self, place: Place<'_>) -> anyhow::Result<()> {
        let document = json!({
            "note": place.note,
            "unseal_key": self.unseal_key.expose(),
            "root_token": self.root_token.expose(),
            "set_up": self.set_up,
        });
        let path = place.dir.join(place.keys_file);
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(place.dir)?;
            file.write_all(document.to_string().as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            fs::File::open(place.dir)?.sync_all()
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}
