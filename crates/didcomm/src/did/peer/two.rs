//! `did:peer:2`, which holds keys and services, and `did:peer:3`, its hash.

use serde_json::{Value, json};

use super::{also_known_as, contexts, multihash};
use crate::did::DID_CHARS_MAX;
use crate::encoding::{Object, from_base64, object, to_base64url};
use crate::{Error, PublicKey, Result};

const PREFIX: &str = "did:peer:2";
/// Keys and services of one DID.
const ELEMENTS_MAX: usize = 32;
/// Short names for what is in every service: "Common String Abbreviations".
const ABBREVIATIONS: [(&str, &str); 4] =
    [("type", "t"), ("serviceEndpoint", "s"), ("routingKeys", "r"), ("accept", "a")];
/// The one type of service that has a short name; it is that of DIDComm v2.
const MESSAGING: (&str, &str) = ("DIDCommMessaging", "dm");

/// What a key may be used for: "Purpose Codes".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// `A`, `assertionMethod`.
    Assertion,
    /// `E`, `keyAgreement`.
    KeyAgreement,
    /// `V`, `authentication`.
    Authentication,
    /// `I`, `capabilityInvocation`.
    CapabilityInvocation,
    /// `D`, `capabilityDelegation`.
    CapabilityDelegation,
}

const PURPOSES: [(char, Purpose, &str); 5] = [
    ('A', Purpose::Assertion, "assertionMethod"),
    ('E', Purpose::KeyAgreement, "keyAgreement"),
    ('V', Purpose::Authentication, "authentication"),
    ('I', Purpose::CapabilityInvocation, "capabilityInvocation"),
    ('D', Purpose::CapabilityDelegation, "capabilityDelegation"),
];

/// A `did:peer:2`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerTwo {
    text: String,
    keys: Vec<(Purpose, PublicKey)>,
    /// As JSON, with full names.
    services: Vec<Object>,
}

