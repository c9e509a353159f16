//! `vault kv`: key/value secrets. Whether a mount keeps versions is asked of the server before each command.

mod get;
mod metadata;
mod patch;
mod rollback;
mod target;
mod versions;
mod write;

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::error::Error;
use super::secret::Secret;
use super::session::Session;
use super::{path, secrets, table};
use target::Target;

/// What to do with key/value secrets.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read a secret
    Get(get::Args),
    /// Write a secret as a whole; with versions, as a new version
    Put(write::Args),
    /// Change some keys of a secret and leave the others (version 2)
    Patch(patch::Args),
    /// Delete a secret, or versions of it; with versions, it can be undeleted
    Delete(versions::Delete),
    /// Bring deleted versions back (version 2)
    Undelete(versions::Versions),
    /// Remove versions for good (version 2)
    Destroy(versions::Versions),
    /// List the secrets below a path
    #[command(after_help = "Examples:\n  vault kv list secret/\n  vault kv list -mount=secret apps")]
    List {
        #[command(flatten)]
        mount: Mount,
        /// Path of a folder
        path: Option<String>,
    },
    /// Make an old version the newest one (version 2)
    Rollback(rollback::Args),
    /// Read and change what is known about a secret and its versions (version 2)
    Metadata(metadata::Args),
    /// Turn a mount of version 1 into version 2
    #[command(name = "enable-versioning", after_help = "Example:\n  vault kv enable-versioning secret/")]
    EnableVersioning {
        /// Where the engine is mounted
        path: String,
    },
}

/// Where the engine is mounted, if not said by the first part of the path.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Mount {
    /// Where the engine is mounted; the path is then below it
    #[arg(long, value_name = "PATH")]
    mount: Option<String>,
}

pub(crate) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    match args.command {
        Command::Get(args) => get::run(session, args).await,
        Command::Put(args) => write::run(session, args).await,
        Command::Patch(args) => patch::run(session, args).await,
        Command::Delete(args) => versions::delete(session, args).await,
        Command::Undelete(args) => versions::undelete(session, args).await,
        Command::Destroy(args) => versions::destroy(session, args).await,
        Command::List { mount, path } => list(session, &mount, path.as_deref()).await,
        Command::Rollback(args) => rollback::run(session, args).await,
        Command::Metadata(args) => metadata::run(session, args).await,
        Command::EnableVersioning { path } => {
            let path = path::mount(&path);
            let body: Map<String, Value> =
                json!({"options": {"version": "2"}}).as_object().cloned().unwrap_or_default();
            secrets::tune(session, &path, body).await?;
            session.screen.line(&format!("Success! Tuned the secrets engine at: {path}"))
        }
    }
}

async fn list(session: &Session, mount: &Mount, path: Option<&str>) -> Result<ExitCode, Error> {
    if path.is_none() && mount.mount.is_none() {
        return Err(Error::Usage("Not enough arguments: a path, or -mount, is needed".to_owned()));
    }
    let target = Target::find(session, mount, path.unwrap_or_default()).await?;
    let at = target.at("metadata");
    let secret =
        session.client.list(&at).await.map_err(|error| error.during(format!("Error listing {at}")))?;
    session.listed(secret.as_ref(), &at)
}

/// After a write of a version: the path and the new version's metadata, or what was asked for.
fn wrote(session: &Session, secret: Option<&Secret>, at: &str) -> Result<ExitCode, Error> {
    let screen = &session.screen;
    match secret.and_then(|secret| Some((secret, secret.data()?))) {
        Some((secret, data))
            if secret.wrap_info().is_none() && screen.is_table() && screen.wanted_field().is_none() =>
        {
            screen.warnings(secret);
            show_path(session, "Secret Path", at)?;
            screen.line(&table::banner_above("Metadata", data))?;
            screen.object(data)
        }
        _ => session.wrote(secret, at),
    }
}

/// `====== Secret Path ======`, the path, an empty line.
fn show_path(session: &Session, title: &str, at: &str) -> Result<ExitCode, Error> {
    session.screen.line(&format!("{}\n{at}\n", table::banner(title, at.chars().count())))
}

fn needs_versions(target: &Target, what: &str) -> Result<(), Error> {
    if target.versioned {
        return Ok(());
    }
    Err(Error::Usage(format!("{what} not supported on KV Version 1")))
}

/// Version numbers from `-versions=1,2 -versions=3`.
fn numbers(versions: &[String]) -> Result<Vec<u64>, Error> {
    versions
        .iter()
        .flat_map(|versions| versions.split(','))
        .map(str::trim)
        .filter(|version| !version.is_empty())
        .map(|version| {
            version
                .parse()
                .map_err(|_| Error::Usage(format!("-versions: \"{version}\" is not the number of a version")))
        })
        .collect()
}
