//! `vault status`: sealed or not, active or standby.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Map, Value};

use super::client::Request;
use super::error::Error;
use super::session::Session;
use super::table;

/// Nothing but the common flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 unsealed, 1 error, 2 sealed.\n\nExamples:\n  \
    vault status\n  \
    vault status -format=json\n  \
    vault status -field=ha_mode")]
pub(crate) struct Args {}

pub(crate) async fn run(session: &Session, _args: Args) -> Result<ExitCode, Error> {
    let seal = session
        .client
        .json(Request::new(Method::GET, "sys/seal-status").root_namespace())
        .await
        .map_err(|error| error.during("Error checking seal status").into_local())?;
    show(session, seal).await.map_err(Error::into_local)
}

/// Shows a seal status completed with the leader; also after `unseal`.
pub(super) async fn show(session: &Session, seal: Value) -> Result<ExitCode, Error> {
    let Value::Object(mut status) = seal else {
        return Err(Error::Nothing("The answer is no seal status. Is a vault at that address?".to_owned()));
    };
    let sealed = flag(&status, "sealed");
    let leader = session.client.json(Request::new(Method::GET, "sys/leader").root_namespace()).await;
    match leader {
        Ok(Value::Object(leader)) => {
            for key in ["ha_enabled", "is_self", "active_time", "leader_address", "leader_cluster_address"] {
                // Text that is empty and "false" are left out, as the family's tool does.
                let told = leader.get(key).filter(|value| {
                    key == "ha_enabled" || (**value != Value::Bool(false) && value.as_str() != Some(""))
                });
                if let Some(value) = told {
                    status.insert(key.to_owned(), value.clone());
                }
            }
        }
        // A sealed vault does not know its leader; that it says so means that high availability is on.
        Err(error) if error.to_string().contains("Vault is sealed") => {
            status.insert("ha_enabled".to_owned(), Value::Bool(true));
        }
        Ok(_) => {}
        Err(error) => return Err(error.during("Error checking leader status")),
    }
    if let Some(name) = session.screen.wanted_field() {
        let mode = Value::from(if flag(&status, "is_self") { "active" } else { "standby" });
        let value = if name == "ha_mode" { Some(&mode) } else { status.get(name) };
        session.screen.field_value(value, name, "seal status")?;
    } else if session.screen.is_table() {
        session.screen.line(&table::table(&["Key", "Value"], rows(&status)))?;
    } else {
        session.screen.structured(&Value::Object(status))?;
    }
    Ok(if sealed { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

fn rows(status: &Map<String, Value>) -> Vec<Vec<String>> {
    let text = |key: &str| {
        status.get(key).filter(|value| !value.is_null()).map(table::plain).filter(|text| !text.is_empty())
    };
    let number = |key: &str| text(key).unwrap_or_else(|| "0".to_owned());
    let recovery = if flag(status, "recovery_seal") { "Recovery " } else { "" };
    let sealed = flag(status, "sealed");
    let mut rows = Vec::new();
    let mut row = |key: &str, value: String| rows.push(vec![key.to_owned(), value]);
    row(&format!("{recovery}Seal Type"), text("type").unwrap_or_default());
    row("Initialized", flag(status, "initialized").to_string());
    row("Sealed", sealed.to_string());
    row(&format!("Total {recovery}Shares"), number("n"));
    row("Threshold", number("t"));
    if sealed {
        row("Unseal Progress", format!("{}/{}", number("progress"), number("t")));
        row("Unseal Nonce", text("nonce").unwrap_or_default());
    }
    if flag(status, "migration") {
        row("Seal Migration in Progress", "true".to_owned());
    }
    for (key, title) in
        [("version", "Version"), ("build_date", "Build Date"), ("storage_type", "Storage Type")]
    {
        if let Some(value) = text(key) {
            row(title, value);
        }
    }
    if let (Some(name), Some(id)) = (text("cluster_name"), text("cluster_id")) {
        row("Cluster Name", name);
        row("Cluster ID", id);
    }
    let available = flag(status, "ha_enabled");
    row("HA Enabled", available.to_string());
    if available && !sealed {
        let active = flag(status, "is_self");
        row("HA Cluster", text("leader_cluster_address").unwrap_or_default());
        row("HA Mode", if active { "active" } else { "standby" }.to_owned());
        if let Some(since) = text("active_time").filter(|time| active && !time.starts_with("0001-01-01")) {
            row("Active Since", since);
        }
        if let Some(address) = text("leader_address").filter(|_| !active) {
            row("Active Node Address", address);
        }
    }
    rows
}

fn flag(status: &Map<String, Value>, key: &str) -> bool {
    status.get(key).and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(status: Value) -> String {
        table::table(&["Key", "Value"], rows(status.as_object().unwrap()))
    }

    #[test]
    fn a_sealed_vault() {
        let status = json!({"type": "shamir", "initialized": true, "sealed": true, "t": 3, "n": 5, "progress": 1,
            "nonce": "abc", "version": "1.14.8", "build_date": "2023-11-30T12:00:00Z", "migration": false,
            "recovery_seal": false, "storage_type": "dynamodb", "ha_enabled": true});
        assert_eq!(
            shown(status),
            "Key                Value\n\
             ---                -----\n\
             Seal Type          shamir\n\
             Initialized        true\n\
             Sealed             true\n\
             Total Shares       5\n\
             Threshold          3\n\
             Unseal Progress    1/3\n\
             Unseal Nonce       abc\n\
             Version            1.14.8\n\
             Build Date         2023-11-30T12:00:00Z\n\
             Storage Type       dynamodb\n\
             HA Enabled         true"
        );
    }

    #[test]
    fn an_active_node_with_automatic_unseal_and_a_standby() {
        let active = json!({"type": "shamir", "initialized": true, "sealed": false, "t": 1, "n": 1, "recovery_seal": true,
            "cluster_name": "c", "cluster_id": "i", "ha_enabled": true, "is_self": true,
            "active_time": "2024-01-02T03:04:05Z", "leader_address": "http://a:8200",
            "leader_cluster_address": "https://a:8201"});
        let text = shown(active.clone());
        assert!(text.contains("Recovery Seal Type       shamir\n"), "{text}");
        assert!(text.contains("Total Recovery Shares    1\n"), "{text}");
        assert!(
            text.ends_with("HA Mode                  active\nActive Since             2024-01-02T03:04:05Z"),
            "{text}"
        );
        let mut standby = active;
        standby["is_self"] = json!(false);
        let text = shown(standby);
        assert!(
            text.ends_with("HA Mode                  standby\nActive Node Address      http://a:8200"),
            "{text}"
        );
    }
}
