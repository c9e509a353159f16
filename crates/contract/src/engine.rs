//! From registered bytes to something that runs.

use std::sync::Arc;

use crate::{Contract, Function};

/// Turns the bytes of one language into contracts and functions.
pub trait Engine: Send + Sync {
    /// Whether these bytes are of its language, by the first of them.
    fn recognises(&self, byte_code: &[u8]) -> bool;

    /// Tries what is to be registered, contract or function, as far as it can be told before it runs; loading it
    /// later, in the middle of executions, need not try again.
    ///
    /// # Errors
    /// [`LoadError`] if it can never run.
    fn try_out(&self, _byte_code: &[u8]) -> Result<(), LoadError> {
        Ok(())
    }

    /// Makes a contract ready to run, many times and from many threads.
    ///
    /// # Errors
    /// [`LoadError`] if the bytes are damaged, forbidden or unknown.
    fn load(&self, binary_name: &str, byte_code: &[u8]) -> Result<Arc<dyn Contract>, LoadError>;

    /// Makes a function ready to run, many times and from many threads.
    ///
    /// # Errors
    /// [`LoadError`] as above.
    fn load_function(&self, binary_name: &str, byte_code: &[u8]) -> Result<Arc<dyn Function>, LoadError>;
}

/// Why bytes cannot be run: a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(pub String);

/// The engines of a server, in the order in which they are asked.
#[derive(Clone, Default)]
pub struct Engines(Vec<Arc<dyn Engine>>);

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engines({})", self.0.len())
    }
}

impl Engines {
    /// No engine yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, engine: impl Engine + 'static) -> Self {
        self.0.push(Arc::new(engine));
        self
    }

    /// Tries what is to be registered.
    ///
    /// # Errors
    /// [`LoadError`] of the engine, or if none knows the bytes.
    pub fn try_out(&self, byte_code: &[u8]) -> Result<(), LoadError> {
        self.engine(byte_code)?.try_out(byte_code)
    }

    /// A contract out of its bytes.
    ///
    /// # Errors
    /// [`LoadError`] of the engine, or if none knows the bytes.
    pub fn load(&self, binary_name: &str, byte_code: &[u8]) -> Result<Arc<dyn Contract>, LoadError> {
        self.engine(byte_code)?.load(binary_name, byte_code)
    }

    /// A function out of its bytes.
    ///
    /// # Errors
    /// [`LoadError`] of the engine, or if none knows the bytes.
    pub fn load_function(&self, binary_name: &str, byte_code: &[u8]) -> Result<Arc<dyn Function>, LoadError> {
        self.engine(byte_code)?.load_function(binary_name, byte_code)
    }

    fn engine(&self, byte_code: &[u8]) -> Result<&dyn Engine, LoadError> {
        self.0.iter().find(|engine| engine.recognises(byte_code)).map(|engine| &**engine).ok_or_else(|| {
            LoadError(
                "the bytes are of no language that this server runs: register a WebAssembly module, a JavaScript \
                 module, or the class of a built-in contract"
                    .into(),
            )
        })
    }
}
