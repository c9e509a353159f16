//! KV version 2: secrets with versions (`hashicorp/vault-plugin-secrets-kv`, at the level of Vault 1.14).
//!
//! Storage, below the mount's view:
//! - `metadata/<encrypted path>`: a secret's record: its metadata and, where it is small, its current text;
//! - `versions/<id>/<number>`: a document for each other version, `<id>` being an HMAC of the path;
//! - `config`: the mount's settings; `names`: the key that paths are encrypted under.
//!
//! A change of a secret is one commit that expects the record to be as it was read; where it is not, the
//! secret is read again and the request decided anew. So check-and-set holds whoever else writes, and no
//! reader ever sees a version without its data. Within this process writers of one secret also queue up, so
//! that they do not make each other start over.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::{Mutex, MutexGuard};
use trustkeep_crypto::random::SystemRandom;
use trustkeep_crypto::{Random, SecretBytes};

use self::config::Config;
use self::names::Names;
use self::secret::Secret;
use super::kv_v1::is_name;
use super::{Engine, EngineContext};
use crate::core::{Batch, View};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

pub(in crate::engines) mod body;
mod config;
mod data;
mod help;
mod key_metadata;
mod merge_patch;
mod metadata;
mod names;
mod secret;
mod time;
mod upgrade;
mod versions;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

pub(in crate::engines) use self::time::rfc3339;
pub use self::upgrade::{is_upgraded, upgrade};

/// The KV engine of version 2.
#[derive(Debug)]
pub struct KvV2 {
    view: View,
    random: Arc<dyn Random>,
    names: RwLock<Option<Arc<Names>>>,
    config: RwLock<Option<Config>>,
    config_write: Mutex<()>,
    writers: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl KvV2 {
    /// The engine over a mount's storage. Nothing is read or written yet.
    pub fn new(context: &EngineContext) -> Self {
        Self::over(context.view.clone())
    }

    fn over(view: View) -> Self {
        KvV2 {
            view,
            random: Arc::new(SystemRandom),
            names: RwLock::new(None),
            config: RwLock::new(None),
            config_write: Mutex::new(()),
            writers: std::iter::repeat_with(|| Mutex::new(())).take(WRITERS).collect(),
            hasher: RandomState::new(),
        }
    }

    /// The secret at `path`; `None` where there is none.
    async fn find(&self, path: &str, now: i64) -> Result<Option<Secret>> {
        if !is_name(path) {
            return Ok(None);
        }
        let Some(names) = self.names().await? else { return Ok(None) };
        let secret = Secret::load(&self.view, &names, path, now).await?;
        Ok(if secret.is_new() { None } else { Some(secret) })
    }

    /// The secret at `path`, which may be new.
    async fn find_or_new(&self, path: &str, now: i64) -> Result<Secret> {
        let names = self.names_or_new().await?;
        Secret::load(&self.view, &names, path, now).await
    }

    /// Waits for the other writers of the secret at `path`.
    async fn alone(&self, path: &str) -> Option<MutexGuard<'_, ()>> {
        let place = self.hasher.hash_one(path) % WRITERS as u64;
        match self.writers.get(place as usize) {
            Some(writer) => Some(writer.lock().await),
            None => None,
        }
    }

    /// The keys of names; `None` before the mount's first write.
    async fn names(&self) -> Result<Option<Arc<Names>>> {
        if let Some(names) = self.names.read().clone() {
            return Ok(Some(names));
        }
        let Some(stored) = self.view.get(NAMES).await? else { return Ok(None) };
        let names = Arc::new(Names::derive(&stored.value)?);
        *self.names.write() = Some(names.clone());
        Ok(Some(names))
    }

