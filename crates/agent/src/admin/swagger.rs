//! The document of the API (Swagger 2.0), written from the table of routes.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::check::Check;
use super::field::{Field, Kind, Shape};
use super::route::Route;

/// The document.
pub(super) fn document(routes: &[Route], title: &str, asks_for_key: bool) -> Value {
    let (mut paths, mut definitions) = (Map::new(), Map::new());
    for route in routes {
        let operation = operation(route, &mut definitions);
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(route.method.to_ascii_lowercase(), operation);
        }
    }
    let tags: BTreeSet<&str> = routes.iter().map(|route| route.tag).collect();
    let mut document = json!({
        "swagger": "2.0",
        "info": {"title": title, "version": format!("v{}", env!("CARGO_PKG_VERSION"))},
        "tags": tags.iter().map(|tag| json!({"name": tag})).collect::<Vec<_>>(),
        "paths": paths,
        "definitions": definitions,
    });
    if asks_for_key && let Some(members) = document.as_object_mut() {
        let key = json!({"ApiKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-KEY"}});
        members.insert("securityDefinitions".to_owned(), key);
        members.insert("security".to_owned(), json!([{"ApiKeyHeader": []}]));
    }
    document
}

fn operation(route: &Route, definitions: &mut Map<String, Value>) -> Value {
    let in_path = route.path_names().map(|name| {
        json!({"in": "path", "name": name, "required": true, "type": "string", "description": words(name)})
    });
    let mut parameters: Vec<Value> = in_path.collect();
    parameters.extend(route.query.iter().map(parameter));
    if let Some(shape) = route.body {
        define(shape, definitions);
        let is_required = shape.fields.iter().any(|field| field.is_required);
        parameters
            .push(json!({"in": "body", "name": "body", "required": is_required, "schema": reference(shape)}));
    }
    let schema = match route.result {
        Some(shape) => {
            define(shape, definitions);
            reference(shape)
        }
        None => json!({"type": "object"}),
    };
    json!({
        "tags": [route.tag],
        "summary": route.summary,
        "produces": ["application/json"],
        "parameters": parameters,
        "responses": { route.status.as_str(): {"description": "", "schema": schema} },
    })
}

fn parameter(field: &Field) -> Value {
    let mut parameter = schema(field.kind, &mut Map::new());
    if let Some(members) = parameter.as_object_mut() {
        members.insert("in".to_owned(), "query".into());
        members.insert("name".to_owned(), field.name.into());
        members.insert("required".to_owned(), field.is_required.into());
        members.insert("description".to_owned(), field.about.into());
    }
    parameter
}

fn define(shape: &Shape, definitions: &mut Map<String, Value>) {
    if definitions.contains_key(shape.name) {
        return;
    }
    // Its place is taken first: a shape may hold itself.
    definitions.insert(shape.name.to_owned(), Value::Null);
    let mut properties = Map::new();
    for field in shape.fields {
        let mut property = schema(field.kind, definitions);
        if let Some(members) = property.as_object_mut()
            && !members.contains_key("$ref")
        {
            members.insert("description".to_owned(), field.about.into());
            if field.is_nullable {
                members.insert("x-nullable".to_owned(), true.into());
            }
        }
        properties.insert(field.name.to_owned(), property);
    }
    let required = shape.fields.iter().filter(|field| field.is_required).map(|field| field.name);
    let required: Vec<&str> = required.collect();
    let mut definition = json!({"type": "object", "properties": properties});
    if !required.is_empty()
        && let Some(members) = definition.as_object_mut()
    {
        members.insert("required".to_owned(), required.into());
    }
    definitions.insert(shape.name.to_owned(), definition);
}

fn schema(kind: Kind, definitions: &mut Map<String, Value>) -> Value {
    match kind {
        Kind::Text(check) => text(check),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Number { least, most: i64::MAX } => json!({"type": "integer", "minimum": least}),
        Kind::Number { least, most } => json!({"type": "integer", "minimum": least, "maximum": most}),
        Kind::Map => json!({"type": "object", "additionalProperties": {}}),
        Kind::Any | Kind::Service => json!({}),
        Kind::List(inner) => json!({"type": "array", "items": schema(*inner, definitions)}),
        Kind::Object(shape) => {
            define(shape, definitions);
            reference(shape)
        }
    }
}

fn text(check: Check) -> Value {
    let mut text = Map::from_iter([("type".to_owned(), "string".into())]);
    if let Check::OneOf(choices) | Check::Among(choices) = check {
        text.insert("enum".to_owned(), choices.into());
    }
    if let Some(pattern) = check.pattern() {
        text.insert("pattern".to_owned(), pattern.into());
    }
    if let Some(example) = check.example() {
        text.insert("example".to_owned(), example.into());
    }
    text.into()
}

fn reference(shape: &Shape) -> Value {
    json!({"$ref": format!("#/definitions/{}", shape.name)})
}

fn words(name: &str) -> &'static str {
    match name {
        "conn_id" => "Connection identifier",
        "did" => "DID",
        "invi_msg_id" => "Invitation message identifier",
        "mediation_id" => "Mediation record identifier",
        "multikey" => "Multikey of the key pair",
        _ => "Identifier",
    }
}
