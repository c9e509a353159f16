use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use trustkeep_crypto::SecretString;

use super::{Content, DEPTH_MAX, Key, NODES_MAX, Node, SIZE_MAX, TEXT_MAX, YamlError};

/// Reads one document. An empty one is a null.
///
/// # Errors
/// The line and what is wrong there: no YAML, a second document, a key twice, or beyond a bound of this module.
pub(crate) fn read(text: &str) -> Result<Node, YamlError> {
    if text.len() > SIZE_MAX {
        return Err(error(1, format!("longer than {SIZE_MAX} bytes")));
    }
    // The parser takes NUL for the end of the text and would say that all is well.
    if let Some(at) = text.find('\0') {
        let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        return Err(error(line, "a NUL character"));
    }
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|wrong| error(wrong.marker().line().max(1), wrong.info()))?;
        builder.take(event, span.start.line().max(1))?;
    }
    let empty = || Node { line: 1, content: Content::Scalar { text: secret(""), is_quoted: false } };
    Ok(builder.root.unwrap_or_else(empty))
}

const TOO_DEEP: &str = "more than 32 lists and maps within each other";
const _: () = assert!(DEPTH_MAX == 32, "the text says so");

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    bytes: usize,
}

/// A list or map whose end has not come yet.
struct Open {
    line: usize,
    anchor: usize,
    content: Content,
    key: Option<Key>,
    /// The keys so far: looking through the members would take the square of their number.
    keys: BTreeSet<String>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), YamlError> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(error(line, "a second document")),
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = check_tag(tag.as_deref(), line)?;
                let is_quoted = style != ScalarStyle::Plain || is_text;
                let text = SecretString::new(text.into_owned());
                self.finish(Node { line, content: Content::Scalar { text, is_quoted } }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                check_tag(tag.as_deref(), line)?;
                self.open(Content::List(Vec::new()), anchor, line)
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(tag.as_deref(), line)?;
                self.open(Content::Map(Vec::new()), anchor, line)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(mut open) => {
                    merge(&mut open.content);
                    self.finish(Node { line: open.line, content: open.content }, open.anchor)
                }
                None => Err(error(line, "an end without a start")),
            },
            Event::Alias(anchor) => {
                let Some(original) = self.anchors.get(&anchor) else {
                    return Err(error(line, "an alias within what it stands for"));
                };
                // Counted before it is copied: copies of copies grow fast, and deep.
                let (nodes, bytes, depth) = weight(original);
                self.count(nodes.saturating_sub(1), bytes, line)?;
                if self.open.len() + depth > DEPTH_MAX {
                    return Err(error(line, TOO_DEEP));
                }
                let Some(copy) = self.anchors.get(&anchor).map(Node::duplicate) else { return Ok(()) };
                self.finish(Node { line, ..copy }, 0)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, content: Content, anchor: usize, line: usize) -> Result<(), YamlError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(error(line, TOO_DEEP));
        }
        self.open.push(Open { line, anchor, content, key: None, keys: BTreeSet::new() });
        Ok(())
    }

    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        let line = node.line;
        let bytes = match &node.content {
            Content::Scalar { text, .. } => text.len(),
            _ => 0,
        };
        self.count(1, bytes, line)?;
        if anchor > 0 {
            let (nodes, bytes, _) = weight(&node);
            self.count(nodes, bytes, line)?;
            self.anchors.insert(anchor, node.duplicate());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut parent.content, parent.key.take()) {
            (Content::Map(members), Some(key)) => members.push((key, node)),
            (Content::Map(_), None) => {
                let Content::Scalar { text, .. } = &node.content else {
                    return Err(error(line, "a key that is no text"));
                };
                let text = text.expose().to_owned();
                if !parent.keys.insert(text.clone()) {
                    return Err(error(line, format!("the key \"{}\" a second time", shown(&text))));
                }
                parent.key = Some(Key { text, line });
            }
            (Content::List(items), _) => items.push(node),
            (Content::Scalar { .. }, _) => {}
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, bytes: usize, line: usize) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.nodes > NODES_MAX {
            return Err(error(line, format!("more than {NODES_MAX} values")));
        }
        if self.bytes > TEXT_MAX {
            return Err(error(line, format!("more than {TEXT_MAX} bytes of text")));
        }
        Ok(())
    }
}

/// Takes the members of `<<: *other` into the map that says so; what it says itself stands.
fn merge(content: &mut Content) {
    let Content::Map(members) = content else { return };
    let Some(at) = members.iter().position(|(key, _)| key.text == "<<") else { return };
    let (_, merged) = members.remove(at);
    let mut said: BTreeSet<String> = members.iter().map(|(key, _)| key.text.clone()).collect();
    let sources = match merged.content {
        Content::List(items) => items,
        content => vec![Node { line: merged.line, content }],
    };
    for source in sources {
        let Content::Map(more) = source.content else { continue };
        members.extend(more.into_iter().filter(|(key, _)| said.insert(key.text.clone())));
    }
}

/// How many values, how many bytes of text, and how deep.
fn weight(node: &Node) -> (usize, usize, usize) {
    let sum = |all: &mut dyn Iterator<Item = &Node>| {
        let within = all.map(weight).fold((1, 0, 0), |sum: (usize, usize, usize), each| {
            (sum.0 + each.0, sum.1 + each.1, sum.2.max(each.2))
        });
        (within.0, within.1, within.2 + 1)
    };
    match &node.content {
        Content::Scalar { text, .. } => (1, text.len(), 0),
        Content::List(items) => sum(&mut items.iter()),
        Content::Map(members) => sum(&mut members.iter().map(|(_, each)| each)),
    }
}

