//! Mediators, and clients whose mediator we are.

use serde_json::{Value, json};
use trustkeep_wallet::{Filter, Query, Record};

use super::call::{Call, Generation};
use super::check::Check;
use super::field::{Field, Kind, Shape};
use super::refusal::Refusal;
use super::route::Route;
use super::scan::{PAGE, Page, scan};
use crate::protocols::mediation::{self, Mediation, RoutedKey};
use crate::{Connection, Stored, Work};

type Answer = std::result::Result<Value, Refusal>;

const STATES: Check = Check::OneOf(&["request", "granted", "denied"]);
const ROLES: Check = Check::OneOf(&["client", "server"]);
const CONNECTION_ID: Field = Field::text("conn_id", "Connection identifier (optional)");
const ANY: i64 = i32::MAX as i64;
const TEXTS: Kind = Kind::List(&Kind::Text(Check::Any));
const TERMS: [Field; 2] = [
    Field::new("mediator_terms", TEXTS, "List of mediator rules for recipient").nullable(),
    Field::new("recipient_terms", TEXTS, "List of recipient rules for mediation").nullable(),
];

const RECORD: Shape = Shape {
    name: "MediationRecord",
    fields: &[
        Field::text("mediation_id", "Mediation record identifier"),
        Field::checked("state", STATES, "Current record state"),
        Field::checked("role", ROLES, "What this agent is").required(),
        Field::text("connection_id", "Connection identifier").required(),
        Field::new("routing_keys", TEXTS, "Keys to wrap for"),
        Field::text("endpoint", "Where the mediator takes messages"),
        TERMS[0],
        TERMS[1],
        Field::text("created_at", "Time of record creation"),
        Field::text("updated_at", "Time of last record update"),
    ],
};

const RULE: Shape = Shape {
    name: "KeylistUpdateRule",
    fields: &[
        Field::checked("recipient_key", Check::RoutingKey, "Key to remove or add").required(),
        Field::checked("action", Check::OneOf(&["add", "remove"]), "Action for specific key").required(),
    ],
};

const UPDATES: Field =
    Field::new("updates", Kind::List(&Kind::Object(&RULE)), "List of update rules").nullable();

