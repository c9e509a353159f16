//! `vault audit`: where the vault writes down who asked for what.

use std::process::ExitCode;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Request;
use super::data;
use super::error::Error;
use super::path;
use super::session::Session;
use super::table;

/// What to do with audit devices.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Enable an audit device. From then on a request that cannot be logged is refused
    #[command(after_help = "Examples:\n  vault audit enable file file_path=/var/log/vault/audit.log\n  \
        vault audit enable -path=collector socket address=127.0.0.1:9090 socket_type=tcp")]
    Enable {
        /// A text for people
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
        /// Where to enable it, if not at its type's name
        #[arg(long, value_name = "PATH")]
        path: Option<String>,
        /// Keep it out of replication
        #[arg(long)]
        local: bool,
        /// Type: file, syslog or socket
        #[arg(value_name = "TYPE")]
        kind: String,
        /// Options of the device
        #[arg(value_name = "KEY=VALUE")]
        options: Vec<String>,
    },
    /// Disable an audit device
    #[command(after_help = "Example:\n  vault audit disable file/")]
    Disable {
        /// Where it is
        path: String,
    },
    /// List the audit devices
    #[command(after_help = "Example:\n  vault audit list -detailed")]
    List {
        /// Show all settings
        #[arg(long)]
        detailed: bool,
    },
}

pub(crate) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    match args.command {
        Command::Enable { description, path, local, kind, options } => {
            let path = path::mount(path.as_deref().unwrap_or(&kind));
            let options = data::parse_text(&options, session.non_interactive)?;
            let at = format!("sys/audit/{}", path::clean(&path));
            let request = Request::new(Method::PUT, &at)
                .body(json!({"type": kind, "description": description, "options": options, "local": local}));
            session
                .client
                .json(request)
                .await
                .map_err(|error| error.during("Error enabling audit device"))?;
            session.screen.line(&format!("Success! Enabled the {kind} audit device at: {path}"))
        }
        Command::Disable { path } => {
            let path = path::mount(&path);
            let at = format!("sys/audit/{}", path::clean(&path));
            let request = Request::new(Method::DELETE, &at);
            session
                .client
                .json(request)
                .await
                .map_err(|error| error.during("Error disabling audit device"))?;
            session.screen.line(&format!("Success! Disabled audit device (if it was enabled) at: {path}"))
        }
        Command::List { detailed } => {
            let request = Request::new(Method::GET, "sys/audit");
            let devices =
                session.data(request).await.map_err(|error| error.during("Error listing audits"))?;
            let mut devices: Vec<(String, Value)> = devices
                .as_object()
                .into_iter()
                .flatten()
                .map(|(path, device)| (path.clone(), device.clone()))
                .collect();
            devices.retain(|(_, device)| device.get("type").is_some());
            devices.sort_unstable_by(|one, other| one.0.cmp(&other.0));
            if !session.screen.is_table() {
                return session.screen.structured(&Value::Object(devices.into_iter().collect()));
            }
            if devices.is_empty() {
                session.screen.line("No audit devices are enabled.")?;
                return Ok(ExitCode::from(2));
            }
            session.screen.line(&shown(&devices, detailed))
        }
    }
}

fn shown(devices: &[(String, Value)], detailed: bool) -> String {
    let mut header = vec!["Path", "Type", "Description"];
    if detailed {
        header.extend(["Replication", "Options"]);
    }
    let rows = devices.iter().map(|(path, device)| {
        let text = |key: &str| device.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut row = vec![path.clone(), text("type"), text("description")];
        if detailed {
            let local = device.get("local").and_then(Value::as_bool).unwrap_or(false);
            row.push(if local { "local" } else { "replicated" }.to_owned());
            let mut options: Vec<String> = device
                .get("options")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(key, value)| format!("{key}={}", table::plain(value)))
                .collect();
            options.sort_unstable();
            row.push(options.join(" "));
        }
        row
    });
    table::table(&header, rows.collect())
}
