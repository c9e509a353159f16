//! Documents of `did:web`, fetched for an agent, which strangers tell what to fetch: from public addresses alone unless an
//! option says otherwise, without redirects and proxies, within a time and a size.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::ACCEPT;
use reqwest::{StatusCode, Url};
use tokio::sync::Semaphore;
use trustkeep_agent::DocumentSource;

/// How long a connection may take, and all of it.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const TIME_MAX: Duration = Duration::from_secs(10);
/// Documents fetched at the same time.
const FETCHES_MAX: usize = 64;

/// Fetches documents over `https`.
#[derive(Debug)]
pub(crate) struct WebDocuments {
    http: reqwest::Client,
    allows_private: bool,
    room: Semaphore,
}

impl WebDocuments {
    /// One that connects to private and loopback addresses only if that is allowed.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub(crate) fn new(allows_private: bool) -> anyhow::Result<Self> {
        trustkeep_chassis::tls::install_provider();
        let http = reqwest::Client::builder()
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(TIME_MAX)
            .dns_resolver(Arc::new(Public { allows_private }))
            .build()
            .context("no HTTP client for did:web")?;
        Ok(Self { http, allows_private, room: Semaphore::new(FETCHES_MAX) })
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let url: Url = url.parse().map_err(|_| "it leads to no URL".to_owned())?;
        // An address in place of a name is never resolved.
        let literal = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        if literal.is_some_and(|address| !self.allows_private && !is_public(address)) {
            return Err("its address is not a public one".to_owned());
        }
        let _permit =
            self.room.try_acquire().map_err(|_| "too many are looked up at the same time".to_owned())?;
        let request = self.http.get(url).header(ACCEPT, "application/did+json, application/json");
        let mut response = request.send().await.map_err(|error| words(&error))?;
        if response.status() != StatusCode::OK {
            return Err(format!("its host answers {}", response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| words(&error))? {
            if body.len() + chunk.len() > trustkeep_agent::DOCUMENT_BYTES_MAX {
                return Err("its document is too large".to_owned());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl DocumentSource for WebDocuments {
    fn fetch<'a>(
        &'a self,
        url: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>> {
        Box::pin(self.get(url))
    }
}

/// Gives of a name's addresses those that may be connected to. What is connected to is what was checked: nothing resolves the
/// name again.
#[derive(Debug)]
struct Public {
    allows_private: bool,
}

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        let allows_private = self.allows_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<_> = found.filter(|address| allows_private || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err("its host has no public address".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is anyone's on the Internet (IANA's registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_public_v4(mapped),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

/// Of the unicast range those that lead to no other range, and are no examples.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    (0x2000..0x4000).contains(&a)
        && !(a == 0x2001 && (b < 0x0200 || b == 0x0db8))
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

/// What went wrong, without the address.
fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "its host does not answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_told_from_others() {
        for (address, is) in [
            ("1.1.1.1", true),
            ("172.15.0.1", true),
            ("2606:4700:4700::1111", true),
            ("127.0.0.1", false),
            ("10.0.0.1", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
            ("224.0.0.1", false),
            ("198.18.0.1", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:1.1.1.1", true),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
            ("2001::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), is, "{address}");
        }
    }

    #[tokio::test]
    async fn what_is_not_public_is_not_connected_to() {
        // Whoever connects to it would be told something else than this.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let documents = WebDocuments::new(false).unwrap();
        for host in ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "0x7f.1"] {
            let refused = documents.fetch(&format!("https://{host}:{port}/did.json")).await.unwrap_err();
            assert!(refused.contains("public"), "{host}: {refused}");
        }
        assert!(listener.accept().is_err());
        assert!(documents.fetch(&format!("http://127.0.0.1:{port}/did.json")).await.is_err());
    }
}
