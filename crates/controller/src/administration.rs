//! What an administrator of the controller's machine asks of the running controller: users, tokens, the catalogue, repairs.
//!
//! `vcc` sends one [`Command`] a request, as JSON, to a socket that only the controller's own system user can open; whoever can is an
//! administrator, so there is no token here. Nothing else writes to the controller's store, whether it runs or not.

mod answer;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trustkeep_crypto::SecretString;

use crate::accounts::{AccountError, Accounts, ApiRole, DEFAULT_USER, User};
use crate::secrets::{Secrets, SecretsError, TokenForm, TokenInfo};

pub use answer::answer;

/// What is asked.
#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Adds a user. Gives a [`User`].
    UserAdd {
        /// Its name.
        user_name: String,
        /// `super` or `regular`.
        user_role: String,
    },
    /// Gives a user another role. Gives a [`User`].
    UserModify {
        /// Its name.
        user_name: String,
        /// `super` or `regular`.
        user_role: String,
    },
    /// Gives a [`User`] that has to be there.
    UserCheck {
        /// Its name.
        user_name: String,
    },
    /// Gives a list of [`User`].
    UserList {},
    /// Removes a user.
    UserDelete {
        /// Its name.
        user_name: String,
        /// Even if it owns unit groups, which stay.
        force: bool,
    },
    /// Makes a token: gives `{"token"}`.
    TokenCreate {
        /// Its user; `nobody` if none is named.
        user_name: Option<String>,
        /// Whether it may change nothing.
        readonly: bool,
        /// How it looks.
        form: TokenForm,
    },
    /// Gives what is known of a token.
    TokenCheck {
        /// The token.
        #[serde(serialize_with = "exposed")]
        token: SecretString,
    },
    /// Gives a list of what is known of each token.
    TokenList {
        /// Only this user's.
        user_name: Option<String>,
    },
    /// Ends a token.
    TokenRevoke {
        /// The token, or its accessor.
        #[serde(serialize_with = "exposed")]
        target: SecretString,
    },
    /// Takes a VPN catalogue over.
    CatalogueSet {
        /// YAML that replaces the file's; nothing: the file is read again.
        text: Option<String>,
    },
    /// Gives `{"text"}`: the VPN catalogue in force, as YAML.
    CatalogueGet {},
    /// Ends what a unit is in the middle of, for this process to begin anew.
    ClearProcessing {
        /// The unit group.
        vcid: String,
        /// The unit's name.
        unit_name: String,
    },
    /// Gives a node as the REST API does.
    NodeStateGet {
        /// The unit group.
        vcid: String,
        /// The unit's name.
        unit_name: String,
        /// The node.
        node_id: String,
    },
    /// Overwrites a node's recorded state.
    NodeStateSet {
        /// The unit group.
        vcid: String,
        /// The unit's name.
        unit_name: String,
        /// The node.
        node_id: String,
        /// `RUNNING`.
        state: String,
    },
    /// Gives `{"publickey"}`: what servers let the controller in by.
    PublicKey {},
    /// Forgets the host key of a server.
    HostKeyForget {
        /// The server.
        address: std::net::IpAddr,
    },
    /// Takes an image of a file on the controller's machine over. Gives `{"names"}`.
    ImageAdd {
        /// An absolute path of an archive that `docker save` wrote.
        path: String,
    },
    /// Gives a list of `{"name", "size"}`.
    ImageList {},
    /// Removes an image from the controller; nodes keep theirs.
    ImageRemove {
        /// Its name: `vcp/base:3.0.0`.
        name: String,
    },
    /// Reads all configuration again.
    Init {},
}

