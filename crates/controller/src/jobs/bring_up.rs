//! From an order to a running node: machine, login, base container, answer.

use serde_json::json;
use trustkeep_cloud::{BaseContainer, Fault, Inspection, Kind, Login, MachineState, Order, Place, Provider};
use trustkeep_crypto::SecretString;
use trustkeep_crypto::hash::sha256;

use super::node::{Failure, lost};
use super::{Item, Jobs};
use crate::book::Found;
use crate::model::{Init, Node};

impl Jobs {
    /// Makes what is missing, starts what is stopped, and waits until the node answers.
    pub(super) async fn bring_up(&self, item: &Item) -> Result<(), Failure> {
        let Some(mut found) = self.find(item) else { return Ok(()) };
        let (provider, place) = self.means(&found).await?;
        if self.is_lost(item, &found, &**provider, &place).await? {
            self.record(item, Node::bereft).await;
            let Some(again) = self.find(item) else { return Ok(()) };
            found = again;
        }
        let order = self.parts().order(&found.group, &found.unit, &found.item);
        self.machine(item, &found, &**provider, &place, &order).await?;
        drop(found);
        let login = self.reach(item, provider.capabilities().existing).await?;
        self.container(item, &login).await
    }

    /// Whether the node had a machine once, which somebody else removed: it gets another one.
    async fn is_lost(
        &self,
        item: &Item,
        found: &Found<Node>,
        provider: &dyn Provider,
        place: &Place,
    ) -> Result<bool, Failure> {
        // One that never ran is not replaced, so that what does not start is not started for ever.
        if found.item.container.is_none() {
            return Ok(false);
        }
        let order = self.parts().order(&found.group, &found.unit, &found.item);
        let look = || provider.settle(place, &order);
        let seen = self.persist(item, self.parts().patience().cloud, "looking for the machine", look).await;
        let seen = seen.map_err(Failure::host)?;
        Ok(seen.is_none_or(|machine| machine.state == MachineState::Gone))
    }

    async fn machine(
        &self,
        item: &Item,
        found: &Found<Node>,
        provider: &dyn Provider,
        place: &Place,
        order: &Order,
    ) -> Result<(), Failure> {
        let patience = self.parts().patience().cloud;
        if found.item.machine.is_none() {
            let create = || provider.create(place, order);
            let machine = self.persist(item, patience, "making the machine", create).await;
            self.record_machine(item, machine.map_err(Failure::host)?).await;
        }
        let is_up = || async {
            let machine = provider.settle(place, order).await?.ok_or_else(lost)?;
            match machine.state {
                MachineState::Running if machine.address.is_some() => return Ok(Some(machine)),
                MachineState::Stopped if provider.capabilities().power => {
                    provider.power(place, &order.token, true).await?;
                }
                MachineState::Stopped => return Err(asleep(provider)),
                MachineState::Gone => {
                    let reason = machine.reason.unwrap_or_else(|| "it was removed".into());
                    return Err(Fault::new(Kind::Capacity, format!("the machine did not start: {reason}")));
                }
                _ => {}
            }
            Ok(None)
        };
        let machine = self.await_it(item, patience, "waiting for the machine", is_up).await;
        self.record_machine(item, machine.map_err(Failure::host)?).await;
        Ok(())
    }

    /// Waits until the machine lets the controller in, and remembers its host key before anything is done on it.
    async fn reach(&self, item: &Item, existing: bool) -> Result<Login, Failure> {
        let parts = self.parts();
        let page = parts.book.page();
        let found = page.node(&item.vcid, &item.id).ok_or_else(|| Failure::host(lost()))?;
        let no_address = || Failure::host(Fault::new(Kind::Invalid, "the machine has no address"));
        let mut login = parts.login(&page, &found.unit, &found.item).ok_or_else(no_address)?;
        drop((page, found));
        let patience = if existing { parts.patience().server } else { parts.patience().boot };
        let what = format!("logging in to {}@{} port {}", login.user, login.address, login.port);
        let key = self.persist(item, patience, &what, || parts.hosts.reach(&login)).await;
        let key = key.map_err(Failure::host)?;
        let left = parts.book.page().server(login.address).left;
        self.pin(item, &login, &key).await.map_err(Failure::host)?;
        login.host_key = Some(key);
        if existing {
            self.clear_away(&login, &left).await.map_err(Failure::host)?;
        }
        Ok(login)
    }

    /// Remembers the host key that a node's machine showed, before anything is done on it.
    async fn pin(&self, item: &Item, login: &Login, key: &str) -> trustkeep_cloud::Result<()> {
        let pinned = self.parts().book.change(|page, changes| {
            if let Some(found) = page.node(&item.vcid, &item.id) {
                let node = Node { host_key: Some(key.to_owned()), ..Node::clone(&found.item) };
                changes.put_node(&item.vcid, &found.unit.name, node);
                let mut server = page.server(login.address);
                if server.node_id.as_deref() == Some(&item.id) {
                    server.host_key = Some(key.to_owned());
                    server.login = Some((login.user.clone(), login.port));
                    changes.put_server(server);
                }
            }
            Ok::<_, std::convert::Infallible>(())
        });
        pinned.await.map_err(|error| Fault::new(Kind::Unavailable, error.to_string()))
    }

