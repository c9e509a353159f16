//! What ACA-Py's own code wrote (`vectors/generate.py`), read; and what must be the same, written by ours.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use serde_json::Value;
use trustkeep_crypto::Key256;
use trustkeep_didcomm::did::PeerDid;
use trustkeep_didcomm::did::peer::{PeerFour, PeerTwo};
use trustkeep_didcomm::document::{current, legacy};
use trustkeep_didcomm::{
    Attachment, Destination, Did, DidKey, Document, Envelope, Forward, Keypair, Message, Nym,
    SignatureDecorator, Verkey,
};

/// The vectors of one version.
struct Vectors(Value);

impl Vectors {
    fn all() -> [Self; 2] {
        let read = |text: &str| Self(serde_json::from_str(text).unwrap());
        [read(include_str!("vectors/acapy-0.7.3.json")), read(include_str!("vectors/acapy-1.7.0.json"))]
    }

    fn keypair(&self, name: &str) -> Keypair {
        let seed = self.0["seeds"][name].as_str().unwrap();
        let pair = Keypair::from_seed(&Key256::from_slice(seed.as_bytes()).unwrap()).unwrap();
        assert_eq!(pair.verkey(), self.verkey(name));
        pair
    }

    fn verkey(&self, name: &str) -> Verkey {
        key(&self.0["verkeys"][name])
    }

    fn envelope(&self, name: &str) -> Envelope {
        Envelope::parse(self.0["envelopes"][name].as_str().unwrap().as_bytes()).unwrap()
    }

    fn message(&self) -> &[u8] {
        self.0["message"].as_str().unwrap().as_bytes()
    }
}

fn key(value: &Value) -> Verkey {
    value.as_str().unwrap().parse().unwrap()
}

fn keys(value: &Value) -> Vec<Verkey> {
    value.as_array().unwrap().iter().map(key).collect()
}

/// The endpoints that the generator gives every service.
const ENDPOINTS: [&str; 2] = ["http://127.0.0.1:8030", "ws://127.0.0.1:8031"];

#[test]
fn envelopes_open() {
    for vectors in Vectors::all() {
        let alice = Some(vectors.verkey("alice"));
        for (name, sender, readers) in [
            ("authcrypt", alice, &["bob"][..]),
            ("anoncrypt", None, &["bob"]),
            ("two recipients", alice, &["bob", "carol"]),
            ("two recipients, anonymous", None, &["carol", "bob"]),
        ] {
            let named: Vec<_> = readers.iter().map(|name| vectors.verkey(name).to_string()).collect();
            assert_eq!(vectors.envelope(name).recipients().collect::<Vec<_>>(), named);
            for reader in readers {
                let opened = vectors.envelope(name).open(&vectors.keypair(reader)).unwrap();
                assert_eq!((opened.message.as_slice(), opened.sender), (vectors.message(), sender), "{name}");
            }
        }
        let message = Message::parse(vectors.message()).unwrap();
        assert!(message.kind.is("basicmessage", 1, "message"));
        assert_eq!(message.body["content"], "Grüße");
    }
}

#[test]
fn forwards_lead_to_the_recipient() {
    for vectors in Vectors::all() {
        let mut envelope = vectors.envelope("forward");
        for (mediator, next) in [("far", "near"), ("near", "bob")] {
            let opened = envelope.open(&vectors.keypair(mediator)).unwrap();
            let forward = Forward::from_message(Message::parse(&opened.message).unwrap()).unwrap();
            assert_eq!(forward.to, Destination::Key(vectors.verkey(next)));
            envelope = Envelope::parse(&forward.envelope).unwrap();
        }
        assert_eq!(envelope.open(&vectors.keypair("bob")).unwrap().message, vectors.message());
    }
}

#[test]
fn attachments_are_read_and_their_signatures_hold() {
    for vectors in Vectors::all() {
        for (name, case) in vectors.0["attachments"].as_object().unwrap() {
            let attachment = Attachment::from_value(case["value"].clone()).unwrap();
            assert_eq!(attachment.to_value(), case["value"], "{name}");
            let data: Value = serde_json::from_slice(&attachment.data().unwrap()).unwrap();
            let signers = keys(&case["signers"]);
            if !signers.is_empty() {
                assert_eq!(attachment.signers().unwrap(), signers, "{name}");
                Document::from_value(&data).unwrap();
            }
            assert_eq!(attachment.jws.is_some(), !signers.is_empty());
        }
    }
}

