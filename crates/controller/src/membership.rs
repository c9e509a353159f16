//! Who is there: the gossip of nodes, heard through an agent of Serf of our own.
//!
//! Every node's base container runs `serf agent` and joins the controller's (`-join=$VCCCTR_IPADDR`), under the name
//! `<unit group>:<unit>:<node number>`. The controller runs Debian's `serf` as a child (`agent`), speaks its RPC (`rpc`) and hands on
//! what it says of nodes as [`MemberEvent`]s.
//!
//! An event is a hint, not a fact: the gossip of existing images is not encrypted, so whoever reaches UDP port 7947 can speak it. Who
//! gets an event looks at the node by SSH before anything is concluded.
//!
//! Where `serf` is not installed this says so once, and the periodic checks by SSH find the same, later.

mod agent;
mod frame;
mod rpc;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_crypto::{Random, SecretBytes, SecretString};

use agent::{Agent, StartError};
use rpc::{Heard, Member, Rpc};

/// The port of the gossip, on the controller and on nodes, TCP and UDP.
pub const GOSSIP_PORT: u16 = 7947;

/// The port of an agent's RPC, on loopback.
pub const RPC_PORT: u16 = 7373;

/// How many events may wait: the capacity to give to the channel.
pub const EVENTS_MAX: usize = 1024;

/// Something happened to a node, as the other members see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberEvent {
    /// Which node.
    pub node: NodeName,
    /// Where its agent says that it is.
    pub address: IpAddr,
    /// What happened.
    pub kind: MemberEventKind,
}

/// What happened to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemberEventKind {
    /// It came, or came back.
    Joined,
    /// It said goodbye: its base container was stopped in good order.
    Left,
    /// It does not answer any more.
    Failed,
    /// It changed its tags or its address.
    Updated,
    /// The others have forgotten it, a day after it failed or left.
    Reaped,
}

/// The name of a node among the members: `<unit group>:<unit>:<node number>`, the base container's `SERF_NODE_ID`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeName {
    /// The unit group's id.
    pub vcid: String,
    /// The unit's name.
    pub unit: String,
    /// The node's number in its unit.
    pub node_no: u32,
}

impl NodeName {
    /// Reads a member's name; `None`: this is no node of ours.
    pub fn parse(name: &str) -> Option<Self> {
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        let mut parts = name.split(':');
        let (vcid, unit, node_no) = (parts.next()?, parts.next()?, parts.next()?);
        let is_word = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        let is_number = !node_no.is_empty() && node_no.bytes().all(|byte| byte.is_ascii_digit());
        let is_whole = parts.next().is_none() && is_word(vcid) && is_word(unit) && is_number;
        let node_no = node_no.parse().ok().filter(|_| is_whole)?;
        Some(Self { vcid: vcid.to_owned(), unit: unit.to_owned(), node_no })
    }
}

impl std::fmt::Display for NodeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.vcid, self.unit, self.node_no)
    }
}

/// Where the controller's own member stands.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `serf`: a path, or a name that is looked for in `PATH`.
    pub program: PathBuf,
    /// The controller's name among the members; no two members may have the same.
    pub name: String,
    /// Where it gossips: the controller's private address and [`GOSSIP_PORT`].
    pub bind: SocketAddr,
    /// Where nodes reach it, if not there.
    pub advertise: Option<SocketAddr>,
    /// Where its RPC listens: loopback and [`RPC_PORT`]. It asks for a key that only this process knows.
    pub rpc: SocketAddr,
    /// The name under which members find each other by multicast DNS. There must be a network with multicast then.
    pub discover: Option<String>,
    /// Where it notes who was there, so that a controller that comes back finds its nodes by itself.
    pub snapshot: Option<PathBuf>,
}

impl Settings {
    /// As users of the original have it: `portable_vcc` in the cluster `portable_vcc_cluster`. The name is completed by the controller's
    /// id, so that two controllers on one network are two members; on loopback nothing is discovered, since it has no multicast.
    pub fn new(private_ip: IpAddr, vcc_id: &str) -> Self {
        let id: String = vcc_id.chars().take(8).collect();
        Self {
            program: "serf".into(),
            name: format!("portable_vcc-{id}"),
            bind: SocketAddr::new(private_ip, GOSSIP_PORT),
            advertise: None,
            rpc: SocketAddr::from(([127, 0, 0, 1], RPC_PORT)),
            discover: (!private_ip.is_loopback()).then(|| "portable_vcc_cluster".to_owned()),
            snapshot: None,
        }
    }
}

