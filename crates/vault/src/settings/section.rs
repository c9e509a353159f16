//! A block of the configuration, read key by key with every mishap noted.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use trustkeep_chassis::config::{Problems, Source, nearest, value};
use trustkeep_crypto::SecretString;
use zeroize::Zeroizing;

use super::files::File;
use crate::hcl::{Item, Kind, Value};

/// What accompanies the reading.
pub(super) struct Reader<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) problems: Problems,
    pub(super) warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { env, problems: Problems::new(), warnings: Vec::new() }
    }

    /// The first of these variables that is set and not empty, with its name.
    pub(super) fn environment(&self, names: &[&str]) -> Option<(Zeroizing<String>, Source)> {
        names.iter().find_map(|name| {
            let text = (self.env)(name).filter(|text| !text.is_empty())?;
            Some((Zeroizing::new(text), Source::Environment((*name).to_owned())))
        })
    }

    pub(super) fn warn(&mut self, place: Source, key: &str, message: impl Display) {
        self.warnings.push(format!("{place}: {key}: {message}"));
    }
}

/// The keys that a block can have.
pub(super) struct Keys {
    /// With one value or a list.
    pub(super) keys: &'static [&'static str],
    /// With a block.
    pub(super) blocks: &'static [&'static str],
    /// Vault's, without effect in this server.
    pub(super) without_effect: &'static [&'static str],
    /// Likewise, all that begin so.
    pub(super) prefixes_without_effect: &'static [&'static str],
}

/// An item and the file that it stands in.
#[derive(Clone, Copy)]
struct Placed<'a> {
    path: &'a Path,
    item: &'a Item,
}

impl Placed<'_> {
    fn place(&self) -> Source {
        Source::file(self.path, self.item.line)
    }
}

/// A block, or the top of all files together.
pub(super) struct Section<'a> {
    /// With its parents, separated by dots; empty at the top.
    name: String,
    place: Source,
    items: Vec<Placed<'a>>,
}

impl<'a> Section<'a> {
    pub(super) fn top(files: &'a [File]) -> Self {
        let place = files.first().map_or_else(super::nowhere, |file| Source::file(&file.path, None));
        let items =
            files.iter().flat_map(|file| file.items.iter().map(|item| Placed { path: &file.path, item }));
        Self { name: String::new(), place, items: items.collect() }
    }

    /// A block that nobody wrote, whose keys come from the environment.
    pub(super) fn unwritten(name: String, place: Source) -> Self {
        Self { name, place, items: Vec::new() }
    }

    /// Where it begins.
    pub(super) fn place(&self) -> Source {
        self.place.clone()
    }

    /// A key with the names of the blocks around it; the block's own name for an empty key.
    pub(super) fn key(&self, key: &str) -> String {
        match (self.name.as_str(), key) {
            ("", key) => key.to_owned(),
            (name, "") => name.to_owned(),
            (name, key) => format!("{name}.{key}"),
        }
    }