/// What is asked of the rest of the controller.
#[async_trait::async_trait]
pub trait Operations: Send + Sync + std::fmt::Debug + 'static {
    /// The names of the unit groups that a user owns.
    fn owned(&self, user: &str) -> Vec<String>;

    /// Ends what a unit is in the middle of, for this process to begin anew.
    async fn clear_processing(&self, vcid: &str, unit: &str) -> Result<(), AdministrationError>;

    /// A node as the REST API gives it.
    fn node(&self, vcid: &str, unit: &str, node_id: &str) -> Result<Value, AdministrationError>;

    /// Overwrites a node's recorded state, whatever the machine does.
    async fn set_node_state(
        &self,
        vcid: &str,
        unit: &str,
        node_id: &str,
        state: &str,
    ) -> Result<(), AdministrationError>;

    /// The public half of the key that the controller logs in to servers with, in OpenSSH's format.
    fn public_key(&self) -> String;

    /// Forgets the host key of a server that was installed anew. `false`: none was known.
    async fn forget_host_key(&self, address: std::net::IpAddr) -> Result<bool, AdministrationError>;

    /// The VPN catalogue in force, as YAML.
    fn catalogue(&self) -> Result<String, AdministrationError>;

    /// Replaces the VPN catalogue's file by this text, or reads the file again. What is wrong leaves the one in force.
    async fn set_catalogue(&self, text: Option<String>) -> Result<(), AdministrationError>;

    /// Takes an archive of images over; gives their names.
    async fn add_image(&self, path: &std::path::Path) -> Result<Vec<String>, AdministrationError>;

    /// The images that the controller delivers, each with its size in bytes.
    async fn images(&self) -> Result<Vec<(String, u64)>, AdministrationError>;

    /// Removes an image.
    async fn remove_image(&self, name: &str) -> Result<(), AdministrationError>;

    /// Reads all configuration again. What is wrong leaves what is in force.
    async fn reload(&self) -> Result<(), AdministrationError>;
}

/// Why something was not done; nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// It cannot be done as it was asked.
    #[error("{0}")]
    Invalid(String),
    /// It does not exist.
    #[error("{0}")]
    Missing(String),
    /// It failed.
    #[error("{0}")]
    Failed(String),
    /// A user.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A token.
    #[error("{0}")]
    Secrets(#[from] SecretsError),
}

/// The controller, as its administrator sees it.
#[derive(Debug)]
pub struct Administration<S, O> {
    /// The users.
    pub accounts: Accounts,
    /// The tokens.
    pub secrets: S,
    /// The rest.
    pub operations: O,
}

