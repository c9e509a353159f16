use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::HaSettings;
use crate::VAULT_VERSION;

/// A node as `sys/ha-status` shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// Its machine.
    pub hostname: String,
    /// Where clients reach it.
    pub api_address: String,
    /// Where nodes reach it.
    pub cluster_address: String,
    /// Whether it is the active one.
    pub active_node: bool,
    /// When the active node last heard of it; `None` of itself.
    pub last_echo: Option<String>,
    /// The version of Vault whose behaviour it has.
    pub version: String,
}

impl Node {
    /// A node that is not one of several.
    pub(crate) fn alone(api_addr: &str) -> Self {
        Node::of(&HaSettings::new(api_addr, None), None)
    }

    /// This node, as it tells others of itself or, without a time, the active one.
    pub(super) fn of(settings: &HaSettings, last_echo: Option<String>) -> Self {
        Node {
            hostname: settings.hostname.clone(),
            api_address: settings.api_addr.clone(),
            cluster_address: settings.cluster_addr.clone().unwrap_or_default(),
            active_node: last_echo.is_none(),
            last_echo,
            version: VAULT_VERSION.into(),
        }
    }
}

/// The standbys that this node heard of, by their address for nodes.
#[derive(Debug, Default)]
pub(crate) struct Peers(BTreeMap<String, (Timestamp, Node)>);

impl Peers {
    /// A standby spoke up. More than [`PEERS_MAX`] are not remembered.
    pub(crate) fn heard(&mut self, mut node: Node, now: Timestamp) {
        let fits = |text: &String| text.len() <= TEXT_BYTES_MAX;
        if ![&node.hostname, &node.api_address, &node.cluster_address, &node.version].into_iter().all(fits) {
            return;
        }
        self.drop_silent(now);
        node.active_node = false;
        node.last_echo = Some(now.to_string());
        if self.0.len() < PEERS_MAX || self.0.contains_key(&node.api_address) {
            self.0.insert(node.api_address.clone(), (now, node));
        }
    }

    /// Those that spoke lately.
    pub(super) fn living(&mut self, now: Timestamp) -> Vec<Node> {
        self.drop_silent(now);
        self.0.values().map(|(_, node)| node.clone()).collect()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn drop_silent(&mut self, now: Timestamp) {
        self.0.retain(|_, (heard, _)| now.duration_since(*heard).unsigned_abs() < SILENCE_MAX);
    }
}

const PEERS_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 512;
const SILENCE_MAX: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_nodes_are_forgotten_and_their_number_is_bounded() {
        let mut peers = Peers::default();
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let later = start + Duration::from_secs(25);
        let node = |n: usize| Node::of(&HaSettings::new(format!("http://{n}"), None), Some(String::new()));
        for n in 0..100 {
            peers.heard(node(n), start);
        }
        assert_eq!(peers.living(start).len(), PEERS_MAX);
        peers.heard(node(7), later);
        let living = peers.living(later);
        assert_eq!(living.len(), 1);
        assert!(!living[0].active_node && living[0].last_echo.is_some());
        assert_eq!(living[0].api_address, "http://7");
    }
}
