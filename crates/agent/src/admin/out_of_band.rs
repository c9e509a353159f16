//! Invitations out of band.

use std::time::Duration;

use serde_json::{Value, json};
use trustkeep_wallet::{Filter, Query, Record};

use super::call::{Call, Generation};
use super::check::Check;
use super::connections::CONNECTION;
use super::field::{Field, Kind, Shape};
use super::refusal::Refusal;
use super::route::Route;
use super::scan::{PAGE, Page, scan};
use super::validate::{Problems, said};
use super::wait;
use crate::connection::CATEGORY;
use crate::protocols::mediation::Mediation;
use crate::protocols::out_of_band::{
    self, AttachedKind, NewInvitation, OobRecord, OobState, ReceivedInvitation,
};
use crate::{Connection, Error, Result, Stored, Work};

type Answer = std::result::Result<Value, Refusal>;

/// How long whoever invited may take to agree that a connection is used again.
const REUSE_WAIT: Duration = Duration::from_secs(15);

const ALIAS: Field = Field::text("alias", "What the controller calls the connection");
const AUTO_ACCEPT: Field = Field::flag("auto_accept", "Auto-accept connection (defaults to configuration)");
const MEDIATION: Field =
    Field::checked("mediation_id", Check::Uuid, "Identifier for active mediation record to be used");
const HANDSHAKES: &str = "Protocols by which it may be answered, the preferred first";
const GOAL: Field = Field::text("goal", "What it is for, in words").new_in_one();
const GOAL_CODE: Field = Field::text("goal_code", "What it is for, as a code").new_in_one();
const MEDIA_TYPES: Field =
    Field::new("accept", Kind::List(&Kind::Text(Check::Any)), "Media types, the preferred first")
        .new_in_one();
const ATTACHED_KINDS: Check = Check::OneOf(&["credential-offer", "present-proof"]);
const USE_DID_METHODS: Check = Check::OneOf(&["did:peer:2", "did:peer:4"]);
const ROLES: Check = Check::OneOf(&["sender", "receiver"]);
const STATES: Check = Check::OneOf(&[
    "initial",
    "prepare-response",
    "await-response",
    "reuse-not-accepted",
    "reuse-accepted",
    "done",
    "deleted",
]);

/// An invitation. `goal` and `accept` do not tell which ACA-Py was asked: they come with the invitation.
const MESSAGE: Shape = Shape {
    name: "InvitationMessage",
    fields: &[
        Field::text("@type", "Message type"),
        Field::text("@id", "Message identifier"),
        Field::text("label", "Optional label"),
        Field::text("imageUrl", "Optional image URL for out-of-band invitation").nullable(),
        Field::new("handshake_protocols", Kind::List(&Kind::Text(Check::Any)), HANDSHAKES),
        Field::new("accept", Kind::List(&Kind::Text(Check::Any)), "Media types, the preferred first"),
        Field::new(
            "requests~attach",
            Kind::List(&Kind::Object(&Shape {
                name: "AttachDecorator",
                fields: &[
                    Field::text("@id", "Attachment identifier"),
                    Field::text("mime-type", "MIME type"),
                    Field::new("data", Kind::Map, "The message: base64 or json").required(),
                ],
            })),
            "Optional request attachment",
        ),
        Field::new("services", Kind::List(&Kind::Service), "Where whoever invites is reached"),
        Field::text("goal_code", "What it is for, as a code"),
        Field::text("goal", "What it is for, in words"),
    ],
};

const RECORD: Shape = Shape {
    name: "OobRecord",
    fields: &[
        Field::text("oob_id", "Oob record identifier"),
        Field::checked("state", STATES, "Out of band message exchange state"),
        Field::checked("role", ROLES, "OOB Role"),
        Field::text("invi_msg_id", "Invitation message identifier"),
        Field::new("invitation", Kind::Object(&MESSAGE), "Out of band invitation message"),
        Field::text("connection_id", "Connection record identifier"),
        Field::text("reuse_msg_id", "Message that asked for the connection to be used again"),
        Field::text("attach_thread_id", "Thread of what was attached"),
        Field::text("our_recipient_key", "Recipient key used for oob invitation"),
        Field::new("our_service", Kind::Map, "Where answers come to, without a connection"),
        Field::new("their_service", Kind::Map, "Where whoever invited is reached, without a connection"),
        Field::flag("multi_use", "Allow for multiple uses of the oob invitation"),
        Field::text("created_at", "Time of record creation"),
        Field::text("updated_at", "Time of last record update"),
    ],
};