/// Whether the tag says "text". Tags of programs (`!!python/object`) have no business here.
fn check_tag(tag: Option<&Tag>, line: usize) -> Result<bool, YamlError> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema() && matches!(&*tag.suffix, "str") => Ok(true),
        Some(tag)
            if tag.is_yaml_core_schema()
                && matches!(&*tag.suffix, "int" | "float" | "bool" | "null" | "seq" | "map") =>
        {
            Ok(false)
        }
        Some(tag) => Err(error(line, format!("the tag {}", shown(&tag.to_string())))),
    }
}

fn error(line: usize, message: impl Into<String>) -> YamlError {
    YamlError { line, message: message.into() }
}

fn secret(text: &str) -> SecretString {
    SecretString::new(text.to_owned())
}

/// Long or strange keys are cut in messages.
fn shown(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_document_is_a_tree_with_lines() {
        let node =
            read("\n- unit:\n    a: 1\n    b: ['x', \"y\"]\n    c: |\n      two\n      lines\n    d:\n")
                .unwrap();
        let Content::List(items) = &node.content else { panic!("{node:?}") };
        let unit = items[0].get("unit").unwrap();
        assert_eq!((unit.line, unit.get("a").unwrap().line), (3, 3));
        assert_eq!(unit.get("a").unwrap().text(), Some("1"));
        assert_eq!(unit.get("c").unwrap().text(), Some("two\nlines\n"));
        assert!(unit.get("d").unwrap().is_null());
        let Content::List(items) = &unit.get("b").unwrap().content else { panic!() };
        assert_eq!(items.iter().map(|each| each.text().unwrap()).collect::<Vec<_>>(), ["x", "y"]);
    }

    #[test]
    fn aliases_and_merges_are_followed() {
        let node =
            read("aws: &a\n  default: &d {x: 1, y: 2}\nspot: *a\nthird:\n  default:\n    <<: *d\n    y: 3\n")
                .unwrap();
        assert_eq!(node.get("spot").unwrap().get("default").unwrap().get("x").unwrap().text(), Some("1"));
        let third = node.get("third").unwrap().get("default").unwrap();
        assert_eq!(third.get("x").unwrap().text(), Some("1"));
        assert_eq!(third.get("y").unwrap().text(), Some("3"));
    }

    #[test]
    fn what_is_beyond_a_bound_is_refused_with_its_line() {
        let laughs = (1..20).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, i| {
            let before = format!("*a{}", i - 1);
            text + &format!("a{i}: &a{i} [{}]\n", vec![before; 10].join(", "))
        });
        let cases = [
            (laughs, "more than 50000 values"),
            ("[".repeat(40) + &"]".repeat(40), "more than 32 lists"),
            ("- ".repeat(40), "more than 32 lists"),
            (format!("a: &a {0}{1}\nb: {0}*a{1}", "[".repeat(20), "]".repeat(20)), "more than 32 lists"),
            ("a: &a ".to_owned() + &"x".repeat(900_000) + "\nb: [*a, *a, *a, *a, *a]", "bytes of text"),
            ("x".repeat(SIZE_MAX + 1), "longer than"),
            ("a: 1\nb: 2\na: 3".to_owned(), "line 3: the key \"a\" a second time"),
            ("a: 1\n---\nb: 2".to_owned(), "a second document"),
            ("a: &x [*x]".to_owned(), "alias"),
            ("a: !!python/object:os.system x".to_owned(), "the tag"),
            ("? [a]\n: b".to_owned(), "a key that is no text"),
            ("a: 1\nb: \0".to_owned(), "line 2: a NUL"),
            ("a: [1".to_owned(), "line "),
            ("a: b: c".to_owned(), "line 1"),
        ];
        for (text, expected) in cases {
            let wrong = read(&text).unwrap_err().to_string();
            assert!(wrong.contains(expected), "{wrong} for {}", text.get(..text.len().min(60)).unwrap());
        }
    }

    #[test]
    fn as_many_keys_as_there_may_be_are_read_without_delay() {
        let keys = 24_000;
        let text: String = (0..keys).map(|n| format!("k{n}: \n")).collect();
        assert_eq!(read(&text).unwrap().members().len(), keys);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[-\\[\\]{}:,&*!|>'\"%@`?#a-c0 \n\t]{0,200}") {
            let _ = read(&text);
        }

        #[test]
        fn no_text_at_all_is_too_strange(text in any::<String>()) {
            let _ = read(&text);
        }

        #[test]
        fn what_is_written_is_read_again(text in "[-a-zA-Z0-9:#'\"\\\\ \n\té]{0,40}") {
            let node = Node {
                line: 1,
                content: Content::Map(vec![(Key { text: "k".to_owned(), line: 1 }, Node::scalar(1, &text))]),
            };
            let again = read(&super::super::write(&node)).unwrap();
            let Content::Scalar { text: read, .. } = &again.get("k").unwrap().content else { panic!() };
            prop_assert_eq!(read.expose(), &text);
        }
    }
}