const UPDATE: Shape = Shape {
    name: "KeylistUpdate",
    fields: &[Field::text("@type", "Message type"), Field::text("@id", "Message identifier"), UPDATES],
};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/mediation/requests", |work, call| Box::pin(list(work, call)))
        .about("mediation", "Query mediation requests, returns list of all mediation records")
        .query(&[CONNECTION_ID, Field::checked("state", STATES, "Mediation state (optional)")])
        .gives(&Shape {
            name: "MediationList",
            fields: &[Field::new("results", Kind::List(&Kind::Object(&RECORD)), "Mediation records")],
        }),
    Route::get("/mediation/requests/{mediation_id}", |work, call| Box::pin(show(work, call)))
        .about("mediation", "Retrieve mediation request record")
        .gives(&RECORD),
    Route::new("DELETE", "/mediation/requests/{mediation_id}", |work, call| Box::pin(remove(work, call)))
        .about("mediation", "Delete mediation request by ID")
        .gives(&RECORD),
    Route::post("/mediation/requests/{mediation_id}/grant", |work, call| Box::pin(grant(work, call)))
        .about("mediation", "Grant received mediation")
        .gives(&RECORD)
        .created(),
    Route::post("/mediation/requests/{mediation_id}/deny", |work, call| Box::pin(deny(work, call)))
        .about("mediation", "Deny a stored mediation request")
        .body(&Shape { name: "AdminMediationDeny", fields: &TERMS })
        .gives(&RECORD)
        .created(),
    Route::post("/mediation/request/{conn_id}", |work, call| Box::pin(request(work, call)))
        .about("mediation", "Request mediation from connection")
        .body(&Shape { name: "MediationCreateRequest", fields: &TERMS })
        .gives(&RECORD)
        .created(),
    Route::get("/mediation/keylists", |work, call| Box::pin(keylists(work, call)))
        .about("mediation", "Retrieve keylists by connection or role")
        .query(&[
            CONNECTION_ID,
            Field::checked(
                "role",
                ROLES,
                "client for keys mediated by other agents, server for keys mediated by this one",
            ),
            PAGE[0],
            PAGE[1],
            PAGE[2],
            PAGE[3],
        ])
        .gives(&Shape {
            name: "Keylist",
            fields: &[Field::new("results", Kind::List(&Kind::Object(&ROUTE)), "List of keylist records")],
        }),
    Route::post("/mediation/keylists/{mediation_id}/send-keylist-update", |work, call| {
        Box::pin(send_update(work, call))
    })
    .about("mediation", "Send keylist update to mediator")
    .body(&Shape { name: "KeylistUpdateRequest", fields: &[UPDATES] })
    .gives(&UPDATE)
    .created(),
    Route::post("/mediation/keylists/{mediation_id}/send-keylist-query", |work, call| {
        Box::pin(send_query(work, call))
    })
    .about("mediation", "Send keylist query to mediator")
    .query(&[
        Field::new("paginate_limit", Kind::Number { least: -1, most: ANY }, "limit number of results"),
        Field::new("paginate_offset", Kind::Number { least: 0, most: ANY }, "offset to use in pagination"),
    ])
    .body(&Shape {
        name: "KeylistQueryFilterRequest",
        fields: &[Field::new("filter", Kind::Map, "Filter for keylist query").nullable()],
    })
    .created(),
    Route::get("/mediation/default-mediator", |work, call| Box::pin(default(work, call)))
        .about("mediation", "Get default mediator")
        .gives(&RECORD),
    Route::new("PUT", "/mediation/{mediation_id}/default-mediator", |work, call| {
        Box::pin(set_default(work, call))
    })
    .about("mediation", "Set default mediator")
    .gives(&RECORD)
    .created(),
    Route::new("DELETE", "/mediation/default-mediator", |work, call| Box::pin(clear_default(work, call)))
        .about("mediation", "Clear default mediator")
        .gives(&RECORD)
        .created(),
    Route::post("/mediation/update-keylist/{conn_id}", |work, call| Box::pin(update(work, call)))
        .about("mediation", "Update keylist for a connection")
        .body(&Shape {
            name: "MediationIdMatchInfo",
            fields: &[Field::text("mediation_id", "Mediation record identifier").nullable()],
        })
        .gives(&UPDATE),
];

const ROUTE: Shape = Shape {
    name: "RouteRecord",
    fields: &[
        Field::text("record_id", "Record identifier"),
        Field::checked("role", ROLES, "What this agent is"),
        Field::text("connection_id", "Connection identifier"),
        Field::text("wallet_id", "Wallet of a tenant"),
        Field::text("recipient_key", "The key").required(),
        Field::text("created_at", "Time of record creation"),
        Field::text("updated_at", "Time of last record update"),
    ],
};

async fn list(work: &mut Work, call: &Call) -> Answer {
    let query = asked(call, Mediation::CATEGORY, &[("conn_id", "connection_id"), ("state", "state")]);
    let wanted = |record: &Record| Mediation::read(record).map(|read| Some(view(&read, call)));
    let mut results = scan(work.agent().wallet(), query, Page::ALL, wanted).await?;
    results.sort_by_cached_key(sort_key);
    Ok(json!({ "results": results }))
}

async fn show(work: &mut Work, call: &Call) -> Answer {
    Ok(view(&Mediation::get(work, call.id()).await?, call))
}

async fn remove(work: &mut Work, call: &Call) -> Answer {
    Ok(view(&mediation::delete(work, call.id()).await?, call))
}

async fn grant(work: &mut Work, call: &Call) -> Answer {
    Ok(view(&mediation::grant(work, call.id()).await?, call))
}

