//! The requests that are being answered, for `sys/in-flight-req` (`hashicorp/vault: http/handler.go`).

use std::collections::HashMap;
use std::net::SocketAddr;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};

/// Requests under way. Their number is bounded by the listeners.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<HashMap<String, Entry>>);

#[derive(Debug)]
struct Entry {
    started: i64,
    remote: Option<SocketAddr>,
    path: String,
    method: String,
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub struct Underway<'f> {
    all: &'f InFlight,
    id: String,
}

impl InFlight {
    /// Notes a request that began at `started` (unix nanoseconds).
    pub fn enter(
        &self,
        id: &str,
        started: i64,
        remote: Option<SocketAddr>,
        method: &str,
        path: &str,
    ) -> Underway<'_> {
        let entry = Entry { started, remote, path: path.into(), method: method.into() };
        self.0.lock().insert(id.into(), entry);
        Underway { all: self, id: id.into() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// All of them by their id, as Vault shows them.
    pub fn describe(&self) -> Map<String, Value> {
        let described = |entry: &Entry| {
            json!({
                "start_time": crate::engines::system::rfc3339(entry.started),
                "client_remote_address": entry.remote.map(|remote| remote.to_string()).unwrap_or_default(),
                "request_path": format!("/v1/{}", entry.path),
                "request_method": entry.method,
                "client_id": "",
            })
        };
        self.0.lock().iter().map(|(id, entry)| (id.clone(), described(entry))).collect()
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.all.0.lock().remove(&self.id);
    }
}
