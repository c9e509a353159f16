//! The protocols by which an invitation may be answered, by all the names that ACA-Py takes for them.

use trustkeep_didcomm::Prefix;

/// A protocol that makes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// `connections/1.0` (RFC 0160).
    Connections,
    /// `didexchange/1.0` (RFC 0023).
    DidExchange10,
    /// `didexchange/1.1`.
    DidExchange11,
}

/// The other names, without anything but letters and digits.
const NAMES: [(&str, Handshake); 13] = [
    ("connection", Handshake::Connections),
    ("connections", Handshake::Connections),
    ("conn", Handshake::Connections),
    ("conns", Handshake::Connections),
    ("rfc160", Handshake::Connections),
    ("160", Handshake::Connections),
    ("old", Handshake::Connections),
    ("didexchange", Handshake::DidExchange10),
    ("didx", Handshake::DidExchange10),
    ("didex", Handshake::DidExchange10),
    ("rfc23", Handshake::DidExchange10),
    ("23", Handshake::DidExchange10),
    ("new", Handshake::DidExchange10),
];

impl Handshake {
    /// Reads any name of one: with a prefix, bare, or short.
    pub fn named(name: &str) -> Option<Self> {
        let prefixes = [Prefix::DidComm.as_str(), Prefix::Sov.as_str()];
        let bare = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        if let Some((protocol, version)) = bare.split_once('/') {
            let mut numbers = version.trim_end_matches('/').splitn(2, '.');
            let (major, minor) = (numbers.next(), numbers.next().and_then(|minor| minor.parse::<u16>().ok()));
            return match (protocol, major, minor) {
                ("connections", Some("1"), Some(_)) => Some(Self::Connections),
                ("didexchange", Some("1"), Some(0)) => Some(Self::DidExchange10),
                // Of a newer minor version the newest that is spoken here (RFC 0003).
                ("didexchange", Some("1"), Some(_)) => Some(Self::DidExchange11),
                _ => None,
            };
        }
        let short: String = bare
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        NAMES.iter().find(|(known, _)| *known == short).map(|(_, handshake)| *handshake)
    }

    /// Its name without a prefix, as connections note it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections/1.0",
            Self::DidExchange10 => "didexchange/1.0",
            Self::DidExchange11 => "didexchange/1.1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_are_read() {
        for (name, handshake) in [
            ("connections/1.0", Some(Handshake::Connections)),
            ("https://didcomm.org/connections/1.0", Some(Handshake::Connections)),
            ("did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/didexchange/1.0", Some(Handshake::DidExchange10)),
            ("https://didcomm.org/didexchange/1.1", Some(Handshake::DidExchange11)),
            ("didexchange/1.7", Some(Handshake::DidExchange11)),
            ("rfc-23", Some(Handshake::DidExchange10)),
            ("DID-Exchange", Some(Handshake::DidExchange10)),
            ("RFC 160", Some(Handshake::Connections)),
            ("new", Some(Handshake::DidExchange10)),
            ("didexchange/2.0", None),
            ("connections", Some(Handshake::Connections)),
            ("pigeon", None),
            ("", None),
        ] {
            assert_eq!(Handshake::named(name), handshake, "{name}");
        }
        assert_eq!(Handshake::named(Handshake::DidExchange11.name()), Some(Handshake::DidExchange11));
    }
}
