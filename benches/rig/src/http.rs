//! Requests as thin as can be: made beforehand, answers read to their length.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request, ready to be sent.
pub struct Request(Vec<u8>);

impl Request {
    /// A GET of a path, with headers.
    pub fn get(path: &str, headers: &[(&str, &str)]) -> Self {
        Self::new("GET", path, headers, &[])
    }

    /// A POST of JSON.
    pub fn post(path: &str, headers: &[(&str, &str)], body: &Value) -> Self {
        let headers = [headers, &[("Content-Type", "application/json")]].concat();
        Self::new("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Any request; `Content-Length` stands in it if it is no GET.
    pub fn new(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: bench\r\n");
        let length = body.len().to_string();
        let own = (method != "GET").then_some(("Content-Length", length.as_str()));
        for (name, value) in headers.iter().copied().chain(own) {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        Self(request)
    }
}

/// A kept connection.
pub struct Connection<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects to a port of this machine.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Speaks over a stream that is open: TLS, or a file.
    pub fn over(stream: S) -> Self {
        Self { stream, buffer: Vec::with_capacity(4096) }
    }

    /// Sends a request and reads its answer, which must be a success.
    ///
    /// # Errors
    /// It is none, or the connection broke.
    pub async fn send(&mut self, request: &Request) -> anyhow::Result<()> {
        let (status, _) = self.exchange(request).await?;
        ensure!(status.starts_with('2'), "not a success: {}", String::from_utf8_lossy(&self.buffer));
        Ok(())
    }

    /// The same, with the JSON of the answer; `null` if it has none.
    ///
    /// # Errors
    /// The same, or it is no JSON.
    pub async fn ask(&mut self, request: &Request) -> anyhow::Result<Value> {
        self.send(request).await?;
        let (_, head) = answer(&self.buffer)?.context("an answer")?.0;
        let body = self.buffer.get(head..).unwrap_or_default();
        if body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(body)?) }
    }

    /// Sends a request and gives the status of its answer.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn status(&mut self, request: &Request) -> anyhow::Result<String> {
        Ok(self.exchange(request).await?.0)
    }

    async fn exchange(&mut self, request: &Request) -> anyhow::Result<(String, usize)> {
        self.stream.write_all(&request.0).await?;
        self.stream.flush().await?;
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
    let Some((text, body, length)) = head(buffer)? else { return Ok(None) };
    let status = text.split(' ').nth(1).context("a status")?.to_owned();
    Ok(Some(((status, body), body + length)))
}

/// The head of a request or an answer, where its body begins, and the body's length, once the head is there.
pub(crate) fn head(buffer: &[u8]) -> anyhow::Result<Option<(&str, usize, usize)>> {
    let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(buffer.get(..head).unwrap_or_default())?;
    let mut length = 0;
    for (name, value) in text.lines().skip(1).filter_map(|line| line.split_once(':')) {
        ensure!(!name.eq_ignore_ascii_case("transfer-encoding"), "a body in chunks is not read: {text}");
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().context("content-length")?;
        }
    }
    Ok(Some((text, head + 4, length)))
}
