//! Decorators that any message may carry (RFC 0011). Members that are not known here are kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::encoding::Object;
use crate::{Result, Verkey};

/// `~thread` (RFC 0008).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// The thread: the id of the message that began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thid: Option<String>,
    /// The thread from which this one began, for instance the id of an invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pthid: Option<String>,
    /// Which of its sender's messages in the thread it is, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_order: Option<i64>,
    /// The highest `sender_order` seen of each other party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_orders: Option<BTreeMap<String, i64>>,
    /// Every other member.
    #[serde(flatten)]
    pub more: Object,
}

/// `~transport` (RFC 0092).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transport {
    /// `none`, `all` or `thread`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_route: Option<String>,
    /// The thread, with `thread`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_route_thread: Option<String>,
    /// Every other member.
    #[serde(flatten)]
    pub more: Object,
}

impl Transport {
    /// What is asked for; what is not known asks for nothing.
    pub fn mode(&self) -> ReturnRoute {
        match (self.return_route.as_deref(), &self.return_route_thread) {
            (Some("all"), _) => ReturnRoute::All,
            (Some("thread"), Some(thread)) => ReturnRoute::Thread(thread.clone()),
            _ => ReturnRoute::None,
        }
    }
}

/// Which messages may go back over the connection on which one came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReturnRoute {
    /// None.
    None,
    /// All to its sender.
    All,
    /// Those of one thread.
    Thread(String),
}

/// `~please_ack` (RFC 0317).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PleaseAck {
    /// The message to acknowledge, if not this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// `RECEIPT`, `OUTCOME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Vec<String>>,
    /// Every other member.
    #[serde(flatten)]
    pub more: Object,
}

/// `~timing` (RFC 0032). Times are ISO 8601 text, as their sender wrote it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// When the message that is answered came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_time: Option<String>,
    /// When this one went out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_time: Option<String>,
    /// When it is no longer up to date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_time: Option<String>,
    /// When it is no longer valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_time: Option<String>,
    /// Milliseconds to wait before it is processed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_milli: Option<i64>,
    /// The time to wait for before it is processed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_until_time: Option<String>,
    /// Every other member.
    #[serde(flatten)]
    pub more: Object,
}

/// `~l10n` (RFC 0043).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Localisation {
    /// The language of what is in the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The members that may be translated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub localizable: Option<Vec<String>>,
    /// Where translations are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogs: Option<Vec<String>>,
    /// Every other member.
    #[serde(flatten)]
    pub more: Object,
}

/// `~trace` (RFC 0034).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Where reports go: `log`, `message` or a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Whether replies are traced too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_thread: Option<bool>,
    /// Every other member, reports among them.
    #[serde(flatten)]
    pub more: Object,
}

/// `~service` (RFC 0056): how to answer a message that came without a connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceDecorator {
    /// The keys to pack for, in any form.
    #[serde(rename = "recipientKeys", default)]
    pub recipient_keys: Vec<String>,
    /// The keys to wrap for, in any form.
    #[serde(rename = "routingKeys", default, skip_serializing_if = "Option::is_none")]
    pub routing_keys: Option<Vec<String>>,
    /// Where to send to.
    #[serde(rename = "serviceEndpoint", default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Every other member.
    #[serde(flatten)]
    pub more: Object,
}

impl ServiceDecorator {
    /// The verkeys to pack for.
    ///
    /// # Errors
    /// As [`Verkey::from_any_form`].
    pub fn recipients(&self) -> Result<Vec<Verkey>> {
        self.recipient_keys.iter().map(|key| Verkey::from_any_form(key)).collect()
    }

    /// The verkeys to wrap for, in order.
    ///
    /// # Errors
    /// As [`Verkey::from_any_form`].
    pub fn routing(&self) -> Result<Vec<Verkey>> {
        self.routing_keys.iter().flatten().map(|key| Verkey::from_any_form(key)).collect()
    }
}
