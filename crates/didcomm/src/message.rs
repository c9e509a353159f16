//! Plaintext messages: a type, an id, decorators, and what the protocol puts beside them.

mod decorators;
mod kind;
mod problem;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use trustkeep_crypto::Random;
use trustkeep_crypto::random::uuid;

pub use decorators::{
    Localisation, PleaseAck, ReturnRoute, ServiceDecorator, Thread, Timing, Trace, Transport,
};
pub use kind::{MessageType, Prefix, Version};
pub use problem::{Description, ProblemReport};

use crate::did::DID_CHARS_MAX;
use crate::encoding::{Object, object, typed};
use crate::envelope::ENVELOPE_BYTES_MAX;
use crate::{Attachment, Error, Result, SignatureDecorator, Signed};

/// Bytes of a message that is read.
pub const MESSAGE_BYTES_MAX: usize = ENVELOPE_BYTES_MAX;
/// Characters of `@id` and `thid`; RFC 0008 recommends at most 64.
pub const ID_CHARS_MAX: usize = 256;
/// Characters of `pthid`: whoever asks for a connection by a DID names its service there (RFC 0023).
pub const PARENT_CHARS_MAX: usize = DID_CHARS_MAX + ID_CHARS_MAX;
/// Attachments of one member.
pub const ATTACHMENTS_MAX: usize = 128;

/// A message (RFC 0003, 0008, 0011). What is not known here stays in `body`, in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// `@type`.
    pub kind: MessageType,
    /// `@id`.
    pub id: String,
    /// `~thread`.
    pub thread: Option<Thread>,
    /// `~transport`.
    pub transport: Option<Transport>,
    /// `~please_ack`.
    pub please_ack: Option<PleaseAck>,
    /// `~timing`.
    pub timing: Option<Timing>,
    /// `~l10n`.
    pub l10n: Option<Localisation>,
    /// `~trace`.
    pub trace: Option<Trace>,
    /// `~service`.
    pub service: Option<ServiceDecorator>,
    /// Every other member.
    pub body: Object,
}

impl Message {
    /// A message with a new id and nothing else.
    pub fn new(kind: MessageType, random: &dyn Random) -> Self {
        Self {
            kind,
            id: uuid(random).to_string(),
            thread: None,
            transport: None,
            please_ack: None,
            timing: None,
            l10n: None,
            trace: None,
            service: None,
            body: Object::new(),
        }
    }

