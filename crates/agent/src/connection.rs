//! Connections: the records that ACA-Py calls `ConnRecord`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trustkeep_didcomm::{Message, Verkey};
use trustkeep_wallet::{Query, Record};

use crate::{Error, Result, Work};

/// The category of connections, and the topic under which their changes are told (plural).
pub(crate) const CATEGORY: &str = "connection";
const TOPIC: &str = "connections";
/// Records that belong to a connection, tagged with its id.
const INVITATION: &str = "connection_invitation";
const REQUEST: &str = "connection_request";
const METADATA: &str = "connection_metadata";
const OWNER: &str = "connection_id";

/// A relation with another agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Its name: a UUID.
    #[serde(skip)]
    pub id: String,
    /// Our DID in it.
    pub my_did: Option<String>,
    /// Their DID in it.
    pub their_did: Option<String>,
    /// What they call themselves.
    pub their_label: Option<String>,
    /// What they are in it.
    pub their_role: Option<Role>,
    /// The key of the invitation, base58.
    pub invitation_key: Option<String>,
    /// The `@id` of the invitation.
    pub invitation_msg_id: Option<String>,
    /// The thread of the request.
    pub request_id: Option<String>,
    /// How far it has come.
    pub state: State,
    /// Over which connection messages for it come in.
    #[serde(default)]
    pub inbound_connection_id: Option<String>,
    /// What went wrong last.
    #[serde(default)]
    pub error_msg: Option<String>,
    /// ACA-Py 0.7's; always `none`.
    #[serde(default = "none")]
    pub routing_state: String,
    /// Whether the next step waits for the controller.
    #[serde(default)]
    pub accept: Accept,
    /// How often the invitation may be used.
    #[serde(default)]
    pub invitation_mode: InvitationMode,
    /// What the controller calls it.
    pub alias: Option<String>,
    /// Their public DID, if the connection was made by it.
    #[serde(default)]
    pub their_public_did: Option<String>,
    /// `connections/1.0`, `didexchange/1.0`, `didexchange/1.1`.
    #[serde(default)]
    pub connection_protocol: Option<String>,
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

/// How far a connection has come, by ACA-Py's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing has happened.
    #[default]
    Init,
    /// An invitation was made or received.
    Invitation,
    /// A request was sent or received.
    Request,
    /// A response was sent or received.
    Response,
    /// Both know that it stands.
    #[serde(alias = "completed")]
    Active,
    /// It failed.
    #[serde(rename = "error", alias = "abandoned")]
    Abandoned,
}

/// What the other side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It was invited and sends the request.
    #[serde(alias = "requester")]
    Invitee,
    /// It invited and sends the response.
    #[serde(alias = "responder")]
    Inviter,
}

/// Who decides on the next step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accept {
    /// The controller.
    #[default]
    Manual,
    /// The agent, at once.
    Auto,
}

/// How often an invitation may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InvitationMode {
    /// Once.
    #[default]
    Once,
    /// By anyone who has it.
    Multi,
    /// There was none.
    Static,
}

impl Connection {
    /// A new connection in this unit, not yet saved.
    pub fn new(work: &Work, their_role: Role, protocol: &str) -> Self {
        Self {
            id: work.new_id(),
            my_did: None,
            their_did: None,
            their_label: None,
            their_role: Some(their_role),
            invitation_key: None,
            invitation_msg_id: None,
            request_id: None,
            state: State::Invitation,
            inbound_connection_id: None,
            error_msg: None,
            routing_state: none(),
            accept: Accept::Manual,
            invitation_mode: InvitationMode::Once,
            alias: None,
            their_public_did: None,
            connection_protocol: Some(protocol.to_owned()),
            created_at: Some(work.timestamp()),
            updated_at: None,
            more: Map::new(),
        }
    }

    /// A new connection of one guest of an invitation for many, not yet saved, with what was noted of the invitation.
    ///
    /// # Errors
    /// Those of the wallet.
    pub(crate) async fn derive(&self, work: &mut Work, protocol: &str) -> Result<Self> {
        let mut connection = Self::new(work, Role::Invitee, protocol);
        connection.invitation_key.clone_from(&self.invitation_key);
        connection.invitation_msg_id.clone_from(&self.invitation_msg_id);
        connection.accept = self.accept;
        for (key, value) in self.all_metadata(work).await? {
            connection.set_metadata(work, &key, &value).await?;
        }
        Ok(connection)
    }

