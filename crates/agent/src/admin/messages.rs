//! Texts and pings over a connection.

use serde_json::{Value, json};

use super::call::Call;
use super::field::{Field, Shape};
use super::refusal::Refusal;
use super::route::Route;
use crate::protocols::{basic_message, trust_ping};
use crate::{Connection, Work};

pub(super) const ROUTES: &[Route] = &[
    Route::post("/connections/{conn_id}/send-message", |work, call| Box::pin(send_message(work, call)))
        .about("basicmessage", "Send a basic message to a connection")
        .body(&Shape {
            name: "SendMessage",
            fields: &[Field::text("content", "Message content").required()],
        }),
    Route::post("/connections/{conn_id}/send-ping", |work, call| Box::pin(send_ping(work, call)))
        .about("trustping", "Send a trust ping to a connection")
        .body(&Shape {
            name: "PingRequest",
            fields: &[Field::text("comment", "Comment for the ping message").nullable()],
        })
        .gives(&Shape {
            name: "PingRequestResponse",
            fields: &[Field::text("thread_id", "Thread ID of the ping message")],
        }),
];

/// ACA-Py answers `{}` for a connection that is not ready, and sends nothing. Here what is acknowledged is sent, so it is
/// refused, in the words of a ping's refusal.
async fn send_message(work: &mut Work, call: &Call) -> Result<Value, Refusal> {
    Connection::get(work, call.id()).await?;
    // Empty texts are sent as well.
    let content = call.body.get("content").and_then(Value::as_str).unwrap_or_default();
    basic_message::send(work, call.id(), content).await?;
    Ok(json!({}))
}

async fn send_ping(work: &mut Work, call: &Call) -> Result<Value, Refusal> {
    let thread = trust_ping::send(work, call.id(), call.text("comment")).await?;
    Ok(json!({ "thread_id": thread }))
}