    /// Where a key is, or where it should be.
    pub(super) fn place_of(&self, key: &str) -> Source {
        self.find(key).map_or_else(|| self.place(), |found| found.place())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Adds a problem at a key.
    pub(super) fn problem(&self, key: &str, message: impl Display, reader: &mut Reader<'_>) {
        reader.problems.add(self.place_of(key), self.key(key), message);
    }

    /// Notes what this server does not know or does not heed.
    pub(super) fn check_keys(&self, known: &Keys, reader: &mut Reader<'_>) {
        for placed in &self.items {
            let key = placed.item.key.as_str();
            if known.keys.contains(&key) || known.blocks.contains(&key) {
                continue;
            }
            let name = self.key(key);
            if known.without_effect.contains(&key)
                || known.prefixes_without_effect.iter().any(|prefix| key.starts_with(prefix))
            {
                reader.warn(placed.place(), &name, "has no effect in this server");
                continue;
            }
            let is_block = is_block(&placed.item.value);
            let all = [known.blocks, known.keys, known.without_effect].concat();
            let near = nearest(key, all.iter().copied());
            let hint = near.map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
            if is_block {
                reader.problems.add(placed.place(), name, format!("unknown stanza{hint}"));
            } else {
                reader.warn(placed.place(), &name, format!("unknown key{hint}"));
            }
        }
    }

    /// The value of a key: of the environment, else of the last item that has it.
    pub(super) fn get<T, E: Display>(
        &self,
        key: &str,
        env: &[&str],
        parse: impl FnOnce(&str) -> Result<T, E>,
        reader: &mut Reader<'_>,
    ) -> Option<T> {
        let (text, source) = self.scalar(key, env, reader)?;
        let name = self.key(key);
        reader.problems.check(&source, &name, parse(&text))
    }

    /// A text; an empty one counts as missing.
    pub(super) fn text(&self, key: &str, env: &[&str], reader: &mut Reader<'_>) -> Option<String> {
        self.get(key, env, value::text, reader).filter(|text| !text.is_empty())
    }

    /// A text that is never shown; an empty one counts as missing.
    pub(super) fn secret(&self, key: &str, env: &[&str], reader: &mut Reader<'_>) -> Option<SecretString> {
        let (text, _) = self.scalar(key, env, reader)?;
        (!text.is_empty()).then(|| SecretString::from(text.as_str()))
    }

    pub(super) fn path(&self, key: &str, env: &[&str], reader: &mut Reader<'_>) -> Option<PathBuf> {
        self.text(key, env, reader).map(PathBuf::from)
    }

    pub(super) fn boolean(&self, key: &str, env: &[&str], reader: &mut Reader<'_>) -> Option<bool> {
        self.get(key, env, value::boolean, reader)
    }

    /// A list of texts: a list, or one text with commas.
    pub(super) fn texts(&self, key: &str, reader: &mut Reader<'_>) -> Option<Vec<String>> {
        let found = self.find(key)?;
        match &found.item.value.kind {
            Kind::List(values) => {
                let texts: Option<Vec<String>> =
                    values.iter().map(|value| scalar_text(value).map(|text| text.to_string())).collect();
                if texts.is_none() {
                    self.problem(key, "expected a list of strings", reader);
                }
                texts
            }
            _ => {
                let text = self.text(key, &[], reader)?;
                Some(
                    text.split(',')
                        .map(str::trim)
                        .filter(|part| !part.is_empty())
                        .map(str::to_owned)
                        .collect(),
                )
            }
        }
    }

    /// The blocks under a key; several, or a list of them, where it is repeated.
    pub(super) fn blocks(&self, key: &str, reader: &mut Reader<'_>) -> Vec<Section<'a>> {
        let mut sections = Vec::new();
        for placed in self.items.iter().filter(|placed| placed.item.key == key) {
            self.add_blocks(*placed, self.key(key), &mut sections, reader);
        }
        sections
    }

    /// Every item as a block, under its key.
    pub(super) fn all_blocks(&self, reader: &mut Reader<'_>) -> Vec<(String, Section<'a>)> {
        let mut named = Vec::new();
        for placed in &self.items {
            let mut sections = Vec::new();
            self.add_blocks(*placed, self.key(&placed.item.key), &mut sections, reader);
            named.extend(sections.into_iter().map(|section| (placed.item.key.clone(), section)));
        }
        named
    }

    /// The keys and their values as lists of texts.
    pub(super) fn all_texts(&self, reader: &mut Reader<'_>) -> Vec<(String, Vec<String>, Source)> {
        let mut all = Vec::new();
        for placed in &self.items {
            let key = placed.item.key.clone();
            let texts = match scalar_text(&placed.item.value) {
                Some(text) => Some(vec![text.to_string()]),
                None => self.texts(&key, reader),
            };
            all.extend(texts.map(|texts| (key, texts, placed.place())));
        }
        all
    }

    fn add_blocks(
        &self,
        placed: Placed<'a>,
        name: String,
        sections: &mut Vec<Section<'a>>,
        reader: &mut Reader<'_>,
    ) {
        let values = match &placed.item.value.kind {
            Kind::List(values) => values.as_slice(),
            _ => std::slice::from_ref(&placed.item.value),
        };
        for value in values {
            let place = Source::file(placed.path, value.line);
            match &value.kind {
                Kind::Object(items) => {
                    let items = items.iter().map(|item| Placed { path: placed.path, item }).collect();
                    sections.push(Section { name: name.clone(), place, items });
                }
                other => {
                    reader.problems.add(
                        place,
                        name.clone(),
                        format!("expected a block, found {}", other.name()),
                    );
                }
            }
        }
    }

    fn find(&self, key: &str) -> Option<Placed<'a>> {
        self.items.iter().rev().find(|placed| placed.item.key == key).copied()
    }

    /// A key's value as text, and where it was found.
    fn scalar(
        &self,
        key: &str,
        env: &[&str],
        reader: &mut Reader<'_>,
    ) -> Option<(Zeroizing<String>, Source)> {
        if let Some(found) = reader.environment(env) {
            return Some(found);
        }
        let found = self.find(key)?;
        if matches!(found.item.value.kind, Kind::Null) {
            return None;
        }
        let text = scalar_text(&found.item.value);
        if text.is_none() {
            let message = format!("expected one value, found {}", found.item.value.kind.name());
            self.problem(key, message, reader);
        }
        Some((text?, found.place()))
    }
}

fn scalar_text(value: &Value) -> Option<Zeroizing<String>> {
    match &value.kind {
        Kind::Text(text) => Some(text.clone()),
        Kind::Number(digits) => Some(Zeroizing::new(digits.clone())),
        Kind::Bool(bool) => Some(Zeroizing::new(bool.to_string())),
        Kind::Null | Kind::List(_) | Kind::Object(_) => None,
    }
}

fn is_block(value: &Value) -> bool {
    match &value.kind {
        Kind::Object(_) => true,
        Kind::List(values) => values.iter().any(|value| matches!(value.kind, Kind::Object(_))),
        _ => false,
    }
}
