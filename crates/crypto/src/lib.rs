//! Keys, signatures, AEAD, Shamir sharing, zeroised secrets and the KMS trait.
