//! What went wrong in an exchange: told to the other agent, or told by it.

use serde_json::{Value, json};
use trustkeep_didcomm::message::{ProblemReport, Thread};
use trustkeep_didcomm::{Document, Message, Verkey};

use super::{PROTOCOL, version};
use crate::{Connection, Error, InvitationMode, Received, Result, Role, State, Target, Work, peer};

/// The codes that end an exchange.
const CODES: [&str; 6] = [
    "invitation_not_accepted",
    "request_not_accepted",
    "request_processing_error",
    "response_not_accepted",
    "response_processing_error",
    "complete_not_accepted",
];

/// Ends an exchange on the controller's behalf.
///
/// # Errors
/// [`Error::BadRequest`] in any state but those where an answer is awaited from us.
pub(super) async fn reject(
    work: &mut Work,
    connection: &mut Connection,
    reason: Option<String>,
) -> Result<()> {
    let state = connection.rfc23_state();
    let code = match state {
        "invitation-received" => "invitation_not_accepted",
        "request-received" => "request_not_accepted",
        _ => return Err(Error::BadRequest(format!("Cannot reject connection in state: {state}"))),
    };
    // Whoever has no DID in it yet, or whose DID is not known to them, speaks anonymously.
    let target = peer::anonymous_target(work, connection).await?;
    let sender_key = match (code, &connection.invitation_key) {
        ("request_not_accepted", Some(key)) => Some(key.parse::<Verkey>()?),
        _ => None,
    };
    let words = reason.clone().unwrap_or_else(|| "DID exchange rejected".to_owned());
    let mut message = work.message(PROTOCOL, version(connection), "problem_report");
    message.thread = Some(Thread {
        thid: connection.request_id.clone(),
        pthid: connection.invitation_msg_id.clone(),
        ..Thread::default()
    });
    fill(&mut message, code, &words);
    work.send(&connection.id, &Target { sender_key, ..target }, &message).await?;
    connection.state = State::Abandoned;
    connection.error_msg = reason;
    connection.save(work);
    Ok(())
}

/// Tells the other agent of a connection what was wrong with its message.
///
/// # Errors
/// It cannot be reached.
pub(super) async fn report(
    work: &mut Work,
    connection: &Connection,
    about: &Message,
    code: &str,
    error: &Error,
) -> Result<()> {
    let target = peer::target(work, connection).await?;
    let mut message = work.reply(about, "problem_report");
    fill(&mut message, code, &error.to_string());
    work.send(&connection.id, &target, &message).await
}

/// Tells whoever sent a request that it is refused, if it is clear where he is.
///
/// # Errors
/// Those of the wallet.
pub(super) async fn refuse_request(work: &mut Work, received: &Received, error: &Error) -> Result<()> {
    let message = &received.message;
    let Some(did) = message.body.get("did").and_then(Value::as_str) else { return Ok(()) };
    let attached = message.attachments("did_doc~attach").unwrap_or_default();
    let document = match attached.first() {
        Some(attached) => super::inviter::attached_document(did, attached),
        None => crate::resolve(work, did).await,
    };
    let target = document
        .and_then(|document| Ok(Document::from_value(&document)?))
        .and_then(|document| peer::of_public_document(&document));
    let Ok(target) = target else { return Ok(()) };
    // Nobody is sent anything whose keys the sender does not hold.
    if !received.sender.is_some_and(|sender| target.recipient_keys.contains(&sender)) {
        return Ok(());
    }
    let mut reply = work.reply(message, "problem_report");
    fill(&mut reply, "request_not_accepted", &error.to_string());
    work.send(&message.id, &Target { sender_key: received.recipient, ..target }, &reply).await
}

pub(super) async fn receive(work: &mut Work, received: &Received) -> Result<()> {
    let message = &received.message;
    let report: ProblemReport = message.body_as()?;
    let code = report.code().unwrap_or_default();
    if !CODES.contains(&code) {
        tracing::info!(code, "a problem report of didexchange with another code");
        return Ok(());
    }
    let by_thread = Connection::by_tag(work, "request_id", message.thread_id(), None).await?;
    let found = match by_thread.or_else(|| received.connection.clone()) {
        Some(found) => Some(found),
        None if code == "invitation_not_accepted" => refused_invitation(work, received).await?,
        None => None,
    };
    // One that stands is not undone by a report: anyone may have kept one.
    if let Some(mut connection) = found
        && !matches!(connection.state, State::Active | State::Abandoned)
    {
        connection.state = State::Abandoned;
        connection.error_msg = Some(report.words().unwrap_or(code).to_owned());
        connection.save(work);
    }
    Ok(())
}

/// The connection of an invitation for one, whose invitee wants none.
async fn refused_invitation(work: &mut Work, received: &Received) -> Result<Option<Connection>> {
    let parent = received.message.parent_thread_id().unwrap_or_default();
    let invited = Connection::by_tag(work, "invitation_msg_id", parent, Some(Role::Invitee)).await?;
    let key = received.recipient.map(|key| key.to_string());
    Ok(invited.filter(|invited| {
        invited.invitation_mode == InvitationMode::Once
            && invited.invitation_key == key
            && invited.awaits_request()
    }))
}

/// Both forms: that of RFC 0023 and that of RFC 0035, which ACA-Py reads.
fn fill(message: &mut Message, code: &str, words: &str) {
    message.body.insert("description".to_owned(), json!({"code": code, "en": words}));
    message.body.insert("problem-code".to_owned(), code.into());
    message.body.insert("explain".to_owned(), words.into());
}
