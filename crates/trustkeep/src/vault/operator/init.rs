//! `vault operator init`: the keys of a new vault.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use crate::vault::client::Request;
use crate::vault::error::Error;
use crate::vault::session::Session;

const DEFAULT_SHARES: u64 = 5;
const DEFAULT_THRESHOLD: u64 = 3;

/// In how many parts the key is split.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With a seal in a key service the vault unseals itself, and the shares are of the recovery key.\n\n\
    Examples:\n  \
    vault operator init\n  \
    vault operator init -key-shares=1 -key-threshold=1 -format=json > keys.json\n  \
    vault operator init -recovery-shares=1 -recovery-threshold=1     seal in a key service\n  \
    vault operator init -status                                      exit code 0 initialised, 2 not"
)]
pub(crate) struct Args {
    /// Only say whether it is initialised: exit code 0, or 2 if not
    #[arg(long)]
    status: bool,
    /// Parts of the unseal key [default: 5]
    #[arg(long, visible_alias = "n", value_name = "N")]
    key_shares: Option<u64>,
    /// Parts needed to unseal [default: 3]
    #[arg(long, visible_alias = "t", value_name = "N")]
    key_threshold: Option<u64>,
    /// Parts of the recovery key, if a key service unseals [default: 5]
    #[arg(long, value_name = "N")]
    recovery_shares: Option<u64>,
    /// Parts needed to use it [default: 3]
    #[arg(long, value_name = "N")]
    recovery_threshold: Option<u64>,
    /// Parts of a break-glass key, which opens the vault if the key service's key is lost [default: none]
    #[arg(long, value_name = "N", requires = "break_glass_threshold")]
    break_glass_shares: Option<u64>,
    /// Parts needed to open with it
    #[arg(long, value_name = "N", requires = "break_glass_shares")]
    break_glass_threshold: Option<u64>,
    /// PGP public keys (base64), one a share, to encrypt the shares with
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pgp_keys: Vec<String>,
    /// The same for the shares of the recovery key
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    recovery_pgp_keys: Vec<String>,
    /// PGP public key (base64) to encrypt the root token with
    #[arg(long, value_name = "KEY")]
    root_token_pgp_key: Option<String>,
}

struct Split {
    shares: u64,
    threshold: u64,
    recovery_shares: u64,
    recovery_threshold: u64,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    if args.status {
        return status(session).await;
    }
    let request = Request::new(Method::GET, "sys/seal-status").root_namespace().preparatory();
    let seal =
        session.client.json(request).await.map_err(|error| error.during("Error checking seal status"))?;
    let split = if seal.get("recovery_seal").and_then(Value::as_bool).unwrap_or(false) {
        Split {
            shares: args.key_shares.unwrap_or(0),
            threshold: args.key_threshold.unwrap_or(0),
            recovery_shares: args.recovery_shares.unwrap_or(DEFAULT_SHARES),
            recovery_threshold: args.recovery_threshold.unwrap_or(DEFAULT_THRESHOLD),
        }
    } else {
        Split {
            shares: args.key_shares.unwrap_or(DEFAULT_SHARES),
            threshold: args.key_threshold.unwrap_or(DEFAULT_THRESHOLD),
            recovery_shares: 0,
            recovery_threshold: 0,
        }
    };
    let mut body = json!({
        "secret_shares": split.shares,
        "secret_threshold": split.threshold,
        "pgp_keys": args.pgp_keys,
        "recovery_shares": split.recovery_shares,
        "recovery_threshold": split.recovery_threshold,
        "recovery_pgp_keys": args.recovery_pgp_keys,
        "root_token_pgp_key": args.root_token_pgp_key.unwrap_or_default(),
    });
    if let (Some(shares), Some(threshold), Some(body)) =
        (args.break_glass_shares, args.break_glass_threshold, body.as_object_mut())
    {
        body.insert("break_glass_shares".to_owned(), shares.into());
        body.insert("break_glass_threshold".to_owned(), threshold.into());
    }
    let answer = session
        .client
        .json(Request::new(Method::PUT, "sys/init").root_namespace().body(body))
        .await
        .map_err(|error| error.during("Error initializing"))?;
    if session.screen.is_table() {
        session.screen.line(&narrated(&answer, &split))
    } else {
        session.screen.structured(&for_machines(&answer, &split))
    }
}

async fn status(session: &Session) -> Result<ExitCode, Error> {
    let request = Request::new(Method::GET, "sys/init").root_namespace();
    let answer = session
        .client
        .json(request)
        .await
        .map_err(|error| error.during("Error checking init status").into_local())?;
    let initialized = answer.get("initialized").and_then(Value::as_bool).unwrap_or(false);
    if session.screen.is_table() {
        session.screen.line(if initialized { "Vault is initialized" } else { "Vault is not initialized" })?;
    } else {
        session.screen.structured(&json!({"initialized": initialized}))?;
    }
    Ok(if initialized { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn texts<'a>(answer: &'a Value, key: &str) -> Vec<&'a str> {
    answer.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The base64 form if the server sent it, else hexadecimal.
fn shares<'a>(answer: &'a Value, key: &str) -> Vec<&'a str> {
    let base64 = texts(answer, &format!("{key}_base64"));
    if base64.is_empty() { texts(answer, key) } else { base64 }
}

