//! Forwarding through mediators (RFC 0094, routing/1.0): each wraps the envelope for the next in one for itself.

use serde_json::Value;
use trustkeep_crypto::Random;
use trustkeep_crypto::random::uuid;

use crate::encoding::value;
use crate::envelope::{ENVELOPE_BYTES_MAX, anoncrypt};
use crate::message::{Message, MessageType, Prefix, Version};
use crate::{Error, Recipient, Result, Verkey};

/// Mediators in a row.
pub const ROUTING_KEYS_MAX: usize = 16;
const PROTOCOL: &str = "routing";
const MAJOR: u16 = 1;
const NAME: &str = "forward";

/// Wraps an envelope for each mediator in turn: the first of `routing_keys` is the one that knows `recipient`, the
/// last is the one that is sent to. Without mediators the envelope stays as it is.
///
/// # Errors
/// [`Error::TooLarge`] with the field `routingKeys`, [`Error::Invalid`] with the field `envelope` if it is no JSON.
pub fn wrap(
    envelope: Vec<u8>,
    recipient: Verkey,
    routing_keys: &[Recipient],
    prefix: Prefix,
    random: &dyn Random,
) -> Result<Vec<u8>> {
    if routing_keys.len() > ROUTING_KEYS_MAX {
        return Err(Error::too_large("routingKeys", ROUTING_KEYS_MAX));
    }
    let kind = MessageType::new(prefix, PROTOCOL, Version::new(MAJOR, 0), NAME);
    let (mut packed, mut to) = (envelope, recipient);
    for mediator in routing_keys {
        let inner = std::str::from_utf8(&packed).map_err(|_| Error::invalid("envelope", "not JSON"))?;
        let id = uuid(random);
        let message = format!(r#"{{"@type":"{kind}","@id":"{id}","to":"{to}","msg":{inner}}}"#);
        packed = anoncrypt(message.as_bytes(), std::slice::from_ref(mediator), random)?;
        to = mediator.verkey();
    }
    Ok(packed)
}

/// What a mediator is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// For whom it is.
    pub to: Destination,
    /// The envelope to pass on.
    pub envelope: Vec<u8>,
}

/// For whom a message is to be forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A key, whether it was written as base58, as `did:key` or as a reference to itself.
    Key(Verkey),
    /// A DID, or a reference to a key in its document.
    Reference(String),
}

impl Forward {
    /// Reads a forward message; `msg` may be an object or, as older agents wrote it, its text.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another type of message; [`Error::Missing`] or [`Error::Invalid`] with the field
    /// `to` or `msg`.
    pub fn from_message(mut message: Message) -> Result<Self> {
        if !message.kind.is(PROTOCOL, MAJOR, NAME) {
            return Err(Error::unsupported("@type", &message.kind.to_string()));
        }
        let to = match message.body.get("to") {
            Some(Value::String(to)) if !to.is_empty() => to,
            None | Some(Value::Null | Value::String(_)) => return Err(Error::missing("to")),
            Some(_) => return Err(Error::invalid("to", "not a text")),
        };
        let to =
            Verkey::from_any_form(to).map_or_else(|_| Destination::Reference(to.clone()), Destination::Key);
        let envelope = match message.body.shift_remove("msg") {
            Some(inner @ Value::Object(_)) => inner.to_string().into_bytes(),
            Some(Value::String(text)) if value("msg", text.as_bytes(), ENVELOPE_BYTES_MAX)?.is_object() => {
                text.into_bytes()
            }
            None | Some(Value::Null) => return Err(Error::missing("msg")),
            Some(_) => return Err(Error::invalid("msg", "not an envelope")),
        };
        Ok(Self { to, envelope })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trustkeep_crypto::random::Seeded;

    use super::*;
    use crate::{Envelope, Keypair, envelope};

    #[test]
    fn each_mediator_learns_the_next_and_no_more() {
        let random = Seeded::new(1);
        let pairs: Vec<_> = (0..4).map(|_| Keypair::generate(&random).unwrap()).collect();
        let [alice, bob, near, far] = pairs.as_slice() else { unreachable!() };
        let of = |pair: &Keypair| Recipient::new(pair.verkey()).unwrap();
        let packed = envelope::authcrypt(b"hello", &[of(bob)], alice, &random).unwrap();
        let mut wrapped =
            wrap(packed.clone(), bob.verkey(), &[of(near), of(far)], Prefix::Sov, &random).unwrap();
        for (mediator, next) in [(far, near), (near, bob)] {
            let opened = Envelope::parse(&wrapped).unwrap().open(mediator).unwrap();
            assert_eq!(opened.sender, None);
            let forward = Forward::from_message(Message::parse(&opened.message).unwrap()).unwrap();
            assert_eq!(forward.to, Destination::Key(next.verkey()));
            wrapped = forward.envelope;
        }
        assert_eq!(wrapped, packed);
        let opened = Envelope::parse(&wrapped).unwrap().open(bob).unwrap();
        assert_eq!((opened.message.as_slice(), opened.sender), (&b"hello"[..], Some(alice.verkey())));
        assert_eq!(wrap(packed.clone(), bob.verkey(), &[], Prefix::Sov, &random).unwrap(), packed);
        let many = vec![of(near); ROUTING_KEYS_MAX + 1];
        let refused = wrap(packed, bob.verkey(), &many, Prefix::Sov, &random).unwrap_err();
        assert_eq!(refused, Error::too_large("routingKeys", ROUTING_KEYS_MAX));
    }

    #[test]
    fn destinations_and_messages_are_read_in_every_form() {
        let read = |to: Value, msg: Value| {
            let message =
                json!({"@type": "https://didcomm.org/routing/1.0/forward", "@id": "1", "to": to, "msg": msg});
            Forward::from_message(Message::parse(message.to_string().as_bytes()).unwrap())
        };
        let key = Keypair::generate(&Seeded::new(2)).unwrap().verkey();
        for to in [key.to_string(), key.did_key()] {
            let forward = read(to.into(), json!({"a": 1})).unwrap();
            assert_eq!(forward, Forward { to: Destination::Key(key), envelope: br#"{"a":1}"#.to_vec() });
        }
        let reference = "did:sov:LjgpST2rjsoxYegQDRm7EL#4";
        let forward = read(reference.into(), r#"{"a":1}"#.into()).unwrap();
        assert_eq!(forward.to, Destination::Reference(reference.into()));
        assert_eq!(forward.envelope, br#"{"a":1}"#);
        assert_eq!(read("".into(), json!({})).unwrap_err(), Error::missing("to"));
        assert_eq!(read(1.into(), json!({})).unwrap_err(), Error::invalid("to", "not a text"));
        assert_eq!(read("x".into(), Value::Null).unwrap_err(), Error::missing("msg"));
        for msg in [json!([]), json!("[]"), json!(1)] {
            assert_eq!(read("x".into(), msg).unwrap_err(), Error::invalid("msg", "not an envelope"));
        }
        assert!(read("x".into(), "{".into()).unwrap_err().to_string().starts_with("msg: not JSON"));
        let ping = json!({"@type": "https://didcomm.org/trust_ping/1.0/ping", "@id": "1"});
        let ping = Message::parse(ping.to_string().as_bytes()).unwrap();
        assert!(matches!(Forward::from_message(ping).unwrap_err(), Error::Unsupported { .. }));
    }
}
