//! Bare DIDs of the Indy world: base58 of the first 16 bytes of the Ed25519 key they were made with.

use std::fmt;
use std::str::FromStr;

use crate::encoding::{from_base58, to_base58};
use crate::{Error, Result, Verkey};

const BYTES: usize = 16;
/// Characters of 16 bytes in base58, at most.
const CHARS_MAX: usize = 22;

/// A DID without a method, as connections/1.0 carries it in `DID`. Inside its document it is written as `did:sov:…`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nym([u8; BYTES]);

impl Nym {
    /// The DID that belongs to a key.
    pub fn of(verkey: &Verkey) -> Self {
        let mut bytes = [0; BYTES];
        for (to, from) in bytes.iter_mut().zip(verkey.as_bytes()) {
            *to = *from;
        }
        Self(bytes)
    }
}

impl FromStr for Nym {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || Error::invalid("did", "not 16 bytes in base58");
        let bytes = from_base58("did", text, CHARS_MAX).map_err(|_| refused())?;
        bytes.try_into().map(Self).map_err(|_| refused())
    }
}

impl fmt::Display for Nym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_base58(&self.0))
    }
}

impl fmt::Debug for Nym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nym({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_did_is_half_of_its_key() {
        // The first trustee of Indy's test ledgers.
        let verkey: Verkey = "GJ1SzoWzavQYfNL9XkaJdrQejfztN4XqdsiV4ct3LXKL".parse().unwrap();
        assert_eq!(Nym::of(&verkey).to_string(), "V4SGRU86Z58d6TV7PBUe6f");
        assert_eq!("V4SGRU86Z58d6TV7PBUe6f".parse::<Nym>().unwrap(), Nym::of(&verkey));
        for text in ["", "V4SGRU86Z58d6TV7PB", "V4SGRU86Z58d6TV7PBUe6f1", "V4SGRU86Z58d6TV7PBUe0f"] {
            assert!(text.parse::<Nym>().is_err(), "{text}");
        }
    }
}
