//! The feed of events for the admin API's WebSocket: what is committed, as it is committed, by whichever process.
//!
//! A process that has listeners says so in the wallet; the others then copy what they commit into a record for it and
//! tell it. Nothing is kept for who does not listen: the webhooks are for that. Events of one process come in order.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast};
use tokio::time::{MissedTickBehavior, interval};
use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_crypto::random::uuid;
use trustkeep_wallet::{Batch, Query, Record, Write};

use crate::{Agent, Error, Result};

/// Events that a listener has not read yet, or that others are not told of yet; who is slower misses some.
const EVENTS_MAX: usize = 1024;
/// The category of the records that say who listens: named by a process, its value changes while it lives.
const LISTENER: &str = "trustkeep_feed_listener";
/// The category of what one is told, tagged with its name.
const TOLD: &str = "trustkeep_feed";
const TO: &str = "to";
/// Others are told by this that somebody listens now, and one that there is something for it.
pub(super) const FEED: &str = "feed";
/// How often who listens says so; who has not for three times as long listens no more.
const PERIOD: Duration = Duration::from_secs(5);
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// Records read at once.
const READ_MAX: u64 = 100;

/// Tells whoever listens now of every event.
#[derive(Debug)]
pub struct Feed {
    listeners: broadcast::Sender<Arc<str>>,
    /// Wakes the relay when somebody begins to listen.
    begins: Notify,
    /// Whether other processes have listeners, and what they are to be told.
    has_others: AtomicBool,
    for_others: Mutex<Vec<Arc<str>>>,
    told: Notify,
}

impl Feed {
    /// What is told from now on: a JSON text `{"topic": …, "payload": …, "queued_at": …}` each.
    pub fn listen(&self) -> broadcast::Receiver<Arc<str>> {
        let receiver = self.listeners.subscribe();
        self.begins.notify_one();
        receiver
    }

    pub(crate) fn is_listened_to(&self) -> bool {
        self.is_listened_to_here() || self.has_others.load(Ordering::Relaxed)
    }

    pub(crate) fn committed(&self, events: Vec<Arc<str>>) {
        if events.is_empty() {
            return;
        }
        if self.has_others.load(Ordering::Relaxed) {
            let mut waiting = self.for_others.lock();
            let room = EVENTS_MAX.saturating_sub(waiting.len());
            waiting.extend(events.iter().take(room).cloned());
            drop(waiting);
            self.told.notify_one();
        }
        for event in events {
            // That nobody listens any more is no error.
            let _ = self.listeners.send(event);
        }
    }

    /// There is something for this process, or somebody listens now.
    pub(super) fn wake(&self) {
        self.begins.notify_one();
    }

    fn is_listened_to_here(&self) -> bool {
        self.listeners.receiver_count() > 0
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            listeners: broadcast::channel(EVENTS_MAX).0,
            begins: Notify::new(),
            has_others: AtomicBool::new(false),
            for_others: Mutex::default(),
            told: Notify::new(),
        }
    }
}

/// Carries events between the processes of a wallet.
pub(super) struct Relay {
    agent: Agent,
    /// The name of this process.
    name: String,
    beats: u64,
    says_so: bool,
    /// Who else listens: what he said last, and since when.
    others: HashMap<String, (Vec<u8>, Duration)>,
}

impl Relay {
    pub(super) fn new(agent: Agent) -> Self {
        let name = uuid(agent.random()).to_string();
        Self { agent, name, beats: 0, says_so: false, others: HashMap::new() }
    }

    /// Carries, until the shutdown. A task for the supervisor.
    pub(super) async fn run(mut self, shutdown: Shutdown) -> std::result::Result<(), Infallible> {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let agent = self.agent.clone();
        loop {
            let outcome = tokio::select! {
                () = shutdown.wait() => break,
                _ = ticks.tick() => self.beat(true).await,
                () = agent.feed().begins.notified() => self.beat(false).await,
                () = agent.feed().told.notified() => self.tell().await,
            };
            if let Err(error) = outcome {
                tracing::debug!(%error, "the feed of events of other processes is behind");
            }
        }
        if self.says_so {
            let mut batch = Batch::new();
            batch.write(Write::Remove { category: LISTENER.to_owned(), name: self.name });
            // Who cannot say good-bye is forgotten after a while.
            let _ = self.agent.wallet().commit(batch).await;
        }
        Ok(())
    }

