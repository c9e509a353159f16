//! `vault auth`: the ways to authenticate, and where they are.

use std::process::ExitCode;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::Request;
use super::duration::GoDuration;
use super::error::Error;
use super::mount::{self, Making, Tuning};
use super::path;
use super::session::Session;
use super::{login_help, remount};

/// What to do with auth methods.
#[derive(Debug, clap::Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Enable an auth method
    #[command(after_help = "Examples:\n  vault auth enable userpass\n  vault auth enable -path=ci approle")]
    Enable {
        #[command(flatten)]
        making: Making,
        #[command(flatten)]
        tuning: Tuning,
        /// What tokens it gives: service, batch, default-service or default-batch
        #[arg(long, value_name = "TYPE")]
        token_type: Option<String>,
        /// Type: userpass, approle, cert, jwt, oidc, kubernetes, aws …
        #[arg(value_name = "TYPE")]
        kind: String,
    },
    /// Disable an auth method: tokens it gave are revoked
    #[command(after_help = "Example:\n  vault auth disable userpass/")]
    Disable {
        /// Where it is
        path: String,
    },
    /// List the auth methods
    #[command(after_help = "Examples:\n  vault auth list\n  vault auth list -detailed")]
    List {
        /// Show all settings
        #[arg(long)]
        detailed: bool,
    },
    /// Move an auth method to another path; the tokens it gave are revoked
    #[command(name = "move", after_help = "Example:\n  vault auth move userpass/ people/")]
    Move {
        /// Where it is
        source: String,
        /// Where it shall be
        destination: String,
    },
    /// Show what `vault login` needs for an auth method
    #[command(after_help = "Examples:\n  vault auth help userpass\n  vault auth help people/")]
    Help {
        /// Type of the method, or where it is
        method: String,
    },
    /// Change the settings of an auth method
    #[command(after_help = "Example:\n  vault auth tune -max-lease-ttl=24h userpass/")]
    Tune {
        #[command(flatten)]
        tuning: Box<Tuning>,
        /// What tokens it gives: service, batch, default-service or default-batch
        #[arg(long, value_name = "TYPE")]
        token_type: Option<String>,
        #[command(flatten)]
        lockout: Lockout,
        /// Where it is
        path: String,
    },
}

#[derive(Debug, clap::Args)]
struct Lockout {
    /// Failed logins after which a user is locked out
    #[arg(long, value_name = "N")]
    user_lockout_threshold: Option<u64>,
    /// How long a user is locked out
    #[arg(long, value_name = "TTL")]
    user_lockout_duration: Option<GoDuration>,
    /// After which quiet time the count of failures starts again
    #[arg(long, value_name = "TTL")]
    user_lockout_counter_reset_duration: Option<GoDuration>,
    /// Lock nobody out
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    user_lockout_disable: Option<bool>,
}

pub(crate) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    match args.command {
        Command::Enable { making, tuning, token_type, kind } => {
            let kind = kind.trim();
            let path = path::mount(making.path.as_deref().unwrap_or(kind));
            let at = format!("sys/auth/{}", path::clean(&path));
            let mut config = Map::new();
            if let Some(token_type) = token_type {
                config.insert("token_type".to_owned(), token_type.into());
            }
            let request = Request::new(Method::POST, &at).body(tuning.creation(kind, &making, config));
            let doing = format!("Error enabling {kind} auth");
            session.client.json(request).await.map_err(|error| error.during(doing))?;
            session.screen.line(&format!("Success! Enabled {kind} auth method at: {path}"))
        }
        Command::Disable { path } => {
            let path = path::mount(&path);
            let at = format!("sys/auth/{}", path::clean(&path));
            let doing = format!("Error disabling auth method at {path}");
            session
                .client
                .json(Request::new(Method::DELETE, &at))
                .await
                .map_err(|error| error.during(doing))?;
            session.screen.line(&format!("Success! Disabled the auth method (if it existed) at: {path}"))
        }
        Command::List { detailed } => {
            let request = Request::new(Method::GET, "sys/auth");
            let methods = session
                .data(request)
                .await
                .map_err(|error| error.during("Error listing enabled authentications"))?;
            if !session.screen.is_table() {
                return session.screen.structured(&mount::structured(&methods));
            }
            let simple = [
                ("Path", ""),
                ("Type", "type"),
                ("Accessor", "accessor"),
                ("Description", "description"),
                ("Version", "plugin_version"),
            ];
            session.screen.line(&mount::list(&methods, &simple, detailed, true))
        }
        Command::Move { source, destination } => {
            remount::run(session, "auth method", &source, &destination).await
        }
        Command::Help { method } => login_help::run(session, &method).await,
        Command::Tune { tuning, token_type, lockout, path } => {
            let path = path::mount(&path);
            let mut body = tuning.body();
            if let Some(token_type) = token_type {
                body.insert("token_type".to_owned(), token_type.into());
            }
            if let Some(lockout) = lockout.body() {
                body.insert("user_lockout_config".to_owned(), lockout);
            }
            let at = format!("sys/auth/{}/tune", path::clean(&path));
            let request = Request::new(Method::POST, &at).body(Value::Object(body));
            let doing = format!("Error tuning auth method {path}");
            session.client.json(request).await.map_err(|error| error.during(doing))?;
            session.screen.line(&format!("Success! Tuned the auth method at: {path}"))
        }
    }
}

impl Lockout {
    fn body(&self) -> Option<Value> {
        let mut body = json!({});
        let fields = body.as_object_mut()?;
        if let Some(threshold) = self.user_lockout_threshold {
            fields.insert("lockout_threshold".to_owned(), threshold.to_string().into());
        }
        if let Some(duration) = self.user_lockout_duration {
            fields.insert("lockout_duration".to_owned(), duration.to_string().into());
        }
        if let Some(duration) = self.user_lockout_counter_reset_duration {
            fields.insert("lockout_counter_reset_duration".to_owned(), duration.to_string().into());
        }
        if let Some(disable) = self.user_lockout_disable {
            fields.insert("lockout_disable".to_owned(), disable.into());
        }
        (!fields.is_empty()).then_some(body)
    }
}
