//! The OpenAPI 3 document (`hashicorp/vault: sdk/framework/openapi.go`).

use serde_json::{Map, Value, json};

use super::{Field, Kind, PathHelp};
use crate::VAULT_VERSION;
use crate::request::Operation;

/// A document in the making.
#[derive(Debug)]
pub struct Document {
    paths: Map<String, Value>,
}

/// How the paths of a mount are named in the document.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'m> {
    mount: &'m str,
    kind: &'m str,
    tag: &'m str,
    is_literal: bool,
}

impl<'m> Naming<'m> {
    /// `mount` is its full path with the trailing `/`, `kind` its engine, `tag` is `secrets`, `auth` or `system`.
    /// Unless `is_literal`, a parameter `<kind>_mount_path` stands in place of the mount's own path.
    pub fn new(mount: &'m str, kind: &'m str, tag: &'m str, is_literal: bool) -> Self {
        Naming { mount, kind, tag, is_literal }
    }

    fn parameter(&self) -> Option<String> {
        (!self.is_literal).then(|| format!("{}_mount_path", self.kind.replace('-', "_")))
    }

    fn path(&self, pattern: &str) -> String {
        let mount = match self.parameter() {
            Some(name) if self.tag == "auth" => format!("auth/{{{name}}}/"),
            Some(name) => format!("{{{name}}}/"),
            None => self.mount.to_owned(),
        };
        format!("/{mount}{}", pattern.replace("*}", "}"))
    }
}

impl Document {
    /// Without paths.
    pub fn new() -> Self {
        Document { paths: Map::new() }
    }

    /// Adds the paths of a mount.
    pub fn add(&mut self, naming: &Naming<'_>, paths: &[PathHelp]) {
        for path in paths {
            self.paths.entry(naming.path(path.pattern)).or_insert_with(|| item(naming, path));
        }
    }

    /// The whole document.
    pub fn finish(self) -> Value {
        json!({
            "openapi": "3.0.2",
            "info": {
                "title": "HashiCorp Vault API",
                "description": "HTTP API that gives you full access to Vault. All API routes are prefixed with `/v1/`.",
                "version": VAULT_VERSION,
                "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
            },
            "paths": self.paths,
            "components": { "schemas": {} },
        })
    }
}

impl Default for Document {
    fn default() -> Self {
        Self::new()
    }
}

fn item(naming: &Naming<'_>, path: &PathHelp) -> Value {
    let mut item = Map::new();
    item.insert("description".into(), path.synopsis.into());
    let mut parameters: Vec<Value> = path
        .parameters()
        .map(|name| {
            json!({
                "name": name, "in": "path", "required": true, "description": "A part of the path.",
                "schema": { "type": "string" },
            })
        })
        .collect();
    if let Some(name) = naming.parameter() {
        parameters.push(json!({
            "name": name, "in": "path", "required": true, "description": "Path that the backend was mounted at",
            "schema": { "type": "string", "default": naming.mount.trim_start_matches("auth/").trim_end_matches('/') },
        }));
    }
    if !parameters.is_empty() {
        item.insert("parameters".into(), parameters.into());
    }
    if path.needs_sudo {
        item.insert("x-vault-sudo".into(), true.into());
    }
    if path.is_public {
        item.insert("x-vault-unauthenticated".into(), true.into());
    }
    if path.operations.contains(&Operation::Create) {
        item.insert("x-vault-createSupported".into(), true.into());
    }
    for (operation, verb) in [
        (Operation::Read, "get"),
        (Operation::List, "get"),
        (Operation::Update, "post"),
        (Operation::Patch, "patch"),
        (Operation::Delete, "delete"),
    ] {
        if path.operations.contains(&operation) && !item.contains_key(verb) {
            let described = describe(naming, path, operation);
            item.insert(verb.into(), described);
        }
    }
    Value::Object(item)
}

fn describe(naming: &Naming<'_>, path: &PathHelp, operation: Operation) -> Value {
    let verb = match operation {
        Operation::Read => "read",
        Operation::List => "list",
        Operation::Patch => "patch",
        Operation::Delete => "delete",
        _ => "write",
    };
    let words = |text: &str| -> String {
        let clean: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        clean.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
    };
    let place = if naming.is_literal { naming.mount } else { naming.kind };
    let id = words(&format!("{place}-{verb}-{}", path.pattern));
    let mut described = json!({ "summary": path.synopsis, "operationId": id, "tags": [naming.tag] });
    let Some(map) = described.as_object_mut() else { return described };
    let mut query: Vec<Value> = Vec::new();
    if operation == Operation::List
        || (operation == Operation::Read && path.operations.contains(&Operation::List))
    {
        let is_needed = operation == Operation::List;
        query.push(json!({
            "name": "list", "in": "query", "required": is_needed, "description": "Must be set to `true` to list",
            "schema": { "type": "string", "enum": ["true"] },
        }));
    }
    match operation {
        Operation::Update | Operation::Patch if !path.fields.is_empty() => {
            let media = if operation == Operation::Patch {
                "application/merge-patch+json"
            } else {
                "application/json"
            };
            let properties: Map<_, _> =
                path.fields.iter().map(|field| (field.name.to_owned(), schema(field))).collect();
            let content = json!({ media: { "schema": { "type": "object", "properties": properties } } });
            map.insert("requestBody".into(), json!({ "required": true, "content": content }));
        }
        Operation::Read if !path.operations.contains(&Operation::Update) => {
            query.extend(path.fields.iter().map(|field| {
                json!({
                    "name": field.name, "in": "query", "description": field.meaning, "schema": schema(field),
                })
            }));
        }
        _ => {}
    }
    if !query.is_empty() {
        map.insert("parameters".into(), query.into());
    }
    let responses = if operation == Operation::Delete {
        json!({ "204": { "description": "empty body" } })
    } else {
        json!({ "200": { "description": "OK" } })
    };
    map.insert("responses".into(), responses);
    described
}

fn schema(field: &Field) -> Value {
    let mut schema = match field.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Int => json!({ "type": "integer" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Seconds => json!({ "type": "string", "format": "duration" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Map => json!({ "type": "object" }),
    };
    if let Some(map) = schema.as_object_mut() {
        map.insert("description".into(), field.meaning.into());
    }
    schema
}
