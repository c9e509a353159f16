//! What KV version 1 says of its paths.

use crate::help::{Help, PathHelp};
use crate::request::Operation::{Create, Delete, List, Read, Update};

/// See [`Help`].
pub(super) const HELP: Help = Help {
    overview: "The kv backend reads and writes arbitrary secrets to the storage backend. The secrets are encrypted/decrypted by Vault: they are never stored unencrypted in the backend and the backend never has an opportunity to see the unencrypted value. Leases can be set on a per-secret basis. These leases will be sent down when that secret is read, and it is assumed that some outside process will revoke and/or rotate the secret at that path.",
    paths: &[PathHelp::new(
        "{path*}",
        &[Create, Read, Update, Delete, List],
        "Pass-through secret storage to the storage backend, allowing you to read/write arbitrary data into secret storage.",
    )],
};
