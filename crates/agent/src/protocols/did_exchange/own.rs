//! Which DID of ours a connection gets, and how it is shown to the other agent.

use serde_json::Value;
use trustkeep_didcomm::{Attachment, Keypair, Message};

use super::version;
use crate::route::Route;
use crate::{Connection, LocalDid, Result, Work, peer};

/// The media type of an attached document, and of a DID that is attached to be signed.
const DOCUMENT_TYPE: &str = "application/json";
const DID_TYPE: &str = "text/string";

/// What a new DID is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// Bare, with its document beside it.
    Bare,
    /// `did:peer:2`.
    PeerTwo,
    /// `did:peer:4`.
    PeerFour,
}

/// Our DID in a connection.
pub(super) struct Own {
    /// It, in the wallet.
    pub(super) did: LocalDid,
    /// As it is sent.
    text: String,
    /// Its document, if the DID does not hold it.
    document: Option<Value>,
}

impl Own {
    /// Our DID in a connection: a new one of this method if there is none yet. The connection notes its short form.
    ///
    /// # Errors
    /// Those of the wallet.
    pub(super) async fn of(
        work: &mut Work,
        connection: &mut Connection,
        method: Method,
        route: &Route,
    ) -> Result<Self> {
        let is_old = version(connection).minor == 0;
        let did = match &connection.my_did {
            Some(did) => LocalDid::get(work, did).await?,
            None if is_old || method == Method::Bare => LocalDid::create(work)?,
            None if method == Method::PeerTwo => {
                LocalDid::create_peer_two(work, &route.endpoints(), &route.routing_keys)?
            }
            None => LocalDid::create_peer_four(work, &route.endpoints(), &route.routing_keys)?,
        };
        connection.my_did = Some(peer::short_form(&did.did).to_owned());
        let is_bare = !did.did.starts_with("did:");
        let document =
            if is_bare && !did.is_posted() { Some(peer::own_document(&did, route)?) } else { None };
        let sent = did.sent_form(work).await?;
        let text = if is_bare && document.is_none() && !is_old { format!("did:sov:{sent}") } else { sent };
        Ok(Self { did, text, document })
    }

    /// Puts it into a request: a document is signed by the DID's own key.
    ///
    /// # Errors
    /// The wallet does not hold the key.
    pub(super) async fn put_into_request(&self, work: &Work, message: &mut Message) -> Result<()> {
        let keypair = work.keypair(&self.did.verkey()?).await?;
        self.put(work, message, &keypair, false)
    }

    /// Puts it into a response: the document, or the DID itself, is signed by the key of the invitation.
    ///
    /// # Errors
    /// The wallet does not hold the key.
    pub(super) async fn put_into_response(
        &self,
        work: &Work,
        message: &mut Message,
        connection: &Connection,
    ) -> Result<()> {
        let key = connection.invitation_key.as_deref().unwrap_or_default().parse()?;
        let keypair = work.keypair(&key).await?;
        self.put(work, message, &keypair, true)
    }

    fn put(&self, work: &Work, message: &mut Message, keypair: &Keypair, is_rotated: bool) -> Result<()> {
        message.body.insert("did".to_owned(), self.text.as_str().into());
        let id = || Some(work.new_id());
        let (member, mut attachment) = match &self.document {
            Some(document) => {
                let text = document.to_string();
                ("did_doc~attach", Attachment::from_bytes(id(), DOCUMENT_TYPE, text.as_bytes()))
            }
            None if is_rotated => {
                ("did_rotate~attach", Attachment::from_bytes(id(), DID_TYPE, self.text.as_bytes()))
            }
            None => return Ok(()),
        };
        attachment.sign(&[keypair])?;
        message.body.insert(member.to_owned(), attachment.to_value());
        Ok(())
    }
}
