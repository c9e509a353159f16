//! Addresses that users choose. Whether they belong to the network and are free is judged where the unit is known.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

use super::value::{Result, shown, texts};
use super::{COUNT_MAX, CciError};
use crate::yaml::Node;

/// Nodes or disks to add to a unit: the body of `PUT /vcs/{vcid}/{unit}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// How many.
    pub count: u32,
    /// Their addresses; empty or as many as `count`.
    pub addresses: Vec<IpAddr>,
    /// Their hardware addresses; empty or as many as `count`.
    pub macs: Vec<String>,
}

impl Growth {
    /// Reads `{"ip_address_list":[],"mac_address_list":[],"num_nodes":n}`. Where a list is given, it says how many.
    ///
    /// # Errors
    /// Names the key: no number of 1 to [`COUNT_MAX`], addresses that are none or stand twice, lists of different lengths.
    pub fn read(body: &Value) -> Result<Self> {
        let list = |key: &str| -> Result<Vec<String>> {
            let wrong = || CciError::new(key, "a list of texts is expected");
            match body.get(key) {
                None | Some(Value::Null) => Ok(Vec::new()),
                Some(Value::Array(items)) => {
                    items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
                }
                Some(_) => Err(wrong()),
            }
        };
        let mut addresses = Addresses::new("ip_address_list");
        for text in list("ip_address_list")? {
            addresses.add(None, &text)?;
        }
        let mut macs = Macs::new("mac_address_list");
        for text in list("mac_address_list")? {
            macs.add(None, &text)?;
        }
        let asked = match body.get("num_nodes") {
            None | Some(Value::Null) => None,
            Some(value) => Some(
                value
                    .as_u64()
                    .or_else(|| value.as_str()?.parse().ok())
                    .ok_or_else(|| CciError::new("num_nodes", "a whole number of 1 or more is expected"))?,
            ),
        };
        let given = addresses.found.len().max(macs.found.len());
        let count = if given > 0 { given as u64 } else { asked.unwrap_or(1) };
        let count = check_count(count).map_err(|message| CciError::new("num_nodes", message))?;
        same_length(count, &addresses.found, &macs.found)?;
        Ok(Self { count, addresses: addresses.found, macs: macs.found })
    }
}

pub(super) const NO_SERVERS: &str = "the addresses of the existing servers are needed, one for each node";

pub(super) fn addresses(node: &Node, key: &str) -> Result<Vec<IpAddr>> {
    let mut all = Addresses::new(key);
    for (line, text) in texts(node, key)? {
        all.add(Some(line), text)?;
    }
    Ok(all.found)
}

pub(super) fn macs(node: &Node, key: &str) -> Result<Vec<String>> {
    let mut all = Macs::new(key);
    for (line, text) in texts(node, key)? {
        all.add(Some(line), text)?;
    }
    Ok(all.found)
}

/// How many, if it is a number of nodes that a unit can have.
pub(super) fn check_count(count: u64) -> std::result::Result<u32, String> {
    match u32::try_from(count) {
        Ok(count) if (1..=COUNT_MAX).contains(&count) => Ok(count),
        _ => Err(format!("{count} is not a number from 1 to {COUNT_MAX}")),
    }
}

pub(super) fn same_length(count: u32, addresses: &[IpAddr], macs: &[String]) -> Result<()> {
    for (key, len) in [("ip_address_list", addresses.len()), ("mac_address_list", macs.len())] {
        if len != 0 && len != count as usize {
            let message = format!("{len} addresses for {count} nodes: give one for each, or none");
            return Err(CciError::new(key, message));
        }
    }
    Ok(())
}

struct Addresses<'a> {
    key: &'a str,
    found: Vec<IpAddr>,
    seen: BTreeSet<IpAddr>,
}

impl<'a> Addresses<'a> {
    fn new(key: &'a str) -> Self {
        Self { key, found: Vec::new(), seen: BTreeSet::new() }
    }

