//! The VPN catalogue: the networks of each provider, as the operator writes them into `config/vpn_catalog.yml`.
//!
//! Every provider's networks are checked, also of those without a driver, so that a slip is found when it is made and not with the first
//! unit. What each network may say is in [`schema`], as tables.

mod read;
mod sakura;
pub mod schema;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Map, Value};
use trustkeep_chassis::config::{Problems, Source};

use crate::yaml;

/// The file's name, and the one that the original's manual misprints.
const FILE: &str = "vpn_catalog.yml";
const FILE_MISPRINTED: &str = "vpn_config.yml";

/// The pool of addresses for networks of Sakura's cloud.
const SAKURA_FILE: &str = "sakura_config.yml";

/// The networks of every provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    networks: BTreeMap<String, BTreeMap<String, Network>>,
    document: Map<String, Value>,
    text: String,
    warnings: Vec<String>,
}

/// One network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// What it says, by its keys (`aws_region`); lists with commas. A network of Sakura's cloud also has its pool, as
    /// `ip_addresses` and `prefix_len`.
    pub values: BTreeMap<String, String>,
}

impl Catalogue {
    /// Reads the files of a directory `config/`.
    ///
    /// # Errors
    /// Everything that is wrong with them, each with its file, line and key.
    pub fn load(directory: &Path) -> Result<Self, Problems> {
        let (right, misprinted) = (directory.join(FILE), directory.join(FILE_MISPRINTED));
        let is_misprinted = !right.exists() && misprinted.exists();
        let path = if is_misprinted { misprinted } else { right };
        let text = read_file(&path)?.ok_or_else(|| {
            let mut problems = Problems::new();
            let message = "is missing; for existing servers alone it says: onpremises: {default: {}}";
            problems.add(Source::file(&path, None), "", message);
            problems
        })?;
        let mut catalogue = Self::parse(&path, &text)?;
        if is_misprinted {
            let message = format!("{}: read, but the file's name is {FILE}", path.display());
            catalogue.warnings.insert(0, message);
        }
        catalogue.add_pools(directory)?;
        Ok(catalogue)
    }

    /// Puts `text` in the place of the file in a directory `config/`, if nothing is wrong with it. The file is either the former or the new one,
    /// whatever happens.
    ///
    /// # Errors
    /// Everything that is wrong with it, or why it cannot be written; then the former file is there.
    pub fn replace(directory: &Path, text: &str) -> Result<Self, Problems> {
        let path = directory.join(FILE);
        let mut catalogue = Self::parse(&path, text)?;
        catalogue.add_pools(directory)?;
        let draft = directory.join(format!("{FILE}.new"));
        write_through(&draft, &path, text).map_err(|error| {
            let mut problems = Problems::new();
            problems.add(Source::file(&path, None), "", format!("cannot be written: {error}"));
            problems
        })?;
        Ok(catalogue)
    }

    fn add_pools(&mut self, directory: &Path) -> Result<(), Problems> {
        let path = directory.join(SAKURA_FILE);
        read_file(&path)?.map_or(Ok(()), |text| sakura::add(self, &path, &text))
    }

    /// Reads the text of a `vpn_catalog.yml`; `path` is for messages.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line and key.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Problems> {
        let mut catalogue = Self { text: text.to_owned(), ..Self::default() };
        let mut problems = Problems::new();
        match yaml::read(text) {
            Ok(document) => {
                let mut reader = read::Reader { path, problems: &mut problems, catalogue: &mut catalogue };
                reader.read(&document);
            }
            Err(error) => problems.add(Source::file(path, error.line), "", error.message),
        }
        problems.into_result(catalogue)
    }

    /// A network of a provider; an empty name means `default`.
    pub fn network(&self, provider: &str, name: &str) -> Option<&Network> {
        self.networks.get(provider)?.get(if name.is_empty() { "default" } else { name })
    }

    /// The names of a provider's networks.
    pub fn names(&self, provider: &str) -> impl Iterator<Item = &str> {
        self.networks.get(provider).into_iter().flat_map(|networks| networks.keys().map(String::as_str))
    }

    /// What `GET /vpn_catalog` gives as `vpn_catalog`: the file as JSON, with the misprinted keys put right.
    pub fn document(&self) -> Value {
        Value::Object(self.document.clone())
    }

    /// The file's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What was taken although it is not as it should be.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// A file's text; `None` if there is no such file.
fn read_file(path: &Path) -> Result<Option<String>, Problems> {
    let problem = |message: String| {
        let mut problems = Problems::new();
        problems.add(Source::file(path, None), "", message);
        problems
    };
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > yaml::SIZE_MAX as u64 => {
            Err(problem(format!("longer than {} bytes", yaml::SIZE_MAX)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => std::fs::read_to_string(path).map(Some).map_err(|error| problem(error.to_string())),
    }
}

fn write_through(draft: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = File::create(draft)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let moved = written.and_then(|()| std::fs::rename(draft, path));
    if moved.is_err() {
        // What is left of the attempt is of no use to anybody.
        let _ = std::fs::remove_file(draft);
    }
    moved
}

#[cfg(test)]
mod tests;
