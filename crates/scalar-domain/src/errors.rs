//! Failures that both domains answer, with the numbers and texts of the original (`CommonError` of Scalar DL 3.14).

use std::fmt::Display;

use trustkeep_scalar_rpc::{Error, StatusCode};
use trustkeep_store::Error as StoreError;

/// A way to use the store, with what the original says when it fails.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// `COMMON`, `LEDGER` or `AUDITOR`.
    pub component: &'static str,
    /// What failed, as a sentence without its end: `Getting the certificate failed`.
    pub text: &'static str,
    /// The number within 500, DATABASE_ERROR.
    pub database: u32,
    /// The number within 504, CONFLICT; 0 if the original has none.
    pub conflict: u32,
}

impl Access {
    /// An access of `COMMON`, where conflicts have no number.
    #[must_use]
    pub const fn common(database: u32, text: &'static str) -> Self {
        Self { component: "COMMON", text, database, conflict: 0 }
    }

    /// What a failure of the store is answered with: 504 where trying again may help, 501 where nobody knows whether
    /// it was written, 305 for what is damaged, 414 for what the store cannot hold, else 500.
    #[must_use]
    pub fn error(&self, error: &StoreError) -> Error {
        let Self { component, text, database, conflict } = *self;
        match error {
            StoreError::Conflict { .. } if conflict == 0 => {
                Error::new(StatusCode::Conflict, format!("{text} due to a conflict. Details: {error}"))
            }
            StoreError::Conflict { .. } => {
                let text = format!("{text} due to a conflict. Details: {error}");
                Error::numbered(StatusCode::Conflict, component, conflict, text)
            }
            StoreError::OutcomeUnknown(_) => Error::numbered(
                StatusCode::UnknownTransactionStatus,
                "LEDGER",
                1,
                format!("The asset status is unknown. Details: {text}: {error}"),
            ),
            StoreError::Corrupt(_) => unexpected_record(error),
            StoreError::Limit { .. } | StoreError::Invalid(_) => {
                invalid(format!("The request does not fit the database. Details: {error}"))
            }
            StoreError::Schema(_) | StoreError::Denied(_) | StoreError::Unavailable(_) => Error::numbered(
                StatusCode::DatabaseError,
                component,
                database,
                format!("{text}. Details: {error}"),
            ),
        }
    }
}

/// 305 (DL-COMMON-305001): a record that nobody could have written.
pub fn unexpected_record(details: impl Display) -> Error {
    Error::numbered(
        StatusCode::InconsistentStates,
        "COMMON",
        1,
        format!(
            "An unexpected record value is observed. A bug might exist, or tampering might have occurred. Details: {details}"
        ),
    )
}

/// 414: a value that is not accepted; the sentence names the field.
pub fn invalid(text: impl Into<String>) -> Error {
    Error::new(StatusCode::InvalidArgument, text)
}

/// 414 (DL-COMMON-414019).
#[must_use]
pub fn invalid_namespace(namespace: &str) -> Error {
    Error::numbered(
        StatusCode::InvalidArgument,
        "COMMON",
        19,
        format!("The namespace name is invalid. Name: {namespace}"),
    )
}

/// 417 (DL-COMMON-417001).
#[must_use]
pub fn namespace_not_found(namespace: &str) -> Error {
    Error::numbered(
        StatusCode::NamespaceNotFound,
        "COMMON",
        1,
        format!("The specified namespace is not found. Namespace: {namespace}"),
    )
}

/// 407 (DL-COMMON-407001).
#[must_use]
pub fn namespace_not_allowed(namespace: &str, context_namespace: &str) -> Error {
    Error::numbered(
        StatusCode::InvalidRequest,
        "COMMON",
        1,
        format!(
            "Accessing the specified namespace is not allowed. Namespace: {namespace}, context namespace: {context_namespace}"
        ),
    )
}

/// 502 (DL-COMMON-502003), with the field's name.
#[must_use]
pub fn field_missing(field: &str) -> Error {
    Error::numbered(
        StatusCode::RuntimeError,
        "COMMON",
        3,
        format!("The required fields are not specified. Field: {field}"),
    )
}

/// 400 (DL-COMMON-400003).
#[must_use]
pub fn request_signature() -> Error {
    Error::numbered(StatusCode::InvalidSignature, "COMMON", 3, "The request signature can't be validated.")
}

/// 302 (DL-COMMON-302002).
#[must_use]
pub fn contract_validation_failed() -> Error {
    Error::numbered(
        StatusCode::InvalidContract,
        "COMMON",
        2,
        "Contract validation failed. A bug might exist, or tampering might have occurred.",
    )
}

/// 404 (DL-COMMON-404001).
#[must_use]
pub fn contract_not_found() -> Error {
    Error::numbered(StatusCode::ContractNotFound, "COMMON", 1, "The specified contract is not found.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustkeep_store::Key;

    #[test]
    fn each_failure_of_a_store_has_its_code() {
        let access = Access { component: "LEDGER", text: "Retrieving failed", database: 8, conflict: 2 };
        let conflict = StoreError::Conflict { table: "scalar.asset".into(), key: Key::of("a") };
        for (error, message) in [
            (conflict, "DL-LEDGER-504002: Retrieving failed due to a conflict. Details: "),
            (StoreError::Unavailable("gone".into()), "DL-LEDGER-500008: Retrieving failed. Details: "),
            (StoreError::Denied("no".into()), "DL-LEDGER-500008: "),
            (StoreError::OutcomeUnknown("who knows".into()), "DL-LEDGER-501001: "),
            (StoreError::Corrupt("bits".into()), "DL-COMMON-305001: "),
        ] {
            let answer = access.error(&error);
            assert!(answer.message.starts_with(message), "{answer}");
            assert!(answer.message.contains(&answer.code.number().to_string()), "{answer}");
        }
        let answer = access.error(&StoreError::Invalid("x".into()));
        assert_eq!(answer.code, StatusCode::InvalidArgument);
    }
}
