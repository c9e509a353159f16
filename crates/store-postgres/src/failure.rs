//! What the driver's errors mean.

use tokio_postgres::error::{Severity, SqlState};
use trustkeep_store::Error;

/// Translates a driver's error. `rights` and `object` name what a refused role lacks.
///
/// The server's message is passed on, its detail is not: that may hold values.
pub(crate) fn translate(error: &tokio_postgres::Error, rights: &str, object: &str) -> Error {
    let Some(db) = error.as_db_error() else {
        let cause = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
        return Error::Unavailable(format!("PostgreSQL: {error}{cause}"));
    };
    let message = db.message();
    match db.code() {
        code if [
            SqlState::UNDEFINED_TABLE,
            SqlState::INVALID_SCHEMA_NAME,
            SqlState::UNDEFINED_COLUMN,
            SqlState::INVALID_CATALOG_NAME,
            SqlState::RESERVED_NAME,
            SqlState::DATATYPE_MISMATCH,
            SqlState::UNDEFINED_FUNCTION,
            SqlState::INVALID_COLUMN_REFERENCE,
        ]
        .contains(code) =>
        {
            Error::Schema(format!("{object}: {message}; run `trustkeep schema`"))
        }
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            Error::Denied(format!("{message}; the role needs {rights} on {object}"))
        }
        code if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION]
            .contains(code) =>
        {
            Error::Denied(format!("PostgreSQL refused the login: {message}"))
        }
        code if [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code) => {
            Error::Corrupt(format!("{object}: {message}"))
        }
        code if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
            Error::Unavailable(format!("this PostgreSQL server takes no writes: {message}"))
        }
        code => Error::Unavailable(format!("PostgreSQL: {message} ({})", code.code())),
    }
}

/// Whether the connection is gone, so that a new one may help.
pub(crate) fn is_broken(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        None => true,
        Some(db) => matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic)),
    }
}

/// Whether the server undid a transaction for reasons that another try may not meet.
pub(crate) fn is_passing(error: &tokio_postgres::Error) -> bool {
    let passing = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| passing.contains(code))
}

/// Whether the failure is the server's own or time ran out, so that parts of a group would fare no better. Memory
/// is not meant: a smaller part may find enough.
pub(crate) fn is_of_server(error: &tokio_postgres::Error) -> bool {
    let classes = ["08", "53", "57", "58", "XX"];
    let of_server = |code: &SqlState| classes.iter().any(|class| code.code().starts_with(class));
    error.code().is_some_and(|code| of_server(code) && *code != SqlState::OUT_OF_MEMORY)
}

/// Whether prepared statements no longer fit what the tables have become.
pub(crate) fn is_stale_plan(error: &tokio_postgres::Error) -> bool {
    let stale =
        [SqlState::FEATURE_NOT_SUPPORTED, SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::UNDEFINED_TABLE];
    error.code().is_some_and(|code| stale.contains(code))
}
