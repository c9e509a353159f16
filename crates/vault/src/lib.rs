//! The vault service: secrets custody over Vault's HTTP API.
