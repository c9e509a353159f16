//! `vault lease`: secrets with an end, and their lifetimes.

use std::process::ExitCode;

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::client::Request;
use super::duration::GoDuration;
use super::error::Error;
use super::path;
use super::session::Session;

/// What to do with leases.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show when a lease was made and when it ends
    #[command(after_help = "Example:\n  vault lease lookup database/creds/readonly/2f6a614c")]
    Lookup {
        /// Lease ID
        id: String,
    },
    /// Let a lease live longer
    #[command(after_help = "Example:\n  vault lease renew -increment=1h database/creds/readonly/2f6a614c")]
    Renew {
        /// How long it shall live from now on, as far as its limits allow
        #[arg(long, value_name = "TTL")]
        increment: Option<GoDuration>,
        /// Lease ID
        id: String,
    },
    /// End a lease, or all below a prefix
    #[command(after_help = "Examples:\n  vault lease revoke database/creds/readonly/2f6a614c\n  \
        vault lease revoke -prefix database/creds\n  \
        vault lease revoke -force -prefix database/creds     forget them even if the database is gone")]
    Revoke {
        /// Forget leases even if what they stand for cannot be removed; with -prefix
        #[arg(long)]
        force: bool,
        /// Treat the ID as a prefix
        #[arg(long)]
        prefix: bool,
        /// Return only when it is done
        #[arg(long)]
        sync: bool,
        /// Lease ID or prefix
        id: String,
    },
}

pub(crate) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    match args.command {
        Command::Lookup { id } => {
            let id = id.trim();
            let secret = session
                .client
                .write("sys/leases/lookup", json!({"lease_id": id}))
                .await
                .map_err(|error| error.during(format!("error looking up lease id {id}")))?;
            session.wrote(secret.as_ref(), "sys/leases/lookup")
        }
        Command::Renew { increment, id } => {
            let id = id.trim();
            let mut body = json!({"lease_id": id});
            if let (Some(increment), Some(body)) = (increment, body.as_object_mut()) {
                body.insert("increment".to_owned(), increment.whole_seconds().into());
            }
            let secret = session
                .client
                .write("sys/leases/renew", body)
                .await
                .map_err(|error| error.during(format!("Error renewing {id}")))?;
            session.wrote(secret.as_ref(), "sys/leases/renew")
        }
        Command::Revoke { force, prefix, sync, id } => {
            revoke(session, path::clean(&id), force, prefix, sync).await
        }
    }
}

async fn revoke(
    session: &Session,
    id: &str,
    force: bool,
    prefix: bool,
    sync: bool,
) -> Result<ExitCode, Error> {
    let (at, body, doing, done) = match (force, prefix) {
        (true, false) => {
            return Err(Error::Usage("Specifying -force requires also specifying -prefix".to_owned()));
        }
        (true, true) => {
            session.screen.warn(
                "Warning! Force-removing leases can leave accounts and keys behind in other systems, valid and \
                 unknown to the vault!",
            );
            (
                format!("sys/leases/revoke-force/{id}"),
                json!({}),
                format!("Error force revoking leases with prefix {id}"),
                Some(format!("Success! Force revoked any leases with prefix: {id}")),
            )
        }
        (false, true) => (
            format!("sys/leases/revoke-prefix/{id}"),
            json!({"sync": sync}),
            format!("Error revoking leases with prefix {id}"),
            sync.then(|| format!("Success! Revoked any leases with prefix: {id}")),
        ),
        (false, false) => (
            format!("sys/leases/revoke/{id}"),
            json!({"sync": sync}),
            format!("Error revoking lease {id}"),
            sync.then(|| format!("Success! Revoked lease: {id}")),
        ),
    };
    session
        .client
        .json(Request::new(Method::PUT, &at).body(body))
        .await
        .map_err(|error| error.during(doing))?;
    session.screen.line(done.as_deref().unwrap_or("All revocation operations queued successfully!"))
}
