//! `vault operator rekey`: new key shares by a quorum of the old ones.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::vault::client::Request;
use crate::vault::error::Error;
use crate::vault::session::Session;
use crate::vault::{input, table};

/// A step of the ceremony; without one, a key share is given.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With a seal in a key service, -target=barrier makes a new root key by a quorum of recovery keys and \
    hands out nothing;\n-target=recovery makes new recovery keys.\n\nExamples:\n  \
    vault operator rekey -init -key-shares=5 -key-threshold=3\n  \
    vault operator rekey                                   each holder, until it is done\n  \
    vault operator rekey -init -verify -key-shares=3 -key-threshold=2\n  \
    vault operator rekey -verify                           each holder of a new share\n  \
    vault operator rekey -target=recovery -init -key-shares=1 -key-threshold=1"
)]
pub(crate) struct Args {
    /// Start an attempt
    #[arg(long, group = "step")]
    init: bool,
    /// Give up the attempt
    #[arg(long, group = "step")]
    cancel: bool,
    /// Show how far the attempt is
    #[arg(long, group = "step")]
    status: bool,
    /// Show the backed-up shares
    #[arg(long, group = "step")]
    backup_retrieve: bool,
    /// Remove the backed-up shares
    #[arg(long, group = "step")]
    backup_delete: bool,
    /// How many new shares
    #[arg(long, visible_alias = "n", value_name = "N", default_value_t = 5)]
    key_shares: u64,
    /// How many of them will be needed
    #[arg(long, visible_alias = "t", value_name = "N", default_value_t = 3)]
    key_threshold: u64,
    /// Nonce of the attempt, as its start printed it
    #[arg(long, value_name = "NONCE")]
    nonce: Option<String>,
    /// Whose shares: of the unseal key, or of the recovery key
    #[arg(long, value_enum, default_value_t = Target::Barrier)]
    target: Target,
    /// With -init: the new shares must be shown before they count. Else: this is about showing them
    #[arg(long)]
    verify: bool,
    /// PGP public keys (base64), one a share, to encrypt the new shares with
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pgp_keys: Vec<String>,
    /// Keep a copy of the shares so encrypted
    #[arg(long)]
    backup: bool,
    /// Key share; better leave it out and be asked
    key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// The unseal key
    Barrier,
    /// The recovery key of a seal in a key service
    #[value(alias = "hsm")]
    Recovery,
}

impl Target {
    fn path(self, step: &str) -> String {
        match self {
            Target::Barrier => format!("sys/rekey/{step}"),
            Target::Recovery => format!("sys/rekey-recovery-key/{step}"),
        }
    }

    fn backup(self) -> &'static str {
        match self {
            Target::Barrier => "sys/rekey/backup",
            Target::Recovery => "sys/rekey/recovery-key-backup",
        }
    }

    fn keys(self) -> &'static str {
        match self {
            Target::Barrier => "unseal keys",
            Target::Recovery => "recovery keys",
        }
    }
}

pub(super) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    let ask = async |method: Method, path: &str, body: Option<Value>, doing: &str| {
        let mut request = Request::new(method, path).root_namespace();
        if let Some(body) = body {
            request = request.body(body);
        }
        session.client.json(request).await.map_err(|error| error.during(doing))
    };
    let target = args.target;
    let half = if args.verify { "verify" } else { "init" };
    if args.backup_delete {
        ask(Method::DELETE, target.backup(), None, "Error deleting the backed-up keys").await?;
        return session.screen.line("Success! Deleted backed up keys (if they existed)");
    }
    if args.backup_retrieve {
        let request = Request::new(Method::GET, target.backup());
        let data = session.data(request).await;
        return session
            .screen
            .structured(&data.map_err(|error| error.during("Error retrieving backed-up keys"))?);
    }
    if args.cancel {
        ask(Method::DELETE, &target.path(half), None, "Error canceling rekey").await?;
        return session.screen.line("Success! Canceled rekeying (if it was started)");
    }
    if args.init {
        let body = json!({
            "secret_shares": args.key_shares,
            "secret_threshold": args.key_threshold,
            "pgp_keys": args.pgp_keys,
            "backup": args.backup,
            "require_verification": args.verify,
        });
        let status = ask(Method::PUT, &target.path("init"), Some(body), "Error initializing rekey").await?;
        if session.screen.is_table() {
            session.screen.warn(
                "If you lose the keys after they are returned, nobody can make them again. With -verify, the new \
                 keys count only once their holders have shown them.",
            );
        }
        return show(session, &status);
    }
    let status = ask(Method::GET, &target.path(half), None, "Error getting rekey status").await?;
    if args.status {
        return show(session, &status);
    }
    if !status.get("started").and_then(Value::as_bool).unwrap_or(false) {
        return Err(Error::Usage(
            "No rekey is in progress. Start one: vault operator rekey -init -key-shares=… -key-threshold=…"
                .to_owned(),
        ));
    }
    let started = || status.get("nonce").and_then(Value::as_str).map(str::to_owned);
    let nonce = args.nonce.or_else(started).unwrap_or_default();
    let key = match args.key {
        Some(key) => Zeroizing::new(key.trim().to_owned()),
        None => {
            session.screen.warn(&format!("Rekey operation nonce: {nonce}"));
            input::hidden(if args.verify { "New key share" } else { "Key share" }, session.non_interactive)?
        }
    };
    let step = if args.verify { "verify" } else { "update" };
    let body = json!({ "key": key.as_str(), "nonce": nonce });
    let answer = ask(Method::PUT, &target.path(step), Some(body), "Error posting key share").await?;
    if !answer.get("complete").and_then(Value::as_bool).unwrap_or(false) {
        return show(session, &answer);
    }
    if !session.screen.is_table() {
        return session.screen.structured(&answer);
    }
    session.screen.line(&narrated(target, args.verify, &status, &answer))
}

