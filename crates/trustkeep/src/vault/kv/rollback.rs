//! `vault kv rollback`.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Map, Value};

use super::Mount;
use super::target::Target;
use super::write::versioned;
use crate::vault::client::Request;
use crate::vault::error::Error;
use crate::vault::session::Session;

/// Which secret, back to which version.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  vault kv rollback -version=2 secret/db     version 2 again, as a new version"
)]
pub(super) struct Args {
    #[command(flatten)]
    mount: Mount,
    /// Version to bring back
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    version: Option<u64>,
    /// Path of the secret
    path: String,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    let Some(version) = args.version else {
        return Err(Error::Usage("Version flag must be specified".to_owned()));
    };
    let target = Target::find(session, &args.mount, &args.path).await?;
    if !target.versioned {
        return Err(Error::Nothing("K/V engine mount must be version 2 for rollback support".to_owned()));
    }
    let at = target.at("data");
    let newest = newest_version(session, &at).await?;
    let old = live_version(session, &at, Some(version), "rollback").await?;
    // The check makes a write in between fail instead of being lost.
    let body = versioned(Value::Object(old.data), newest);
    let secret = session
        .client
        .write(&at, body)
        .await
        .map_err(|error| error.during(format!("Error writing data to {at}")))?;
    session.wrote(secret.as_ref(), &at)
}

/// A version that can be read.
pub(super) struct Live {
    pub(super) version: i64,
    pub(super) data: Map<String, Value>,
}

/// Reads `version` (the newest if `None`), which must be neither deleted nor destroyed.
pub(super) async fn live_version(
    session: &Session,
    at: &str,
    version: Option<u64>,
    what: &str,
) -> Result<Live, Error> {
    let (number, metadata, data) = read(session, at, version).await?;
    if metadata.get("deletion_time").and_then(Value::as_str).is_some_and(|time| !time.is_empty()) {
        return Err(Error::Nothing(format!("Cannot {what} with a version that has been deleted")));
    }
    if metadata.get("destroyed").and_then(Value::as_bool) == Some(true) {
        return Err(Error::Nothing(format!("Cannot {what} with a version that has been destroyed")));
    }
    match data {
        Some(data) => Ok(Live { version: number, data }),
        None => Err(Error::Nothing(format!("No data found at {at}; {what} only works on existing data"))),
    }
}

/// The number of the newest version, deleted or not.
async fn newest_version(session: &Session, at: &str) -> Result<i64, Error> {
    read(session, at, None).await.map(|(number, _, _)| number)
}

type Version = (i64, Map<String, Value>, Option<Map<String, Value>>);

async fn read(session: &Session, at: &str, version: Option<u64>) -> Result<Version, Error> {
    let query = version.map(|version| vec![("version".to_owned(), version.to_string())]).unwrap_or_default();
    let request = Request::new(Method::GET, at).query(query).preparatory();
    let doing = format!("Error doing pre-read at {at}");
    let secret = session.client.secret(request).await.map_err(|error| error.during(doing))?;
    let mut answer = secret
        .filter(super::Secret::has_data)
        .ok_or_else(|| Error::Nothing(format!("No value found at {at}")))?
        .into_data();
    let metadata = match answer.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        _ => return Err(Error::Nothing(format!("No metadata found at {at}"))),
    };
    let number = metadata
        .get("version")
        .and_then(Value::as_i64)
        .ok_or_else(|| Error::Nothing(format!("No version found at {at}")))?;
    let data = match answer.remove("data") {
        Some(Value::Object(data)) => Some(data),
        _ => None,
    };
    Ok((number, metadata, data))
}
