use trustkeep_crypto::kms::Error;

/// What the other vault answered to an operation on a key, in the words of the KMS contract.
pub(crate) fn map(status: u16, messages: &[String], operation: &str, path: &str, key: &str) -> Error {
    let said = messages.join("; ").replace(['\n', '\t'], " ");
    let detail = format!("status {status}: {}", said.trim());
    let key = key.to_owned();
    let has = |text: &str| said.contains(text);
    match status {
        403 if has("permission denied") && has("1 error occurred") => Error::AccessDenied {
            permission: format!(
                "update on {path} (policy: path \"{path}\" {{ capabilities = [\"update\"] }})"
            ),
            key,
            detail,
        },
        403 => Error::Credentials {
            detail: format!("{detail}; the token is missing, wrong or has ended, or lacks update on {path}"),
        },
        400 if has("encryption key not found") => Error::NotFound { key, detail },
        400 if operation == "decrypt"
            && (has("cipher") || has("ciphertext") || has("decrypt") || has("message authentication")) =>
        {
            Error::InvalidCiphertext { key }
        }
        404 => Error::NotFound {
            key,
            detail: format!("{detail}; is a transit engine mounted there? check mount_path and namespace"),
        },
        429 => Error::Throttled { detail },
        400..=499 => Error::Parameter { parameter: "key_name".into(), detail },
        _ => Error::Unavailable { detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_kind() {
        let map = |status, text: &str| map(status, &[text.to_owned()], "decrypt", "transit/decrypt/k", "k");
        let denied = map(403, "1 error occurred:\n\t* permission denied\n\n");
        assert!(denied.to_string().contains("path \"transit/decrypt/k\""), "{denied}");
        assert!(matches!(map(403, "permission denied"), Error::Credentials { .. }));
        assert!(matches!(map(400, "encryption key not found"), Error::NotFound { .. }));
        assert!(matches!(map(400, "cipher: message authentication failed"), Error::InvalidCiphertext { .. }));
        assert!(matches!(map(404, "no handler for route"), Error::NotFound { .. }));
        assert!(matches!(map(400, "other"), Error::Parameter { .. }));
        assert!(map(503, "Vault is sealed").is_transient());
        assert!(map(429, "quota").is_transient());
    }
}
