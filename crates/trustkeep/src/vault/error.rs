//! Why a command failed, and which exit code says so.

use std::io::Write as _;
use std::process::ExitCode;

use super::transport::Unreachable;

/// A command's failure. No variant carries a token or a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Wrong use, or something on this machine: exit code 1.
    #[error("{0}")]
    Usage(String),
    /// The server answered with an error: exit code 2.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The server was not reached, or not understood: exit code 2.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The same, with what was being done.
    #[error("{doing}: {source}")]
    While {
        /// Such as `Error reading secret/data/db`.
        doing: String,
        /// What happened.
        source: Box<Error>,
    },
    /// The request was right and there is nothing there, or nothing usable: exit code 2.
    #[error("{0}")]
    Nothing(String),
    /// Not a failure: the curl command or the policy that was asked for instead of the request. Exit code 0,
    /// standard output.
    #[error("{0}")]
    Instead(String),
    /// The output could not be written: exit code 1.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

/// An error answer of the server.
#[derive(Debug, thiserror::Error)]
#[error("Error making API request.\n\n{}URL: {method} {url}\nCode: {status}. {}", namespace_line(namespace), explain(errors, raw.as_deref()))]
pub(crate) struct Refusal {
    /// Method of the request.
    pub(crate) method: String,
    /// Address of the request, without its query.
    pub(crate) url: String,
    /// Namespace of the request, if any.
    pub(crate) namespace: Option<String>,
    /// HTTP status.
    pub(crate) status: u16,
    /// The server's messages.
    pub(crate) errors: Vec<String>,
    /// The body, when it was not in the expected form.
    pub(crate) raw: Option<String>,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(Box::new(refusal))
    }
}

impl Error {
    /// Adds what was being done, unless this is no failure.
    pub(crate) fn during(self, doing: impl Into<String>) -> Self {
        match self {
            Error::Refused(_) | Error::Unreachable(_) | Error::While { .. } => {
                Error::While { doing: doing.into(), source: Box::new(self) }
            }
            other => other,
        }
    }

    /// The HTTP status, if the server answered.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Error::Refused(refusal) => Some(refusal.status),
            Error::While { source, .. } => source.status(),
            _ => None,
        }
    }

    /// Turns codes of 2 into 1, for commands that use 2 to say something else.
    pub(crate) fn into_local(self) -> Self {
        match self {
            Error::Refused(_) | Error::Unreachable(_) | Error::While { .. } | Error::Nothing(_) => {
                Error::Usage(self.to_string())
            }
            other => other,
        }
    }

    /// Says it where it belongs and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if let Error::Instead(text) = self {
            return match writeln!(std::io::stdout(), "{text}") {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            };
        }
        // With standard error gone there is nobody left to tell.
        let _ = writeln!(std::io::stderr(), "{self}");
        match self {
            Error::Usage(_) | Error::Output(_) => ExitCode::FAILURE,
            _ => ExitCode::from(2),
        }
    }
}

fn namespace_line(namespace: &Option<String>) -> String {
    namespace.as_ref().map(|namespace| format!("Namespace: {namespace}\n")).unwrap_or_default()
}

fn explain(errors: &[String], raw: Option<&str>) -> String {
    match raw {
        Some(raw) => format!("Raw Message:\n\n{}", raw.trim_end()),
        None => {
            let lines: Vec<String> = errors.iter().map(|error| format!("* {error}")).collect();
            format!("Errors:\n\n{}", lines.join("\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> Refusal {
        Refusal {
            method: "GET".into(),
            url: "http://127.0.0.1:8200/v1/secret/data/db".into(),
            namespace: None,
            status: 403,
            errors: vec!["permission denied".into()],
            raw: None,
        }
    }

    #[test]
    fn a_refusal_reads_as_users_know_it() {
        let error = Error::from(refusal()).during("Error reading secret/data/db");
        assert_eq!(
            error.to_string(),
            "Error reading secret/data/db: Error making API request.\n\n\
             URL: GET http://127.0.0.1:8200/v1/secret/data/db\nCode: 403. Errors:\n\n* permission denied"
        );
        assert_eq!(error.status(), Some(403));
    }

    #[test]
    fn a_body_in_another_form_is_shown_as_it_came() {
        let error = Refusal {
            raw: Some("<html>gateway</html>\n".into()),
            namespace: Some("team/".into()),
            ..refusal()
        };
        let text = error.to_string();
        assert!(text.ends_with("Code: 403. Raw Message:\n\n<html>gateway</html>"), "{text}");
        assert!(text.contains("\n\nNamespace: team/\nURL: GET"), "{text}");
    }
}
