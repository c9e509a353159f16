//! What KV version 2 says of its paths.

use crate::help::{Field, Help, PathHelp, flag, int, map, seconds, texts};
use crate::request::Operation::{Create, Delete, List, Patch, Read, Update};

/// See [`Help`].
pub(super) const HELP: Help = Help {
    overview: "This backend provides a versioned key-value store. The kv backend reads and writes arbitrary secrets to the storage backend. The secrets are encrypted/decrypted by Vault: they are never stored unencrypted in the backend and the backend never has an opportunity to see the unencrypted value. Each key can have a configured number of versions, and versions can be retrieved based on their version numbers.",
    paths: &[
        PathHelp::new("config", &[Read, Update], "Configures settings for the KV store").takes(SETTINGS),
        PathHelp::new(
            "data/{path*}",
            &[Create, Read, Update, Patch, Delete],
            "Write, Patch, Read, and Delete data in the Key-Value Store.",
        )
        .takes(&[
            map("data", "The contents of the data map will be stored and returned on read."),
            map("options", "`cas`: the version that must be the current one; 0 for a secret that must not exist."),
            int("version", "If provided during a read, the value at the version number will be returned"),
        ]),
        PathHelp::new("subkeys/{path*}", &[Read], "Read the structure of a secret entry from the Key-Value store with the underlying values removed.").takes(&[
            int("version", "Specifies which version to retrieve. If not provided, the current version will be used."),
            int("depth", "Specifies the deepest nesting level to provide in the output. The default value 0 will not impose any limit."),
        ]),
        PathHelp::new("delete/{path*}", &[Update], "Marks one or more versions as deleted in the KV store.").takes(VERSIONS),
        PathHelp::new("undelete/{path*}", &[Update], "Undeletes one or more versions from the KV store.").takes(VERSIONS),
        PathHelp::new("destroy/{path*}", &[Update], "Permanently removes one or more versions in the KV store").takes(VERSIONS),
        PathHelp::new("metadata", &[List], "Lists the names of the secrets at the top."),
        PathHelp::new(
            "metadata/{path*}",
            &[Create, Read, Update, Patch, Delete, List],
            "Allows interaction with key metadata and settings in the KV store.",
        )
        .takes(&[
            int("max_versions", "The number of versions to keep. If not set, the backend's configured max version is used."),
            flag("cas_required", "If true the key will require the cas parameter to be set on all write requests."),
            seconds("delete_version_after", "The length of time before a version is deleted."),
            map("custom_metadata", "User-provided key-value pairs that are used to describe arbitrary and version-agnostic information about a secret."),
        ]),
    ],
};

const SETTINGS: &[Field] = &[
    int("max_versions", "The number of versions to keep for each key. Defaults to 10"),
    flag("cas_required", "If true, the backend will require the cas parameter to be set for each write"),
    seconds("delete_version_after", "If set, the length of time before a version is deleted."),
];

const VERSIONS: &[Field] = &[texts("versions", "The versions concerned. They are numbers.")];
