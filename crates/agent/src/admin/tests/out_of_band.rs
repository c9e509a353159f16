//! Invitations out of band and questions about features: what is waited for, and for how long.

use std::pin::Pin;

use super::*;
use crate::protocols::tests::{Party, auto, carry};

const CREATE: &str = "/out-of-band/create-invitation";
const RECEIVE: &str = "/out-of-band/receive-invitation";

fn api(party: &Party) -> Api {
    let (health, shutdown) = (Health::new(), Shutdown::new());
    Api(Admin::new(party.agent.clone(), AdminSettings::default(), health, shutdown))
}

/// What a party answers while another's messages are late.
fn late<'a, T>(
    answer: impl Future<Output = T> + 'a,
    one: &'a Party,
    other: &'a Party,
) -> Pin<Box<dyn Future<Output = T> + 'a>> {
    let later = async move {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        carry(one, other).await;
    };
    Box::pin(async move { tokio::join!(answer, later).0 })
}

#[tokio::test(start_paused = true)]
async fn an_invitation_is_answered_when_the_mediator_knows_its_key() {
    let open = Settings { open_mediation: true, ..auto() };
    let (mediator, client) = (Party::new("mediator", 1, open), Party::new("client", 2, auto()));
    let (theirs, ours) = (api(&mediator), api(&client));
    let asked = json!({"handshake_protocols": ["connections/1.0"]});
    let invitation = theirs.post(CREATE, asked.clone()).await.1["invitation"].clone();
    let connection = ours.post(RECEIVE, invitation).await.1["connection_id"].as_str().unwrap().to_owned();
    carry(&mediator, &client).await;
    let asked_for = ours.post(&format!("/mediation/request/{connection}"), json!({})).await.1;
    carry(&mediator, &client).await;
    let id = asked_for["mediation_id"].as_str().unwrap();
    let (status, chosen) =
        ours.with_headers("PUT", &format!("/mediation/{id}/default-mediator"), &[], "").await;
    assert_eq!((status, &chosen["state"]), (201, &json!("granted")), "{chosen}");

    let before = tokio::time::Instant::now();
    let answer = async { (ours.post(CREATE, asked).await, before.elapsed().as_secs()) };
    let ((answer, seconds), ()) = tokio::join!(answer, async {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        carry(&mediator, &client).await;
    });
    assert_eq!((answer.0, seconds), (200, 2));
}

#[tokio::test(start_paused = true)]
async fn who_invited_is_waited_for_and_a_connection_is_made_anew_if_he_does_not_agree() {
    let (faber, alice) = (Party::new("faber", 1, auto()), Party::new("alice", 2, auto()));
    let (his, hers) = (api(&faber), api(&alice));
    let asked = json!({"handshake_protocols": ["didexchange/1.1"], "use_did_method": "did:peer:4"});
    let invite = async || his.post(CREATE, asked.clone()).await.1["invitation"].clone();
    let take = async |invitation: Value| {
        hers.with_headers("POST", RECEIVE, &[("acapy-version", "1.7.0")], &invitation.to_string()).await
    };
    let (status, first) = hers.post(RECEIVE, invite().await).await;
    assert_eq!(
        (status, &first["state"], &first["rfc23_state"]),
        (200, &json!("request"), &json!("request-sent"))
    );
    carry(&faber, &alice).await;
    let known = first["connection_id"].as_str().unwrap();
    assert_eq!(hers.get(&format!("/connections/{known}")).await.1["rfc23_state"], "completed");

    let (status, again) = late(take(invite().await), &faber, &alice).await;
    assert_eq!((status, &again["state"]), (200, &json!("reuse-accepted")), "{again}");
    assert_eq!(again["connection_id"], known);
    let (_, again) = late(hers.post(RECEIVE, invite().await), &faber, &alice).await;
    assert_eq!((&again["connection_id"], &again["rfc23_state"]), (&json!(known), &json!("completed")));

    // What she asks is lost.
    let before = tokio::time::Instant::now();
    let lost = async {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        alice.take("outbound").await
    };
    let ((status, anew), lost) = tokio::join!(take(invite().await), lost);
    assert_eq!(lost.len(), 1);
    assert_eq!((status, &anew["state"]), (200, &json!("deleted")), "{anew}");
    assert_eq!(before.elapsed().as_secs(), 15);
    assert_ne!(anew["connection_id"], known);
    let (_, always) = hers.post(&format!("{RECEIVE}?use_existing_connection=false"), invite().await).await;
    assert_ne!(always["connection_id"], known);
    carry(&faber, &alice).await;
    let listed = hers.get("/connections?state=active").await.1;
    assert_eq!(listed["results"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn records_are_shown_and_removed() {
    let api = Api::new();
    let (_, made) =
        api.post(CREATE, json!({"handshake_protocols": ["rfc23"], "goal": "g", "goal_code": "c"})).await;
    assert_eq!((&made["invitation"]["goal"], &made["state"]), (&json!("g"), &json!("initial")));
    let id = made["oob_id"].as_str().unwrap();
    let (_, shown) = api.get(&format!("/out-of-band/invitations?oob_id={id}")).await;
    assert_eq!((&shown["state"], &shown["invitation"]), (&json!("await-response"), &made["invitation"]));
    let listed = async |query: &str| {
        let (_, listed) = api.get(&format!("/out-of-band/records?{query}")).await;
        listed["results"].as_array().unwrap().len()
    };
    assert_eq!([listed("role=sender").await, listed("role=receiver").await], [1, 0]);
    let path = format!("/out-of-band/invitations/{}", made["invi_msg_id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(api.with_headers("DELETE", &path, &[], "").await, (200, json!({})));
    }
    assert_eq!(listed("").await, 0);
    assert_eq!(api.get("/connections").await.1, json!({"results": []}));
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_for_features_is_waited_for_a_while() {
    let (faber, alice) = (Party::new("faber", 1, auto()), Party::new("alice", 2, auto()));
    let (his, hers) = (api(&faber), api(&alice));
    let (_, made) = his.post(CREATE, json!({"handshake_protocols": ["connections/1.0"]})).await;
    let (_, taken) = hers.post(RECEIVE, made["invitation"].clone()).await;
    carry(&faber, &alice).await;
    let id = taken["connection_id"].as_str().unwrap();
    for (path, question, member) in [
        ("/discover-features/query", "query_msg", "disclose"),
        ("/discover-features-2.0/queries", "queries_msg", "disclosures"),
    ] {
        let path = format!("{path}?connection_id={id}");
        let (status, asked) = hers.get(&path).await;
        assert_eq!((status, asked[question].is_object(), asked.get(member)), (200, true, None));
        carry(&faber, &alice).await;
        let (status, answered) = late(hers.get(&path), &faber, &alice).await;
        assert_eq!((status, answered[member].is_object()), (200, true), "{answered}");
        assert_eq!(answered["discovery_exchange_id"], asked["discovery_exchange_id"]);
    }
}
