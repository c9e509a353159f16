//! Two agents in memory, whose messages a test carries.

use std::sync::Arc;

use serde_json::Value;
use trustkeep_chassis::clock::{ManualClock, Timestamp};
use trustkeep_crypto::random::Seeded;
use trustkeep_wallet::queue::{CATEGORY, Queued};
use trustkeep_wallet::{MemoryWallet, Query, Wallet};

mod discovery;
mod exchange;
mod invitations;
mod mediation;

use super::*;
use crate::{Agent, Connection, Outgoing, Settings, State, Work};

pub(crate) struct Party {
    pub(crate) agent: Agent,
}

impl Party {
    pub(crate) fn new(label: &str, seed: u64, settings: Settings) -> Self {
        let settings = Settings {
            label: Some(label.to_owned()),
            endpoints: vec![format!("http://{label}.example")],
            ..settings
        };
        let wallet = Wallet::new(Arc::new(MemoryWallet::new()));
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_645_072_160).unwrap()));
        Self { agent: Agent::new(settings, wallet, clock, Arc::new(Seeded::new(seed))) }
    }

    /// What lies in a queue; it is taken out.
    pub(crate) async fn take(&self, queue: &str) -> Vec<String> {
        let wallet = self.agent.wallet();
        let mut taken = Vec::new();
        for segment in wallet.find(&Query::all(CATEGORY)).await.unwrap() {
            if segment.tag("queue").unwrap().starts_with(queue) {
                let queued: Vec<Queued> = serde_json::from_slice(&segment.value).unwrap();
                taken.extend(queued.into_iter().map(|queued| queued.payload));
                let mut batch = trustkeep_wallet::Batch::new();
                batch.remove(segment);
                wallet.commit(batch).await.unwrap();
            }
        }
        taken
    }

    async fn events(&self, topic: &str) -> Vec<Value> {
        let events = self.take("events").await;
        let events = events.iter().map(|event| serde_json::from_str::<Value>(event).unwrap());
        events.filter(|event| event["topic"] == topic).map(|event| event["payload"].clone()).collect()
    }

    async fn connections(&self) -> Vec<Connection> {
        Connection::find(&mut Work::new(&self.agent), &Query::all("connection")).await.unwrap()
    }

    async fn connection(&self, id: &str) -> Connection {
        Connection::get(&mut Work::new(&self.agent), id).await.unwrap()
    }
}

/// Carries messages until there are none left.
pub(crate) async fn carry(one: &Party, other: &Party) {
    carry_times(one, other, 1).await;
}

/// The same, each of them so many times.
async fn carry_times(one: &Party, other: &Party, times: usize) {
    loop {
        let mut count = 0;
        for (from, to) in [(one, other), (other, one)] {
            for payload in from.take("outbound").await {
                let outgoing: Outgoing = serde_json::from_str(&payload).unwrap();
                for _ in 0..times {
                    to.agent.receive(outgoing.envelope.as_bytes()).await.unwrap();
                }
                count += 1;
            }
        }
        if count == 0 {
            return;
        }
    }
}

pub(crate) fn auto() -> Settings {
    Settings {
        auto_accept_invites: true,
        auto_accept_requests: true,
        auto_ping_connection: true,
        ..Settings::default()
    }
}

#[tokio::test]
async fn two_agents_connect_and_speak() {
    let (faber, alice) = (Party::new("faber", 1, auto()), Party::new("alice", 2, auto()));
    let mut work = Work::new(&faber.agent);
    let (made, invitation) =
        connections::create_invitation(&mut work, connections::NewInvitation::default()).await.unwrap();
    work.commit().await.unwrap();
    let mut work = Work::new(&alice.agent);
    let taken =
        connections::receive_invitation(&mut work, &invitation, connections::InvitationOptions::default())
            .await
            .unwrap();
    work.commit().await.unwrap();
    carry(&faber, &alice).await;

    let (theirs, ours) = (faber.connection(&made.id).await, alice.connection(&taken.id).await);
    assert_eq!((theirs.state, ours.state), (State::Active, State::Active));
    assert_eq!((theirs.their_did, ours.their_did), (ours.my_did.clone(), theirs.my_did.clone()));
    assert_eq!((theirs.their_label.as_deref(), ours.their_label.as_deref()), (Some("alice"), Some("faber")));
    let states = |events: Vec<Value>| events.iter().map(|event| event["state"].clone()).collect::<Vec<_>>();
    let all = ["invitation", "request", "response", "active"];
    assert_eq!(states(faber.events("connections").await), all);
    assert_eq!(states(alice.events("connections").await), all);

    let mut work = Work::new(&alice.agent);
    basic_message::send(&mut work, &taken.id, "hello").await.unwrap();
    work.commit().await.unwrap();
    carry(&faber, &alice).await;
    let told = faber.events("basicmessages").await;
    assert_eq!(
        (told.len(), &told[0]["content"], &told[0]["connection_id"]),
        (1, &"hello".into(), &made.id.into())
    );
}

