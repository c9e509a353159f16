//! Machines with Docker on them.

use jiff::Timestamp;
use trustkeep_cloud::{BaseContainer, Fault, Hosts, Inspection, Kind, Login, Result};

use super::{Made, World};

#[derive(Debug)]
pub(super) struct Servers(pub(super) World);

#[async_trait::async_trait]
impl Hosts for Servers {
    async fn reach(&self, login: &Login) -> Result<String> {
        let reach = |state: &mut super::State| {
            check(state, login)?;
            Ok(key(state, login))
        };
        self.0.act(reach).await
    }

    async fn ensure_running(&self, login: &Login, wanted: &BaseContainer) -> Result<Inspection> {
        let run = |state: &mut super::State| {
            known(state, login)?;
            let there = state.containers.entry(login.address).or_default();
            if let Some(other) = there.keys().find(|id| **id != wanted.node_id) {
                return Err(Fault::new(Kind::Conflict, format!("the base container of {other} is there")));
            }
            let ran = there.insert(wanted.node_id.clone(), true).unwrap_or(false);
            let env = wanted.env.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
            let made = Made { image: wanted.image.clone(), form: wanted.form.clone(), env: env.collect() };
            let is_other = state.made.get(&wanted.node_id).is_none_or(|old| old.form != made.form);
            if is_other {
                state.made.insert(wanted.node_id.clone(), made);
            }
            if is_other || !ran {
                *state.starts.entry(wanted.node_id.clone()).or_default() += 1;
            }
            Ok(inspection(state, &wanted.node_id, true))
        };
        self.0.act(run).await
    }

    async fn inspect(&self, login: &Login, node_id: &str) -> Result<Option<Inspection>> {
        let mut found = None;
        self.0.state(|state| -> Result<()> {
            known(state, login)?;
            let there = state.containers.get(&login.address).and_then(|there| there.get(node_id));
            found = there.copied().map(|runs| inspection(state, node_id, runs));
            Ok(())
        })?;
        Ok(found)
    }

    async fn stop(&self, login: &Login, node_id: &str) -> Result<()> {
        let stop = |state: &mut super::State| {
            known(state, login)?;
            if let Some(runs) = state.containers.entry(login.address).or_default().get_mut(node_id) {
                *runs = false;
            }
            Ok(())
        };
        self.0.act(stop).await
    }

    async fn remove(&self, login: &Login, node_id: &str) -> Result<()> {
        let remove = |state: &mut super::State| {
            known(state, login)?;
            if let Some(there) = state.containers.get_mut(&login.address) {
                there.remove(node_id);
            }
            state.made.remove(node_id);
            Ok(())
        };
        self.0.act(remove).await
    }

    async fn run_init(&self, login: &Login, node_id: &str, script: &str) -> Result<()> {
        let run = |state: &mut super::State| {
            known(state, login)?;
            let start = state.starts.get(node_id).copied().unwrap_or_default();
            state.inits.push((node_id.to_owned(), start));
            match script.strip_prefix("fail ") {
                Some(how) => Err(Fault::new(Kind::Invalid, how)),
                None => Ok(()),
            }
        };
        self.0.act(run).await
    }

    async fn answers(&self, login: &Login) -> Result<()> {
        self.0.act(|state| check(state, login)).await
    }

    async fn backup(&self, login: &Login, _: &str, _: &str) -> Result<()> {
        self.0.act(|state| known(state, login)).await
    }
}

/// Nothing is done on a server whose host key is not remembered.
fn known(state: &super::State, login: &Login) -> Result<()> {
    if login.host_key.is_none() {
        return Err(Fault::new(Kind::Invalid, "the server's host key is not known yet"));
    }
    check(state, login)
}

fn check(state: &super::State, login: &Login) -> Result<()> {
    if state.cut_off.contains(&login.address) {
        return Err(Fault::new(Kind::Unavailable, format!("{} does not answer", login.address)));
    }
    if login.host_key.as_ref().is_some_and(|known| *known != key(state, login)) {
        return Err(Fault::new(Kind::HostKeyChanged, "another host key"));
    }
    Ok(())
}

fn key(state: &super::State, login: &Login) -> String {
    format!("ssh-ed25519 {}", state.keys.get(&login.address).copied().unwrap_or_default())
}

fn inspection(state: &super::State, node_id: &str, is_running: bool) -> Inspection {
    let start = state.starts.get(node_id).copied().unwrap_or_default();
    let ended = (!is_running).then(|| "exit code 0".to_owned());
    Inspection {
        container_id: format!("c-{node_id}"),
        is_running,
        started_at: Timestamp::from_second(start).ok(),
        ended,
    }
}
