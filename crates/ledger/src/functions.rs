//! Registered functions: programs over mutable records. One may replace another under its id.

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::Cache;
use trustkeep_chassis::clock::SharedClock;
use trustkeep_contract::{Engines, Function};
use trustkeep_scalar_domain::contracts::BINARY_NAME_BYTES_MAX;
use trustkeep_scalar_domain::namespaces::Namespaces;
use trustkeep_scalar_domain::requests;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};
use trustkeep_store::{Commit, Key, Row, SharedStore, Value, Version};

use crate::failure::{BIND_FUNCTION, GET_FUNCTION, ledger, reading};
use crate::tables::Spaces;

/// How many functions are kept ready to run.
const LOADED_MAX: usize = 1024;

/// The functions of every namespace.
pub(crate) struct Functions {
    store: SharedStore,
    namespaces: Arc<Namespaces>,
    spaces: Arc<Spaces>,
    engines: Engines,
    clock: SharedClock,
    /// By the version of the row, which no other content ever has.
    loaded: Cache<(String, String, i64), Arc<dyn Function>>,
}

/// What is registered.
#[derive(Debug)]
pub(crate) struct Registration<'a> {
    pub(crate) id: &'a str,
    pub(crate) binary_name: &'a str,
    pub(crate) byte_code: &'a Bytes,
}

impl Functions {
    pub(crate) fn new(
        store: SharedStore,
        namespaces: Arc<Namespaces>,
        spaces: Arc<Spaces>,
        engines: Engines,
        clock: SharedClock,
    ) -> Self {
        Self { store, namespaces, spaces, engines, clock, loaded: Cache::new(LOADED_MAX) }
    }

    /// Whether a function of this id is registered.
    ///
    /// # Errors
    /// 417, 500.
    pub(crate) async fn exists(&self, namespace: &str, id: &str) -> Result<bool> {
        self.namespaces.generation(namespace).await?;
        let table = &self.spaces.of(namespace)?.function;
        let found = self.store.get(table, &Key::of(id)).await;
        Ok(found.map_err(reading(namespace, GET_FUNCTION))?.is_some())
    }

    /// Registers a function in place of the one that is there; `only_new` refuses if there is one.
    ///
    /// # Errors
    /// 502 or 414 for the fields, 411 if no engine can run it, 504 if `only_new` and there is one, 417, 500.
    pub(crate) async fn register(
        &self,
        namespace: &str,
        registration: &Registration<'_>,
        only_new: bool,
    ) -> Result<()> {
        let Registration { id, binary_name, byte_code } = *registration;
        requests::check_function_id(id)?;
        requests::check_text("function_binary_name", binary_name, BINARY_NAME_BYTES_MAX)?;
        if byte_code.is_empty() {
            return Err(trustkeep_scalar_domain::errors::field_missing("function_byte_code"));
        }
        self.namespaces.generation(namespace).await?;
        self.load(binary_name, byte_code, true).await?;
        let row = Row::new(vec![
            Some(Value::from(binary_name)),
            Some(Value::Bytes(byte_code.clone())),
            Some(Value::Int(self.clock.now().as_millisecond())),
        ]);
        let table = &self.spaces.of(namespace)?.function;
        let mut commit = Commit::new().put(table, Key::of(id), row);
        if only_new {
            commit = commit.expect_absent(table, Key::of(id));
        }
        self.store.commit(commit).await.map_err(|error| BIND_FUNCTION.error(&error))?;
        Ok(())
    }

    /// A function ready to run.
    ///
    /// # Errors
    /// 410 if there is none, 411 if no engine can run it, 417, 500.
    pub(crate) async fn prepare(&self, namespace: &str, id: &str) -> Result<Arc<dyn Function>> {
        requests::check_function_id(id)?;
        self.namespaces.generation(namespace).await?;
        let space = self.spaces.of(namespace)?;
        let found = self.store.get(&space.function, &Key::of(id)).await;
        let record = found
            .map_err(reading(namespace, GET_FUNCTION))?
            .ok_or_else(|| ledger(StatusCode::FunctionNotFound, 1, "The specified function is not found."))?;
        let Version(version) = record.version;
        let place = (space.function.qualified().to_owned(), id.to_owned(), version);
        if let Some(function) = self.loaded.get(&place) {
            return Ok(function);
        }
        let unexpected = || trustkeep_scalar_domain::errors::unexpected_record("a function without its code");
        let binary_name = record.text(0).ok_or_else(unexpected)?;
        let function = self.load(binary_name, record.bytes(1).ok_or_else(unexpected)?, false).await?;
        self.loaded.insert(place, function.clone());
        Ok(function)
    }

    /// Makes a function ready to run, or tries what is to be registered, on a thread that may block.
    async fn load(&self, binary_name: &str, byte_code: &Bytes, is_new: bool) -> Result<Arc<dyn Function>> {
        let (engines, binary_name, byte_code) =
            (self.engines.clone(), binary_name.to_owned(), byte_code.clone());
        let make = move || {
            if is_new {
                engines.try_out(&byte_code)?;
            }
            engines.load_function(&binary_name, &byte_code)
        };
        let why = match tokio::task::spawn_blocking(make).await {
            Ok(Ok(function)) => return Ok(function),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the engine failed; the server's log has the details".to_owned(),
        };
        let text = format!("Loading the function failed. Details: {why}");
        Err(Error::numbered(StatusCode::UnloadableFunction, "LEDGER", 1, text))
    }
}

impl std::fmt::Debug for Functions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Functions").field("engines", &self.engines).finish_non_exhaustive()
    }
}
