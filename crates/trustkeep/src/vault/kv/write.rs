//! `vault kv put`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::Mount;
use super::target::Target;
use crate::vault::data;
use crate::vault::error::Error;
use crate::vault::session::Session;

/// Which secret, and what it shall be.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault kv put secret/db user=app password=@password.txt\n  \
    vault kv put -mount=secret db @db.json                  all keys from a JSON file\n  \
    pwgen | vault kv put secret/db password=-               a value from standard input\n  \
    vault kv put -cas=0 secret/db user=app                  only if it does not exist yet")]
pub(super) struct Args {
    #[command(flatten)]
    mount: Mount,
    /// Write only if this is the newest version; 0: only if there is none (version 2)
    #[arg(long, value_name = "N", default_value_t = -1, hide_default_value = true)]
    cas: i64,
    /// Path of the secret
    path: String,
    /// Data; KEY=@FILE and KEY=- read a value, @FILE and - read JSON
    #[arg(value_name = "KEY=VALUE")]
    data: Vec<String>,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    if args.data.is_empty() {
        return Err(Error::Usage("Must supply data".to_owned()));
    }
    let data = data::parse(&args.data, session.non_interactive)?;
    let target = Target::find(session, &args.mount, &args.path).await?;
    let at = target.at("data");
    let body = if target.versioned { versioned(Value::Object(data), args.cas) } else { Value::Object(data) };
    let secret = session
        .client
        .write(&at, body)
        .await
        .map_err(|error| error.during(format!("Error writing data to {at}")))?;
    super::wrote(session, secret.as_ref(), &at)
}

/// The body of a write of a version; `cas` below zero asks for no check.
pub(super) fn versioned(data: Value, cas: i64) -> Value {
    let options = if cas < 0 { json!({}) } else { json!({"cas": cas}) };
    json!({"data": data, "options": options})
}
