//! `notification/1.0` and `report-problem/1.0` (RFC 0035): what went wrong outside any protocol.

use serde_json::{Value, json};
use trustkeep_didcomm::Version;

use crate::{Received, Result, Work, peer};

/// Under which name ACA-Py sends and takes them.
const PROTOCOL: &str = "notification";
const VERSION: Version = Version::new(1, 0);
const NAME: &str = "problem-report";
/// ACA-Py's code for what it cannot read.
const PARSE_FAILURE: &str = "message-parse-failure";

pub(super) async fn handle(work: &mut Work, received: &Received) -> Result<()> {
    let message = &received.message;
    if !is_report(&message.kind.name) {
        return unknown(work, received).await;
    }
    let lane = received.connection.as_ref().map_or(message.id.as_str(), |connection| &connection.id);
    tracing::info!(lane, "a problem report");
    let told = Value::Object(message.to_object());
    work.tell(lane, "problem_report", &told);
    Ok(())
}

/// Tells the sender of a message that its type is not known here.
///
/// # Errors
/// The sender cannot be reached.
pub(super) async fn unknown(work: &mut Work, received: &Received) -> Result<()> {
    let words = format!("Unrecognized message type {}", received.message.kind);
    refuse(work, received, &words).await
}

/// Tells the sender of a message that it cannot be read. Nobody is answered who has no connection, and no problem report
/// is ever answered with another.
///
/// # Errors
/// The sender cannot be reached.
pub(super) async fn refuse(work: &mut Work, received: &Received, words: &str) -> Result<()> {
    let message = &received.message;
    tracing::info!(words, "a message that cannot be read");
    let Some(connection) = received.connection.as_ref().filter(|connection| connection.is_ready()) else {
        return Ok(());
    };
    if is_report(&message.kind.name) {
        return Ok(());
    }
    let mut report = work.reply(message, NAME);
    PROTOCOL.clone_into(&mut report.kind.protocol);
    report.kind.version = VERSION;
    report.body.insert("description".to_owned(), json!({"en": words, "code": PARSE_FAILURE}));
    let target = peer::target(work, connection).await?;
    work.send(&connection.id, &target, &report).await
}

fn is_report(name: &str) -> bool {
    matches!(name, "problem-report" | "problem_report")
}
