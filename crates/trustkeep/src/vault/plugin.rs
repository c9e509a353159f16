//! `vault plugin`: which secrets engines, auth methods and databases the server knows.

use std::process::ExitCode;

use clap::Subcommand;
use reqwest::Method;
use serde_json::Value;

use super::client::Request;
use super::error::Error;
use super::path;
use super::session::Session;
use super::table;

/// What to do with plugins. All of this server's are built in.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List them
    #[command(after_help = "Examples:\n  vault plugin list\n  vault plugin list secret")]
    List {
        /// auth, database or secret; without it, all
        #[arg(value_name = "TYPE")]
        kind: Option<String>,
    },
    /// Show one
    #[command(after_help = "Example:\n  vault plugin info secret kv")]
    Info {
        /// auth, database or secret
        #[arg(value_name = "TYPE")]
        kind: String,
        /// Name of the plugin
        name: String,
    },
}

pub(crate) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    match args.command {
        Command::List { kind } => list(session, kind.as_deref().map(path::clean)).await,
        Command::Info { kind, name } => {
            let at = format!("sys/plugins/catalog/{}/{}", path::clean(&kind), path::clean(&name));
            let data = session.data(Request::new(Method::GET, &at)).await;
            let data = data.map_err(|error| error.during(format!("Error reading plugin named {name}")))?;
            match data.as_object() {
                Some(map) => session.screen.object(map),
                None => Err(Error::Nothing(format!("No plugin named {name}"))),
            }
        }
    }
}

async fn list(session: &Session, kind: Option<&str>) -> Result<ExitCode, Error> {
    let data = session.data(Request::new(Method::GET, "sys/plugins/catalog")).await;
    let data = data.map_err(|error| error.during("Error listing available plugins"))?;
    if !session.screen.is_table() {
        return session.screen.structured(&data);
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    for plugin in data.get("detailed").and_then(Value::as_array).into_iter().flatten() {
        let cell = |name: &str| plugin.get(name).map(table::plain).unwrap_or_default();
        if kind.is_none_or(|kind| kind == cell("type")) {
            rows.push(vec![cell("name"), cell("type"), cell("version")]);
        }
    }
    rows.sort();
    session.screen.line(&table::table(&["Name", "Type", "Version"], rows))
}
