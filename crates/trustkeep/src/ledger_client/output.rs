//! What is printed: JSON as Jackson indents it.

use std::io::{self, Write as _};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use trustkeep_contract::json::{Json, object, write_string};
use trustkeep_scalar_client::Validation;
use trustkeep_scalar_rpc::messages::AssetProof;

/// Prints `{"status_code":"OK","output":…}`.
pub(super) fn done(output: Json) -> io::Result<ExitCode> {
    print(&object([("status_code", "OK".into()), ("output", output)]))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints what a validation came to.
pub(super) fn validation(validation: &Validation) -> io::Result<()> {
    print(&object([
        ("status_code", validation.code.name().into()),
        ("Ledger", proof(validation.ledger_proof.as_ref())),
        ("Auditor", proof(validation.auditor_proof.as_ref())),
    ]))
}

/// Prints one value.
pub(super) fn print(json: &Json) -> io::Result<()> {
    let mut text = String::new();
    indent(json, 0, &mut text);
    line(&text)
}

/// Prints one line.
pub(super) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

fn proof(proof: Option<&AssetProof>) -> Json {
    let Some(proof) = proof else { return Json::Null };
    let namespace = if proof.namespace.is_empty() { "default" } else { &proof.namespace };
    object([
        ("namespace", namespace.into()),
        ("id", proof.asset_id.as_str().into()),
        ("age", proof.age.into()),
        ("nonce", proof.nonce.as_str().into()),
        ("hash", STANDARD.encode(&proof.hash).into()),
        ("signature", STANDARD.encode(&proof.signature).into()),
    ])
}

/// Objects on lines of their own, arrays on the line.
fn indent(json: &Json, level: usize, out: &mut String) {
    match json {
        Json::Object(members) if members.is_empty() => out.push_str("{ }"),
        Json::Array(elements) if elements.is_empty() => out.push_str("[ ]"),
        Json::Object(members) => {
            let inner = "  ".repeat(level + 1);
            for (index, (name, value)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "{\n" } else { ",\n" });
                out.push_str(&inner);
                write_string(name, out);
                out.push_str(" : ");
                indent(value, level + 1, out);
            }
            out.push('\n');
            out.push_str(&"  ".repeat(level));
            out.push('}');
        }
        Json::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                out.push_str(if index == 0 { "[ " } else { ", " });
                indent(element, level, out);
            }
            out.push_str(" ]");
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_as_jackson_does_it() -> Result<(), trustkeep_contract::json::JsonError> {
        let json = r#"{"a":[],"b":{},"c":[1,"x"],"d":[{"e":1},{"f":[{"g":null}]}],"h":"\"ä"}"#;
        let mut text = String::new();
        indent(&Json::parse(json)?, 0, &mut text);
        let expected = "{\n  \"a\" : [ ],\n  \"b\" : { },\n  \"c\" : [ 1, \"x\" ],\n  \"d\" : [ {\n    \
            \"e\" : 1\n  }, {\n    \"f\" : [ {\n      \"g\" : null\n    } ]\n  } ],\n  \"h\" : \"\\\"ä\"\n}";
        assert_eq!(text, expected);
        Ok(())
    }
}
