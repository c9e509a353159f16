//! Two nodes on one store, with ports of their own: what becomes of a write whose term ends before its answer.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use trustkeep_chassis::clock::SystemClock;
use trustkeep_chassis::http::ListenSettings;
use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_store::{Commit, Key, MemoryStore, Row, Value as Cell};

use super::*;
use crate::core::audit::{Device, DeviceError, DeviceKinds};
use crate::core::{Core, CoreSettings, InitRequest, Standing, entry_table};
use crate::http::EdgeSettings;
use crate::service::{Ports, Service};

/// An audit device that holds back the first answer that it is to log, once it was told to.
#[derive(Debug)]
struct Gate {
    is_armed: AtomicBool,
    reached: Semaphore,
    open: Semaphore,
}

#[async_trait::async_trait]
impl Device for Gate {
    async fn write(&self, entry: Bytes) -> std::result::Result<(), DeviceError> {
        let entry: Value = serde_json::from_slice(&entry).map_err(DeviceError::new)?;
        if entry["type"] == "response" && self.is_armed.swap(false, Ordering::SeqCst) {
            self.reached.add_permits(1);
            self.open.acquire().await.map_err(DeviceError::new)?.forget();
        }
        Ok(())
    }
}

struct Member {
    core: Arc<Core>,
    url: String,
}

struct Group {
    store: SharedStore,
    gate: Arc<Gate>,
    active: Member,
    standby: Member,
    root: String,
    http: reqwest::Client,
    supervisor: Supervisor,
}

impl Group {
    /// Two nodes, the first of them active, with a KV v2 mount and the gate as audit device.
    async fn start() -> Self {
        let store: SharedStore = Arc::new(MemoryStore::new());
        store.create_tables(&[entry_table().unwrap(), lease_table("vault").unwrap()]).await.unwrap();
        let (reached, open) = (Semaphore::new(0), Semaphore::new(0));
        let gate = Arc::new(Gate { is_armed: AtomicBool::new(false), reached, open });
        let supervisor = Supervisor::new(Shutdown::new());
        let active = Member::start(&store, &gate, &supervisor).await;
        let standby = Member::start(&store, &gate, &supervisor).await;
        let made = active.core.initialize(InitRequest::shamir(1, 1)).await.unwrap();
        for member in [&active, &standby] {
            member.core.unseal(made.shares[0].to_base64().expose()).await.unwrap();
        }
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let group = Group { store, gate, active, standby, root: made.root_token, http, supervisor };
        assert_eq!(group.active.core.standing(), Standing::Active);
        assert_eq!(group.standby.core.standing(), Standing::Standby);
        group.write("sys/mounts/kv", json!({ "type": "kv-v2" })).await;
        group.write("sys/audit/gate", json!({ "type": "gate" })).await;
        group
    }

    async fn write(&self, path: &str, body: Value) {
        let (status, answer) = self.send(&self.active, path, body).await.unwrap();
        assert!(status < 300, "{answer}");
    }

    /// Begins a write through a member; gives its status and answer.
    fn send(&self, member: &Member, path: &str, body: Value) -> JoinHandle<(u16, Value)> {
        let url = format!("{}/v1/{path}", member.url);
        let request = self.http.post(url).header("x-vault-token", &self.root).json(&body);
        tokio::spawn(async move {
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            (status, answer.json().await.unwrap_or_default())
        })
    }

    /// Begins a check-and-set write through the standby, which is done when this returns, but not answered.
    async fn written_and_not_answered(&self) -> JoinHandle<(u16, Value)> {
        self.gate.is_armed.store(true, Ordering::SeqCst);
        let body = json!({ "data": { "a": 1 }, "options": { "cas": 0 } });
        let answer = self.send(&self.standby, "kv/data/x", body);
        self.gate.reached.acquire().await.unwrap().forget();
        answer
    }

    /// How many versions the secret has, asked of whoever is active.
    async fn versions(&self) -> Value {
        let url = format!("{}/v1/kv/metadata/x", self.standby.url);
        let answer = self.http.get(url).header("x-vault-token", &self.root).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["data"]["current_version"].clone()
    }

    async fn stop(self) {
        self.gate.open.add_permits(1);
        self.supervisor.shutdown().trigger("the test is over");
        self.supervisor.join(Duration::from_secs(20)).await.unwrap();
    }
}

impl Member {
    async fn start(store: &SharedStore, gate: &Arc<Gate>, supervisor: &Supervisor) -> Self {
        let (address, between_nodes) = (free_address(), free_address());
        let url = format!("http://{address}");
        let mut settings = HaSettings::new(&url, Some(format!("https://{between_nodes}")));
        (settings.lease_ttl, settings.watch_every) = (Duration::from_secs(2), Duration::from_millis(50));
        let ha = Ha::new(store.clone(), settings).unwrap();
        let listen = |name: &str, address| ListenSettings::new(name, address);
        let ports = Ports::bind(vec![(listen("clients", address), EdgeSettings::default())]).await.unwrap();
        let inner = listen("nodes", between_nodes).with_tls(ha.tls());
        let ports = ports.with_nodes(vec![(inner, EdgeSettings::default())]).await.unwrap();
        let (random, clock) = (Arc::new(SystemRandom), SystemClock::shared());
        let gate = gate.clone();
        let kinds = DeviceKinds::default().with("gate", Arc::new(move |_| Ok(gate.clone())));
        let core = Core::new(store.clone(), CoreSettings::default(), random, clock).unwrap();
        let core = Arc::new(core.with_audit_kinds(kinds).among(ha));
        Service::new(core.clone(), ports).spawn(supervisor);
        Member { core, url }
    }
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_was_done_when_the_lease_was_lost_is_not_sent_again() {
    let group = Group::start().await;
    let answer = group.written_and_not_answered().await;
    // Another node took the lease, and died over it: the standby's turn comes after that.
    let table = lease_table("vault").unwrap();
    let held = group.store.get(&table, &Key::of(LEASE)).await.unwrap().unwrap();
    let (epoch, ttl_ms) = (held.int(1).unwrap() + 1, 1000);
    let row = [Cell::from("another"), Cell::Int(epoch), Cell::Int(ttl_ms), Cell::from(Bytes::new())];
    let taken = Row::new(row.map(Some).to_vec());
    group.store.commit(Commit::new().put(&table, Key::of(LEASE), taken)).await.unwrap();
    let (status, answer) = answer.await.unwrap();
    assert_eq!(status, 503, "{answer}");
    assert_eq!(answer["errors"][0], Error::Deposed.to_string());
    assert_eq!(group.versions().await, 1);
    group.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_steps_down_answers_what_it_did() {
    let group = Group::start().await;
    let mut answer = group.written_and_not_answered().await;
    group.active.core.ha().unwrap().step_down();
    let early = tokio::time::timeout(Duration::from_millis(300), &mut answer).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(group.active.core.standing(), Standing::Standby);
    group.gate.open.add_permits(1);
    let (status, answer) = answer.await.unwrap();
    assert_eq!((status, &answer["data"]["version"]), (200, &json!(1)), "{answer}");
    assert_eq!(group.versions().await, 1);
    group.stop().await;
}
