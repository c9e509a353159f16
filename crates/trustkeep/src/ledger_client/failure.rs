//! How a command fails, and what is printed then.

use std::io::Write as _;
use std::process::ExitCode;

use trustkeep_contract::json::{Json, object};
use trustkeep_scalar_rpc::Error;

use super::output;

/// What a command comes to.
pub(super) type Outcome = Result<ExitCode, Failure>;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Refused or failed by what was asked of the servers: printed as JSON.
    Refused {
        /// The code and the sentence.
        error: Error,
        /// Whether the sentence goes to standard error as well (`--stacktrace`).
        traced: bool,
    },
    /// Wrong on this side: configuration, arguments, files.
    Local(String),
    /// Standard output is gone.
    Output(std::io::Error),
}

impl Failure {
    /// Something that the original raises before it asks anybody.
    pub(super) fn local(error: &Error) -> Self {
        Self::Local(error.message.clone())
    }

    /// Prints it; the exit code is 1.
    ///
    /// # Errors
    /// If nothing can be printed.
    pub(super) fn report(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Refused { error, traced } => {
                output::print(&as_json(&error))?;
                if traced {
                    writeln!(std::io::stderr(), "{}: {error}", error.code.name())?;
                }
            }
            Self::Local(sentence) => writeln!(std::io::stderr(), "{sentence}")?,
            // Whoever reads it has seen enough.
            Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            Self::Output(error) => return Err(error.into()),
        }
        Ok(ExitCode::FAILURE)
    }
}

/// `{"status_code","error_message"}`.
pub(super) fn as_json(error: &Error) -> Json {
    object([("status_code", error.code.name().into()), ("error_message", error.message.as_str().into())])
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // What the original's client raises as a wrong argument is no answer of a server.
        if error.message.starts_with("DL-CLIENT-414") {
            Self::local(&error)
        } else {
            Self::Refused { error, traced: false }
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}
