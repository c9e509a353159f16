//! The state of the agent itself.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use trustkeep_wallet::{Filter, Query, queue};

use super::call::{Call, Generation};
use super::field::{Field, Kind, Shape};
use super::refusal::Refusal;
use super::route::Route;
use crate::{OUTBOUND, Work};

/// The versions of ACA-Py whose API this is.
pub(super) const OLD_VERSION: &str = "0.7.3";
pub(super) const NEW_VERSION: &str = "1.0.1";

pub(super) const ROUTES: &[Route] = &[
    Route::get("/status", |work, call| Box::pin(status(work, call)))
        .about("server", "Fetch the server status")
        .gives(&Shape {
            name: "AdminStatus",
            fields: &[
                Field::text("version", "The version of ACA-Py whose answers are given"),
                Field::text("label", "What the agent calls itself").nullable(),
                Field::new("conductor", Kind::Map, "Messages and requests under way"),
            ],
        }),
    Route::get("/status/live", |_, call| Box::pin(live(call)))
        .about("server", "Liveliness check")
        .gives(&Shape { name: "AdminStatusLiveliness", fields: &[Field::flag("alive", "Whether it lives")] })
        .open(),
    Route::get("/status/ready", |_, call| Box::pin(ready(call)))
        .about("server", "Readiness check")
        .gives(&Shape { name: "AdminStatusReadiness", fields: &[Field::flag("ready", "Whether it serves")] })
        .open(),
    Route::get("/status/config", |_, call| Box::pin(config(call)))
        .about("server", "Fetch the server configuration")
        .gives(&Shape {
            name: "AdminConfig",
            fields: &[Field::new("config", Kind::Map, "Settings, no secrets")],
        }),
    Route::post("/status/reset", |_, call| Box::pin(reset(call))).about("server", "Reset statistics"),
    Route::get("/plugins", |_, call| Box::pin(plugins(call)))
        .about("server", "Fetch the list of loaded plugins")
        .gives(&Shape {
            name: "AdminModules",
            fields: &[Field::new("result", Kind::List(&Kind::Any), "Names of modules")],
        }),
    Route::get("/shutdown", |_, call| Box::pin(shutdown(call))).about("server", "Shut down server"),
];

async fn status(work: &mut Work, call: &Call) -> Result<Value, Refusal> {
    let inner = &call.admin.0;
    let waiting = work.agent().wallet().count(&outbound()).await?;
    let version = if call.generation == Generation::Old { OLD_VERSION } else { NEW_VERSION };
    Ok(json!({
        "version": version,
        "label": work.settings().label,
        "conductor": {
            "in_sessions": 0,
            "out_encode": 0,
            "out_deliver": waiting,
            "task_active": inner.counts.active.load(Ordering::Relaxed),
            "task_done": inner.counts.done.load(Ordering::Relaxed),
            "task_failed": inner.counts.failed.load(Ordering::Relaxed),
            "task_pending": 0,
        },
        "trustkeep": env!("CARGO_PKG_VERSION"),
    }))
}

async fn live(call: &Call) -> Result<Value, Refusal> {
    if call.admin.0.health.is_live() {
        return Ok(json!({"alive": true}));
    }
    Err(unavailable("Service not available"))
}

async fn ready(call: &Call) -> Result<Value, Refusal> {
    if call.admin.0.health.is_ready() && !call.admin.0.shutdown.is_triggered() {
        return Ok(json!({"ready": true}));
    }
    Err(unavailable("Service not ready"))
}

async fn config(call: &Call) -> Result<Value, Refusal> {
    Ok(json!({"config": call.admin.0.settings.config}))
}

async fn reset(call: &Call) -> Result<Value, Refusal> {
    let counts = &call.admin.0.counts;
    counts.done.store(0, Ordering::Relaxed);
    counts.failed.store(0, Ordering::Relaxed);
    Ok(json!({}))
}

async fn plugins(call: &Call) -> Result<Value, Refusal> {
    let package = if call.generation == Generation::Old { "aries_cloudagent" } else { "acapy_agent" };
    let names = MODULES.iter().map(|name| format!("{package}.{name}"));
    Ok(json!({"result": names.collect::<Vec<_>>()}))
}

async fn shutdown(call: &Call) -> Result<Value, Refusal> {
    call.admin.0.shutdown.trigger("asked for by GET /shutdown");
    Ok(json!({}))
}

/// What lies in the queue of messages to others, by what was put there together.
fn outbound() -> Query {
    let shards = (0..queue::SHARDS).map(|shard| Filter::is("queue", queue::shard_name(OUTBOUND, shard)));
    Query { filter: Some(Filter::Any(shards.collect())), ..Query::all(queue::CATEGORY) }
}

fn unavailable(reason: &str) -> Refusal {
    Refusal::Plain(http::StatusCode::SERVICE_UNAVAILABLE, reason.to_owned())
}

/// ACA-Py's names for what is built here.
const MODULES: [&str; 9] = [
    "protocols.basicmessage",
    "protocols.connections",
    "protocols.didexchange",
    "protocols.discovery",
    "protocols.out_of_band",
    "protocols.trustping",
    "resolver",
    "wallet",
    "wallet.keys",
];