    /// Says whether somebody listens here, sees who listens elsewhere, and reads what there is for this process.
    async fn beat(&mut self, is_due: bool) -> Result<()> {
        let wallet = self.agent.wallet().clone();
        let is_listened_to = self.agent.feed().is_listened_to_here();
        if is_listened_to != self.says_so || (is_listened_to && is_due) {
            self.beats += 1;
            let mut batch = Batch::new();
            if is_listened_to {
                batch.write(Write::Put(Record::new(LISTENER, &self.name, self.beats.to_string())));
            } else {
                batch.write(Write::Remove { category: LISTENER.to_owned(), name: self.name.clone() });
            }
            wallet.commit(batch).await?;
            if is_listened_to != self.says_so {
                wallet.tell(FEED).await?;
            }
            self.says_so = is_listened_to;
        }
        self.see().await?;
        if self.says_so {
            self.read().await?;
        }
        Ok(())
    }

    async fn see(&mut self) -> Result<()> {
        let now = self.agent.clock().monotonic();
        let found = self.agent.wallet().find(&Query::all(LISTENER).limited(READ_MAX)).await?;
        let before = std::mem::take(&mut self.others);
        for record in found.into_iter().filter(|record| record.name != self.name) {
            let since = match before.get(&record.name) {
                Some((value, since)) if *value == record.value => *since,
                _ => now,
            };
            if now.saturating_sub(since) > SILENCE_MAX {
                self.forget(record).await?;
            } else {
                self.others.insert(record.name, (record.value, since));
            }
        }
        self.agent.feed().has_others.store(!self.others.is_empty(), Ordering::Relaxed);
        Ok(())
    }

    /// Removes what is left of a process that is gone.
    async fn forget(&self, listener: Record) -> Result<()> {
        let wallet = self.agent.wallet();
        loop {
            let found = wallet.find(&Query::tagged(TOLD, TO, &listener.name).limited(READ_MAX)).await?;
            let mut batch = Batch::new();
            if found.is_empty() {
                batch.remove(listener);
                wallet.commit(batch).await?;
                return Ok(());
            }
            for record in found {
                batch.write(Write::Remove { category: record.category, name: record.name });
            }
            wallet.commit(batch).await?;
        }
    }

    /// Tells the others what was committed here.
    async fn tell(&self) -> Result<()> {
        let events = std::mem::take(&mut *self.agent.feed().for_others.lock());
        if events.is_empty() || self.others.is_empty() {
            return Ok(());
        }
        let events: Vec<&str> = events.iter().map(|event| &**event).collect();
        let value = serde_json::to_vec(&events).map_err(|error| Error::Internal(error.to_string()))?;
        let mut batch = Batch::new();
        for other in self.others.keys() {
            let name = uuid(self.agent.random()).to_string();
            batch.write(Write::Put(Record::new(TOLD, name, value.clone()).tagged(TO, other)));
        }
        self.agent.wallet().commit(batch).await?;
        Ok(self.agent.wallet().tell(FEED).await?)
    }

    /// Passes on what others committed.
    async fn read(&self) -> Result<()> {
        let (wallet, feed) = (self.agent.wallet(), self.agent.feed());
        loop {
            let found = wallet.find(&Query::tagged(TOLD, TO, &self.name).limited(READ_MAX)).await?;
            if found.is_empty() {
                return Ok(());
            }
            let mut batch = Batch::new();
            for record in found {
                let events: Vec<String> = serde_json::from_slice(&record.value).unwrap_or_default();
                for event in events {
                    // That nobody listens any more is no error.
                    let _ = feed.listeners.send(event.into());
                }
                batch.write(Write::Remove { category: record.category, name: record.name });
            }
            wallet.commit(batch).await?;
        }
    }
}
