//! From an order to a running node: machine, login, base container, answer.

use trustkeep_cloud::{BaseContainer, Fault, Kind, Login, MachineState, Order, Place, Provider};
use trustkeep_crypto::SecretString;

use super::node::{Failure, lost};
use super::{Item, Jobs};
use crate::book::Found;
use crate::model::Node;

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
        let seen = self.persist(item, self.parts().patience.cloud, "looking for the machine", look).await;
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
        let patience = self.parts().patience.cloud;
        if found.item.machine.is_none() {
            let create = || provider.create(place, order);
            let machine = self.persist(item, patience, "making the machine", create).await;
            self.record_machine(item, machine.map_err(Failure::host)?).await;
        }
        let is_up = || async {
            let machine = provider.settle(place, order).await?.ok_or_else(lost)?;
            match machine.state {
                MachineState::Running if machine.address.is_some() => return Ok(Some(machine)),
                MachineState::Stopped => provider.power(place, &order.token, true).await?,
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
        let patience = if existing { parts.patience.server } else { parts.patience.boot };
        let what = format!("logging in to {}@{} port {}", login.user, login.address, login.port);
        let key = self.persist(item, patience, &what, || parts.hosts.reach(&login)).await;
        let key = key.map_err(Failure::host)?;
        let left = page.server(login.address).left;
        let pinned = parts.book.change(|page, changes| {
            if let Some(found) = page.node(&item.vcid, &item.id) {
                let node = Node { host_key: Some(key.clone()), ..Node::clone(&found.item) };
                changes.put_node(&item.vcid, &found.unit.name, node);
                let mut server = page.server(login.address);
                if existing && server.node_id.as_deref() == Some(&item.id) {
                    server.host_key = Some(key.clone());
                    server.login = Some((login.user.clone(), login.port));
                    changes.put_server(server);
                }
            }
            Ok::<_, std::convert::Infallible>(())
        });
        let stored = pinned.await.map_err(|error| Fault::new(Kind::Unavailable, error.to_string()));
        stored.map_err(Failure::host)?;
        login.host_key = Some(key);
        if existing {
            self.clear_away(&login, &left).await.map_err(Failure::host)?;
        }
        Ok(login)
    }

    async fn container(&self, item: &Item, login: &Login) -> Result<(), Failure> {
        let parts = self.parts();
        let Some(found) = self.find(item) else { return Ok(()) };
        let env = parts.env(&found.unit).await.map_err(Failure::host)?;
        let wanted = self.base_container(&found, login, env);
        let run = || parts.hosts.ensure_running(login, &wanted);
        let patience = parts.patience.server;
        let started = self.persist(item, patience, "starting the base container", run).await;
        let started = started.map_err(|fault| match fault.kind {
            Kind::Unavailable | Kind::Denied | Kind::HostKeyChanged => Failure::host(fault),
            _ => Failure::container(fault),
        })?;
        self.record(item, |node| Node {
            container_at: started.started_at.or(node.container_at),
            container: Some(started),
            ..node.clone()
        })
        .await;
        let answers = || parts.hosts.answers(login);
        self.persist(item, parts.patience.container, "waiting for the node to answer on port 22", answers)
            .await
            .map_err(Failure::container)?;
        if let Some(script) = &found.unit.spec.user_init_command {
            let init = || parts.hosts.run_init(login, &item.id, script);
            let done = self.persist(item, patience, "running user_init_command", init).await;
            done.map_err(Failure::container)?;
        }
        Ok(())
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
            ("VCCCTR_IPADDR", parts.identity.address.to_string()),
            ("SERF_NODE_ID", member),
            ("VCCC_ID", found.group.vcid.clone()),
        ];
        let ours =
            ours.into_iter().map(|(name, value)| (name.to_owned(), SecretString::from(value.as_str())));
        BaseContainer {
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
