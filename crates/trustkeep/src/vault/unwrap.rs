//! `vault unwrap`: opens what a one-time token stands for.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::Request;
use super::error::Error;
use super::secret::Secret;
use super::session::Session;

/// Which wrapping token.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault unwrap hvs.CAES…                 open it as the user of the current token\n  \
    VAULT_TOKEN=hvs.CAES… vault unwrap     open it with nothing else")]
pub(crate) struct Args {
    /// Wrapping token; without it, the current token is taken for one
    token: Option<String>,
}

pub(crate) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    let own = session.client.token();
    let given = args.token.as_deref().map(str::trim).unwrap_or_default();
    let request = Request::new(Method::PUT, "sys/wrapping/unwrap");
    let request = if given.is_empty() || given == own {
        request
    } else if own.is_empty() {
        request.token(given)
    } else {
        request.body(json!({"token": given}))
    };
    let opened = session.client.secret(request).await;
    let secret = match opened {
        // Very old wrapping tokens keep the answer in their cubbyhole.
        Err(error) if error.status() == Some(404) => from_cubbyhole(session, given).await,
        other => other,
    };
    match secret.map_err(|error| error.during("Error unwrapping"))? {
        None => session.screen.say("Successfully unwrapped. There was no data in the wrapped secret."),
        Some(secret) if secret.keys().is_some() && session.screen.wanted_field().is_none() => {
            session.screen.list(&secret)
        }
        Some(secret) => session.screen.secret(&secret),
    }
}

async fn from_cubbyhole(session: &Session, given: &str) -> Result<Option<Secret>, Error> {
    let mut request = Request::new(Method::GET, "cubbyhole/response");
    if !given.is_empty() {
        request = request.token(given);
    }
    let unusable =
        || Error::Nothing("the wrapping token is not valid, was used already, or does not exist".to_owned());
    let outer = session.client.secret(request).await;
    let outer = outer.map_err(|error| error.during("error reading \"cubbyhole/response\""))?;
    let outer = outer.ok_or_else(unusable)?;
    let inner = outer.get("response").and_then(Value::as_str).ok_or_else(unusable)?;
    Secret::parse(inner.as_bytes()).map_err(|_| unusable())
}
