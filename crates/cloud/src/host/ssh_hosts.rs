//! [`Hosts`] by SSH.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::container::{self, FORM_LABEL, GROUP_LABEL, Listed, NODE_LABEL};
use super::engine::{CALL_WITHIN, Engine, escaped};
use super::image::{ImageStore, check_name, full_name};
use super::key::ControllerKey;
use super::refusal;
use super::session::{CONNECT_WITHIN, Session};
use super::sessions::{Lease, Sessions};
use super::{BaseContainer, Hosts, Inspection, Login, aftermath, delivery, script};
use crate::fault::{Fault, Kind, Result};

/// The port of the sshd in a base container.
const NODE_PORT: u16 = 22;
/// How long a base container may take to end by itself before it is killed, and the call that waits for it.
const STOP_SECONDS: u32 = 10;
const STOP_WITHIN: Duration = Duration::from_secs(40);
/// Starting and removing: on a machine that is busy with others' images.
pub(super) const CHANGE_WITHIN: Duration = Duration::from_secs(120);
/// Writing a container's file system as an image.
const COMMIT_WITHIN: Duration = Duration::from_secs(30 * 60);

/// Machines that are reached by SSH with the controller's key, their Docker through it.
///
/// A machine's session is shared by all that is done there at once and closed when it was idle for some seconds. Whatever a
/// machine does or does not answer, every method ends: connections within 5 s, logins within 10 s, calls within minutes,
/// and images as long as their bytes move.
pub struct SshHosts {
    sessions: Arc<Sessions>,
    images: ImageStore,
}

impl SshHosts {
    /// Machines that accept this key. Images that they lack are looked for in the store first. Belongs into a Tokio runtime.
    pub fn new(key: ControllerKey, images: ImageStore) -> Self {
        Self { sessions: Sessions::new(key), images }
    }

    /// The line for `authorized_keys` on the machines.
    pub fn public_line(&self) -> &str {
        self.sessions.key().public_line()
    }

    /// The store of images.
    pub fn images(&self) -> &ImageStore {
        &self.images
    }

    /// A session with a machine that is known. Secrets may go through it, so that an unknown one is refused.
    async fn session(&self, login: &Login) -> Result<Lease> {
        if login.host_key.is_none() {
            return Err(Fault::new(
                Kind::Invalid,
                "the server's host key is not known yet; it has to be reached first",
            ));
        }
        self.sessions.with(login).await
    }

