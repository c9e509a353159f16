use proptest::prelude::*;
use serde_json::json;
use trustkeep_crypto::random::Seeded;

use super::*;
use crate::did::{DidKey, Nym};
use crate::{Keypair, PublicKey};

fn verkey(seed: u64) -> Verkey {
    Keypair::generate(&Seeded::new(seed)).unwrap().verkey()
}

#[test]
fn what_is_written_is_read() {
    let (own, router) = (verkey(1), verkey(2));
    let nym = Nym::of(&own);
    let four = current::peer_four(own, &["http://a"], &[router]).unwrap();
    let two = current::peer_two(own, [7; 32], &["http://a"], &[router]).unwrap();
    for value in [
        legacy::document(nym, own, &["http://a"], &[router]),
        four.document().unwrap(),
        four.document_of_short().unwrap(),
        two.document(),
        two.document_of_three(),
    ] {
        let document = Document::from_value(&value).unwrap();
        let services = document.didcomm_services();
        assert_eq!(services.len(), 1);
        assert_eq!(services[0].recipients().unwrap(), [own]);
        assert_eq!(services[0].routing().unwrap(), [router]);
        assert_eq!(services[0].endpoint.as_deref(), Some("http://a"));
        assert_eq!(document.verkeys(), [own]);
        assert!(document.methods[0].authentication);
        assert_eq!(Document::parse(value.to_string().as_bytes()).unwrap(), document);
    }
    let document = Document::from_value(&four.document().unwrap()).unwrap();
    assert!(document.is_named(four.short()) && document.is_named(four.long()));
    let legacy = Document::from_value(&legacy::document(nym, own, &[], &[])).unwrap();
    assert!(legacy.is_named(&nym.to_string()) && legacy.is_named(&format!("did:sov:{nym}")));
}

#[test]
fn recipient_keys_are_read_in_every_form() {
    let key = verkey(3);
    let did = "did:sov:LjgpST2rjsoxYegQDRm7EL";
    let forms = [
        key.to_string(),
        key.did_key(),
        DidKey::new(key.into()).reference(),
        "#1".to_owned(),
        "1".to_owned(),
        format!("{did}#1"),
        "LjgpST2rjsoxYegQDRm7EL#1".to_owned(),
    ];
    for id in ["1", "#1", "did:sov:LjgpST2rjsoxYegQDRm7EL#1", "LjgpST2rjsoxYegQDRm7EL#1"] {
        for form in &forms {
            let document = json!({
                "id": did,
                "publicKey": [{"id": id, "type": "Ed25519VerificationKey2018", "publicKeyBase58": key}],
                "service": [{"id": "x", "type": "did-communication", "recipientKeys": [form], "serviceEndpoint": "http://a"}],
            });
            let document = Document::from_value(&document).unwrap();
            assert_eq!(document.services[0].recipients().unwrap(), [key], "{id} {form}");
        }
    }
}

#[test]
fn keys_are_read_in_every_member() {
    let key = verkey(4);
    let multibase = PublicKey::from(key).to_multibase();
    let x = crate::encoding::to_base64url(key.as_bytes());
    let methods = [
        json!({"id": "#k", "type": "Ed25519VerificationKey2018", "publicKeyBase58": key}),
        json!({"id": "#k", "type": "Ed25519VerificationKey2020", "publicKeyMultibase": multibase}),
        json!({"id": "#k", "type": "Ed25519VerificationKey2020", "publicKeyMultibase": format!("z{key}")}),
        json!({"id": "#k", "type": "Multikey", "publicKeyMultibase": multibase}),
        json!({"id": "#k", "type": "JsonWebKey2020", "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": x}}),
        json!({"id": "#k", "type": "Ed25519SignatureAuthentication2018", "publicKeyBase58": key}),
    ];
    for method in methods {
        for member in ["publicKey", "verificationMethod", "authentication", "assertionMethod"] {
            let document = Document::from_value(&json!({"id": "did:x:y", member: [method]})).unwrap();
            assert_eq!(document.method("#k").unwrap().verkey(), Some(key), "{member} {method}");
            assert_eq!(document.method("did:x:y#k").unwrap().verkey(), Some(key));
            assert!(document.method("did:x:z#k").is_none());
            assert_eq!(document.methods[0].authentication, member == "authentication");
        }
    }
    // A key of an unknown suite does not make the rest unreadable.
    let other = json!({"id": "#k", "type": "Bls12381G2Key2020", "publicKeyBase58": key});
    let document = Document::from_value(&json!({"id": "did:x:y", "verificationMethod": [other]})).unwrap();
    assert_eq!(document.methods[0].key, None);
}

