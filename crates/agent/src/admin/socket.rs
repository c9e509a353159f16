//! The WebSocket of the admin API: what happens, as it happens.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use http::{Request, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::Admin;
use super::refusal::{AdminResponse, plain};
use crate::upgrade;

/// The path.
pub(super) const PATH: &str = "/ws";
/// Sockets at one time.
pub(super) const SOCKETS_MAX: usize = 1_000;
/// When nothing was said for so long, a ping is: interfaces in browsers see no pings of the protocol.
const QUIET_MAX: Duration = Duration::from_secs(5);
/// Bytes of a frame that comes in: a key and what is around it.
const FRAME_BYTES_MAX: usize = 16 << 10;

/// Begins a socket; what it says is for who says the key, at once or in a frame.
pub(super) fn begin<B>(admin: &Admin, mut request: Request<B>) -> AdminResponse {
    let Some(accepted) = upgrade::accepted(&request) else {
        return plain(StatusCode::BAD_REQUEST, "No WebSocket UPGRADE hdr");
    };
    let Ok(permit) = admin.0.socket_room.clone().try_acquire_owned() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "Too many WebSockets");
    };
    let is_authenticated = admin.is_authenticated(request.headers());
    let upgrade = hyper::upgrade::on(&mut request);
    admin.0.sockets.spawn(run(admin.clone(), upgrade, is_authenticated, permit));
    accepted
}

async fn run(admin: Admin, upgrade: OnUpgrade, is_authenticated: bool, permit: OwnedSemaphorePermit) {
    let stream = tokio::select! {
        stream = upgrade => match stream {
            Ok(stream) => stream,
            Err(error) => return tracing::debug!(%error, "a WebSocket of the admin API did not begin"),
        },
        () = admin.0.shutdown.wait() => return,
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, Some(config)).await;
    talk(&admin, socket, is_authenticated).await;
    drop(permit);
}

async fn talk(admin: &Admin, mut socket: WebSocketStream<TokioIo<Upgraded>>, mut is_authenticated: bool) {
    let mut events = admin.0.agent.feed().listen();
    let mut saying = Some(settings(admin, is_authenticated));
    let mut quiet = Instant::now() + QUIET_MAX;
    loop {
        if let Some(frame) = saying.take() {
            let sent = socket.send(Message::Text(frame.into()));
            // Who reads nothing is not waited for.
            if !matches!(tokio::time::timeout(QUIET_MAX, sent).await, Ok(Ok(()))) {
                return;
            }
            quiet = Instant::now() + QUIET_MAX;
        }
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) if is_authenticated => saying = frame(&event),
                Ok(_) => {}
                Err(RecvError::Lagged(count)) => {
                    tracing::warn!(count, "events were missed by a slow WebSocket of the admin API");
                }
                Err(RecvError::Closed) => return,
            },
            said = socket.next() => match said {
                Some(Ok(Message::Text(said))) => is_authenticated = is_authenticated || says_key(admin, &said),
                Some(Ok(Message::Ping(_))) => if socket.flush().await.is_err() { return },
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    // Writes the answer, if the other side is still there.
                    let _ = socket.flush().await;
                    return;
                }
                Some(Ok(_)) => {}
            },
            () = sleep_until(quiet) => {
                saying = Some(json!({"topic": "ping", "authenticated": is_authenticated}).to_string());
            }
            () = admin.0.shutdown.wait() => {
                // The other side may have gone, or read nothing: it is not waited for.
                let _ = tokio::time::timeout(QUIET_MAX, socket.close(None)).await;
                return;
            }
        }
    }
}

/// What is said first.
fn settings(admin: &Admin, is_authenticated: bool) -> String {
    let agent = admin.0.agent.settings();
    json!({
        "topic": "settings",
        "payload": {
            "authenticated": is_authenticated,
            "label": agent.label,
            "endpoint": agent.endpoints.first(),
            "no_receive_invites": admin.0.settings.no_receive_invites,
            "help_link": admin.0.settings.help_link,
        },
    })
    .to_string()
}

/// An event as interfaces know it.
fn frame(event: &str) -> Option<String> {
    let event: Value = serde_json::from_str(event).ok()?;
    Some(json!({"topic": event.get("topic"), "payload": event.get("payload")}).to_string())
}

fn says_key(admin: &Admin, said: &str) -> bool {
    let Some(key) = &admin.0.settings.api_key else { return true };
    let said: Value = serde_json::from_str(said).unwrap_or_default();
    said.get("x-api-key").and_then(Value::as_str).is_some_and(|said| key.ct_eq(said))
}
