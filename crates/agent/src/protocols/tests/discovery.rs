//! What agents tell of what they can do.

use serde_json::json;
use trustkeep_wallet::Query as Records;

use super::super::discover_features::{self, Discovery, DiscoveryTwo};
use super::exchange::{by, invite};
use super::*;
use crate::Stored;

#[tokio::test]
async fn agents_ask_and_tell_what_they_speak() {
    let open = Settings { auto_disclose_features: true, ..auto() };
    let shy =
        Settings { disclose_protocols: vec!["https://didcomm.org/trust_ping/1.0".to_owned()], ..auto() };
    let (faber, alice) = (Party::new("faber", 1, open), Party::new("alice", 2, shy));
    let (made, taken) = invite(&faber, &alice, by("didexchange/1.1")).await;
    carry(&faber, &alice).await;
    // Faber told everything unasked.
    let all = Records::all(DiscoveryTwo::CATEGORY);
    let told = DiscoveryTwo::find(&mut Work::new(&alice.agent), &all).await.unwrap();
    assert_eq!((told.len(), told[0].connection_id.clone()), (1, taken.connection_id.clone()));
    let disclosures = told[0].disclosures.clone().unwrap()["disclosures"].clone();
    let connections = json!({"feature-type": "protocol", "id": "https://didcomm.org/connections/1.0"});
    assert!(disclosures.as_array().unwrap().contains(&connections));

    // Alice tells what she may.
    let id = made.connection_id.unwrap();
    let mut work = Work::new(&faber.agent);
    let asked = discover_features::queries(&mut work, Some("*"), None, Some(&id)).await.unwrap();
    let older =
        discover_features::query(&mut work, "https://didcomm.org/*", Some("?"), Some(&id)).await.unwrap();
    work.commit().await.unwrap();
    carry(&faber, &alice).await;
    let mut work = Work::new(&faber.agent);
    let answered = DiscoveryTwo::get(&mut work, &asked.id).await.unwrap().disclosures.unwrap();
    let ping = "https://didcomm.org/trust_ping/1.0";
    assert_eq!(answered["disclosures"], json!([{"feature-type": "protocol", "id": ping}]));
    let answered = Discovery::get(&mut work, &older.id).await.unwrap();
    assert_eq!(answered.state, "disclose-received");
    assert_eq!(answered.disclose.unwrap()["protocols"], json!([{"pid": ping}]));

    let own = discover_features::query(&mut work, ping, None, None).await.unwrap();
    assert_eq!(own.disclose.unwrap()["protocols"], json!([{"pid": ping}]));
    let refused = discover_features::queries(&mut work, None, None, None).await.unwrap_err();
    assert!(refused.to_string().starts_with("At least one protocol"), "{refused}");
}
