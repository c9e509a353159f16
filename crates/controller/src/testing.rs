//! A world for tests: a cloud and servers that remember what was done to them, and that can end the controller's life at any of
//! their calls.

mod cloud;
mod servers;
mod vault;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use trustkeep_chassis::clock::SystemClock;
use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_cloud::{Disk, Fault, Kind, Machine, OnPremises};
use trustkeep_crypto::random::SystemRandom;
use trustkeep_store::{MemoryStore, SharedStore};

use crate::accounts::{AccountError, Accounts, ApiRole, Caller, UserRole};
use crate::book::Book;
use crate::cci::{DockerOptions, Kind as UnitKind, UnitSpec};
use crate::parts::{Identity, Networks, Parts, Patience, Tuning};
use crate::service::{Asker, Controller};

/// Everything outside the controller, over all its lives.
#[derive(Clone, Debug)]
pub(crate) struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: SharedStore,
    state: Mutex<State>,
    killed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) machines: BTreeMap<String, Machine>,
    pub(crate) disks: BTreeMap<String, Disk>,
    /// The nodes whose base containers are on each server, and whether they run.
    pub(crate) containers: BTreeMap<IpAddr, BTreeMap<String, bool>>,
    /// What each of them was made by.
    pub(crate) made: BTreeMap<String, Made>,
    /// How often each was started.
    pub(crate) starts: BTreeMap<String, i64>,
    /// In which of its nodes, and in which start of it, a user's script ran.
    pub(crate) inits: Vec<(String, i64)>,
    pub(crate) vault: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) cut_off: BTreeSet<IpAddr>,
    pub(crate) keys: BTreeMap<IpAddr, u32>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) patience: Patience,
    pub(crate) calls: usize,
    /// Which provider was asked for all its machines, and with which key.
    pub(crate) sweeps: Vec<(&'static str, Option<String>)>,
    /// Keys that the cloud no longer takes for that.
    pub(crate) refused_keys: BTreeSet<String>,
    /// How many addresses were given away.
    pub(crate) addresses: u8,
    /// The call at which the controller is killed, and whether the call still has its effect.
    pub(crate) end: Option<(usize, bool)>,
}

/// What a base container was made by.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) form: String,
    pub(crate) image: String,
    pub(crate) env: BTreeMap<String, String>,
}

impl World {
    pub(crate) fn new() -> Self {
        let (killed, _) = watch::channel(false);
        Self(Arc::new(Inner { store: Arc::new(MemoryStore::new()), state: Mutex::default(), killed }))
    }

