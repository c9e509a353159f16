//! What other agents can do, and what this one can.

use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};
use trustkeep_wallet::{Query, Record};

use super::call::Call;
use super::field::{Field, Kind, Shape};
use super::refusal::Refusal;
use super::route::Route;
use super::scan::{Page, scan};
use super::wait;
use crate::protocols::discover_features::{self, Discovery, DiscoveryTwo};
use crate::{Error, Result, Stored, Work};

type Answer = std::result::Result<Value, Refusal>;

/// How long another agent may take to answer; what it says later is in the record.
const WAIT: Duration = Duration::from_secs(5);

const CONNECTION_ID: Field = Field::text(
    "connection_id",
    "Connection identifier, if none specified, then the query will provide features for this agent.",
);
const OF_CONNECTION: Field = Field::text("connection_id", "Connection identifier");

const RECORD: Shape = Shape {
    name: "V10DiscoveryRecord",
    fields: &[
        Field::text("discovery_exchange_id", "Credential exchange identifier"),
        Field::text("connection_id", "Connection identifier"),
        Field::text("thread_id", "Thread identifier"),
        Field::text("state", "Current record state"),
        Field::new("query_msg", Kind::Map, "Query message"),
        Field::new("disclose", Kind::Map, "Disclose message"),
        Field::text("created_at", "Time of record creation"),
        Field::text("updated_at", "Time of last record update"),
    ],
};
const RECORD_TWO: Shape = Shape {
    name: "V20DiscoveryRecord",
    fields: &[
        Field::text("discovery_exchange_id", "Credential exchange identifier"),
        Field::text("connection_id", "Connection identifier"),
        Field::text("thread_id", "Thread identifier"),
        Field::new("queries_msg", Kind::Map, "Queries message"),
        Field::new("disclosures", Kind::Map, "Disclosures message"),
        Field::text("created_at", "Time of record creation"),
        Field::text("updated_at", "Time of last record update"),
    ],
};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/discover-features/query", |work, call| Box::pin(query(work, call)))
        .about("discover-features", "Query supported features")
        .query(&[
            Field::text("query", "Protocol feature query (default *)"),
            Field::text("comment", "Comment"),
            CONNECTION_ID,
        ])
        .gives(&RECORD)
        .then(|call, asked| Box::pin(answered::<Discovery>(call, asked, "disclose"))),
    Route::get("/discover-features/records", |work, call| {
        Box::pin(records::<Discovery>(work, call, "V10DiscoveryExchangeRecord"))
    })
    .about("discover-features", "Discover Features records")
    .query(&[OF_CONNECTION])
    .gives(&Shape {
        name: "V10DiscoveryExchangeListResult",
        fields: &[Field::new("results", Kind::List(&Kind::Object(&RECORD)), "Records")],
    }),
    Route::get("/discover-features-2.0/queries", |work, call| Box::pin(queries(work, call)))
        .about("discover-features v2.0", "Query supported features")
        .query(&[
            Field::text("query_protocol", "Query feature-type: protocol (default *)"),
            Field::text("query_goal_code", "Query feature-type: goal-code (default *)"),
            CONNECTION_ID,
        ])
        .gives(&RECORD_TWO)
        .then(|call, asked| Box::pin(answered::<DiscoveryTwo>(call, asked, "disclosures"))),
    Route::get("/discover-features-2.0/records", |work, call| {
        Box::pin(records::<DiscoveryTwo>(work, call, "V20DiscoveryExchangeRecord"))
    })
    .about("discover-features v2.0", "Discover Features v2.0 records")
    .query(&[OF_CONNECTION])
    .gives(&Shape {
        name: "V20DiscoveryExchangeListResult",
        fields: &[Field::new("results", Kind::List(&Kind::Object(&RECORD_TWO)), "Records")],
    }),
];

async fn query(work: &mut Work, call: &Call) -> Answer {
    let (pattern, comment) = (call.asked("query").unwrap_or("*"), call.asked("comment").unwrap_or("*"));
    let record = discover_features::query(work, pattern, Some(comment), call.asked("connection_id")).await?;
    Ok(shown(&record, call))
}

async fn queries(work: &mut Work, call: &Call) -> Answer {
    let protocol = call.asked("query_protocol").unwrap_or("*");
    let goal_code = call.asked("query_goal_code").unwrap_or("*");
    let of = call.asked("connection_id");
    Ok(shown(&discover_features::queries(work, Some(protocol), Some(goal_code), of).await?, call))
}

/// A record; without its name and time where nothing is kept of it.
fn shown(record: &impl Stored, call: &Call) -> Value {
    let mut view = record.to_view();
    if let (None, Some(members)) = (call.asked("connection_id"), view.as_object_mut()) {
        members.retain(|name, _| name != "discovery_exchange_id" && name != "created_at");
    }
    view
}

/// Waits for the other agent's answer, which is the member of this name; the question alone if there is none in time.
async fn answered<T: Stored>(call: &Call, asked: Value, member: &str) -> Answer {
    let id = asked.get("discovery_exchange_id").and_then(Value::as_str);
    let Some(id) = id.map(str::to_owned) else { return Ok(asked) };
    let look = || -> BoxFuture<'_, _> { Box::pin(with::<T>(call, &id, member)) };
    let answered = wait::until(&call.admin, &id, WAIT, look).await?;
    Ok(answered.unwrap_or(asked))
}

/// The record, if it has this member.
async fn with<T: Stored>(call: &Call, id: &str, member: &str) -> std::result::Result<Option<Value>, Refusal> {
    let mut work = Work::new(&call.admin.0.agent);
    let view = T::get(&mut work, id).await?.to_view();
    Ok(view.get(member).is_some().then_some(view))
}

async fn records<T: Stored>(work: &mut Work, call: &Call, name: &str) -> Answer {
    let Some(connection_id) = call.asked("connection_id") else {
        let wanted = |record: &Record| -> Result<Option<Value>> { Ok(Some(T::read(record)?.to_view())) };
        let results = scan(work.agent().wallet(), Query::all(T::CATEGORY), Page::ALL, wanted).await?;
        return Ok(json!({ "results": results }));
    };
    let found = T::by_tag(work, "connection_id", connection_id).await?;
    let missing =
        || Error::BadRequest(format!("{name} record not found for {{'connection_id': '{connection_id}'}}."));
    Ok(json!({"results": [found.ok_or_else(missing)?.to_view()]}))
}