pub(super) const ROUTES: &[Route] = &[
    Route::post("/out-of-band/create-invitation", |work, call| Box::pin(create(work, call)))
        .about("out-of-band", "Create a new connection invitation")
        .query(&[
            AUTO_ACCEPT,
            Field::flag("multi_use", "Create invitation for multiple use (default false)"),
            Field::flag("create_unique_did", "Create unique DID for this invitation (default false)")
                .new_in_one(),
        ])
        .body(&Shape {
            name: "InvitationCreateRequest",
            fields: &[
                Field::new(
                    "attachments",
                    Kind::List(&Kind::Object(&Shape {
                        name: "AttachmentDef",
                        fields: &[
                            Field::text("id", "Identifier of the exchange"),
                            Field::checked("type", ATTACHED_KINDS, "Attachment type"),
                        ],
                    })),
                    "Optional invitation attachments",
                ),
                Field::new("handshake_protocols", Kind::List(&Kind::Text(Check::Handshake)), HANDSHAKES),
                MEDIA_TYPES,
                Field::flag("use_public_did", "Whether to use public DID in invitation"),
                Field::text("use_did", "DID to use in invitation").new_in_one(),
                Field::checked("use_did_method", USE_DID_METHODS, "DID method to use in invitation")
                    .new_in_one(),
                Field::new("metadata", Kind::Map, "Optional metadata to attach to the connection"),
                Field::text("my_label", "Label for connection invitation"),
                Field::text("protocol_version", "OOB protocol version: 1.0 or 1.1").new_in_one(),
                ALIAS,
                MEDIATION,
                GOAL_CODE,
                GOAL,
            ],
        })
        .gives(&Shape {
            name: "InvitationRecord",
            fields: &[
                Field::text("invi_msg_id", "Invitation message identifier"),
                Field::text("oob_id", "Out of band record identifier"),
                Field::new("invitation", Kind::Object(&MESSAGE), "Out of band invitation message"),
                Field::text("invitation_url", "Invitation message URL"),
                Field::text("state", "Out of band message exchange state"),
            ],
        }),
    Route::post("/out-of-band/receive-invitation", |work, call| Box::pin(receive(work, call)))
        .about(
            "out-of-band",
            "Receive a new connection invitation: a ConnRecord for 0.7, an OobRecord for 1.x",
        )
        .query(&[
            ALIAS,
            AUTO_ACCEPT,
            Field::flag("use_existing_connection", "Use an existing connection, if possible"),
            MEDIATION,
        ])
        .body(&MESSAGE)
        .gives(&CONNECTION)
        .then(|call, answer| Box::pin(settle(call, answer))),
    Route::get("/out-of-band/records", |work, call| Box::pin(list(work, call)))
        .about("out-of-band", "Query OOB records")
        .query(&[
            Field::checked("state", STATES, "OOB record state"),
            Field::checked("role", ROLES, "OOB record role"),
            Field::checked("connection_id", Check::Uuid, "Connection identifier"),
            Field::checked("invi_msg_id", Check::Uuid, "Invitation message identifier"),
            PAGE[0],
            PAGE[1],
            PAGE[2],
            PAGE[3],
        ])
        .gives(&Shape {
            name: "OobRecordList",
            fields: &[Field::new("results", Kind::List(&Kind::Object(&RECORD)), "List of OOB records")],
        })
        .new_in_one(),
    Route::get("/out-of-band/invitations", |work, call| Box::pin(show(work, call)))
        .about("out-of-band", "Fetch an existing Out-of-Band invitation.")
        .query(&[Field::checked("oob_id", Check::Uuid, "The Out of Band id to fetch").required()])
        .gives(&RECORD)
        .new_in_one(),
    Route::new("DELETE", "/out-of-band/invitations/{invi_msg_id}", |work, call| Box::pin(remove(work, call)))
        .about("out-of-band", "Delete records associated with invitation")
        .new_in_one(),
];

