//! What is left of transactions: states and locks.

use std::process::ExitCode;

use trustkeep_contract::json::object;
use trustkeep_scalar_client::Client;
use trustkeep_scalar_rpc::messages::{AssetLockRecoveryResult, TransactionState};

use super::failure::{Failure, Outcome};
use super::options::Common;
use super::{output, prompt};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  scalardl purge-state --properties client.properties --force")]
pub(super) struct Purge {
    #[command(flatten)]
    common: Common,
    /// Purge stale transaction states without the confirmation prompt
    #[arg(short, long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  scalardl retrieve-state --properties client.properties \\\n    \
    --transaction-id e4eab669-5893-4851-9047-04ff786af529")]
pub(super) struct Retrieve {
    #[command(flatten)]
    common: Common,
    /// The transaction's ID, which is the nonce of its request
    #[arg(long)]
    transaction_id: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  scalardl recover-lock --properties client.properties --asset-id a\n\n\
    The exit code is 1 if the lock stays: the recovery failed, or its holder may still be there.")]
pub(super) struct RecoverLock {
    #[command(flatten)]
    common: Common,
    /// The ID of the asset
    #[arg(long)]
    asset_id: String,
    /// The namespace of the asset
    #[arg(long, default_value = "default")]
    namespace: String,
}

pub(super) async fn purge(args: Purge) -> Outcome {
    const QUESTION: &str = "Are you sure you want to purge stale transaction states? [y/N]: ";
    let work = async |client: Client| {
        if !args.force {
            match prompt::ask(QUESTION)? {
                None => {
                    let text = "No console available. Use the --force option to skip the confirmation.";
                    return Err(Failure::Local(text.to_owned()));
                }
                Some(answer) if !answer.trim().eq_ignore_ascii_case("y") => {
                    return Err(Failure::Local("Aborting.".to_owned()));
                }
                Some(_) => {}
            }
        }
        let purged = client.purge_state().await?;
        let output = object([
            ("total_targets", purged.total_targets.into()),
            ("purged", purged.purged.into()),
            ("skipped", purged.skipped.into()),
        ]);
        Ok(output::done(output)?)
    };
    args.common.with(work).await
}

pub(super) async fn retrieve(args: Retrieve) -> Outcome {
    let work = async |client: Client| {
        let state = match client.retrieve_state(&args.transaction_id).await? {
            TransactionState::Committed => "COMMITTED",
            TransactionState::Aborted => "ABORTED",
            TransactionState::Unknown => "UNKNOWN",
            TransactionState::Unspecified => "UNSPECIFIED",
        };
        let id = args.transaction_id.as_str();
        Ok::<ExitCode, Failure>(output::done(object([
            ("transaction_id", id.into()),
            ("state", state.into()),
        ]))?)
    };
    args.common.with(work).await
}

pub(super) async fn recover_lock(args: RecoverLock) -> Outcome {
    let work = async |client: Client| {
        let (result, free) = match client.recover_lock(&args.namespace, &args.asset_id).await? {
            AssetLockRecoveryResult::Succeeded => ("SUCCEEDED", true),
            AssetLockRecoveryResult::NotNeeded => ("NOT_NEEDED", true),
            AssetLockRecoveryResult::NotRecoverable => ("NOT_RECOVERABLE", false),
            AssetLockRecoveryResult::Failed => ("FAILED", false),
            AssetLockRecoveryResult::Unspecified => ("UNSPECIFIED", false),
        };
        output::done(object([("result", result.into())]))?;
        Ok(if free { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    };
    args.common.with(work).await
}
