//! `vault secrets move` and `vault auth move`.

use std::process::ExitCode;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::Request;
use super::error::Error;
use super::path;
use super::session::Session;

/// Moves what is at `from` to `to`, and waits until it is there. `what` is its kind, for messages.
pub(super) async fn run(session: &Session, what: &str, from: &str, to: &str) -> Result<ExitCode, Error> {
    let (from, to) = (path::mount(from), path::mount(to));
    let doing = format!("Error moving {what} {from} to {to}");
    let request = Request::new(Method::POST, "sys/remount").body(json!({"from": from, "to": to}));
    let started = session.data(request).await.map_err(|error| error.during(doing.as_str()))?;
    let Some(id) = started.get("migration_id").and_then(Value::as_str).map(str::to_owned) else {
        return session.screen.line(&format!("Success! Moved {what} {from} to: {to}"));
    };
    session.screen.line(&format!("Started moving {what} {from} to {to}, with migration ID {id}"))?;
    let status_path = format!("sys/remount/status/{id}");
    loop {
        let state = session.data(Request::new(Method::GET, &status_path)).await.map_err(|error| {
            error.during(format!("Error checking migration status of {what} {from} to {to}"))
        })?;
        let status = state.pointer("/migration_info/status").and_then(Value::as_str).unwrap_or_default();
        match status {
            "success" => {
                return session.screen.line(&format!(
                    "Success! Finished moving {what} {from} to {to}, with migration ID {id}"
                ));
            }
            "failure" => {
                return Err(Error::Nothing(format!(
                    "Failure! Error encountered moving {what} {from} to {to}, with migration ID {id}"
                )));
            }
            _ => {
                session.screen.line(&format!(
                    "Waiting for terminal status in migration of {what} {from} to {to}, with migration ID {id}"
                ))?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}