#[test]
fn signature_decorators_hold() {
    for vectors in Vectors::all() {
        let case = &vectors.0["signature"];
        let decorator: SignatureDecorator = serde_json::from_value(case["decorator"].clone()).unwrap();
        let signed = decorator.verify().unwrap();
        assert_eq!(signed.value, case["value"]);
        assert_eq!(signed.signer, key(&case["signer"]));
        assert_eq!(Some(signed.signed_at), case["signed_at"].as_u64());
    }
}

#[test]
fn legacy_documents_are_read_and_written() {
    for vectors in Vectors::all() {
        let alice = vectors.verkey("alice");
        for case in vectors.0["legacy documents"].as_array().unwrap() {
            let routing = keys(&case["routing"]);
            let document = Document::from_value(&case["value"]).unwrap();
            let services = document.didcomm_services();
            assert_eq!(services.len(), ENDPOINTS.len());
            for (service, endpoint) in services.iter().zip(ENDPOINTS) {
                assert_eq!(service.recipients().unwrap(), [alice]);
                assert_eq!(service.routing().unwrap(), routing);
                assert_eq!(service.endpoint.as_deref(), Some(endpoint));
            }
            assert_eq!(document.verkeys(), [alice]);
            let ours = legacy::document(Nym::of(&alice), alice, &ENDPOINTS, &routing);
            // 1.7.0 writes routing keys as references, which 0.7.3 cannot read; ours are base58, which both can.
            if routing.is_empty() || vectors.0["version"] == "aries_cloudagent 0.7.3" {
                assert_eq!(ours.to_string(), case["value"].to_string());
            }
        }
    }
}

#[test]
fn keys_as_dids_have_the_same_document() {
    for vectors in Vectors::all() {
        let (alice, case) = (vectors.verkey("alice"), &vectors.0["did:key"]);
        assert_eq!(alice.did_key(), case["did"].as_str().unwrap());
        let did = DidKey::parse(case["reference"].as_str().unwrap()).unwrap();
        assert_eq!(did.reference(), case["reference"].as_str().unwrap());
        let ours = did.document().unwrap();
        for member in ["id", "verificationMethod", "authentication", "assertionMethod", "keyAgreement"] {
            assert_eq!(ours[member], case["document"][member], "{member}");
        }
        let [_, newest] = Vectors::all();
        assert_eq!(ours, newest.0["did:key"]["document"]);
        let document = Document::from_value(&case["document"]).unwrap();
        assert_eq!(document.method(&did.reference()).unwrap().verkey(), Some(alice));
    }
}

#[test]
fn peer_dids_are_the_same_and_resolve_to_the_same() {
    let [_, vectors] = Vectors::all();
    let alice = vectors.verkey("alice");
    for case in vectors.0["peer"].as_array().unwrap() {
        let routing = keys(&case["routing"]);
        let text = |name: &str| case[name].as_str().unwrap();
        let four = current::peer_four(alice, &ENDPOINTS, &routing).unwrap();
        assert_eq!((four.long(), four.short()), (text("four"), text("four short")));
        assert_eq!(PeerFour::parse(text("four")).unwrap(), four);
        assert_eq!(four.document().unwrap(), case["four document"]);
        assert_eq!(four.document_of_short().unwrap(), case["four short document"]);

        let two = PeerTwo::parse(text("two")).unwrap();
        let exchange = two.keys()[1].1.as_bytes().try_into().unwrap();
        assert_eq!(current::peer_two(alice, exchange, &ENDPOINTS, &routing).unwrap(), two);
        assert_eq!(two.three(), text("three"));
        assert_eq!(two.document(), case["two document"]);
        assert_eq!(two.document_of_three(), case["three document"]);

        for name in ["four document", "four short document", "two document", "three document"] {
            let document = Document::from_value(&case[name]).unwrap();
            let services = document.didcomm_services();
            assert_eq!(services[0].recipients().unwrap(), [alice], "{name}");
            assert_eq!(services[0].routing().unwrap(), routing, "{name}");
            assert_eq!(services[1].endpoint.as_deref(), Some(ENDPOINTS[1]), "{name}");
        }
        for name in ["four", "four short", "two", "three"] {
            let did = Did::parse(text(name)).unwrap();
            assert_eq!(did.to_string(), text(name));
            assert!(matches!(
                did,
                Did::Peer(PeerDid::Four(_) | PeerDid::FourShort(_) | PeerDid::Two(_) | PeerDid::Three(_))
            ));
        }
    }
}