async fn create(work: &mut Work, call: &Call) -> Answer {
    let asked = NewInvitation {
        my_label: call.owned("my_label"),
        my_endpoint: None,
        auto_accept: call.asked_flag("auto_accept"),
        use_public_did: call.flag("use_public_did").unwrap_or_default(),
        use_did: call.owned("use_did"),
        use_did_method: call.owned("use_did_method"),
        create_unique_did: call.asked_flag("create_unique_did").unwrap_or_default(),
        handshake_protocols: call.texts("handshake_protocols"),
        multi_use: call.asked_flag("multi_use").unwrap_or_default(),
        alias: call.owned("alias"),
        attachments: attachments(call)?,
        messages: Vec::new(),
        metadata: call.map("metadata"),
        mediation_id: call.owned("mediation_id"),
        accept: call.texts("accept"),
        protocol_version: call.owned("protocol_version"),
        goal_code: call.owned("goal_code"),
        goal: call.owned("goal"),
    };
    match out_of_band::create_invitation(work, asked).await {
        Ok(created) => Ok(created.to_view()),
        // Whatever is missing is wrong with the request here; 1.x rolls its words up.
        Err(Error::NotFound(words) | Error::BadRequest(words)) => {
            let words = words.trim_end_matches('.');
            let stop = if call.generation == Generation::New { "." } else { "" };
            Err(Refusal::bad(format!("{words}{stop}")))
        }
        Err(error) => Err(error.into()),
    }
}

fn attachments(call: &Call) -> std::result::Result<Vec<(AttachedKind, String)>, Refusal> {
    let named = call.body.get("attachments").and_then(Value::as_array).into_iter().flatten();
    let each = named.map(|named| {
        let text = |name: &str| named.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let kind = match text("type") {
            Some("credential-offer") => Some(AttachedKind::CredentialOffer),
            Some(_) => Some(AttachedKind::PresentProof),
            None => None,
        };
        match (kind, text("id"), call.generation) {
            (Some(kind), Some(id), _) => Ok((kind, id.to_owned())),
            (None, _, Generation::Old) => Err(Refusal::bad("Unknown attachment type: None")),
            _ => Err(Refusal::bad("Attachment must include type and id.")),
        }
    });
    each.collect()
}

async fn receive(work: &mut Work, call: &Call) -> Answer {
    if call.admin.0.settings.no_receive_invites {
        return Err(Refusal::forbidden("Configuration does not allow receipt of invitations"));
    }
    if let Some(words) = misfit(call) {
        let problems = Problems::from_iter([("_schema".to_owned(), said(words))]);
        return Err(Refusal::Fields { place: "json", problems });
    }
    // As with ACA-Py a mediator that is not known is passed over here.
    let mediation_id = match call.asked("mediation_id") {
        Some(id) => Mediation::get(work, id).await.is_ok().then(|| id.to_owned()),
        None => None,
    };
    let asked = ReceivedInvitation {
        alias: call.asked_owned("alias"),
        auto_accept: call.asked_flag("auto_accept"),
        always_new: call.asked_flag("use_existing_connection") == Some(false),
        mediation_id,
    };
    let invitation = Value::Object(call.whole.clone());
    let taken = out_of_band::receive_invitation(work, &invitation, asked).await;
    let (record, connection) = taken.map_err(|error| Refusal::from(error).rolled_up())?;
    Ok(both(&record, connection.as_ref()))
}

/// What members of an invitation do not go together.
fn misfit(call: &Call) -> Option<&'static str> {
    let has = |name: &str| {
        call.body.get(name).is_some_and(|member| match member {
            Value::Array(list) => !list.is_empty(),
            Value::String(text) => !text.is_empty(),
            _ => false,
        })
    };
    let is_new = call.generation == Generation::New;
    match (has("handshake_protocols") || has("requests~attach"), has("goal"), has("goal_code")) {
        (false, ..) if is_new => {
            Some("Model must include non-empty handshake_protocols or requests~attach or both")
        }
        (false, ..) => Some("Model must include non-empty handshake_protocols or requests_attach or both"),
        (_, true, false) if is_new => Some("Model cannot have goal without goal_code"),
        (_, false, true) if is_new => Some("Model cannot have goal_code without goal"),
        _ => None,
    }
}

/// The record of an invitation that was taken, and the connection that it led to.
fn both(record: &OobRecord, connection: Option<&Connection>) -> Value {
    json!({"record": record.to_view(), "connection": connection.map(Connection::to_view)})
}

