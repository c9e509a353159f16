//! What is done on a machine by SSH, so that it is a node: the base container, its images, its life and its removal.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use trustkeep_crypto::SecretString;

use crate::fault::Result;

mod aftermath;
mod container;
mod delivery;
mod engine;
mod image;
mod key;
mod pipe;
mod refusal;
mod script;
mod session;
mod sessions;
mod ssh_hosts;

pub use image::{ImageStore, StoredImage};
pub use key::ControllerKey;
pub use ssh_hosts::SshHosts;

/// What can be done on machines that answer to SSH and have Docker. Every method may be repeated. All but [`Self::reach`] and
/// [`Self::answers`] need the host key in the [`Login`], because secrets may go there.
#[async_trait::async_trait]
pub trait Hosts: Send + Sync + fmt::Debug + 'static {
    /// Reaches the machine and gives its host key (`ssh-ed25519 AAAA…`): the one in [`Login::host_key`], or, where that is `None`, the one that it
    /// shows now, which the caller is to remember before anything else is done.
    ///
    /// # Errors
    /// [`crate::Kind::Unavailable`] while nothing answers; `HostKeyChanged`; `Denied` if the key is not accepted.
    async fn reach(&self, login: &Login) -> Result<String>;

    /// Makes sure that the base container of this node runs: checks the machine (Docker, its version, another base container), delivers
    /// the image if it is missing there, makes the container and starts it. Gives the container as it then is.
    ///
    /// # Errors
    /// `Conflict`: a base container of another node is there. `Invalid`: no such image, or an option that Docker refuses.
    /// `Capacity`: no space left. The text is Docker's.
    async fn ensure_running(&self, login: &Login, wanted: &BaseContainer) -> Result<Inspection>;

    /// Looks at the node's base container; `None`: there is none.
    async fn inspect(&self, login: &Login, node_id: &str) -> Result<Option<Inspection>>;

    /// Stops the base container in good order (`docker stop`), if it runs.
    async fn stop(&self, login: &Login, node_id: &str) -> Result<()>;

    /// Removes the node's base container, its volumes without a name, and, if it was killed, what it left in the machine's network. Done if
    /// there is nothing. Images stay, also those that were delivered: the next node on this machine starts without waiting for them.
    async fn remove(&self, login: &Login, node_id: &str) -> Result<()>;

    /// Runs the user's script in the base container and waits for its end. Gives its output where it failed.
    ///
    /// # Errors
    /// `Invalid` with the exit code and the end of its output.
    async fn run_init(&self, login: &Login, node_id: &str, script: &str) -> Result<()>;

    /// Whether the sshd inside the base container greets on port 22.
    async fn answers(&self, login: &Login) -> Result<()>;

    /// Saves the base container as an image in the controller's store of images, under this name.
    async fn backup(&self, login: &Login, node_id: &str, image: &str) -> Result<()>;
}

/// How a machine is reached: always with the controller's own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The machine.
    pub address: IpAddr,
    /// The port of its sshd: 20022 on servers, where 22 belongs to the base container.
    pub port: u16,
    /// A user that may use Docker, or become root without a password (`sudo -n`).
    pub user: String,
    /// The host key that it showed when it was first used.
    pub host_key: Option<String>,
}

/// The base container that a node is.
#[derive(Debug)]
pub struct BaseContainer {
    /// 32 hexadecimal digits; a label of the container.
    pub node_id: String,
    /// The unit group; a label of the container.
    pub vcid: String,
    /// What it is made by, as a digest; a label of the container. One of the node that was made by something else is made anew.
    pub form: String,
    /// The container's name.
    pub name: String,
    /// The image, as the user named it.
    pub image: String,
    /// Environment, in order: the documented variables, then `params_e`. Values may be secrets (`AUTHORIZED_KEYS` is none).
    pub env: Vec<(String, SecretString)>,
    /// `params_v`: binds `host:container[:options]`.
    pub binds: Vec<String>,
    /// Whether the engine restarts it when it ends by itself or the machine boots.
    pub restart: bool,
    /// `--hostname`.
    pub hostname: Option<String>,
    /// `--dns`.
    pub dns: Vec<String>,
    /// `--dns-search`.
    pub dns_search: Vec<String>,
    /// `--dns-opt`.
    pub dns_options: Vec<String>,
    /// `--add-host`, each `name:address`.
    pub extra_hosts: Vec<String>,
    /// `--gpus`: `all`, a count, or `device=…`.
    pub gpus: Option<String>,
}

/// A base container as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// Docker's identifier.
    pub container_id: String,
    /// Whether it runs.
    pub is_running: bool,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// Docker's words, if it ended: its exit code and its error.
    pub ended: Option<String>,
}
