//! `vault operator`: a vault's life, for those who run it.

mod generate_root;
mod init;
mod rekey;

use std::process::ExitCode;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::Request;
use super::error::Error;
use super::session::Session;
use super::{input, status, table};

/// What to do with the vault.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Initialise a new vault: makes its keys and the first root token
    Init(init::Args),
    /// Give one key share to a sealed vault; with enough of them it opens
    #[command(
        after_help = "Examples:\n  vault operator unseal            asks for a share, without echo\n  \
        vault operator unseal -reset     forget the shares given so far\n  \
        vault operator unseal -migrate   to the seal of the configuration, each holder\n  \
        vault operator unseal -break-glass             the key service is lost: break-glass shares\n  \
        vault operator unseal -break-glass -migrate    the same, and to the seal of the configuration"
    )]
    Unseal {
        /// Forget the shares given so far
        #[arg(long)]
        reset: bool,
        /// Migrate to the seal of the configuration
        #[arg(long)]
        migrate: bool,
        /// The share is a break-glass share: opens a vault whose key service is lost
        #[arg(long)]
        break_glass: bool,
        /// Key share; better leave it out and be asked
        key: Option<String>,
    },
    /// Seal the vault: it forgets its key and serves nobody until it is unsealed
    #[command(after_help = "Example:\n  vault operator seal")]
    Seal,
    /// Show which encryption key is in use since when
    #[command(name = "key-status", after_help = "Example:\n  vault operator key-status")]
    KeyStatus,
    /// Make a new encryption key for what is written from now on
    #[command(after_help = "Example:\n  vault operator rotate")]
    Rotate,
    /// Make the active node a standby
    #[command(name = "step-down", after_help = "Example:\n  vault operator step-down")]
    StepDown,
    /// List the nodes of the cluster
    #[command(after_help = "Example:\n  vault operator members")]
    Members,
    /// Not here: servers on another storage are moved over their interface
    #[command(hide = true, disable_help_flag = true, after_help = "Example: none")]
    Migrate(Absent),
    /// Not here: `vault server` says at its start what is wrong with a configuration
    #[command(hide = true, disable_help_flag = true, after_help = "Example: none")]
    Diagnose(Absent),
    /// Not here: there is no raft storage
    #[command(hide = true, disable_help_flag = true, after_help = "Example: none")]
    Raft(Absent),
    /// Make a new root token with a quorum of key shares
    #[command(name = "generate-root")]
    GenerateRoot(generate_root::Args),
    /// Make new key shares with a quorum of the old ones
    Rekey(rekey::Args),
}

/// Whatever is given to a command that other servers of the family have.
#[derive(Debug, clap::Args)]
struct Absent {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _words: Vec<String>,
}

fn absent(why: &str) -> Result<ExitCode, Error> {
    Err(Error::Usage(why.to_owned()))
}

pub(crate) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    match args.command {
        Command::Init(args) => init::run(session, args).await,
        Command::Unseal { reset, migrate, break_glass, key } => {
            unseal(session, reset, (migrate, break_glass), key).await
        }
        Command::Seal => {
            let request = Request::new(Method::PUT, "sys/seal");
            session.client.json(request).await.map_err(|error| error.during("Error sealing"))?;
            session.screen.line("Success! Vault is sealed.")
        }
        Command::KeyStatus => key_status(session, false).await,
        Command::Rotate => {
            let request = Request::new(Method::PUT, "sys/rotate");
            session.client.json(request).await.map_err(|error| error.during("Error rotating key"))?;
            key_status(session, true).await
        }
        Command::StepDown => {
            let request = Request::new(Method::PUT, "sys/step-down");
            session.client.json(request).await.map_err(|error| error.during("Error stepping down"))?;
            session.screen.line(&format!("Success! Stepped down: {}", session.client.address()))
        }
        Command::Members => members(session).await,
        Command::Migrate(_) => absent(
            "operator migrate is not supported: copy the data over the interface of both servers \
             (docs/migrate-from-vault.md)",
        ),
        Command::Diagnose(_) => absent(
            "operator diagnose is not supported: `vault server` checks its configuration, storage and seal at its \
             start, and says what is wrong",
        ),
        Command::Raft(_) => absent("raft storage is not in use"),
        Command::GenerateRoot(args) => generate_root::run(session, args).await,
        Command::Rekey(args) => rekey::run(session, args).await,
    }
}

async fn unseal(
    session: &Session,
    reset: bool,
    (migrate, break_glass): (bool, bool),
    key: Option<String>,
) -> Result<ExitCode, Error> {
    let body = if reset {
        json!({"reset": true})
    } else {
        let key = match key {
            Some(key) => zeroize::Zeroizing::new(key.trim().to_owned()),
            None => input::hidden("Unseal Key", session.non_interactive)?,
        };
        json!({"key": key.as_str(), "migrate": migrate, "break_glass": break_glass})
    };
    let doing = if reset { "Error resetting unseal process" } else { "Error unsealing" };
    let request = Request::new(Method::PUT, "sys/unseal").root_namespace().body(body);
    let seal = session.client.json(request).await.map_err(|error| error.during(doing))?;
    status::show(session, seal).await?;
    // Unlike `status`, a vault that is still sealed is a success of this command.
    Ok(ExitCode::SUCCESS)
}

async fn key_status(session: &Session, rotated: bool) -> Result<ExitCode, Error> {
    let request = Request::new(Method::GET, "sys/key-status");
    let data = session.data(request).await.map_err(|error| error.during("Error reading key status"))?;
    let status: Map<String, Value> = ["term", "install_time", "encryptions"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), data.get(*name)?.clone())))
        .collect();
    if !session.screen.is_table() {
        return session.screen.structured(&Value::Object(status));
    }
    if rotated {
        session.screen.line("Success! Rotated key\n")?;
    }
    session.screen.line(&key_table(&status))
}

fn key_table(status: &Map<String, Value>) -> String {
    let text = |name: &str| status.get(name).map(table::plain).unwrap_or_default();
    let installed = text("install_time");
    let installed = match installed.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%d %b %y %H:%M UTC").to_string(),
        Err(_) => installed,
    };
    table::columns(&[
        vec!["Key Term".to_owned(), text("term")],
        vec!["Install Time".to_owned(), installed],
        vec!["Encryption Count".to_owned(), text("encryptions")],
    ])
}

async fn members(session: &Session) -> Result<ExitCode, Error> {
    let request = Request::new(Method::GET, "sys/ha-status");
    let data = session.data(request).await?;
    if !session.screen.is_table() {
        return session.screen.structured(&data);
    }
    let columns = [
        ("Host Name", "hostname"),
        ("API Address", "api_address"),
        ("Cluster Address", "cluster_address"),
        ("Active Node", "active_node"),
        ("Version", "version"),
        ("Upgrade Version", "upgrade_version"),
        ("Redundancy Zone", "redundancy_zone"),
        ("Last Echo", "last_echo"),
    ];
    let nodes = data.get("nodes").and_then(Value::as_array).into_iter().flatten();
    let rows = nodes
        .map(|node| {
            let cell = |key: &str| node.get(key).filter(|value| !value.is_null()).map(table::plain);
            columns.iter().map(|(_, key)| cell(key).unwrap_or_default()).collect()
        })
        .collect();
    let header: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
    session.screen.line(&table::table(&header, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_in_use() {
        let status = json!({"term": 2, "install_time": "2024-03-05T07:08:09.1Z", "encryptions": 41});
        assert_eq!(
            key_table(status.as_object().unwrap()),
            "Key Term            2\nInstall Time        05 Mar 24 07:08 UTC\nEncryption Count    41"
        );
    }
}
