//! DID exchange between two agents.

use serde_json::json;

use super::super::out_of_band::{NewInvitation, OobRecord, ReceivedInvitation};
use super::*;
use crate::{LocalDid, peer};

/// An invitation by these protocols, and the connection of whoever takes it.
pub(super) async fn invite(faber: &Party, alice: &Party, asked: NewInvitation) -> (OobRecord, OobRecord) {
    let mut work = Work::new(&faber.agent);
    let created = out_of_band::create_invitation(&mut work, asked).await.unwrap();
    work.commit().await.unwrap();
    let taken = take(alice, &created.record.invitation).await;
    (created.record, taken)
}

pub(super) async fn take(party: &Party, invitation: &Value) -> OobRecord {
    let mut work = Work::new(&party.agent);
    let said = ReceivedInvitation::default();
    let (record, _) = out_of_band::receive_invitation(&mut work, invitation, said).await.unwrap();
    work.commit().await.unwrap();
    record
}

pub(super) fn by(protocol: &str) -> NewInvitation {
    NewInvitation { handshake_protocols: vec![protocol.to_owned()], ..NewInvitation::default() }
}

pub(super) async fn say(from: &Party, connection_id: &str, to: &Party, content: &str) {
    let mut work = Work::new(&from.agent);
    basic_message::send(&mut work, connection_id, content).await.unwrap();
    work.commit().await.unwrap();
    carry(from, to).await;
    let told = to.events("basicmessages").await;
    assert!(told.iter().any(|told| told["content"] == content), "{content}: {told:?}");
}

#[tokio::test]
async fn every_handshake_makes_a_connection_even_if_all_comes_twice() {
    for (times, protocol, name, form) in [
        (1, "connections", "connections/1.0", ""),
        (1, "rfc23", "didexchange/1.0", ""),
        (1, "didexchange/1.1", "didexchange/1.1", "did:peer:4"),
        (2, "https://didcomm.org/connections/1.0", "connections/1.0", ""),
        (2, "didexchange/1.0", "didexchange/1.0", ""),
        (2, "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/didexchange/1.1", "didexchange/1.1", "did:peer:4"),
    ] {
        let (faber, alice) = (Party::new("faber", 1, auto()), Party::new("alice", 2, auto()));
        let (made, taken) = invite(&faber, &alice, by(protocol)).await;
        carry_times(&faber, &alice, times).await;
        let (theirs, ours) = (made.connection_id.unwrap(), taken.connection_id.unwrap());
        let (theirs, ours) = (faber.connection(&theirs).await, alice.connection(&ours).await);
        assert_eq!((theirs.state, ours.state), (State::Active, State::Active), "{protocol}");
        assert_eq!((&theirs.their_did, &ours.their_did), (&ours.my_did, &theirs.my_did));
        let did = ours.their_did.as_deref().unwrap();
        assert_eq!(
            (did.starts_with("did:peer:4"), did.contains("did:")),
            (!form.is_empty(), !form.is_empty())
        );
        assert!(!did.get(10..).unwrap_or_default().contains(':'), "records have the short form: {did}");
        assert_eq!(theirs.connection_protocol.as_deref(), Some(name));
        assert_eq!(ours.connection_protocol.as_deref(), Some(name));
        assert_eq!(theirs.their_label.as_deref(), Some("alice"));
        let states = |events: Vec<Value>| -> Vec<String> {
            events.iter().map(|event| event["state"].as_str().unwrap().to_owned()).collect()
        };
        let all: &[&str] = if name == "connections/1.0" {
            &["invitation", "request", "response", "active"]
        } else {
            &["invitation", "request", "response", "completed", "active"]
        };
        assert_eq!(states(faber.events("connections").await), all, "{protocol}");
        assert_eq!(states(alice.events("connections").await), all, "{protocol}");
        assert_eq!((faber.connections().await.len(), alice.connections().await.len()), (1, 1));
        say(&alice, &ours.id, &faber, "hello").await;
        say(&faber, &theirs.id, &alice, "welcome").await;
    }
}

