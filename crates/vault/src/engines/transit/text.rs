//! The form of ciphertexts, signatures and codes: `vault:v<version>:<base64>`.

use super::fault::Fault;

/// A text taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    /// The version of the key, as it was written: it may be of no key.
    pub(super) version: i64,
    /// The encoded bytes.
    pub(super) payload: &'a str,
}

impl<'a> Parts<'a> {
    /// Takes a text apart; `what` names it in errors.
    pub(super) fn of(text: &'a str, what: &str) -> Result<Self, Fault> {
        let invalid = |why: &str| Fault::user(format!("invalid {what}: {why}"));
        let rest = text.strip_prefix(PREFIX).ok_or_else(|| invalid("no prefix"))?;
        let (version, payload) = rest.split_once(':').ok_or_else(|| invalid("wrong number of fields"))?;
        let version = version.parse().map_err(|_| invalid("version number could not be decoded"))?;
        Ok(Parts { version, payload })
    }
}

/// A text for encoded bytes.
pub(super) fn join(version: u32, payload: &str) -> String {
    format!("{PREFIX}{version}:{payload}")
}

const PREFIX: &str = "vault:v";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_mistake_has_its_name() {
        for (text, why) in [
            ("", "no prefix"),
            ("vault:1:aa", "no prefix"),
            ("Vault:v1:aa", "no prefix"),
            ("vault:v1", "wrong number of fields"),
            ("vault:vx:aa", "version number could not be decoded"),
            ("vault:v:aa", "version number could not be decoded"),
            ("vault:v99999999999999999999:aa", "version number could not be decoded"),
        ] {
            let fault = Parts::of(text, "ciphertext").unwrap_err();
            assert_eq!(fault, Fault::user(format!("invalid ciphertext: {why}")), "{text}");
        }
        assert_eq!(Parts::of("vault:v-3:a:b", "x").unwrap(), Parts { version: -3, payload: "a:b" });
    }

    proptest! {
        #[test]
        fn what_is_joined_comes_apart(version: u32, payload in "[A-Za-z0-9+/=]{0,40}") {
            let text = join(version, &payload);
            let parts = Parts::of(&text, "ciphertext").unwrap();
            prop_assert_eq!(parts, Parts { version: version.into(), payload: &payload });
        }

        #[test]
        fn junk_is_refused_in_peace(text in ".{0,60}", tail in ".{0,20}") {
            let _ = Parts::of(&text, "ciphertext");
            let _ = Parts::of(&format!("vault:v{tail}"), "ciphertext");
        }
    }
}
