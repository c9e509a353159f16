use super::{Content, Node};

/// Writes a tree as a block of YAML, four spaces a level, as the users' SDK does.
pub(crate) fn write(node: &Node) -> String {
    let mut out = String::new();
    block(node, 0, &mut out);
    out
}

fn block(node: &Node, indent: usize, out: &mut String) {
    match &node.content {
        Content::Map(members) => {
            for (key, value) in members {
                start(indent, out);
                out.push_str(&scalar(&key.text, false));
                out.push(':');
                inner(value, indent + 4, out);
            }
        }
        Content::List(items) => {
            for item in items {
                start(indent, out);
                out.push('-');
                match &item.content {
                    // The one member of `- unit:` stands behind the dash.
                    Content::Map(members) if members.len() == 1 => {
                        for (key, value) in members {
                            out.push(' ');
                            out.push_str(&scalar(&key.text, false));
                            out.push(':');
                            inner(value, indent + 4, out);
                        }
                    }
                    _ => inner(item, indent + 2, out),
                }
            }
        }
        Content::Scalar { .. } => inner(node, indent, out),
    }
}

/// The value behind a key or a dash, with the end of its line.
fn inner(node: &Node, indent: usize, out: &mut String) {
    match &node.content {
        Content::Map(members) if members.is_empty() => out.push_str(" {}\n"),
        Content::List(items) if items.is_empty() => out.push_str(" []\n"),
        Content::Scalar { text, is_quoted } => {
            if !text.is_empty() || *is_quoted {
                out.push(' ');
                out.push_str(&scalar(text.expose(), *is_quoted));
            }
            out.push('\n');
        }
        _ => {
            out.push('\n');
            block(node, indent, out);
        }
    }
}

fn start(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Plain where it cannot be mistaken, else in double quotes: a text of JSON is one of YAML.
fn scalar(text: &str, is_quoted: bool) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:=+,@*-".contains(c);
    let is_safe = text.chars().all(is_plain)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/' || c == '_')
        && !text.ends_with(':')
        && !matches!(text, "null" | "Null" | "NULL" | "None");
    // What was quoted and looks like a number stays quoted, so that it stays a text.
    let is_number = text.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok();
    if is_safe && !(is_quoted && is_number) {
        text.to_owned()
    } else {
        serde_json::Value::String(text.to_owned()).to_string()
    }
}
