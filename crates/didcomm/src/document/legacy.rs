//! The document of connections/1.0 and didexchange/1.0 with bare DIDs, as ACA-Py writes it.

use serde_json::{Value, json};

use crate::Verkey;
use crate::did::{DidSov, Nym};
use crate::encoding::Object;

/// The document of a bare DID with one key: one service for each endpoint, with the same routing keys.
pub fn document(nym: Nym, verkey: Verkey, endpoints: &[&str], routing_keys: &[Verkey]) -> Value {
    let did = DidSov::new(nym).to_string();
    let key = format!("{did}#1");
    let services = endpoints.iter().enumerate().map(|(index, endpoint)| {
        let number = if index == 0 { String::new() } else { index.to_string() };
        let mut service = Object::new();
        service.insert("id".into(), format!("{did};indy{number}").into());
        service.insert("type".into(), "IndyAgent".into());
        service.insert("priority".into(), 0.into());
        service.insert("recipientKeys".into(), json!([verkey]));
        if !routing_keys.is_empty() {
            service.insert("routingKeys".into(), json!(routing_keys));
        }
        service.insert("serviceEndpoint".into(), (*endpoint).into());
        Value::Object(service)
    });
    json!({
        "@context": "https://w3id.org/did/v1",
        "id": did,
        "publicKey": [{
            "id": key,
            "type": "Ed25519VerificationKey2018",
            "controller": did,
            "publicKeyBase58": verkey,
        }],
        "authentication": [{"type": "Ed25519SignatureAuthentication2018", "publicKey": key}],
        "service": services.collect::<Vec<_>>(),
    })
}
