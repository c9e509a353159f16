//! Networks that a token, user or secret id is bound to.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::{Error, Result};

/// The same list, if each entry is an address or a network (`10.0.0.0/8`).
///
/// # Errors
/// 400 that names the first one that is not.
pub fn checked(cidrs: Vec<String>) -> Result<Vec<String>> {
    match cidrs.iter().find(|cidr| parse(cidr).is_none()) {
        Some(bad) => {
            Err(Error::invalid(format!("invalid CIDR: {bad:?} is neither an address nor a network")))
        }
        None => Ok(cidrs),
    }
}

/// Whether a caller may come from there: `cidrs` is empty or holds its address.
pub fn allows(cidrs: &[String], remote: Option<SocketAddr>) -> bool {
    if cidrs.is_empty() {
        return true;
    }
    let Some(address) = remote.map(|remote| remote.ip().to_canonical()) else { return false };
    cidrs.iter().filter_map(|cidr| parse(cidr)).any(|network| network.contains(&address))
}

/// Whether every network of `inner` lies within one of `outer`; an empty `outer` holds all.
pub fn within(inner: &[String], outer: &[String]) -> bool {
    let outer: Vec<IpNet> = outer.iter().filter_map(|cidr| parse(cidr)).collect();
    outer.is_empty()
        || inner
            .iter()
            .all(|cidr| parse(cidr).is_some_and(|inner| outer.iter().any(|outer| outer.contains(&inner))))
}

fn parse(cidr: &str) -> Option<IpNet> {
    cidr.parse().ok().or_else(|| cidr.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_held_against_networks() {
        let bound = checked(vec!["10.0.0.0/8".into(), "::1".into(), "192.168.1.7".into()]).unwrap();
        let from = |address: &str| allows(&bound, Some(SocketAddr::new(address.parse().unwrap(), 1)));
        assert!(from("10.1.2.3") && from("::1") && from("192.168.1.7") && from("::ffff:10.0.0.1"));
        assert!(!from("11.0.0.1") && !from("192.168.1.8") && !from("::2"));
        assert!(!allows(&bound, None) && allows(&[], None));
        assert!(checked(vec!["10.0.0.0/33".into()]).is_err() && checked(vec!["host".into()]).is_err());
    }

    #[test]
    fn networks_lie_within_networks() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert!(within(&list(&["10.1.0.0/16"]), &list(&["10.0.0.0/8"])));
        assert!(!within(&list(&["10.1.0.0/16", "11.0.0.1"]), &list(&["10.0.0.0/8"])));
        assert!(within(&list(&["10.1.0.0/16"]), &[]));
    }
}
