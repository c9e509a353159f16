//! What the admin API is told at the agent's start.

use std::sync::Arc;

use serde_json::{Map, Value};
use trustkeep_crypto::SecretString;

use super::Generation;

/// How the admin API behaves. The names are those of ACA-Py's options.
#[derive(Clone)]
pub struct AdminSettings {
    /// `--admin-api-key`: the key that every request has to say; none is `--admin-insecure-mode`.
    pub api_key: Option<Arc<SecretString>>,
    /// `--admin-client-max-request-size`: bytes of a body.
    pub request_bytes_max: usize,
    /// `--invite-base-url`: what invitation URLs begin with; the endpoint otherwise.
    pub invite_base_url: Option<String>,
    /// `--no-receive-invites`: whether invitations are refused.
    pub no_receive_invites: bool,
    /// `--help-link`: where an interface for people finds help.
    pub help_link: Option<String>,
    /// `--wallet-allow-insecure-seed`: whether the API takes seeds.
    pub allow_insecure_seed: bool,
    /// Whose answers are given where a call does not say.
    pub generation: Generation,
    /// What `GET /status/config` shows: ACA-Py's names of settings, no secrets among them.
    pub config: Map<String, Value>,
}

impl Default for AdminSettings {
    fn default() -> Self {
        Self {
            api_key: None,
            request_bytes_max: 1 << 20,
            invite_base_url: None,
            no_receive_invites: false,
            help_link: None,
            allow_insecure_seed: false,
            generation: Generation::default(),
            config: Map::new(),
        }
    }
}

impl std::fmt::Debug for AdminSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminSettings")
            .field("asks_for_key", &self.api_key.is_some())
            .field("request_bytes_max", &self.request_bytes_max)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
