//! Namespaces.

use std::process::ExitCode;

use trustkeep_contract::json::Json;
use trustkeep_scalar_client::Client;

use super::failure::{Failure, Outcome};
use super::options::{Common, answered};
use super::{output, prompt};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  scalardl create-namespace --properties client.properties --namespace ns1"
)]
pub(super) struct Create {
    #[command(flatten)]
    common: Common,
    /// A namespace name to create
    #[arg(long)]
    namespace: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  scalardl drop-namespace --properties client.properties --namespace ns1")]
pub(super) struct Drop {
    #[command(flatten)]
    common: Common,
    /// A namespace name to drop
    #[arg(long)]
    namespace: String,
    /// Drop the namespace, and everything in it, without asking
    #[arg(short, long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  scalardl list-namespaces --properties client.properties --pattern ns")]
pub(super) struct List {
    #[command(flatten)]
    common: Common,
    /// A pattern to filter namespaces (partial match)
    #[arg(long)]
    pattern: Option<String>,
}

pub(super) async fn create(args: Create) -> Outcome {
    let work = async |client: Client| {
        client.create_namespace(&args.namespace).await?;
        Ok(output::done(Json::Null)?)
    };
    args.common.with(work).await
}

pub(super) async fn drop(args: Drop) -> Outcome {
    let work = async |client: Client| {
        if !args.force {
            match prompt::ask("Type namespace name to confirm: ")? {
                None => {
                    let text = "No console available. Use the --force option to skip the confirmation.";
                    return Err(Failure::Local(text.to_owned()));
                }
                Some(name) if name != args.namespace => {
                    return Err(Failure::Local("Namespace name does not match. Aborting.".to_owned()));
                }
                Some(_) => {}
            }
        }
        client.drop_namespace(&args.namespace).await?;
        Ok(output::done(Json::Null)?)
    };
    args.common.with(work).await
}

pub(super) async fn list(args: List) -> Outcome {
    let work = async |client: Client| {
        let text = client.list_namespaces(args.pattern.as_deref().unwrap_or_default()).await?;
        let namespaces = answered(&text)?;
        Ok::<ExitCode, Failure>(output::done(namespaces)?)
    };
    args.common.with(work).await
}
