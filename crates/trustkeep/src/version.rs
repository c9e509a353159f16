//! What this build calls itself.

/// The Vault release whose interface the vault service and the `vault` commands keep to.
pub(crate) const VAULT_LEVEL: &str = "1.14.8";

const COMMIT: &str = env!("TRUSTKEEP_COMMIT");
const BUILD_TIME: &str = env!("TRUSTKEEP_BUILD_TIME");

/// The line of `vault -version`. Scripts and client libraries take its second word for the level.
pub(crate) fn vault() -> String {
    format!("Vault v{VAULT_LEVEL} ({COMMIT}), built {BUILD_TIME}")
}

/// The ACA-Py release whose options and answers the agent keeps to, unless it is told otherwise.
const ACA_PY_LEVEL: &str = "0.7.3";

/// The line of `aca-py --version`. Scripts take its first word.
pub(crate) fn aca_py() -> String {
    format!("{ACA_PY_LEVEL} (Trustkeep {}, {COMMIT})", env!("CARGO_PKG_VERSION"))
}

/// The text of `trustkeep --version`, after the program's name.
pub(crate) const TRUSTKEEP: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("TRUSTKEEP_COMMIT"),
    "), built ",
    env!("TRUSTKEEP_BUILD_TIME")
);

#[cfg(test)]
mod tests {
    #[test]
    fn the_second_word_is_the_level_as_scripts_read_it() {
        let line = super::vault();
        assert_eq!(line.split(' ').nth(1), Some("v1.14.8"));
        assert!(line.contains("), built "), "{line}");
    }
}