    /// Whether it is the one of an invitation that someone may still answer.
    pub(crate) fn awaits_request(&self) -> bool {
        self.their_role == Some(Role::Invitee)
            && self.their_did.is_none()
            && (self.invitation_mode == InvitationMode::Multi || self.state == State::Invitation)
    }

    /// The connection of this id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(work: &mut Work, id: &str) -> Result<Self> {
        let record = work.get(CATEGORY, id).await?.ok_or_else(|| Error::no_record(CATEGORY, id))?;
        Self::read(&record)
    }

    /// The connections that fit.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn find(work: &mut Work, query: &Query) -> Result<Vec<Self>> {
        work.find(query).await?.iter().map(Self::read).collect()
    }

    /// The first connection with this tag in which the other side has this role, if one is asked for.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn by_tag(work: &mut Work, tag: &str, value: &str, role: Option<Role>) -> Result<Option<Self>> {
        let found = Self::find(work, &Query::tagged(CATEGORY, tag, value)).await?;
        // Records of ACA-Py 0.7 have no tag for the role.
        Ok(found.into_iter().find(|connection| role.is_none() || connection.their_role == role))
    }

    /// Saves it, and tells the controller.
    pub fn save(&mut self, work: &mut Work) {
        self.updated_at = Some(work.timestamp());
        work.put(self.to_record());
        work.tell(&self.id, TOPIC, &self.to_view());
    }

    /// Tells the controller of it under another name of its state.
    pub(crate) fn tell_as(&self, work: &mut Work, state: &str) {
        let mut view = self.to_view();
        if let Some(members) = view.as_object_mut() {
            members.insert("state".to_owned(), state.into());
            if state == "completed" {
                members.insert("rfc23_state".to_owned(), state.into());
            }
        }
        work.tell(&self.id, TOPIC, &view);
    }

    /// Removes it with all that belongs to it.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn delete(&self, work: &mut Work) -> Result<()> {
        for category in [INVITATION, REQUEST, METADATA] {
            for record in work.find(&Query::tagged(category, OWNER, &self.id)).await? {
                work.remove(&record);
            }
        }
        if let Some(record) = work.get(CATEGORY, &self.id).await? {
            work.remove(&record);
        }
        self.tell_as(work, "deleted");
        Ok(())
    }

    /// Whether messages may be sent over it.
    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Response | State::Active)
    }

    /// As the admin API and the webhooks show it: what is not there is left out.
    pub fn to_view(&self) -> Value {
        let mut view = self.members();
        view.retain(|_, value| !value.is_null());
        view.insert("connection_id".to_owned(), self.id.clone().into());
        view.insert("rfc23_state".to_owned(), self.rfc23_state().into());
        view.into()
    }

    /// The state in RFC 0023's words.
    pub fn rfc23_state(&self) -> &'static str {
        let they_invited = self.their_role == Some(Role::Inviter);
        match (self.state, they_invited) {
            (State::Init, _) => "start",
            (State::Invitation, true) => "invitation-received",
            (State::Invitation, false) => "invitation-sent",
            (State::Request, true) => "request-sent",
            (State::Request, false) => "request-received",
            (State::Response, true) => "response-received",
            (State::Response, false) => "response-sent",
            (State::Active, _) => "completed",
            (State::Abandoned, _) => "abandoned",
        }
    }

    /// Keeps the invitation that it came from.
    pub fn attach_invitation(&self, work: &mut Work, invitation: &Value) {
        self.attach(work, INVITATION, invitation);
    }

    /// The invitation that it came from.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn invitation(&self, work: &mut Work) -> Result<Value> {
        self.attached(work, INVITATION).await
    }

    /// Keeps the request that it came from. Its name follows from the request, so that of one that came twice, to two
    /// instances perhaps, only one makes a connection.
    pub(crate) fn attach_request(&self, work: &mut Work, key: &Verkey, request: &Message) {
        let value = Value::Object(request.to_object()).to_string();
        work.put(Record::new(REQUEST, request_name(key, &request.id), value).tagged(OWNER, &self.id));
    }

    /// The connection that a request to this key has led to.
    ///
    /// # Errors
    /// Those of the wallet.
    pub(crate) async fn of_request(work: &mut Work, key: &Verkey, request_id: &str) -> Result<Option<Self>> {
        let Some(record) = work.get(REQUEST, &request_name(key, request_id)).await? else { return Ok(None) };
        match record.tag(OWNER) {
            Some(id) => Self::get(work, id).await.map(Some),
            None => Ok(None),
        }
    }

    /// The request that it came from.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn request(&self, work: &mut Work) -> Result<Value> {
        self.attached(work, REQUEST).await
    }

    /// What the controller noted of it under a name.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn metadata(&self, work: &mut Work, key: &str) -> Result<Option<Value>> {
        let record = self.metadata_record(work, key).await?;
        record.map(|record| parse(&record)).transpose()
    }

    /// All that the controller noted of it.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn all_metadata(&self, work: &mut Work) -> Result<Map<String, Value>> {
        let records = work.find(&Query::tagged(METADATA, OWNER, &self.id)).await?;
        let note = |record: &Record| Ok((record.tag("key").unwrap_or_default().to_owned(), parse(record)?));
        records.iter().map(note).collect()
    }

    /// Notes something of it under a name.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn set_metadata(&self, work: &mut Work, key: &str, value: &Value) -> Result<()> {
        let name = match self.metadata_record(work, key).await? {
            Some(record) => record.name,
            None => work.new_id(),
        };
        let record = Record::new(METADATA, name, value.to_string());
        work.put(record.tagged("key", key).tagged(OWNER, &self.id));
        Ok(())
    }

    /// Takes away what was noted of it under a name.
    ///
    /// # Errors
    /// Those of the wallet.
    pub(crate) async fn take_metadata(&self, work: &mut Work, key: &str) -> Result<Option<Value>> {
        let Some(record) = self.metadata_record(work, key).await? else { return Ok(None) };
        work.remove(&record);
        parse(&record).map(Some)
    }

    async fn metadata_record(&self, work: &mut Work, key: &str) -> Result<Option<Record>> {
        let records = work.find(&Query::tagged(METADATA, OWNER, &self.id)).await?;
        Ok(records.into_iter().find(|record| record.tag("key") == Some(key)))
    }

    fn attach(&self, work: &mut Work, category: &str, value: &Value) {
        let record = Record::new(category, work.new_id(), value.to_string());
        work.put(record.tagged(OWNER, &self.id));
    }

    async fn attached(&self, work: &mut Work, category: &str) -> Result<Value> {
        let record = work.first(Query::tagged(category, OWNER, &self.id)).await?;
        parse(&record.ok_or_else(|| Error::no_record(category, &self.id))?)
    }

    pub(crate) fn read(record: &Record) -> Result<Self> {
        let mut connection: Self = serde_json::from_slice(&record.value)
            .map_err(|error| Error::corrupt(CATEGORY, &record.name, error))?;
        connection.id.clone_from(&record.name);
        Ok(connection)
    }

    fn to_record(&self) -> Record {
        let members = self.members();
        let mut record = Record::new(CATEGORY, &self.id, Value::Object(members.clone()).to_string());
        for tag in TAGS {
            if let Some(value) = members.get(tag).and_then(Value::as_str) {
                record = record.tagged(tag, value);
            }
        }
        record
    }

    fn members(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            // Texts and nothing else: there is nothing that could not be written.
            _ => Map::new(),
        }
    }
}

/// The members that a connection is found by: those of ACA-Py 1.x, which has more than 0.7.
const TAGS: [&str; 8] = [
    "my_did",
    "their_did",
    "request_id",
    "invitation_key",
    "their_public_did",
    "invitation_msg_id",
    "state",
    "their_role",
];

fn request_name(key: &Verkey, request_id: &str) -> String {
    format!("{request_id}:{key}")
}

fn none() -> String {
    "none".to_owned()
}

fn parse(record: &Record) -> Result<Value> {
    serde_json::from_slice(&record.value)
        .map_err(|error| Error::corrupt(&record.category, &record.name, error))
}
