//! `vault operator rekey`: new key shares by a quorum of the old ones.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

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
    /// Key share, or - for standard input; better leave it out and be asked
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

    fn key(self) -> &'static str {
        match self {
            Target::Barrier => "Unseal Key",
            Target::Recovery => "Recovery Key",
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
        ask(Method::DELETE, target.backup(), None, "Error deleting rekey stored keys").await?;
        return session.screen.line("Success! Delete stored keys (if they existed)");
    }
    if args.backup_retrieve {
        let request = Request::new(Method::GET, target.backup());
        let data = session.data(request).await;
        return session
            .screen
            .structured(&data.map_err(|error| error.during("Error retrieving rekey stored keys"))?);
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
            session.screen.warn(&start_warning(target, !args.pgp_keys.is_empty(), args.backup, args.verify));
        }
        return show(session, false, &status);
    }
    let reading = if args.status { "Error reading rekey status" } else { "Error getting rekey status" };
    let status = ask(Method::GET, &target.path(half), None, reading).await?;
    if args.status {
        return show(session, args.verify, &status);
    }
    if !is_true(&status, "started") {
        return Err(Error::Usage(
            "No rekey is in progress. Start one: vault operator rekey -init -key-shares=… -key-threshold=…"
                .to_owned(),
        ));
    }
    let nonce = args.nonce.unwrap_or_else(|| text(&status, "nonce"));
    if args.key.is_none() {
        session.screen.warn(&format!("Rekey operation nonce: {nonce}"));
    }
    let key = input::share(args.key, target.key(), session.non_interactive)?;
    let step = if args.verify { "verify" } else { "update" };
    let body = json!({ "key": key.as_str(), "nonce": nonce });
    let answer = ask(Method::PUT, &target.path(step), Some(body), "Error posting unseal key").await?;
    if !is_true(&answer, "complete") {
        let status = ask(Method::GET, &target.path(half), None, "Error reading rekey status").await?;
        return show(session, args.verify, &status);
    }
    if !session.screen.is_table() {
        return session.screen.structured(&answer);
    }
    if args.verify {
        return session.screen.line(
            "Rekey verification successful. The rekey operation is complete and the new keys are now active.",
        );
    }
    let done = session.screen.line(&narrated(target, &status, &answer))?;
    if !is_true(&answer, "verification_required") {
        return Ok(done);
    }
    session.screen.warn(
        "\nKeep the current key shares until the verification is complete: only they count\n\
         until then. If the rekey is cancelled or the vault is sealed before that, the new\n\
         shares are void.\n",
    );
    let status = ask(Method::GET, &target.path("verify"), None, "Error reading rekey status").await?;
    show(session, true, &status)
}

/// What can go wrong with the shares that this rekey will hand out.
fn start_warning(target: Target, encrypted: bool, backup: bool, verified: bool) -> String {
    let keys = target.keys();
    let mut warning =
        format!("WARNING! If you lose the {keys} after they are returned, there is no recovery.");
    if encrypted && !backup {
        warning.push_str("\nThey come encrypted, and with -backup the server would keep a copy of them.");
    }
    if !verified {
        warning.push_str("\nWith -verify, the new ones count only once their holders have shown them.");
    }
    warning.push('\n');
    warning
}

/// What to tell when the last share was given: the new shares, and what they are worth.
fn narrated(target: Target, status: &Value, answer: &Value) -> String {
    let keys = answer.get("keys_base64").and_then(Value::as_array).into_iter().flatten();
    let prints = answer.get("pgp_fingerprints").and_then(Value::as_array);
    let mut lines: Vec<String> = keys
        .enumerate()
        .map(|(index, key)| {
            let (number, key) = (index + 1, table::plain(key));
            match prints.and_then(|prints| prints.get(index)).map(table::plain) {
                Some(print) => format!("Key {number} fingerprint: {print}; value: {key}"),
                None => format!("Key {number}: {key}"),
            }
        })
        .collect();
    if lines.is_empty() {
        return "Barrier root key rotated using recovery keys.".to_owned();
    }
    let (shares, threshold, keys) = (text(status, "n"), text(status, "t"), target.keys());
    lines.push(format!("\nOperation nonce: {}\n", text(answer, "nonce")));
    if text(answer, "backup") == "true" {
        lines.push(format!("The server keeps a copy of these encrypted {keys} until -backup-delete.\n"));
    }
    if is_true(answer, "verification_required") {
        lines.push(format!(
            "Vault has made new {keys}: {shares} key shares and a key threshold of {threshold}.\n\
             They do not count yet. Give the shares above to different people; each of them\n\
             shows his: vault operator rekey -verify"
        ));
    } else {
        lines.push(format!(
            "Vault {keys} rekeyed with {shares} key shares and a key threshold of {threshold}.\n\
             Give the shares above to different people; the old ones are void."
        ));
    }
    lines.join("\n")
}

