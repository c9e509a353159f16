//! What the controller is put together from: the binary chooses each.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use trustkeep_chassis::clock::SharedClock;
use trustkeep_cloud::{Fault, Hosts, Kind, Login, Order, Place, Provider};
use trustkeep_crypto::{Random, SecretString};

use crate::accounts::Accounts;
use crate::book::{Book, Estate, Page};
use crate::model::{Group, Node, Unit};
use crate::secrets::Secrets;

/// Everything that operations and jobs stand on.
pub struct Parts {
    /// The records.
    pub book: Book,
    /// The users.
    pub accounts: Accounts,
    /// The clouds that nodes can be made on, by their names.
    pub providers: BTreeMap<String, Arc<dyn Provider>>,
    /// What is done on machines.
    pub hosts: Arc<dyn Hosts>,
    /// The vault.
    pub secrets: Arc<dyn Secrets>,
    /// The VPN catalogue, as it stands now.
    pub networks: Arc<dyn Networks>,
    /// The time.
    pub clock: SharedClock,
    /// Where identifiers come from.
    pub random: Arc<dyn Random>,
    /// Who this controller is.
    pub identity: Identity,
    /// The settings that may change while the controller runs.
    pub tuning: Arc<dyn Tuning>,
}

/// The settings that a running controller takes over when its configuration is read again. Each is asked for where it is used.
pub trait Tuning: Send + Sync + 'static {
    /// How long to wait for what.
    fn patience(&self) -> Patience;

    /// The port of sshd on machines: 20022.
    fn host_ssh_port(&self) -> u16;
}

/// The VPN catalogue: it may change while the controller runs.
pub trait Networks: Send + Sync + 'static {
    /// The entry of a provider's network.
    fn network(&self, provider: &str, name: &str) -> Option<BTreeMap<String, String>>;

    /// Everything, as `GET /vpn_catalog` gives it.
    fn document(&self) -> Value;
}

/// Who a controller is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// 32 hexadecimal digits, made at the first start: the owner tag of all that is made.
    pub vcc_id: String,
    /// Its address in the private network.
    pub address: IpAddr,
    /// Where nodes join it: that address, unless they reach it at another.
    pub join_address: IpAddr,
    /// The public half of the key that it logs in to machines with, in OpenSSH's format.
    pub public_key: String,
}

/// How long to wait, and how often to look.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a cloud to make, change or remove a machine.
    pub cloud: Duration,
    /// For a new machine to let the controller in.
    pub boot: Duration,
    /// For a server that should be there.
    pub server: Duration,
    /// For the base container to answer.
    pub container: Duration,
    /// Between two looks at something that is on its way.
    pub pause: Duration,
    /// Between two looks at a node that is as it should be.
    pub check: Duration,
    /// Between two looks at what clouds have that no record knows.
    pub sweep: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            cloud: Duration::from_secs(900),
            boot: Duration::from_secs(900),
            server: Duration::from_secs(30),
            container: Duration::from_secs(120),
            pause: Duration::from_secs(2),
            check: Duration::from_secs(30),
            sweep: Duration::from_secs(600),
        }
    }
}

impl Parts {
    /// How long to wait for what, as it stands now.
    pub fn patience(&self) -> Patience {
        self.tuning.patience()
    }

    /// The provider of a unit.
    ///
    /// # Errors
    /// There is no driver for it in this version.
    pub fn provider(&self, name: &str) -> Result<&Arc<dyn Provider>, Fault> {
        self.providers.get(name).ok_or_else(|| {
            let known: Vec<_> = self.providers.keys().map(String::as_str).collect();
            let text =
                format!("provider {name} has no driver in this version; there are {}", known.join(", "));
            Fault::new(Kind::Unsupported, text)
        })
    }

    /// Where and as whom the machines of a unit are made.
    ///
    /// # Errors
    /// The vault does not answer.
    pub async fn place(&self, unit: &Unit) -> Result<Place, Fault> {
        self.place_at(&unit.custody, &unit.spec.network, &unit.spec.params).await
    }

