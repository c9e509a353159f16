//! A client of the RPC of `serf agent` (serf: `docs/agent/rpc.html`, version 1): MessagePack over TCP, each message a header and, for
//! most, a body.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use trustkeep_crypto::SecretString;

use super::MemberEventKind;
use super::frame::{Frame, FrameError};

/// A connection on which events arrive.
#[derive(Debug)]
pub(super) struct Rpc {
    stream: TcpStream,
    /// What has arrived and was not read yet.
    bytes: Vec<u8>,
    /// Its first message.
    frame: Frame,
    /// A header that waits for its body: [`Rpc::next`] may be dropped between the two.
    header: Option<ResponseHeader>,
    /// Streams whose answer is still to come; what comes under their numbers later are events.
    unanswered: Vec<u64>,
}

/// What the agent said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something happened to these members.
    Event(MemberEventKind, Vec<Member>),
    /// All members, as [`Rpc::ask_for_members`] wanted.
    Members(Vec<Member>),
    /// Something that nobody asked for.
    Other,
}

/// A member, as far as it concerns us.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Member {
    #[serde(rename = "Name")]
    pub(super) name: String,
    #[serde(rename = "Addr", default, deserialize_with = "address")]
    pub(super) address: Option<IpAddr>,
    /// `alive`, `leaving`, `left`, `failed`; empty in some events.
    #[serde(rename = "Status", default)]
    pub(super) status: String,
}

impl Member {
    /// The event that leads to this status; `None` on the way between two.
    pub(super) fn standing(&self) -> Option<MemberEventKind> {
        Some(match self.status.as_str() {
            "alive" => MemberEventKind::Joined,
            "left" => MemberEventKind::Left,
            "failed" => MemberEventKind::Failed,
            _ => return None,
        })
    }
}

