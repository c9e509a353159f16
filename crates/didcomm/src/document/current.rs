//! The documents of `did:peer:4` and `did:peer:2`, as ACA-Py makes them for its connections.

use serde_json::{Value, json};

use crate::did::DidKey;
use crate::did::peer::{PeerFour, PeerTwo, Purpose};
use crate::encoding::Object;
use crate::{PublicKey, Result, Verkey};

/// The `did:peer:4` of one key: one service for each endpoint, with the same routing keys.
///
/// # Errors
/// [`crate::Error::TooLarge`] with the field `did`.
pub fn peer_four(verkey: Verkey, endpoints: &[&str], routing_keys: &[Verkey]) -> Result<PeerFour> {
    let mut input = Object::new();
    let contexts = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"];
    input.insert("@context".into(), json!(contexts));
    let multikey = PublicKey::from(verkey).to_multibase();
    let method = json!({"id": "#key-0", "type": "Multikey", "publicKeyMultibase": multikey});
    input.insert("verificationMethod".into(), json!([method]));
    input.insert("authentication".into(), json!(["#key-0"]));
    input.insert("keyAgreement".into(), json!(["#key-0"]));
    let routing_keys = references(routing_keys);
    let services = endpoints.iter().enumerate().map(|(index, endpoint)| {
        json!({
            "id": format!("#didcomm-{index}"),
            "type": "did-communication",
            "recipientKeys": ["#key-0"],
            "routingKeys": routing_keys,
            "serviceEndpoint": endpoint,
            "priority": index,
        })
    });
    let services: Vec<_> = services.collect();
    if !services.is_empty() {
        input.insert("service".into(), Value::Array(services));
    }
    PeerFour::generate(input)
}

/// The `did:peer:2` of a key to authenticate with and an X25519 key that DIDComm v1 does not use: one service for each
/// endpoint, with the same routing keys.
///
/// # Errors
/// [`crate::Error::TooLarge`] with the field `did`.
pub fn peer_two(
    verkey: Verkey,
    exchange: [u8; 32],
    endpoints: &[&str],
    routing_keys: &[Verkey],
) -> Result<PeerTwo> {
    let routing_keys = references(routing_keys);
    let services = endpoints.iter().enumerate().map(|(index, endpoint)| {
        let members = [
            ("id", json!(format!("#didcomm-{index}"))),
            ("type", json!("did-communication")),
            ("priority", json!(index)),
            ("recipientKeys", json!(["#key-1"])),
            ("routingKeys", json!(routing_keys)),
            ("serviceEndpoint", json!(endpoint)),
        ];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    });
    let keys =
        [(Purpose::Authentication, verkey.into()), (Purpose::KeyAgreement, PublicKey::X25519(exchange))];
    PeerTwo::generate(&keys, &services.collect::<Vec<_>>())
}

fn references(routing_keys: &[Verkey]) -> Vec<String> {
    routing_keys.iter().map(|verkey| DidKey::new((*verkey).into()).reference()).collect()
}