    /// What is there.
    pub(crate) fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.state.lock())
    }

    /// One life of the controller: until `work` ends or the world kills it, whichever comes first. `None`: it was killed.
    pub(crate) fn live<T>(&self, work: impl AsyncFnOnce(Controller) -> T) -> Option<T> {
        self.0.killed.send_replace(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.unwrap();
        runtime.block_on(async {
            let mut killed = self.0.killed.subscribe();
            let life = async {
                let controller = self.controller().await;
                let serving = tokio::spawn(controller.jobs().clone().serve());
                let outcome = work(controller).await;
                serving.abort();
                outcome
            };
            tokio::select! {
                biased;
                _ = killed.wait_for(|killed| *killed) => None,
                outcome = life => Some(outcome),
            }
        })
        // Dropping the runtime drops every task where it stands, as `kill -9` does.
    }

    async fn controller(&self) -> Controller {
        let mut tables = Book::tables().unwrap();
        tables.push(Accounts::table().unwrap());
        self.0.store.create_tables(&tables).await.unwrap();
        let accounts = Accounts::open(self.0.store.clone(), SystemClock::shared()).await.unwrap();
        for user in ["ann", "bob"] {
            match accounts.add(user, UserRole::Regular).await {
                Ok(_) | Err(AccountError::Exists(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let cloud: Arc<dyn trustkeep_cloud::Provider> = Arc::new(cloud::Cloud(self.clone(), "aws"));
        let spot: Arc<dyn trustkeep_cloud::Provider> = Arc::new(cloud::Cloud(self.clone(), "aws_spot"));
        let parts = Parts {
            book: Book::open(self.0.store.clone()).await.unwrap(),
            accounts,
            providers: BTreeMap::from([
                ("aws".to_owned(), cloud),
                ("aws_spot".to_owned(), spot),
                ("onpremises".to_owned(), Arc::new(OnPremises) as _),
            ]),
            hosts: Arc::new(servers::Servers(self.clone())),
            secrets: Arc::new(vault::Vault(self.clone())),
            networks: Arc::new(OneNetwork),
            clock: SystemClock::shared(),
            random: Arc::new(SystemRandom),
            identity: Identity {
                vcc_id: "0123456789abcdef0123456789abcdef".into(),
                address: Ipv4Addr::new(10, 0, 0, 1).into(),
                join_address: Ipv4Addr::new(10, 0, 0, 2).into(),
                public_key: "ssh-ed25519 AAAA".into(),
            },
            tuning: Arc::new(self.clone()),
        };
        Controller::new(parts, Shutdown::new())
    }

    /// Counts a call that has an effect; may end the controller's life before the effect or after it.
    async fn act<T>(&self, effect: impl FnOnce(&mut State) -> Result<T, Fault>) -> Result<T, Fault> {
        let (outcome, is_end) = {
            let mut state = self.0.state.lock();
            state.calls += 1;
            let is_end = state.end.filter(|(at, _)| *at == state.calls);
            let outcome = match (is_end, state.faults.pop()) {
                (Some((_, false)), _) => Err(Fault::new(Kind::Unavailable, "killed")),
                (_, Some(fault)) => Err(fault),
                _ => effect(&mut state),
            };
            (outcome, is_end.is_some())
        };
        if is_end {
            self.0.killed.send_replace(true);
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        outcome
    }

    /// The same for a call that never fails.
    async fn step<T>(&self, effect: impl FnOnce(&mut State) -> T) {
        let is_end = {
            let mut state = self.0.state.lock();
            state.calls += 1;
            let end = state.end.filter(|(at, _)| *at == state.calls);
            if !matches!(end, Some((_, false))) {
                effect(&mut state);
            }
            end.is_some()
        };
        if is_end {
            self.0.killed.send_replace(true);
            std::future::pending::<()>().await;
        }
    }
}

impl Tuning for World {
    fn patience(&self) -> Patience {
        self.state(|state| state.patience)
    }

    fn host_ssh_port(&self) -> u16 {
        20022
    }
}

struct OneNetwork;

impl Networks for OneNetwork {
    fn network(&self, _: &str, name: &str) -> Option<BTreeMap<String, String>> {
        let mask = ("private_network_ipmask".to_owned(), "10.0.0.0/24".to_owned());
        (name == "default").then(|| BTreeMap::from([mask]))
    }

    fn document(&self) -> serde_json::Value {
        serde_json::json!({ "onpremises": { "default": {} } })
    }
}

/// What is counted while `work` runs on this thread, as Prometheus reads it.
pub(crate) fn counted(work: impl FnOnce()) -> String {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, work);
    recorder.handle().render()
}

/// Somebody with every right over what is theirs.
pub(crate) fn asker(user: &str) -> Asker {
    let caller = Caller {
        user: user.to_owned(),
        role: UserRole::Regular,
        api_role: ApiRole::FullAccess,
        accessor: "accessor".into(),
    };
    Asker { caller, privileged: false }
}

/// A unit of nodes; on servers 10.0.0.11 and up.
pub(crate) fn unit(name: &str, provider: &str, count: u32) -> UnitSpec {
    let existing = provider == "onpremises";
    let servers = (11..).map(|last| IpAddr::from(Ipv4Addr::new(10, 0, 0, last)));
    UnitSpec {
        name: name.to_owned(),
        kind: UnitKind::Compute,
        provider: provider.to_owned(),
        private_network: "default".into(),
        count,
        image: "vcp/base".into(),
        recovery_mode: "none".into(),
        docker: DockerOptions::default(),
        binds: Vec::new(),
        env: vec![("CLUSTER".into(), "c1".into())],
        user_init_command: None,
        params: serde_json::Map::new(),
        credentials: BTreeMap::new(),
        addresses: servers.take(if existing { count as usize } else { 0 }).collect(),
        macs: Vec::new(),
        disks: Vec::new(),
        tags: BTreeMap::new(),
        text: String::new(),
    }
}

/// Waits until the book is as it should be.
pub(crate) async fn until(controller: &Controller, is_so: impl Fn(&crate::book::Page) -> bool) {
    let mut turns = controller.parts().book.turns();
    let wait = async {
        while !is_so(&controller.parts().book.page()) {
            turns.changed().await.unwrap();
        }
    };
    let page = || controller.parts().book.page();
    assert!(tokio::time::timeout(Duration::from_secs(7200), wait).await.is_ok(), "{:#?}", page());
}