/// Runs the controller's member until the shutdown: starts the agent, starts it again whenever it ends, and hands on what it says of
/// nodes. While the channel is full nothing is read; what is missed meanwhile is found at the next look at all members.
///
/// # Errors
/// Never; the signature is that of a supervised task.
pub async fn run(
    settings: Settings,
    random: Arc<dyn Random>,
    events: mpsc::Sender<MemberEvent>,
    shutdown: Shutdown,
) -> Result<(), Infallible> {
    let mut watcher = Watcher { known: HashMap::new(), events };
    let mut pause = PAUSE_MIN;
    while !shutdown.is_triggered() {
        let began = tokio::time::Instant::now();
        let key = rpc_key(&*random);
        match Agent::start(&settings, &key) {
            Ok(agent) => one_agent(&mut watcher, agent, &settings, &key, &shutdown).await,
            Err(StartError::Missing(program)) => {
                tracing::warn!(
                    program,
                    "not installed: nodes that fail are found by the checks over SSH only; install Debian's serf to hear of them at once"
                );
                shutdown.wait().await;
            }
            Err(error @ StartError::Refused(_)) => {
                tracing::error!(%error, "the agent of serf does not start")
            }
        }
        pause = if began.elapsed() > PAUSE_MAX { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
        tokio::select! {
            () = shutdown.wait() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    Ok(())
}

/// Follows one agent until it ends or the shutdown begins.
async fn one_agent(
    watcher: &mut Watcher,
    mut agent: Agent,
    settings: &Settings,
    key: &SecretString,
    shutdown: &Shutdown,
) {
    let readiness = agent.readiness();
    tokio::select! {
        () = shutdown.wait() => {}
        ended = agent.ended() => tracing::error!(ended, "the agent of serf ended; it is started again"),
        () = follow(watcher, readiness, settings, key) => {}
    }
    agent.stop().await;
}

/// Listens to an agent, and connects again where the connection is lost.
async fn follow(
    watcher: &mut Watcher,
    readiness: impl Future<Output = ()>,
    settings: &Settings,
    key: &SecretString,
) {
    readiness.await;
    loop {
        if let Err(error) = listen(watcher, settings.rpc, key).await {
            tracing::warn!(%error, "the agent of serf is not understood; connecting again");
        }
        if watcher.events.is_closed() {
            return std::future::pending().await;
        }
        tokio::time::sleep(PAUSE_MIN).await;
    }
}

async fn listen(watcher: &mut Watcher, address: SocketAddr, key: &SecretString) -> Result<(), rpc::Error> {
    let mut rpc = Rpc::connect(address, key).await?;
    tracing::info!("listening to the gossip of nodes");
    let mut looks = tokio::time::interval(LOOK_PERIOD);
    loop {
        tokio::select! {
            _ = looks.tick() => rpc.ask_for_members().await?,
            heard = rpc.next() => {
                let delivered = match heard? {
                    Heard::Event(kind, members) => watcher.happened(kind, members).await,
                    Heard::Members(members) => watcher.look(members).await,
                    Heard::Other => Ok(()),
                };
                if delivered.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// What was told of each node last.
struct Watcher {
    known: HashMap<NodeName, (IpAddr, MemberEventKind)>,
    events: mpsc::Sender<MemberEvent>,
}

/// Nobody listens any more.
struct Gone;

impl Watcher {
    /// Hands on an event of some members, if a look has not told it before: what happens between the connection and the first look
    /// is heard of by both.
    async fn happened(&mut self, kind: MemberEventKind, members: Vec<Member>) -> Result<(), Gone> {
        for member in members {
            if kind == MemberEventKind::Updated || !self.is_told(kind, &member) {
                self.tell(kind, member).await?;
            }
        }
        Ok(())
    }

    /// Compares all members with what was told, and tells what was missed: events before the connection stood, and those that
    /// the agent dropped because we did not read.
    async fn look(&mut self, members: Vec<Member>) -> Result<(), Gone> {
        for member in members {
            let Some(kind) = member.standing() else { continue };
            if !self.is_told(kind, &member) {
                self.tell(kind, member).await?;
            }
        }
        Ok(())
    }

    /// Whether this is what was told of the member last.
    fn is_told(&self, kind: MemberEventKind, member: &Member) -> bool {
        let told = NodeName::parse(&member.name).and_then(|node| self.known.get(&node));
        told.is_some_and(|(address, told)| {
            let told = if *told == MemberEventKind::Updated { MemberEventKind::Joined } else { *told };
            (Some(*address), told) == (member.address, kind)
        })
    }

    async fn tell(&mut self, kind: MemberEventKind, member: Member) -> Result<(), Gone> {
        let (Some(node), Some(address)) = (NodeName::parse(&member.name), member.address) else {
            tracing::debug!(member = loggable(&member.name), "a member that is no node of a unit: ignored");
            return Ok(());
        };
        if kind == MemberEventKind::Reaped {
            self.known.remove(&node);
        } else if self.known.len() < MEMBERS_MAX || self.known.contains_key(&node) {
            self.known.insert(node.clone(), (address, kind));
        }
        self.events.send(MemberEvent { node, address, kind }).await.map_err(|_| Gone)
    }
}

/// A name that somebody on the network chose, as a log may show it.
fn loggable(name: &str) -> String {
    name.chars().take(NAME_BYTES_MAX).flat_map(char::escape_debug).collect()
}

/// A key for the RPC of one agent: 120 bits. Longer, and its text would need a form of MessagePack that old versions do not read.
fn rpc_key(random: &dyn Random) -> SecretString {
    SecretBytes::random(random, 15).to_hex()
}

/// How long to wait before an agent is started again, doubled each time it ends soon.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How often all members are looked at.
const LOOK_PERIOD: Duration = Duration::from_secs(30);

/// Nodes whose standing is remembered. Beyond it events are handed on all the same, and looks tell more than once.
const MEMBERS_MAX: usize = 20_000;

/// A unit group's id, a unit's name and a number.
const NAME_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests;
