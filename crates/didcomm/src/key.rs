//! Keys of DIDComm v1: Ed25519 for names and signatures, and the X25519 keys that follow from them for boxes.
//!
//! A public Ed25519 key in base58 is called a verkey; it names a recipient, a sender, a signer. The keys for boxes
//! are its image on Curve25519 (RFC 0019, as libsodium converts them).

mod public;

use std::fmt;
use std::str::FromStr;

use askar_crypto::alg::ed25519::{Ed25519KeyPair, Ed25519SigningKey};
use askar_crypto::alg::x25519::X25519KeyPair;
use askar_crypto::random::KeyMaterial;
use askar_crypto::repr::{KeyPublicBytes as _, KeySecretBytes as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use trustkeep_crypto::{Key256, Random};

pub use public::{KeyType, PublicKey};

use crate::did::DidKey;
use crate::encoding::{from_base58, to_base58};
use crate::{Error, Result};

/// Bytes of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;
/// Characters of 32 bytes in base58, at most.
const VERKEY_CHARS_MAX: usize = 44;
/// Images of the points of small order: a box for one of them could be opened by anybody.
const SMALL_ORDER: [[u8; 32]; 4] = [
    [0; 32],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
        0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
];

/// A public Ed25519 key, as it names whoever holds the secret one. Text: base58 of 32 bytes.
///
/// Not yet known to be a point of the curve: that shows where it is used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Verkey([u8; 32]);

impl Verkey {
    /// The key with these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads every form in which agents write the key of a recipient, a router or a signer: base58, `did:key:X`, and
    /// the reference `did:key:X#X` (RFC 0360).
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::Unsupported`] with the field `key`.
    pub fn from_any_form(text: &str) -> Result<Self> {
        if text.starts_with(DidKey::PREFIX) {
            return match DidKey::parse(text)?.key() {
                PublicKey::Ed25519(verkey) => Ok(*verkey),
                _ => Err(Error::unsupported("key", text)),
            };
        }
        text.parse()
    }

    /// `did:key:z6Mk…`, the form that every agent reads. The reference `did:key:X#X` is
    /// [`DidKey::reference`]; agents of the generation of ACA-Py 0.7 fail on it.
    pub fn did_key(&self) -> String {
        DidKey::new(PublicKey::Ed25519(*self)).to_string()
    }

    /// Its X25519 image, the key that boxes for it are made with; documents that name keys for both write it beside.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field `key` if it is no point of the curve, or one of small order.
    pub fn exchange_key(&self) -> Result<[u8; 32]> {
        let image = agreement(self)?.with_public_bytes(|bytes| bytes.try_into().ok());
        image.ok_or(Error::Library { operation: "converting a key" })
    }

    /// Checks an Ed25519 signature (RFC 8032) over `message`.
    ///
    /// # Errors
    /// [`Error::Signature`] with the field `signature`, also for keys that are no point or of small order.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        let matches = Ed25519KeyPair::from_public_bytes(&self.0)
            .is_ok_and(|key| key.verify_signature(message, signature));
        if matches { Ok(()) } else { Err(Error::Signature { field: "signature".into() }) }
    }
}

impl FromStr for Verkey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = from_base58("key", text, VERKEY_CHARS_MAX)?;
        bytes.try_into().map(Self).map_err(|_| Error::invalid("key", "not the 32 bytes of a public key"))
    }
}

impl fmt::Display for Verkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_base58(&self.0))
    }
}

impl fmt::Debug for Verkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verkey({self})")
    }
}

impl Serialize for Verkey {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Verkey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Somebody to pack for: a verkey with its X25519 image and its text, worth keeping where messages go to one key
/// again and again.
#[derive(Clone)]
pub struct Recipient {
    verkey: Verkey,
    kid: Box<str>,
    agreement: X25519KeyPair,
}

impl Recipient {
    /// Converts the key, which costs three inversions in the field (about a tenth of a packing).
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field `key` if it is no point of the curve, or one of small order.
    pub fn new(verkey: Verkey) -> Result<Self> {
        Ok(Self { verkey, kid: verkey.to_string().into(), agreement: agreement(&verkey)? })
    }

    /// The key's name.
    pub fn verkey(&self) -> Verkey {
        self.verkey
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    pub(crate) fn agreement(&self) -> &X25519KeyPair {
        &self.agreement
    }
}

impl TryFrom<Verkey> for Recipient {
    type Error = Error;

    fn try_from(verkey: Verkey) -> Result<Self> {
        Self::new(verkey)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.kid)
    }
}

/// An Ed25519 key pair with its X25519 image: making one costs as much as a message, so keep it.
///
/// What is secret in it is cleared when it is dropped and never printed.
pub struct Keypair {
    seed: Key256,
    verkey: Verkey,
    kid: Box<str>,
    signing: Ed25519SigningKey,
    agreement: X25519KeyPair,
}

impl Keypair {
    /// A new pair.
    ///
    /// # Errors
    /// [`Error::Library`], which has no reason to happen.
    pub fn generate(random: &dyn Random) -> Result<Self> {
        Self::from_seed(&Key256::random(random))
    }

