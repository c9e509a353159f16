//! Another agent, as thin as can be: connections/1.0 in both roles, and messages.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use trustkeep_bench_rig::http::Connection;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_didcomm::document::legacy;
use trustkeep_didcomm::message::Thread;
use trustkeep_didcomm::{
    Document, Envelope, Keypair, Message, MessageType, Nym, Prefix, Recipient, SignatureDecorator, Verkey,
    Version, envelope,
};

use crate::agent::{call, packed};
use crate::world::{Awaited, World};

/// What the agent is in a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Inviter,
    Invitee,
}

/// A peer that may have a connection.
pub(crate) struct Peer {
    pub(crate) number: usize,
    keypair: Arc<Keypair>,
    document: Value,
}

/// A connection: what the peer needs to use it.
pub(crate) struct Connected {
    /// The agent's id of it.
    pub(crate) id: String,
    peer: Peer,
    agent: Recipient,
}

impl Peer {
    pub(crate) fn new(number: usize, world: &World) -> anyhow::Result<Self> {
        let keypair = Arc::new(Keypair::generate(&SystemRandom)?);
        let verkey = keypair.verkey();
        let document = legacy::document(Nym::of(&verkey), verkey, &[&world.endpoint(number)], &[]);
        Ok(Self { number, keypair, document })
    }

    /// Makes a connection with the agent; done when its controller was told so.
    pub(crate) async fn connect(
        self,
        role: Role,
        world: &World,
        admin: &mut Connection,
        inbound: &mut Connection,
    ) -> anyhow::Result<Connected> {
        match role {
            Role::Inviter => self.be_invited(world, admin, inbound).await,
            Role::Invitee => self.invite(world, admin, inbound).await,
        }
    }

    async fn be_invited(
        self,
        world: &World,
        admin: &mut Connection,
        inbound: &mut Connection,
    ) -> anyhow::Result<Connected> {
        let made = admin.ask(&call("/connections/create-invitation", &json!({}))).await?;
        let text = |pointer: &str| made.pointer(pointer).and_then(Value::as_str);
        let id = text("/connection_id").context("connection_id")?.to_owned();
        let key: Verkey = text("/invitation/recipientKeys/0").context("recipientKeys")?.parse()?;
        let invitation = text("/invitation/@id").map(str::to_owned);
        let (response, active) = (
            world.wait_for(Awaited::Message(self.number)),
            world.wait_for(Awaited::Connection { id: id.clone(), state: "active" }),
        );
        let mut request = message("connections", "request");
        request.body.insert("label".to_owned(), "peer".into());
        request.body.insert("connection".to_owned(), self.detail());
        request.thread =
            Some(Thread { thid: Some(request.id.clone()), pthid: invitation, ..Thread::default() });
        inbound.send(&packed(&self.pack(&request, &Recipient::new(key)?)?)).await?;
        let response = self.open(&response.heard().await?.body)?;
        let signature = response.body.get("connection~sig").context("connection~sig")?;
        let signature: SignatureDecorator = serde_json::from_value(signature.clone())?;
        let signed = signature.verify()?;
        ensure!(signed.signer == key, "the response is not signed by the key of the invitation");
        let agent = recipient(&signed.value)?;
        let connected = Connected { id, peer: self, agent };
        let mut ping = message("trust_ping", "ping");
        ping.body.insert("response_requested".to_owned(), false.into());
        inbound.send(&packed(&connected.pack(&ping)?)).await?;
        active.heard().await?;
        Ok(connected)
    }

    async fn invite(
        self,
        world: &World,
        admin: &mut Connection,
        inbound: &mut Connection,
    ) -> anyhow::Result<Connected> {
        let mut invitation = message("connections", "invitation");
        let key = self.keypair.verkey();
        for (name, value) in [
            ("label", "peer".into()),
            ("recipientKeys", json!([key.to_string()])),
            ("serviceEndpoint", world.endpoint(self.number).into()),
        ] {
            invitation.body.insert(name.to_owned(), value);
        }
        let invitation: Value = serde_json::from_slice(&invitation.to_bytes())?;
        let request = world.wait_for(Awaited::Message(self.number));
        let taken = admin.ask(&call("/connections/receive-invitation", &invitation)).await?;
        let id = taken.get("connection_id").and_then(Value::as_str).context("connection_id")?.to_owned();
        let stands = world.wait_for(Awaited::Connection { id: id.clone(), state: "response" });
        let request = self.open(&request.heard().await?.body)?;
        let agent = recipient(request.body.get("connection").context("connection")?)?;
        let connected = Connected { id, peer: self, agent };
        let kind = MessageType { name: "response".to_owned(), ..request.kind.clone() };
        let mut response = Message::in_reply_to(&request, kind, &SystemRandom);
        let signature = SignatureDecorator::sign(
            &connected.peer.detail(),
            &connected.peer.keypair,
            SIGNED_AT,
            Prefix::Sov,
        );
        response.body.insert("connection~sig".to_owned(), serde_json::to_value(signature)?);
        inbound.send(&packed(&connected.pack(&response)?)).await?;
        stands.heard().await?;
        Ok(connected)
    }

    fn detail(&self) -> Value {
        json!({"DID": Nym::of(&self.keypair.verkey()).to_string(), "DIDDoc": self.document})
    }

    fn pack(&self, message: &Message, to: &Recipient) -> anyhow::Result<Vec<u8>> {
        let to = std::slice::from_ref(to);
        Ok(envelope::authcrypt(&message.to_bytes(), to, &self.keypair, &SystemRandom)?)
    }

    fn open(&self, bytes: &[u8]) -> anyhow::Result<Message> {
        Ok(Message::parse(&Envelope::parse(bytes)?.open(&self.keypair)?.message)?)
    }
}

impl Connected {
    /// A basic message, ready to be sent to the agent.
    pub(crate) fn basic_message(&self, content: &str) -> anyhow::Result<Vec<u8>> {
        let mut text = message("basicmessage", "message");
        text.body.insert("content".to_owned(), content.into());
        text.body.insert("sent_time".to_owned(), "2026-11-22 12:00:00Z".into());
        self.pack(&text)
    }

    /// What a message says that came from the agent.
    pub(crate) fn content(&self, bytes: &[u8]) -> anyhow::Result<String> {
        let message = self.peer.open(bytes)?;
        Ok(message.body.get("content").and_then(Value::as_str).context("content")?.to_owned())
    }

    pub(crate) fn number(&self) -> usize {
        self.peer.number
    }

    fn pack(&self, message: &Message) -> anyhow::Result<Vec<u8>> {
        self.peer.pack(message, &self.agent)
    }
}

fn message(protocol: &str, name: &str) -> Message {
    Message::new(MessageType::new(Prefix::Sov, protocol, Version::new(1, 0), name), &SystemRandom)
}

/// Who is described by a `connection` member.
fn recipient(detail: &Value) -> anyhow::Result<Recipient> {
    let document = Document::from_value(detail.get("DIDDoc").context("DIDDoc")?)?;
    let services = document.didcomm_services();
    let keys = services.first().context("a service")?.recipients()?;
    Ok(Recipient::new(*keys.first().context("a recipient key")?)?)
}

/// When responses are signed, in seconds since 1970: whenever that is, it counts.
const SIGNED_AT: u64 = 1_790_000_000;
