//! The vault's audit device `ledger`: entries become states of one asset, each bound to those before by its hash.
//!
//! It speaks to the Ledger as any client does, through the generic contract `object.v1_0_0.Put`: the object's id is the
//! device's `asset_id`, its hash value that of the entries, its metadata the entries themselves. Entries that come while
//! others are on their way go together in the next state. Whoever changes one afterwards is found by validating
//! the asset `o_<asset_id>`; with an Auditor in the client's properties, by every later entry too.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use trustkeep_crypto::hash::{Algorithm, Hasher};
use trustkeep_scalar_client::{Call, Client, ClientConfig};
use trustkeep_scalar_rpc::messages::{ContractExecutionRequest, ContractExecutionResponse};
use trustkeep_scalar_rpc::properties::Properties;
use trustkeep_scalar_rpc::{Error, StatusCode};
use trustkeep_vault::core::audit::{Device, DeviceError, DeviceFactory, DeviceOptions};

const CONTRACT_ID: &str = "object.v1_0_0.Put";
const BINARY_NAME: &str = "com.scalar.dl.genericcontracts.object.v1_0_0.Put";
const ASSET_ID: &str = "vault-audit";
/// Entries that wait at most, and their bytes; more fail at once.
const WAITING_MAX: usize = 4096;
const WAITING_BYTES_MAX: u32 = 64 << 20;
/// Bytes of entries in one state: the argument holds them escaped, the state once more, and a DynamoDB item 400 KB.
const STATE_BYTES_MAX: usize = 96 * 1024;
/// How often a state is tried where another writer was faster, or nobody knows what became of it.
const TRIES_MAX: usize = 5;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Makes devices of this kind: `vault audit enable ledger properties_file=/etc/vault.d/ledger-client.properties`.
pub(crate) fn kind() -> DeviceFactory {
    Arc::new(|options| {
        let device = Ledger::open(options)?;
        Ok(Arc::new(device) as Arc<dyn Device>)
    })
}

/// A queue in front of one task, which writes states one after another.
struct Ledger {
    entries: mpsc::Sender<Entry>,
    /// A permit for each byte that may wait.
    room: Arc<Semaphore>,
    timeout: Duration,
}

struct Entry {
    line: Bytes,
    _room: OwnedSemaphorePermit,
    written: oneshot::Sender<Result<(), DeviceError>>,
}

impl Ledger {
    fn open(options: &DeviceOptions) -> trustkeep_vault::Result<Self> {
        let refused = |error: &dyn std::fmt::Display| trustkeep_vault::Error::invalid(error.to_string());
        let file = options.text("properties_file").filter(|file| !file.is_empty());
        let file =
            file.ok_or_else(|| refused(&"properties_file is required: a client.properties of the Ledger"))?;
        let asset_id = options.text("asset_id").unwrap_or(ASSET_ID).to_owned();
        let timeout = options.write_timeout(TIMEOUT)?;
        let properties = Properties::load(Path::new(file), &|name| std::env::var(name).ok());
        let config = properties.and_then(|properties| ClientConfig::from_properties(&properties));
        let client =
            config.and_then(Client::new).map_err(|error| refused(&format!("properties_file: {error}")))?;
        let (entries, queue) = mpsc::channel(WAITING_MAX);
        let writer = Writer { client, asset_id, timeout, is_registered: false, under_way: None };
        tokio::spawn(writer.run(queue));
        Ok(Self { entries, room: Arc::new(Semaphore::new(WAITING_BYTES_MAX as usize)), timeout })
    }
}

#[async_trait::async_trait]
impl Device for Ledger {
    async fn write(&self, line: Bytes) -> Result<(), DeviceError> {
        let (written, answer) = oneshot::channel();
        let full = || DeviceError::new("too many entries wait for the ledger");
        let bytes = u32::try_from(line.len()).unwrap_or(u32::MAX).min(WAITING_BYTES_MAX);
        let room = self.room.clone().try_acquire_many_owned(bytes).map_err(|_| full())?;
        self.entries.try_send(Entry { line, _room: room, written }).map_err(|_| full())?;
        // One state may be on its way already, the next one carries this entry.
        match tokio::time::timeout(self.timeout * 2, answer).await {
            Ok(Ok(written)) => written,
            Ok(Err(_)) => Err(DeviceError::new("the device has ended")),
            Err(_) => Err(DeviceError::new("the ledger did not answer in time")),
        }
    }
}

struct Writer {
    client: Client,
    asset_id: String,
    timeout: Duration,
    is_registered: bool,
    /// A state of which nobody knows yet whether it is written: it comes before every other.
    under_way: Option<UnderWay>,
}

