//! Connections: found, shown, noted of, removed, and those that need no handshake.

use serde_json::{Value, json};
use trustkeep_wallet::{Filter, Query, Record};

use super::call::{Call, Generation};
use super::check::Check;
use super::field::{Field, Kind, Shape};
use super::refusal::Refusal;
use super::route::Route;
use super::scan::{PAGE, Page, scan};
use crate::connection::CATEGORY;
use crate::protocols::static_connections::{self, NewStatic};
use crate::{Connection, LocalDid, Result, State, Work, peer};

type Answer = std::result::Result<Value, Refusal>;

const STATES: Check = Check::OneOf(&[
    "abandoned",
    "active",
    "completed",
    "error",
    "init",
    "invitation",
    "request",
    "response",
    "start",
]);
const ROLES: Check = Check::OneOf(&["invitee", "requester", "inviter", "responder"]);
const PROTOCOLS: Check = Check::OneOf(&["connections/1.0", "didexchange/1.0", "didexchange/1.1"]);
/// Tags that every version's records have; others are looked up in the record.
const TAGS: [&str; 4] = ["my_did", "their_did", "request_id", "invitation_key"];

/// A connection, as it is shown.
pub(super) const CONNECTION: Shape = Shape {
    name: "ConnRecord",
    fields: &[
        Field::text("connection_id", "Connection identifier"),
        Field::checked("state", STATES, "Current record state"),
        Field::text("rfc23_state", "State per RFC 23"),
        Field::checked("accept", Check::OneOf(&["auto", "manual"]), "Connection acceptance"),
        Field::text("alias", "What the controller calls it"),
        Field::checked("connection_protocol", PROTOCOLS, "Connection protocol used"),
        Field::text("created_at", "Time of record creation"),
        Field::text("updated_at", "Time of last record update"),
        Field::text("error_msg", "Error message"),
        Field::text("inbound_connection_id", "Inbound routing connection id to use"),
        Field::text("invitation_key", "Public key for connection"),
        Field::checked("invitation_mode", Check::OneOf(&["once", "multi", "static"]), "Invitation mode"),
        Field::text("invitation_msg_id", "ID of out-of-band invitation message"),
        Field::text("my_did", "Our DID for connection"),
        Field::text("request_id", "Connection request identifier"),
        Field::text("routing_state", "Routing state of connection"),
        Field::text("their_did", "Their DID for connection"),
        Field::text("their_label", "Their label for connection"),
        Field::text("their_public_did", "Other agent's public DID for connection"),
        Field::checked("their_role", ROLES, "Their role in connection protocol"),
    ],
};

const METADATA: Shape = Shape {
    name: "ConnectionMetadata",
    fields: &[Field::new("results", Kind::Any, "Metadata associated with the connection")],
};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/connections", |work, call| Box::pin(list(work, call)))
        .about("connection", "Query agent-to-agent connections")
        .query(&[
            Field::text("alias", "Alias"),
            Field::checked("connection_protocol", PROTOCOLS, "Connection protocol used"),
            Field::checked("invitation_key", Check::RawKey, "invitation key"),
            Field::text("invitation_msg_id", "Identifier of the associated Invitation Message").new_in_one(),
            Field::checked("my_did", Check::Did, "My DID"),
            Field::text("request_id", "Connection request identifier"),
            Field::checked("state", STATES, "Connection state"),
            Field::checked("their_did", Check::Did, "Their DID"),
            Field::checked("their_public_did", Check::Did, "Their Public DID").new_in_one(),
            Field::checked("their_role", ROLES, "Their role in the connection protocol"),
            PAGE[0],
            PAGE[1],
            PAGE[2],
            PAGE[3],
        ])
        .gives(&Shape {
            name: "ConnectionList",
            fields: &[Field::new("results", Kind::List(&Kind::Object(&CONNECTION)), "Connections")],
        }),
    Route::post("/connections/create-static", |work, call| Box::pin(create_static(work, call)))
        .about("connection", "Create a new static connection")
        .body(&Shape {
            name: "ConnectionStaticRequest",
            fields: &[
                Field::text("alias", "Alias to assign to this connection"),
                Field::checked("my_did", Check::IndyDid, "Local DID"),
                Field::text("my_seed", "Seed to use for the local DID"),
                Field::checked("their_did", Check::IndyDid, "Remote DID"),
                Field::checked("their_endpoint", Check::Endpoint, "URL endpoint for other party"),
                Field::text("their_label", "Other party's label for this connection"),
                Field::text("their_seed", "Seed to use for the remote DID"),
                Field::text("their_verkey", "Remote verification key"),
            ],
        })
        .gives(&Shape {
            name: "ConnectionStaticResult",
            fields: &[
                Field::text("my_did", "Local DID"),
                Field::text("my_verkey", "My verification key"),
                Field::text("my_endpoint", "My URL endpoint"),
                Field::text("their_did", "Remote DID"),
                Field::text("their_verkey", "Remote verification key"),
                Field::new("record", Kind::Object(&CONNECTION), "The connection"),
            ],
        }),
    Route::get("/connections/{conn_id}", |work, call| Box::pin(show(work, call)))
        .about("connection", "Fetch a single connection record")
        .gives(&CONNECTION),
    Route::new("DELETE", "/connections/{conn_id}", |work, call| Box::pin(remove(work, call)))
        .about("connection", "Remove an existing connection record"),
    Route::get("/connections/{conn_id}/endpoints", |work, call| Box::pin(endpoints(work, call)))
        .about("connection", "Fetch connection remote endpoint")
        .gives(&Shape {
            name: "EndpointsResult",
            fields: &[
                Field::text("my_endpoint", "My endpoint"),
                Field::text("their_endpoint", "Their endpoint"),
            ],
        }),
    Route::get("/connections/{conn_id}/metadata", |work, call| Box::pin(metadata(work, call)))
        .about("connection", "Fetch connection metadata")
        .query(&[Field::text("key", "Key to retrieve.")])
        .gives(&METADATA),
    Route::post("/connections/{conn_id}/metadata", |work, call| Box::pin(set_metadata(work, call)))
        .about("connection", "Set connection metadata")
        .body(&Shape {
            name: "ConnectionMetadataSetRequest",
            fields: &[Field::new("metadata", Kind::Map, "Metadata to set for connection").required()],
        })
        .gives(&METADATA),
];

