//! Writes one of everything, for another implementation to read: `tests/vectors/README.md`.

use std::io::Write as _;

use serde_json::{Map, Value, json};
use trustkeep_crypto::Key256;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_didcomm::document::{current, legacy};
use trustkeep_didcomm::{
    Attachment, Keypair, Nym, Prefix, Recipient, Result, SignatureDecorator, Verkey, envelope, forward,
};

const ENDPOINTS: [&str; 2] = ["http://127.0.0.1:8030", "ws://127.0.0.1:8031"];
const NAMES: [&str; 5] = ["alice", "bob", "carol", "near", "far"];
const MESSAGE: &str =
    r#"{"@type":"https://didcomm.org/basicmessage/1.0/message","@id":"1","content":"Grüße"}"#;

fn main() -> Result<()> {
    let [alice, bob, carol, near, far] = NAMES.map(keypair);
    let (alice, bob, carol, near, far) = (alice?, bob?, carol?, near?, far?);
    let to = |pair: &Keypair| Recipient::new(pair.verkey());
    let text = |packed: Vec<u8>| Value::from(String::from_utf8_lossy(&packed).into_owned());
    let auth = |to: &[Recipient]| envelope::authcrypt(MESSAGE.as_bytes(), to, &alice, &SystemRandom);
    let anon = |to: &[Recipient]| envelope::anoncrypt(MESSAGE.as_bytes(), to, &SystemRandom);
    let routers = [to(&near)?, to(&far)?];
    let wrapped = forward::wrap(auth(&[to(&bob)?])?, bob.verkey(), &routers, Prefix::DidComm, &SystemRandom)?;

    let document = legacy::document(Nym::of(&alice.verkey()), alice.verkey(), &ENDPOINTS, &[]);
    let mut attachments = Map::new();
    for (name, signers) in
        [("plain", vec![]), ("signed", vec![&alice]), ("signed by two", vec![&alice, &bob])]
    {
        let data = document.to_string();
        let mut attachment = Attachment::from_bytes(Some("doc".into()), "application/json", data.as_bytes());
        if !signers.is_empty() {
            attachment.sign(&signers)?;
        }
        let signers: Vec<_> = signers.iter().map(|pair| pair.verkey()).collect();
        attachments.insert(name.into(), json!({"signers": signers, "value": attachment.to_value()}));
    }
    let value = json!({"DIDDoc": document, "é": "ü"});
    let decorator = SignatureDecorator::sign(&value, &alice, 1_767_225_600, Prefix::DidComm);
    let routings: [&[Verkey]; 2] = [&[], &[near.verkey(), far.verkey()]];
    let legacy_documents = routings.map(|routing| {
        let value = legacy::document(Nym::of(&alice.verkey()), alice.verkey(), &ENDPOINTS, routing);
        json!({"routing": routing, "value": value})
    });
    let mut peer = Vec::new();
    for routing in routings {
        let four = current::peer_four(alice.verkey(), &ENDPOINTS, routing)?;
        let two = current::peer_two(alice.verkey(), [9; 32], &ENDPOINTS, routing)?;
        peer.push(json!({
            "four": four.long(), "four document": four.document()?,
            "two": two.as_str(), "two document": two.document(),
        }));
    }
    let seeds: Map<_, _> = NAMES.iter().map(|name| ((*name).to_owned(), seed(name).into())).collect();
    let verkeys: Map<_, _> =
        [("alice", &alice), ("bob", &bob), ("carol", &carol), ("near", &near), ("far", &far)]
            .into_iter()
            .map(|(name, pair)| (name.to_owned(), json!(pair.verkey())))
            .collect();
    let all = json!({
        "seeds": seeds,
        "verkeys": verkeys,
        "message": MESSAGE,
        "envelopes": {
            "authcrypt": text(auth(&[to(&bob)?])?),
            "anoncrypt": text(anon(&[to(&bob)?])?),
            "two recipients": text(auth(&[to(&bob)?, to(&carol)?])?),
            "two recipients, anonymous": text(anon(&[to(&carol)?, to(&bob)?])?),
            "forward": text(wrapped),
        },
        "attachments": attachments,
        "signature": {"value": value, "signed_at": 1_767_225_600, "decorator": decorator},
        "legacy documents": legacy_documents,
        "peer": peer,
    });
    // A reader that went away needs no more.
    let _ = writeln!(std::io::stdout(), "{all:#}");
    Ok(())
}

fn seed(name: &str) -> String {
    format!("{name:-<32}")
}

fn keypair(name: &str) -> Result<Keypair> {
    let mut secret = Key256::zeroed();
    secret.expose_mut().copy_from_slice(seed(name).as_bytes());
    Keypair::from_seed(&secret)
}