    fn add(&mut self, line: Option<usize>, text: &str) -> Result<()> {
        let error = |message: String| CciError { line, ..CciError::new(self.key, message) };
        let address: IpAddr =
            text.trim().parse().map_err(|_| error(format!("\"{}\" is not an IP address", shown(text))))?;
        // An IPv4 address within an IPv6 one is the same machine's.
        let address = address.to_canonical();
        let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
        if address.is_unspecified() || address.is_multicast() || is_broadcast {
            return Err(error(format!("{address} is no machine's address")));
        }
        if !self.seen.insert(address) {
            return Err(error(format!("{address} stands twice")));
        }
        self.found.push(address);
        Ok(())
    }
}

struct Macs<'a> {
    key: &'a str,
    found: Vec<String>,
    seen: BTreeSet<String>,
}

impl<'a> Macs<'a> {
    fn new(key: &'a str) -> Self {
        Self { key, found: Vec::new(), seen: BTreeSet::new() }
    }

    /// Keeps it in lower case with colons, so that two spellings of one are one.
    fn add(&mut self, line: Option<usize>, text: &str) -> Result<()> {
        let error = |message: String| CciError { line, ..CciError::new(self.key, message) };
        let parts: Vec<&str> = text.trim().split([':', '-']).collect();
        let is_mac = parts.len() == 6
            && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()));
        // The lowest bit of the first byte says that it is a group's.
        let is_group = parts
            .first()
            .and_then(|first| u8::from_str_radix(first, 16).ok())
            .is_some_and(|byte| byte & 1 == 1);
        if !is_mac || is_group {
            return Err(error(format!(
                "\"{}\" is not a machine's MAC address (52:54:00:12:34:56)",
                shown(text)
            )));
        }
        let mac = parts.join(":").to_ascii_lowercase();
        if !self.seen.insert(mac.clone()) {
            return Err(error(format!("{mac} stands twice")));
        }
        self.found.push(mac);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_says_how_many_are_added() {
        let growth =
            Growth::read(&json!({"ip_address_list": ["10.0.0.5", "10.0.0.6"], "num_nodes": 1})).unwrap();
        assert_eq!((growth.count, growth.addresses.len()), (2, 2));
        let plain = json!({"ip_address_list": [], "mac_address_list": [], "num_nodes": 3});
        assert_eq!(Growth::read(&plain).unwrap(), Growth { count: 3, addresses: vec![], macs: vec![] });
        let macs = Growth::read(&json!({"mac_address_list": ["52-54-00-AB-00-01"]})).unwrap();
        assert_eq!(macs.macs, ["52:54:00:ab:00:01"]);
    }

    #[test]
    fn what_cannot_be_added_is_refused() {
        for (body, expected) in [
            (json!({"num_nodes": 0}), "num_nodes: 0 is not a number from 1 to 1000"),
            (json!({"num_nodes": -1}), "num_nodes: a whole number"),
            (json!({"num_nodes": 1001}), "num_nodes: 1001 is not a number from 1 to 1000"),
            (json!({"ip_address_list": "10.0.0.5"}), "ip_address_list: a list of texts"),
            (json!({"ip_address_list": ["10.0.0.5; rm -rf /"]}), "is not an IP address"),
            (json!({"ip_address_list": ["10.0.0.5", "10.0.0.5"]}), "10.0.0.5 stands twice"),
            (json!({"ip_address_list": ["224.0.0.1"]}), "no machine's address"),
            (json!({"ip_address_list": ["10.0.0.5", "::ffff:10.0.0.5"]}), "10.0.0.5 stands twice"),
            (json!({"ip_address_list": ["::ffff:255.255.255.255"]}), "no machine's address"),
            (json!({"mac_address_list": ["01:00:5e:00:00:01"]}), "is not a machine's MAC"),
            (
                json!({"mac_address_list": ["52:54:00:00:00:01"], "ip_address_list": ["10.0.0.5", "10.0.0.6"]}),
                "mac_address_list: 1 addresses for 2 nodes",
            ),
        ] {
            let said = Growth::read(&body).unwrap_err().to_string();
            assert!(said.contains(expected), "{body}: {said}");
        }
    }
}