/// As Credo writes the document of its `did:peer:1`.
#[test]
fn embedded_keys_are_found_by_reference() {
    let (key, exchange) = (verkey(5), PublicKey::X25519([9; 32]));
    let document = json!({
        "@context": ["https://w3id.org/did/v1"],
        "id": "did:peer:1zQmZMygzYqNwU6Uhmewx5Xepf2VLp5S4HLSwwgf2aiKZuwa",
        "service": [{
            "id": "#inline-0", "serviceEndpoint": "rxjs:alice", "type": "did-communication", "priority": 1,
            "recipientKeys": ["#d9d97b3b-1"], "routingKeys": [],
        }, {
            "id": "#inline-1", "serviceEndpoint": "https://b", "type": "did-communication", "priority": 0,
            "recipientKeys": ["#d9d97b3b-1"],
        }],
        "authentication": [{
            "id": "#d9d97b3b-1", "type": "Ed25519VerificationKey2018", "controller": "#id", "publicKeyBase58": key,
        }],
        "keyAgreement": [{
            "id": "#d9d97b3b-2", "type": "X25519KeyAgreementKey2019", "controller": "#id",
            "publicKeyMultibase": exchange.to_multibase(),
        }],
    });
    let document = Document::from_value(&document).unwrap();
    let endpoints: Vec<_> =
        document.didcomm_services().iter().map(|service| service.endpoint.clone().unwrap()).collect();
    assert_eq!(endpoints, ["https://b", "rxjs:alice"]);
    assert_eq!(document.services[0].recipients().unwrap(), [key]);
    assert_eq!(document.methods[1].key, Some(exchange));
    assert!(document.methods[1].key_agreement && !document.methods[1].authentication);
}

#[test]
fn the_service_of_the_second_version_is_told_apart() {
    let document = json!({
        "id": "did:x:y",
        "service": [{
            "id": "#m", "type": "DIDCommMessaging",
            "serviceEndpoint": [{"uri": "https://a", "accept": ["didcomm/v2"], "routingKeys": ["did:x:z#k"]}],
        }, {"id": "#l", "type": ["LinkedDomains"], "serviceEndpoint": {"origins": ["https://b"]}}],
    });
    let document = Document::from_value(&document).unwrap();
    assert!(document.didcomm_services().is_empty());
    let service = &document.services[0];
    assert_eq!(
        (service.endpoint.as_deref(), &service.accept[..]),
        (Some("https://a"), &["didcomm/v2".to_owned()][..])
    );
    assert_eq!(service.routing_keys, [ServiceKey::Reference("did:x:z#k".into())]);
    assert_eq!(service.routing().unwrap_err(), Error::unsupported("routingKeys", "did:x:z#k"));
    assert_eq!(document.services[1].endpoint, None);
}

#[test]
fn a_mediator_does_not_send_in_the_name_of_its_client() {
    let (own, mediator, other) = (verkey(7), verkey(8), verkey(9));
    let key = |id: &str, key: Verkey| json!({"id": id, "type": "Ed25519VerificationKey2018", "publicKeyBase58": key});
    let mut document = json!({
        "id": "LjgpST2rjsoxYegQDRm7EL",
        "publicKey": [key("1", own), key("routing", mediator), key("2", other)],
        "authentication": [{"publicKey": "1"}, {"publicKey": "2"}],
        "service": [{"type": "IndyAgent", "recipientKeys": [own], "routingKeys": [mediator]}],
    });
    assert_eq!(Document::from_value(&document).unwrap().verkeys(), [own]);
    document["service"] = json!([]);
    assert_eq!(Document::from_value(&document).unwrap().verkeys(), [own, other]);
}

#[test]
fn a_document_without_a_name_is_that_of_its_first_key() {
    let key = json!({"id": "LjgpST2rjsoxYegQDRm7EL#1", "type": "Ed25519VerificationKey2018", "publicKeyBase58": verkey(6)});
    let document = Document::from_value(&json!({"publicKey": [key]})).unwrap();
    assert_eq!(document.id, "LjgpST2rjsoxYegQDRm7EL");
    assert_eq!(Document::from_value(&json!({})).unwrap_err(), Error::missing("id"));
}

#[test]
fn what_is_malformed_is_named() {
    for (value, expected) in [
        (json!([]), "document: not a JSON object"),
        (json!({"id": 1}), "id: not a text"),
        (json!({"id": "x", "publicKey": {}}), "publicKey: not a list"),
        (json!({"id": "x", "publicKey": [1]}), "publicKey[0]: neither a key nor a reference"),
        (json!({"id": "x", "publicKey": [{"id": "y"}]}), "publicKey[0].type is missing"),
        (json!({"id": "x", "authentication": [{"type": "y"}]}), "authentication[0].id is missing"),
        (json!({"id": "x", "service": [1]}), "service[0]: not a JSON object"),
        (json!({"id": "x", "service": [{}]}), "service[0].type is missing"),
        (
            json!({"id": "x", "service": [{"type": "y", "recipientKeys": "z"}]}),
            "service[0].recipientKeys: not a list",
        ),
        (
            json!({"id": "x", "service": [{"type": "y", "routingKeys": [1]}]}),
            "service[0].routingKeys: not a text",
        ),
        (json!({"id": "x", "service": vec![json!({"type": "y"}); 65]}), "service is too large: at most 64"),
    ] {
        assert_eq!(Document::from_value(&value).unwrap_err().to_string(), expected);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_in_peace(bytes: Vec<u8>, id: String, key: String, endpoint: String) {
        let _ = Document::parse(&bytes);
        let value = json!({
            "id": id,
            "publicKey": [{"id": key, "type": "Ed25519VerificationKey2018", "publicKeyBase58": key}],
            "authentication": [key, {"publicKey": id}],
            "service": [{"type": "IndyAgent", "recipientKeys": [key], "serviceEndpoint": endpoint}],
        });
        if let Ok(document) = Document::from_value(&value) {
            let _ = (document.didcomm_services(), document.verkeys(), document.method(&key));
        }
    }
}
