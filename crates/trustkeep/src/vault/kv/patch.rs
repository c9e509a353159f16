//! `vault kv patch`.

use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::{Map, Value};

use super::Mount;
use super::rollback::live_version;
use super::target::Target;
use super::write::versioned;
use crate::vault::data;
use crate::vault::error::Error;
use crate::vault::session::Session;

/// Which secret, and what to change.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault kv patch secret/db password=@new.txt\n  \
    vault kv patch -remove-data=old secret/db\n  \
    vault kv patch -method=rw secret/db user=app     for tokens without the capability \"patch\"")]
pub(super) struct Args {
    #[command(flatten)]
    mount: Mount,
    /// Write only if this is the newest version
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    cas: i64,
    /// patch: one request; rw: read, then write. Without it: patch, then rw if that is not allowed
    #[arg(long, value_enum)]
    method: Option<How>,
    /// Key to remove; may be given several times
    #[arg(long, value_name = "KEY")]
    remove_data: Vec<String>,
    /// Path of the secret
    path: String,
    /// Data; KEY=@FILE and KEY=- read a value, @FILE and - read JSON
    #[arg(value_name = "KEY=VALUE")]
    data: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    Patch,
    Rw,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    if args.data.is_empty() && args.remove_data.is_empty() {
        return Err(Error::Usage("Must supply data".to_owned()));
    }
    let mut changes = data::parse(&args.data, session.non_interactive)?;
    // In a merge patch, null removes a key.
    changes.extend(args.remove_data.into_iter().map(|key| (key, Value::Null)));
    let target = Target::find(session, &args.mount, &args.path).await?;
    if !target.versioned {
        return Err(Error::Nothing("K/V engine mount must be version 2 for patch support".to_owned()));
    }
    let at = target.at("data");
    if args.method == Some(How::Rw) {
        return read_then_write(session, &at, changes).await;
    }
    let cas = if args.cas > 0 { args.cas } else { -1 };
    match session.client.patch(&at, versioned(Value::Object(changes.clone()), cas)).await {
        Ok(secret) => super::wrote(session, secret.as_ref(), &at),
        Err(error) if args.method.is_none() && matches!(error.status(), Some(403 | 405)) => {
            if error.status() == Some(403) {
                session.screen.warn(&format!(
                    "The token lacks the capability \"patch\" on {at}: reading and writing instead. \
                     Add it to the policy to change secrets in one step."
                ));
            }
            read_then_write(session, &at, changes).await
        }
        Err(error) => Err(error.during(format!("Error writing data to {at}"))),
    }
}

async fn read_then_write(
    session: &Session,
    at: &str,
    changes: Map<String, Value>,
) -> Result<ExitCode, Error> {
    let live = live_version(session, at, None, "patch").await?;
    let mut data = live.data;
    for (key, value) in changes {
        if value.is_null() {
            data.shift_remove(&key);
        } else {
            data.insert(key, value);
        }
    }
    let body = versioned(Value::Object(data), live.version);
    let secret = session
        .client
        .write(at, body)
        .await
        .map_err(|error| error.during(format!("Error writing data to {at}")))?;
    super::wrote(session, secret.as_ref(), at)
}
