//! DIDComm v1: what agents say to each other, to the byte (Aries RFCs, as ACA-Py 0.7 to 1.7 and Credo speak it).
//!
//! Keys and their names ([`Verkey`], [`Keypair`], [`Recipient`]), encryption envelopes ([`envelope`]) and forwarding
//! through mediators ([`forward`]), plaintext messages with their decorators ([`message`]), signed members
//! ([`SignatureDecorator`]) and attachments ([`Attachment`]), DIDs ([`did`]) and DID documents ([`document`]).
//!
//! **What it is not**: it holds no wallet, connection or protocol and does no input or output; it resolves only what a
//! DID itself holds.
//!
//! Invariants:
//! - What comes from others is read without panic, within named bounds of size, number and depth; an [`Error`] names
//!   the field.
//! - Randomness and time are parameters. Secret keys are cleared when dropped and never printed.
//! - Both message prefixes, both alphabets of base64, and every form of a key are read; one is written: the one that
//!   the oldest agent in use reads.

pub mod attachment;
mod base58;
pub mod did;
pub mod document;
mod encoding;
pub mod envelope;
mod error;
pub mod forward;
mod key;
pub mod message;
mod signature;

pub use attachment::Attachment;
pub use did::{Did, DidKey, Nym};
pub use document::Document;
pub use encoding::Object;
pub use envelope::{Envelope, Opened};
pub use error::{Error, Result};
pub use forward::{Destination, Forward};
pub use key::{KeyType, Keypair, PublicKey, Recipient, SIGNATURE_BYTES, Verkey};
pub use message::{Message, MessageType, Prefix, Version};
pub use signature::{SIGNED_BYTES_MAX, SignatureDecorator, Signed};
