//! A load generator as thin as can be: requests are made beforehand, answers are read to their length.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::Server;

/// A request, ready to be sent.
pub(crate) struct Request(Vec<u8>);

impl Request {
    pub(crate) fn get(server: &Server, path: &str) -> Self {
        let Server { address, token, .. } = server;
        Request(
            format!("GET /v1/{path} HTTP/1.1\r\nHost: {address}\r\nX-Vault-Token: {token}\r\n\r\n")
                .into_bytes(),
        )
    }

    pub(crate) fn post(server: &Server, path: &str, body: &Value) -> Self {
        let Server { address, token, .. } = server;
        let body = body.to_string();
        let length = body.len();
        Request(
            format!(
                "POST /v1/{path} HTTP/1.1\r\nHost: {address}\r\nX-Vault-Token: {token}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .into_bytes(),
        )
    }
}

/// A kept connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(server: &Server) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(&server.address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a request and reads its answer, which must be a success.
    pub(crate) async fn send(&mut self, request: &Request) -> anyhow::Result<()> {
        self.stream.write_all(&request.0).await?;
        self.buffer.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            if let Some(length) = answer_length(&self.buffer)?
                && self.buffer.len() >= length
            {
                return Ok(());
            }
        }
    }
}

/// How long the answer is, once its head is there.
fn answer_length(buffer: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(buffer.get(..head).unwrap_or_default())?;
    ensure!(text.starts_with("HTTP/1.1 2"), "not a success: {}", String::from_utf8_lossy(buffer));
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.unwrap_or("0").trim().parse().context("content-length")?;
    Ok(Some(head + 4 + length))
}