impl<S: Secrets + ?Sized, O: Operations + ?Sized> Administration<std::sync::Arc<S>, std::sync::Arc<O>> {
    /// Does what is asked.
    ///
    /// # Errors
    /// Nothing has changed then.
    pub async fn execute(&self, command: Command) -> Result<Value, AdministrationError> {
        let operations = &self.operations;
        match command {
            Command::UserAdd { user_name, user_role } => {
                let user = self.accounts.add(&user_name, user_role.parse()?).await?;
                tracing::info!(user = user.name, role = user.role.name(), "user added");
                Ok(show_user(&user))
            }
            Command::UserModify { user_name, user_role } => {
                let user = self.accounts.modify(&user_name, user_role.parse()?).await?;
                tracing::info!(user = user.name, role = user.role.name(), "user modified");
                Ok(show_user(&user))
            }
            Command::UserCheck { user_name } => Ok(show_user(&self.accounts.get(&user_name).await?)),
            Command::UserList {} => {
                let users = self.accounts.list().await.map_err(AccountError::from)?;
                Ok(users.iter().map(show_user).collect())
            }
            Command::UserDelete { user_name, force } => {
                let user = self.accounts.get(&user_name).await?;
                let owned = operations.owned(&user.name);
                if !owned.is_empty() && !force {
                    return Err(AccountError::Owner { name: user.name, owned }.into());
                }
                self.accounts.delete(&user.name).await?;
                tracing::info!(user = user.name, owned = owned.len(), "user deleted");
                Ok(Value::Null)
            }
            Command::TokenCreate { user_name, readonly, form } => {
                let role = if readonly { ApiRole::ReadOnly } else { ApiRole::FullAccess };
                self.create_token(user_name.as_deref().unwrap_or(DEFAULT_USER), role, form).await
            }
            Command::TokenCheck { token } => match self.secrets.token(token.expose()).await? {
                Some(token) => self.show_token(&token).await,
                None => Err(AdministrationError::Missing(NO_TOKEN.into())),
            },
            Command::TokenList { user_name } => self.list_tokens(user_name.as_deref()).await,
            Command::TokenRevoke { target } => match self.secrets.revoke_token(target.expose()).await? {
                true => Ok(Value::Null),
                false => Err(AdministrationError::Missing(NO_TOKEN.into())),
            },
            Command::CatalogueSet { text } => done(operations.set_catalogue(text).await),
            Command::CatalogueGet {} => Ok(json!({ "text": operations.catalogue()? })),
            Command::ClearProcessing { vcid, unit_name } => {
                done(operations.clear_processing(&vcid, &unit_name).await)
            }
            Command::NodeStateGet { vcid, unit_name, node_id } => {
                operations.node(&vcid, &unit_name, &node_id)
            }
            Command::NodeStateSet { vcid, unit_name, node_id, state } => {
                operations.set_node_state(&vcid, &unit_name, &node_id, &state).await?;
                tracing::warn!(vcid, unit = unit_name, node_id, state, "an administrator set a node's state");
                Ok(Value::Null)
            }
            Command::PublicKey {} => Ok(json!({ "publickey": operations.public_key() })),
            Command::HostKeyForget { address } => match operations.forget_host_key(address).await? {
                true => {
                    tracing::warn!(%address, "an administrator had a host key forgotten");
                    Ok(Value::Null)
                }
                false => Err(AdministrationError::Missing(format!("no host key of {address} is known"))),
            },
            Command::ImageAdd { path } => {
                let names = operations.add_image(std::path::Path::new(&path)).await?;
                Ok(json!({ "names": names }))
            }
            Command::ImageList {} => {
                let images = operations.images().await?.into_iter();
                Ok(images.map(|(name, size)| json!({ "name": name, "size": size })).collect())
            }
            Command::ImageRemove { name } => done(operations.remove_image(&name).await),
            Command::Init {} => done(operations.reload().await),
        }
    }

    async fn create_token(
        &self,
        user_name: &str,
        role: ApiRole,
        form: TokenForm,
    ) -> Result<Value, AdministrationError> {
        let user = self.accounts.get(user_name).await?;
        let token = self.secrets.create_token(&user.name, role, form).await?;
        tracing::info!(user = user.name, role = role.name(), "token created");
        Ok(json!({ "token": token.expose() }))
    }

    async fn list_tokens(&self, user_name: Option<&str>) -> Result<Value, AdministrationError> {
        match user_name {
            None => {}
            // Tokens outlive their user: one that is gone may be asked for, a name that is none may not.
            Some(name) => match self.accounts.get(name).await {
                Ok(_) | Err(AccountError::Unknown(_)) => {}
                Err(error) => return Err(error.into()),
            },
        }
        let mut tokens = self.secrets.tokens().await?;
        tokens.retain(|token| user_name.is_none_or(|name| name == token.user));
        tokens.sort_by(|a, b| (a.created_at, &a.accessor).cmp(&(b.created_at, &b.accessor)));
        let mut shown = Vec::with_capacity(tokens.len());
        for token in &tokens {
            shown.push(self.show_token(token).await?);
        }
        Ok(shown.into())
    }

    async fn show_token(&self, token: &TokenInfo) -> Result<Value, AdministrationError> {
        let user = self.accounts.find(&token.user).await.map_err(AccountError::from)?;
        Ok(json!({
            "accessor": token.accessor,
            "user_name": token.user,
            // A token whose user is gone is refused.
            "user_role": user.map(|user| user.role.name()),
            "role": token.role.name(),
            "created_at": token.created_at,
            "expires_at": token.expires_at,
        }))
    }
}

fn show_user(user: &User) -> Value {
    json!({ "user_name": user.name, "user_role": user.role.name(), "created_at": user.created_at })
}

fn done(outcome: Result<(), AdministrationError>) -> Result<Value, AdministrationError> {
    outcome.map(|()| Value::Null)
}

fn exposed<S: serde::Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

const NO_TOKEN: &str = "there is no such token: it is unknown, expired or revoked";