fn show(session: &Session, verify: bool, status: &Value) -> Result<ExitCode, Error> {
    if !session.screen.is_table() {
        return session.screen.structured(status);
    }
    let rows = if verify { verification_rows(status) } else { rows(status) };
    session.screen.line(&table::table(&["Key", "Value"], rows))
}

fn rows(status: &Value) -> Vec<Vec<String>> {
    let mut rows = vec![row("Nonce", text(status, "nonce")), row("Started", truth(status, "started"))];
    if is_true(status, "started") {
        let (progress, required) = (text(status, "progress"), text(status, "required"));
        let phase = if progress == required { " (verification in progress)" } else { "" };
        rows.push(row("Rekey Progress", format!("{progress}/{required}{phase}")));
        rows.push(row("New Shares", text(status, "n")));
        rows.push(row("New Threshold", text(status, "t")));
        rows.push(row("Verification Required", truth(status, "verification_required")));
        let nonce = text(status, "verification_nonce");
        if !nonce.is_empty() {
            rows.push(row("Verification Nonce", nonce));
        }
    }
    if status.get("pgp_fingerprints").and_then(Value::as_array).is_some_and(|prints| !prints.is_empty()) {
        rows.push(row("PGP Fingerprints", text(status, "pgp_fingerprints")));
        rows.push(row("Backup", truth(status, "backup")));
    }
    rows
}

fn verification_rows(status: &Value) -> Vec<Vec<String>> {
    vec![
        row("Started", truth(status, "started")),
        row("New Shares", text(status, "n")),
        row("New Threshold", text(status, "t")),
        row("Verification Nonce", text(status, "nonce")),
        row("Verification Progress", format!("{}/{}", text(status, "progress"), text(status, "t"))),
    ]
}

fn row(title: &str, value: String) -> Vec<String> {
    vec![title.to_owned(), value]
}

fn text(status: &Value, name: &str) -> String {
    status.get(name).filter(|value| !value.is_null()).map(table::plain).unwrap_or_default()
}

fn truth(status: &Value, name: &str) -> String {
    is_true(status, name).to_string()
}

fn is_true(status: &Value, name: &str) -> bool {
    status.get(name).and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_out_is_told() {
        let status = json!({ "n": 2, "t": 2 });
        let answer = json!({ "keys_base64": ["AA==", "AQ=="], "nonce": "n1", "complete": true });
        let text = narrated(Target::Recovery, &status, &answer);
        assert!(text.starts_with("Key 1: AA==\nKey 2: AQ==\n\nOperation nonce: n1\n\n"), "{text}");
        assert!(
            text.contains("Vault recovery keys rekeyed with 2 key shares and a key threshold of 2."),
            "{text}"
        );
        let none = json!({ "keys_base64": [], "complete": true });
        let text = narrated(Target::Barrier, &status, &none);
        assert_eq!(text, "Barrier root key rotated using recovery keys.");
        let pending =
            json!({ "keys_base64": ["AA=="], "verification_required": true, "verification_nonce": "v" });
        assert!(narrated(Target::Barrier, &status, &pending).contains("do not count yet"));
    }

    #[test]
    fn how_far_it_is() {
        let none = rows(&json!({ "nonce": "", "started": false, "verification_required": false }));
        assert_eq!(none, [["Nonce", ""], ["Started", "false"]]);
        let all = json!({
            "nonce": "n1", "started": true, "progress": 2, "required": 2, "n": 3, "t": 2,
            "verification_required": true, "verification_nonce": "v1",
        });
        let expected = [
            ["Nonce", "n1"],
            ["Started", "true"],
            ["Rekey Progress", "2/2 (verification in progress)"],
            ["New Shares", "3"],
            ["New Threshold", "2"],
            ["Verification Required", "true"],
            ["Verification Nonce", "v1"],
        ];
        assert_eq!(rows(&all), expected);
        let shown =
            verification_rows(&json!({ "nonce": "v1", "started": true, "progress": 1, "n": 3, "t": 2 }));
        assert_eq!(shown[3..], [["Verification Nonce", "v1"], ["Verification Progress", "1/2"]]);
    }
}