    async fn make(&self, session: &Session, engine: &mut Engine, wanted: &BaseContainer) -> Result<()> {
        delivery::ensure(session, engine, &self.images, &wanted.image).await?;
        let id = container::create(engine, wanted).await?;
        if let Err(fault) = start(engine, &id).await {
            // It never ran: what cannot start is not left in the way of the next attempt.
            if !fault.is_temporary() {
                remove(engine, &id).await?;
            }
            return Err(fault);
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Hosts for SshHosts {
    async fn reach(&self, login: &Login) -> Result<String> {
        let session = self.sessions.with(login).await.map_err(|fault| at(login, fault))?;
        let host_key = session.host_key().to_owned();
        session.keep();
        Ok(host_key)
    }

    async fn ensure_running(&self, login: &Login, wanted: &BaseContainer) -> Result<Inspection> {
        let running = async {
            let session = self.session(login).await?;
            let mut engine = Engine::open(&session).await?;
            let listed = container::list(&mut engine).await?;
            if let Some(other) = listed.iter().find(|one| !one.is_of(&wanted.node_id)) {
                return Err(other.conflict());
            }
            match listed.first() {
                None => self.make(&session, &mut engine, wanted).await?,
                Some(own) if own.is_as(wanted) => resume(&mut engine, own).await?,
                Some(own) => {
                    // Nothing is removed before what it is made of is there.
                    delivery::ensure(&session, &mut engine, &self.images, &wanted.image).await?;
                    stop(&mut engine, &own.id).await?;
                    remove(&mut engine, &own.id).await?;
                    self.make(&session, &mut engine, wanted).await?;
                }
            }
            let own = container::find_existing(&mut engine, &wanted.node_id).await?;
            container::inspect(&mut engine, &own.id).await?.ok_or_else(vanished)
        };
        running.await.map_err(|fault| at(login, fault))
    }

    async fn inspect(&self, login: &Login, node_id: &str) -> Result<Option<Inspection>> {
        let inspecting = async {
            let session = self.session(login).await?;
            let mut engine = Engine::open(&session).await?;
            match container::find(&mut engine, node_id).await? {
                Some(own) => container::inspect(&mut engine, &own.id).await,
                None => Ok(None),
            }
        };
        inspecting.await.map_err(|fault| at(login, fault))
    }

    async fn stop(&self, login: &Login, node_id: &str) -> Result<()> {
        let stopping = async {
            let session = self.session(login).await?;
            let mut engine = Engine::open(&session).await?;
            match container::find(&mut engine, node_id).await? {
                Some(own) => stop(&mut engine, &own.id).await,
                None => Ok(()),
            }
        };
        stopping.await.map_err(|fault| at(login, fault))
    }

    async fn remove(&self, login: &Login, node_id: &str) -> Result<()> {
        let removing = async {
            let session = self.session(login).await?;
            let mut engine = Engine::open(&session).await?;
            if let Some(own) = container::find(&mut engine, node_id).await? {
                stop(&mut engine, &own.id).await?;
                aftermath::clean(&mut engine, &own.id).await?;
                remove(&mut engine, &own.id).await?;
            }
            Ok(())
        };
        removing.await.map_err(|fault| at(login, fault))
    }

    async fn run_init(&self, login: &Login, node_id: &str, script: &str) -> Result<()> {
        let running = async {
            let session = self.session(login).await?;
            let mut engine = Engine::open(&session).await?;
            let own = container::find_existing(&mut engine, node_id).await?;
            script::run(&session, &own.id, script).await
        };
        running.await.map_err(|fault| at(login, fault))
    }

    async fn answers(&self, login: &Login) -> Result<()> {
        greeting(login.address, NODE_PORT).await.map_err(|fault| at(login, fault))
    }

    async fn backup(&self, login: &Login, node_id: &str, image: &str) -> Result<()> {
        let saving = async {
            check_name(image)?;
            let session = self.session(login).await?;
            let mut engine = Engine::open(&session).await?;
            let own = container::find_existing(&mut engine, node_id).await?;
            commit(&mut engine, &own.id, image).await?;
            let fetched = delivery::fetch(&session, &self.images, image).await;
            // The machine is left as it was, whether the image came or not.
            let path = format!("/images/{}", escaped(image));
            let removed = Engine::open(&session).await?.tell(Method::DELETE, &path, CHANGE_WITHIN).await;
            fetched?;
            removed.or_else(|fault| if refusal::is_missing(&fault) { Ok(()) } else { Err(fault) })
        };
        saving.await.map_err(|fault| at(login, fault))
    }
}

impl fmt::Debug for SshHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshHosts").field("key", self.sessions.key()).field("images", &self.images).finish()
    }
}

/// Brings a container that is there to running, whatever it was doing.
async fn resume(engine: &mut Engine, own: &Listed) -> Result<()> {
    match own.state.as_str() {
        "running" => Ok(()),
        "paused" => {
            engine.tell(Method::POST, &format!("/containers/{}/unpause", escaped(&own.id)), CALL_WITHIN).await
        }
        "removing" => {
            Err(Fault::new(Kind::Unavailable, "Docker is still removing the node's former base container"))
        }
        _ => start(engine, &own.id).await,
    }
}

pub(super) async fn start(engine: &mut Engine, id: &str) -> Result<()> {
    engine.tell(Method::POST, &format!("/containers/{}/start", escaped(id)), CHANGE_WITHIN).await
}

async fn stop(engine: &mut Engine, id: &str) -> Result<()> {
    let path = format!("/containers/{}/stop?t={STOP_SECONDS}", escaped(id));
    gone_is_done(engine.tell(Method::POST, &path, STOP_WITHIN).await)
}

/// Removes a container and its volumes without a name; waits if somebody else is removing it.
pub(super) async fn remove(engine: &mut Engine, id: &str) -> Result<()> {
    let path = format!("/containers/{}?v=true&force=true", escaped(id));
    match gone_is_done(engine.tell(Method::DELETE, &path, CHANGE_WITHIN).await) {
        Err(fault) if fault.kind == Kind::Conflict => {
            let path = format!("/containers/{}/wait?condition=removed", escaped(id));
            gone_is_done(engine.tell(Method::POST, &path, CHANGE_WITHIN).await)
        }
        outcome => outcome,
    }
}

fn gone_is_done(outcome: Result<()>) -> Result<()> {
    outcome.or_else(|fault| if refusal::is_missing(&fault) { Ok(()) } else { Err(fault) })
}

/// Makes an image of a container. What the container was given, secrets perhaps, and whose it was are not part of it.
async fn commit(engine: &mut Engine, id: &str, image: &str) -> Result<()> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Configured {
        image: String,
        config: Config,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Config {
        #[serde(default)]
        env: Option<Vec<String>>,
    }

    let container: Configured =
        engine.call(Method::GET, &format!("/containers/{}/json", escaped(id)), None, CALL_WITHIN).await?;
    let base: Option<Value> = engine.find(&format!("/images/{}/json", escaped(&container.image))).await?;
    let of_image: Vec<&str> = base
        .as_ref()
        .and_then(|base| base.pointer("/Config/Env")?.as_array())
        .map(|env| env.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    // Docker adds the container's variables to those given here, except where the name is the same.
    let env: Vec<String> = container
        .config
        .env
        .unwrap_or_default()
        .into_iter()
        .filter(|variable| !of_image.contains(&variable.as_str()))
        .filter_map(|variable| Some(format!("{}=", variable.split_once('=')?.0)))
        .collect();
    let config =
        json!({ "Env": env, "Labels": { NODE_LABEL: "", GROUP_LABEL: "", FORM_LABEL: "" } }).to_string();
    let name = full_name(image);
    let (repository, tag) = name.rsplit_once(':').unwrap_or((&name, "latest"));
    let path = format!(
        "/commit?container={}&repo={}&tag={}&pause=true",
        escaped(id),
        escaped(repository),
        escaped(tag)
    );
    let _: Value = engine.call(Method::POST, &path, Some(Bytes::from(config)), COMMIT_WITHIN).await?;
    Ok(())
}

/// Whether an SSH server greets there.
async fn greeting(address: IpAddr, port: u16) -> Result<()> {
    let silent =
        |what: String| Fault::new(Kind::Unavailable, format!("the node's sshd on port {port}: {what}"));
    let greeting = async {
        let mut stream =
            TcpStream::connect((address, port)).await.map_err(|error| silent(error.to_string()))?;
        let mut start = [0; 4];
        stream.read_exact(&mut start).await.map_err(|error| silent(error.to_string()))?;
        if &start == b"SSH-" { Ok(()) } else { Err(silent("something else answers there".into())) }
    };
    match timeout(CONNECT_WITHIN, greeting).await {
        Ok(outcome) => outcome,
        Err(_) => Err(silent(format!("no greeting within {CONNECT_WITHIN:?}"))),
    }
}

fn vanished() -> Fault {
    Fault::new(Kind::Unavailable, "the base container was removed while it was started")
}

fn at(login: &Login, fault: Fault) -> Fault {
    fault.during(login.address)
}