/// A state that was ordered: the Auditor, if there is one, keeps the asset for it.
struct UnderWay {
    request: ContractExecutionRequest,
    /// The Ledger's, which is to be validated.
    answer: Option<ContractExecutionResponse>,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Entry>) {
        let mut waiting = Vec::new();
        while queue.recv_many(&mut waiting, WAITING_MAX).await > 0 {
            let lines: Vec<_> = waiting.iter().map(|entry| entry.line.clone()).collect();
            let written = tokio::time::timeout(self.timeout, self.write(&lines)).await;
            let written =
                written.unwrap_or_else(|_| Err(DeviceError::new("the ledger did not answer in time")));
            for entry in waiting.drain(..) {
                // Whoever asked may be gone.
                let _ = entry.written.send(written.clone());
            }
        }
    }

    async fn write(&mut self, lines: &[Bytes]) -> Result<(), DeviceError> {
        self.register().await.map_err(DeviceError::new)?;
        for state in states(lines)? {
            self.append(&state).await.map_err(DeviceError::new)?;
        }
        Ok(())
    }

    /// The identity is the operator's to register, through the privileged port; the contract is the client's.
    async fn register(&mut self) -> trustkeep_scalar_rpc::Result<()> {
        if !self.is_registered {
            self.client.register_built_in(CONTRACT_ID, BINARY_NAME).await?;
            self.is_registered = true;
        }
        Ok(())
    }

    /// Appends one state. Where nobody knows whether it was taken it goes again, so an entry may stand there twice,
    /// but never not at all.
    async fn append(&mut self, texts: &[&str]) -> trustkeep_scalar_rpc::Result<()> {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        texts.iter().for_each(|text| hasher.update(text.as_bytes()));
        let argument = json!({
            "object_id": self.asset_id,
            "hash_value": hasher.finish().to_hex(),
            "metadata": { "entries": texts },
        });
        let argument = argument.to_string();
        // One that was given up by those who waited for it: it was ordered, and must come to its end.
        match self.conclude().await {
            Err(error) if error.code != StatusCode::Conflict => return Err(error),
            _ => {}
        }
        let mut tries = 1;
        loop {
            match self.put(&argument).await {
                Err(error) if tries < TRIES_MAX && may_be_tried_again(&error) => tries += 1,
                done => return done,
            }
        }
    }

    async fn put(&mut self, argument: &str) -> trustkeep_scalar_rpc::Result<()> {
        if self.under_way.is_none() {
            let call = Call { contract_id: CONTRACT_ID, argument, ..Call::default() };
            let request = self.client.order(self.client.prepare(call)?).await?;
            self.under_way = Some(UnderWay { request, answer: None });
        }
        self.conclude().await
    }

    /// Brings the state that is under way to its end, from the step at which it was interrupted: the same request with
    /// the same nonce, which the Ledger takes once at most.
    ///
    /// # Errors
    /// 501 and 503 if nobody answered: it is still under way. 504 if the Ledger has decided before, one way or the
    /// other: the answer was lost.
    async fn conclude(&mut self) -> trustkeep_scalar_rpc::Result<()> {
        let Some(state) = &mut self.under_way else { return Ok(()) };
        let done = state.conclude(&self.client).await;
        if !done.as_ref().is_err_and(is_open) {
            self.under_way = None;
        }
        done
    }
}

impl UnderWay {
    async fn conclude(&mut self, client: &Client) -> trustkeep_scalar_rpc::Result<()> {
        let answer = match &self.answer {
            Some(answer) => answer,
            None => self.answer.insert(client.execute_at_ledger(self.request.clone()).await?),
        };
        client.conclude(self.request.clone(), answer.clone()).await.map(drop)
    }
}

/// Whether somebody did not answer.
fn is_open(error: &Error) -> bool {
    matches!(error.code, StatusCode::UnknownTransactionStatus | StatusCode::Unavailable)
}

fn may_be_tried_again(error: &Error) -> bool {
    error.code == StatusCode::Conflict || is_open(error)
}

/// Lines as the states that carry them: in order, each state within its bound. A line for which one has no room left
/// goes on in the next: put together, all texts are the log.
fn states(lines: &[Bytes]) -> Result<Vec<Vec<&str>>, DeviceError> {
    let (mut states, mut state, mut bytes) = (Vec::new(), Vec::new(), 0);
    for line in lines {
        let mut rest = std::str::from_utf8(line).map_err(|_| DeviceError::new("the entry is not UTF-8"))?;
        while !rest.is_empty() {
            let room = STATE_BYTES_MAX.saturating_sub(bytes);
            let (text, more) = rest.split_at(rest.floor_char_boundary(room));
            if text.is_empty() {
                states.push(std::mem::take(&mut state));
                bytes = 0;
            } else {
                state.push(text);
                bytes += text.len();
            }
            rest = more;
        }
    }
    if !state.is_empty() {
        states.push(state);
    }
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_in_the_states_and_every_state_within_its_bound() {
        let long = format!("{}\n", "ä".repeat(STATE_BYTES_MAX));
        for lines in [
            vec![],
            vec!["one\n".to_owned()],
            vec!["one\n".to_owned(), "two\n".to_owned()],
            vec!["x".repeat(STATE_BYTES_MAX / 2 + 1); 5],
            vec!["one\n".to_owned(), long.clone(), "two\n".to_owned(), long],
        ] {
            let bytes: Vec<_> = lines.iter().cloned().map(Bytes::from).collect();
            let states = states(&bytes).unwrap_or_default();
            let within = |state: &Vec<&str>| {
                (1..=STATE_BYTES_MAX).contains(&state.iter().map(|text| text.len()).sum())
            };
            assert!(states.iter().all(within));
            assert_eq!(states.concat().concat(), lines.concat());
        }
        assert!(states(&[Bytes::from_static(b"\xff")]).is_err());
    }
}
