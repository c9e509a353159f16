//! `vault kv get`.

use std::process::ExitCode;

use serde_json::Value;

use super::Mount;
use super::target::Target;
use crate::vault::error::Error;
use crate::vault::secret::Secret;
use crate::vault::session::Session;
use crate::vault::table;

/// Which secret, which version.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault kv get secret/db\n  \
    vault kv get -mount=secret -version=2 db\n  \
    vault kv get -field=password secret/db        the value alone, for scripts\n  \
    vault kv get -format=json secret/db")]
pub(super) struct Args {
    #[command(flatten)]
    mount: Mount,
    /// Version to read, the newest if not given (version 2)
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    version: u64,
    /// Path of the secret
    path: String,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    let target = Target::find(session, &args.mount, &args.path).await?;
    let at = target.at("data");
    let mut query = Vec::new();
    if target.versioned && args.version > 0 {
        query.push(("version".to_owned(), args.version.to_string()));
    }
    let secret =
        session.client.read(&at, query).await.map_err(|error| error.during(format!("Error reading {at}")))?;
    let Some(secret) = secret else { return Err(Error::Nothing(format!("No value found at {at}"))) };
    if let Some(field) = session.screen.wanted_field() {
        return one_field(session, &target, &secret, field, &at);
    }
    if secret.wrap_info().is_some() || !session.screen.is_table() {
        return session.screen.secret(&secret);
    }
    session.screen.warnings(&secret);
    let screen = &session.screen;
    if !target.versioned {
        if let Some(data) = secret.data() {
            screen.line(&table::banner_above("Data", data))?;
            screen.object(data)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    super::show_path(session, "Secret Path", &at)?;
    if let Some(metadata) = secret.get("metadata").and_then(Value::as_object) {
        screen.line(&table::banner_above("Metadata", metadata))?;
        screen.object(metadata)?;
        screen.line("")?;
    }
    if let Some(data) = secret.get("data").and_then(Value::as_object) {
        screen.line(&table::banner_above("Data", data))?;
        screen.object(data)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// With versions the fields are those of the secret; `data` is the whole of it unless a key has that name.
fn one_field(
    session: &Session,
    target: &Target,
    secret: &Secret,
    field: &str,
    at: &str,
) -> Result<ExitCode, Error> {
    if !target.versioned || secret.wrap_info().is_some() {
        return session.screen.secret(secret);
    }
    let Some(data) = secret.get("data") else {
        return Err(Error::Nothing(format!("No data found at {at}")));
    };
    let value = data.get(field).or_else(|| (field == "data").then_some(data));
    session.screen.field_value(value, field, "secret")
}