    /// The pair of a seed (RFC 8032, section 5.1.5): the secret that wallets keep.
    ///
    /// # Errors
    /// [`Error::Library`], which has no reason to happen.
    pub fn from_seed(seed: &Key256) -> Result<Self> {
        const FAILED: Error = Error::Library { operation: "reading a seed" };
        let pair = Ed25519KeyPair::from_secret_bytes(seed.expose()).map_err(|_| FAILED)?;
        let verkey = pair.with_public_bytes(|bytes| bytes.try_into().map(Verkey)).map_err(|_| FAILED)?;
        Ok(Self {
            seed: seed.duplicate(),
            verkey,
            kid: verkey.to_string().into(),
            signing: pair.to_signing_key().ok_or(FAILED)?,
            agreement: pair.to_x25519_keypair(),
        })
    }

    /// The name of the pair: its public key.
    pub fn verkey(&self) -> Verkey {
        self.verkey
    }

    /// The seed, to keep the pair in a wallet.
    pub fn seed(&self) -> &Key256 {
        &self.seed
    }

    /// An Ed25519 signature (RFC 8032) over `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.signing.sign(message)
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    pub(crate) fn agreement(&self) -> &X25519KeyPair {
        &self.agreement
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keypair({}, secret redacted)", self.kid)
    }
}

/// The X25519 image of a verkey.
///
/// # Errors
/// [`Error::Invalid`] with the field `key` if it is no point of the curve, or one of small order.
pub(crate) fn agreement(verkey: &Verkey) -> Result<X25519KeyPair> {
    let refused = || Error::invalid("key", "not a usable Ed25519 public key");
    let image =
        Ed25519KeyPair::from_public_bytes(verkey.as_bytes()).map_err(|_| refused())?.to_x25519_keypair();
    let small = image.with_public_bytes(|bytes| SMALL_ORDER.iter().any(|point| point.as_slice() == bytes));
    if small { Err(refused()) } else { Ok(image) }
}

/// Our source of randomness, as Askar's crates take one.
pub(crate) struct Material<'r>(pub(crate) &'r dyn Random);

impl KeyMaterial for Material<'_> {
    fn read_okm(&mut self, buffer: &mut [u8]) {
        self.0.fill(buffer);
    }
}

#[cfg(test)]
mod tests {
    use trustkeep_crypto::random::Seeded;

    use super::*;

    fn seeded(text: &str) -> Keypair {
        Keypair::from_seed(&Key256::from_slice(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_seed_gives_the_verkey_that_every_agent_derives_from_it() {
        // The seed of the Indy test ledgers' first trustee.
        let pair = seeded("000000000000000000000000Trustee1");
        assert_eq!(pair.verkey().to_string(), "GJ1SzoWzavQYfNL9XkaJdrQejfztN4XqdsiV4ct3LXKL");
        assert_eq!(pair.seed().expose(), b"000000000000000000000000Trustee1");
    }

    #[test]
    fn signatures_hold_for_their_message_and_key_only() {
        let random = Seeded::new(1);
        let (pair, other) = (Keypair::generate(&random).unwrap(), Keypair::generate(&random).unwrap());
        let signature = pair.sign(b"message");
        pair.verkey().verify(b"message", &signature).unwrap();
        let refused = Error::Signature { field: "signature".into() };
        assert_eq!(pair.verkey().verify(b"massage", &signature).unwrap_err(), refused);
        assert_eq!(other.verkey().verify(b"message", &signature).unwrap_err(), refused);
        assert_eq!(pair.verkey().verify(b"message", &signature[..63]).unwrap_err(), refused);
        assert_eq!(Verkey::new([2; 32]).verify(b"message", &signature).unwrap_err(), refused);
    }

    #[test]
    fn keys_are_read_in_every_form() {
        // RFC 0360, tutorial.
        let verkey: Verkey = "8HH5gYEeNc3z7PYXmd54d4x6qAfCNrqQqEB3nS7Zfu7K".parse().unwrap();
        let did_key = "did:key:z6MkmjY8GnV5i9YTDtPETC2uUAW6ejw3nk5mXF5yci5ab7th";
        assert_eq!(verkey.did_key(), did_key);
        let reference = format!("{did_key}#z6MkmjY8GnV5i9YTDtPETC2uUAW6ejw3nk5mXF5yci5ab7th");
        for text in [verkey.to_string().as_str(), did_key, &reference] {
            assert_eq!(Verkey::from_any_form(text).unwrap(), verkey, "{text}");
        }
        for text in ["", "0", "abc", "did:key:", "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc"] {
            assert!(Verkey::from_any_form(text).is_err(), "{text}");
        }
        assert!("1".repeat(45).parse::<Verkey>().is_err());
    }

    #[test]
    fn nobody_packs_for_a_key_that_anybody_opens() {
        let order_eight = [
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        ];
        let hex = |text: &str| -> [u8; 32] {
            let bytes = trustkeep_crypto::SecretBytes::from_hex(text).unwrap();
            bytes.expose().try_into().unwrap()
        };
        let mut keys: Vec<[u8; 32]> = order_eight.iter().map(|text| hex(text)).collect();
        keys.push(hex("0100000000000000000000000000000000000000000000000000000000000000"));
        keys.push(hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"));
        keys.push(hex("0000000000000000000000000000000000000000000000000000000000000000"));
        for key in keys {
            let refused = Recipient::new(Verkey::new(key)).unwrap_err();
            assert_eq!(refused, Error::invalid("key", "not a usable Ed25519 public key"), "{key:02x?}");
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let pair = seeded("000000000000000000000000Trustee1");
        let shown = format!("{pair:?}");
        assert_eq!(shown, "Keypair(GJ1SzoWzavQYfNL9XkaJdrQejfztN4XqdsiV4ct3LXKL, secret redacted)");
    }
}