async fn list(work: &mut Work, call: &Call) -> Answer {
    let tags = TAGS.iter().filter_map(|tag| Some(Filter::is(*tag, call.asked(tag)?)));
    let tags: Vec<Filter> = tags.collect();
    let filter = (!tags.is_empty()).then_some(Filter::All(tags));
    let query = Query { filter, ..Query::all(CATEGORY) };
    let page = Page::of(call);
    let wanted = |record: &Record| -> Result<Option<Value>> {
        let connection = Connection::read(record)?;
        Ok(fits(&connection, call).then(|| connection.to_view()))
    };
    let mut results = scan(work.agent().wallet(), query, page, wanted).await?;
    if call.generation == Generation::Old {
        results.sort_by_cached_key(sort_key);
    }
    Ok(json!({ "results": results }))
}

async fn show(work: &mut Work, call: &Call) -> Answer {
    Ok(Connection::get(work, call.id()).await?.to_view())
}

async fn remove(work: &mut Work, call: &Call) -> Answer {
    Connection::get(work, call.id()).await?.delete(work).await?;
    Ok(json!({}))
}

async fn endpoints(work: &mut Work, call: &Call) -> Answer {
    let connection = Connection::get(work, call.id()).await?;
    let target = peer::target(work, &connection).await?;
    let mine = LocalDid::get(work, connection.my_did.as_deref().unwrap_or_default()).await?;
    let noted = mine.metadata.get("endpoint").and_then(Value::as_str).map(str::to_owned);
    let endpoint = noted.or_else(|| work.settings().endpoints.first().cloned());
    Ok(json!({"my_endpoint": endpoint, "their_endpoint": target.endpoint}))
}

async fn metadata(work: &mut Work, call: &Call) -> Answer {
    let connection = Connection::get(work, call.id()).await?;
    let results = match call.asked("key") {
        Some(key) => connection.metadata(work, key).await?.unwrap_or(Value::Null),
        None => connection.all_metadata(work).await?.into(),
    };
    Ok(json!({ "results": results }))
}

async fn set_metadata(work: &mut Work, call: &Call) -> Answer {
    let connection = Connection::get(work, call.id()).await?;
    for (key, value) in call.map("metadata") {
        connection.set_metadata(work, &key, &value).await?;
    }
    Ok(json!({"results": connection.all_metadata(work).await?}))
}

async fn create_static(work: &mut Work, call: &Call) -> Answer {
    let asked = NewStatic {
        my_seed: call.owned("my_seed"),
        my_did: call.owned("my_did"),
        their_seed: call.owned("their_seed"),
        their_did: call.owned("their_did"),
        their_verkey: call.owned("their_verkey"),
        their_endpoint: call.owned("their_endpoint"),
        their_label: call.owned("their_label"),
        alias: call.owned("alias"),
    };
    let made = static_connections::create(work, asked).await?;
    Ok(json!({
        "my_did": made.mine.did,
        "my_verkey": made.mine.verkey,
        "my_endpoint": work.settings().endpoints.first(),
        "their_did": made.connection.their_did,
        "their_verkey": made.their_verkey.to_string(),
        "record": made.connection.to_view(),
    }))
}

fn fits(connection: &Connection, call: &Call) -> bool {
    let is = |name: &str, held: Option<&str>| call.asked(name).is_none_or(|asked| held == Some(asked));
    is("alias", connection.alias.as_deref())
        && is("connection_protocol", connection.connection_protocol.as_deref())
        && is("invitation_msg_id", connection.invitation_msg_id.as_deref())
        && is("their_public_did", connection.their_public_did.as_deref())
        && call.asked("state").is_none_or(|asked| named_state(asked) == Some(connection.state))
        && call
            .asked("their_role")
            .is_none_or(|asked| serde_json::from_value(asked.into()).ok() == connection.their_role)
}

/// The state that both RFCs' names lead to.
fn named_state(name: &str) -> Option<State> {
    let name = if name == "start" { "init" } else { name };
    serde_json::from_value(name.into()).ok()
}

/// 0.7.3's order: those under way, then invitations, then those that failed, each by the time when they were made.
fn sort_key(view: &Value) -> (u8, String) {
    let member = |name: &str| view.get(name).and_then(Value::as_str).unwrap_or_default();
    let rank = match member("state") {
        "error" | "abandoned" => 2,
        "invitation" => 1,
        _ => 0,
    };
    (rank, member("created_at").to_owned())
}
