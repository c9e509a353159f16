//! What is wrong with a statement, in the original's words and numbers.

use trustkeep_scalar_rpc::{Error, StatusCode};

pub(super) fn numbered(id: u32, text: &str) -> Error {
    Error::numbered(StatusCode::InvalidArgument, "TABLE-STORE", id, text)
}

/// Something of a statement that could be, and is not.
pub(super) fn syntax(id: u32, text: &str) -> Error {
    numbered(id, &format!("Syntax error. {text}"))
}

/// A clause of SQL that TableStore does not have.
pub(super) fn unsupported(id: u32, clause: &str) -> Error {
    syntax(id, &format!("The specified {clause} is not supported."))
}

pub(super) fn invalid_statement() -> Error {
    syntax(6, "The specified statement is invalid.")
}

pub(super) fn invalid_expression(shown: &str) -> Error {
    syntax(7, &format!("The specified expression is invalid. Expression: {shown}"))
}

pub(super) fn invalid_column(shown: &str) -> Error {
    syntax(11, &format!("The specified column is invalid. Column: {shown}"))
}
