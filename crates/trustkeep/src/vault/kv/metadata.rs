//! `vault kv metadata`.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Map, Value};

use super::target::Target;
use super::{Mount, needs_versions, show_path};
use crate::vault::data::pair;
use crate::vault::duration::GoDuration;
use crate::vault::error::Error;
use crate::vault::session::Session;
use crate::vault::table;

/// What to do with a secret's metadata.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the versions of a secret, and its settings
    #[command(after_help = "Example:\n  vault kv metadata get secret/db")]
    Get(Place),
    /// Set how many versions are kept, and more
    #[command(after_help = "Examples:\n  vault kv metadata put -max-versions=5 secret/db\n  \
        vault kv metadata put -custom-metadata=owner=ops -cas-required secret/db")]
    Put {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        place: Place,
    },
    /// Change some settings and leave the others
    #[command(after_help = "Examples:\n  vault kv metadata patch -custom-metadata=owner=ops secret/db\n  \
        vault kv metadata patch -remove-custom-metadata=owner secret/db")]
    Patch {
        #[command(flatten)]
        settings: Settings,
        /// Key of the custom metadata to remove; may be given several times
        #[arg(long, value_name = "KEY")]
        remove_custom_metadata: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Remove a secret with all versions and its history, for good
    #[command(after_help = "Example:\n  vault kv metadata delete secret/db")]
    Delete(Place),
}

#[derive(Debug, clap::Args)]
struct Place {
    #[command(flatten)]
    mount: Mount,
    /// Path of the secret
    path: String,
}

#[derive(Debug, clap::Args)]
struct Settings {
    /// How many versions are kept; 0: as the mount says
    #[arg(long, value_name = "N")]
    max_versions: Option<u64>,
    /// Whether each write must name the version it replaces
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    cas_required: Option<bool>,
    /// Versions are deleted after this time; 0s: never
    #[arg(long, value_name = "TTL", allow_hyphen_values = true)]
    delete_version_after: Option<GoDuration>,
    /// Text to keep with the secret; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    custom_metadata: Vec<(String, String)>,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    match args.command {
        Command::Get(place) => get(session, place).await,
        Command::Put { settings, place } => {
            let at = find(session, &place).await?;
            let secret = session
                .client
                .write(&at, Value::Object(settings.body(&[])))
                .await
                .map_err(|error| error.during(format!("Error writing data to {at}")))?;
            session.wrote(secret.as_ref(), &at)
        }
        Command::Patch { settings, remove_custom_metadata, place } => {
            let at = find(session, &place).await?;
            let secret = session
                .client
                .patch(&at, Value::Object(settings.body(&remove_custom_metadata)))
                .await
                .map_err(|error| error.during(format!("Error writing data to {at}")))?;
            session.wrote(secret.as_ref(), &at)
        }
        Command::Delete(place) => {
            let at = find(session, &place).await?;
            let secret = session
                .client
                .delete(&at, Vec::new())
                .await
                .map_err(|error| error.during(format!("Error deleting {at}")))?;
            session.deleted(secret.as_ref(), &at)
        }
    }
}

impl Settings {
    fn body(&self, removed: &[String]) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(versions) = self.max_versions {
            body.insert("max_versions".to_owned(), versions.into());
        }
        if let Some(required) = self.cas_required {
            body.insert("cas_required".to_owned(), required.into());
        }
        if let Some(after) = self.delete_version_after {
            body.insert("delete_version_after".to_owned(), after.to_string().into());
        }
        let mut custom: Map<String, Value> =
            self.custom_metadata.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        custom.extend(removed.iter().map(|key| (key.clone(), Value::Null)));
        if !custom.is_empty() {
            body.insert("custom_metadata".to_owned(), Value::Object(custom));
        }
        body
    }
}

async fn find(session: &Session, place: &Place) -> Result<String, Error> {
    let target = Target::find(session, &place.mount, &place.path).await?;
    needs_versions(&target, "Metadata")?;
    Ok(target.at("metadata"))
}

async fn get(session: &Session, place: Place) -> Result<ExitCode, Error> {
    let at = find(session, &place).await?;
    let secret = session
        .client
        .read(&at, Vec::new())
        .await
        .map_err(|error| error.during(format!("Error reading {at}")))?;
    let Some(mut secret) = secret else { return Err(Error::Nothing(format!("No value found at {at}"))) };
    let screen = &session.screen;
    if screen.wanted_field().is_some() || secret.wrap_info().is_some() || !screen.is_table() {
        return screen.secret(&secret);
    }
    screen.warnings(&secret);
    let versions = secret.data_mut().and_then(|data| data.shift_remove("versions"));
    show_path(session, "Metadata Path", &at)?;
    if let Some(data) = secret.data() {
        screen.line(&table::banner_above("Metadata", data))?;
        screen.object(data)?;
    }
    let mut versions: Vec<(u64, Value)> = match versions {
        Some(Value::Object(versions)) => versions
            .into_iter()
            .filter_map(|(number, version)| Some((number.parse().ok()?, version)))
            .collect(),
        _ => Vec::new(),
    };
    versions.sort_unstable_by_key(|(number, _)| *number);
    for (number, version) in &versions {
        if let Some(version) = version.as_object() {
            screen.line(&format!("\n{}", table::banner_above(&format!("Version {number}"), version)))?;
            screen.object(version)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
