//! The forms that a text must have, and ACA-Py's words for one that has another (`messaging/valid.py`).

use std::fmt::Write as _;

use crate::protocols::out_of_band::Handshake;

/// A form of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Any.
    Any,
    /// A DID of any method, or a bare one.
    Did,
    /// A bare DID, or one of `did:sov`.
    IndyDid,
    /// A DID of any method, with what may follow it in a URL.
    W3cDid,
    /// A protocol by which an invitation may be answered, by any of its names.
    Handshake,
    /// An Ed25519 key in base58.
    RawKey,
    /// The same, or as `did:key`.
    RoutingKey,
    /// A random UUID.
    Uuid,
    /// A URL without query and fragment.
    Endpoint,
    /// A URI of any scheme.
    Uri,
    /// A signed token.
    Jwt,
    /// A signed token with disclosures.
    SdJwt,
    /// The path of a claim that is not hidden.
    NonSd,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// One of these, with the words of ACA-Py's own validators.
    Among(&'static [&'static str]),
}

const BASE58: &str = "[123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz]";

const JWT: &str = r"[a-zA-Z0-9_-]+\.[a-zA-Z0-9_-]*\.[a-zA-Z0-9_-]+";

impl Check {
    /// Whether a text has the form.
    pub(super) fn holds(self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Did => is_bare(text) || is_did(text),
            Self::IndyDid => is_bare(text),
            Self::W3cDid => is_did(text),
            Self::Handshake => Handshake::named(text).is_some(),
            Self::RawKey => (43..=44).contains(&text.len()) && is_base58(text),
            Self::RoutingKey => {
                Self::RawKey.holds(text)
                    || text.strip_prefix("did:key:z").is_some_and(|key| {
                        // With a reference to itself too, as ACA-Py shows routing keys.
                        let (key, reference) = key.split_once('#').unwrap_or((key, "z"));
                        !key.is_empty() && is_base58(key) && is_base58(reference)
                    })
            }
            Self::Uuid => is_uuid(text),
            Self::Endpoint => is_endpoint(text),
            Self::Uri => is_uri(text),
            Self::Jwt => is_jwt(text),
            Self::SdJwt => is_sd_jwt(text),
            // ACA-Py looks at the first character alone.
            Self::NonSd => text.starts_with(|char: char| {
                char.is_ascii_lowercase() || char.is_ascii_digit() || ":[]_.@?()".contains(char)
            }),
            Self::OneOf(choices) | Self::Among(choices) => choices.contains(&text),
        }
    }

    /// What is said of a text that has another form.
    pub(super) fn words(self, text: &str) -> String {
        match self {
            Self::Any => "Not a valid string.".to_owned(),
            Self::Did => format!("Value {text} is not a valid DID"),
            Self::IndyDid => format!("Value {text} is not an indy decentralized identifier (DID)"),
            Self::W3cDid => format!("Value {text} is not a w3c decentralized identifier (DID)"),
            Self::Handshake => "Invalid value.".to_owned(),
            Self::RawKey => format!("Value {text} is not a raw Ed25519VerificationKey2018 key"),
            Self::RoutingKey => {
                format!("Value {text} is not in W3C did:key or Ed25519VerificationKey2018 key format")
            }
            Self::Uuid => format!("Value {text} is not UUID4 (8-4-4-4-12 hex digits with digit#13=4)"),
            Self::Endpoint => format!("Value {text} is not a valid endpoint"),
            Self::Uri => format!("Value {text} is not URI"),
            Self::Jwt => format!("Value {text} is not a valid JSON Web token"),
            Self::SdJwt => format!("Value {text} is not a valid SD-JSON Web token"),
            Self::NonSd => format!("Value {text} is not a valid NonSDList"),
            Self::OneOf(choices) => format!("Must be one of: {}.", choices.join(", ")),
            Self::Among(choices) => format!("Value {text} must be one of {}", choices.join(", ")),
        }
    }

    /// The form as a regular expression, if it can be told as one.
    pub(super) fn pattern(self) -> Option<String> {
        let mut pattern = String::new();
        match self {
            Self::Any | Self::Handshake | Self::OneOf(_) | Self::Among(_) => return None,
            Self::W3cDid => write!(pattern, "^did:[a-zA-Z0-9_]+:.+$"),
            Self::Did => write!(pattern, "^(did:sov:)?{BASE58}{{21,22}}$|^did:[a-zA-Z0-9_]+:.+$"),
            Self::IndyDid => write!(pattern, "^(did:sov:)?{BASE58}{{21,22}}$"),
            Self::RawKey => write!(pattern, "^{BASE58}{{43,44}}$"),
            Self::RoutingKey => write!(pattern, "^did:key:z{BASE58}+$|^{BASE58}{{43,44}}$"),
            Self::Uuid => write!(
                pattern,
                "[a-fA-F0-9]{{8}}-[a-fA-F0-9]{{4}}-4[a-fA-F0-9]{{3}}-[a-fA-F0-9]{{4}}-[a-fA-F0-9]{{12}}"
            ),
            Self::Uri => write!(pattern, r"\w+:(\/?\/?)[^\s]+"),
            Self::Jwt => write!(pattern, "^{JWT}$"),
            Self::SdJwt => write!(pattern, "^{JWT}(?:~[a-zA-Z0-9._-]+)*~?$"),
            Self::NonSd => write!(pattern, r"[a-z0-9:\[\]_\.@?\(\)]"),
            Self::Endpoint => write!(
                pattern,
                r"^[A-Za-z0-9\.\-\+]+://([A-Za-z0-9][.A-Za-z0-9-_]+[A-Za-z0-9])+(:[1-9][0-9]*)?(/[^?&#]+)?$"
            ),
        }
        .ok()
        .map(|()| pattern)
    }

    /// A text of the form.
    pub(super) fn example(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::W3cDid => Some("did:web:example.com"),
            Self::Handshake => Some("https://didcomm.org/didexchange/1.0"),
            Self::Did | Self::IndyDid => Some("WgWxqztrNooG92RXvxSTWv"),
            Self::RawKey | Self::RoutingKey => Some("H3C2AVvLMv6gmMNam3uVAjZpfkcJCwDwnZn6z3wXmqPV"),
            Self::Uuid => Some("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
            Self::Endpoint => Some("https://myhost:8021"),
            Self::Uri => Some("did:web:example.com#key-1"),
            Self::Jwt | Self::SdJwt => {
                Some("eyJhbGciOiJFZERTQSJ9.eyJhIjogIjAifQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
            }
            Self::NonSd => Some("address.street_address"),
            Self::OneOf(choices) | Self::Among(choices) => choices.first().copied(),
        }
    }
}

