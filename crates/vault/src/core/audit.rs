//! Audit: every request and every answer is written to devices before it has an effect outside.
//!
//! A request is logged once it is known who asks and whether they may, and before it is handled; its answer
//! before it is sent. At least one of the enabled devices must take an entry, else the request fails. A vault
//! without devices pays nothing for this. See `docs/vault-audit.md`.

mod caller;
pub mod device;
mod devices;
mod entry;
mod hash;
mod headers;
mod queue;
mod trail;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use trustkeep_chassis::clock::SharedClock;
use trustkeep_crypto::{Random, random};

pub(super) use self::caller::Caller;
pub use self::device::{Device, DeviceError, DeviceFactory, DeviceKinds, DeviceOptions};
pub use self::devices::builtin;
pub use self::headers::{AuditedHeader, AuditedHeaders};
pub(super) use self::trail::Trail;

use self::hash::{Salt, Veil};
use super::Core;
use super::barrier::{Barrier, Batch};
use super::view::View;
use crate::{Error, Result};

/// The audit devices of an unsealed vault.
pub struct Audit {
    barrier: View,
    kinds: DeviceKinds,
    clock: SharedClock,
    random: Arc<dyn Random>,
    devices: RwLock<Devices>,
    headers: RwLock<Arc<AuditedHeaders>>,
    changing: tokio::sync::Mutex<()>,
}

/// A device as it is stored, one entry each. Its salt is stored beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceEntry {
    /// Its name, with a trailing `/`.
    pub path: String,
    /// `file`, `socket`, `syslog`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// What the operator says of it.
    pub description: String,
    /// Its options.
    pub options: BTreeMap<String, String>,
    /// Whether it stays on this cluster: recorded only.
    pub local: bool,
    /// Names its storage.
    pub uuid: String,
}

/// Devices, replaced whole at every change.
type Devices = Arc<Vec<Arc<Enabled>>>;
/// What is to be written, and where.
type Line = (Arc<Enabled>, Vec<u8>);

struct Enabled {
    entry: DeviceEntry,
    device: Arc<dyn Device>,
    veil: Veil,
    prefix: String,
    elide_lists: bool,
}

impl Audit {
    /// The stored devices. One that cannot be made stays enabled and fails every entry, until it is disabled.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn load(
        barrier: &Arc<Barrier>,
        kinds: DeviceKinds,
        clock: SharedClock,
    ) -> Result<Arc<Self>> {
        let random = barrier.random().clone();
        let barrier = View::new(barrier.clone(), "");
        let mut devices = Vec::new();
        for uuid in barrier.list(ENTRIES).await? {
            let Some((entry, _)) = barrier.get_json::<DeviceEntry>(&format!("{ENTRIES}{uuid}")).await? else {
                continue;
            };
            let salt = barrier.get(&salt_path(&uuid)).await?;
            let salt = salt.ok_or_else(|| Error::internal("the salt of an audit device is missing"))?;
            let salt = Salt::new(&salt.value);
            let device = Enabled::new(&kinds, entry.clone(), salt.clone()).unwrap_or_else(|error| {
                tracing::error!(%error, device = entry.path, "an audit device could not be made; it fails");
                Enabled::broken(entry, salt, &error)
            });
            devices.push(Arc::new(device));
        }
        devices.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
        let headers = barrier.get_json::<AuditedHeaders>(HEADERS).await?;
        Ok(Arc::new(Audit {
            barrier,
            kinds,
            clock,
            random,
            devices: RwLock::new(Arc::new(devices)),
            headers: RwLock::new(Arc::new(headers.map(|(headers, _)| headers).unwrap_or_default())),
            changing: tokio::sync::Mutex::default(),
        }))
    }

    /// All devices as they are stored, by path.
    pub fn entries(&self) -> Vec<DeviceEntry> {
        self.devices().iter().map(|device| device.entry.clone()).collect()
    }

    /// Whether there are devices at all.
    pub fn is_on(&self) -> bool {
        !self.devices.read().is_empty()
    }

    /// Enables a device: it must take a test entry first. `entry.uuid` is filled in here.
    ///
    /// # Errors
    /// 400 where the path is in use, the kind unknown, an option wrong, or the test entry not taken; the store's.
    pub async fn enable(&self, mut entry: DeviceEntry) -> Result<()> {
        let _one_at_a_time = self.changing.lock().await;
        let devices = self.devices();
        let overlaps = |other: &str| other.starts_with(&entry.path) || entry.path.starts_with(other);
        if devices.iter().any(|device| overlaps(&device.entry.path)) {
            return Err(Error::invalid("path already in use"));
        }
        entry.uuid = random::uuid(self.random.as_ref()).to_string();
        let secret = random::secret(self.random.as_ref(), SALT_BYTES);
        let device = Enabled::new(&self.kinds, entry.clone(), Salt::new(&secret))?;
        if entry.options.get("skip_test").map(String::as_str) != Some("true") {
            let id = random::uuid(self.random.as_ref()).to_string();
            let line = entry::test_line(&device.prefix, &self.time(), &id);
            let tested = device.device.write(line.into()).await;
            tested.map_err(|error| Error::invalid(format!("audit backend failed test message: {error}")))?;
        }
        let batch = Batch::new().put(salt_path(&entry.uuid), secret);
        self.barrier.commit(batch.put_json(format!("{ENTRIES}{}", entry.uuid), &entry)?).await?;
        let mut all: Vec<_> = devices.iter().cloned().chain([Arc::new(device)]).collect();
        all.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
        *self.devices.write() = Arc::new(all);
        tracing::info!(path = entry.path, kind = entry.kind, "enabled audit backend");
        Ok(())
    }

    /// Disables a device, if it is there.
    ///
    /// # Errors
    /// The store's.
    pub async fn disable(&self, path: &str) -> Result<()> {
        let _one_at_a_time = self.changing.lock().await;
        let devices = self.devices();
        let Some(device) = devices.iter().find(|device| device.entry.path == path) else { return Ok(()) };
        let uuid = &device.entry.uuid;
        let batch = Batch::new().delete(format!("{ENTRIES}{uuid}")).delete(salt_path(uuid));
        self.barrier.commit(batch).await?;
        let rest = devices.iter().filter(|device| device.entry.path != path).cloned().collect();
        *self.devices.write() = Arc::new(rest);
        tracing::info!(path, "disabled audit backend");
        Ok(())
    }

    /// What a device writes in place of `input`.
    ///
    /// # Errors
    /// 400 where there is no such device.
    pub fn hash(&self, path: &str, input: &str) -> Result<String> {
        let devices = self.devices();
        let device = devices.iter().find(|device| device.entry.path == path);
        let device = device.ok_or_else(|| Error::invalid(format!("unknown audit backend {path:?}")))?;
        Ok(device.veil.salt().hash(input))
    }

    /// Which request headers are shown.
    pub fn audited_headers(&self) -> Arc<AuditedHeaders> {
        self.headers.read().clone()
    }

    /// Changes which request headers are shown.
    ///
    /// # Errors
    /// The store's.
    pub async fn change_headers(&self, change: impl FnOnce(&mut AuditedHeaders)) -> Result<()> {
        let _one_at_a_time = self.changing.lock().await;
        let mut headers = self.audited_headers().as_ref().clone();
        change(&mut headers);
        self.barrier.commit(Batch::new().put_json(HEADERS, &headers)?).await?;
        *self.headers.write() = Arc::new(headers);
        Ok(())
    }

    /// Lets every device open anew what it writes to. One that cannot goes on as it was.
    pub async fn reopen(&self) {
        for device in self.devices().iter() {
            if let Err(error) = device.device.reopen().await {
                tracing::error!(%error, device = device.entry.path, "an audit device could not be reopened");
            }
        }
    }

    fn devices(&self) -> Devices {
        self.devices.read().clone()
    }

    /// Hands each device its line, at once; one of them must take it.
    async fn log(&self, lines: Vec<Line>, what: &'static str) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let writes = lines.into_iter().map(|(device, line)| async move {
            let written = device.device.write(Bytes::from(line)).await;
            if let Err(error) = &written {
                tracing::error!(%error, device = device.entry.path, "audit backend failed to log {what}");
            }
            written.is_ok()
        });
        match join_all(writes).await.contains(&true) {
            true => Ok(()),
            false => Err(Error::internal(format!("no audit backend succeeded in logging the {what}"))),
        }
    }

    fn time(&self) -> String {
        self.clock.now().to_string()
    }

    fn seconds_since(&self, started: Duration) -> f64 {
        self.clock.monotonic().saturating_sub(started).as_secs_f64()
    }
}