fn narrated(answer: &Value, split: &Split) -> String {
    let mut lines = Vec::new();
    let unseal = shares(answer, "keys");
    let recovery = shares(answer, "recovery_keys");
    let break_glass = shares(answer, "break_glass_keys");
    for (name, keys) in [("Unseal", &unseal), ("Recovery", &recovery), ("Break-glass", &break_glass)] {
        lines.extend(keys.iter().enumerate().map(|(index, key)| format!("{name} Key {}: {key}", index + 1)));
    }
    let root = answer.get("root_token").and_then(Value::as_str).unwrap_or_default();
    lines.push(format!("\nInitial Root Token: {root}\n"));
    let Split { shares, threshold, recovery_shares, recovery_threshold } = split;
    if unseal.is_empty() {
        lines.push("Success! Vault is initialized".to_owned());
    } else {
        lines.push(format!(
            "Vault initialized with {shares} key shares and a key threshold of {threshold}.\n\
             Give the shares above to different people, and keep them apart from this machine.\n\
             After each start the vault is sealed: {threshold} of the shares open it (`vault operator unseal`).\n\n\
             Nobody can make these keys again. Without {threshold} of them the vault stays closed for ever."
        ));
    }
    if !recovery.is_empty() {
        lines.push(format!(
            "\nRecovery key initialized with {recovery_shares} key shares and a key threshold of {recovery_threshold}.\n\
             Give the shares above to different people. They allow to make a new root token;\n\
             they cannot decrypt anything if the key service's key is lost."
        ));
    }
    if !break_glass.is_empty() {
        lines.push(
            "\nThe break-glass shares open the vault without the key service (`vault operator unseal -break-glass`).\n\
             Who has enough of them and the storage has everything: keep them apart, and off this machine."
                .to_owned(),
        );
    }
    lines.join("\n")
}

fn for_machines(answer: &Value, split: &Split) -> Value {
    let hex = texts(answer, "keys");
    let stored = hex.is_empty();
    let mut machine = json!({
        "unseal_keys_b64": texts(answer, "keys_base64"),
        "unseal_keys_hex": hex,
        "unseal_shares": if stored { 1 } else { split.shares },
        "unseal_threshold": if stored { 1 } else { split.threshold },
        "recovery_keys_b64": texts(answer, "recovery_keys_base64"),
        "recovery_keys_hex": texts(answer, "recovery_keys"),
        "recovery_keys_shares": split.recovery_shares,
        "recovery_keys_threshold": split.recovery_threshold,
        "root_token": answer.get("root_token").and_then(Value::as_str).unwrap_or_default(),
    });
    let break_glass = texts(answer, "break_glass_keys_base64");
    if let (Some(machine), false) = (machine.as_object_mut(), break_glass.is_empty()) {
        machine.insert("break_glass_keys_b64".to_owned(), break_glass.into());
        machine.insert("break_glass_keys_hex".to_owned(), texts(answer, "break_glass_keys").into());
    }
    machine
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAMIR: Split = Split { shares: 2, threshold: 2, recovery_shares: 0, recovery_threshold: 0 };

    #[test]
    fn keys_of_shares_are_numbered() {
        let answer = json!({"keys": ["00", "01"], "keys_base64": ["AA==", "AQ=="], "root_token": "hvs.root"});
        let text = narrated(&answer, &SHAMIR);
        assert!(
            text.starts_with("Unseal Key 1: AA==\nUnseal Key 2: AQ==\n\nInitial Root Token: hvs.root\n\n"),
            "{text}"
        );
        assert!(text.contains("Vault initialized with 2 key shares and a key threshold of 2."), "{text}");
    }

    #[test]
    fn a_vault_that_unseals_itself_has_recovery_keys() {
        let split = Split { shares: 0, threshold: 0, recovery_shares: 1, recovery_threshold: 1 };
        let answer = json!({"keys": [], "keys_base64": [], "recovery_keys": ["02"], "recovery_keys_base64": ["Ag=="],
            "root_token": "hvs.root"});
        let text = narrated(&answer, &split);
        assert!(text.starts_with(
            "Recovery Key 1: Ag==\n\nInitial Root Token: hvs.root\n\nSuccess! Vault is initialized\n"
        ));
        let machine = for_machines(&answer, &split);
        assert_eq!(
            serde_json::to_string(&machine).unwrap(),
            r#"{"unseal_keys_b64":[],"unseal_keys_hex":[],"unseal_shares":1,"unseal_threshold":1,"recovery_keys_b64":["Ag=="],"recovery_keys_hex":["02"],"recovery_keys_shares":1,"recovery_keys_threshold":1,"root_token":"hvs.root"}"#
        );
    }
}
