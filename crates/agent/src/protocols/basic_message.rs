//! `basicmessage/1.0` (RFC 0095): a text for whoever is behind the other agent.

use serde::Deserialize;
use serde_json::json;
use trustkeep_didcomm::Version;

use crate::{Connection, Error, Received, Result, Work, peer};

const VERSION: Version = Version::new(1, 0);

#[derive(Deserialize)]
struct Body {
    content: String,
    #[serde(default)]
    sent_time: Option<String>,
}

/// Sends a text.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::BadRequest`] if the connection does not stand yet.
pub async fn send(work: &mut Work, connection_id: &str, content: &str) -> Result<()> {
    let connection = Connection::get(work, connection_id).await?;
    if !connection.is_ready() {
        return Err(Error::BadRequest(format!("Connection {connection_id} not ready")));
    }
    let mut message = work.message("basicmessage", VERSION, "message");
    message.body.insert("sent_time".to_owned(), work.timestamp().into());
    message.body.insert("content".to_owned(), content.into());
    let target = peer::target(work, &connection).await?;
    work.send(&connection.id, &target, &message).await
}

pub(crate) async fn handle(work: &mut Work, received: &Received) -> Result<()> {
    let (message, Some(connection)) = (&received.message, &received.connection) else {
        tracing::info!("a basic message without a connection");
        return Ok(());
    };
    if message.kind.name != "message" || !connection.is_ready() {
        return Ok(());
    }
    let body: Body = message.body_as()?;
    let event = json!({
        "connection_id": connection.id,
        "message_id": message.id,
        "content": body.content,
        "state": "received",
        "sent_time": body.sent_time,
    });
    work.tell(&connection.id, "basicmessages", &event);
    if work.settings().auto_respond_messages && !body.content.contains("received your message") {
        let mut reply = work.reply(message, "message");
        let label = work.settings().label.clone().unwrap_or_default();
        reply.body.insert("sent_time".to_owned(), work.timestamp().into());
        reply.body.insert("content".to_owned(), format!("{label} received your message").into());
        let target = peer::target(work, connection).await?;
        work.send(&connection.id, &target, &reply).await?;
    }
    Ok(())
}
