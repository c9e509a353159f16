//! The mediator that is taken where none is named.

use trustkeep_wallet::Record;

use super::Mediation;
use crate::{Error, Result, Stored, Work};

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
/// [`Error::NotFound`].
pub async fn set_default_mediator(work: &mut Work, mediation_id: &str) -> Result<Mediation> {
    let mediation = Mediation::get(work, mediation_id).await?;
    note(work, mediation_id).await?;
    Ok(mediation)
}

/// Lets no mediator be the default, and gives the one that was, if it is still there.
///
/// # Errors
/// Those of the wallet.
pub async fn clear_default_mediator(work: &mut Work) -> Result<Option<Mediation>> {
    let mediation = match default_mediator(work).await {
        Err(Error::NotFound(_)) => None,
        found => found?,
    };
    if let Some(record) = work.get(DEFAULT, DEFAULT).await? {
        work.remove(&record);
    }
    Ok(mediation)
}

pub(super) async fn note(work: &mut Work, mediation_id: &str) -> Result<()> {
    work.get(DEFAULT, DEFAULT).await?;
    work.put(Record::new(DEFAULT, DEFAULT, mediation_id));
    Ok(())
}

/// Lets it be the default no longer, if it is.
pub(super) async fn forget(work: &mut Work, mediation_id: &str) -> Result<()> {
    let record = work.get(DEFAULT, DEFAULT).await?;
    if let Some(record) = record.filter(|record| record.value == mediation_id.as_bytes()) {
        work.remove(&record);
    }
    Ok(())
}
