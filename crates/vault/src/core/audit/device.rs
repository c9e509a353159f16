//! What an audit device is, and what all devices have in common.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::request::parse_seconds;
use crate::{Error, Result};

/// Where entries go. Implementations outside this crate are handed in by the binary, see
/// [`DeviceKinds::with`].
#[async_trait::async_trait]
pub trait Device: Send + Sync + 'static {
    /// Takes one entry, a line of JSON with its line feed, and returns once it is where it belongs. Entries of
    /// requests that are handled at the same time come at the same time, to be written together.
    ///
    /// Returns within a bound: a device that hangs fails.
    ///
    /// # Errors
    /// Why the entry is not there.
    async fn write(&self, entry: Bytes) -> std::result::Result<(), DeviceError>;

    /// Opens anew what it writes to: asked for at SIGHUP, after files were renamed.
    ///
    /// # Errors
    /// Why it could not; it goes on with what it has.
    async fn reopen(&self) -> std::result::Result<(), DeviceError> {
        Ok(())
    }
}

/// Why a device does not take an entry. It tells nothing of the entry.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct DeviceError(pub Arc<str>);

impl DeviceError {
    /// An error with this text.
    pub fn new(text: impl std::fmt::Display) -> Self {
        DeviceError(text.to_string().into())
    }
}

/// Makes a device from the options that an operator gave. It does no more than read them: what it writes to is
/// opened at the first entry.
pub type DeviceFactory = Arc<dyn Fn(&DeviceOptions) -> Result<Arc<dyn Device>> + Send + Sync>;

/// The kinds of devices that can be enabled.
#[derive(Clone, Default)]
pub struct DeviceKinds(BTreeMap<String, DeviceFactory>);

impl DeviceKinds {
    /// The same with one more kind; it shares `sys/audit`, hashing and form of entries with the built-in ones.
    pub fn with(mut self, kind: &str, factory: DeviceFactory) -> Self {
        self.0.insert(kind.to_owned(), factory);
        self
    }

    /// A device.
    ///
    /// # Errors
    /// 400 for an unknown kind and for options that it does not take.
    pub fn make(&self, kind: &str, options: &DeviceOptions) -> Result<Arc<dyn Device>> {
        let factory = self.0.get(kind);
        factory.ok_or_else(|| Error::invalid(format!("unknown backend type: {kind:?}")))?(options)
    }
}

impl std::fmt::Debug for DeviceKinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A device's options as they were given: names and texts.
#[derive(Clone, Debug, Default)]
pub struct DeviceOptions(BTreeMap<String, String>);

impl DeviceOptions {
    /// These options.
    pub fn new(options: BTreeMap<String, String>) -> Self {
        DeviceOptions(options)
    }

    /// An option's text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A truth value.
    ///
    /// # Errors
    /// 400 in Go's words.
    pub fn bool(&self, name: &str, default: bool) -> Result<bool> {
        match self.text(name) {
            None => Ok(default),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some(other) => {
                Err(Error::invalid(format!("{name}: strconv.ParseBool: parsing {other:?}: invalid syntax")))
            }
        }
    }

    /// How long an entry may take, `write_timeout`: a duration above zero and at most a minute.
    ///
    /// # Errors
    /// 400 for another one.
    pub fn write_timeout(&self, default: Duration) -> Result<Duration> {
        let Some(text) = self.text("write_timeout") else { return Ok(default) };
        let seconds = parse_seconds(&text.into()).and_then(|seconds| u64::try_from(seconds).ok());
        match seconds {
            Some(seconds @ 1..=TIMEOUT_SECONDS_MAX) => Ok(Duration::from_secs(seconds)),
            _ => Err(Error::invalid(format!(
                "write_timeout: {text:?} is not a duration of 1 to {TIMEOUT_SECONDS_MAX} seconds"
            ))),
        }
    }
}

const TIMEOUT_SECONDS_MAX: u64 = 60;
