//! `coordinate-mediation/1.0` (RFC 0211): another agent takes messages for us, or we for it.

mod record;

pub use record::{Mediation, MediationRole, MediationState, RoutedKey};

use serde_json::{Value, json};
use trustkeep_didcomm::{Verkey, Version};
use trustkeep_wallet::Record;

use crate::{Connection, Result, Stored, Work, peer};

const PROTOCOL: &str = "coordinate-mediation";
const VERSION: Version = Version::new(1, 0);
/// The category and the name of the record that holds the id of the default mediator.
const DEFAULT: &str = "default_mediator";

/// The mediator that is taken where none is named.
///
/// # Errors
/// Those of the wallet.
pub async fn default_mediator(work: &mut Work) -> Result<Option<Mediation>> {
    let Some(record) = work.get(DEFAULT, DEFAULT).await? else { return Ok(None) };
    let id = String::from_utf8_lossy(&record.value).into_owned();
    Mediation::get(work, &id).await.map(Some)
}

/// Lets a mediator be the default.
///
/// # Errors
/// [`crate::Error::NotFound`].
pub async fn set_default_mediator(work: &mut Work, mediation_id: &str) -> Result<Mediation> {
    let mediation = Mediation::get(work, mediation_id).await?;
    work.get(DEFAULT, DEFAULT).await?;
    work.put(Record::new(DEFAULT, DEFAULT, mediation_id));
    Ok(mediation)
}

/// Lets no mediator be the default, and gives the one that was.
///
/// # Errors
/// Those of the wallet.
pub async fn clear_default_mediator(work: &mut Work) -> Result<Option<Mediation>> {
    let mediation = default_mediator(work).await?;
    if let Some(record) = work.get(DEFAULT, DEFAULT).await? {
        work.remove(&record);
    }
    Ok(mediation)
}

/// Tells our mediator which key messages for us come to, and which they no longer come to.
///
/// # Errors
/// The mediator cannot be reached.
pub(crate) async fn announce(
    work: &mut Work,
    mediation: &Mediation,
    add: &Verkey,
    remove: Option<&Verkey>,
) -> Result<()> {
    let known = RoutedKey::by_tag(work, "recipient_key", &add.to_string()).await?;
    let mut updates = Vec::new();
    if known.is_none() {
        updates.push(json!({"recipient_key": mediation.written(add), "action": "add"}));
    }
    updates.extend(remove.map(|key| json!({"recipient_key": mediation.written(key), "action": "remove"})));
    send_updates(work, mediation, updates).await
}

async fn send_updates(work: &mut Work, mediation: &Mediation, updates: Vec<Value>) -> Result<()> {
    if updates.is_empty() {
        return Ok(());
    }
    let connection = Connection::get(work, &mediation.connection_id).await?;
    let mut message = work.message(PROTOCOL, VERSION, "keylist-update");
    message.body.insert("updates".to_owned(), updates.into());
    let target = peer::target(work, &connection).await?;
    work.send(&connection.id, &target, &message).await
}
