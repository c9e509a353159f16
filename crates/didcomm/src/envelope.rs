//! Encryption envelopes of DIDComm v1 (RFC 0019): packed for one or several keys, with or without naming the sender.
//!
//! Opening takes two steps, because the keys are in a wallet that this crate does not know:
//! [`Envelope::parse`] says for whom it is ([`Envelope::recipients`]); the caller finds the first key that it has and
//! hands it to [`Envelope::open`].
//!
//! ```
//! use trustkeep_crypto::random::SystemRandom;
//! use trustkeep_didcomm::{Envelope, Keypair, Recipient, envelope};
//!
//! let (alice, bob) = (Keypair::generate(&SystemRandom)?, Keypair::generate(&SystemRandom)?);
//! let packed = envelope::authcrypt(b"{}", &[Recipient::new(bob.verkey())?], &alice, &SystemRandom)?;
//!
//! let envelope = Envelope::parse(&packed)?;
//! assert_eq!(envelope.recipients().collect::<Vec<_>>(), [bob.verkey().to_string()]);
//! let opened = envelope.open(&bob)?;
//! assert_eq!((opened.message.as_slice(), opened.sender), (&b"{}"[..], Some(alice.verkey())));
//! # Ok::<(), trustkeep_didcomm::Error>(())
//! ```

mod jwe;
mod open;
mod pack;
mod seal;

pub use open::{Envelope, Opened};
pub use pack::{anoncrypt, authcrypt};

/// Bytes of an envelope that is read. Transports set lower limits (ACA-Py's is 2 MiB).
pub const ENVELOPE_BYTES_MAX: usize = 32 << 20;
/// Characters of `protected`; a recipient takes about 420.
pub const PROTECTED_CHARS_MAX: usize = 64 << 10;
/// Keys for which one envelope is packed.
pub const RECIPIENTS_MAX: usize = 64;

#[cfg(test)]
mod tests;
