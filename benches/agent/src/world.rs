//! All that the agent speaks to: its peers' endpoints and its controller's, one ear for all.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use trustkeep_bench_rig::{Ear, Heard};

/// What someone waits for: a message to the peer of a number, or a state of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Awaited {
    Message(usize),
    Connection { id: String, state: &'static str },
}

/// The ear and those who wait.
pub(crate) struct World {
    pub(crate) port: u16,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    once: HashMap<Awaited, oneshot::Sender<Heard>>,
    /// Takes what nobody waits for.
    all: Option<mpsc::UnboundedSender<Heard>>,
}

impl World {
    pub(crate) async fn open() -> anyhow::Result<Self> {
        let Ear { port, mut heard } = Ear::open().await?;
        let waiting = Arc::<Mutex<Waiting>>::default();
        let shared = waiting.clone();
        tokio::spawn(async move {
            while let Some(heard) = heard.recv().await {
                let awaited = awaited(&heard);
                let mut waiting = shared.lock();
                if let Some(sender) = awaited.and_then(|awaited| waiting.once.remove(&awaited)) {
                    // Whoever waited may have given up.
                    sender.send(heard).ok();
                } else if let Some(all) = &waiting.all {
                    all.send(heard).ok();
                }
            }
        });
        Ok(Self { port, waiting })
    }

    /// Where the peer of this number is reached.
    pub(crate) fn endpoint(&self, peer: usize) -> String {
        format!("http://127.0.0.1:{}/p/{peer}", self.port)
    }

    /// From now on waits for it.
    pub(crate) fn wait_for(&self, awaited: Awaited) -> Wait {
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().once.insert(awaited, sender);
        Wait(receiver)
    }

    /// From now on hears all that nobody waits for.
    pub(crate) fn hear(&self) -> mpsc::UnboundedReceiver<Heard> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.waiting.lock().all = Some(sender);
        receiver
    }
}

/// Something that will be heard.
pub(crate) struct Wait(oneshot::Receiver<Heard>);

impl Wait {
    pub(crate) async fn heard(self) -> anyhow::Result<Heard> {
        tokio::time::timeout(crate::PATIENCE, self.0)
            .await
            .context("it was never heard")?
            .context("the ear is gone")
    }
}

fn awaited(heard: &Heard) -> Option<Awaited> {
    if let Some(number) = heard.path.strip_prefix("/p/") {
        return number.parse().ok().map(Awaited::Message);
    }
    if !heard.path.contains("/topic/connections") {
        return None;
    }
    let body: Value = serde_json::from_slice(&heard.body).ok()?;
    let state = match body.get("state")?.as_str()? {
        "active" | "completed" => "active",
        "response" => "response",
        _ => return None,
    };
    Some(Awaited::Connection { id: body.get("connection_id")?.as_str()?.to_owned(), state })
}
