//! Invitations out of band.

use serde_json::json;
use trustkeep_didcomm::Version;

use super::super::out_of_band::{NewInvitation, OobRecord, OobState, ReceivedInvitation};
use super::exchange::{by, invite, say, take};
use super::*;
use crate::{Stored, invitation_url};

#[tokio::test]
async fn an_invitation_is_written_as_the_oldest_agents_read_it() {
    let faber = Party::new("faber", 1, auto());
    let mut work = Work::new(&faber.agent);
    let asked = NewInvitation {
        handshake_protocols: vec!["didexchange".into(), "connections".into()],
        ..Default::default()
    };
    let created = out_of_band::create_invitation(&mut work, asked).await.unwrap();
    let service = &created.record.invitation["services"][0];
    assert!(!service["recipientKeys"][0].as_str().unwrap().contains('#'));
    assert_eq!(
        (&service["id"], &service["serviceEndpoint"]),
        (&json!("#inline"), &json!("http://faber.example"))
    );
    assert_eq!(
        created.record.invitation["handshake_protocols"],
        json!(["https://didcomm.org/didexchange/1.0", "https://didcomm.org/connections/1.0"])
    );
    assert!(created.url.starts_with("http://faber.example?oob="));
    assert_eq!(invitation_url::from_url(&created.url).unwrap(), created.record.invitation);
    let view = created.to_view();
    assert_eq!(
        (&view["state"], &view["invi_msg_id"]),
        (&json!("initial"), &created.record.invitation["@id"])
    );

    for (asked, words) in [
        (
            NewInvitation::default(),
            "Invitation must include handshake protocols, request attachments, or both",
        ),
        (NewInvitation { use_public_did: true, ..by("new") }, "Public invitations are not enabled"),
        (
            NewInvitation { create_unique_did: true, ..by("new") },
            "create_unique_did can only be used with use_did_method",
        ),
        (NewInvitation { use_did: Some("x".into()), ..by("new") }, "Cannot find DID for invitation reuse: x"),
    ] {
        let refused = out_of_band::create_invitation(&mut Work::new(&faber.agent), asked).await.unwrap_err();
        assert_eq!(refused.to_string(), words);
    }
    for (invitation, words) in [
        (json!({"services": []}), "service array must have exactly one element"),
        (
            json!({"services": ["did:sov:x"]}),
            "Invitation must specify handshake_protocols, requests_attach, or both",
        ),
    ] {
        let mut work = Work::new(&faber.agent);
        let said = ReceivedInvitation::default();
        let refused = out_of_band::receive_invitation(&mut work, &invitation, said).await.unwrap_err();
        assert_eq!(refused.to_string(), words);
    }
}

