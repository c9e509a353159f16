//! JSON merge patch (RFC 7396) over text: values that the patch does not name are copied as they are.

use super::body::{Object, push_field};
use crate::{Error, Result};

/// Levels of a patch; as deep as JSON bodies may be.
const DEPTH_MAX: usize = 128;

/// The object `target` with the object `patch` merged into it. A target that is no object counts as empty.
///
/// # Errors
/// 400 where the patch is no object or is nested too deeply.
pub(super) fn merge_patch(target: &str, patch: &str) -> Result<String> {
    merge(target, patch, 0)
}

fn merge(target: &str, patch: &str, depth: usize) -> Result<String> {
    if depth >= DEPTH_MAX {
        return Err(Error::invalid("the patch is nested too deeply"));
    }
    let patch = Object::parse(patch)?;
    let target = if is_object(target) { Object::parse(target)? } else { Object::parse("{}")? };
    let patches: std::collections::HashMap<&str, &str> =
        patch.fields().iter().map(|(name, value)| (name.as_str(), value.get())).collect();
    let known: std::collections::HashSet<&str> =
        target.fields().iter().map(|(name, _)| name.as_str()).collect();
    let mut out = String::new();
    for (name, value) in target.fields() {
        match patches.get(name.as_str()) {
            None => push_field(&mut out, name, value.get())?,
            Some(&"null") => {}
            Some(patch) if is_object(patch) => {
                push_field(&mut out, name, &merge(value.get(), patch, depth + 1)?)?
            }
            Some(patch) => push_field(&mut out, name, patch)?,
        }
    }
    for (name, value) in patch.fields().iter().filter(|(name, _)| !known.contains(name.as_str())) {
        match value.get() {
            "null" => {}
            value if is_object(value) => push_field(&mut out, name, &merge("{}", value, depth + 1)?)?,
            value => push_field(&mut out, name, value)?,
        }
    }
    if out.is_empty() {
        out.push('{');
    }
    out.push('}');
    Ok(out)
}

fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_7396_hold() {
        for (target, patch, merged) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, r#"{}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            (r#"{}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
            (r#"["a","b"]"#, r#"{"a":1}"#, r#"{"a":1}"#),
            (r#"null"#, r#"{"a":1}"#, r#"{"a":1}"#),
        ] {
            assert_eq!(merge_patch(target, patch).unwrap(), merged, "{target} {patch}");
        }
    }

    #[test]
    fn what_is_not_named_stays_to_the_letter() {
        let merged =
            merge_patch(r#"{"n": 1.10, "o": { "x" : 1e400, "y":2 }, "q\u0022":[ 1 ]}"#, r#"{"o":{"y":3.0}}"#);
        assert_eq!(merged.unwrap(), r#"{"n":1.10,"o":{"x":1e400,"y":3.0},"q\"":[ 1 ]}"#);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        assert!(merge_patch("{}", &nested(100)).is_ok());
        assert_eq!(merge_patch("{}", &nested(1000)).unwrap_err().status(), 400);
    }
}
