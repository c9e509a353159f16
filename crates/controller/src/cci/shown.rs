//! A document as it is shown again: without what must not be read by others.

use super::schema::{Param, ParamKind};
use crate::yaml::{Content, Key, Node, write};

/// What stands in the place of a secret.
const MASK: &str = "********";

/// Words in the name of a variable that make its value one not to show. Public keys are shown.
const SECRET_WORDS: [&str; 6] = ["KEY", "SECRET", "PASS", "TOKEN", "CREDENTIAL", "PRIVATE"];
const PUBLIC_NAMES: [&str; 1] = ["AUTHORIZED_KEYS"];

/// Writes the members of a unit as a document `- unit:`. References to the vault stay; literal credentials, secret-looking environment and the
/// script (by its size) go.
pub(super) fn unit(members: &[(Key, Node)], params: &[Param]) -> String {
    let shown = members.iter().map(|(key, node)| {
        let node = match key.text.as_str() {
            "cloud_params" => masked(node, |key, node| {
                let is_secret =
                    params.iter().any(|each| each.key == key && each.kind == ParamKind::Credential);
                let is_literal = node.text().is_some_and(|text| !text.starts_with("vault://"));
                if is_secret && is_literal { Node::scalar(node.line, MASK) } else { node.duplicate() }
            }),
            "params" => {
                masked(node, |key, node| if key == "e" { environment(node) } else { node.duplicate() })
            }
            "user_init_command" => match node.text() {
                Some(text) => Node::scalar(node.line, &format!("({} bytes)", text.len())),
                None => node.duplicate(),
            },
            _ => node.duplicate(),
        };
        (key.clone(), node)
    });
    let unit = Node { line: 1, content: Content::Map(shown.collect()) };
    let key = Key { text: "unit".to_owned(), line: 1 };
    let item = Node { line: 1, content: Content::Map(vec![(key, unit)]) };
    write(&Node { line: 1, content: Content::List(vec![item]) })
}

fn masked(node: &Node, each: impl Fn(&str, &Node) -> Node) -> Node {
    match &node.content {
        Content::Map(members) => Node {
            line: node.line,
            content: Content::Map(
                members.iter().map(|(key, node)| (key.clone(), each(&key.text, node))).collect(),
            ),
        },
        _ => node.duplicate(),
    }
}

fn environment(node: &Node) -> Node {
    let entry = |node: &Node| match node.text().and_then(|text| text.split_once('=')) {
        Some((name, _)) if is_secret_name(name) => Node::scalar(node.line, &format!("{name}={MASK}")),
        _ => node.duplicate(),
    };
    match &node.content {
        Content::List(items) => {
            Node { line: node.line, content: Content::List(items.iter().map(entry).collect()) }
        }
        _ => entry(node),
    }
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    !PUBLIC_NAMES.contains(&name.as_str()) && SECRET_WORDS.iter().any(|word| name.contains(word))
}
