//! Whose word on where a request came from is taken: `X-Forwarded-For` behind a proxy
//! (`hashicorp/vault: http/handler.go`, `WrapForwardedForHandler`).

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::request::Parts;
use trustkeep_chassis::http::RequestContext;

use super::EdgeSettings;
use crate::settings::ForwardedFor;
use crate::{Error, Result};

/// Finds out where a request came from, for [`origin`].
///
/// # Errors
/// See [`remote`].
pub(super) fn settle(settings: &EdgeSettings, parts: &mut Parts) -> Result<()> {
    let Some(settings) = &settings.forwarded_for else { return Ok(()) };
    if let Some(origin) = remote(settings, &parts.headers, origin(parts))? {
        parts.extensions.insert(Origin(origin));
    }
    Ok(())
}

/// Where a request came from: the peer, or whom a proxy named.
pub(super) fn origin(parts: &Parts) -> Option<SocketAddr> {
    let named = parts.extensions.get::<Origin>().map(|origin| origin.0);
    named.or_else(|| parts.extensions.get::<RequestContext>().map(RequestContext::peer))
}

#[derive(Clone, Copy)]
struct Origin(SocketAddr);

/// Where a request came from: `peer`, unless it is a proxy that may say otherwise.
///
/// # Errors
/// 400 where the settings refuse requests without the header or from elsewhere, and where the header does not go
/// as far as it should.
fn remote(
    settings: &ForwardedFor,
    headers: &HeaderMap,
    peer: Option<SocketAddr>,
) -> Result<Option<SocketAddr>> {
    let values: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    if values.is_empty() {
        return if settings.reject_not_present {
            Err(Error::invalid("missing x-forwarded-for header and configured to reject when not present"))
        } else {
            Ok(peer)
        };
    }
    let is_proxy = |peer: &SocketAddr| settings.authorized.iter().any(|network| network.contains(peer.ip()));
    let Some(peer) = peer.filter(is_proxy) else {
        return if settings.reject_not_authorized {
            Err(Error::invalid(
                "client address not authorized for x-forwarded-for and configured to reject connection",
            ))
        } else {
            Ok(peer)
        };
    };
    let hops: Vec<&str> = values
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(',').map(str::trim))
        .collect();
    let index = hops.len().checked_sub(1).and_then(|last| last.checked_sub(settings.hop_skips));
    let Some(hop) = index.and_then(|index| hops.get(index)) else {
        return Err(Error::invalid(format!(
            "malformed x-forwarded-for configuration or request, hops to skip ({}) would skip before earliest chain link (chain length {})",
            settings.hop_skips,
            hops.len()
        )));
    };
    address(hop, peer.port()).map(Some).ok_or_else(|| Error::invalid("malformed x-forwarded-for header"))
}

/// An address, which some proxies write with a port or in brackets.
fn address(hop: &str, port: u16) -> Option<SocketAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let ip = bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port));
    ip.or_else(|| hop.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(hop_skips: usize, reject: bool) -> ForwardedFor {
        ForwardedFor {
            authorized: vec!["10.0.0.0/8".parse().unwrap()],
            hop_skips,
            reject_not_authorized: reject,
            reject_not_present: reject,
        }
    }

    fn from(settings: &ForwardedFor, peer: &str, headers: &[&str]) -> Result<String> {
        let headers = headers
            .iter()
            .map(|value| (http::header::HeaderName::from_static("x-forwarded-for"), value.parse().unwrap()));
        let mut map = HeaderMap::new();
        headers.for_each(|(name, value)| {
            map.append(name, value);
        });
        remote(settings, &map, Some(peer.parse().unwrap())).map(|remote| remote.unwrap().to_string())
    }

    #[test]
    fn a_proxy_is_believed_and_others_are_not() {
        let strict = settings(0, true);
        assert_eq!(
            from(&strict, "10.0.0.1:9", &["192.0.2.1, 192.0.2.2", "192.0.2.3"]).unwrap(),
            "192.0.2.3:9"
        );
        assert_eq!(from(&settings(1, true), "10.0.0.1:9", &["192.0.2.1, 192.0.2.2"]).unwrap(), "192.0.2.1:9");
        assert_eq!(from(&strict, "10.0.0.1:9", &["2001:db8::1"]).unwrap(), "[2001:db8::1]:9");
        assert_eq!(from(&strict, "10.0.0.1:9", &["192.0.2.1:80"]).unwrap(), "192.0.2.1:80");
        for (settings, peer, headers) in [
            (&strict, "10.0.0.1:9", vec![]),
            (&strict, "192.0.2.9:9", vec!["192.0.2.1"]),
            (&settings(2, true), "10.0.0.1:9", vec!["192.0.2.1, 192.0.2.2"]),
            (&strict, "10.0.0.1:9", vec!["nobody"]),
        ] {
            assert_eq!(from(settings, peer, &headers).unwrap_err().status(), 400, "{peer} {headers:?}");
        }
        let lenient = settings(0, false);
        assert_eq!(from(&lenient, "192.0.2.9:9", &["192.0.2.1"]).unwrap(), "192.0.2.9:9");
        assert_eq!(from(&lenient, "10.0.0.1:9", &[]).unwrap(), "10.0.0.1:9");
    }
}