/// Waits for whoever invited, if he was asked to use a connection again; if he does not agree in time a new one is made.
async fn settle(call: &Call, taken: Value) -> Answer {
    let text = |at: &str| taken.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    if text("/record/state") != "await-response" {
        return Ok(shown(call.generation, taken));
    }
    let id = text("/record/oob_id");
    let look = || settled(call, &taken);
    let settled = match wait::until(&call.admin, &id, REUSE_WAIT, || Box::pin(look())).await? {
        Some(settled) => settled,
        None => {
            let about = call.about(&id);
            match call.admin.in_one_unit(|work, call| Box::pin(give_up(work, call)), &about).await {
                // It was answered at the last moment.
                Err(Refusal::Agent(Error::NotFound(_))) => look().await?.unwrap_or_else(|| taken.clone()),
                given_up => given_up.map_err(Refusal::rolled_up)?,
            }
        }
    };
    Ok(shown(call.generation, settled))
}

async fn give_up(work: &mut Work, call: &Call) -> Answer {
    let (record, connection) = out_of_band::give_up_reuse(work, call.id()).await?;
    Ok(both(&record, connection.as_ref()))
}

/// What became of an invitation by which a connection was asked to be used again; nothing if there is no answer yet.
async fn settled(call: &Call, taken: &Value) -> std::result::Result<Option<Value>, Refusal> {
    let text = |at: &str| taken.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let mut work = Work::new(&call.admin.0.agent);
    match OobRecord::get(&mut work, text("/record/oob_id")).await {
        Ok(record) if record.state == OobState::AwaitResponse => return Ok(None),
        Ok(record) => {
            let connection = match &record.connection_id {
                Some(id) => Some(Connection::get(&mut work, id).await?),
                None => None,
            };
            return Ok(Some(both(&record, connection.as_ref())));
        }
        Err(Error::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    // It has served: the connection notes the invitation, whether it is the old one or a new one.
    let query = Query::tagged(CATEGORY, "invitation_msg_id", text("/record/invi_msg_id"));
    let connections = Connection::find(&mut work, &query).await?;
    let reused = connections.iter().find(|connection| connection.id == text("/record/connection_id"));
    let connection = reused.or_else(|| connections.last());
    let mut settled = taken.clone();
    if let Some(members) = settled.get_mut("record").and_then(Value::as_object_mut) {
        let state = if reused.is_some() { "reuse-accepted" } else { "done" };
        members.insert("state".to_owned(), state.into());
        members.insert("connection_id".to_owned(), connection.map(|it| it.id.as_str()).into());
    }
    if let Some(members) = settled.as_object_mut() {
        members.insert("connection".to_owned(), connection.map(Connection::to_view).into());
    }
    Ok(Some(settled))
}

/// As 0.7.3 answers, or as 1.x does: it shows a record that has served as it was when it was removed.
fn shown(generation: Generation, mut taken: Value) -> Value {
    let connection = taken.get_mut("connection").map(Value::take).filter(|connection| !connection.is_null());
    let mut record = taken.get_mut("record").map(Value::take).unwrap_or_default();
    match connection {
        Some(connection) if generation == Generation::Old => connection,
        _ => {
            if let Some(state) = record.get_mut("state").filter(|state| *state == "done") {
                *state = "deleted".into();
            }
            record
        }
    }
}

async fn list(work: &mut Work, call: &Call) -> Answer {
    let tags = ["connection_id", "invi_msg_id"];
    let tags = tags.into_iter().filter_map(|tag| Some(Filter::is(tag, call.asked(tag)?)));
    let tags: Vec<Filter> = tags.collect();
    let filter = (!tags.is_empty()).then_some(Filter::All(tags));
    let query = Query { filter, ..Query::all(OobRecord::CATEGORY) };
    let wanted = |record: &Record| -> Result<Option<Value>> {
        let view = OobRecord::read(record)?.to_view();
        let is = |name: &str| {
            call.asked(name).is_none_or(|asked| view.get(name).and_then(Value::as_str) == Some(asked))
        };
        Ok((is("state") && is("role")).then_some(view))
    };
    let results = scan(work.agent().wallet(), query, Page::of(call), wanted).await?;
    Ok(json!({ "results": results }))
}

async fn show(work: &mut Work, call: &Call) -> Answer {
    Ok(OobRecord::get(work, call.asked("oob_id").unwrap_or_default()).await?.to_view())
}

async fn remove(work: &mut Work, call: &Call) -> Answer {
    let id = call.checked_id("invi_msg_id", Check::Uuid)?;
    match out_of_band::delete_invitation(work, id).await {
        Ok(()) | Err(Error::NotFound(_)) => Ok(json!({})),
        Err(error) => Err(error.into()),
    }
}
