//! AWS KMS behind the KMS trait.
