//! Agents that speak over loopback, and what stands in for others that do not behave.

mod faults;
mod forwards;
mod http;
mod routes;
mod sockets;
mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{broadcast, watch};
use trustkeep_chassis::clock::{ManualClock, SharedClock, SystemClock, Timestamp};
use trustkeep_chassis::http::{ListenSettings, Listener};
use trustkeep_crypto::random::Seeded;
use trustkeep_wallet::queue::{CATEGORY, Entry, Lane};
use trustkeep_wallet::{Backend, Batch, MemoryWallet, Query, Wallet};

use super::*;
use crate::protocols::{basic_message, connections};
use crate::{Announced, OUTBOUND, Outgoing, State, Work};

/// Long enough for everything here, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// An agent with a listener and all that brings messages.
struct House {
    agent: Agent,
    transport: Transport,
    supervisor: Supervisor,
    address: SocketAddr,
    feed: broadcast::Receiver<Arc<str>>,
}

impl House {
    async fn new(label: &str, seed: u64) -> Self {
        Self::with(label, seed, Settings::default(), SystemClock::shared()).await
    }

    async fn with(label: &str, seed: u64, settings: Settings, clock: SharedClock) -> Self {
        let listener = listener("127.0.0.1:0").await;
        let address = listener.local_address();
        let settings = Settings { endpoints: vec![format!("http://{address}")], ..settings };
        let agent = agent(label, seed, settings, clock, Arc::new(MemoryWallet::new()));
        let feed = agent.feed().listen();
        let house = Self {
            transport: Transport::new(agent.clone()).unwrap(),
            supervisor: Supervisor::new(Shutdown::new()),
            agent,
            address,
            feed,
        };
        house.supervisor.spawn(
            "in",
            super::http::serve(house.agent.clone(), listener, house.supervisor.shutdown().clone()),
        );
        house.transport.spawn(&house.supervisor);
        house
    }

    /// The next event of a topic.
    async fn event(&mut self, topic: &str) -> Value {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.feed.recv()).await.unwrap().unwrap();
            let event: Value = serde_json::from_str(&event).unwrap();
            if event["topic"] == topic {
                return event["payload"].clone();
            }
        }
    }

    async fn say(&self, connection: &str, content: &str) {
        let mut work = Work::new(&self.agent);
        basic_message::send(&mut work, connection, content).await.unwrap();
        work.commit().await.unwrap();
    }

    async fn end(self) {
        self.supervisor.shutdown().trigger("the test is over");
        self.supervisor.join(PATIENCE).await.unwrap();
    }
}

/// Works off nothing.
fn idle() -> watch::Receiver<Held> {
    let (sender, held) = watch::channel(Held::default());
    // Who is to say what is held stays there.
    std::mem::forget(sender);
    held
}

fn agent(label: &str, seed: u64, settings: Settings, clock: SharedClock, backend: Arc<dyn Backend>) -> Agent {
    let settings = Settings {
        label: Some(label.to_owned()),
        auto_accept_invites: true,
        auto_accept_requests: true,
        auto_ping_connection: true,
        ..settings
    };
    Agent::new(settings, Wallet::new(backend), clock, Arc::new(Seeded::new(seed)))
}

fn manual() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_second(1_645_072_160).unwrap()))
}

async fn listener(address: &str) -> Listener {
    Listener::bind(ListenSettings::new("test", address.parse().unwrap())).await.unwrap()
}

/// Connects two agents and gives the id of the connection in the first's wallet and in the second's.
async fn connect(inviter: &mut House, invitee: &mut House) -> (String, String) {
    let mut work = Work::new(&inviter.agent);
    let (made, invitation) =
        connections::create_invitation(&mut work, connections::NewInvitation::default()).await.unwrap();
    work.commit().await.unwrap();
    let mut work = Work::new(&invitee.agent);
    let taken =
        connections::receive_invitation(&mut work, &invitation, connections::InvitationOptions::default())
            .await
            .unwrap();
    work.commit().await.unwrap();
    for house in [inviter, invitee] {
        while house.event("connections").await["state"] != "active" {}
    }
    (made.id, taken.id)
}

/// Puts a message for anyone on the queue.
async fn enqueue(agent: &Agent, lane: &str, endpoint: &str, recipient: &str, envelope: &str) {
    enqueue_after(agent, lane, endpoint, recipient, envelope, None).await;
}

/// The same, which leaves when a mediator knows a key.
async fn enqueue_after(
    agent: &Agent,
    lane: &str,
    endpoint: &str,
    recipient: &str,
    envelope: &str,
    after: Option<Announced>,
) {
    let outgoing = Outgoing {
        endpoint: endpoint.to_owned(),
        recipient: recipient.to_owned(),
        envelope: envelope.to_owned(),
        connection_id: None,
        thread: None,
        is_wrapped: false,
        queued_at: agent.clock().now().as_second(),
        after,
    };
    let payload = serde_json::to_string(&outgoing).unwrap();
    let lane = Lane { queue: OUTBOUND, name: lane.to_owned() };
    let mut places = Places::default();
    places.insert(&lane);
    let mut batch = Batch::new();
    batch.enqueue(lane, Entry { id: Work::new(agent).new_id(), payload });
    agent.wallet().commit(batch).await.unwrap();
    agent.wakes().committed(places);
}

/// How many records of the queues there are whose place begins so.
async fn queued(wallet: &Wallet, place: &str) -> usize {
    let records = wallet.find(&Query::all(CATEGORY)).await.unwrap();
    records.iter().filter(|record| record.tag("queue").unwrap().starts_with(place)).count()
}

/// Waits for something of which nobody tells.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    let looked = async {
        while !holds().await {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, looked).await.unwrap();
}
