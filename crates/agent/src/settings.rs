//! What an agent is told at its start.

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
    /// `--monitor-ping`: pings are told to the controller.
    pub monitor_ping: bool,
    /// `--monitor-forward`: forwarded messages are told to the controller.
    pub monitor_forward: bool,
    /// `--open-mediation`: requests for mediation are granted.
    pub open_mediation: bool,
    /// Whether message types begin with `did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/`, as ACA-Py's did by default up to 0.10.
    pub old_prefix: bool,
    /// Whether envelopes are sent as `application/ssi-agent-wire`, as ACA-Py did by default up to 0.10.
    pub old_mime_type: bool,
}