fn is_base58(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() && !matches!(byte, b'0' | b'O' | b'I' | b'l'))
}

fn is_bare(text: &str) -> bool {
    let bare = text.strip_prefix("did:sov:").unwrap_or(text);
    (21..=22).contains(&bare.len()) && is_base58(bare)
}

fn is_did(text: &str) -> bool {
    let Some((method, rest)) = text.strip_prefix("did:").and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    let id = rest.split([';', '/', '?', '#']).next().unwrap_or_default();
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.%-".contains(&b))
    };
    !method.is_empty()
        && method.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && id.split(':').all(is_part)
        && !rest.contains(['\n', '\r'])
}

/// Wherever it stands in the text: ACA-Py looks for it at the beginning, and lets more follow.
fn is_uuid(text: &str) -> bool {
    text.len() >= 36
        && text.bytes().take(36).enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            14 => byte == b'4',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_endpoint(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, Some(path)),
        None => (rest, None),
    };
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    !scheme.is_empty()
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte))
        && host.len() >= 3
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && is_edge(host.bytes().next())
        && is_edge(host.bytes().last())
        && port.is_none_or(|port| {
            port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty() && !port.starts_with('0')
        })
        && path.is_none_or(|path| !path.is_empty() && !path.contains(['?', '&', '#']))
}

/// At the beginning: more may follow.
fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        let is_word = |char: char| char.is_alphanumeric() || char == '_';
        !scheme.is_empty()
            && scheme.chars().all(is_word)
            && rest.starts_with(|char: char| !char.is_whitespace())
    })
}

fn is_jwt(text: &str) -> bool {
    let is_part = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let parts: Vec<&str> = text.splitn(4, '.').collect();
    matches!(parts.as_slice(), [headers, payload, signature]
        if !headers.is_empty() && !signature.is_empty() && [headers, payload, signature].into_iter().all(|part| is_part(part)))
}

fn is_sd_jwt(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    let text = text.strip_suffix('~').unwrap_or(text);
    let mut parts = text.split('~');
    parts.next().is_some_and(is_jwt) && parts.all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_and_refused_as_the_original_does() {
        let key = "H3C2AVvLMv6gmMNam3uVAjZpfkcJCwDwnZn6z3wXmqPV";
        for (check, good, bad) in [
            (
                Check::Did,
                ["WgWxqztrNooG92RXvxSTWv", "did:sov:WgWxqztrNooG92RXvxSTWv", "did:web:a.example%3A80:b"],
                ["", "WgWx0ztrNooG92RXvxSTWv", "did:web:"],
            ),
            (Check::IndyDid, ["WgWxqztrNooG92RXvxSTWv"; 3], ["did:web:a.example", "x", "did:sov:"]),
            (Check::RawKey, [key; 3], ["zz", "", "did:key:z6Mk"]),
            (
                Check::Uuid,
                [
                    "3fa85f64-5717-4562-b3fc-2c963f66afa6",
                    "3FA85F64-5717-4562-B3FC-2C963F66AFA6x",
                    "00000000-0000-4000-0000-000000000000",
                ],
                ["x", "3fa85f64-5717-5562-b3fc-2c963f66afa6", "3fa85f64"],
            ),
            (
                Check::Endpoint,
                ["http://127.0.0.1:8030", "wss://a-b.example/x/y", "https://myhost:8021"],
                ["http://x", "http://a.example/", "foo"],
            ),
            (Check::Uri, ["did:key:z#z", "http://x", "a:b c"], ["x", "", "a-b: c"]),
            (Check::Jwt, ["a.b.c", "a..c", "-.b.C_"], ["a.b", "a.b.c.d", "a.b.c~"]),
            (Check::SdJwt, ["a.b.c", "a..c~x~", "a.b.c~d~e.f.g"], ["a.b~", "a.b.c~~", "a.b.c~!~"]),
            (Check::NonSd, ["name", "a[1:3]", "?X"], ["", "Name", "-"]),
        ] {
            for text in good {
                assert!(check.holds(text), "{check:?} {text}");
            }
            for text in bad {
                assert!(!check.holds(text), "{check:?} {text}");
            }
        }
    }
}