    /// The same for a unit that is gone.
    ///
    /// # Errors
    /// The vault does not answer.
    pub async fn place_left(&self, estate: &Estate) -> Result<Place, Fault> {
        self.place_at(&estate.custody, &estate.network, &estate.params).await
    }

    async fn place_at(
        &self,
        custody: &str,
        network: &BTreeMap<String, String>,
        params: &Map<String, Value>,
    ) -> Result<Place, Fault> {
        let kept = self.kept(custody).await?;
        let credentials = kept
            .into_iter()
            .filter_map(|(name, secret)| Some((name.strip_prefix(CREDENTIAL)?.to_owned(), secret)));
        Ok(Place {
            network: network.clone(),
            params: params.clone(),
            credentials: credentials.collect(),
            owner: self.identity.vcc_id.clone(),
        })
    }

    /// Whether a provider makes machines, which may be left behind; servers that exist stay anyway.
    pub(crate) fn makes_machines(&self, provider: &str) -> bool {
        self.providers.get(provider).is_some_and(|provider| !provider.capabilities().existing)
    }

    /// The environment that a unit's spec gives its base containers, in order.
    ///
    /// # Errors
    /// The vault does not answer.
    pub async fn env(&self, unit: &Unit) -> Result<Vec<(String, SecretString)>, Fault> {
        let mut kept = self.kept(&unit.custody).await?;
        let names = unit.spec.env.iter().enumerate();
        let env = names.filter_map(|(at, name)| Some((name.clone(), kept.remove(&env_key(at))?)));
        Ok(env.collect())
    }

    /// The order for a node's machine.
    pub fn order(&self, group: &Group, unit: &Unit, node: &Node) -> Order {
        let mut tags = unit.spec.tags.clone();
        let name = instance_name(&self.identity.vcc_id, &group.vcid);
        tags.insert("VCP-vcid".into(), group.vcid.clone());
        tags.insert("VCP-unit".into(), unit.name.clone());
        Order {
            token: node.token(),
            name,
            address: node.address,
            mac: node.mac.clone(),
            public_key: self.identity.public_key.clone(),
            tags,
            volumes: unit.spec.volumes.ids.clone(),
        }
    }

    /// How a node's machine is reached; `None` as long as it has no address.
    pub fn login(&self, page: &Page, unit: &Unit, node: &Node) -> Option<Login> {
        let address = node.address()?;
        let user = unit.spec.params.get("user_name").and_then(Value::as_str);
        let known = page.servers.get(&address).filter(|server| server.node_id.as_deref() == Some(&node.id));
        Some(Login {
            address,
            port: self.tuning.host_ssh_port(),
            user: user.filter(|user| !user.is_empty() && *user != "None").unwrap_or("ubuntu").to_owned(),
            host_key: node.host_key.clone().or_else(|| known.and_then(|server| server.host_key.clone())),
        })
    }

    async fn kept(&self, custody: &str) -> Result<BTreeMap<String, SecretString>, Fault> {
        let kept = self.secrets.kept(custody).await;
        kept.map_err(|error| Fault::new(Kind::Unavailable, format!("the unit's secrets: {error}")))
    }
}

/// The name of a credential in a unit's custody.
pub(crate) fn credential_key(name: &str) -> String {
    format!("{CREDENTIAL}{name}")
}

/// Whether this is the name of a credential.
pub(crate) fn is_credential(name: &str) -> bool {
    name.starts_with(CREDENTIAL)
}

/// The name of a variable of the environment in a unit's custody, by its place: names may come twice.
pub(crate) fn env_key(at: usize) -> String {
    format!("env/{at}")
}

/// As the SDK shows it: alike for all nodes of a unit group.
pub fn instance_name(vcc_id: &str, vcid: &str) -> String {
    let head = |id: &str| id.chars().take(8).collect::<String>();
    format!("VCP-{}-{}", head(vcc_id), head(vcid))
}

const CREDENTIAL: &str = "credential/";
