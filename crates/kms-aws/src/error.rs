use trustkeep_aws::{Error as AwsError, ServiceError};
use trustkeep_crypto::kms::Error;

/// What AWS answered to an operation on a key, in the words of the KMS contract.
pub(crate) fn map(error: AwsError, operation: &str, key: &str, region: &str) -> Error {
    match error {
        AwsError::Service(error) => service(&error, operation, key, region),
        AwsError::Credentials { .. } => Error::Credentials { detail: error.to_string() },
        AwsError::Region { .. } => Error::Parameter { parameter: "region".into(), detail: error.to_string() },
        AwsError::Setting { parameter, reason } => {
            Error::Parameter { parameter: parameter.into(), detail: reason }
        }
        other => Error::Unavailable { detail: other.to_string() },
    }
}

/// The codes are those of the KMS API reference (Encrypt, Decrypt, DescribeKey, common errors).
fn service(error: &ServiceError, operation: &str, key: &str, region: &str) -> Error {
    let detail = error.to_string();
    let key = key.to_owned();
    match error.code.as_str() {
        _ if error.is_throttling() => Error::Throttled { detail },
        _ if error.is_access_denied() => {
            Error::AccessDenied { permission: format!("kms:{operation}"), key, detail }
        }
        _ if error.is_bad_credentials() => Error::Credentials { detail },
        "NotFoundException" => Error::NotFound { key, detail: format!("in region {region}; {detail}") },
        "DisabledException" | "KMSInvalidStateException" => Error::Disabled { key, detail },
        "InvalidCiphertextException" | "IncorrectKeyException" => Error::InvalidCiphertext { key },
        "InvalidArnException" | "InvalidKeyUsageException" | "ValidationException" => {
            Error::Parameter { parameter: "kms_key_id".into(), detail }
        }
        // An operation that the endpoint does not know, a redirect, …: the endpoint is not KMS.
        _ if error.status < 500
            && !matches!(error.code.as_str(), "KeyUnavailableException" | "KMSInternalException") =>
        {
            Error::Parameter { parameter: "endpoint".into(), detail }
        }
        _ => Error::Unavailable { detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_kind() {
        let map = |status, code: &str| {
            let error = ServiceError {
                service: "kms".into(),
                status,
                code: code.into(),
                message: "m".into(),
                request_id: None,
                hint: None,
            };
            service(&error, "Decrypt", "alias/a", "eu-west-1")
        };
        let denied = map(400, "AccessDeniedException").to_string();
        assert!(denied.starts_with("no permission kms:Decrypt on KMS key alias/a: "), "{denied}");
        let missing = map(400, "NotFoundException").to_string();
        assert!(missing.starts_with("KMS key alias/a was not found: in region eu-west-1; "), "{missing}");
        assert!(matches!(map(400, "DisabledException"), Error::Disabled { .. }));
        assert!(matches!(map(400, "KMSInvalidStateException"), Error::Disabled { .. }));
        assert!(matches!(map(400, "InvalidCiphertextException"), Error::InvalidCiphertext { .. }));
        assert!(matches!(map(400, "IncorrectKeyException"), Error::InvalidCiphertext { .. }));
        assert!(matches!(map(400, "ThrottlingException"), Error::Throttled { .. }));
        assert!(matches!(map(400, "UnrecognizedClientException"), Error::Credentials { .. }));
        assert!(matches!(map(400, "ExpiredTokenException"), Error::Credentials { .. }));
        assert!(matches!(map(403, "SignatureDoesNotMatch"), Error::Credentials { .. }));
        assert!(matches!(map(400, "InvalidArnException"), Error::Parameter { .. }));
        assert!(matches!(map(404, ""), Error::Parameter { .. }));
        for (status, code) in [(500, "KMSInternalException"), (500, "KeyUnavailableException"), (503, "")] {
            assert!(map(status, code).is_transient(), "{code}");
        }
        assert!(map(500, "DependencyTimeoutException").is_transient());
    }
}