    /// How a node's machine is reached where the controller was before. If its host key was forgotten, the one that it shows is
    /// remembered. `None`: it has no address.
    pub(super) async fn login(
        &self,
        item: &Item,
        found: &Found<Node>,
    ) -> trustkeep_cloud::Result<Option<Login>> {
        let parts = self.parts();
        let Some(mut login) = parts.login(&parts.book.page(), &found.unit, &found.item) else {
            return Ok(None);
        };
        if login.host_key.is_none() {
            let key = parts.hosts.reach(&login).await?;
            self.pin(item, &login, &key).await?;
            login.host_key = Some(key);
        }
        Ok(Some(login))
    }

    async fn container(&self, item: &Item, login: &Login) -> Result<(), Failure> {
        let parts = self.parts();
        let Some(found) = self.find(item) else { return Ok(()) };
        let env = parts.env(&found.unit).await.map_err(Failure::host)?;
        let wanted = self.base_container(&found, login, env);
        let script = found.unit.spec.user_init_command.clone();
        drop(found);
        let run = || parts.hosts.ensure_running(login, &wanted);
        let patience = parts.patience().server;
        let started = self.persist(item, patience, "starting the base container", run).await;
        let started = started.map_err(|fault| match fault.kind {
            Kind::Unavailable | Kind::Denied | Kind::HostKeyChanged => Failure::host(fault),
            _ => Failure::container(fault),
        })?;
        self.record(item, |node| Node {
            container_at: started.started_at.or(node.container_at),
            container: Some(started.clone()),
            ..node.clone()
        })
        .await;
        let answers = || parts.hosts.answers(login);
        self.persist(item, parts.patience().container, "waiting for the node to answer on port 22", answers)
            .await
            .map_err(Failure::container)?;
        let Some(script) = script else { return Ok(()) };
        self.init(item, login, &started, &script).await
    }

    /// Runs the user's script, once for each start of the base container; where nobody knows how it ended, again.
    async fn init(
        &self,
        item: &Item,
        login: &Login,
        started: &Inspection,
        script: &str,
    ) -> Result<(), Failure> {
        let Some(found) = self.find(item) else { return Ok(()) };
        if found.item.init.as_ref().is_some_and(|init| init.is_for(started) && init.error.is_empty()) {
            return Ok(());
        }
        let parts = self.parts();
        let run = || parts.hosts.run_init(login, &item.id, script);
        let done = self.persist(item, parts.patience().server, "running user_init_command", run).await;
        let ran = match &done {
            Ok(()) => Some(Init::of(started, String::new())),
            // It is the script that failed: running it again by itself would not mend it.
            Err(fault) if !fault.is_temporary() => Some(Init::of(started, self.dated(&fault.text))),
            Err(_) => None,
        };
        self.record(item, |node| Node { init: ran.or_else(|| node.init.clone()), ..node.clone() }).await;
        done.map_err(Failure::container)
    }

    fn base_container(
        &self,
        found: &Found<Node>,
        login: &Login,
        env: Vec<(String, SecretString)>,
    ) -> BaseContainer {
        let (parts, spec, node) = (self.parts(), &found.unit.spec, &found.item);
        let member = format!("{}:{}:{}", found.group.vcid, found.unit.name, node.no);
        let ours = [
            ("PRIVATE_IP", login.address.to_string()),
            ("VCCCTR_IPADDR", parts.identity.join_address.to_string()),
            ("SERF_NODE_ID", member),
            ("VCCC_ID", found.group.vcid.clone()),
        ];
        let ours =
            ours.into_iter().map(|(name, value)| (name.to_owned(), SecretString::from(value.as_str())));
        BaseContainer {
            form: form(found, login, &env),
            node_id: node.id.clone(),
            vcid: found.group.vcid.clone(),
            name: format!("vcp-base-{}", node.id.chars().take(8).collect::<String>()),
            image: spec.image.clone(),
            env: ours.chain(env).collect(),
            binds: spec.binds.clone(),
            restart: spec.recovery_mode == "restart",
            hostname: spec.docker.hostname.clone(),
            dns: spec.docker.dns.clone(),
            dns_search: spec.docker.dns_search.clone(),
            dns_options: spec.docker.dns_options.clone(),
            extra_hosts: spec.docker.extra_hosts.clone(),
            gpus: spec.docker.gpus.clone(),
        }
    }
}

/// The fault for a machine that somebody else stopped, at a provider where nobody can be told to start one.
fn asleep(provider: &dyn Provider) -> Fault {
    let text = format!(
        "the machine was stopped at its provider, and {} alone decides when it runs again: wait for it, or stop the node and start it \
         for a new machine",
        provider.name()
    );
    Fault::new(Kind::Capacity, text)
}

/// What a node's base container is made by, in 64 hexadecimal digits: one that was made by something else is made anew. The controller's
/// own address is not in it, since what a user has in a container is worth more than its place in the gossip; a stop and a start give the
/// new one. Values of the environment go through the digest one by one, so that no copy of them is left.
fn form(found: &Found<Node>, login: &Login, env: &[(String, SecretString)]) -> String {
    let spec = &found.unit.spec;
    let record = json!([
        found.group.vcid,
        found.unit.name,
        found.item.no,
        login.address,
        spec.image,
        spec.binds,
        spec.recovery_mode == "restart",
        spec.docker,
    ]);
    let secrets = env.iter().flat_map(|(name, value)| [name.as_bytes(), value.expose().as_bytes()]);
    let digests = std::iter::once(sha256(record.to_string().as_bytes())).chain(secrets.map(sha256));
    let digest = sha256(&digests.flatten().collect::<Vec<u8>>());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
