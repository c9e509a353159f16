//! `discover-features/1.0` and `2.0` (RFC 0031, RFC 0557): what the other agent can do.

mod record;

pub use record::{Discovery, DiscoveryTwo};

use serde_json::{Value, json};
use trustkeep_didcomm::message::Thread;
use trustkeep_didcomm::{Message, MessageType, Prefix, Version};

use crate::{Connection, Error, Received, Result, Stored, Work, peer};

const PROTOCOL: &str = "discover-features";
const ONE: Version = Version::new(1, 0);
const TWO: Version = Version::new(2, 0);
/// Questions of one message that are answered.
const QUERIES_MAX: usize = 64;

/// What is spoken here.
const SPOKEN: [&str; 12] = [
    "basicmessage/1.0",
    "connections/1.0",
    "coordinate-mediation/1.0",
    "didexchange/1.0",
    "didexchange/1.1",
    "discover-features/1.0",
    "discover-features/2.0",
    "notification/1.0",
    "out-of-band/1.0",
    "out-of-band/1.1",
    "routing/1.0",
    "trust_ping/1.0",
];

/// Whether the protocol of a message is spoken here.
pub(super) fn speaks(kind: &MessageType) -> bool {
    SPOKEN.iter().filter_map(|name| name.split_once('/')).any(|(protocol, version)| {
        let major = version.split('.').next().and_then(|major| major.parse().ok());
        protocol == kind.protocol && major == Some(kind.version.major)
    })
}

/// Asks another agent by version 1.0 which protocols it speaks; without a connection gives what is spoken here. The answer
/// is put into the record when it comes.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::BadRequest`] if the connection does not stand.
pub async fn query(
    work: &mut Work,
    query: &str,
    comment: Option<&str>,
    connection_id: Option<&str>,
) -> Result<Discovery> {
    let mut message = work.message(PROTOCOL, ONE, "query");
    message.body.insert("query".to_owned(), query.into());
    message.body.extend(comment.map(|comment| ("comment".to_owned(), comment.into())));
    let known = match connection_id {
        Some(id) => Discovery::by_tag(work, "connection_id", id).await?,
        None => None,
    };
    let mut record = known.unwrap_or_else(|| Discovery::new(work));
    let Some(id) = connection_id else {
        let mut disclose = work.reply(&message, "disclose");
        disclose.body.insert("protocols".to_owned(), one(work, query));
        "query-sent".clone_into(&mut record.state);
        record.query_msg = Some(Value::Object(message.to_object()));
        record.disclose = Some(Value::Object(disclose.to_object()));
        return Ok(record);
    };
    record.disclose = None;
    "query-sent".clone_into(&mut record.state);
    record.connection_id = Some(id.to_owned());
    record.thread_id = Some(record.id.clone());
    ask(work, id, &record.id, &mut message).await?;
    record.query_msg = Some(Value::Object(message.to_object()));
    record.save(work);
    Ok(record)
}

/// The same by version 2.0, of protocols and of goal codes.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::BadRequest`] if the connection does not stand, or nothing is asked.
pub async fn queries(
    work: &mut Work,
    protocol: Option<&str>,
    goal_code: Option<&str>,
    connection_id: Option<&str>,
) -> Result<DiscoveryTwo> {
    let asked = [("protocol", protocol), ("goal-code", goal_code)];
    let asked: Vec<Value> = asked
        .into_iter()
        .filter_map(|(kind, pattern)| Some(json!({"feature-type": kind, "match": pattern?})))
        .collect();
    if asked.is_empty() {
        let words = "At least one protocol or goal-code feature-type query is required.";
        return Err(Error::BadRequest(words.to_owned()));
    }
    let mut message = work.message(PROTOCOL, TWO, "queries");
    let disclosed = two(work, &asked);
    message.body.insert("queries".to_owned(), asked.into());
    let known = match connection_id {
        Some(id) => DiscoveryTwo::by_tag(work, "connection_id", id).await?,
        None => None,
    };
    let mut record = known.unwrap_or_else(|| DiscoveryTwo::new(work));
    let Some(id) = connection_id else {
        let mut disclosures = work.reply(&message, "disclosures");
        disclosures.body.insert("disclosures".to_owned(), disclosed);
        record.queries_msg = Some(Value::Object(message.to_object()));
        record.disclosures = Some(Value::Object(disclosures.to_object()));
        return Ok(record);
    };
    record.disclosures = None;
    record.connection_id = Some(id.to_owned());
    record.thread_id = Some(record.id.clone());
    ask(work, id, &record.id, &mut message).await?;
    record.queries_msg = Some(Value::Object(message.to_object()));
    record.save(work);
    Ok(record)
}

/// Tells the other agent of a new connection what is spoken here, if that is wanted.
///
/// # Errors
/// It cannot be reached.
pub(super) async fn introduce(work: &mut Work, connection: &Connection) -> Result<()> {
    if !work.settings().auto_disclose_features {
        return Ok(());
    }
    let all = ["protocol", "goal-code"].map(|kind| json!({"feature-type": kind, "match": "*"}));
    let mut message = work.message(PROTOCOL, TWO, "disclosures");
    message.body.insert("disclosures".to_owned(), two(work, &all));
    let target = peer::target(work, connection).await?;
    work.send(&connection.id, &target, &message).await
}