#[tokio::test]
async fn controllers_decide_step_by_step() {
    let (faber, alice) =
        (Party::new("faber", 1, Settings::default()), Party::new("alice", 2, Settings::default()));
    for (method, prefix) in [(None, "did:peer:4"), (Some("did:peer:2"), "did:peer:2")] {
        let (made, taken) = invite(&faber, &alice, by("didexchange/1.1")).await;
        let (theirs, ours) = (made.connection_id.unwrap(), taken.connection_id.unwrap());
        assert_eq!(alice.connection(&ours).await.state, State::Invitation);
        let mut work = Work::new(&alice.agent);
        let answer = did_exchange::InvitationAnswer {
            my_label: Some("Alice of the lake".to_owned()),
            use_did_method: method.map(str::to_owned),
            ..Default::default()
        };
        did_exchange::accept_invitation(&mut work, &ours, answer.clone()).await.unwrap();
        work.commit().await.unwrap();
        let again = did_exchange::accept_invitation(&mut Work::new(&alice.agent), &ours, answer).await;
        assert!(matches!(again, Err(Error::BadRequest(_))));
        carry(&faber, &alice).await;
        let waiting = faber.connection(&theirs).await;
        assert_eq!((waiting.state, waiting.rfc23_state()), (State::Request, "request-received"));
        assert_eq!(waiting.their_label.as_deref(), Some("Alice of the lake"));
        let mut work = Work::new(&faber.agent);
        did_exchange::accept_request(&mut work, &theirs, Default::default()).await.unwrap();
        work.commit().await.unwrap();
        carry(&faber, &alice).await;
        let (theirs, ours) = (faber.connection(&theirs).await, alice.connection(&ours).await);
        assert_eq!((theirs.state, ours.state), (State::Active, State::Active));
        // The inviter answers in kind.
        assert!(theirs.my_did.unwrap().starts_with(prefix) && ours.my_did.unwrap().starts_with(prefix));
        say(&alice, &ours.id, &faber, "hello").await;
    }
}

#[tokio::test]
async fn a_request_is_rejected_and_so_is_an_invitation() {
    let (faber, alice) = (Party::new("faber", 1, Settings::default()), Party::new("alice", 2, auto()));
    for protocol in ["didexchange/1.0", "didexchange/1.1"] {
        let (made, taken) = invite(&faber, &alice, by(protocol)).await;
        carry(&faber, &alice).await;
        let mut work = Work::new(&faber.agent);
        let theirs = made.connection_id.unwrap();
        did_exchange::reject(&mut work, &theirs, Some("not today".to_owned())).await.unwrap();
        work.commit().await.unwrap();
        carry(&faber, &alice).await;
        let ours = alice.connection(&taken.connection_id.unwrap()).await;
        assert_eq!((ours.state, ours.error_msg.as_deref()), (State::Abandoned, Some("not today")));
        assert_eq!(faber.connection(&theirs).await.state, State::Abandoned);
    }
    let shy = Party::new("shy", 3, Settings::default());
    let (made, taken) = invite(&faber, &shy, by("didexchange/1.1")).await;
    let mut work = Work::new(&shy.agent);
    did_exchange::reject(&mut work, &taken.connection_id.unwrap(), None).await.unwrap();
    work.commit().await.unwrap();
    carry(&faber, &shy).await;
    assert_eq!(faber.connection(&made.connection_id.unwrap()).await.state, State::Abandoned);
}

