//! A proxy in front of an emulator that answers, forwards, delays or cuts as a test says: no emulator can be told to lose the
//! answer to a request that it carried out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one request.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It is forwarded and answered.
    Pass,
    /// It is not forwarded; this is the answer.
    Answer(u16, String),
    /// The connection is cut before anything is forwarded.
    CutBefore,
    /// It is forwarded and carried out; the connection is cut instead of the answer.
    CutAfter,
    /// It is forwarded and carried out; the answer comes so much later.
    Delay(Duration),
}

impl Fate {
    /// An error as EC2 words it.
    pub(crate) fn refuse(status: u16, code: &str, text: &str) -> Self {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{text}</Message>\
             </Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>"
        );
        Fate::Answer(status, body)
    }
}

/// Decides on a request by its action (`RunInstances`), its parameters and how many of that action came before it.
type Rule = dyn Fn(&Request) -> Fate + Send + Sync;

/// A request as the rule sees it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) action: String,
    /// How many requests of this action came before.
    pub(crate) nth: usize,
    pub(crate) form: BTreeMap<String, String>,
}

pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

struct Shared {
    upstream: String,
    rule: Mutex<Arc<Rule>>,
    seen: Mutex<Vec<Request>>,
}

impl Proxy {
    pub(crate) async fn before(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Arc::new(Shared {
            upstream: endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned(),
            rule: Mutex::new(Arc::new(|_: &Request| Fate::Pass)),
            seen: Mutex::default(),
        });
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let serving = shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = serving.clone();
                // An error is a connection that ended.
                tokio::spawn(async move { serve(client, &shared).await.ok() });
            }
        });
        Proxy { endpoint, shared, accepting }
    }

    /// From now on requests meet this fate; counting starts anew.
    pub(crate) fn rule(&self, rule: impl Fn(&Request) -> Fate + Send + Sync + 'static) {
        self.shared.seen.lock().unwrap().clear();
        *self.shared.rule.lock().unwrap() = Arc::new(rule);
    }

    /// The requests since the last rule was set.
    pub(crate) fn seen(&self, action: &str) -> Vec<Request> {
        self.shared.seen.lock().unwrap().iter().filter(|request| request.action == action).cloned().collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(message) = read_message(&mut client, &mut buffer).await? else { return Ok(()) };
        let request = {
            let form: BTreeMap<String, String> = form_urlencoded::parse(&message.body).into_owned().collect();
            let action = form["Action"].clone();
            let mut seen = shared.seen.lock().unwrap();
            let nth = seen.iter().filter(|request| request.action == action).count();
            let request = Request { action, nth, form };
            seen.push(request.clone());
            request
        };
        let rule = shared.rule.lock().unwrap().clone();
        match rule(&request) {
            Fate::Pass => client.write_all(&forward(&shared.upstream, &message).await?).await?,
            Fate::Delay(time) => {
                let answer = forward(&shared.upstream, &message).await?;
                tokio::time::sleep(time).await;
                client.write_all(&answer).await?;
            }
            Fate::Answer(status, body) => {
                let head = format!(
                    "HTTP/1.1 {status} Answer\r\ncontent-type: text/xml;charset=UTF-8\r\ncontent-length: {}\r\n\r\n",
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
}

/// One HTTP message with a content length, as both sides send them.
async fn read_message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Message>> {
    let head_len = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_len]).into_owned();
    let mut message = Message { head, body: Vec::new() };
    let body_len = message.header("content-length").map_or(0, |length| length.parse().unwrap());
    while buffer.len() < head_len + body_len {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    message.body = buffer[head_len..head_len + body_len].to_vec();
    buffer.drain(..head_len + body_len);
    Ok(Some(message))
}

/// The server's whole answer, over a connection of its own.
async fn forward(upstream: &str, message: &Message) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(message.head.as_bytes()).await?;
    server.write_all(&message.body).await?;
    let answer = read_message(&mut server, &mut Vec::new()).await?;
    let answer = answer.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    // The connection to the client goes on, whatever becomes of the one to the server.
    let head: Vec<&str> = answer
        .head
        .split("\r\n")
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"))
        .collect();
    Ok([head.join("\r\n").as_bytes(), &answer.body].concat())
}
