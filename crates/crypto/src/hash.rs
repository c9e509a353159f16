//! Message digests: SHA-2 (FIPS 180-4), SHA-3 (FIPS 202), and SHA-1 where an old format fixes it.

use std::fmt;

use aws_lc_rs::digest;
use sha3::Digest as _;
use subtle::ConstantTimeEq as _;

/// The algorithms on offer. SHA3-224 comes from the `sha3` crate, because the provider does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// SHA-1: broken for signatures. Only for identifiers that a format defines with it (RFC 5280 key ids).
    Sha1,
    /// SHA-224, 28 bytes.
    Sha224,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
    /// SHA3-224, 28 bytes.
    Sha3_224,
    /// SHA3-256, 32 bytes.
    Sha3_256,
    /// SHA3-384, 48 bytes.
    Sha3_384,
    /// SHA3-512, 64 bytes.
    Sha3_512,
}

impl Algorithm {
    /// Bytes of a digest.
    pub fn output_len(self) -> usize {
        self.provider().map_or(SHA3_224_LEN, digest::Algorithm::output_len)
    }

    /// Digests `data` in one go.
    pub fn digest(self, data: &[u8]) -> Digest {
        match self.provider() {
            Some(provider) => Digest::new(digest::digest(provider, data).as_ref()),
            None => Digest::new(&sha3::Sha3_224::digest(data)),
        }
    }

    /// What the provider calls it; `None` where it does not have it.
    pub(crate) fn provider(self) -> Option<&'static digest::Algorithm> {
        Some(match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => &digest::SHA224,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
            Self::Sha3_224 => return None,
            Self::Sha3_256 => &digest::SHA3_256,
            Self::Sha3_384 => &digest::SHA3_384,
            Self::Sha3_512 => &digest::SHA3_512,
        })
    }
}

/// SHA-256 of `data` in one go.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(Algorithm::Sha256.digest(data).as_ref());
    out
}

/// A digest in the making, for data that comes in pieces.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Provider(digest::Context),
    Sha3_224(sha3::Sha3_224),
}

impl Hasher {
    /// An empty message.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm.provider() {
            Some(provider) => State::Provider(digest::Context::new(provider)),
            None => State::Sha3_224(sha3::Sha3_224::new()),
        })
    }

    /// Appends `data` to the message.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Provider(context) => context.update(data),
            State::Sha3_224(state) => sha3::Digest::update(state, data),
        }
    }

    /// The digest of the whole message.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Provider(context) => Digest::new(context.finish().as_ref()),
            State::Sha3_224(state) => Digest::new(&state.finalize()),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").finish_non_exhaustive()
    }
}

/// A finished digest.
#[derive(Clone, Copy)]
pub struct Digest {
    bytes: [u8; LEN_MAX],
    len: usize,
}

impl Digest {
    fn new(digest: &[u8]) -> Self {
        let mut bytes = [0; LEN_MAX];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = *from;
        }
        Self { bytes, len: digest.len() }
    }

    /// Compares in time that depends on the lengths only.
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        self.as_ref().ct_eq(other).into()
    }

    /// Lower-case hexadecimal.
    pub fn to_hex(&self) -> String {
        hex::encode(self)
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

const SHA3_224_LEN: usize = 28;
/// Bytes of the longest digest.
const LEN_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_abc_match_the_standards() {
        // The "abc" examples of FIPS 180-4 and FIPS 202.
        for (algorithm, expected) in [
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Algorithm::Sha224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
            (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                Algorithm::Sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                Algorithm::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            (Algorithm::Sha3_224, "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"),
            (Algorithm::Sha3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
            (
                Algorithm::Sha3_384,
                "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
            ),
            (
                Algorithm::Sha3_512,
                "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
            ),
        ] {
            let digest = algorithm.digest(b"abc");
            assert_eq!(digest.to_hex(), expected, "{algorithm:?}");
            assert_eq!(digest.as_ref().len(), algorithm.output_len());
            let mut hasher = Hasher::new(algorithm);
            hasher.update(b"a");
            hasher.update(b"");
            hasher.update(b"bc");
            assert!(hasher.finish().ct_eq(digest.as_ref()));
            assert!(!algorithm.digest(b"abd").ct_eq(digest.as_ref()));
        }
        assert_eq!(hex::encode(sha256(b"abc")), Algorithm::Sha256.digest(b"abc").to_hex());
    }
}
