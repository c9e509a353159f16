//! How messages and events get in and out.
//!
//! **In**: [`http::serve`] and [`Transport::serve_websockets`] take messages over listeners. **Out**: for each shard of a
//! queue that this process holds, a worker brings messages to other agents and events to controllers, and takes them out of
//! the queue when they have arrived. Whoever is away is tried again and again; what waits for him costs others nothing.
//!
//! Everything here may end at any time: what is not taken out of the wallet is delivered by whoever comes next, so that what was
//! delivered and not yet taken out comes twice, and nothing is lost.

mod aside;
mod courier;
mod dial;
mod events;
pub mod http;
mod lanes;
mod outbound;
mod sessions;
mod shelf;
mod taking;
mod wake;
mod webhooks;
mod websocket;
mod worker;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::JoinSet;
use trustkeep_chassis::http::Listener;
use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_crypto::random::uuid;
use trustkeep_wallet::lease::{Held, Holding, Membership, TERM};
use trustkeep_wallet::queue::{SHARDS, shard_name};

pub(crate) use self::aside::held_for;
pub use self::events::Feed;
pub(crate) use self::wake::{Places, Wakes};

use self::courier::Courier;
use self::events::{FEED, Relay};
use self::outbound::Outbound;
use self::sessions::Sessions;
use self::wake::WAITING;
use self::webhooks::Webhooks;
use self::worker::Worker;
use crate::{Agent, EVENTS, Error, OUTBOUND, Settings};

/// How often sessions look for what is set aside though nobody told them.
const POLL: Duration = Duration::from_secs(10);

/// Everything that brings messages and events where they belong. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Transport {
    agent: Agent,
    sessions: Sessions,
    outbound: Arc<Outbound>,
    webhooks: Arc<Webhooks>,
}

impl Transport {
    /// That of an agent; nothing runs yet.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn new(agent: Agent) -> Result<Self, Error> {
        let sessions = Sessions::default();
        Ok(Self {
            outbound: Arc::new(Outbound::new(agent.clone(), sessions.clone())?),
            webhooks: Arc::new(Webhooks::new(agent.clone())?),
            sessions,
            agent,
        })
    }

    /// Begins to work off this process's share of the queues.
    pub fn spawn(&self, supervisor: &Supervisor) {
        let names = [OUTBOUND, EVENTS].map(|queue| (0..SHARDS).map(move |shard| shard_name(queue, shard)));
        let me = uuid(self.agent.random()).to_string();
        let share = Membership::join(self.agent.wallet().clone(), me, names.into_iter().flatten(), TERM);
        self.spawn_with(supervisor, &share.held());
        let shutdown = supervisor.shutdown().clone();
        supervisor.spawn("share of the queues", async move {
            shutdown.wait().await;
            share.leave().await;
            Ok::<_, Infallible>(())
        });
    }

    fn spawn_with(&self, supervisor: &Supervisor, held: &watch::Receiver<Held>) {
        let shutdown = supervisor.shutdown();
        let queue = work(self.outbound.clone(), self.agent.clone(), held.clone(), shutdown.clone());
        supervisor.spawn("outbound messages", queue);
        let queue = work(self.webhooks.clone(), self.agent.clone(), held.clone(), shutdown.clone());
        supervisor.spawn("events", queue);
        supervisor.spawn("agent wakes", self.clone().listen(shutdown.clone()));
        supervisor.spawn("feed of events", Relay::new(self.agent.clone()).run(shutdown.clone()));
        supervisor.spawn("agent calls", self.clone().tell(shutdown.clone()));
    }

    /// Takes messages that come over the WebSockets of a listener, until the shutdown. A task for the supervisor.
    ///
    /// # Errors
    /// Never; the signature is that of a supervised task.
    pub async fn serve_websockets(self, listener: Listener, shutdown: Shutdown) -> Result<(), Infallible> {
        websocket::serve(self.agent, self.sessions, listener, shutdown).await
    }

    /// Hears what other processes tell.
    async fn listen(self, shutdown: Shutdown) -> Result<(), Infallible> {
        let mut changes = self.agent.wallet().changes();
        let mut polls = tokio::time::interval(POLL);
        loop {
            tokio::select! {
                () = shutdown.wait() => return Ok(()),
                _ = polls.tick() => self.sessions.told_all(),
                change = changes.recv() => match change {
                    Ok(change) if change == FEED => self.agent.feed().wake(),
                    Ok(change) => match change.strip_prefix(WAITING) {
                        Some(key) => self.sessions.told(key),
                        None => self.agent.wakes().told(&change),
                    },
                    Err(RecvError::Lagged(_)) => {
                        self.agent.wakes().wake_all();
                        self.sessions.told_all();
                    }
                    // The wallet is closed, or about to be: what remains is looked for from time to time.
                    Err(RecvError::Closed) => {
                        shutdown.wait().await;
                        return Ok(());
                    }
                },
            }
        }
    }

    /// Tells other processes what is theirs.
    async fn tell(self, shutdown: Shutdown) -> Result<(), Infallible> {
        loop {
            let untold = tokio::select! {
                () = shutdown.wait() => return Ok(()),
                untold = self.agent.wakes().untold() => untold,
            };
            for what in untold {
                // Who was not told looks by himself, later.
                if let Err(error) = self.agent.wallet().tell(&what).await {
                    tracing::debug!(%error, "others cannot be told what is theirs");
                }
            }
        }
    }
}

/// Works off the shards of a queue that are held here, until the shutdown.
async fn work<C: Courier>(
    courier: Arc<C>,
    agent: Agent,
    mut held: watch::Receiver<Held>,
    shutdown: Shutdown,
) -> Result<(), String> {
    let queue = courier.queue();
    let mut workers: JoinSet<u16> = JoinSet::new();
    let mut running: BTreeMap<u16, (Weak<Holding>, Shutdown)> = BTreeMap::new();
    loop {
        let is_over = shutdown.is_triggered();
        let wanted = if is_over { Held::default() } else { held.borrow_and_update().clone() };
        for number in 0..SHARDS {
            let holding = wanted.get(&shard_name(queue, number));
            match (running.get(&number), holding) {
                (None, Some(holding)) => {
                    let stop = Shutdown::new();
                    running.insert(number, (Arc::downgrade(holding), stop.clone()));
                    agent.wakes().hold(queue, number, true);
                    let worker = Worker::new(courier.clone(), agent.clone(), holding.clone(), number);
                    workers.spawn(async move {
                        worker.run(stop).await;
                        number
                    });
                }
                // Held anew, it is begun anew when this one has ended.
                (Some((known, stop)), holding)
                    if holding.is_none_or(|holding| known.as_ptr() != Arc::as_ptr(holding)) =>
                {
                    agent.wakes().hold(queue, number, false);
                    stop.trigger("the shard is given back");
                }
                _ => {}
            }
        }
        if is_over && workers.is_empty() {
            return Ok(());
        }
        drop(wanted);
        tokio::select! {
            () = shutdown.wait(), if !is_over => {}
            changed = held.changed(), if !is_over => {
                changed.map_err(|_| "nobody says which shards are held".to_owned())?;
            }
            Some(ended) = workers.join_next() => {
                running.remove(&ended.map_err(|error| format!("a worker failed: {error}"))?);
            }
        }
    }
}

/// As what envelopes are sent.
fn mime_type(settings: &Settings) -> &'static str {
    if settings.old_mime_type { "application/ssi-agent-wire" } else { "application/didcomm-envelope-enc" }
}

#[cfg(test)]
mod tests;