    async fn names_or_new(&self) -> Result<Arc<Names>> {
        for _ in 0..ATTEMPTS {
            if let Some(names) = self.names().await? {
                return Ok(names);
            }
            let secret = SecretBytes::random(self.random.as_ref(), Names::SECRET_LEN);
            match self.view.commit(Batch::new().put(NAMES, secret).expect(NAMES, None)).await {
                Ok(_) | Err(Error::Store(trustkeep_store::Error::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Err(contended())
    }
}

#[async_trait::async_trait]
impl Engine for KvV2 {
    fn help(&self) -> crate::help::Help {
        help::HELP
    }

    async fn handle(&self, request: &Request) -> Result<Option<Response>> {
        let (answer, known): (_, &[&str]) = match Route::of(&request.path) {
            Route::Config => {
                (self.handle_config(request).await, &["max_versions", "cas_required", "delete_version_after"])
            }
            Route::Data(path) => (self.handle_data(request, path).await, &["version", "options", "data"]),
            Route::Metadata(path) => (
                self.handle_metadata(request, path).await,
                &["max_versions", "cas_required", "delete_version_after", "custom_metadata"],
            ),
            Route::Subkeys(path) => (self.handle_subkeys(request, path).await, &["version", "depth"]),
            Route::Delete(path) => (self.handle_delete(request, path).await, &["versions"]),
            Route::Undelete(path) => (self.handle_undelete(request, path).await, &["versions"]),
            Route::Destroy(path) => (self.handle_destroy(request, path).await, &["versions"]),
            Route::Other => return other(request),
        };
        Ok(answer?.map(|response| warn_of_ignored(response, request, known)))
    }

    async fn exists(&self, request: &Request) -> Result<Option<bool>> {
        match Route::of(&request.path) {
            Route::Data(path) | Route::Metadata(path) => {
                Ok(Some(self.find(path, request.now).await?.is_some()))
            }
            _ => Ok(None),
        }
    }
}

/// Where a path below the mount leads.
enum Route<'a> {
    Config,
    Data(&'a str),
    Metadata(&'a str),
    Subkeys(&'a str),
    Delete(&'a str),
    Undelete(&'a str),
    Destroy(&'a str),
    Other,
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Self {
        match path.split_once('/') {
            None if path == "config" => Route::Config,
            Some(("data", secret)) if !secret.is_empty() && !secret.ends_with('/') => Route::Data(secret),
            Some(("metadata", secret)) => Route::Metadata(secret),
            Some(("subkeys", secret)) => Route::Subkeys(secret),
            Some(("delete", secret)) => Route::Delete(secret),
            Some(("undelete", secret)) => Route::Undelete(secret),
            Some(("destroy", secret)) => Route::Destroy(secret),
            _ => Route::Other,
        }
    }
}

/// Paths that version 2 does not have: most come from clients that take the mount for version 1.
fn other(request: &Request) -> Result<Option<Response>> {
    let command = match request.operation {
        Operation::Create | Operation::Update => "put",
        Operation::Patch => "patch",
        Operation::Read => "get",
        Operation::List => "list",
        Operation::Delete => "delete",
        Operation::Help => return Err(Error::UnsupportedOperation),
    };
    let response = Response { status: Some(404), ..Default::default() };
    Ok(Some(response.warn(match request.path.as_str() {
        "metadata" | "data" | "delete" | "undelete" | "destroy" => {
            "Non-listing operations on the root of a K/V v2 mount are not supported.".to_owned()
        }
        _ => format!(
            "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to \
             use. If using the Vault CLI, use 'vault kv {command}' for this operation."
        ),
    })))
}

/// Adds what Vault's framework says of fields that a path does not know. Answers with a status of their own
/// have a body that it does not reach.
fn warn_of_ignored(mut response: Response, request: &Request, known: &[&str]) -> Response {
    if response.status.is_some() || request.operation == Operation::List {
        return response;
    }
    let names = request.data.keys().map(String::as_str);
    let mut ignored: Vec<&str> = names.filter(|name| *name != "path" && !known.contains(name)).collect();
    if !ignored.is_empty() {
        ignored.sort_unstable();
        let ignored = ignored.join(" ");
        response = response.warn(format!("Endpoint ignored these unrecognized parameters: [{ignored}]"));
    }
    if request.data.contains_key("path") {
        response = response.warn(
            "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: \
             [path]",
        );
    }
    response
}

/// Refuses paths that cannot name a secret.
fn check_name(path: &str) -> Result<()> {
    if path.is_empty() {
        return Err(Error::invalid("missing path"));
    }
    if !is_name(path) {
        return Err(Error::invalid("a path must not hold empty segments"));
    }
    Ok(())
}

/// What is answered when others kept changing a secret under our hands.
fn contended() -> Error {
    Error::Unavailable("the secret is being changed by others, try again".to_owned())
}

/// The entry that holds the key of names.
const NAMES: &str = "names";
/// How often a request is decided anew when others changed the secret meanwhile.
const ATTEMPTS: usize = 16;
/// Queues of writers; two secrets that share one only wait for each other.
const WRITERS: usize = 256;