pub(super) async fn handle(work: &mut Work, received: &Received) -> Result<()> {
    let Some(connection) = received.connection.as_ref().filter(|connection| connection.is_ready()) else {
        tracing::info!("a question about features without a connection");
        return Ok(());
    };
    let message = &received.message;
    let reply = match (message.kind.version.major, message.kind.name.as_str()) {
        (1, "query") => {
            let asked = message.body.get("query").and_then(Value::as_str).unwrap_or_default();
            let mut reply = work.reply(message, "disclose");
            reply.body.insert("protocols".to_owned(), one(work, asked));
            reply
        }
        (2, "queries") => {
            let asked = message.body.get("queries").and_then(Value::as_array);
            let mut reply = work.reply(message, "disclosures");
            reply.body.insert("disclosures".to_owned(), two(work, asked.map_or(&[], Vec::as_slice)));
            reply
        }
        (1, "disclose") => return disclosed_one(work, message, connection).await,
        (2, "disclosures") => return disclosed_two(work, message, connection).await,
        _ => return super::problem_report::unknown(work, received).await,
    };
    let target = peer::target(work, connection).await?;
    work.send(&connection.id, &target, &reply).await
}

/// Sends a question in the thread of its record.
async fn ask(work: &mut Work, connection_id: &str, thread: &str, message: &mut Message) -> Result<()> {
    let connection = Connection::get(work, connection_id).await?;
    if !connection.is_ready() {
        return Err(Error::BadRequest(format!("Connection {connection_id} not ready")));
    }
    message.thread = Some(Thread { thid: Some(thread.to_owned()), ..Thread::default() });
    let target = peer::target(work, &connection).await?;
    work.send(&connection.id, &target, message).await
}

async fn disclosed_one(work: &mut Work, message: &Message, connection: &Connection) -> Result<()> {
    let asked = work.get(Discovery::CATEGORY, message.thread_id()).await?;
    let asked = asked.as_ref().map(Discovery::read).transpose()?;
    let asked = asked.filter(|asked| asked.connection_id.as_deref() == Some(&connection.id));
    let mut record = match asked {
        Some(asked) => asked,
        None => Discovery::by_tag(work, "connection_id", &connection.id)
            .await?
            .unwrap_or_else(|| Discovery::new(work)),
    };
    record.connection_id = Some(connection.id.clone());
    record.disclose = Some(Value::Object(message.to_object()));
    "disclose-received".clone_into(&mut record.state);
    record.save(work);
    Ok(())
}

async fn disclosed_two(work: &mut Work, message: &Message, connection: &Connection) -> Result<()> {
    let asked = work.get(DiscoveryTwo::CATEGORY, message.thread_id()).await?;
    let asked = asked.as_ref().map(DiscoveryTwo::read).transpose()?;
    let asked = asked.filter(|asked| asked.connection_id.as_deref() == Some(&connection.id));
    let mut record = match asked {
        Some(asked) => asked,
        None => DiscoveryTwo::by_tag(work, "connection_id", &connection.id)
            .await?
            .unwrap_or_else(|| DiscoveryTwo::new(work)),
    };
    record.connection_id = Some(connection.id.clone());
    record.disclosures = Some(Value::Object(message.to_object()));
    record.save(work);
    Ok(())
}

/// The protocols that fit, as version 1.0 tells them.
fn one(work: &Work, pattern: &str) -> Value {
    protocols(work, pattern).map(|pid| json!({"pid": pid})).collect::<Vec<_>>().into()
}

/// The features that fit, as version 2.0 tells them.
fn two(work: &Work, asked: &[Value]) -> Value {
    let mut told = Vec::new();
    for asked in asked.iter().take(QUERIES_MAX) {
        let text = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default();
        // There is no goal code that this agent acts upon.
        if text("feature-type") == "protocol" {
            let fitting = protocols(work, text("match"));
            told.extend(fitting.map(|pid| json!({"feature-type": "protocol", "id": pid})));
        }
    }
    told.into()
}

/// The protocols that fit and may be told: a pattern is a name, or a beginning and `*`.
fn protocols(work: &Work, pattern: &str) -> impl Iterator<Item = String> {
    let allowed = &work.settings().disclose_protocols;
    // Who asks by the old prefix knows no other.
    let is_old = pattern.starts_with(Prefix::Sov.as_str());
    let prefix = if is_old { Prefix::Sov } else { work.agent().prefix() }.as_str();
    SPOKEN.into_iter().map(move |name| format!("{prefix}{name}")).filter(move |pid| {
        let fits = match pattern.split_once('*') {
            Some((start, _)) => pid.starts_with(start),
            None => pid == pattern,
        };
        fits && (allowed.is_empty() || allowed.contains(pid))
    })
}
