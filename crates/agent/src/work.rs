//! A unit of work: what is read, what is changed, what is sent, what the controller is told, and one commit of it all.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trustkeep_chassis::clock::Timestamp;
use trustkeep_crypto::random::uuid;
use trustkeep_didcomm::envelope::{anoncrypt, authcrypt};
use trustkeep_didcomm::message::ReturnRoute;
use trustkeep_didcomm::{Keypair, Message, MessageType, Prefix, Recipient, Verkey, Version, forward};
use trustkeep_wallet::queue::{Entry, Lane};
use trustkeep_wallet::{Batch, Expect, KeyAlgorithm, Query, Record, StoredKey, Tag, Write};

use crate::route::Announced;
use crate::transport::Places;
use crate::{Agent, Error, Result, Settings, Target};

/// The queue of messages to other agents; a payload is an [`Outgoing`].
pub const OUTBOUND: &str = "outbound";
/// The queue of what the controller is told; a payload is `{"topic": …, "payload": …}`.
pub const EVENTS: &str = "events";

/// A unit of work on an agent's wallet. What it changes it sees itself; others see it after [`Work::commit`].
#[derive(Debug)]
pub struct Work {
    agent: Agent,
    now: Timestamp,
    /// By category and name: what was read or changed.
    records: BTreeMap<(String, String), Seen>,
    /// What was asked, and the names of what the wallet had: a unit asks once, and sees one state.
    asked: Vec<(Query, Vec<String>)>,
    keys: Vec<Write>,
    events: Vec<(Lane, Entry)>,
    outgoing: Vec<(Lane, Outgoing)>,
    announced: Option<Announced>,
    has_routes: bool,
}

/// A packed message on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Where it goes.
    pub endpoint: String,
    /// The key that it was packed for: the first, if several.
    pub recipient: String,
    /// The envelope, a JSON text.
    pub envelope: String,
    /// Over which connection, if over one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// The thread that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// Whether it is wrapped for mediators: then the recipient cannot be given it directly.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_wrapped: bool,
    /// When it was queued, in seconds since 1970.
    #[serde(default)]
    pub queued_at: i64,
    /// What our mediator is to know before it leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Announced>,
}

#[derive(Debug)]
struct Seen {
    /// As it stands in the wallet.
    before: Option<Record>,
    /// As this unit leaves it.
    after: Option<Record>,
    is_changed: bool,
}

impl Outgoing {
    /// Whether it may go to the sender of a message the way that one came, as he asked for.
    pub fn goes_back(&self, sender: &str, route: &ReturnRoute) -> bool {
        let is_asked_for = match route {
            ReturnRoute::None => false,
            ReturnRoute::All => true,
            ReturnRoute::Thread(thread) => self.thread.as_ref() == Some(thread),
        };
        is_asked_for && !self.is_wrapped && self.recipient == sender
    }
}

impl Work {
    /// A unit that begins now.
    pub fn new(agent: &Agent) -> Self {
        Self {
            agent: agent.clone(),
            now: agent.clock().now(),
            records: BTreeMap::new(),
            asked: Vec::new(),
            keys: Vec::new(),
            events: Vec::new(),
            outgoing: Vec::new(),
            announced: None,
            has_routes: false,
        }
    }

    /// Whose wallet it is.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// How the agent behaves.
    pub fn settings(&self) -> &Settings {
        self.agent.settings()
    }

    /// The time of everything in this unit.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The same as ACA-Py writes it: `2022-02-17T04:29:20.895944Z`.
    pub fn timestamp(&self) -> String {
        format!("{:.6}", self.now)
    }

    /// A new identifier: a random UUID.
    pub fn new_id(&self) -> String {
        uuid(self.agent.random()).to_string()
    }

