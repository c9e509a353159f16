//! What the cubbyhole says of its paths.

use crate::help::{Help, PathHelp};
use crate::request::Operation::{Create, Delete, List, Read, Update};

/// See [`Help`].
pub(super) const HELP: Help = Help {
    overview: "The cubbyhole backend reads and writes arbitrary secrets to the backend. The secrets are encrypted/decrypted by Vault: they are never stored unencrypted in the backend and the backend never has an opportunity to see the unencrypted value. This backend differs from the 'kv' backend in that it is namespaced per-token. Tokens can only read and write their own values, with no sharing possible (per-token cubbyholes).",
    paths: &[PathHelp::new(
        "{path*}",
        &[Create, Read, Update, Delete, List],
        "Pass-through secret storage to a token-specific cubbyhole in the storage backend, allowing you to read/write arbitrary data into secret storage.",
    )],
};
