//! `vault read`, `write`, `list`, `delete`, `patch`: any path, whatever serves it.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Map, Value};

use super::client::Request;
use super::data;
use super::error::Error;
use super::path;
use super::session::Session;

/// What to read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault read database/creds/readonly        a new, leased database account\n  \
    vault read -field=ttl auth/token/lookup-self\n  \
    vault read -format=raw pki/ca/pem         the bytes as they come")]
pub(crate) struct Read {
    /// Path, without v1/
    path: String,
    /// Parameters of the request
    #[arg(value_name = "KEY=VALUE")]
    data: Vec<String>,
}

/// What to write, and where.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault write auth/approle/role/app token_ttl=1h token_policies=app\n  \
    vault write pki/config/ca pem_bundle=@ca.pem     a value from a file\n  \
    vault write identity/entity @entity.json         all data from a JSON file\n  \
    echo '{\"a\": 1}' | vault write cubbyhole/x -      or from standard input\n  \
    vault write -force transit/keys/app              without data")]
pub(crate) struct Write {
    /// Path, without v1/
    path: String,
    /// Data; KEY=@FILE and KEY=- read a value, @FILE and - read JSON
    #[arg(value_name = "KEY=VALUE")]
    data: Vec<String>,
    /// Go on without any data
    #[arg(long, visible_alias = "f")]
    force: bool,
}

/// What to list.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault list auth/approle/role\n  \
    vault list -format=json sys/policies/acl")]
pub(crate) struct List {
    /// Path, without v1/
    path: String,
}

/// What to delete.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault delete auth/approle/role/app\n  \
    vault delete cubbyhole/note")]
pub(crate) struct Delete {
    /// Path, without v1/
    path: String,
    /// Parameters of the request
    #[arg(value_name = "KEY=VALUE")]
    data: Vec<String>,
}

pub(crate) async fn read(session: &Session, args: Read) -> Result<ExitCode, Error> {
    let path = path::clean(&args.path);
    let query = parameters(data::parse(&args.data, session.non_interactive)?);
    let doing = || format!("Error reading {path}");
    if session.screen.is_raw() && session.screen.wanted_field().is_none() {
        let request = Request::new(Method::GET, path).query(query);
        let bytes = session.client.bytes(request).await.map_err(|error| error.during(doing()))?;
        return session.screen.raw(&bytes);
    }
    match session.client.read(path, query).await.map_err(|error| error.during(doing()))? {
        Some(secret) => session.screen.secret(&secret),
        None => Err(Error::Nothing(format!("No value found at {path}"))),
    }
}

pub(crate) async fn write(session: &Session, args: Write) -> Result<ExitCode, Error> {
    let (path, data) = written(session, &args)?;
    let secret = session
        .client
        .write(path, Value::Object(data))
        .await
        .map_err(|error| error.during(format!("Error writing data to {path}")))?;
    session.wrote(secret.as_ref(), path)
}

pub(crate) async fn patch(session: &Session, args: Write) -> Result<ExitCode, Error> {
    let (path, data) = written(session, &args)?;
    let secret = session
        .client
        .patch(path, Value::Object(data))
        .await
        .map_err(|error| error.during(format!("Error writing data to {path}")))?;
    session.wrote(secret.as_ref(), path)
}

pub(crate) async fn list(session: &Session, args: List) -> Result<ExitCode, Error> {
    let path = path::clean(&args.path);
    let secret =
        session.client.list(path).await.map_err(|error| error.during(format!("Error listing {path}")))?;
    session.listed(secret.as_ref(), path)
}

pub(crate) async fn delete(session: &Session, args: Delete) -> Result<ExitCode, Error> {
    let path = path::clean(&args.path);
    let query = parameters(data::parse(&args.data, session.non_interactive)?);
    let secret = session
        .client
        .delete(path, query)
        .await
        .map_err(|error| error.during(format!("Error deleting {path}")))?;
    session.deleted(secret.as_ref(), path)
}

fn written<'a>(session: &Session, args: &'a Write) -> Result<(&'a str, Map<String, Value>), Error> {
    if args.data.is_empty() && !args.force {
        return Err(Error::Usage("Must supply data or use -force".to_owned()));
    }
    Ok((path::clean(&args.path), data::parse(&args.data, session.non_interactive)?))
}

/// Data as the query of a request; a list repeats its key.
fn parameters(data: Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let mut query = Vec::with_capacity(data.len());
    for (key, value) in data {
        match value {
            Value::Array(values) => query.extend(values.into_iter().map(|value| (key.clone(), text(value)))),
            value => query.push((key, text(value))),
        }
    }
    query
}
