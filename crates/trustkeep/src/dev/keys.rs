//! The keys of a development vault, kept in a file beside its data so that the next start finds it unsealed.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};
use trustkeep_crypto::{SecretBytes, SecretString};

/// What opens the vault, and its root token.
pub(super) struct DevKeys {
    pub(super) unseal_key: SecretString,
    pub(super) root_token: SecretString,
    /// Whether the first start came to its end.
    pub(super) set_up: bool,
}

impl DevKeys {
    pub(super) fn new(unseal_key: SecretString, root_token: SecretString) -> Self {
        DevKeys { unseal_key, root_token, set_up: false }
    }

    pub(super) fn load(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join(FILE);
        let bytes = fs::read(&path).map(SecretBytes::new).with_context(|| {
            format!(
                "the vault in {} was initialised, but its keys cannot be read from {}: it stays sealed; put the file back, or remove the directory to start anew",
                data_dir.display(),
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
        Ok(DevKeys { unseal_key: text("unseal_key")?, root_token: text("root_token")?, set_up })
    }

    /// Writes the file whole or not at all, readable by its owner only.
    pub(super) fn save(&self, data_dir: &Path) -> anyhow::Result<()> {
        let document = json!({
            "note": "development only: whoever reads this file reads every secret beside it",
            "unseal_key": self.unseal_key.expose(),
            "root_token": self.root_token.expose(),
            "set_up": self.set_up,
        });
        let path = data_dir.join(FILE);
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(data_dir)?;
            file.write_all(document.to_string().as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            fs::File::open(data_dir)?.sync_all()
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}

const FILE: &str = "dev-keys.json";
