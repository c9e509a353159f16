//! Whether the process lives and whether it can serve, told to whoever runs it.
//!
//! Each component registers once and reports its own state; the process is ready when all of them are. The admin
//! router answers `/healthz` (is it worth keeping alive), `/readyz` (send traffic here?) and `/metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use parking_lot::RwLock;

use crate::metrics;

/// A component's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Serving.
    Ready,
    /// Not serving now; the reason is for the operator (starting, sealed, standby, store unreachable).
    NotReady(String),
    /// Beyond repair without a restart. The process counts as dead.
    Dead(String),
}

/// The states of all components. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Health {
    components: Arc<RwLock<BTreeMap<String, Status>>>,
}

impl Health {
    /// No component yet: alive and ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a component, which is not ready ("starting") until it says so.
    pub fn register(&self, name: impl Into<String>) -> Component {
        let component = Component { health: self.clone(), name: name.into() };
        component.not_ready("starting");
        component
    }

    /// Whether no component is dead.
    pub fn is_live(&self) -> bool {
        !self.components.read().values().any(|status| matches!(status, Status::Dead(_)))
    }

    /// Whether every component is ready.
    pub fn is_ready(&self) -> bool {
        self.components.read().values().all(|status| *status == Status::Ready)
    }

    /// Every component with its state, by name.
    pub fn statuses(&self) -> BTreeMap<String, Status> {
        self.components.read().clone()
    }

    /// One line a component, as the admin router prints it.
    pub fn report(&self) -> String {
        self.components
            .read()
            .iter()
            .map(|(name, status)| match status {
                Status::Ready => format!("{name}: ready\n"),
                Status::NotReady(reason) => format!("{name}: not ready: {reason}\n"),
                Status::Dead(reason) => format!("{name}: dead: {reason}\n"),
            })
            .collect()
    }
}

/// A component's own entry. Dropping it leaves the last state in place: a component that is gone is not thereby ready.
#[derive(Debug, Clone)]
pub struct Component {
    health: Health,
    name: String,
}

impl Component {
    /// It serves.
    pub fn ready(&self) {
        self.set(Status::Ready);
    }

    /// It does not serve at present.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.set(Status::NotReady(reason.into()));
    }

    /// It will never serve again without a restart.
    pub fn dead(&self, reason: impl Into<String>) {
        self.set(Status::Dead(reason.into()));
    }

    fn set(&self, status: Status) {
        self.health.components.write().insert(self.name.clone(), status);
    }
}

/// `/healthz`, `/readyz` and `/metrics`, for a listener of their own.
pub fn router(health: Health) -> Router {
    Router::new()
        .route(
            "/healthz",
            get(|State(health): State<Health>| async move { answer(health.is_live(), &health) }),
        )
        .route(
            "/readyz",
            get(|State(health): State<Health>| async move { answer(health.is_ready(), &health) }),
        )
        .route("/metrics", get(|| async { metrics::response() }))
        .with_state(health)
}

fn answer(is_good: bool, health: &Health) -> Response {
    let status = if is_good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let verdict = if is_good { "ok" } else { "unavailable" };
    (status, format!("{verdict}\n{}", health.report())).into_response()
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt;

    use super::*;

    async fn status(health: &Health, path: &str) -> (StatusCode, String) {
        let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        let response = router(health.clone()).oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_process_is_ready_when_every_component_is() {
        let health = Health::new();
        let (store, seal) = (health.register("store"), health.register("seal"));
        store.ready();
        seal.not_ready("sealed");
        let (code, body) = status(&health, "/readyz").await;
        assert_eq!(
            (code, body.as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable\nseal: not ready: sealed\nstore: ready\n")
        );
        assert_eq!(status(&health, "/healthz").await.0, StatusCode::OK);
        seal.ready();
        assert_eq!(status(&health, "/readyz").await.0, StatusCode::OK);
        store.dead("data directory is gone");
        assert_eq!(status(&health, "/healthz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn metrics_are_served_as_prometheus_text() {
        let (code, body) = status(&Health::new(), "/metrics").await;
        assert_eq!(code, StatusCode::OK);
        assert!(body.contains("process_resident_memory_bytes"), "{body}");
    }
}
