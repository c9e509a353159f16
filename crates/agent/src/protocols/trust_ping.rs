//! `trust_ping/1.0` (RFC 0048): is the other agent there?

use serde::Deserialize;
use serde_json::json;
use trustkeep_didcomm::Version;

use crate::{Connection, Error, Received, Result, Work, peer};

const VERSION: Version = Version::new(1, 0);

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    comment: Option<String>,
    #[serde(default = "yes")]
    response_requested: bool,
}

/// Sends a ping and gives its thread.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::BadRequest`] if the connection does not stand yet.
pub async fn send(work: &mut Work, connection_id: &str, comment: Option<&str>) -> Result<String> {
    let connection = Connection::get(work, connection_id).await?;
    if !connection.is_ready() {
        return Err(Error::BadRequest(format!("Connection {connection_id} not ready")));
    }
    ping(work, &connection, comment).await
}

/// Pings over a connection, whatever its state.
pub(crate) async fn ping(work: &mut Work, connection: &Connection, comment: Option<&str>) -> Result<String> {
    let mut message = work.message("trust_ping", VERSION, "ping");
    message.body.insert("response_requested".to_owned(), true.into());
    if let Some(comment) = comment {
        message.body.insert("comment".to_owned(), comment.into());
    }
    let target = peer::target(work, connection).await?;
    work.send(&connection.id, &target, &message).await?;
    Ok(message.id)
}

pub(crate) async fn handle(work: &mut Work, received: &Received) -> Result<()> {
    let (message, Some(connection)) = (&received.message, &received.connection) else {
        tracing::info!("a ping without a connection");
        return Ok(());
    };
    if !connection.is_ready() {
        return Ok(());
    }
    let body: Body = message.body_as()?;
    let (state, is_answered) = match message.kind.name.as_str() {
        "ping" => ("received", body.response_requested),
        "ping_response" => ("response_received", false),
        _ => return Ok(()),
    };
    if is_answered {
        let reply = work.reply(message, "ping_response");
        let target = peer::target(work, connection).await?;
        work.send(&connection.id, &target, &reply).await?;
    }
    if work.settings().monitor_ping {
        let event = json!({
            "comment": body.comment,
            "connection_id": connection.id,
            "responded": is_answered,
            "state": state,
            "thread_id": message.thread_id(),
        });
        work.tell(&connection.id, "ping", &event);
    }
    Ok(())
}

fn yes() -> bool {
    true
}