/// Why the agent cannot be listened to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("no connection to its RPC: {0}")]
    Connection(#[from] io::Error),
    #[error("its RPC closed the connection")]
    Closed,
    #[error("its RPC does not answer in {} s", ANSWER_MAX.as_secs())]
    Silent,
    #[error("its RPC refuses {command}: {text}")]
    Refused { command: &'static str, text: String },
    #[error("its RPC speaks otherwise: {0}")]
    Frame(#[from] FrameError),
    #[error("its RPC speaks otherwise: {0}")]
    Message(#[from] rmp_serde::decode::Error),
}

impl Rpc {
    /// Connects, shows the key, and asks for the events of members.
    pub(super) async fn connect(address: SocketAddr, key: &SecretString) -> Result<Self, Error> {
        let greeting = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let mut rpc =
                Self { stream, bytes: Vec::new(), frame: Frame::new(), header: None, unanswered: Vec::new() };
            rpc.call("handshake", &Handshake { version: 1 }).await?;
            rpc.call("auth", &Auth { key: key.expose() }).await?;
            for (kind, seq) in STREAMS.iter().zip(STREAMS_FROM..) {
                rpc.unanswered.push(seq);
                rpc.send("stream", seq, Some(&Stream { kind })).await?;
            }
            Ok(rpc)
        };
        tokio::time::timeout(ANSWER_MAX, greeting).await.unwrap_or(Err(Error::Silent))
    }

    /// Asks for the list of all members; [`Self::next`] gives it.
    pub(super) async fn ask_for_members(&mut self) -> Result<(), Error> {
        self.send("members", MEMBERS, None::<&()>).await
    }

    /// What comes next. May be dropped and called again: nothing is lost.
    pub(super) async fn next(&mut self) -> Result<Heard, Error> {
        loop {
            let Some(header) = &self.header else {
                let header: ResponseHeader = self.message().await?;
                if !header.error.is_empty() {
                    return Err(Error::Refused { command: "a request", text: shown(&header.error) });
                }
                if self.unanswered.contains(&header.seq) {
                    self.unanswered.retain(|seq| *seq != header.seq);
                } else {
                    self.header = Some(header);
                }
                continue;
            };
            let heard = match header.seq {
                MEMBERS => Heard::Members(self.message::<Members>().await?.members),
                STREAMS_FROM.. => {
                    let event: Event = self.message().await?;
                    kind(&event.kind).map_or(Heard::Other, |kind| Heard::Event(kind, event.members))
                }
                // It has no body.
                _ => Heard::Other,
            };
            self.header = None;
            return Ok(heard);
        }
    }

    /// A command that is answered by a header alone, before there are events.
    async fn call(&mut self, command: &'static str, body: &impl Serialize) -> Result<(), Error> {
        self.send(command, GREETING, Some(body)).await?;
        let header: ResponseHeader = self.message().await?;
        if header.error.is_empty() {
            return Ok(());
        }
        Err(Error::Refused { command, text: shown(&header.error) })
    }

    async fn send<T: Serialize>(
        &mut self,
        command: &'static str,
        seq: u64,
        body: Option<&T>,
    ) -> Result<(), Error> {
        let written = |error: rmp_serde::encode::Error| io::Error::other(error.to_string());
        let mut bytes = rmp_serde::to_vec_named(&RequestHeader { command, seq }).map_err(written)?;
        if let Some(body) = body {
            bytes.extend(rmp_serde::to_vec_named(body).map_err(written)?);
        }
        Ok(self.stream.write_all(&bytes).await?)
    }

    async fn message<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        loop {
            if let Some(end) = self.frame.end(&self.bytes)? {
                let message = rmp_serde::from_slice(self.bytes.get(..end).unwrap_or_default());
                self.bytes.drain(..end);
                self.frame = Frame::new();
                return Ok(message?);
            }
            if self.stream.read_buf(&mut self.bytes).await? == 0 {
                return Err(Error::Closed);
            }
        }
    }
}

#[derive(Serialize)]
struct RequestHeader {
    #[serde(rename = "Command")]
    command: &'static str,
    #[serde(rename = "Seq")]
    seq: u64,
}

#[derive(Debug, Deserialize)]
struct ResponseHeader {
    #[serde(rename = "Seq")]
    seq: u64,
    #[serde(rename = "Error", default)]
    error: String,
}

#[derive(Serialize)]
struct Handshake {
    #[serde(rename = "Version")]
    version: u32,
}

#[derive(Serialize)]
struct Auth<'a> {
    #[serde(rename = "AuthKey")]
    key: &'a str,
}

#[derive(Serialize)]
struct Stream {
    #[serde(rename = "Type")]
    kind: &'static str,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Event")]
    kind: String,
    #[serde(rename = "Members", default)]
    members: Vec<Member>,
}

#[derive(Deserialize)]
struct Members {
    #[serde(rename = "Members", default)]
    members: Vec<Member>,
}

fn kind(name: &str) -> Option<MemberEventKind> {
    Some(match name {
        "member-join" => MemberEventKind::Joined,
        "member-leave" => MemberEventKind::Left,
        "member-failed" => MemberEventKind::Failed,
        "member-update" => MemberEventKind::Updated,
        "member-reap" => MemberEventKind::Reaped,
        _ => return None,
    })
}

fn shown(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}

/// An address as Go keeps it: 4 or 16 bytes, in a field for text.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    struct Bytes;
    impl Visitor<'_> for Bytes {
        type Value = Option<IpAddr>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an address of 4 or 16 bytes")
        }

        fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            let of_4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            Ok(of_4
                .or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| IpAddr::from(bytes).to_canonical()))
                .ok())
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            self.visit_bytes(text.as_bytes())
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    deserializer.deserialize_any(Bytes)
}

/// The numbers of our requests; answers and events carry them.
const GREETING: u64 = 1;
const MEMBERS: u64 = 2;
const STREAMS_FROM: u64 = 3;

/// One stream for each, since a text of more than 31 bytes would take a form of MessagePack that old agents do not read.
const STREAMS: [&str; 3] = ["member-join,member-leave", "member-failed,member-update", "member-reap"];

/// For the greeting, all of it.
const ANSWER_MAX: Duration = Duration::from_secs(10);
