//! `vault path-help`: what a path is for, as the server explains it.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::Value;

use super::client::Request;
use super::error::Error;
use super::path;
use super::session::Session;

/// Which path.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  vault path-help secret/\n  vault path-help auth/token/create")]
pub(crate) struct Args {
    /// Path, without v1/
    path: String,
}

pub(crate) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    let path = path::clean(&args.path);
    let request = Request::new(Method::GET, path).query(vec![("help".to_owned(), "1".to_owned())]);
    let help = session.data(request).await.map_err(|error| {
        if error.to_string().contains("Vault is sealed") {
            return Error::Nothing(
                "Error: Vault is sealed. Help needs mounted engines: unseal it first.".to_owned(),
            );
        }
        error.during("Error retrieving help")
    })?;
    if !session.screen.is_table() {
        return session.screen.structured(help.get("openapi").unwrap_or(&help));
    }
    match help.get("help").and_then(Value::as_str) {
        Some(text) => session.screen.line(text.trim_end()),
        None => Err(Error::Nothing(format!("No help for {path}"))),
    }
}