impl Core {
    /// The same with other kinds of audit devices; see [`builtin`].
    pub fn with_audit_kinds(mut self, kinds: DeviceKinds) -> Self {
        self.audit_kinds = kinds;
        self
    }

    /// Lets audit devices open anew what they write to: their files may have been renamed. Does nothing while
    /// sealed.
    pub async fn reopen_audit(&self) {
        if let Ok(unsealed) = self.unsealed() {
            unsealed.audit.reopen().await;
        }
    }
}

impl Enabled {
    fn new(kinds: &DeviceKinds, entry: DeviceEntry, salt: Salt) -> Result<Self> {
        let options = DeviceOptions::new(entry.options.clone());
        match options.text("format") {
            None | Some("json") => {}
            Some(other) => return Err(Error::invalid(format!("unknown format type {other:?}"))),
        }
        let prefix = options.text("prefix").unwrap_or_default().to_owned();
        if prefix.len() > PREFIX_BYTES_MAX || prefix.chars().any(char::is_control) {
            return Err(Error::invalid(format!(
                "prefix: at most {PREFIX_BYTES_MAX} bytes without control characters"
            )));
        }
        let raw = options.bool("log_raw", false)?;
        let veil = Veil::new(salt, raw, options.bool("hmac_accessor", true)?);
        let elide_lists = options.bool("elide_list_responses", false)?;
        let device = kinds.make(&entry.kind, &options)?;
        Ok(Enabled { entry, device, veil, prefix, elide_lists })
    }

    fn broken(entry: DeviceEntry, salt: Salt, error: &Error) -> Self {
        let device = Arc::new(Broken(DeviceError::new(error)));
        Enabled {
            entry,
            device,
            veil: Veil::new(salt, false, true),
            prefix: String::new(),
            elide_lists: false,
        }
    }
}

/// Stands for a device that could not be made.
struct Broken(DeviceError);

#[async_trait::async_trait]
impl Device for Broken {
    async fn write(&self, _: Bytes) -> std::result::Result<(), DeviceError> {
        Err(self.0.clone())
    }
}

fn salt_path(uuid: &str) -> String {
    format!("audit/{uuid}/salt")
}

const ENTRIES: &str = "core/audit/";
const HEADERS: &str = "sys/audited-headers-config/audited-headers";
const SALT_BYTES: usize = 32;
const PREFIX_BYTES_MAX: usize = 128;
