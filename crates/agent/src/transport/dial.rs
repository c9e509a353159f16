//! A message over a WebSocket that we open: one socket a message, as other agents expect it.

use futures::{SinkExt as _, StreamExt as _};
use http::StatusCode;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use reqwest::Url;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::outbound::words;
use crate::Agent;

/// Answers that may come before the other side closes.
const ANSWERS_MAX: usize = 16;

/// Sends a message. It has arrived when the other side closes after us: it has read all that came before.
pub(super) async fn send(
    agent: &Agent,
    client: &reqwest::Client,
    mut url: Url,
    envelope: String,
) -> Result<(), String> {
    let scheme = if url.scheme() == "wss" { "https" } else { "http" };
    // Both are special schemes: the change is always allowed.
    if url.set_scheme(scheme).is_err() {
        return Err("not the address of a WebSocket".to_owned());
    }
    let key = generate_key();
    let request = client
        .get(url)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key);
    let response = request.send().await.map_err(|error| words(&error))?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(format!("Unexpected response status {}", response.status().as_u16()));
    }
    let accept = response.headers().get(SEC_WEBSOCKET_ACCEPT).map(|accept| accept.as_bytes().to_vec());
    if accept.as_deref() != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err("the answer is not that of a WebSocket".to_owned());
    }
    let stream = response.upgrade().await.map_err(|error| words(&error))?;
    let limit = agent.settings().transport.message_bytes_max;
    let config = WebSocketConfig::default().max_message_size(Some(limit)).max_frame_size(Some(limit));
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
    let broke = |error| format!("the WebSocket broke: {error}");
    socket.send(Message::Binary(envelope.into())).await.map_err(broke)?;
    socket.send(Message::Close(None)).await.map_err(broke)?;
    for _ in 0..ANSWERS_MAX {
        match socket.next().await {
            Some(Ok(Message::Close(Some(frame))))
                if !matches!(frame.code, CloseCode::Normal | CloseCode::Away | CloseCode::Status) =>
            {
                return Err(format!("the WebSocket was closed with {}", u16::from(frame.code)));
            }
            Some(Ok(Message::Close(_))) => return Ok(()),
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                if let Err(error) = agent.receive(&message.into_data()).await {
                    tracing::debug!(%error, "an answer that is no message for us");
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(broke(error)),
            None => return Err("the WebSocket ended without being closed".to_owned()),
        }
    }
    Err("the other side does not close the WebSocket".to_owned())
}
