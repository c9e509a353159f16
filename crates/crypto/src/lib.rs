//! Keys, signatures, AEAD, Shamir sharing, zeroised secrets and the KMS trait.
//!
//! **What it is**: the one door to cryptography for every service. Each module is a thin, typed cover over
//! `aws-lc-rs` (over `vsss-rs` for secret sharing, and over RustCrypto for what of SHA-3 the provider lacks)
//! that fixes the encodings we store and send.
//!
//! **What it is not**: it holds no protocol, no key store, no file and no network access, and it implements
//! no primitive of its own. TLS lives in the chassis, certificates in the services that issue them.
//!
//! Invariants:
//! - Secret bytes live in [`SecretBytes`], [`SecretKey`] or [`SecretString`]: cleared when dropped, redacted
//!   in `Debug`, compared in constant time, copied only by an explicit `duplicate()`.
//! - Randomness is a parameter ([`Random`]), so that a seed replays a test.
//! - A failed decryption or verification says only that it failed.
//!
//! Main types: [`aead::Aead`], [`hash::Hasher`], [`hmac::Key`], [`sign::SigningKey`], [`rsa::PrivateKey`],
//! [`agree::PrivateKey`], [`shamir`], [`kms::Kms`], [`envelope`].
//!
//! ```
//! use trustkeep_crypto::{Key256, aead::Aead, random::SystemRandom, shamir};
//!
//! let random = SystemRandom;
//! let key = Key256::random(&random);
//! let aead = Aead::aes256_gcm(&key)?;
//! let sealed = aead.seal(&random, b"path/of/the/entry", b"attack at dawn")?;
//! assert_eq!(aead.open(b"path/of/the/entry", &sealed)?.expose(), b"attack at dawn");
//!
//! let shares = shamir::split(key.expose(), 5, 3, &random)?;
//! let together = shamir::combine(&shares[1..4])?;
//! assert!(key.ct_eq(together.expose()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod aead;
pub mod agree;
mod der;
pub mod envelope;
mod error;
pub mod hash;
pub mod hkdf;
pub mod hmac;
pub mod key_wrap;
pub mod kms;
pub mod pbkdf2;
pub mod pem;
pub mod random;
pub mod rsa;
mod secret;
pub mod shamir;
pub mod sign;

pub use error::{Error, Result};
pub use random::Random;
pub use secret::{Key256, SecretBytes, SecretKey, SecretString};
