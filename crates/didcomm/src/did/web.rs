//! `did:web`: a document on a web server (W3C CCG, did:web method, section 2.5.2). Fetching it is the caller's.

use std::fmt;

use crate::{Error, Result};

/// A DID whose document is at a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DidWeb {
    text: String,
    url: String,
}

impl DidWeb {
    /// How it begins.
    pub const PREFIX: &str = "did:web:";

    /// Reads `did:web:host`, with a port after `%3A` and a path after colons.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field `did`, also for anything that would lead the URL elsewhere.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = || Error::invalid("did", "not did:web:host[%3Aport][:path]");
        let id = text.strip_prefix(Self::PREFIX).ok_or_else(refused)?;
        let mut parts = id.split(':');
        let authority = authority(parts.next().unwrap_or_default()).ok_or_else(refused)?;
        let mut path = String::new();
        for segment in parts {
            if !is_segment(segment) {
                return Err(refused());
            }
            path.push('/');
            path.push_str(segment);
        }
        if path.is_empty() {
            path.push_str("/.well-known");
        }
        Ok(Self { text: text.to_owned(), url: format!("https://{authority}{path}/did.json") })
    }

    /// Where its document is: always `https`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl fmt::Display for DidWeb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `host` or `host%3Aport` as `host:port`.
fn authority(text: &str) -> Option<String> {
    let lower = text.find("%3A").or_else(|| text.find("%3a"));
    let (host, port) = match lower {
        Some(at) => (text.get(..at)?, Some(text.get(at + 3..)?)),
        None => (text, None),
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    if host.is_empty() || !host.bytes().all(named) {
        return None;
    }
    match port {
        None => Some(host.to_owned()),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok() => {
            Some(format!("{host}:{port}"))
        }
        Some(_) => None,
    }
}

/// A segment that stays where it is: no dots alone, no slash, percent-encoded or not.
fn is_segment(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !text.is_empty() && text != "." && text != ".." && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_those_of_the_method() {
        for (did, url) in [
            ("did:web:w3c-ccg.github.io", "https://w3c-ccg.github.io/.well-known/did.json"),
            ("did:web:w3c-ccg.github.io:user:alice", "https://w3c-ccg.github.io/user/alice/did.json"),
            ("did:web:example.com%3A3000", "https://example.com:3000/.well-known/did.json"),
            ("did:web:example.com%3A3000:user:alice", "https://example.com:3000/user/alice/did.json"),
        ] {
            assert_eq!(DidWeb::parse(did).unwrap().url(), url);
        }
    }

    #[test]
    fn nothing_leads_the_url_elsewhere() {
        for did in [
            "did:web:",
            "did:web:example.com/x",
            "did:web:user@example.com",
            "did:web:example.com%2Fx",
            "did:web:example.com%3A",
            "did:web:example.com%3Ax",
            "did:web:example.com%3A70000",
            "did:web:example.com:",
            "did:web:example.com::x",
            "did:web:example.com:..:x",
            "did:web:example.com:a%2e",
            "did:web:example.com:a?b",
            "did:web:example.com:a#b",
            "did:web:%3A80",
        ] {
            assert!(DidWeb::parse(did).is_err(), "{did}");
        }
    }
}