#[tokio::test]
async fn one_for_many_is_used_by_many() {
    for protocol in ["connections", "didexchange/1.0", "didexchange/1.1"] {
        let (faber, alice) = (Party::new("faber", 1, auto()), Party::new("alice", 2, auto()));
        let asked = NewInvitation {
            multi_use: true,
            metadata: json!({"k": "v"}).as_object().unwrap().clone(),
            ..by(protocol)
        };
        let (made, taken) = invite(&faber, &alice, asked).await;
        carry_times(&faber, &alice, 2).await;
        let bob = Party::new("bob", 3, auto());
        let his = take(&bob, &made.invitation).await;
        carry_times(&faber, &bob, 2).await;
        assert_eq!(alice.connection(&taken.connection_id.unwrap()).await.state, State::Active);
        assert_eq!(bob.connection(&his.connection_id.unwrap()).await.state, State::Active);
        let mut connections = faber.connections().await;
        assert_eq!(connections.len(), 3, "{protocol}");
        connections.retain(|connection| connection.state == State::Active);
        assert_eq!(connections.len(), 2, "{protocol}");
        for connection in connections {
            let mut work = Work::new(&faber.agent);
            assert_eq!(connection.metadata(&mut work, "k").await.unwrap(), Some(json!("v")));
        }
        let mut work = Work::new(&faber.agent);
        assert_eq!(OobRecord::get(&mut work, &made.id).await.unwrap().state, OobState::AwaitResponse);
        out_of_band::delete_invitation(&mut work, &made.invi_msg_id).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_by_the_same_did_is_used_again() {
    let (faber, alice) = (Party::new("faber", 1, auto()), Party::new("alice", 2, auto()));
    let asked = || NewInvitation { use_did_method: Some("did:peer:4".into()), ..by("didexchange/1.1") };
    let (first, taken) = invite(&faber, &alice, asked()).await;
    assert!(first.invitation["services"][0].as_str().unwrap().starts_with("did:peer:4"));
    carry(&faber, &alice).await;
    let ours = taken.connection_id.unwrap();
    assert_eq!(alice.connection(&ours).await.state, State::Active);

    let (second, again) = invite(&faber, &alice, asked()).await;
    assert_eq!(second.invitation["services"], first.invitation["services"]);
    assert_eq!((again.state, again.connection_id.as_deref()), (OobState::AwaitResponse, Some(ours.as_str())));
    carry_times(&faber, &alice, 2).await;
    assert_eq!((faber.connections().await.len(), alice.connections().await.len()), (1, 1));
    assert_eq!(alice.connection(&ours).await.invitation_msg_id, Some(second.invi_msg_id));
    let told = alice.events("connection_reuse_accepted").await;
    assert_eq!((told.len(), &told[0]["state"]), (1, &json!("accepted")));
    assert_eq!(faber.events("connection_reuse").await.len(), 1);
    say(&alice, &ours, &faber, "hello").await;

    // One that has served is refused, and a new connection is asked for.
    let mut work = Work::new(&faber.agent);
    let third = out_of_band::create_invitation(&mut work, asked()).await.unwrap().record;
    work.commit().await.unwrap();
    let mut work = Work::new(&faber.agent);
    OobRecord::get(&mut work, &third.id).await.unwrap().remove(&mut work).await.unwrap();
    work.commit().await.unwrap();
    take(&alice, &third.invitation).await;
    carry(&faber, &alice).await;
    assert_eq!(alice.connections().await.len(), 2);
    assert!(alice.connections().await.iter().all(|connection| connection.state == State::Active));
}

#[tokio::test]
async fn what_is_attached_is_handled_when_the_connection_stands() {
    let (faber, alice) = (Party::new("faber", 1, auto()), Party::new("alice", 2, auto()));
    let work = Work::new(&faber.agent);
    let offer = work.message("issue-credential", Version::new(2, 0), "offer-credential");
    let asked = NewInvitation { messages: vec![offer.clone()], ..by("didexchange/1.0") };
    let (made, taken) = invite(&faber, &alice, asked).await;
    let attached = &made.invitation["requests~attach"][0];
    assert_eq!(attached["data"]["json"]["~thread"]["pthid"], made.invi_msg_id.as_str());
    assert_eq!(taken.state, OobState::PrepareResponse);
    carry(&faber, &alice).await;
    assert!(OobRecord::get(&mut Work::new(&alice.agent), &taken.id).await.is_err(), "it has served");
    // The protocol is not spoken here yet: its answer shows that it was asked, and in which thread.
    let told = faber.events("problem_report").await;
    assert_eq!((told.len(), &told[0]["~thread"]["thid"]), (1, &json!(offer.id)));
    assert_eq!(told[0]["description"]["code"], "message-parse-failure");

    let ping = work.message("trust_ping", Version::new(1, 0), "ping");
    let mut work = Work::new(&faber.agent);
    let asked = NewInvitation { messages: vec![ping], ..by("didexchange/1.0") };
    let created = out_of_band::create_invitation(&mut work, asked).await.unwrap();
    let mut work = Work::new(&alice.agent);
    let said = ReceivedInvitation::default();
    let refused =
        out_of_band::receive_invitation(&mut work, &created.record.invitation, said).await.unwrap_err();
    assert!(refused.to_string().starts_with("None of the oob attached messages supported."), "{refused}");
}
