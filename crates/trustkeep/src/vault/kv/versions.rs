//! `vault kv delete`, `undelete`, `destroy`.

use std::process::ExitCode;

use serde_json::json;

use super::target::Target;
use super::{Mount, needs_versions, numbers};
use crate::vault::error::Error;
use crate::vault::session::Session;

/// Which secret, and perhaps which versions.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault kv delete secret/db                   the newest version\n  \
    vault kv delete -versions=3,4 secret/db\n\n\
    `vault kv metadata delete` removes all versions and the history.")]
pub(super) struct Delete {
    #[command(flatten)]
    mount: Mount,
    /// Versions to delete, the newest if not given (version 2)
    #[arg(long, value_name = "N,N")]
    versions: Vec<String>,
    /// Path of the secret
    path: String,
}

/// Which versions of which secret.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault kv undelete -versions=3 secret/db\n  \
    vault kv destroy -versions=1,2 secret/db")]
pub(super) struct Versions {
    #[command(flatten)]
    mount: Mount,
    /// Numbers of the versions
    #[arg(long, value_name = "N,N")]
    versions: Vec<String>,
    /// Path of the secret
    path: String,
}

pub(super) async fn delete(session: &Session, args: Delete) -> Result<ExitCode, Error> {
    let versions = numbers(&args.versions)?;
    let target = Target::find(session, &args.mount, &args.path).await?;
    let at = target.at("data");
    let secret = if versions.is_empty() {
        session.client.delete(&at, Vec::new()).await
    } else {
        needs_versions(&target, "-versions is")?;
        session.client.write(&target.at("delete"), json!({"versions": versions})).await
    };
    let secret = secret.map_err(|error| error.during(format!("Error deleting {at}")))?;
    session.deleted(secret.as_ref(), &at)
}

pub(super) async fn undelete(session: &Session, args: Versions) -> Result<ExitCode, Error> {
    act(session, args, "undelete", "Undelete").await
}

pub(super) async fn destroy(session: &Session, args: Versions) -> Result<ExitCode, Error> {
    act(session, args, "destroy", "Destroy").await
}

async fn act(session: &Session, args: Versions, part: &str, what: &str) -> Result<ExitCode, Error> {
    let versions = numbers(&args.versions)?;
    if versions.is_empty() {
        return Err(Error::Usage(format!(
            "No versions provided, use the \"-versions\" flag to specify the version to {part}."
        )));
    }
    let target = Target::find(session, &args.mount, &args.path).await?;
    needs_versions(&target, what)?;
    let at = target.at(part);
    let secret = session
        .client
        .write(&at, json!({"versions": versions}))
        .await
        .map_err(|error| error.during(format!("Error writing data to {at}")))?;
    session.wrote(secret.as_ref(), &at)
}
