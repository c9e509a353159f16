//! A mediator, its client, and another who knows the client only through it.

use serde_json::json;
use trustkeep_didcomm::{Recipient, Verkey, forward};

use super::super::mediation::{
    self as protocol, Mediation, MediationRole, MediationState, RoutedKey, begin, default_mediator,
    set_default_mediator,
};
use super::super::{out_of_band, routing};
use super::exchange::{by, take};
use super::*;
use crate::{Stored, invitation_url};

fn open_mediator() -> Settings {
    Settings { open_mediation: true, monitor_forward: true, ..auto() }
}

/// Carries messages to whose endpoint they go, until there are none left.
async fn carry_all(parties: &[&Party]) {
    loop {
        let mut count = 0;
        for from in parties {
            for payload in from.take("outbound").await {
                let outgoing: Outgoing = serde_json::from_str(&payload).unwrap();
                let to = parties
                    .iter()
                    .find(|party| party.agent.settings().endpoints.first() == Some(&outgoing.endpoint));
                to.unwrap().agent.receive(outgoing.envelope.as_bytes()).await.unwrap();
                count += 1;
            }
        }
        if count == 0 {
            return;
        }
    }
}

/// Lets one connect to another, by an invitation of the other; gives the ids at the other and at the one.
async fn connect(inviter: &Party, invitee: &Party, protocol: &str, through: &[&Party]) -> (String, String) {
    let mut work = Work::new(&inviter.agent);
    let created = out_of_band::create_invitation(&mut work, by(protocol)).await.unwrap();
    work.commit().await.unwrap();
    let taken = take(invitee, &created.record.invitation).await;
    carry_all(&[&[inviter, invitee], through].concat()).await;
    (created.record.connection_id.unwrap(), taken.connection_id.unwrap())
}

/// Lets a client ask for mediation over a connection, and gives its agreement.
async fn ask(client: &Party, connection: &str, mediator: &Party) -> Mediation {
    let mut work = Work::new(&client.agent);
    let asked = protocol::request(&mut work, connection, Vec::new(), Vec::new()).await.unwrap();
    work.commit().await.unwrap();
    carry_all(&[client, mediator]).await;
    agreement(client, &asked.id).await
}

async fn agreement(party: &Party, id: &str) -> Mediation {
    Mediation::get(&mut Work::new(&party.agent), id).await.unwrap()
}

async fn routes(party: &Party) -> Vec<RoutedKey> {
    RoutedKey::find(&mut Work::new(&party.agent), &Query::all("forward_route")).await.unwrap()
}

async fn said(from: &Party, connection: &str, to: &Party, content: &str, all: &[&Party]) {
    let mut work = Work::new(&from.agent);
    basic_message::send(&mut work, connection, content).await.unwrap();
    work.commit().await.unwrap();
    carry_all(all).await;
    let told = to.events("basicmessages").await;
    assert_eq!(told.iter().filter(|told| told["content"] == content).count(), 1, "{content}: {told:?}");
}

