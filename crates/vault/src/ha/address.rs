use http::Uri;

use crate::{Error, Result};

/// Where other nodes reach a node that clients reach at `api_addr`, if nothing else is said: the port above.
///
/// # Errors
/// 400 where there is no port above.
pub fn cluster_address(api_addr: &str) -> Result<String> {
    let (host, port) = host_and_port(api_addr)?;
    let above = port.checked_add(1).ok_or_else(|| {
        Error::invalid(format!(
            "cluster_addr is missing, and there is no port above that of api_addr {api_addr}"
        ))
    })?;
    Ok(format!("https://{host}:{above}"))
}

/// Host (with brackets around an IPv6 address) and port of a URL.
pub(super) fn host_and_port(url: &str) -> Result<(String, u16)> {
    let wrong = || Error::invalid(format!("\"{url}\" is not a URL (\"https://vault.example.org:8201\")"));
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
    let default = match uri.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return Err(wrong()),
    };
    Ok((host.to_owned(), uri.port_u16().unwrap_or(default)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_for_nodes_is_the_one_above() {
        for (api, cluster) in [
            ("http://10.0.0.1:8200", "https://10.0.0.1:8201"),
            ("https://vault.example.org", "https://vault.example.org:444"),
            ("https://[::1]:8200", "https://[::1]:8201"),
        ] {
            assert_eq!(cluster_address(api).unwrap(), cluster);
        }
        assert!(cluster_address("http://10.0.0.1:65535").is_err());
        assert!(cluster_address("vault").is_err());
    }
}
