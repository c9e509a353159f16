//! A load generator as thin as can be: requests are made beforehand, answers are read to their length.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request, ready to be sent.
pub(crate) struct Request(Vec<u8>);

impl Request {
    pub(crate) fn get(token: &str, path: &str) -> Self {
        Request(
            format!("GET /v1/{path} HTTP/1.1\r\nHost: bench\r\nX-Vault-Token: {token}\r\n\r\n").into_bytes(),
        )
    }

    pub(crate) fn post(token: &str, path: &str, body: &Value) -> Self {
        let body = body.to_string();
        let length = body.len();
        let token = if token.is_empty() { String::new() } else { format!("X-Vault-Token: {token}\r\n") };
        Request(
            format!(
                "POST /v1/{path} HTTP/1.1\r\nHost: bench\r\n{token}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
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
    pub(crate) async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a request and reads its answer, which must be a success.
    pub(crate) async fn send(&mut self, request: &Request) -> anyhow::Result<()> {
        let (status, _) = self.exchange(request).await?;
        ensure!(status.starts_with('2'), "not a success: {}", String::from_utf8_lossy(&self.buffer));
        Ok(())
    }

    /// The same, with the JSON of the answer; `null` if it has none.
    pub(crate) async fn ask(&mut self, request: &Request) -> anyhow::Result<Value> {
        self.send(request).await?;
        let (_, head) = answer(&self.buffer)?.context("an answer")?.0;
        let body = self.buffer.get(head..).unwrap_or_default();
        if body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(body)?) }
    }

    /// Sends a request and gives the status of its answer.
    pub(crate) async fn status(&mut self, request: &Request) -> anyhow::Result<String> {
        Ok(self.exchange(request).await?.0)
    }

    async fn exchange(&mut self, request: &Request) -> anyhow::Result<(String, usize)> {
        self.stream.write_all(&request.0).await?;
        self.buffer.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            if let Some((start, length)) = answer(&self.buffer)?
                && self.buffer.len() >= length
            {
                return Ok(start);
            }
        }
    }
}

type Start = (String, usize);

/// The status and where the body begins, and how long the whole answer is, once its head is there.
fn answer(buffer: &[u8]) -> anyhow::Result<Option<(Start, usize)>> {
    let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(buffer.get(..head).unwrap_or_default())?;
    let status = text.split(' ').nth(1).context("a status")?.to_owned();
    let mut length = 0;
    for (name, value) in text.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        ensure!(!name.eq_ignore_ascii_case("transfer-encoding"), "an answer in chunks is not read: {text}");
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().context("content-length")?;
        }
    }
    Ok(Some(((status, head + 4), head + 4 + length)))
}
