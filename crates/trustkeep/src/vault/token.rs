//! `vault token`: tokens, by themselves or by their accessors.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::Request;
use super::data::{object, pair};
use super::duration::GoDuration;
use super::error::Error;
use super::path;
use super::session::Session;

/// What to do with tokens.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a token
    Create(Box<Create>),
    /// Show what a token is and may
    #[command(after_help = "Examples:\n  vault token lookup                     your own\n  \
        vault token lookup hvs.CAES…\n  vault token lookup -accessor 8609694a-cdbc")]
    Lookup {
        /// The argument is an accessor, not a token
        #[arg(long)]
        accessor: bool,
        /// Token or accessor; without it, your own token
        token: Option<String>,
    },
    /// Let a token live longer
    #[command(after_help = "Examples:\n  vault token renew\n  vault token renew -increment=1h hvs.CAES…")]
    Renew {
        /// The argument is an accessor, not a token
        #[arg(long)]
        accessor: bool,
        /// How long it shall live from now on, as far as its limits allow
        #[arg(long, value_name = "TTL")]
        increment: Option<GoDuration>,
        /// Token or accessor; without it, your own token
        token: Option<String>,
    },
    /// Revoke a token, its children and their leases
    #[command(after_help = "Examples:\n  vault token revoke hvs.CAES…\n  vault token revoke -self\n  \
        vault token revoke -mode=orphan hvs.CAES…   leave its children alive")]
    Revoke {
        /// The argument is an accessor, not a token
        #[arg(long, conflicts_with = "self_")]
        accessor: bool,
        /// Your own token
        #[arg(long = "self", id = "self_")]
        own: bool,
        /// orphan: leave the children alive; path: revoke every token of a login path
        #[arg(long, value_enum, conflicts_with_all = ["accessor", "self_"])]
        mode: Option<Mode>,
        /// Token, accessor or path
        token: Option<String>,
    },
    /// Show what a token may do at a path
    #[command(after_help = "Examples:\n  vault token capabilities secret/data/db\n  \
        vault token capabilities hvs.CAES… secret/data/db")]
    Capabilities {
        /// Token, if not your own, and path
        #[arg(value_name = "[TOKEN] PATH", num_args = 1..=2, required = true)]
        words: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    Orphan,
    Path,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault token create -policy=app -ttl=1h\n  \
    vault token create -policy=app -period=24h -orphan     lives as long as it is renewed\n  \
    vault token create -role=ci -field=token")]
struct Create {
    /// Text of the token; needs sudo, and is less safe than a random one
    #[arg(long)]
    id: Option<String>,
    /// Name shown in logs
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// How long it lives at first
    #[arg(long, value_name = "TTL")]
    ttl: Option<GoDuration>,
    /// How long it can live at most, whatever renewals
    #[arg(long, value_name = "TTL")]
    explicit_max_ttl: Option<GoDuration>,
    /// Each renewal sets its life to this; no end as long as it is renewed
    #[arg(long, value_name = "TTL")]
    period: Option<GoDuration>,
    /// Whether it can be renewed
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", default_value = "true", action = clap::ArgAction::Set)]
    renewable: bool,
    /// Without a parent: it stays when your token goes
    #[arg(long)]
    orphan: bool,
    /// Without the policy "default"
    #[arg(long)]
    no_default_policy: bool,
    /// How many requests it is good for; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 0)]
    use_limit: u64,
    /// Create it after a role
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// service, or batch: light, not renewable, without children
    #[arg(long = "type", value_name = "TYPE", default_value = "service")]
    kind: String,
    /// Metadata for the audit log; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// Policy; may be given several times. None: your own
    #[arg(long, value_name = "NAME")]
    policy: Vec<String>,
    /// Entity alias to tie it to; with a role that allows it
    #[arg(long, value_name = "NAME")]
    entity_alias: Option<String>,
}

pub(crate) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    match args.command {
        Command::Create(create) => self::create(session, *create).await,
        Command::Lookup { accessor, token } => lookup(session, accessor, token).await,
        Command::Renew { accessor, increment, token } => renew(session, accessor, increment, token).await,
        Command::Revoke { accessor, own, mode, token } => revoke(session, accessor, own, mode, token).await,
        Command::Capabilities { words } => capabilities(session, &words).await,
    }
}

