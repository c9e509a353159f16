//! Two agents: a connection, messages both ways, and one that outlives its sender.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};
use trustkeep_chassis::supervisor::Supervisor;

use super::stage::{DRAIN, Stage, part};
use super::{chapter, say};
use crate::dev::agent::DevAgent;

/// Tells it; both agents have ended then.
pub(super) async fn connect_and_talk(
    dir: &Path,
    stage: &Stage,
    supervisor: &Supervisor,
) -> anyhow::Result<()> {
    chapter("Two agents")?;
    let mut acme = Party::start(dir, "acme", [0, 0], stage, supervisor).await?;
    let mut bob = Party::start(dir, "bob", [0, 0], stage, supervisor).await?;
    say(&format!(
        "acme answers at {}, bob at {}. The keys that open their wallets are in the vault.",
        acme.agent.endpoint, bob.agent.endpoint
    ))?;
    let made = acme.call("connections/create-invitation", json!({})).await?;
    let invitation = made.get("invitation").cloned().context("no invitation")?;
    let taken = bob.call("connections/receive-invitation", invitation).await?;
    let (at_acme, at_bob) = (acme.connected(&id(&made)?).await?, bob.connected(&id(&taken)?).await?);
    say(&format!(
        "acme invites, bob accepts. Each makes a DID for the other alone: {} and {}.",
        text(&at_acme, "my_did")?,
        text(&at_bob, "my_did")?
    ))?;
    let (at_acme, at_bob) = (text(&at_acme, "connection_id")?, text(&at_bob, "connection_id")?);
    acme.send(&at_acme, QUESTION).await?;
    bob.hear_message(QUESTION).await?;
    say(&format!("acme to bob: {QUESTION}"))?;
    bob.send(&at_bob, ANSWER).await?;
    acme.hear_message(ANSWER).await?;
    say(&format!("bob to acme: {ANSWER}"))?;

    chapter("What is acknowledged arrives")?;
    let bobs_ports = bob.stop().await?;
    acme.send(&at_acme, LATE).await?;
    let acmes_ports = acme.stop().await?;
    say(
        "bob stops. acme is told to send him a message, says yes, and stops as well: the message is in its wallet.",
    )?;
    let mut bob = Party::start(dir, "bob", bobs_ports, stage, supervisor).await?;
    let acme = Party::start(dir, "acme", acmes_ports, stage, supervisor).await?;
    bob.hear_message(LATE).await?;
    say(&format!("Both start again, and bob hears: {LATE}"))?;
    acme.stop().await?;
    bob.stop().await?;
    Ok(())
}

/// An agent and its controller.
struct Party {
    agent: DevAgent,
    own: Supervisor,
    http: reqwest::Client,
    /// What the agent tells its controllers.
    events: WebSocketStream<TcpStream>,
}

impl Party {
    async fn start(
        dir: &Path,
        name: &str,
        ports: [u16; 2],
        stage: &Stage,
        supervisor: &Supervisor,
    ) -> anyhow::Result<Self> {
        let own = part(supervisor);
        let folder: PathBuf = dir.join(name);
        let agent = DevAgent::start(&folder, name, ports, &stage.vault, &own).await?;
        let [_, admin] = agent.ports();
        let mut request = format!("ws://127.0.0.1:{admin}/ws").into_client_request()?;
        request.headers_mut().insert("x-api-key", agent.api_key.expose().parse()?);
        let stream = TcpStream::connect(("127.0.0.1", admin)).await?;
        let (events, _) = client_async(request, stream).await?;
        let mut party = Self { agent, own, http: reqwest::Client::builder().no_proxy().build()?, events };
        party.hear("settings", |_| true).await?;
        Ok(party)
    }

    async fn stop(self) -> anyhow::Result<[u16; 2]> {
        let ports = self.agent.ports();
        drop((self.events, self.http));
        self.own.shutdown().trigger("its administrator stops it");
        self.own.join(DRAIN).await?;
        self.agent.close().await;
        Ok(ports)
    }

    /// Calls the admin API.
    async fn call(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}/{path}", self.agent.admin)).json(&body);
        let answer = request.header("x-api-key", self.agent.api_key.expose()).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "{path}: the agent answers {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    async fn send(&self, connection: &str, content: &str) -> anyhow::Result<()> {
        let path = format!("connections/{connection}/send-message");
        self.call(&path, json!({"content": content})).await.map(drop)
    }

    /// The connection, once it stands.
    async fn connected(&mut self, id: &str) -> anyhow::Result<Value> {
        self.hear("connections", |payload| {
            payload.get("connection_id").and_then(Value::as_str) == Some(id)
                && payload.get("state").and_then(Value::as_str) == Some("active")
        })
        .await
    }

    async fn hear_message(&mut self, content: &str) -> anyhow::Result<Value> {
        self.hear("basicmessages", |payload| payload.get("content").and_then(Value::as_str) == Some(content))
            .await
    }

    /// The first event of a topic that fits.
    async fn hear(&mut self, topic: &str, fits: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        while let Some(frame) = self.events.next().await {
            let Ok(frame) = frame?.into_text() else { continue };
            let Ok(event) = serde_json::from_str::<Value>(&frame) else { continue };
            let payload = event.get("payload").cloned().unwrap_or_default();
            if event.get("topic").and_then(Value::as_str) == Some(topic) && fits(&payload) {
                return Ok(payload);
            }
        }
        anyhow::bail!("the agent tells no more, and never told of {topic}")
    }
}

fn id(record: &Value) -> anyhow::Result<String> {
    text(record, "connection_id")
}

fn text(record: &Value, member: &str) -> anyhow::Result<String> {
    let text = record.get(member).and_then(Value::as_str);
    text.map(str::to_owned).with_context(|| format!("no {member} in {record}"))
}

const QUESTION: &str = "Is invoice-18 paid?";
const ANSWER: &str = "It is, since this morning.";
const LATE: &str = "Then the goods leave today.";