async fn deny(work: &mut Work, call: &Call) -> Answer {
    let terms = (call.texts("mediator_terms"), call.texts("recipient_terms"));
    Ok(view(&mediation::deny(work, call.id(), terms.0, terms.1).await?, call))
}

async fn request(work: &mut Work, call: &Call) -> Answer {
    let terms = (call.texts("mediator_terms"), call.texts("recipient_terms"));
    Ok(view(&mediation::request(work, call.id(), terms.0, terms.1).await?, call))
}

async fn keylists(work: &mut Work, call: &Call) -> Answer {
    let query = asked(call, RoutedKey::CATEGORY, &[("conn_id", "connection_id"), ("role", "role")]);
    let wanted = |record: &Record| RoutedKey::read(record).map(|read| Some(read.to_view()));
    let results = scan(work.agent().wallet(), query, Page::of(call), wanted).await?;
    Ok(json!({ "results": results }))
}

async fn send_update(work: &mut Work, call: &Call) -> Answer {
    let updates = call.body.get("updates").and_then(Value::as_array).into_iter().flatten();
    let member = |update: &Value, name: &str| Some(update.get(name)?.as_str()?.to_owned());
    let updates: Vec<_> = updates
        .filter_map(|update| Some((member(update, "recipient_key")?, member(update, "action")?)))
        .collect();
    let message = mediation::send_updates(work, call.id(), &updates).await?;
    Ok(Value::Object(message.to_object()))
}

async fn send_query(work: &mut Work, call: &Call) -> Answer {
    let number = |name: &str| call.query.get(name).and_then(Value::as_i64);
    let (limit, offset) = (number("paginate_limit").unwrap_or(-1), number("paginate_offset").unwrap_or(0));
    let filter = call.body.get("filter").cloned();
    let message = mediation::send_query(work, call.id(), filter, limit, offset).await?;
    Ok(Value::Object(message.to_object()))
}

async fn default(work: &mut Work, call: &Call) -> Answer {
    Ok(or_nothing(mediation::default_mediator(work).await?, call))
}

async fn set_default(work: &mut Work, call: &Call) -> Answer {
    Ok(view(&mediation::set_default_mediator(work, call.id()).await?, call))
}

async fn clear_default(work: &mut Work, call: &Call) -> Answer {
    Ok(or_nothing(mediation::clear_default_mediator(work).await?, call))
}

async fn update(work: &mut Work, call: &Call) -> Answer {
    let mut connection = Connection::get(work, call.id()).await?;
    let sent = mediation::update_routes(work, &mut connection, call.text("mediation_id")).await?;
    Ok(sent.map_or_else(|| json!({}), |message| Value::Object(message.to_object())))
}

/// The records that the query asks for, by these parameters and their tags.
fn asked(call: &Call, category: &str, tags: &[(&str, &str)]) -> Query {
    let filters = tags.iter().filter_map(|(name, tag)| Some(Filter::is(*tag, call.asked(name)?)));
    let filters: Vec<Filter> = filters.collect();
    Query { filter: (!filters.is_empty()).then_some(Filter::All(filters)), ..Query::all(category) }
}

/// An agreement as it is shown: 1.x knows no terms any more.
fn view(mediation: &Mediation, call: &Call) -> Value {
    let mut view = mediation.to_view();
    if call.generation == Generation::New
        && let Some(members) = view.as_object_mut()
    {
        members.retain(|name, _| !matches!(name.as_str(), "mediator_terms" | "recipient_terms"));
    }
    view
}

fn or_nothing(mediation: Option<Mediation>, call: &Call) -> Value {
    mediation.map_or_else(|| json!({}), |mediation| view(&mediation, call))
}

/// ACA-Py's order: those that stand, those that wait, those that were denied, each by the time when they were made.
fn sort_key(view: &Value) -> (u8, String) {
    let member = |name: &str| view.get(name).and_then(Value::as_str).unwrap_or_default();
    let rank = match member("state") {
        "denied" => 2,
        "request" => 1,
        _ => 0,
    };
    (rank, member("created_at").to_owned())
}
