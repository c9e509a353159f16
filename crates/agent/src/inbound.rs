//! What comes in: opened, told whose it is, and given to its protocol.

use trustkeep_didcomm::message::ReturnRoute;
use trustkeep_didcomm::{Envelope, Message, Verkey};
use trustkeep_wallet::Query;

use crate::connection::CATEGORY;
use crate::protocols::{self, routing};
use crate::{Agent, Connection, Error, LocalDid, Outgoing, Result, Role, State, Work, peer};

/// Envelopes for us inside of one another.
const NESTED_MAX: usize = trustkeep_didcomm::forward::ROUTING_KEYS_MAX;
/// How often a unit is done anew whose records others change meanwhile.
const ATTEMPTS_MAX: u32 = 100;

/// A message and how it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// The message.
    pub message: Message,
    /// Who packed it, proven; none if it was packed anonymously, or not at all.
    pub sender: Option<Verkey>,
    /// The key that opened it; none if it was not packed.
    pub recipient: Option<Verkey>,
    /// The connection that it came over, as it stood when it came.
    pub connection: Option<Connection>,
}

/// A message, who packed it, and the key that opened it.
type Opened = (Message, Option<Verkey>, Option<Verkey>);

/// What came, without what it was wrapped in.
struct Unwrapped {
    /// What is for us; none if it was passed on.
    opened: Option<Opened>,
    /// Who brought it, and which messages he wants back the same way. Who brought what another had wrapped is not known.
    brought_by: Option<Verkey>,
    return_route: ReturnRoute,
}

/// What was taken.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Who packed it, proven.
    pub sender: Option<Verkey>,
    /// Which messages its sender wants back the same way.
    pub return_route: ReturnRoute,
    /// What goes back the same way; nobody else sends it.
    pub back: Option<Box<Outgoing>>,
}

impl Agent {
    /// Takes what came: when this answers, all that follows from it is in the wallet.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for what is no envelope or for nobody here; [`Error::Wallet`] if it was not taken and may come again.
    pub async fn receive(&self, bytes: &[u8]) -> Result<Receipt> {
        self.take(bytes, false).await
    }

    /// The same; if the sender wants messages back the same way, it gives the first that there is.
    ///
    /// # Errors
    /// The same.
    pub async fn receive_and_answer(&self, bytes: &[u8]) -> Result<Receipt> {
        self.take(bytes, true).await
    }

    async fn take(&self, bytes: &[u8], answers: bool) -> Result<Receipt> {
        let Unwrapped { opened, brought_by, return_route } = self.unwrap(self.open(bytes).await?).await?;
        let Some((message, sender, recipient)) = opened else {
            return Ok(Receipt { sender: brought_by, return_route, back: None });
        };
        let mut last = None;
        for _ in 0..ATTEMPTS_MAX {
            let mut work = Work::new(self);
            let connection = match (&sender, &recipient) {
                (sender, Some(recipient)) => connection_of(&mut work, sender.as_ref(), recipient).await?,
                _ => None,
            };
            let received = Received { message: message.clone(), sender, recipient, connection };
            protocols::handle(&mut work, &received).await?;
            let back = match brought_by.filter(|_| answers).map(|sender| sender.to_string()) {
                Some(sender) => {
                    work.take_outgoing(|outgoing| outgoing.goes_back(&sender, &return_route)).map(Box::new)
                }
                None => None,
            };
            match work.commit().await {
                Ok(()) => return Ok(Receipt { sender: brought_by, return_route, back }),
                Err(Error::Wallet(error)) if error.is_conflict() => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.map_or_else(|| Error::Internal("no attempt was made".to_owned()), Error::Wallet))
    }

    /// Passes on what is for our clients, and opens what is wrapped for us more than once.
    async fn unwrap(&self, opened: Opened) -> Result<Unwrapped> {
        let mut opened = opened;
        for depth in 0..=NESTED_MAX {
            let (message, sender, recipient) = opened;
            let (brought_by, return_route) =
                if depth == 0 { (sender, message.return_route()) } else { (None, ReturnRoute::None) };
            // What is not packed for us is passed on for nobody.
            if recipient.is_none() || !routing::is_forward(&message.kind) {
                return Ok(Unwrapped {
                    opened: Some((message, sender, recipient)),
                    brought_by,
                    return_route,
                });
            }
            match routing::pass_on(self, message).await? {
                routing::Passed::On => return Ok(Unwrapped { opened: None, brought_by, return_route }),
                routing::Passed::Ours(envelope) => opened = self.open(&envelope).await?,
            }
        }
        Err(Error::BadRequest("envelopes are inside of one another too often".to_owned()))
    }

    async fn open(&self, bytes: &[u8]) -> Result<Opened> {
        let envelope = match Envelope::parse(bytes) {
            Ok(envelope) => envelope,
            // What is not packed at all may be a message as it is; protocols take what they can of it.
            Err(error) => {
                let message = Message::parse(bytes).map_err(|_| error)?;
                return Ok((message, None, None));
            }
        };
        let kids: Vec<Verkey> = envelope.recipients().filter_map(|kid| kid.parse().ok()).collect();
        for kid in kids {
            if let Some(keypair) = self.keypair(&kid).await? {
                let opened = envelope.open(&keypair)?;
                return Ok((Message::parse(&opened.message)?, opened.sender, Some(opened.recipient)));
            }
        }
        Err(Error::BadRequest("the message is for no key of this wallet".to_owned()))
    }
}

/// The connection that belongs to both keys; else the one that was invited to with our key.
async fn connection_of(
    work: &mut Work,
    sender: Option<&Verkey>,
    recipient: &Verkey,
) -> Result<Option<Connection>> {
    let (agent, Some(sender)) = (work.agent().clone(), sender) else {
        return looked_up(work, sender, recipient).await;
    };
    let (known, now) = (agent.known(), agent.clock().monotonic());
    if let Some(id) = known.tie(sender, recipient, now) {
        match Connection::get(work, &id).await {
            Ok(connection) if known.is_tied(&connection, sender, recipient) => return Ok(Some(connection)),
            Ok(_) | Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let found = looked_up(work, Some(sender), recipient).await?;
    if let Some(connection) = found.as_ref().filter(|_| !work.has_changes()) {
        known.keep_tie(sender, recipient, connection, now);
    }
    Ok(found)
}

async fn looked_up(
    work: &mut Work,
    sender: Option<&Verkey>,
    recipient: &Verkey,
) -> Result<Option<Connection>> {
    if let Some(sender) = sender {
        let mine = LocalDid::of_verkey(work, recipient).await?;
        let key = recipient.to_string();
        for their_did in peer::dids_of(work, sender).await? {
            let found = Connection::find(work, &Query::tagged(CATEGORY, "their_did", &their_did)).await?;
            let ours = |connection: &Connection| match &connection.my_did {
                Some(my_did) if !mine.is_empty() => mine.iter().any(|mine| mine.did == *my_did),
                // They answer to a key of ours that is no DID's: that of an invitation.
                _ => mine.is_empty() && connection.invitation_key.as_deref() == Some(&key),
            };
            if let Some(mut connection) = found.into_iter().find(ours) {
                // Whatever they say shows that they have our response.
                if connection.state == State::Response && connection.their_role == Some(Role::Invitee) {
                    Box::pin(protocols::stand(work, &mut connection)).await?;
                }
                return Ok(Some(connection));
            }
        }
    }
    let query = Query::tagged(CATEGORY, "invitation_key", recipient.to_string());
    let invited = Connection::find(work, &query).await?;
    Ok(invited.into_iter().find(Connection::awaits_request))
}