impl PeerTwo {
    /// The DID of these keys, which become `#key-1`, `#key-2` and so on, and services. A service without an `id` is
    /// called `#service`, then `#service-1` and so on.
    ///
    /// # Errors
    /// [`Error::TooLarge`] with the field `did`.
    pub fn generate(keys: &[(Purpose, PublicKey)], services: &[Object]) -> Result<Self> {
        let mut text = PREFIX.to_owned();
        for (purpose, key) in keys {
            let code = PURPOSES.iter().find(|(_, known, _)| known == purpose).map(|(code, ..)| *code);
            text.push('.');
            text.extend(code);
            text.push_str(&key.to_multibase());
        }
        for service in services {
            let short = renamed(service.clone(), &|name| {
                ABBREVIATIONS.iter().find(|(long, _)| *long == name).map(|(_, short)| *short)
            });
            text.push_str(".S");
            text.push_str(&to_base64url(Value::Object(short).to_string().as_bytes()));
        }
        Self::parse(&text)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Unsupported`] or [`Error::TooLarge`].
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > DID_CHARS_MAX {
            return Err(Error::too_large("did", DID_CHARS_MAX));
        }
        let elements = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('.'));
        let elements = elements.ok_or_else(|| Error::invalid("did", "not did:peer:2."))?;
        let (mut keys, mut services) = (Vec::new(), Vec::new());
        for element in elements.split('.') {
            if keys.len() + services.len() == ELEMENTS_MAX {
                return Err(Error::too_large("did", ELEMENTS_MAX));
            }
            let mut rest = element.chars();
            let code = rest.next().ok_or_else(|| Error::invalid("did", "an empty element"))?;
            if code == 'S' {
                services.push(service(rest.as_str())?);
                continue;
            }
            let purpose = PURPOSES.iter().find(|(known, ..)| *known == code).map(|(_, purpose, _)| *purpose);
            let purpose = purpose.ok_or_else(|| Error::unsupported("did", element))?;
            keys.push((purpose, PublicKey::from_multibase(rest.as_str())?));
        }
        Ok(Self { text: text.to_owned(), keys, services })
    }

    /// The DID.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its keys, in order.
    pub fn keys(&self) -> &[(Purpose, PublicKey)] {
        &self.keys
    }

    /// The `did:peer:3` of it.
    pub fn three(&self) -> String {
        let hashed = self.text.strip_prefix(PREFIX).unwrap_or_default();
        format!("did:peer:3{}", multihash(hashed.as_bytes()))
    }

    /// The document of the `did:peer:2`.
    pub fn document(&self) -> Value {
        self.named(&self.text, self.three())
    }

    /// The document of its `did:peer:3`.
    pub fn document_of_three(&self) -> Value {
        self.named(&self.three(), self.text.clone())
    }

    fn named(&self, did: &str, other: String) -> Value {
        let mut document = Object::new();
        document.insert("@context".into(), contexts());
        document.insert("id".into(), did.into());
        for (number, (purpose, key)) in (1..).zip(&self.keys) {
            let id = format!("#key-{number}");
            push(
                &mut document,
                "verificationMethod",
                json!({"type": "Multikey", "id": id, "controller": did, "publicKeyMultibase": key.to_multibase()}),
            );
            let relationship = PURPOSES.iter().find(|(_, known, _)| known == purpose);
            if let Some((.., relationship)) = relationship {
                push(&mut document, relationship, id.into());
            }
        }
        let mut unnamed = 0;
        for service in &self.services {
            let mut service = service.clone();
            if !service.contains_key("id") {
                let id = if unnamed == 0 { "#service".to_owned() } else { format!("#service-{unnamed}") };
                service.insert("id".into(), id.into());
                unnamed += 1;
            }
            push(&mut document, "service", service.into());
        }
        // The member is new, so it is a list.
        let _ = also_known_as(&mut document, other);
        Value::Object(document)
    }
}

/// Appends to a list that is there or becomes one.
fn push(document: &mut Object, member: &str, value: Value) {
    let list = document.entry(member).or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(list) = list {
        list.push(value);
    }
}

fn service(text: &str) -> Result<Object> {
    let json = from_base64("did", text)?;
    let short = object("did", &json, DID_CHARS_MAX)?;
    Ok(renamed(short, &|name| ABBREVIATIONS.iter().find(|(_, short)| *short == name).map(|(long, _)| *long)))
}

/// Renames members at every depth, and the type of what has one. The JSON reader bounds the depth.
fn renamed(object: Object, name_of: &dyn Fn(&str) -> Option<&'static str>) -> Object {
    let shortening = name_of("type").is_some();
    let (from, to) = if shortening { MESSAGING } else { (MESSAGING.1, MESSAGING.0) };
    let deeper = |value: Value| match value {
        Value::Object(inner) => Value::Object(renamed(inner, name_of)),
        other => other,
    };
    let members = object.into_iter().map(|(name, value)| {
        let name = name_of(&name).map_or(name, str::to_owned);
        let value = match value {
            Value::String(kind) if matches!(name.as_str(), "t" | "type") && kind == from => to.into(),
            Value::Array(list) => Value::Array(list.into_iter().map(deeper).collect()),
            other => deeper(other),
        };
        (name, value)
    });
    members.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification, "Generating a did:peer:2".
    const EXAMPLE: &str = "did:peer:2.Vz6Mkj3PUd1WjvaDhNZhhhXQdz5UnZXmS7ehtx8bsPpD47kKc.Ez6LSg8zQom395jKLrGiBNruB9MM6V8PWuf2FpEy4uRFiqQBR.SeyJ0IjoiZG0iLCJzIjp7InVyaSI6Imh0dHA6Ly9leGFtcGxlLmNvbS9kaWRjb21tIiwiYSI6WyJkaWRjb21tL3YyIl0sInIiOlsiZGlkOmV4YW1wbGU6MTIzNDU2Nzg5YWJjZGVmZ2hpI2tleS0xIl19fQ.SeyJ0IjoiZG0iLCJzIjp7InVyaSI6Imh0dHA6Ly9leGFtcGxlLmNvbS9hbm90aGVyIiwiYSI6WyJkaWRjb21tL3YyIl0sInIiOlsiZGlkOmV4YW1wbGU6MTIzNDU2Nzg5YWJjZGVmZ2hpI2tleS0yIl19fQ";

    fn example_service(uri: &str, key: &str) -> Object {
        let service = json!({
            "type": "DIDCommMessaging",
            "serviceEndpoint": {"uri": uri, "accept": ["didcomm/v2"], "routingKeys": [key]},
        });
        service.as_object().unwrap().clone()
    }

    #[test]
    fn the_example_of_the_specification_goes_both_ways() {
        let did = PeerTwo::parse(EXAMPLE).unwrap();
        let services = [
            example_service("http://example.com/didcomm", "did:example:123456789abcdefghi#key-1"),
            example_service("http://example.com/another", "did:example:123456789abcdefghi#key-2"),
        ];
        assert_eq!(did.services, services);
        assert_eq!(PeerTwo::generate(did.keys(), &services).unwrap(), did);
        assert_eq!(did.three(), "did:peer:3zQmd6RdU6e2nDrLn1rjwdA5Buzq7wJwsv3WJ1AgrwKYJoLE");
        let document = did.document();
        assert_eq!(document["id"], EXAMPLE);
        assert_eq!(document["authentication"], json!(["#key-1"]));
        assert_eq!(document["keyAgreement"], json!(["#key-2"]));
        assert_eq!(document["service"][0]["id"], "#service");
        assert_eq!(document["service"][1]["id"], "#service-1");
        assert_eq!(document["verificationMethod"][1]["controller"], EXAMPLE);
        let short = did.document_of_three();
        assert_eq!((&short["id"], &short["alsoKnownAs"][0]), (&did.three().into(), &EXAMPLE.into()));
    }

    /// The example of the specification, "Method 3".
    #[test]
    fn three_is_the_hash_without_the_prefix() {
        let did = "did:peer:2.Ez6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc.Vz6MkqRYqQiSgvZQdnBytw86Qbs2ZWUkGv22od935YF4s8M7V.Vz6MkgoLTnTypo3tDRwCkZXSccTPHRLhF4ZnjhueYAFpEX6vg.SeyJ0IjoiZG0iLCJzIjoiaHR0cHM6Ly9leGFtcGxlLmNvbS9lbmRwb2ludCIsInIiOlsiZGlkOmV4YW1wbGU6c29tZW1lZGlhdG9yI3NvbWVrZXkiXSwiYSI6WyJkaWRjb21tL3YyIiwiZGlkY29tbS9haXAyO2Vudj1yZmM1ODciXX0";
        let did = PeerTwo::parse(did).unwrap();
        assert_eq!(did.three(), "did:peer:3zQmS19jtYDvGtKVrJhQnRFpBQAx3pJ9omx2HpNrcXFuRCz9");
    }

    #[test]
    fn other_elements_are_refused() {
        for text in [
            "did:peer:2",
            "did:peer:2.",
            "did:peer:2.Vz6Mk",
            "did:peer:2.Xz6Mkj3PUd1WjvaDhNZhhhXQdz5UnZXmS7ehtx8bsPpD47kKc",
            "did:peer:2.S",
            "did:peer:2.SW10",
            "did:peer:2.S!",
            "did:peer:2.é",
        ] {
            assert!(PeerTwo::parse(text).is_err(), "{text}");
        }
        let many = format!("did:peer:2{}", ".Se30".repeat(33));
        assert_eq!(PeerTwo::parse(&many).unwrap_err(), Error::too_large("did", 32));
    }
}
