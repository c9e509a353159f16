use anyhow::Context as _;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::PATIENCE;

/// Sends requests to one server with one token, or none. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    address: String,
    token: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body as JSON; `Null` where it is none.
    pub body: Value,
    /// The body as text.
    pub text: String,
}

impl Answer {
    fn new(status: u16, text: String) -> Self {
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status, body, text }
    }

    /// Whether the body is exactly `{"errors": [texts]}`.
    pub fn is_error(&self) -> bool {
        let errors = self.body.get("errors").and_then(Value::as_array);
        let only = self.body.as_object().is_some_and(|body| body.len() == 1);
        only && errors.is_some_and(|errors| errors.iter().all(Value::is_string))
    }

    /// The value at a JSON pointer; `Null` if it is not there.
    pub fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }
}

impl Client {
    /// A client of the server at `address` (`http://host:port`).
    pub fn new(address: &str, token: Option<&str>) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap_or_default();
        Client { http, address: address.into(), token: token.map(Into::into) }
    }

    /// The same, with another token.
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Client { token: token.map(Into::into), ..self.clone() }
    }

    /// The token it sends.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// Sends a request to `/v1/{path}`.
    ///
    /// # Errors
    /// No answer came.
    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Answer> {
        let body = body.map(|body| body.to_string().into_bytes());
        self.send_bytes(method, path, body.unwrap_or_default(), &[]).await
    }

    /// Sends a request with any body and headers.
    ///
    /// # Errors
    /// No answer came.
    pub async fn send_bytes(
        &self,
        method: &str,
        path: &str,
        body: Vec<u8>,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let mut all = HeaderMap::new();
        if let Some(token) = &self.token {
            all.insert("x-vault-token", HeaderValue::from_str(token)?);
        }
        for (name, value) in headers {
            all.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
        }
        let url = format!("{}/v1/{path}", self.address);
        let request = self.http.request(method.parse()?, url).headers(all).body(body);
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok(Answer::new(status, String::from_utf8_lossy(&response.bytes().await?).into_owned()))
    }

    /// `GET`.
    ///
    /// # Errors
    /// No answer came.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send("GET", path, None).await
    }

    /// `POST`.
    ///
    /// # Errors
    /// No answer came.
    pub async fn post(&self, path: &str, body: Value) -> anyhow::Result<Answer> {
        self.send("POST", path, Some(body)).await
    }

    /// Sends a request line as it is, which no HTTP library would let pass; the token goes along.
    ///
    /// # Errors
    /// No answer came.
    pub async fn send_line(&self, line: &[u8]) -> anyhow::Result<Answer> {
        let mut request = line.to_vec();
        request.extend_from_slice(b" HTTP/1.1\r\nHost: vault\r\nConnection: close\r\n");
        request.extend_from_slice(format!("X-Vault-Token: {}\r\n\r\n", self.token()).as_bytes());
        let mut stream = self.connect().await?;
        // A refusal may come, and the connection end, before everything is sent.
        let _ = stream.write_all(&request).await;
        read_answer(&mut stream).await
    }

    /// A bare connection.
    ///
    /// # Errors
    /// Nobody listens.
    pub async fn connect(&self) -> anyhow::Result<TcpStream> {
        Ok(TcpStream::connect(self.address.trim_start_matches("http://")).await?)
    }

    /// Everything that can be seen of a vault: mounts, policies, tokens, and each secret below `secret/`, all versions'
    /// metadata and the present value. To compare before and after.
    ///
    /// # Errors
    /// No answer came.
    pub async fn everything(&self) -> anyhow::Result<Value> {
        let mut secrets = serde_json::Map::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let listed = self.send("LIST", &format!("secret/metadata/{folder}"), None).await?;
            for key in listed.at("/data/keys").as_array().into_iter().flatten().filter_map(Value::as_str) {
                let path = format!("{folder}{key}");
                if path.ends_with('/') {
                    folders.push(path);
                    continue;
                }
                let metadata = self.get(&format!("secret/metadata/{path}")).await?;
                let value = self.get(&format!("secret/data/{path}")).await?;
                secrets.insert(path, json!([metadata.at("/data"), value.at("/data/data")]));
            }
        }
        Ok(json!({
            "mounts": self.get("sys/mounts").await?.at("/data"),
            "policies": self.send("LIST", "sys/policies/acl", None).await?.at("/data"),
            "tokens": self.send("LIST", "auth/token/accessors", None).await?.at("/data"),
            "secrets": secrets,
        }))
    }
}

/// Reads one answer from a connection that ends after it.
pub(crate) async fn read_answer(stream: &mut TcpStream) -> anyhow::Result<Answer> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 16 << 10];
    let reading = async {
        loop {
            match stream.read(&mut piece).await {
                // What came before a reset counts.
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(piece.get(..count).unwrap_or_default()),
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.context("the answer does not end")?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").with_context(|| format!("not an answer: {text:?}"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
    Ok(Answer::new(status, body.to_owned()))
}