#[tokio::test]
async fn of_two_requests_for_one_invitation_one_wins() {
    for protocol in ["connections/1.0", "didexchange/1.0", "didexchange/1.1"] {
        let (faber, alice) = (Party::new("faber", 1, auto()), Party::new("alice", 2, auto()));
        let bob = Party::new("bob", 3, auto());
        let (made, ours) = invite(&faber, &alice, by(protocol)).await;
        let his = take(&bob, &made.invitation).await;
        let (hers, bobs) = (alice.take("outbound").await, bob.take("outbound").await);
        let envelope = |sent: &[String]| serde_json::from_str::<Outgoing>(&sent[0]).unwrap().envelope;
        let (one, other) = (envelope(&hers), envelope(&bobs));
        let (one, other) =
            tokio::join!(faber.agent.receive(one.as_bytes()), faber.agent.receive(other.as_bytes()));
        one.unwrap();
        other.unwrap();
        // Everyone gets what is his.
        for payload in faber.take("outbound").await {
            let sent: Outgoing = serde_json::from_str(&payload).unwrap();
            let to = if sent.endpoint == "http://alice.example" { &alice } else { &bob };
            to.agent.receive(sent.envelope.as_bytes()).await.unwrap();
        }
        carry(&faber, &alice).await;
        carry(&faber, &bob).await;
        let alices = alice.connection(&ours.connection_id.unwrap()).await.state;
        let bobs = bob.connection(&his.connection_id.unwrap()).await.state;
        let mut states = [alices, bobs].map(|state| format!("{state:?}"));
        states.sort();
        assert_eq!(states, ["Abandoned", "Active"], "{protocol}");
        assert_eq!(faber.connections().await.len(), 1, "{protocol}");
    }
}

#[tokio::test]
async fn nobody_asks_in_anothers_name_nor_answers() {
    let (faber, alice) = (Party::new("faber", 1, auto()), Party::new("alice", 2, auto()));
    let mallory = Party::new("mallory", 3, auto());
    // Mallory asks with the DID of Alice, which holds its document and so needs no signature.
    let mut work = Work::new(&alice.agent);
    let hers = LocalDid::create_peer_four(&mut work, &["http://alice.example"], &[]).unwrap();
    work.commit().await.unwrap();
    let mut work = Work::new(&faber.agent);
    let created = out_of_band::create_invitation(&mut work, by("didexchange/1.1")).await.unwrap();
    work.commit().await.unwrap();
    let mut work = Work::new(&mallory.agent);
    let mine = LocalDid::create(&mut work).unwrap();
    let mut request = work.message("didexchange", trustkeep_didcomm::Version::new(1, 1), "request");
    request.body.insert("label".to_owned(), "Alice".into());
    request.body.insert("did".to_owned(), hers.did.clone().into());
    let thread = json!({"thid": request.id, "pthid": created.record.invi_msg_id});
    request.thread = serde_json::from_value(thread).unwrap();
    let target = peer::of_invitation(&mut work, &created.record.invitation).await.unwrap();
    let target = crate::Target { sender_key: Some(mine.verkey().unwrap()), ..target };
    work.send("x", &target, &request).await.unwrap();
    work.commit().await.unwrap();
    carry(&mallory, &faber).await;
    let id = created.record.connection_id.unwrap();
    assert_eq!(faber.connection(&id).await.state, State::Invitation);
    assert!(faber.take("outbound").await.is_empty(), "who is impersonated is told nothing");

    // Mallory answers in the place of Faber, whose invitation she has read.
    let taken = take(&alice, &created.record.invitation).await;
    let ours = taken.connection_id.unwrap();
    let waiting = alice.connection(&ours).await;
    let mut work = Work::new(&mallory.agent);
    let did = LocalDid::create_peer_four(&mut work, &["http://mallory.example"], &[]).unwrap();
    let keypair = work.keypair(&did.verkey().unwrap()).await.unwrap();
    let mut response = work.message("didexchange", trustkeep_didcomm::Version::new(1, 1), "response");
    response.thread = serde_json::from_value(json!({"thid": waiting.request_id})).unwrap();
    response.body.insert("did".to_owned(), did.did.clone().into());
    let mut attached = trustkeep_didcomm::Attachment::from_bytes(None, "text/string", did.did.as_bytes());
    attached.sign(&[&keypair]).unwrap();
    response.body.insert("did_rotate~attach".to_owned(), attached.to_value());
    let my_key =
        LocalDid::get(&mut Work::new(&alice.agent), waiting.my_did.as_deref().unwrap()).await.unwrap();
    let target = crate::Target {
        endpoint: "http://alice.example".to_owned(),
        recipient_keys: vec![my_key.verkey().unwrap()],
        routing_keys: Vec::new(),
        sender_key: Some(did.verkey().unwrap()),
        connection_id: None,
    };
    work.send("x", &target, &response).await.unwrap();
    work.commit().await.unwrap();
    let sent: Outgoing = serde_json::from_str(&mallory.take("outbound").await[0]).unwrap();
    alice.agent.receive(sent.envelope.as_bytes()).await.unwrap();
    assert_eq!(alice.connection(&ours).await.state, State::Request);
    carry(&faber, &alice).await;
    assert_eq!(alice.connection(&ours).await.their_label.as_deref(), Some("faber"));
}

