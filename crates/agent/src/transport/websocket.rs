//! Messages that come over WebSockets, and sessions over which messages go back.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_util::task::TaskTracker;
use trustkeep_chassis::http::{Incoming, Listener, service_fn};
use trustkeep_chassis::shutdown::Shutdown;

use super::sessions::{Session, Sessions};
use super::taking::Taken;
use crate::{Agent, upgrade};

/// Sockets at one time.
const SOCKETS_MAX: usize = 10_000;
/// A socket's buffers: there may be thousands that are silent.
const BUFFER_BYTES: usize = 4 * 1024;

/// Takes messages that come over the sockets of a listener, until the shutdown. A task for the supervisor.
///
/// # Errors
/// Never; the signature is that of a supervised task.
pub(super) async fn serve(
    agent: Agent,
    sessions: Sessions,
    listener: Listener,
    shutdown: Shutdown,
) -> Result<(), Infallible> {
    let sockets = TaskTracker::new();
    let door = Arc::new(Door {
        agent,
        sessions,
        room: Arc::new(Semaphore::new(SOCKETS_MAX)),
        sockets: sockets.clone(),
        shutdown: shutdown.clone(),
    });
    let service = service_fn(move |request| {
        let door = door.clone();
        async move { Ok::<_, Infallible>(door.answer(request)) }
    });
    listener.serve(service, shutdown).await?;
    // Each has seen the shutdown and says good-bye.
    sockets.close();
    sockets.wait().await;
    Ok(())
}

struct Door {
    agent: Agent,
    sessions: Sessions,
    room: Arc<Semaphore>,
    sockets: TaskTracker,
    shutdown: Shutdown,
}

impl Door {
    fn answer(self: &Arc<Self>, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let Some(accepted) = upgrade::accepted(&request) else {
            return refusal(StatusCode::BAD_REQUEST, "400: No WebSocket UPGRADE hdr");
        };
        let Ok(permit) = self.room.clone().try_acquire_owned() else {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "503: Too many WebSockets");
        };
        let upgrade = hyper::upgrade::on(&mut request);
        self.sockets.spawn(self.clone().run(upgrade, permit));
        accepted
    }

    async fn run(self: Arc<Self>, upgrade: OnUpgrade, permit: OwnedSemaphorePermit) {
        let stream = tokio::select! {
            stream = upgrade => match stream {
                Ok(stream) => stream,
                Err(error) => return tracing::debug!(%error, "a WebSocket did not begin"),
            },
            () = self.shutdown.wait() => return,
        };
        let limit = self.agent.settings().transport.message_bytes_max;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(BUFFER_BYTES)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, Some(config)).await;
        metrics::gauge!("agent_websockets").increment(1.0);
        self.talk(socket).await;
        metrics::gauge!("agent_websockets").decrement(1.0);
        drop(permit);
    }

    async fn talk(&self, mut socket: WebSocketStream<TokioIo<Upgraded>>) {
        let settings = &self.agent.settings().transport;
        let clock = self.agent.clock();
        let (session, mut frames) = self.sessions.open();
        let _closes = session.closes();
        self.sockets.spawn(session.clone().pump(self.agent.wallet().clone()));
        let mut beats = interval(settings.heartbeat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = clock.monotonic();
        let code = loop {
            tokio::select! {
                message = socket.next() => {
                    heard = clock.monotonic();
                    match message {
                        Some(Ok(Message::Text(text))) => {
                            if let Some(code) = self.take(&session, text.as_bytes()).await {
                                break Some(code);
                            }
                        }
                        Some(Ok(Message::Binary(bytes))) => {
                            if let Some(code) = self.take(&session, &bytes).await {
                                break Some(code);
                            }
                        }
                        // The answer to what the other side asks is written with what comes next.
                        Some(Ok(Message::Ping(_))) => if socket.flush().await.is_err() { break None },
                        Some(Ok(Message::Pong(_) | Message::Frame(_))) => {}
                        Some(Ok(Message::Close(_))) => {
                            // Writes the answer.
                            let _ = socket.flush().await;
                            break None;
                        }
                        Some(Err(error)) => {
                            tracing::debug!(%error, "a WebSocket broke");
                            break None;
                        }
                        None => break None,
                    }
                }
                Some(frame) = frames.recv() => {
                    if socket.send(Message::Binary(frame.envelope.into())).await.is_err() {
                        break None;
                    }
                    // Who waited for it may have gone.
                    let _ = frame.written.send(());
                }
                _ = beats.tick() => {
                    if clock.monotonic().saturating_sub(heard) > settings.silence_max {
                        break Some(CloseCode::Away);
                    }
                    if socket.send(Message::Ping(Bytes::new())).await.is_err() {
                        break None;
                    }
                }
                () = self.shutdown.wait() => break Some(CloseCode::Away),
            }
        };
        session.close();
        if let Some(code) = code {
            let frame = CloseFrame { code, reason: "".into() };
            // Until the other side has closed too: what it has sent and nobody reads would tear the connection down before
            // our last frame is read. It may have gone, or read nothing: it is not waited for long.
            let goodbye = async {
                if socket.send(Message::Close(Some(frame))).await.is_ok() {
                    while let Some(Ok(_)) = socket.next().await {}
                }
            };
            let _ = tokio::time::timeout(settings.heartbeat, goodbye).await;
        }
    }

    /// Takes a frame; gives the code to close with, if that is what follows.
    async fn take(&self, session: &Arc<Session>, bytes: &[u8]) -> Option<CloseCode> {
        match Taken::take(&self.agent, bytes, false).await {
            Taken::Done(receipt) => {
                session.took(&receipt);
                None
            }
            Taken::Ignored => None,
            Taken::Unparsable => Some(CloseCode::Unsupported),
            // There is no other way to say that a message was not taken.
            Taken::Unavailable => Some(CloseCode::Again),
            Taken::Failed => Some(CloseCode::Error),
        }
    }
}

fn refusal(status: StatusCode, words: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(words.as_bytes())));
    *response.status_mut() = status;
    response
}
