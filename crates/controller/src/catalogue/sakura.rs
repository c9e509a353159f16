use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;

use ipnet::Ipv4Net;
use trustkeep_chassis::config::{Problems, Source};

use super::Catalogue;
use crate::yaml::{self, Content, Node};

/// The most addresses of one pool.
const ADDRESSES_MAX: usize = 4096;

/// Reads `sakura_config.yml` (`<network>: {prefix_len: 24, ip_addresses: […]}`) into the networks of the catalogue.
pub(super) fn add(catalogue: &mut Catalogue, path: &Path, text: &str) -> Result<(), Problems> {
    let mut problems = Problems::new();
    let mut wrong =
        |line: usize, key: &str, message: String| problems.add(Source::file(path, line), key, message);
    let document = match yaml::read(text) {
        Ok(document) => document,
        Err(error) => {
            wrong(error.line, "", error.message);
            return Err(problems);
        }
    };
    if !matches!(document.content, Content::Map(_)) && !document.is_null() {
        wrong(document.line, "", format!("{} where networks are expected", document.kind()));
    }
    for (name, pool) in document.members() {
        let networks = catalogue.networks.get_mut("sakura");
        let Some(network) = networks.and_then(|networks| networks.get_mut(&name.text)) else {
            wrong(name.line, &name.text, format!("sakura has no network {} in vpn_catalog.yml", name.text));
            continue;
        };
        for (key, _) in pool.members() {
            if !["prefix_len", "ip_addresses"].contains(&&*key.text) {
                let message = "unknown key; a pool has prefix_len and ip_addresses".to_owned();
                wrong(key.line, &format!("{}.{}", name.text, key.text), message);
            }
        }
        let prefix = pool.get("prefix_len").and_then(Node::text).and_then(|text| text.parse::<u8>().ok());
        let Some(prefix) = prefix.filter(|prefix| (1..=32).contains(prefix)) else {
            wrong(
                name.line,
                &format!("{}.prefix_len", name.text),
                "a prefix of 1 to 32 is expected".to_owned(),
            );
            continue;
        };
        let range =
            network.values.get("private_network_ipmask").and_then(|mask| mask.parse::<Ipv4Net>().ok());
        let key = format!("{}.ip_addresses", name.text);
        let Some(Content::List(items)) = pool.get("ip_addresses").map(|node| &node.content) else {
            wrong(name.line, &key, "a list of addresses is expected".to_owned());
            continue;
        };
        let mut seen = BTreeSet::new();
        for item in items.iter().take(ADDRESSES_MAX) {
            let text = item.text().unwrap_or_default();
            match text.parse::<Ipv4Addr>() {
                Err(_) => wrong(item.line, &key, format!("\"{text}\" is not an IPv4 address")),
                Ok(address) if !seen.insert(address) => {
                    wrong(item.line, &key, format!("{address} stands twice"))
                }
                Ok(address) if range.is_some_and(|range| !range.contains(&address)) => {
                    wrong(
                        item.line,
                        &key,
                        format!("{address} is outside the network's private_network_ipmask"),
                    );
                }
                Ok(_) => {}
            }
        }
        if items.len() > ADDRESSES_MAX {
            wrong(name.line, &key, format!("more than {ADDRESSES_MAX} addresses"));
        }
        // In the file's order: that is the order in which they are given out.
        let pool: Vec<&str> = items.iter().filter_map(Node::text).collect();
        network.values.insert("prefix_len".to_owned(), prefix.to_string());
        network.values.insert("ip_addresses".to_owned(), pool.join(","));
    }
    problems.into_result(())
}
