//! What is kept of an invitation out of band: ACA-Py's `OobRecord`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trustkeep_wallet::Query;

use crate::{Received, Result, Stored, Work};

/// An invitation that was made or received, until it has served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OobRecord {
    /// Its name: a UUID.
    #[serde(skip)]
    pub id: String,
    /// How far it has come.
    pub state: OobState,
    /// What we are in it.
    pub role: OobRole,
    /// The `@id` of the invitation.
    pub invi_msg_id: String,
    /// The invitation.
    pub invitation: Value,
    /// Where whoever invited is reached, if there is no connection.
    #[serde(default)]
    pub their_service: Option<Value>,
    /// The connection that came of it, or that it uses again.
    #[serde(default)]
    pub connection_id: Option<String>,
    /// The `@id` of the message that asks to use a connection again.
    #[serde(default)]
    pub reuse_msg_id: Option<String>,
    /// The thread of the attached message.
    #[serde(default)]
    pub attach_thread_id: Option<String>,
    /// The key that answers come to, base58, if there is no connection.
    #[serde(default)]
    pub our_recipient_key: Option<String>,
    /// Where answers come to, if there is no connection.
    #[serde(default)]
    pub our_service: Option<Value>,
    /// Whether anyone who has it may use it.
    #[serde(default)]
    pub multi_use: bool,
    /// ACA-Py's tracing; not done here.
    #[serde(default)]
    pub trace: bool,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When it was changed last.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// What other versions put there.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// How far an invitation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OobState {
    /// Nothing has happened.
    Initial,
    /// It was received and is to be answered.
    PrepareResponse,
    /// It was sent, or a connection was asked for again.
    AwaitResponse,
    /// The other agent does not use the connection again.
    ReuseNotAccepted,
    /// The other agent uses the connection again.
    ReuseAccepted,
    /// It has served.
    Done,
    /// The controller removed it.
    Deleted,
}

/// What we are for an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OobRole {
    /// Whoever invites.
    Sender,
    /// Whoever is invited.
    Receiver,
}

impl OobRecord {
    /// A new one in this unit, not yet saved.
    pub(super) fn new(work: &Work, role: OobRole, state: OobState, id: &str, invitation: Value) -> Self {
        Self {
            id: work.new_id(),
            state,
            role,
            invi_msg_id: id.to_owned(),
            invitation,
            their_service: None,
            connection_id: None,
            reuse_msg_id: None,
            attach_thread_id: None,
            our_recipient_key: None,
            our_service: None,
            multi_use: false,
            trace: false,
            created_at: Some(work.timestamp()),
            updated_at: None,
            more: Map::new(),
        }
    }

    /// Those of an invitation, in this role.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn of_invitation(work: &mut Work, invi_msg_id: &str, role: OobRole) -> Result<Vec<Self>> {
        let found = Self::find(work, &Query::tagged(Self::CATEGORY, "invi_msg_id", invi_msg_id)).await?;
        Ok(found.into_iter().filter(|found| found.role == role).collect())
    }

    /// The one that a message without a connection belongs to: an answer to what was attached to an invitation of ours,
    /// which came to its key, or the thread of what was attached to one of theirs.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn of_message(work: &mut Work, received: &Received) -> Result<Option<Self>> {
        if let Some(key) = &received.recipient {
            let query = Query::tagged(Self::CATEGORY, "our_recipient_key", key.to_string());
            let parent = received.message.parent_thread_id();
            let thread = received.message.thread_id();
            let found = Self::find(work, &query).await?.into_iter().find(|found| match found.role {
                OobRole::Sender => parent == Some(&found.invi_msg_id),
                OobRole::Receiver => found.attach_thread_id.as_deref() == Some(thread),
            });
            return Ok(found);
        }
        Self::by_tag(work, "attach_thread_id", received.message.thread_id()).await
    }

    /// Tells that it has served and is gone, as ACA-Py 1.x tells both, and removes it.
    ///
    /// # Errors
    /// Those of the wallet.
    pub(super) async fn finish(mut self, work: &mut Work, state: OobState) -> Result<Self> {
        self.state = state;
        self.set_time(work.timestamp());
        self.tell(work);
        self.remove(work).await?;
        if state != OobState::Deleted {
            Self { state: OobState::Deleted, ..self.clone() }.tell(work);
        }
        Ok(self)
    }

    /// The messages that are attached to its invitation.
    pub(super) fn has_attached(&self) -> bool {
        let attached = self.invitation.get("requests~attach").and_then(Value::as_array);
        attached.is_some_and(|attached| !attached.is_empty())
    }
}

impl Stored for OobRecord {
    const CATEGORY: &'static str = "oob_record";
    const TOPIC: Option<&'static str> = Some("out_of_band");
    const ID: &'static str = "oob_id";
    const TAGS: &'static [&'static str] =
        &["invi_msg_id", "attach_thread_id", "our_recipient_key", "connection_id", "reuse_msg_id"];

    fn id(&self) -> &str {
        &self.id
    }

    fn set_id(&mut self, id: &str) {
        id.clone_into(&mut self.id);
    }

    fn set_time(&mut self, now: String) {
        self.updated_at = Some(now);
    }

    fn lane(&self) -> &str {
        self.connection_id.as_deref().unwrap_or(&self.id)
    }
}
