//! Message types: `prefix protocol/major.minor/name` (RFC 0003, "Message Type and Protocol Identifier URIs").

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Result};

/// The two prefixes, equal in meaning: read both, answer with the configured one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Prefix {
    /// `https://didcomm.org/`: what agents write today.
    #[default]
    DidComm,
    /// `did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/`: what ACA-Py wrote up to 0.10.
    Sov,
}

impl Prefix {
    /// Its text, with what ends it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DidComm => "https://didcomm.org/",
            Self::Sov => "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/",
        }
    }

    fn split(text: &str) -> Option<(Self, &str)> {
        [Self::DidComm, Self::Sov]
            .into_iter()
            .find_map(|prefix| Some((prefix, text.strip_prefix(prefix.as_str())?)))
    }
}

/// The version of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    /// Changes where messages are no longer understood.
    pub major: u16,
    /// Changes where something was added.
    pub minor: u16,
}

impl Version {
    /// `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// The version to answer in, if this one is what is spoken here and `theirs` came: with the same major the lower
    /// minor (RFC 0003, "Semver Rules").
    pub fn agreed(self, theirs: Self) -> Option<Self> {
        (self.major == theirs.major).then(|| self.min(theirs))
    }
}

impl FromStr for Version {
    type Err = Error;

    /// `major.minor`; a patch number, which says nothing about messages, is passed over.
    fn from_str(text: &str) -> Result<Self> {
        let refused = || Error::invalid("@type", "the version is not major.minor");
        let mut parts = text.splitn(3, '.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten().ok_or_else(refused)
        });
        let (major, minor) = (parts.next().ok_or_else(refused)??, parts.next().ok_or_else(refused)??);
        parts.next().transpose()?;
        Ok(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The type of a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageType {
    /// As it was written; two types that differ in it alone are the same.
    pub prefix: Prefix,
    /// For instance `connections`.
    pub protocol: String,
    /// For instance 1.0.
    pub version: Version,
    /// For instance `invitation`.
    pub name: String,
}

impl MessageType {
    /// A type to write.
    pub fn new(prefix: Prefix, protocol: &str, version: Version, name: &str) -> Self {
        Self { prefix, protocol: protocol.to_owned(), version, name: name.to_owned() }
    }

    /// Whether it is this message of this protocol in any version of this major.
    pub fn is(&self, protocol: &str, major: u16, name: &str) -> bool {
        self.protocol == protocol && self.version.major == major && self.name == name
    }
}

impl FromStr for MessageType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (prefix, rest) = Prefix::split(text).ok_or_else(|| Error::unsupported("@type", text))?;
        let mut parts = rest.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(protocol), Some(version), Some(name), None) if !protocol.is_empty() && !name.is_empty() => {
                Ok(Self::new(prefix, protocol, version.parse()?, name))
            }
            _ => Err(Error::invalid("@type", "not protocol/major.minor/name")),
        }
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}/{}/{}", self.prefix.as_str(), self.protocol, self.version, self.name)
    }
}

impl Serialize for MessageType {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MessageType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_prefixes_name_one_message() {
        for (text, prefix) in [
            ("https://didcomm.org/connections/1.0/invitation", Prefix::DidComm),
            ("did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/connections/1.0/invitation", Prefix::Sov),
        ] {
            let kind: MessageType = text.parse().unwrap();
            assert_eq!(kind, MessageType::new(prefix, "connections", Version::new(1, 0), "invitation"));
            assert_eq!(kind.to_string(), text);
            assert!(kind.is("connections", 1, "invitation") && !kind.is("connections", 2, "invitation"));
        }
    }

    #[test]
    fn the_lower_minor_is_spoken() {
        let version = Version::new;
        assert_eq!(version(1, 1).agreed(version(1, 0)), Some(version(1, 0)));
        assert_eq!(version(1, 1).agreed(version(1, 7)), Some(version(1, 1)));
        assert_eq!(version(1, 1).agreed(version(2, 0)), None);
        assert_eq!("1.10.3".parse::<Version>().unwrap(), version(1, 10));
    }

    #[test]
    fn other_types_are_refused() {
        for text in [
            "",
            "connections/1.0/invitation",
            "https://example.com/connections/1.0/invitation",
            "https://didcomm.org/connections/1.0",
            "https://didcomm.org/connections/1.0/",
            "https://didcomm.org//1.0/x",
            "https://didcomm.org/connections/1/invitation",
            "https://didcomm.org/connections/1./invitation",
            "https://didcomm.org/connections/+1.0/invitation",
            "https://didcomm.org/connections/1.0.x/invitation",
            "https://didcomm.org/connections/70000.0/invitation",
            "https://didcomm.org/connections/1.0/a/b",
        ] {
            assert!(text.parse::<MessageType>().is_err(), "{text}");
        }
    }
}