async fn create(session: &Session, args: Create) -> Result<ExitCode, Error> {
    let mut body = Map::new();
    let texts = [("id", args.id), ("display_name", args.display_name), ("entity_alias", args.entity_alias)];
    for (name, text) in texts {
        if let Some(text) = text {
            body.insert(name.to_owned(), text.into());
        }
    }
    let durations = [("ttl", args.ttl), ("explicit_max_ttl", args.explicit_max_ttl), ("period", args.period)];
    for (name, duration) in durations {
        if let Some(duration) = duration {
            body.insert(name.to_owned(), duration.to_string().into());
        }
    }
    if !args.policy.is_empty() {
        body.insert("policies".to_owned(), args.policy.into());
    }
    if !args.metadata.is_empty() {
        body.insert("meta".to_owned(), object(&args.metadata));
    }
    body.insert("renewable".to_owned(), args.renewable.into());
    body.insert("no_parent".to_owned(), args.orphan.into());
    body.insert("no_default_policy".to_owned(), args.no_default_policy.into());
    body.insert("num_uses".to_owned(), args.use_limit.into());
    body.insert("type".to_owned(), args.kind.into());
    let at = match &args.role {
        Some(role) => format!("auth/token/create/{}", path::clean(role)),
        None => "auth/token/create".to_owned(),
    };
    let secret = session
        .client
        .secret(Request::new(Method::POST, &at).body(Value::Object(body)))
        .await
        .map_err(|error| error.during("Error creating token"))?;
    session.wrote(secret.as_ref(), &at)
}

async fn lookup(session: &Session, accessor: bool, token: Option<String>) -> Result<ExitCode, Error> {
    let secret = match (trimmed(token), accessor) {
        (None, true) => return Err(missing("an accessor")),
        (None, false) => session.client.read("auth/token/lookup-self", Vec::new()).await,
        (Some(accessor), true) => {
            let request = Request::new(Method::POST, "auth/token/lookup-accessor");
            session.client.secret(request.body(json!({"accessor": accessor}))).await
        }
        (Some(token), false) => {
            let request = Request::new(Method::POST, "auth/token/lookup");
            session.client.secret(request.body(json!({"token": token}))).await
        }
    };
    match secret.map_err(|error| error.during("Error looking up token"))? {
        Some(secret) => session.screen.secret(&secret),
        None => Err(Error::Nothing("No token found".to_owned())),
    }
}

async fn renew(
    session: &Session,
    accessor: bool,
    increment: Option<GoDuration>,
    token: Option<String>,
) -> Result<ExitCode, Error> {
    let (at, mut body) = match (trimmed(token), accessor) {
        (None, true) => return Err(missing("an accessor")),
        (None, false) => ("auth/token/renew-self", json!({})),
        (Some(accessor), true) => ("auth/token/renew-accessor", json!({"accessor": accessor})),
        (Some(token), false) => ("auth/token/renew", json!({"token": token})),
    };
    if let (Some(increment), Some(body)) = (increment, body.as_object_mut()) {
        body.insert("increment".to_owned(), increment.whole_seconds().into());
    }
    let secret =
        session.client.write(at, body).await.map_err(|error| error.during("Error renewing token"))?;
    session.wrote(secret.as_ref(), at)
}

async fn revoke(
    session: &Session,
    accessor: bool,
    own: bool,
    mode: Option<Mode>,
    token: Option<String>,
) -> Result<ExitCode, Error> {
    let token = trimmed(token);
    if own && token.is_some() {
        return Err(Error::Usage("Too many arguments with -self (expected 0, got 1)".to_owned()));
    }
    let named = |what: &str| token.clone().ok_or_else(|| missing(what));
    let (at, body) = match mode {
        _ if own => ("auth/token/revoke-self".to_owned(), json!({})),
        _ if accessor => {
            ("auth/token/revoke-accessor".to_owned(), json!({"accessor": named("an accessor")?}))
        }
        Some(Mode::Orphan) => ("auth/token/revoke-orphan".to_owned(), json!({"token": named("a token")?})),
        Some(Mode::Path) => {
            (format!("sys/leases/revoke-prefix/{}", path::clean(&named("a path")?)), json!({}))
        }
        None => {
            let token = token.ok_or_else(|| {
                Error::Usage("Not enough arguments (expected 1 or -self, got 0)".to_owned())
            })?;
            ("auth/token/revoke".to_owned(), json!({"token": token}))
        }
    };
    session
        .client
        .json(Request::new(Method::PUT, &at).body(body))
        .await
        .map_err(|error| error.during("Error revoking token"))?;
    session.screen.line("Success! Revoked token (if it existed)")
}

async fn capabilities(session: &Session, words: &[String]) -> Result<ExitCode, Error> {
    let (at, body, path) = match words {
        [path] => ("sys/capabilities-self", json!({"path": path}), path),
        [token, path] => ("sys/capabilities", json!({"token": token, "path": path}), path),
        _ => return Err(missing("a path")),
    };
    let request = Request::new(Method::POST, at).body(body);
    let data = session.data(request).await.map_err(|error| error.during("Error listing capabilities"))?;
    let found = data.get(path.as_str()).or_else(|| data.get("capabilities")).and_then(Value::as_array);
    let mut names: Vec<&str> = found.into_iter().flatten().filter_map(Value::as_str).collect();
    if names.is_empty() {
        return Err(Error::Usage("No capabilities found".to_owned()));
    }
    names.sort_unstable();
    if session.screen.is_table() {
        session.screen.line(&names.join(", "))
    } else {
        session.screen.structured(&names.into())
    }
}

fn trimmed(token: Option<String>) -> Option<String> {
    token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty())
}

fn missing(what: &str) -> Error {
    Error::Usage(format!("Not enough arguments: {what} is needed"))
}
