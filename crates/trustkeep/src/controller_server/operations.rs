//! What the administrator asks of the running controller's parts.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use trustkeep_chassis::config::Problems;
use trustkeep_cloud::{Fault, ImageStore, Kind};
use trustkeep_controller::administration::{AdministrationError, Operations};
use trustkeep_controller::configuration::Configuration;
use trustkeep_controller::model::{Node, NodeState};
use trustkeep_controller::refusal::{Refusal, RefusalKind};
use trustkeep_controller::rest::Rest;
use trustkeep_controller::service::Controller;

/// The controller, its images and its configuration.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(super) controller: Controller,
    pub(super) images: ImageStore,
    pub(super) configuration: Arc<Configuration>,
}

#[async_trait::async_trait]
impl Operations for Desk {
    fn owned(&self, user: &str) -> Vec<String> {
        let page = self.controller.parts().book.page();
        let owned = page.groups.values().filter(|group| group.owner == user);
        owned.map(|group| group.name.clone()).collect()
    }

    async fn clear_processing(&self, vcid: &str, unit: &str) -> Result<(), AdministrationError> {
        self.controller.clear_processing(vcid, unit).map(|_| ()).map_err(refusal)
    }

    fn node(&self, vcid: &str, unit: &str, node_id: &str) -> Result<Value, AdministrationError> {
        Rest::node(&self.controller, vcid, unit, node_id).map_err(refusal)
    }

    async fn set_node_state(
        &self,
        vcid: &str,
        unit: &str,
        node_id: &str,
        state: &str,
    ) -> Result<(), AdministrationError> {
        if state == UNWATCH {
            return self.unwatch(vcid, unit, node_id).await;
        }
        let state = NodeState::from_name(state).ok_or_else(|| {
            let names: Vec<_> = NodeState::ALL.iter().map(|state| state.name()).collect();
            AdministrationError::Invalid(format!(
                "{state:?} is no state of a node: choose from {}, {UNWATCH}",
                names.join(", ")
            ))
        })?;
        self.controller.set_node_state(vcid, unit, node_id, state).await.map_err(refusal)
    }

    fn public_key(&self) -> String {
        self.controller.parts().identity.public_key.clone()
    }

    async fn forget_host_key(&self, address: std::net::IpAddr) -> Result<bool, AdministrationError> {
        self.controller.forget_host_key(address).await.map_err(refusal)
    }

    fn catalogue(&self) -> Result<String, AdministrationError> {
        Ok(self.configuration.catalogue().text().to_owned())
    }

    async fn set_catalogue(&self, text: Option<String>) -> Result<(), AdministrationError> {
        let configuration = self.configuration.clone();
        in_background(move || match text {
            Some(text) => configuration.set_catalogue(&text),
            None => configuration.reload(),
        })
        .await
    }

    async fn add_image(&self, path: &Path) -> Result<Vec<String>, AdministrationError> {
        if !path.is_absolute() {
            return Err(AdministrationError::Invalid("the path of an image must be absolute".into()));
        }
        Ok(self.images.add(path).await.map_err(fault)?.names)
    }

    async fn images(&self) -> Result<Vec<(String, u64)>, AdministrationError> {
        let images = self.images.list().await.map_err(fault)?;
        let names = images.into_iter();
        Ok(names.flat_map(|image| image.names.into_iter().map(move |name| (name, image.bytes))).collect())
    }

    async fn remove_image(&self, name: &str) -> Result<(), AdministrationError> {
        match self.images.remove(name).await.map_err(fault)? {
            Some(_) => Ok(()),
            None => Err(AdministrationError::Missing(format!(
                "there is no image {name}; `vcc image list` shows which there are"
            ))),
        }
    }

    async fn reload(&self) -> Result<(), AdministrationError> {
        let configuration = self.configuration.clone();
        in_background(move || configuration.reload()).await
    }
}

impl Desk {
    /// `UNWATCH` stands among the states of a node, and says that nobody looks after it.
    async fn unwatch(&self, vcid: &str, unit: &str, node_id: &str) -> Result<(), AdministrationError> {
        let change = self.controller.parts().book.change(|page, changes| {
            let found = page.groups.get(vcid).and_then(|group| group.units.get(unit));
            let nodes = found.map(|unit| unit.nodes.as_slice()).unwrap_or_default();
            let node = nodes.iter().find(|node| node.id == node_id || node.no.to_string() == node_id);
            let node = node.ok_or_else(|| {
                let text = format!("vc {vcid}, unit {unit}: there is no node {node_id}");
                Refusal::new(RefusalKind::Missing, text)
            })?;
            changes.put_node(vcid, unit, Node { watch: false, ..Node::clone(node) });
            Ok::<_, Refusal>(())
        });
        change.await.map_err(Refusal::from).map_err(refusal)
    }
}

async fn in_background(
    work: impl FnOnce() -> Result<(), Problems> + Send + 'static,
) -> Result<(), AdministrationError> {
    let outcome = tokio::task::spawn_blocking(work).await;
    let outcome = outcome.map_err(|error| AdministrationError::Failed(error.to_string()))?;
    outcome.map_err(|error: Problems| AdministrationError::Invalid(error.to_string()))
}

fn refusal(refusal: Refusal) -> AdministrationError {
    match refusal.kind {
        RefusalKind::Missing => AdministrationError::Missing(refusal.text),
        RefusalKind::Unavailable => AdministrationError::Failed(refusal.text),
        _ => AdministrationError::Invalid(refusal.text),
    }
}

fn fault(fault: Fault) -> AdministrationError {
    match fault.kind {
        Kind::Invalid => AdministrationError::Invalid(fault.text),
        _ => AdministrationError::Failed(fault.text),
    }
}

const UNWATCH: &str = "UNWATCH";
