//! What the configuration says of mediators, done when an agent starts.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trustkeep_wallet::Record;

use super::client::{ASK_WHEN_READY, DEFAULT_WHEN_GRANTED};
use super::{clear_default_mediator, set_default_mediator};
use crate::protocols::connections::{self, InvitationOptions};
use crate::protocols::out_of_band::{self, ReceivedInvitation};
use crate::{Agent, Connection, Error, Result, Work, invitation_url};

/// Where the mediator's invitation is noted: ACA-Py's record.
const INVITATION: (&str, &str) = ("config", "mediation_invite");
/// How often it is begun anew when another instance starts at the same time.
const ATTEMPTS_MAX: u32 = 100;

/// The mediator's invitation, and whether it was taken.
#[derive(Serialize, Deserialize)]
struct Noted {
    invite: String,
    used: bool,
}

/// Clears or sets the default mediator, and takes a mediator's invitation that was not taken yet, as the settings say. Of
/// several instances that start, one does it.
///
/// # Errors
/// [`Error::BadRequest`] for an invitation that is none, [`Error::NotFound`] for a mediator that is not known.
pub async fn begin(agent: &Agent) -> Result<()> {
    let mut attempts = 1;
    loop {
        let mut work = Work::new(agent);
        configure(&mut work).await?;
        match work.commit().await {
            Err(Error::Wallet(error)) if error.is_conflict() && attempts < ATTEMPTS_MAX => attempts += 1,
            outcome => return outcome,
        }
    }
}

/// Notes the mediator's invitation of the settings, to be taken at the next start.
///
/// # Errors
/// [`Error::BadRequest`] if it is none.
pub async fn note_invitation(agent: &Agent) -> Result<()> {
    let Some(invite) = agent.settings().mediator_invitation.clone() else { return Ok(()) };
    invitation_url::from_url(&invite)?;
    let mut work = Work::new(agent);
    if noted(&mut work).await?.is_none_or(|noted| noted.invite != invite) {
        put(&mut work, Noted { invite, used: false });
    }
    work.commit().await
}

async fn noted(work: &mut Work) -> Result<Option<Noted>> {
    let record = work.get(INVITATION.0, INVITATION.1).await?;
    Ok(record.and_then(|record| serde_json::from_slice(&record.value).ok()))
}

fn put(work: &mut Work, noted: Noted) {
    work.put(Record::new(INVITATION.0, INVITATION.1, json!(noted).to_string()));
}

async fn configure(work: &mut Work) -> Result<()> {
    let settings = work.settings().clone();
    if settings.clear_default_mediator {
        clear_default_mediator(work).await?;
    }
    if let Some(id) = &settings.default_mediator_id {
        set_default_mediator(work, id).await?;
    }
    let invite = match (settings.mediator_invitation, noted(work).await?) {
        (Some(given), Some(noted)) if noted.used && noted.invite == given => return Ok(()),
        (None, Some(noted)) if noted.used => return Ok(()),
        (Some(given), _) => given,
        (None, Some(noted)) => noted.invite,
        (None, None) => return Ok(()),
    };
    clear_default_mediator(work).await?;
    let connection = take(work, &invite).await?;
    for note in [ASK_WHEN_READY, DEFAULT_WHEN_GRANTED] {
        connection.set_metadata(work, note, &Value::Bool(true)).await?;
    }
    put(work, Noted { invite, used: true });
    Ok(())
}

/// Takes an invitation of either protocol, and answers it at once.
async fn take(work: &mut Work, invite: &str) -> Result<Connection> {
    let invitation = invitation_url::from_url(invite)?;
    let kind = invitation.get("@type").and_then(Value::as_str).unwrap_or_default();
    if kind.contains("connections/1.") {
        let said = InvitationOptions { auto_accept: Some(true), ..InvitationOptions::default() };
        return connections::receive_invitation(work, &invitation, said).await;
    }
    let asked =
        ReceivedInvitation { auto_accept: Some(true), always_new: true, ..ReceivedInvitation::default() };
    let (_, connection) = out_of_band::receive_invitation(work, &invitation, asked).await?;
    connection.ok_or_else(|| Error::BadRequest("the mediator's invitation offers no handshake".to_owned()))
}