/// Sends a mediator an update and gives what it answers of each key.
async fn update(client: &Party, id: &str, mediator: &Party, updates: &[(String, &str)]) -> Vec<String> {
    let mut work = Work::new(&client.agent);
    let updates: Vec<_> = updates.iter().map(|(key, action)| (key.clone(), (*action).to_owned())).collect();
    protocol::send_updates(&mut work, id, &updates).await.unwrap();
    work.commit().await.unwrap();
    carry_all(&[client, mediator]).await;
    let told = client.events("keylist").await;
    let results = told[0]["updated"].as_array().unwrap().clone();
    results.iter().map(|result| result["result"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn everything_reaches_a_client_through_its_mediator_by_every_handshake() {
    for protocol in ["connections/1.0", "didexchange/1.0", "didexchange/1.1"] {
        for client_invites in [true, false] {
            let mediator = Party::new("mediator", 1, open_mediator());
            let (client, guest) = (Party::new("client", 2, auto()), Party::new("guest", 3, auto()));
            let (_, with_mediator) = connect(&mediator, &client, "connections/1.0", &[]).await;
            let granted = ask(&client, &with_mediator, &mediator).await;
            assert_eq!(granted.state, MediationState::Granted);
            assert_eq!(granted.endpoint.as_deref(), Some("http://mediator.example"));
            let mut work = Work::new(&client.agent);
            set_default_mediator(&mut work, &granted.id).await.unwrap();
            work.commit().await.unwrap();

            let (at_client, at_guest) = if client_invites {
                connect(&client, &guest, protocol, &[&mediator]).await
            } else {
                let (at_guest, at_client) = connect(&guest, &client, protocol, &[&mediator]).await;
                (at_client, at_guest)
            };
            let all = [&mediator, &client, &guest];
            assert_eq!(client.connection(&at_client).await.state, State::Active, "{protocol}");
            assert_eq!(guest.connection(&at_guest).await.state, State::Active, "{protocol}");
            said(&guest, &at_guest, &client, "to the client", &all).await;
            said(&client, &at_client, &guest, "to the guest", &all).await;

            // The guest sends to nobody but the mediator.
            let mut work = Work::new(&guest.agent);
            basic_message::send(&mut work, &at_guest, "again").await.unwrap();
            work.commit().await.unwrap();
            let outgoing: Outgoing = serde_json::from_str(&guest.take("outbound").await[0]).unwrap();
            assert_eq!((outgoing.endpoint.as_str(), outgoing.is_wrapped), ("http://mediator.example", true));
            // The key of the invitation is of no more use and was taken back; both tell the same.
            let (ours, theirs) = (routes(&client).await, routes(&mediator).await);
            assert_eq!((ours.len(), theirs.len()), (1, 1), "{protocol} {client_invites}");
            assert_eq!(ours[0].recipient_key, theirs[0].recipient_key);
            assert_eq!((ours[0].role, theirs[0].role), (MediationRole::Client, MediationRole::Server));
            let forwards = mediator.events("forward").await;
            assert!(forwards.iter().all(|told| told["status"] == "queued_for_delivery"));
            assert!(!forwards.is_empty());
        }
    }
}

#[tokio::test]
async fn what_others_may_answer_leaves_when_the_mediator_knows_the_key() {
    let mediator = Party::new("mediator", 1, open_mediator());
    let (client, guest) = (Party::new("client", 2, auto()), Party::new("guest", 3, auto()));
    let (_, with_mediator) = connect(&mediator, &client, "connections/1.0", &[]).await;
    let granted = ask(&client, &with_mediator, &mediator).await;
    let mut work = Work::new(&client.agent);
    set_default_mediator(&mut work, &granted.id).await.unwrap();
    work.commit().await.unwrap();
    // Nothing is sent that leads others to an invitation: who asked for it waits.
    let mut work = Work::new(&client.agent);
    let created = out_of_band::create_invitation(&mut work, by("connections/1.0")).await.unwrap();
    let announced = work.unawaited().unwrap();
    assert_eq!(Some(announced.key), created.record.our_recipient_key);
    assert_eq!(announced.mediator, with_mediator);
    work.commit().await.unwrap();
    carry_all(&[&client, &mediator]).await;

    take(&guest, &created.record.invitation).await;
    for from in [&guest, &mediator] {
        for payload in from.take("outbound").await {
            let outgoing: Outgoing = serde_json::from_str(&payload).unwrap();
            let to = if outgoing.endpoint == "http://mediator.example" { &mediator } else { &client };
            to.agent.receive(outgoing.envelope.as_bytes()).await.unwrap();
        }
    }
    let mut waiting = Vec::new();
    for payload in client.take("outbound").await {
        let outgoing: Outgoing = serde_json::from_str(&payload).unwrap();
        waiting.push((outgoing.endpoint, outgoing.after.map(|after| after.mediator)));
    }
    waiting.sort();
    let response = ("http://guest.example".to_owned(), Some(with_mediator));
    assert_eq!(waiting, [response, ("http://mediator.example".to_owned(), None)]);
}

#[tokio::test]
async fn controllers_grant_and_deny_and_a_second_request_is_refused() {
    let mediator = Party::new("mediator", 1, auto());
    let client = Party::new("client", 2, Settings { old_prefix: true, ..auto() });
    let (at_mediator, at_client) = connect(&mediator, &client, "connections/1.0", &[]).await;
    let asked = ask(&client, &at_client, &mediator).await;
    assert_eq!(asked.state, MediationState::Request);
    let mut work = Work::new(&client.agent);
    let again = protocol::request(&mut work, &at_client, Vec::new(), Vec::new()).await.unwrap_err();
    assert_eq!(again.to_string(), format!("MediationRecord already exists for connection {at_client}"));

    let found = Mediation::of_connection(&mut Work::new(&mediator.agent), &at_mediator).await.unwrap();
    let theirs = found.unwrap();
    for grants in [false, true] {
        let mut work = Work::new(&mediator.agent);
        if grants {
            protocol::grant(&mut work, &theirs.id).await.unwrap();
        } else {
            protocol::deny(&mut work, &theirs.id, Vec::new(), Vec::new()).await.unwrap();
        }
        work.commit().await.unwrap();
        carry_all(&[&mediator, &client]).await;
        let state = if grants { MediationState::Granted } else { MediationState::Denied };
        assert_eq!(agreement(&client, &asked.id).await.state, state);
    }
    // Who speaks as the oldest agents do is told keys as they read them.
    assert!(!agreement(&client, &asked.id).await.routing_keys[0].starts_with("did:"));
    let mut work = Work::new(&client.agent);
    let wrong = protocol::grant(&mut work, &asked.id).await.unwrap_err();
    assert_eq!(wrong.to_string(), "role(client) is not server");

    // The client has lost its memory of the request: it is told that there is one.
    let mut work = Work::new(&client.agent);
    set_default_mediator(&mut work, &asked.id).await.unwrap();
    work.commit().await.unwrap();
    let mut work = Work::new(&client.agent);
    protocol::delete(&mut work, &asked.id).await.unwrap();
    work.commit().await.unwrap();
    assert!(default_mediator(&mut Work::new(&client.agent)).await.unwrap().is_none());
    let again = ask(&client, &at_client, &mediator).await;
    assert_eq!(again.state, MediationState::Request);
}

#[tokio::test]
async fn updates_have_the_results_of_the_protocol_and_a_key_leads_to_one_client() {
    let mediator = Party::new("mediator", 1, open_mediator());
    let (one, other) = (Party::new("one", 2, auto()), Party::new("other", 3, auto()));
    let (_, of_one) = connect(&mediator, &one, "didexchange/1.1", &[]).await;
    let (_, of_other) = connect(&mediator, &other, "didexchange/1.1", &[]).await;
    let (of_one, of_other) = (ask(&one, &of_one, &mediator).await, ask(&other, &of_other, &mediator).await);
    let mut work = Work::new(&one.agent);
    let key = work.new_key().unwrap().verkey();
    work.commit().await.unwrap();
    let (base58, by_did) = (key.to_string(), key.did_key());
    let both = [(base58.clone(), "remove"), (by_did.clone(), "add")];
    assert_eq!(update(&one, &of_one.id, &mediator, &both).await, ["no_change", "success"]);
    // Again, in another form; and by another client.
    assert_eq!(update(&one, &of_one.id, &mediator, &[(base58.clone(), "add")]).await, ["no_change"]);
    assert_eq!(update(&other, &of_other.id, &mediator, &[(base58.clone(), "add")]).await, ["client_error"]);
    // The mediator's own keys are nobody's.
    let own = of_one.routing_keys[0].clone();
    assert_eq!(update(&one, &of_one.id, &mediator, &[(own, "add")]).await, ["client_error"]);
    assert_eq!(update(&other, &of_other.id, &mediator, &[(base58.clone(), "remove")]).await, ["no_change"]);
    assert_eq!(routes(&mediator).await.len(), 1);

    let mut work = Work::new(&one.agent);
    protocol::send_query(&mut work, &of_one.id, Some(json!({"recipient_key": [by_did]})), -1, 0)
        .await
        .unwrap();
    work.commit().await.unwrap();
    carry_all(&[&one, &mediator]).await;

    // Once the first is gone, the key is free.
    let mut work = Work::new(&mediator.agent);
    let theirs = RoutedKey::of_key(&mut work, &key).await.unwrap();
    let connection = Connection::get(&mut work, theirs[0].connection_id.as_deref().unwrap()).await.unwrap();
    connection.delete(&mut work).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(update(&other, &of_other.id, &mediator, &[(base58.clone(), "add")]).await, ["success"]);
    assert_eq!(update(&other, &of_other.id, &mediator, &[(base58, "remove")]).await, ["success"]);
    assert!(routes(&mediator).await.is_empty());

    // Without an agreement nothing is done.
    let mut work = Work::new(&mediator.agent);
    for record in work.find(&Query::all("mediation_requests")).await.unwrap() {
        work.remove(&record);
    }
    work.commit().await.unwrap();
    let mut work = Work::new(&other.agent);
    protocol::send_updates(&mut work, &of_other.id, &[(by_did, "add".to_owned())]).await.unwrap();
    work.commit().await.unwrap();
    carry_all(&[&other, &mediator]).await;
    assert!(routes(&mediator).await.is_empty());
}

#[tokio::test]
async fn what_comes_twice_or_to_two_instances_changes_nothing_more() {
    let mediator = Party::new("mediator", 1, open_mediator());
    let client = Party::new("client", 2, auto());
    let (_, at_client) = connect(&mediator, &client, "didexchange/1.1", &[]).await;
    let mut work = Work::new(&client.agent);
    let asked = protocol::request(&mut work, &at_client, Vec::new(), Vec::new()).await.unwrap();
    work.commit().await.unwrap();
    let twin = Agent::new(
        mediator.agent.settings().clone(),
        mediator.agent.wallet().clone(),
        Arc::new(ManualClock::new(Timestamp::from_second(1_645_072_160).unwrap())),
        Arc::new(Seeded::new(9)),
    );
    for _ in 0..3 {
        for payload in client.take("outbound").await {
            let outgoing: Outgoing = serde_json::from_str(&payload).unwrap();
            let envelope = outgoing.envelope.as_bytes();
            let (here, there) = tokio::join!(mediator.agent.receive(envelope), twin.receive(envelope));
            here.and(there).unwrap();
        }
        for payload in mediator.take("outbound").await {
            let outgoing: Outgoing = serde_json::from_str(&payload).unwrap();
            for _ in 0..2 {
                client.agent.receive(outgoing.envelope.as_bytes()).await.unwrap();
            }
        }
    }
    assert_eq!(agreement(&client, &asked.id).await.state, MediationState::Granted);
    let agreements = mediator.agent.wallet().count(&Query::all("mediation_requests")).await.unwrap();
    let dids = mediator.agent.wallet().count(&Query::all("routing_did")).await.unwrap();
    assert_eq!((agreements, dids), (1, 1));
}

#[tokio::test]
async fn forwards_for_ourselves_are_opened_and_for_nobody_are_dropped() {
    let mediator = Party::new("mediator", 1, open_mediator());
    let guest = Party::new("guest", 2, auto());
    let (at_mediator, at_guest) = connect(&mediator, &guest, "didexchange/1.1", &[]).await;
    let mut work = Work::new(&mediator.agent);
    let ours = work.new_key().unwrap().verkey();
    work.commit().await.unwrap();
    let hops = |count: usize| vec![Recipient::new(ours).unwrap(); count];
    let random = Seeded::new(5);
    for (count, arrives) in [(1, true), (16, true)] {
        let mut work = Work::new(&guest.agent);
        basic_message::send(&mut work, &at_guest, &count.to_string()).await.unwrap();
        let outgoing = work.take_outgoing(|_| true).unwrap();
        work.commit().await.unwrap();
        let recipient: Verkey = outgoing.recipient.parse().unwrap();
        let envelope = outgoing.envelope.into_bytes();
        let wrapped =
            forward::wrap(envelope, recipient, &hops(count), guest.agent.prefix(), &random).unwrap();
        let receipt = mediator.agent.receive_and_answer(&wrapped).await.unwrap();
        assert!(receipt.sender.is_none() && receipt.back.is_none());
        let told = mediator.events("basicmessages").await;
        assert_eq!(told.len(), usize::from(arrives));
        assert_eq!(told[0]["connection_id"], at_mediator);
    }
    // Deeper than any route.
    let mut envelope = br#"{"protected":"e30"}"#.to_vec();
    for _ in 0..2 {
        envelope = forward::wrap(envelope, ours, &hops(16), guest.agent.prefix(), &random).unwrap();
    }
    assert!(matches!(mediator.agent.receive(&envelope).await, Err(Error::BadRequest(_))));
    // For nobody: taken, and forgotten.
    let nobody = Verkey::new([7; 32]);
    let envelope = forward::wrap(b"{}".to_vec(), nobody, &hops(1), guest.agent.prefix(), &random).unwrap();
    mediator.agent.receive(&envelope).await.unwrap();
    assert!(mediator.take("outbound").await.is_empty());
}

#[tokio::test]
async fn a_client_who_is_away_is_held_for_up_to_a_bound() {
    let mediator = Party::new("mediator", 1, open_mediator());
    let client = Party::new("client", 2, auto());
    let (_, at_client) = connect(&mediator, &client, "didexchange/1.1", &[]).await;
    let granted = ask(&client, &at_client, &mediator).await;
    let mut work = Work::new(&client.agent);
    let key = work.new_key().unwrap().verkey();
    work.commit().await.unwrap();
    assert_eq!(update(&client, &granted.id, &mediator, &[(key.to_string(), "add")]).await, ["success"]);
    let hop = vec![Recipient::new(granted.routing().unwrap()[0]).unwrap()];
    let wrap = || forward::wrap(b"{}".to_vec(), key, &hop, client.agent.prefix(), &Seeded::new(5)).unwrap();
    mediator.agent.receive(&wrap()).await.unwrap();
    let outgoing: Outgoing = serde_json::from_str(&mediator.take("outbound").await[0]).unwrap();
    assert_eq!(outgoing.envelope, "{}");
    let mut batch = trustkeep_wallet::Batch::new();
    for number in 0..routing::HELD_MAX {
        let record = trustkeep_wallet::Record::new(CATEGORY, format!("aside:{number}"), "[]");
        batch.insert(record.tagged("queue", "waiting/x").tagged("key", &outgoing.recipient));
    }
    mediator.agent.wallet().commit(batch).await.unwrap();
    assert!(matches!(mediator.agent.receive(&wrap()).await, Err(Error::Full(_))));
}

#[tokio::test]
async fn the_configured_mediator_is_asked_once_and_becomes_the_default() {
    let mediator = Party::new("mediator", 1, open_mediator());
    for protocol in ["connections/1.0", "didexchange/1.0"] {
        let mut work = Work::new(&mediator.agent);
        let asked = out_of_band::NewInvitation { multi_use: true, ..by(protocol) };
        let created = out_of_band::create_invitation(&mut work, asked).await.unwrap();
        let url = if protocol == "connections/1.0" {
            let asked = connections::NewInvitation::default();
            let (_, invitation) = connections::create_invitation(&mut work, asked).await.unwrap();
            invitation_url::to_url("http://mediator.example", "c_i", &invitation)
        } else {
            created.url
        };
        work.commit().await.unwrap();
        let settings = Settings { mediator_invitation: Some(url), ..Settings::default() };
        let client = Party::new("client", 2, settings);
        // Twice: as by two instances, or at the next start.
        for _ in 0..2 {
            begin(&client.agent).await.unwrap();
            carry_all(&[&mediator, &client]).await;
            let default = default_mediator(&mut Work::new(&client.agent)).await.unwrap().unwrap();
            assert_eq!((default.state, default.role), (MediationState::Granted, MediationRole::Client));
            assert_eq!(client.connections().await.len(), 1);
        }
    }
    let wrong = Settings { mediator_invitation: Some("http://x".to_owned()), ..Settings::default() };
    assert!(begin(&Party::new("client", 3, wrong).agent).await.is_err());
    let unknown = Settings { default_mediator_id: Some("x".to_owned()), ..Settings::default() };
    let refused = begin(&Party::new("client", 4, unknown).agent).await;
    assert!(matches!(refused, Err(Error::NotFound(_))));
}
