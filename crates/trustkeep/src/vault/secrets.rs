//! `vault secrets`: the engines that keep or make secrets, and where they are.

use std::process::ExitCode;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value};

use super::client::Request;
use super::error::Error;
use super::mount::{self, Making, Tuning};
use super::path;
use super::remount;
use super::session::Session;

/// What to do with secrets engines.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Enable a secrets engine
    #[command(after_help = "Examples:\n  vault secrets enable kv\n  \
        vault secrets enable -path=apps -version=2 kv\n  vault secrets enable -max-lease-ttl=8760h pki")]
    Enable {
        #[command(flatten)]
        making: Making,
        #[command(flatten)]
        tuning: Tuning,
        /// Do not cache what it stores
        #[arg(long)]
        force_no_cache: bool,
        /// Type: kv, kv-v2, transit, pki, ssh, database, totp …
        #[arg(value_name = "TYPE")]
        kind: String,
    },
    /// Disable a secrets engine: its leases are revoked and its data is deleted
    #[command(after_help = "Example:\n  vault secrets disable apps/")]
    Disable {
        /// Where it is
        path: String,
    },
    /// List the secrets engines
    #[command(after_help = "Examples:\n  vault secrets list\n  vault secrets list -detailed\n  \
        vault secrets list -format=json")]
    List {
        /// Show all settings
        #[arg(long)]
        detailed: bool,
    },
    /// Move a secrets engine to another path; its leases are revoked
    #[command(name = "move", after_help = "Example:\n  vault secrets move apps/ old-apps/")]
    Move {
        /// Where it is
        source: String,
        /// Where it shall be
        destination: String,
    },
    /// Change the settings of a secrets engine
    #[command(after_help = "Examples:\n  vault secrets tune -default-lease-ttl=1h database/\n  \
        vault secrets tune -version=2 secret/")]
    Tune {
        #[command(flatten)]
        tuning: Tuning,
        /// Where it is
        path: String,
    },
}

pub(crate) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    match args.command {
        Command::Enable { making, tuning, force_no_cache, kind } => {
            let kind = kind.trim();
            let path = path::mount(making.path.as_deref().unwrap_or(kind));
            let mut config = Map::new();
            if force_no_cache {
                config.insert("force_no_cache".to_owned(), true.into());
            }
            let body = tuning.creation(kind, &making, config);
            send(
                session,
                Method::POST,
                &format!("sys/mounts/{}", path::clean(&path)),
                Some(body),
                "Error enabling",
            )
            .await?;
            session.screen.line(&format!("Success! Enabled the {kind} secrets engine at: {path}"))
        }
        Command::Disable { path } => {
            let path = path::mount(&path);
            let doing = format!("Error disabling secrets engine at {path}");
            send(session, Method::DELETE, &format!("sys/mounts/{}", path::clean(&path)), None, &doing)
                .await?;
            session.screen.line(&format!("Success! Disabled the secrets engine (if it existed) at: {path}"))
        }
        Command::List { detailed } => {
            let request = Request::new(Method::GET, "sys/mounts");
            let mounts =
                session.data(request).await.map_err(|error| error.during("Error listing secrets engines"))?;
            if !session.screen.is_table() {
                return session.screen.structured(&mount::structured(&mounts));
            }
            let simple =
                [("Path", ""), ("Type", "type"), ("Accessor", "accessor"), ("Description", "description")];
            session.screen.line(&mount::list(&mounts, &simple, detailed, false))
        }
        Command::Move { source, destination } => {
            remount::run(session, "secrets engine", &source, &destination).await
        }
        Command::Tune { tuning, path } => {
            let path = path::mount(&path);
            tune(session, &path, tuning.body()).await?;
            session.screen.line(&format!("Success! Tuned the secrets engine at: {path}"))
        }
    }
}

/// Changes the settings of the engine at `path`.
pub(super) async fn tune(session: &Session, path: &str, body: Map<String, Value>) -> Result<(), Error> {
    let doing = format!("Error tuning secrets engine {path}");
    let at = format!("sys/mounts/{}/tune", path::clean(path));
    send(session, Method::POST, &at, Some(Value::Object(body)), &doing).await
}

async fn send(
    session: &Session,
    method: Method,
    path: &str,
    body: Option<Value>,
    doing: &str,
) -> Result<(), Error> {
    let request = Request::new(method, path);
    let request = match body {
        Some(body) => request.body(body),
        None => request,
    };
    session.client.json(request).await.map_err(|error| error.during(doing)).map(|_| ())
}