#[tokio::test]
async fn an_invitation_for_one_is_used_once_and_one_for_many_by_many() {
    for (multi_use, expected) in [(false, 1), (true, 2)] {
        let faber = Party::new("faber", 1, auto());
        let mut work = Work::new(&faber.agent);
        let asked = connections::NewInvitation { multi_use, ..Default::default() };
        let (_, invitation) = connections::create_invitation(&mut work, asked).await.unwrap();
        work.commit().await.unwrap();
        let mut active = 0;
        for seed in [2, 3] {
            let guest = Party::new("guest", seed, auto());
            let mut work = Work::new(&guest.agent);
            let taken = connections::receive_invitation(
                &mut work,
                &invitation,
                connections::InvitationOptions::default(),
            )
            .await
            .unwrap();
            work.commit().await.unwrap();
            carry(&faber, &guest).await;
            let taken = guest.connection(&taken.id).await;
            active += usize::from(taken.state == State::Active);
            assert!(taken.state == State::Active || taken.state == State::Abandoned, "{taken:?}");
        }
        assert_eq!(active, expected);
    }
}

#[tokio::test]
async fn a_response_that_another_signed_is_not_accepted() {
    let (faber, alice) = (Party::new("faber", 1, auto()), Party::new("alice", 2, auto()));
    let mallory = Party::new("mallory", 3, auto());
    let mut work = Work::new(&faber.agent);
    let (_, mut invitation) =
        connections::create_invitation(&mut work, connections::NewInvitation::default()).await.unwrap();
    work.commit().await.unwrap();
    let mut work = Work::new(&alice.agent);
    let taken =
        connections::receive_invitation(&mut work, &invitation, connections::InvitationOptions::default())
            .await
            .unwrap();
    work.commit().await.unwrap();
    let request: Outgoing = serde_json::from_str(&alice.take("outbound").await[0]).unwrap();

    // Mallory read the request's id somewhere and answers with a key of hers.
    let mut work = Work::new(&mallory.agent);
    let (_, hers) =
        connections::create_invitation(&mut work, connections::NewInvitation::default()).await.unwrap();
    work.commit().await.unwrap();
    invitation["recipientKeys"] = hers["recipientKeys"].clone();
    let mut work = Work::new(&alice.agent);
    let other =
        connections::receive_invitation(&mut work, &invitation, connections::InvitationOptions::default())
            .await
            .unwrap();
    let mut connection = Connection::get(&mut work, &other.id).await.unwrap();
    connection.invitation_key = Some(taken.invitation_key.clone().unwrap());
    connection.save(&mut work);
    work.commit().await.unwrap();
    carry(&mallory, &alice).await;
    assert_ne!(alice.connection(&other.id).await.state, State::Active);

    faber.agent.receive(request.envelope.as_bytes()).await.unwrap();
    carry(&faber, &alice).await;
    assert_eq!(alice.connection(&taken.id).await.state, State::Active);
}

#[tokio::test]
async fn a_request_is_tied_to_its_sender_and_one_that_cannot_be_read_is_told_so() {
    let (faber, alice) = (Party::new("faber", 1, auto()), Party::new("alice", 2, auto()));
    let mallory = Party::new("mallory", 3, auto());
    let mut work = Work::new(&faber.agent);
    let asked = connections::NewInvitation { multi_use: true, ..Default::default() };
    let (_, invitation) = connections::create_invitation(&mut work, asked).await.unwrap();
    work.commit().await.unwrap();
    let key: trustkeep_didcomm::Verkey = invitation["recipientKeys"][0].as_str().unwrap().parse().unwrap();
    let mut work = Work::new(&alice.agent);
    let taken = connections::receive_invitation(&mut work, &invitation, Default::default()).await.unwrap();
    let target = crate::peer::target(&mut work, &taken).await.unwrap();
    let document = crate::peer::own_document(
        &crate::LocalDid::get(&mut work, taken.my_did.as_deref().unwrap()).await.unwrap(),
        &crate::route::Route::find(&mut work, Default::default()).await.unwrap(),
    );
    let (did, document) = (taken.my_did.clone().unwrap(), document.unwrap());
    work.commit().await.unwrap();
    alice.take("outbound").await;
    let request = |did: &str| {
        let kind =
            Work::new(&alice.agent).message("connections", trustkeep_didcomm::Version::new(1, 0), "request");
        let mut message = trustkeep_didcomm::Message { thread: None, ..kind };
        let detail = serde_json::json!({"DID": did, "DIDDoc": document});
        message.body.insert("connection".to_owned(), detail);
        message
    };
    // Mallory has seen the document of Alice.
    let mut work = Work::new(&mallory.agent);
    let hers = work.new_key().unwrap().verkey();
    let target_of_hers = crate::Target { sender_key: Some(hers), ..target.clone() };
    for sender_key in [Some(hers), None] {
        let target = crate::Target { sender_key, ..target_of_hers.clone() };
        work.send("x", &target, &request(&did)).await.unwrap();
    }
    work.commit().await.unwrap();
    for payload in mallory.take("outbound").await {
        let outgoing: Outgoing = serde_json::from_str(&payload).unwrap();
        assert_eq!(outgoing.recipient.parse(), Ok(key));
        faber.agent.receive(outgoing.envelope.as_bytes()).await.unwrap();
    }
    assert_eq!((faber.connections().await.len(), faber.take("outbound").await.len()), (1, 0));
    // Alice names another DID than that of her document, and hears of it.
    let mut work = Work::new(&alice.agent);
    work.send("x", &target, &request("WgWxqztrNooG92RXvxSTWv")).await.unwrap();
    work.commit().await.unwrap();
    let outgoing: Outgoing = serde_json::from_str(&alice.take("outbound").await[0]).unwrap();
    faber.agent.receive(outgoing.envelope.as_bytes()).await.unwrap();
    let told: Outgoing = serde_json::from_str(&faber.take("outbound").await[0]).unwrap();
    assert_eq!(told.endpoint, "http://alice.example");
    assert_eq!(faber.connections().await.len(), 1);
}
