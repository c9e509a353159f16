//! What an auth method says of who logged in (`hashicorp/vault: sdk/logical/auth.go`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::TokenParameters;

/// A login that the method accepted, before there is a token.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// A name for logs; the core puts the mount's path before it.
    pub display_name: String,
    /// What is told of the login with the token.
    pub metadata: BTreeMap<String, String>,
    /// Who it is, for the identity store; `None` for logins without an entity.
    pub alias: Option<Alias>,
    /// What the token is to be like.
    pub token: TokenParameters,
    /// What the method needs to renew the token. Stored behind the barrier, never shown.
    pub internal: Map<String, Value>,
}

/// How an auth method knows an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alias {
    /// Its name at the method, for example the user's.
    pub name: String,
    /// What the method says of it.
    pub metadata: BTreeMap<String, String>,
}
