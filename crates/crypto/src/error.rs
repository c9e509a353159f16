/// What went wrong, without saying anything about a secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A key, nonce or fixed-size secret has the wrong number of bytes.
    #[error("{what} must be {expected} bytes long, got {got}")]
    Length {
        /// What was given, for instance "AES-256-GCM key".
        what: &'static str,
        /// The number of bytes it must have.
        expected: usize,
        /// The number of bytes it has.
        got: usize,
    },
    /// Sealing failed: the plaintext is longer than the algorithm allows for one nonce (64 GiB for GCM).
    #[error("encryption failed: the plaintext is too long for one message")]
    Encrypt,
    /// The ciphertext, its associated data or the key is not the right one. Deliberately without detail.
    #[error("decryption failed: wrong key, or the data was altered")]
    Decrypt,
    /// A signature or MAC does not match. Deliberately without detail.
    #[error("verification failed: the signature or code does not match the message and key")]
    Verify,
    /// A key could not be read.
    #[error("cannot read {what}: {reason}")]
    Key {
        /// What was expected, for instance "P-256 private key (PKCS#8)".
        what: &'static str,
        /// Why it was refused; never contains key material.
        reason: &'static str,
    },
    /// Text is not valid hexadecimal, base64 or PEM.
    #[error("not valid {encoding}")]
    Encoding {
        /// The encoding that was expected.
        encoding: &'static str,
    },
    /// The provider refused an operation that has no reason to fail (for instance, it is out of memory).
    #[error("the cryptographic provider failed in {operation}")]
    Provider {
        /// The operation that failed.
        operation: &'static str,
    },
}

/// The result of this crate's operations.
pub type Result<T> = std::result::Result<T, Error>;
