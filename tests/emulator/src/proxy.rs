use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one request.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It is forwarded and answered.
    Pass,
    /// It is not forwarded; this is the answer: status, content type, body.
    Answer(u16, &'static str, String),
    /// The connection is cut before anything is forwarded.
    CutBefore,
    /// It is forwarded and carried out; the connection is cut instead of the answer.
    CutAfter,
    /// It is forwarded and carried out; the answer comes so much later.
    Delay(Duration),
}

impl Fate {
    /// An answer of a service whose protocol is Query (EC2, IAM, STS).
    pub fn xml(status: u16, body: impl Into<String>) -> Self {
        Self::Answer(status, "text/xml;charset=UTF-8", body.into())
    }

    /// An answer of a service whose protocol is JSON (DynamoDB, KMS).
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Answer(status, "application/x-amz-json-1.0", body.to_string())
    }
}

/// Decides on a request by its action (`RunInstances`, `PutItem`), its parameters and how many of that action came before it.
type Rule = dyn Fn(&Request) -> Fate + Send + Sync;

/// A request as the rule sees it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The operation's name.
    pub action: String,
    /// How many requests of this action came before.
    pub nth: usize,
    /// The parameters of the Query protocol; empty in the other.
    pub form: BTreeMap<String, String>,
    /// The parameters of the JSON protocol; null in the other.
    pub body: Value,
}

/// A proxy in front of an emulator that answers, forwards, delays or cuts as a test says: no emulator can be told to lose the
/// answer to a request that it carried out. Dropped, it takes no more connections.
pub struct Proxy {
    /// `http://127.0.0.1:port`
    pub endpoint: String,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

struct Shared {
    upstream: String,
    rule: Mutex<Arc<Rule>>,
    seen: Mutex<Vec<Request>>,
}

impl Proxy {
    /// A proxy before the emulator at `http://host:port`; everything passes.
    ///
    /// # Errors
    /// There is no port for it.
    pub async fn before(endpoint: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let shared = Arc::new(Shared {
            upstream: endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned(),
            rule: Mutex::new(Arc::new(|_: &Request| Fate::Pass)),
            seen: Mutex::default(),
        });
        let endpoint = format!("http://{}", listener.local_addr()?);
        let serving = shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = serving.clone();
                // An error is a connection that ended.
                tokio::spawn(async move { serve(client, &shared).await.ok() });
            }
        });
        Ok(Proxy { endpoint, shared, accepting })
    }

    /// From now on requests meet this fate; counting starts anew.
    pub fn rule(&self, rule: impl Fn(&Request) -> Fate + Send + Sync + 'static) {
        self.shared.seen.lock().clear();
        *self.shared.rule.lock() = Arc::new(rule);
    }

    /// The requests since the last rule was set.
    pub fn seen(&self, action: &str) -> Vec<Request> {
        self.shared.seen.lock().iter().filter(|request| request.action == action).cloned().collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut client: TcpStream, shared: &Shared) -> anyhow::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(message) = read_message(&mut client, &mut buffer).await? else { return Ok(()) };
        let request = {
            let mut request = message.request().context("a request without an action")?;
            let mut seen = shared.seen.lock();
            request.nth = seen.iter().filter(|earlier| earlier.action == request.action).count();
            seen.push(request.clone());
            request
        };
        let rule = shared.rule.lock().clone();
        match rule(&request) {
            Fate::Pass => client.write_all(&forward(&shared.upstream, &message).await?).await?,
            Fate::Delay(time) => {
                let answer = forward(&shared.upstream, &message).await?;
                tokio::time::sleep(time).await;
                client.write_all(&answer).await?;
            }
            Fate::Answer(status, content_type, body) => {
                let head = format!(
                    "HTTP/1.1 {status} Answer\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                client.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await?;
            }
            Fate::CutBefore => return Ok(()),
            Fate::CutAfter => {
                forward(&shared.upstream, &message).await?;
                return Ok(());
            }
        }
    }
}

struct Message {
    head: String,
    body: Vec<u8>,
}

impl Message {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The request that this is, the first of its action.
    fn request(&self) -> Option<Request> {
        if let Some(target) = self.header("x-amz-target") {
            let (_, action) = target.rsplit_once('.')?;
            let body = serde_json::from_slice(&self.body).unwrap_or_default();
            return Some(Request { action: action.to_owned(), nth: 0, form: BTreeMap::new(), body });
        }
        let form: BTreeMap<_, _> = form_urlencoded::parse(&self.body).into_owned().collect();
        Some(Request { action: form.get("Action")?.clone(), nth: 0, form, body: Value::Null })
    }
}

/// One HTTP message with a content length, as both sides send them.
async fn read_message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<Option<Message>> {
    let head_len = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head: Vec<u8> = buffer.drain(..head_len).collect();
    let mut message = Message { head: String::from_utf8_lossy(&head).into_owned(), body: Vec::new() };
    let body_len = message.header("content-length").map_or(Ok(0), str::parse)?;
    while buffer.len() < body_len {
        anyhow::ensure!(stream.read_buf(buffer).await? > 0, "half a message");
    }
    message.body = buffer.drain(..body_len).collect();
    Ok(Some(message))
}

/// The server's whole answer, over a connection of its own.
async fn forward(upstream: &str, message: &Message) -> anyhow::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(message.head.as_bytes()).await?;
    server.write_all(&message.body).await?;
    let answer = read_message(&mut server, &mut Vec::new()).await?;
    let answer = answer.context("no answer")?;
    // The connection to the client goes on, whatever becomes of the one to the server.
    let head: Vec<&str> = answer
        .head
        .split("\r\n")
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"))
        .collect();
    Ok([head.join("\r\n").as_bytes(), &answer.body].concat())
}