#[tokio::test]
async fn a_public_did_is_asked_without_an_invitation() {
    #[derive(Debug)]
    struct Web(Vec<u8>);
    impl crate::DocumentSource for Web {
        fn fetch<'a>(
            &'a self,
            url: &'a str,
        ) -> std::pin::Pin<Box<dyn Future<Output = std::result::Result<Vec<u8>, String>> + Send + 'a>>
        {
            assert_eq!(url, "https://faber.example/.well-known/did.json");
            Box::pin(async { Ok(self.0.clone()) })
        }
    }
    let settings = Settings { public_invites: true, requests_through_public_did: true, ..auto() };
    let faber = Party::new("faber", 1, settings);
    let mut work = Work::new(&faber.agent);
    let keypair = work.new_key().unwrap();
    let name = "did:web:faber.example";
    let public = LocalDid::of_key(&mut work, name.to_owned(), "web", &keypair.verkey());
    let public = public.make_public(&mut work).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(LocalDid::public(&mut Work::new(&faber.agent)).await.unwrap(), Some(public));
    let key = keypair.verkey();
    let document = json!({"id": name, "verificationMethod": [], "authentication": [], "service": [
        {"id": "#didcomm", "type": "did-communication", "priority": 0, "recipientKeys": [key.did_key()],
         "serviceEndpoint": "http://faber.example"}]});
    for (seed, protocol) in [(2, "didexchange/1.0"), (3, "didexchange/1.1")] {
        let mut alice = Party::new("alice", seed, auto());
        alice.agent = alice.agent.with_documents(Arc::new(Web(document.to_string().into_bytes())));
        let mut work = Work::new(&alice.agent);
        let asked = did_exchange::NewRequest {
            their_public_did: name.to_owned(),
            protocol: Some(protocol.to_owned()),
            ..Default::default()
        };
        let ours = did_exchange::create_request(&mut work, asked).await.unwrap();
        work.commit().await.unwrap();
        carry(&faber, &alice).await;
        let ours = alice.connection(&ours.id).await;
        assert_eq!((ours.state, ours.their_public_did.as_deref()), (State::Active, Some(name)), "{protocol}");
        say(&alice, &ours.id, &faber, "hello").await;
    }
    let (closed, alice) = (Party::new("closed", 4, auto()), Party::new("alice", 5, auto()));
    let mut work = Work::new(&alice.agent);
    let asked = did_exchange::NewRequest {
        their_public_did: "did:sov:LjgpST2rjsoxYegQDRm7EL".to_owned(),
        ..Default::default()
    };
    let refused = did_exchange::create_request(&mut work, asked).await.unwrap_err();
    assert!(refused.to_string().contains("No resolver supporting DID"), "{refused}");
    assert!(closed.connections().await.is_empty());
}