    /// The record, or `None`.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn get(&mut self, category: &str, name: &str) -> Result<Option<Record>> {
        let place = (category.to_owned(), name.to_owned());
        if let Some(seen) = self.records.get(&place) {
            return Ok(seen.after.clone());
        }
        let record = self.agent.wallet().get(category, name).await?;
        self.records.insert(place, Seen { before: record.clone(), after: record.clone(), is_changed: false });
        Ok(record)
    }

    /// The records that fit, as they stand after what this unit has changed so far; records that it made come last.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn find(&mut self, query: &Query) -> Result<Vec<Record>> {
        let fits = |record: &Record| query.filter.as_ref().is_none_or(|filter| filter.holds(record));
        let mut found = Vec::new();
        for name in self.names(query).await? {
            let seen = self.records.get(&(query.category.clone(), name));
            found.extend(seen.and_then(|seen| seen.after.clone()).filter(fits));
        }
        let made =
            self.records.values().filter(|seen| seen.before.is_none()).filter_map(|seen| seen.after.as_ref());
        let made = made.filter(|record| record.category == query.category && fits(record));
        found.extend(made.cloned());
        Ok(found)
    }

    /// The only record that fits, the first if there are several.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn first(&mut self, query: Query) -> Result<Option<Record>> {
        Ok(self.find(&query.limited(1)).await?.into_iter().next())
    }

    /// Lets a record stand: one that was read in this unit is replaced if it is still as it was, any other is made if
    /// there is none.
    pub fn put(&mut self, record: Record) {
        let place = (record.category.clone(), record.name.clone());
        let seen = self.records.entry(place).or_insert(Seen { before: None, after: None, is_changed: true });
        seen.after = Some(record);
        seen.is_changed = true;
    }

    /// Removes a record that was read in this unit, if it is still as it was.
    pub fn remove(&mut self, record: &Record) {
        if let Some(seen) = self.records.get_mut(&(record.category.clone(), record.name.clone())) {
            seen.after = None;
            seen.is_changed = true;
        }
    }

    /// Whether it changes records, so far.
    pub(crate) fn has_changes(&self) -> bool {
        self.records.values().any(|seen| seen.is_changed)
    }

    /// Makes a key pair that is in the wallet when this unit is.
    ///
    /// # Errors
    /// None that has a reason to happen.
    pub fn new_key(&mut self) -> Result<Arc<Keypair>> {
        let keypair = Arc::new(Keypair::generate(self.agent.random())?);
        self.put_key(&keypair);
        Ok(keypair)
    }

    /// The key pair of a verkey, which the wallet has to hold.
    ///
    /// # Errors
    /// [`Error::Internal`] if it does not.
    pub(crate) async fn keypair(&self, verkey: &Verkey) -> Result<Arc<Keypair>> {
        let keypair = self.agent.keypair(verkey).await?;
        keypair.ok_or_else(|| Error::Internal(format!("the wallet does not hold the key {verkey}")))
    }

    /// Puts a key pair into the wallet.
    pub fn put_key(&mut self, keypair: &Arc<Keypair>) {
        self.put_tagged_key(keypair, Vec::new());
    }

    /// The same, with what it is found by.
    pub(crate) fn put_tagged_key(&mut self, keypair: &Arc<Keypair>, tags: Vec<Tag>) {
        self.agent.keep(keypair);
        self.keys.push(Write::PutKey(StoredKey {
            name: keypair.verkey().to_string(),
            algorithm: KeyAlgorithm::Ed25519,
            secret: Arc::new(keypair.seed().to_secret_bytes()),
            metadata: Some("{}".to_owned()),
            tags,
        }));
    }

    /// Lets a key of the wallet be found by other tags than before.
    pub(crate) fn replace_key(&mut self, key: StoredKey) {
        self.keys.push(Write::RemoveKey { name: key.name.clone() });
        self.keys.push(Write::PutKey(key));
    }

    /// A message of a protocol, with the prefix that this agent begins with.
    pub fn message(&self, protocol: &str, version: Version, name: &str) -> Message {
        Message::new(MessageType::new(self.agent.prefix(), protocol, version, name), self.agent.random())
    }

    /// A message in the thread of another, with that one's prefix.
    pub fn reply(&self, to: &Message, name: &str) -> Message {
        let kind = MessageType { name: name.to_owned(), ..to.kind.clone() };
        Message::in_reply_to(to, kind, self.agent.random())
    }

    /// Sends a message: it leaves after this unit, and is not lost from then on. Messages of one lane, a connection's id
    /// mostly, leave in order.
    ///
    /// # Errors
    /// The target's keys are refused, or the sender's key is not in the wallet.
    pub async fn send(&mut self, lane: &str, target: &Target, message: &Message) -> Result<()> {
        let random = self.agent.random();
        let recipients = self.recipients(&target.recipient_keys)?;
        let recipient = recipients.first().map(Recipient::verkey).ok_or_else(no_recipient)?;
        let packed = match &target.sender_key {
            Some(verkey) => {
                let keypair = self.keypair(verkey).await?;
                authcrypt(&message.to_bytes(), &recipients, &keypair, random)?
            }
            None => anoncrypt(&message.to_bytes(), &recipients, random)?,
        };
        let thread = Some(message.thread_id().to_owned());
        self.dispatch(lane, target, recipient, packed, thread, message.kind.prefix)
    }

    fn dispatch(
        &mut self,
        lane: &str,
        target: &Target,
        recipient: Verkey,
        packed: Vec<u8>,
        thread: Option<String>,
        prefix: Prefix,
    ) -> Result<()> {
        let routing = self.recipients(&target.routing_keys)?;
        let packed = forward::wrap(packed, recipient, &routing, prefix, self.agent.random())?;
        let envelope =
            String::from_utf8(packed).map_err(|_| Error::Internal("an envelope is no text".to_owned()))?;
        let outgoing = Outgoing {
            endpoint: target.endpoint.clone(),
            recipient: recipient.to_string(),
            envelope,
            connection_id: target.connection_id.clone(),
            thread,
            is_wrapped: !target.routing_keys.is_empty(),
            queued_at: self.now.as_second(),
            after: None,
        };
        self.outgoing.push((Lane { queue: OUTBOUND, name: lane.to_owned() }, outgoing));
        Ok(())
    }

    /// Sends an envelope of another's as it is, to the client that it is for.
    ///
    /// # Errors
    /// The target's keys are refused.
    pub(crate) fn pass_on(&mut self, lane: &str, target: &Target, envelope: Vec<u8>) -> Result<()> {
        let recipient = target.recipient_keys.first().copied().ok_or_else(no_recipient)?;
        self.dispatch(lane, target, recipient, envelope, None, self.agent.prefix())
    }

    /// Takes one message that would leave after this unit, the first that fits: whoever takes it sends it himself.
    pub fn take_outgoing(&mut self, fits: impl Fn(&Outgoing) -> bool) -> Option<Outgoing> {
        let index = self.outgoing.iter().position(|(_, outgoing)| !self.waits(outgoing) && fits(outgoing))?;
        Some(self.outgoing.remove(index).1)
    }

    /// Notes that a mediator is told of a key: what else this unit sends leaves when it knows the key, for that may be
    /// answered to it.
    pub(crate) fn announced(&mut self, announced: Announced) {
        self.announced = Some(announced);
    }

    /// What a mediator was told of, if no message of this unit waits for it: then it is for the caller to wait.
    pub(crate) fn unawaited(&self) -> Option<Announced> {
        let is_awaited = self.outgoing.iter().any(|(_, outgoing)| self.waits(outgoing));
        self.announced.clone().filter(|_| !is_awaited)
    }

    /// Notes that a mediator knows another key than before.
    pub(crate) fn routes_changed(&mut self) {
        self.has_routes = true;
    }

    /// Tells the controller something, after what was told before in the same lane.
    pub fn tell(&mut self, lane: &str, topic: &str, payload: &Value) {
        let told = json!({"topic": topic, "payload": payload, "queued_at": self.now.as_second()});
        let entry = Entry { id: self.new_id(), payload: told.to_string() };
        self.events.push((Lane { queue: EVENTS, name: lane.to_owned() }, entry));
    }

    /// Writes all of it, and wakes those who send.
    ///
    /// # Errors
    /// [`trustkeep_wallet::Error::Conflict`] if something that was read and changed stands otherwise by now: begin anew.
    pub async fn commit(self) -> Result<()> {
        let mut batch = Batch::new();
        for ((category, name), seen) in self.records {
            if !seen.is_changed || (seen.before.is_none() && seen.after.is_none()) {
                continue;
            }
            batch.expect(match seen.before {
                Some(record) => Expect::Is(record),
                None => Expect::Absent { category: category.clone(), name: name.clone() },
            });
            batch.write(match seen.after {
                Some(record) => Write::Put(record),
                None => Write::Remove { category, name },
            });
        }
        for key in self.keys {
            batch.write(key);
        }
        let mut places = Places::default();
        let feed = self.agent.feed();
        let told: Vec<Arc<str>> = if feed.is_listened_to() {
            self.events.iter().map(|(_, entry)| entry.payload.as_str().into()).collect()
        } else {
            Vec::new()
        };
        for (lane, entry) in self.events {
            places.insert(&lane);
            batch.enqueue(lane, entry);
        }
        if self.has_routes {
            places.insert_routes();
        }
        for (lane, mut outgoing) in self.outgoing {
            outgoing.after = self.announced.clone().filter(|announced| announced.concerns(&outgoing));
            let payload =
                serde_json::to_string(&outgoing).map_err(|error| Error::Internal(error.to_string()))?;
            places.insert(&lane);
            batch.enqueue(lane, Entry { id: uuid(self.agent.random()).to_string(), payload });
        }
        self.agent.wallet().commit(batch).await?;
        self.agent.wakes().committed(places);
        self.agent.feed().committed(told);
        Ok(())
    }

    /// The names of the records in the wallet that fit; they are in `records` then.
    async fn names(&mut self, query: &Query) -> Result<Vec<String>> {
        if let Some((_, names)) = self.asked.iter().find(|(asked, _)| asked == query) {
            return Ok(names.clone());
        }
        let found = self.agent.wallet().find(query).await?;
        let names: Vec<String> = found.iter().map(|record| record.name.clone()).collect();
        for record in found {
            let place = (record.category.clone(), record.name.clone());
            self.records.entry(place).or_insert_with(|| Seen {
                before: Some(record.clone()),
                after: Some(record),
                is_changed: false,
            });
        }
        self.asked.push((query.clone(), names.clone()));
        Ok(names)
    }

    fn waits(&self, outgoing: &Outgoing) -> bool {
        self.announced.as_ref().is_some_and(|announced| announced.concerns(outgoing))
    }

    fn recipients(&self, keys: &[Verkey]) -> Result<Vec<Recipient>> {
        keys.iter().map(|verkey| self.agent.recipient(*verkey)).collect()
    }
}

fn no_recipient() -> Error {
    Error::BadRequest("the other agent names no recipient key".to_owned())
}
