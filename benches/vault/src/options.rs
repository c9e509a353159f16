//! What to measure.

use anyhow::{Context as _, bail};

/// The command line.
pub(crate) struct Options {
    /// Counts are divided by this: 1 to measure, more to see that everything runs.
    pub(crate) scale: usize,
    only: Option<String>,
    /// Names of storages; empty for all that can be had.
    pub(crate) stores: Vec<String>,
}

impl Options {
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut options = Options { scale: 1, only: None, stores: Vec::new() };
        let mut words = words;
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--smoke" => options.scale = 1000,
                "--only" => options.only = Some(value()?),
                "--store" => options.stores.push(value()?),
                _ => bail!("usage: [--only requests|bulk] [--store embedded|postgresql|dynamodb]… [--smoke]"),
            }
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}
