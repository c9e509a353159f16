use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use serde_json::{Map, Value};
use trustkeep_chassis::config::{Problems, Source, nearest, value};

use super::schema::{self, Item, ItemKind, SHARED, Schema};
use super::{Catalogue, Network};
use crate::yaml::{Content, Key, Node};

/// Reads a document and notes what is wrong with it.
pub(super) struct Reader<'a> {
    pub(super) path: &'a Path,
    pub(super) problems: &'a mut Problems,
    pub(super) catalogue: &'a mut Catalogue,
}

impl Reader<'_> {
    pub(super) fn read(&mut self, document: &Node) {
        if !matches!(document.content, Content::Map(_)) && !document.is_null() {
            return self.wrong(
                document.line,
                "",
                format!("{} where the providers are expected", document.kind()),
            );
        }
        for (key, node) in document.members() {
            if key.text == "cci_version" {
                match node.text() {
                    Some(version) => drop(self.catalogue.document.insert(key.text.clone(), version.into())),
                    None => self.wrong(node.line, "cci_version", "a text is expected ('1.0')"),
                }
                continue;
            }
            let Some(schema) = schema::of(&key.text) else {
                let known = schema::SCHEMAS.iter().map(|schema| schema.provider).chain(["cci_version"]);
                let message = match nearest(&key.text, known) {
                    Some(near) => format!("unknown provider; did you mean \"{near}\"?"),
                    None => "unknown provider".to_owned(),
                };
                self.wrong(key.line, &key.text, message);
                continue;
            };
            self.provider(schema, key, node);
        }
        // The original does not start without it, and templates ask for it.
        if self.catalogue.network("onpremises", "default").is_none() && document.get("onpremises").is_none() {
            self.wrong(document.line, "onpremises", "is missing; write onpremises: {default: {}}");
        }
    }

    fn provider(&mut self, schema: &Schema, key: &Key, node: &Node) {
        let Content::Map(members) = &node.content else {
            let message = format!("{} where networks are expected (default: {{…}})", node.kind());
            return self.wrong(key.line, &key.text, message);
        };
        let mut shown = Map::new();
        for (name, node) in members {
            let place = format!("{}.{}", key.text, name.text);
            let (network, document) = self.network(schema, &place, name, node);
            self.catalogue.networks.entry(key.text.clone()).or_default().insert(name.text.clone(), network);
            shown.insert(name.text.clone(), Value::Object(document));
        }
        if members.is_empty() {
            self.wrong(key.line, &key.text, "no network; write one by the name of default");
        }
        if key.text == "onpremises" && node.get("default").is_none() {
            self.wrong(key.line, "onpremises.default", "is missing; write onpremises: {default: {}}");
        }
        self.catalogue.document.insert(key.text.clone(), Value::Object(shown));
    }

    fn network(
        &mut self,
        schema: &Schema,
        place: &str,
        name: &Key,
        node: &Node,
    ) -> (Network, Map<String, Value>) {
        let (mut network, mut document) = (Network::default(), Map::new());
        let known = || schema.items.iter().chain(SHARED);
        if !matches!(node.content, Content::Map(_)) && !node.is_null() {
            self.wrong(node.line, place, format!("{} where the network's items are expected", node.kind()));
            return (network, document);
        }
        for (key, value) in node.members() {
            let right =
                schema::MISPRINTS.iter().find(|(wrong, _)| *wrong == key.text).map(|(_, right)| *right);
            let is_item = |name: &str| known().any(|item| item.key == name);
            if let Some(right) = right.filter(|right| is_item(right)) {
                self.warn(key.line, &format!("{place}.{}: taken as {right}", key.text));
            }
            let text = right.unwrap_or(&key.text);
            let place = format!("{place}.{}", key.text);
            let Some(item) = known().find(|item| item.key == text) else {
                let source = Source::file(self.path, key.line);
                self.problems.add_unknown(source, &place, known().map(|item| item.key));
                continue;
            };
            if value.is_null() && !item.is_required {
                continue;
            }
            if document.contains_key(item.key) {
                self.wrong(key.line, &place, format!("{} stands twice", item.key));
            }
            if let Some(text) = self.item(item, &place, value) {
                network.values.insert(item.key.to_owned(), text);
            }
            document.insert(item.key.to_owned(), as_json(value));
        }
        for item in schema.items.iter().filter(|item| item.is_required && !document.contains_key(item.key)) {
            self.wrong(name.line, &format!("{place}.{}", item.key), "is missing");
        }
        (network, document)
    }

    /// The value as a text, if it is what the key holds.
    fn item(&mut self, item: &Item, place: &str, node: &Node) -> Option<String> {
        let texts = match &node.content {
            Content::List(items) if item.kind == ItemKind::Texts => items.iter().map(Node::text).collect(),
            Content::Scalar { .. } => node.text().map(|text| vec![text]),
            _ => None,
        };
        let is_line = |text: &&str| !text.is_empty() && !text.chars().any(char::is_control);
        let Some(texts) = texts.filter(|texts| texts.iter().all(is_line)) else {
            let what = if item.kind == ItemKind::Texts { "a text or a list of texts" } else { "a text" };
            self.wrong(node.line, place, format!("{} where {what} is expected", node.kind()));
            return None;
        };
        let text = texts.join(",");
        let wrong = match item.kind {
            ItemKind::Text | ItemKind::Texts => None,
            ItemKind::Known(known) => {
                if !known.contains(&&*text) {
                    self.warn(node.line, &format!("{place}: \"{text}\" is none of {}", known.join(", ")));
                }
                None
            }
            ItemKind::Address => text.parse::<IpAddr>().err().map(|_| "an IP address"),
            ItemKind::Range => text.parse::<IpNet>().err().map(|_| "a network with its mask (172.30.2.0/24)"),
            ItemKind::Prefix => {
                let is_right = text.parse::<u8>().is_ok_and(|len| (1..=32).contains(&len));
                (!is_right).then_some("the length of a prefix (24)")
            }
            ItemKind::Count => {
                (!text.parse::<u32>().is_ok_and(|count| count > 0)).then_some("a whole number of 1 or more")
            }
            ItemKind::Flag => value::boolean(&text).err().map(|_| "true or false"),
            ItemKind::Url => {
                let has_host = ["http://", "https://"]
                    .iter()
                    .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
                (!has_host || text.contains(char::is_whitespace)).then_some("an address of http or https")
            }
        };
        if let Some(what) = wrong {
            self.wrong(node.line, place, format!("\"{text}\" is not {what}"));
            return None;
        }
        Some(text)
    }

    pub(super) fn wrong(&mut self, line: usize, key: &str, message: impl std::fmt::Display) {
        self.problems.add(Source::file(self.path, line), key, message);
    }

    fn warn(&mut self, line: usize, message: &str) {
        self.catalogue.warnings.push(format!("{}: {message}", Source::file(self.path, line)));
    }
}

/// The value in JSON, as YAML types it: what is written without quotes may be a number or a truth value.
fn as_json(node: &Node) -> Value {
    match &node.content {
        Content::List(items) => items.iter().map(as_json).collect(),
        Content::Map(members) => {
            members.iter().map(|(key, node)| (key.text.clone(), as_json(node))).collect::<Map<_, _>>().into()
        }
        Content::Scalar { text, is_quoted: true } => text.expose().into(),
        Content::Scalar { text, .. } => match text.expose() {
            "" | "~" | "null" | "Null" | "NULL" => Value::Null,
            "true" | "True" | "TRUE" => true.into(),
            "false" | "False" | "FALSE" => false.into(),
            // A number with a leading zero, such as an identifier, stays a text.
            text if text.len() > 1 && text.starts_with('0') && !text.contains('.') => text.into(),
            text => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(number), _) => number.into(),
                (_, Ok(number)) if text.contains('.') && number.is_finite() => number.into(),
                _ => text.into(),
            },
        },
    }
}
