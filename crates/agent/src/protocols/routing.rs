//! `routing/1.0` (RFC 0094): envelopes for clients whose mediator we are.
//!
//! An envelope is put on the queue of its client's connection in the same manner as a message of ours, so that it is as
//! safe, and finds him at his endpoint, on a session with any instance, or when he comes back.

use std::time::Duration;

use serde_json::json;
use trustkeep_didcomm::{Destination, Forward, Message, MessageType, Verkey};

use super::mediation::{MediationRole, RoutedKey};
use crate::transport::held_for;
use crate::{Agent, Connection, Error, Result, Work, peer};

/// How often a key is looked for that is not known: a client may use it before his update is here.
const LOOKS_MAX: u32 = 10;
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Records that are held for a client who is away, each of one envelope or a few.
pub(crate) const HELD_MAX: u64 = 10_000;
/// How often a unit is done anew whose records others change meanwhile.
const ATTEMPTS_MAX: u32 = 100;

/// What became of an envelope.
#[derive(Debug)]
pub(crate) enum Passed {
    /// It is on its way, or for nobody here: then it is dropped, as ACA-Py drops it.
    On,
    /// It is for us.
    Ours(Vec<u8>),
}

/// Whether a message asks for an envelope to be passed on.
pub(crate) fn is_forward(kind: &MessageType) -> bool {
    kind.is("routing", 1, "forward")
}

/// Passes an envelope on to the client who named the key that it is for.
///
/// # Errors
/// [`Error::Didcomm`] for a message that cannot be read; [`Error::Full`] if too much waits for the client already.
pub(crate) async fn pass_on(agent: &Agent, message: Message) -> Result<Passed> {
    let forward = Forward::from_message(message)?;
    let key = match &forward.to {
        Destination::Key(key) => *key,
        Destination::Reference(reference) => match key_of(agent, reference).await? {
            Some(key) => key,
            None => return Ok(dropped(reference)),
        },
    };
    for look in 0..=LOOKS_MAX {
        if send_on(agent, &key, &forward.envelope).await? {
            return Ok(Passed::On);
        }
        if look == 0 && agent.keypair(&key).await?.is_some() {
            return Ok(Passed::Ours(forward.envelope));
        }
        // Nobody tells of keys, least of all another instance: they are looked for.
        if look < LOOKS_MAX {
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    }
    Ok(dropped(&key.to_string()))
}

/// The key that a DID stands for, or a reference into its document.
async fn key_of(agent: &Agent, reference: &str) -> Result<Option<Verkey>> {
    let mut work = Work::new(agent);
    let did = reference.split('#').next().unwrap_or_default();
    // Documents that are kept, and those in the DID itself: nothing is fetched for a stranger.
    if did.starts_with("did:web:") {
        return Ok(None);
    }
    let document = match peer::document(&mut work, did).await {
        Ok(document) => document,
        Err(error) if error.is_theirs() => return Ok(None),
        Err(error) => return Err(error),
    };
    let named = document.method(reference).and_then(trustkeep_didcomm::document::Method::verkey);
    Ok(named.or_else(|| document.verkeys().first().copied()))
}

/// Puts an envelope on its client's queue. False if the key is nobody's.
async fn send_on(agent: &Agent, key: &Verkey, envelope: &[u8]) -> Result<bool> {
    let mut attempts = 1;
    loop {
        let mut work = Work::new(agent);
        let Some(connection) = client_of(&mut work, key).await? else { return Ok(false) };
        let target = peer::target(&mut work, &connection).await?;
        let client = target.recipient_keys.first().map(ToString::to_string).unwrap_or_default();
        if held_for(agent.wallet(), &client).await? >= HELD_MAX {
            metrics::counter!("agent_forwards_refused_total").increment(1);
            return Err(Error::Full(format!(
                "too much waits for the client of connection {}",
                connection.id
            )));
        }
        work.pass_on(&connection.id, &target, envelope.to_vec())?;
        if work.settings().monitor_forward {
            let status = if target.has_way() { "queued_for_delivery" } else { "waiting_for_pickup" };
            let told = json!({
                "connection_id": connection.id,
                "status": status,
                "recipient_key": key.to_string(),
            });
            work.tell(&connection.id, "forward", &told);
        }
        match work.commit().await {
            Ok(()) => {
                metrics::counter!("agent_forwards_total").increment(1);
                return Ok(true);
            }
            Err(Error::Wallet(error)) if error.is_conflict() && attempts < ATTEMPTS_MAX => attempts += 1,
            Err(error) => return Err(error),
        }
    }
}

/// The connection with the client who named a key. Where ACA-Py let several name it, the last whose connection is there.
async fn client_of(work: &mut Work, key: &Verkey) -> Result<Option<Connection>> {
    for route in RoutedKey::of_key(work, key).await?.into_iter().rev() {
        let Some(id) = route.connection_id.filter(|_| route.role == MediationRole::Server) else { continue };
        match Connection::get(work, &id).await {
            Err(Error::NotFound(_)) => {}
            found => return found.map(Some),
        }
    }
    Ok(None)
}

fn dropped(key: &str) -> Passed {
    tracing::info!(key, "an envelope to be forwarded is for nobody here");
    metrics::counter!("agent_forwards_dropped_total").increment(1);
    Passed::On
}