    /// A message in the thread of another one, with its parent thread (RFC 0008).
    pub fn in_reply_to(message: &Self, kind: MessageType, random: &dyn Random) -> Self {
        let thread = Thread {
            thid: Some(message.thread_id().to_owned()),
            pthid: message.parent_thread_id().map(str::to_owned),
            ..Thread::default()
        };
        Self { thread: Some(thread), ..Self::new(kind, random) }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Invalid`], [`Error::Unsupported`] or [`Error::TooLarge`] with the member's name.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::from_object(object("message", bytes, MESSAGE_BYTES_MAX)?)
    }

    /// Reads a message that was inside something else.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_object(mut members: Object) -> Result<Self> {
        let kind: String = taken(&mut members, "@type")?.ok_or_else(|| Error::missing("@type"))?;
        let thread: Option<Thread> = taken(&mut members, "~thread")?;
        let message = Self {
            kind: kind.parse()?,
            id: taken(&mut members, "@id")?.ok_or_else(|| Error::missing("@id"))?,
            transport: taken(&mut members, "~transport")?,
            please_ack: taken(&mut members, "~please_ack")?,
            timing: taken(&mut members, "~timing")?,
            l10n: taken(&mut members, "~l10n")?,
            trace: taken(&mut members, "~trace")?,
            service: taken(&mut members, "~service")?,
            thread,
            body: members,
        };
        let thread = message.thread.as_ref();
        let ids = [
            ("@id", Some(&message.id), ID_CHARS_MAX),
            ("~thread.thid", thread.and_then(|thread| thread.thid.as_ref()), ID_CHARS_MAX),
            ("~thread.pthid", thread.and_then(|thread| thread.pthid.as_ref()), PARENT_CHARS_MAX),
        ];
        for (member, id, most) in ids {
            if id.is_some_and(|id| id.len() > most) {
                return Err(Error::too_large(member, most));
            }
        }
        Ok(message)
    }

    /// The message as a JSON object.
    pub fn to_object(&self) -> Object {
        let mut members = Object::new();
        members.insert("@type".into(), self.kind.to_string().into());
        members.insert("@id".into(), self.id.clone().into());
        put(&mut members, "~thread", self.thread.as_ref());
        put(&mut members, "~transport", self.transport.as_ref());
        put(&mut members, "~please_ack", self.please_ack.as_ref());
        put(&mut members, "~timing", self.timing.as_ref());
        put(&mut members, "~l10n", self.l10n.as_ref());
        put(&mut members, "~trace", self.trace.as_ref());
        put(&mut members, "~service", self.service.as_ref());
        members.extend(self.body.iter().map(|(name, value)| (name.clone(), value.clone())));
        members
    }

    /// The message as text, ready to be packed.
    pub fn to_bytes(&self) -> Vec<u8> {
        Value::Object(self.to_object()).to_string().into_bytes()
    }

    /// What the protocol puts beside the decorators.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field `body`; the reason names the member.
    pub fn body_as<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.body).map_err(|error| Error::invalid("body", error.to_string()))
    }

    /// The attachments of a member such as `requests~attach`: a list, or one alone as in `did_doc~attach`.
    ///
    /// # Errors
    /// As [`Attachment::from_value`]; [`Error::TooLarge`] with the member's name.
    pub fn attachments(&self, member: &'static str) -> Result<Vec<Attachment>> {
        match self.body.get(member) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(list)) if list.len() > ATTACHMENTS_MAX => {
                Err(Error::too_large(member, ATTACHMENTS_MAX))
            }
            Some(Value::Array(list)) => list.iter().cloned().map(Attachment::from_value).collect(),
            Some(one) => Attachment::from_value(one.clone()).map(|one| vec![one]),
        }
    }

    /// The member that `decorated`, such as `connection~sig`, stands for, if its signature holds.
    ///
    /// # Errors
    /// [`Error::Missing`] or [`Error::Invalid`] with the member's name, otherwise as [`SignatureDecorator::verify`].
    pub fn signed_member(&self, decorated: &'static str) -> Result<Signed> {
        let value = self.body.get(decorated).ok_or_else(|| Error::missing(decorated))?;
        typed::<SignatureDecorator>(decorated, value.clone())?.verify()
    }

    /// The thread that it belongs to: `thid`, or its own id where it begins one.
    pub fn thread_id(&self) -> &str {
        self.thread.as_ref().and_then(|thread| thread.thid.as_deref()).unwrap_or(&self.id)
    }

    /// The thread from which its thread began.
    pub fn parent_thread_id(&self) -> Option<&str> {
        self.thread.as_ref().and_then(|thread| thread.pthid.as_deref())
    }

    /// How it wants to be answered (RFC 0092).
    pub fn return_route(&self) -> ReturnRoute {
        self.transport.as_ref().map_or(ReturnRoute::None, Transport::mode)
    }
}

/// Takes a member out, typed; null is absent.
fn taken<T: DeserializeOwned>(members: &mut Object, name: &'static str) -> Result<Option<T>> {
    match members.shift_remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => typed(name, value).map(Some),
    }
}

fn put<T: Serialize>(members: &mut Object, name: &str, value: Option<&T>) {
    if let Some(Ok(value)) = value.map(serde_json::to_value) {
        members.insert(name.into(), value);
    }
}

#[cfg(test)]
mod tests;
