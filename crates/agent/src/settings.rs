//! What an agent is told at its start.

use std::sync::Arc;
use std::time::Duration;

use trustkeep_crypto::SecretString;

/// How an agent behaves. The names are those of ACA-Py's options.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `--label`: what it calls itself in invitations and requests.
    pub label: Option<String>,
    /// `--endpoint`: where it can be reached, the default first.
    pub endpoints: Vec<String>,
    /// `--image-url`: a picture of it, for invitations.
    pub image_url: Option<String>,
    /// `--auto-accept-invites`: requests are sent when an invitation is received.
    pub auto_accept_invites: bool,
    /// `--auto-accept-requests`: requests are answered when they come.
    pub auto_accept_requests: bool,
    /// `--auto-ping-connection`: a ping follows the response, so that the other side knows it came.
    pub auto_ping_connection: bool,
    /// `--auto-respond-messages`: basic messages are answered.
    pub auto_respond_messages: bool,
    /// `--auto-disclose-features`: what it can do is told on every new connection.
    pub auto_disclose_features: bool,
    /// `--public-invites`: invitations by its public DID are allowed.
    pub public_invites: bool,
    /// `--requests-through-public-did`: whoever knows the public DID may ask for a connection without an invitation.
    pub requests_through_public_did: bool,
    /// `--disclose-features-list`, `protocols`: all that is told of what it can do; everything if it is empty.
    pub disclose_protocols: Vec<String>,
    /// `--disclose-features-list`, `goal-codes`: the same of goal codes.
    pub disclose_goal_codes: Vec<String>,
    /// `--monitor-ping`: pings are told to the controller.
    pub monitor_ping: bool,
    /// `--monitor-forward`: forwarded messages are told to the controller.
    pub monitor_forward: bool,
    /// `--open-mediation`: requests for mediation are granted.
    pub open_mediation: bool,
    /// `--mediator-invitation`: the invitation of a mediator that is to be the default one, as a URL.
    pub mediator_invitation: Option<String>,
    /// `--default-mediator-id`: the agreement with the mediator that is to be the default one.
    pub default_mediator_id: Option<String>,
    /// `--clear-default-mediator`: no mediator is the default one any more.
    pub clear_default_mediator: bool,
    /// Whether message types begin with `did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/`, as ACA-Py's did by default up to 0.10.
    pub old_prefix: bool,
    /// Whether envelopes are sent as `application/ssi-agent-wire`, as ACA-Py did by default up to 0.10.
    pub old_mime_type: bool,
    /// How messages and events get in and out.
    pub transport: TransportSettings,
}

/// How messages and events get in and out.
#[derive(Clone, Debug)]
pub struct TransportSettings {
    /// `--max-message-size`: what may come in at once, in bytes.
    pub message_bytes_max: usize,
    /// `--ws-heartbeat-interval`: how often a WebSocket is asked whether it is there.
    pub heartbeat: Duration,
    /// `--ws-timeout-interval`: how long nothing at all may come from a WebSocket.
    pub silence_max: Duration,
    /// How long a message or an event is tried to be delivered, from when it was queued.
    pub deliver_for: Duration,
    /// `--webhook-url`: who is told of events.
    pub webhooks: Vec<Webhook>,
}

impl Default for TransportSettings {
    fn default() -> Self {
        Self {
            message_bytes_max: 2 * 1024 * 1024,
            heartbeat: Duration::from_secs(3),
            silence_max: Duration::from_secs(15),
            deliver_for: Duration::from_secs(7 * 24 * 60 * 60),
            webhooks: Vec::new(),
        }
    }
}

/// A controller that is told of events.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its address, without a slash at the end.
    pub url: String,
    /// What it knows us by: the header `x-api-key`.
    pub api_key: Option<Arc<SecretString>>,
}

impl Webhook {
    /// `https://controller.example/hooks#key`: what follows the `#` is the key.
    pub fn parse(text: &str) -> Self {
        let (url, api_key) = text.split_once('#').map_or((text, None), |(url, key)| (url, Some(key)));
        let api_key = api_key.filter(|key| !key.is_empty()).map(|key| Arc::new(SecretString::from(key)));
        Self { url: url.trim_end_matches('/').to_owned(), api_key }
    }
}
