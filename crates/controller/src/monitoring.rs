//! What Prometheus is to ask: the nodes, as its HTTP service discovery reads them and as the original's file lists them.
//!
//! A node is listed from its first start on, as long as it is wanted to run: one that failed stays listed, so that it is seen to be down;
//! one that its user suspended, stopped or powered off is not, so that nobody is woken for it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use crate::book::Page;
use crate::model::{Group, Node, Unit, Wanted};

/// The port of a node's metrics.
pub const NODE_METRICS_PORT: u16 = 18083;

/// The port of NVIDIA's exporter, on nodes with GPUs.
pub const GPU_METRICS_PORT: u16 = 9400;

/// Targets with the labels that they have alike: one element of `http_sd_config`'s and `file_sd_config`'s list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetGroup {
    /// `address:port`.
    pub targets: Vec<String>,
    /// Labels of all that is measured there.
    pub labels: BTreeMap<&'static str, String>,
}

/// The nodes with their labels, for `http_sd_configs`: `job` (`basecontainer`, or `gpu` for the exporter of a node's GPUs), `vcid`,
/// `vc_name`, `unit`, `node_no`, `node_id`, `provider`, `owner`. Nodes whose owner `may_see` refuses are left out.
pub fn discovery(page: &Page, may_see: impl Fn(&Group) -> bool) -> Vec<TargetGroup> {
    let mut groups = Vec::new();
    for (group, unit, node, address) in measured(page).filter(|(group, ..)| may_see(group)) {
        let labels = BTreeMap::from([
            ("job", "basecontainer".to_owned()),
            ("vcid", group.vcid.clone()),
            ("vc_name", group.name.clone()),
            ("unit", unit.name.clone()),
            ("node_no", node.no.to_string()),
            ("node_id", node.id.clone()),
            ("provider", unit.spec.provider.clone()),
            ("owner", group.owner.clone()),
        ]);
        if unit.spec.docker.gpus.is_some() {
            let mut labels = labels.clone();
            labels.insert("job", "gpu".to_owned());
            groups.push(TargetGroup { targets: vec![target(address, GPU_METRICS_PORT)], labels });
        }
        groups.push(TargetGroup { targets: vec![target(address, NODE_METRICS_PORT)], labels });
    }
    groups
}

/// The nodes as the original's handler of events lists them in `targets.json`, for `file_sd_configs`: one group without any label but
/// the job, none if there is no node.
pub fn targets_file(page: &Page) -> Vec<TargetGroup> {
    let mut targets: Vec<_> =
        measured(page).map(|(.., address)| target(address, NODE_METRICS_PORT)).collect();
    targets.sort();
    targets.dedup();
    let labels = BTreeMap::from([("job", "basecontainer".to_owned())]);
    (!targets.is_empty()).then_some(TargetGroup { targets, labels }).into_iter().collect()
}

fn measured(page: &Page) -> impl Iterator<Item = (&Group, &Unit, &Node, IpAddr)> {
    page.nodes().filter_map(|(group, unit, node)| {
        let has_run = node.wanted == Wanted::Running && node.container_at.is_some();
        Some((&**group, &**unit, &**node, node.address().filter(|_| has_run)?))
    })
}

fn target(address: IpAddr, port: u16) -> String {
    SocketAddr::new(address, port).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::cci::{DockerOptions, Kind};
    use crate::model::Spec;

    fn node(no: u32, address: &str) -> Node {
        let id = format!("{no:032x}");
        let mut node = Node::new(no, id, Some(address.parse().unwrap()), None, Timestamp::UNIX_EPOCH);
        node.container_at = Some(Timestamp::UNIX_EPOCH);
        node
    }

    fn page(nodes: Vec<Node>, gpus: Option<String>) -> Page {
        let spec = Spec {
            provider: "onpremises".into(),
            private_network: "default".into(),
            network: BTreeMap::new(),
            image: "vcp/base:1".into(),
            recovery_mode: "none".into(),
            docker: DockerOptions { gpus, ..Default::default() },
            binds: Vec::new(),
            env: Vec::new(),
            user_init_command: None,
            params: Default::default(),
            volumes: Default::default(),
            tags: BTreeMap::new(),
            text: String::new(),
        };
        let unit = Unit {
            name: "w".into(),
            spec,
            custody: String::new(),
            next_no: 9,
            created_at: Timestamp::UNIX_EPOCH,
            deleting: false,
            nodes: nodes.into_iter().map(Arc::new).collect(),
            disks: Vec::new(),
        };
        let group = Group {
            vcid: "abc".into(),
            vcno: 1,
            name: "class \"A\"".into(),
            kind: Kind::Compute,
            owner: "hanako".into(),
            created_at: Timestamp::UNIX_EPOCH,
            deleting: false,
            units: BTreeMap::from([("w".into(), Arc::new(unit))]),
        };
        Page { groups: BTreeMap::from([("abc".into(), Arc::new(group))]), ..Default::default() }
    }

    #[test]
    fn nodes_are_listed_with_their_labels() {
        let page = page(vec![node(1, "10.0.0.1")], Some("all".into()));
        let labels = |job: &str| {
            json!({
                "job": job, "vcid": "abc", "vc_name": "class \"A\"", "unit": "w", "node_no": "1",
                "node_id": "00000000000000000000000000000001", "provider": "onpremises", "owner": "hanako",
            })
        };
        assert_eq!(
            serde_json::to_value(discovery(&page, |_| true)).unwrap(),
            json!([
                { "targets": ["10.0.0.1:9400"], "labels": labels("gpu") },
                { "targets": ["10.0.0.1:18083"], "labels": labels("basecontainer") },
            ])
        );
        assert!(discovery(&page, |group| group.owner != "hanako").is_empty());
        assert_eq!(
            serde_json::to_value(targets_file(&page)).unwrap(),
            json!([{ "targets": ["10.0.0.1:18083"], "labels": { "job": "basecontainer" } }])
        );
    }

    #[test]
    fn what_failed_stays_listed_and_what_was_put_to_rest_does_not() {
        let failed = node(1, "fd00::1").failed(crate::model::NodeState::HostError, "no answer".into());
        let resting = node(2, "10.0.0.2").heading(Wanted::Suspended);
        let unborn = Node { container_at: None, ..node(3, "10.0.0.3") };
        let page = page(vec![failed, resting, unborn], None);
        let targets: Vec<_> =
            discovery(&page, |_| true).into_iter().flat_map(|group| group.targets).collect();
        assert_eq!(targets, ["[fd00::1]:18083"]);
        assert!(targets_file(&Page::default()).is_empty());
    }
}
