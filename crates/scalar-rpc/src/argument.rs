//! How a contract's argument travels: in one text with the nonce, and since V2 the ids of functions.
//!
//! | Version | Text |
//! | --- | --- |
//! | V1 | a JSON object with the member `nonce`, and perhaps `_functions_` |
//! | V2 | `V2` 0x01 nonce 0x03 ids, 0x02 between them, 0x03 argument |
//! | V3 | `V3` 0x01 nonce 0x03 context namespace 0x03 ids 0x03 argument |

use std::borrow::Cow;

use serde::Deserialize;

use crate::status::{Error, Result};

const VERSION_END: char = '\u{1}';
const ID_END: char = '\u{2}';
const PART_END: char = '\u{3}';

/// An argument taken apart. The text that was signed is kept by whoever has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument<'a> {
    /// The nonce, which is the transaction's id; may be empty here, which a server refuses.
    pub nonce: Cow<'a, str>,
    /// V3 only: the context namespace that the client meant, `default` spelt out.
    pub context_namespace: Option<&'a str>,
    /// The functions to execute after the contract, in order.
    pub function_ids: Vec<Cow<'a, str>>,
    /// What the contract sees: the last part, or all of V1.
    pub contract_argument: &'a str,
}

impl<'a> Argument<'a> {
    /// Takes a formatted argument apart.
    ///
    /// # Errors
    /// 502 with DL-COMMON-414017, as the original answers, if it is none of the three forms.
    pub fn parse(text: &'a str) -> Result<Self> {
        let Some(versioned) = text.strip_prefix('V') else { return Self::parse_json(text) };
        let (version, rest) = versioned.split_once(VERSION_END).ok_or_else(illegal)?;
        let parts: Vec<_> = rest.split(PART_END).collect();
        let (nonce, context_namespace, ids, contract_argument) = match (version, parts.as_slice()) {
            ("2", [nonce, ids, argument]) => (*nonce, None, *ids, *argument),
            ("3", [nonce, namespace, ids, argument]) => (*nonce, Some(*namespace), *ids, *argument),
            _ => return Err(illegal()),
        };
        if nonce.contains(VERSION_END) {
            return Err(illegal());
        }
        let function_ids = ids.split(ID_END).filter(|id| !id.is_empty()).map(Cow::Borrowed).collect();
        Ok(Self { nonce: Cow::Borrowed(nonce), context_namespace, function_ids, contract_argument })
    }

    fn parse_json(text: &'a str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Members<'a> {
            #[serde(borrow)]
            nonce: Cow<'a, str>,
            #[serde(borrow, default, rename = "_functions_")]
            functions: Vec<Cow<'a, str>>,
        }
        let members: Members<'a> = serde_json::from_str(text).map_err(|_| illegal())?;
        Ok(Self {
            nonce: members.nonce,
            context_namespace: None,
            function_ids: members.functions,
            contract_argument: text,
        })
    }
}

/// Puts an argument together in the newest form, V3; an empty namespace is `default`.
///
/// # Errors
/// 502 with DL-COMMON-414017 if a part holds a control character that would tear the form.
pub fn format(
    contract_argument: &str,
    nonce: &str,
    context_namespace: &str,
    function_ids: &[&str],
) -> Result<String> {
    let namespace = if context_namespace.is_empty() { "default" } else { context_namespace };
    let torn = |text: &str| text.contains([VERSION_END, ID_END, PART_END]);
    if torn(nonce)
        || torn(namespace)
        || contract_argument.contains(PART_END)
        || function_ids.iter().any(|id| torn(id))
    {
        return Err(illegal());
    }
    let ids = function_ids.join("\u{2}");
    Ok(format!("V3{VERSION_END}{nonce}{PART_END}{namespace}{PART_END}{ids}{PART_END}{contract_argument}"))
}

fn illegal() -> Error {
    Error::runtime("DL-COMMON-414017: The argument format is illegal.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_taken_apart() -> Result<()> {
        let first = Argument::parse(r#"{"asset":"a","nonce":"n","_functions_":["f"]}"#)?;
        assert_eq!((&*first.nonce, first.function_ids.as_slice()), ("n", &[Cow::Borrowed("f")][..]));
        assert!(first.contract_argument.starts_with('{'));
        let second = Argument::parse("V2\u{1}n\u{3}f\u{2}g\u{3}{}")?;
        assert_eq!((&*second.nonce, second.function_ids.len(), second.contract_argument), ("n", 2, "{}"));
        let text = format("{}", "n", "", &["f", "g"])?;
        assert_eq!(text, "V3\u{1}n\u{3}default\u{3}f\u{2}g\u{3}{}");
        let third = Argument::parse(&text)?;
        assert_eq!((third.context_namespace, third.function_ids.len()), (Some("default"), 2));
        Ok(())
    }

    #[test]
    fn other_forms_are_refused_by_number() {
        for text in [
            "",
            "V",
            "V2",
            "V4\u{1}n\u{3}\u{3}\u{3}x",
            "V2\u{1}n\u{3}x",
            "V3\u{1}n\u{3}\u{3}x",
            "{}",
            "[1]",
            "V2\u{1}n\u{1}m\u{3}\u{3}x",
        ] {
            let refused = Argument::parse(text).unwrap_err();
            assert_eq!(refused.code.number(), 502, "{text:?}");
            assert!(refused.message.starts_with("DL-COMMON-414017"), "{refused}");
        }
        assert!(format("a\u{3}b", "n", "", &[]).is_err());
    }
}