fn narrated(target: Target, verified: bool, status: &Value, answer: &Value) -> String {
    if verified {
        return "Rekey verification successful. The rekey operation is complete and the new keys are now active."
            .to_owned();
    }
    let keys = answer.get("keys_base64").and_then(Value::as_array).into_iter().flatten();
    let mut lines: Vec<String> = keys
        .filter_map(Value::as_str)
        .enumerate()
        .map(|(index, key)| format!("Key {}: {key}", index + 1))
        .collect();
    if lines.is_empty() {
        return "Barrier root key rotated using recovery keys.".to_owned();
    }
    let text = |of: &Value, name: &str| of.get(name).map(table::plain).unwrap_or_default();
    let (shares, threshold, keys) = (text(status, "n"), text(status, "t"), target.keys());
    lines.push(format!("\nOperation nonce: {}\n", text(answer, "nonce")));
    if answer.get("verification_required").and_then(Value::as_bool).unwrap_or(false) {
        lines.push(format!(
            "The {keys} above ({shares} shares, threshold {threshold}) do not count yet: keep the old ones. Each holder \
             of a new share shows it: vault operator rekey -verify\n\
             Verification nonce: {}",
            text(answer, "verification_nonce")
        ));
    } else {
        lines.push(format!(
            "Vault {keys} rekeyed to {shares} key shares and a key threshold of {threshold}.\n\
             Give the shares above to different people; the old ones are void."
        ));
    }
    lines.join("\n")
}

fn show(session: &Session, status: &Value) -> Result<ExitCode, Error> {
    if !session.screen.is_table() {
        return session.screen.structured(status);
    }
    let text =
        |key: &str| status.get(key).filter(|value| !value.is_null()).map(table::plain).unwrap_or_default();
    let mut rows = vec![vec!["Nonce".to_owned(), text("nonce")], vec!["Started".to_owned(), text("started")]];
    if text("started") == "true" {
        let progress = match text("required").as_str() {
            "" => format!("{}/{}", text("progress"), text("t")),
            required => format!("{}/{required}", text("progress")),
        };
        rows.push(vec!["Rekey Progress".to_owned(), progress]);
        rows.push(vec!["New Shares".to_owned(), text("n")]);
        rows.push(vec!["New Threshold".to_owned(), text("t")]);
    }
    for (title, key) in
        [("Verification Required", "verification_required"), ("Verification Nonce", "verification_nonce")]
    {
        if !text(key).is_empty() {
            rows.push(vec![title.to_owned(), text(key)]);
        }
    }
    session.screen.line(&table::columns(&rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_out_is_told() {
        let status = json!({ "n": 2, "t": 2 });
        let answer = json!({ "keys_base64": ["AA==", "AQ=="], "nonce": "n1", "complete": true });
        let text = narrated(Target::Recovery, false, &status, &answer);
        assert!(text.starts_with("Key 1: AA==\nKey 2: AQ==\n\nOperation nonce: n1\n\n"), "{text}");
        assert!(
            text.contains("Vault recovery keys rekeyed to 2 key shares and a key threshold of 2."),
            "{text}"
        );
        let none = json!({ "keys_base64": [], "complete": true });
        let text = narrated(Target::Barrier, false, &status, &none);
        assert_eq!(text, "Barrier root key rotated using recovery keys.");
        let pending =
            json!({ "keys_base64": ["AA=="], "verification_required": true, "verification_nonce": "v" });
        assert!(narrated(Target::Barrier, false, &status, &pending).contains("Verification nonce: v"));
    }
}
