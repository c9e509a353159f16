//! The invitation that is made when the agent has started, and printed for whoever started it.

use std::io::Write as _;

use serde_json::{Map, Value};
use trustkeep_agent::protocols::{connections, out_of_band};
use trustkeep_agent::{Agent, Work, invitation_url};

use super::given::Given;

/// What is made.
#[derive(Debug, Default)]
pub(crate) struct Invitation {
    is_out_of_band: bool,
    is_of_connections: bool,
    label: Option<String>,
    is_multi_use: bool,
    is_public: bool,
    metadata: Map<String, Value>,
    base_url: Option<String>,
}

impl Invitation {
    /// What was asked for; none if nothing was.
    ///
    /// # Errors
    /// Metadata that is no JSON object; requests by the public DID where invitations by it are not allowed.
    pub(super) fn read(given: &Given) -> Result<Option<Self>, String> {
        if given.has("requests-through-public-did") && !given.has("public-invites") {
            return Err("--public-invites is required to use --requests-through-public-did".to_owned());
        }
        let metadata = match given.one("invite-metadata-json") {
            None => Map::new(),
            Some(text) => serde_json::from_str(text)
                .map_err(|error| format!("--invite-metadata-json: a JSON object is expected: {error}"))?,
        };
        let asked = Self {
            is_out_of_band: given.has("invite"),
            is_of_connections: given.has("connections-invite"),
            label: given.one("invite-label").map(str::to_owned),
            is_multi_use: given.has("invite-multi-use"),
            is_public: given.has("invite-public"),
            metadata,
            base_url: given.one("invite-base-url").map(str::to_owned),
        };
        Ok((asked.is_out_of_band || asked.is_of_connections).then_some(asked))
    }

    /// Makes it and prints its link.
    ///
    /// # Errors
    /// What is asked for does not go, or the wallet does not take it.
    pub(crate) async fn print(&self, agent: &Agent) -> anyhow::Result<()> {
        if self.is_out_of_band {
            writeln!(std::io::stdout(), "Invitation URL:\n{}", self.out_of_band(agent).await?)?;
        }
        if self.is_of_connections {
            let url = self.of_connections(agent).await?;
            writeln!(std::io::stdout(), "Invitation URL (Connections protocol):\n{url}")?;
        }
        Ok(())
    }

    async fn out_of_band(&self, agent: &Agent) -> anyhow::Result<String> {
        let asked = out_of_band::NewInvitation {
            my_label: self.label.clone(),
            use_public_did: self.is_public,
            multi_use: self.is_multi_use,
            metadata: self.metadata.clone(),
            handshake_protocols: vec!["didexchange/1.0".to_owned()],
            ..out_of_band::NewInvitation::default()
        };
        let mut work = Work::new(agent);
        let made = out_of_band::create_invitation(&mut work, asked).await?;
        work.commit().await?;
        Ok(match &self.base_url {
            Some(base) => invitation_url::to_url(base, "oob", &made.record.invitation),
            None => made.url,
        })
    }

    async fn of_connections(&self, agent: &Agent) -> anyhow::Result<String> {
        let asked = connections::NewInvitation {
            my_label: self.label.clone(),
            multi_use: self.is_multi_use,
            metadata: self.metadata.clone(),
            ..connections::NewInvitation::default()
        };
        let mut work = Work::new(agent);
        let invitation = if self.is_public {
            connections::create_public_invitation(&mut work, asked).await?
        } else {
            connections::create_invitation(&mut work, asked).await?.1
        };
        work.commit().await?;
        let endpoint = invitation.get("serviceEndpoint").and_then(Value::as_str);
        let base = self.base_url.as_deref().or(endpoint);
        let base = base.or_else(|| agent.settings().endpoints.first().map(String::as_str));
        Ok(invitation_url::to_url(base.unwrap_or_default(), "c_i", &invitation))
    }
}
