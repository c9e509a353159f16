//! What `sys/` says of its paths.

use crate::help::{Field, Help, PathHelp, flag, int, map, seconds, text, texts};
use crate::request::Operation::{Delete, List, Read, Update};

/// See [`Help`].
pub const HELP: Help = Help {
    overview: "The system backend is built-in to Vault and cannot be remounted or unmounted. It contains the paths that are used to configure Vault itself as well as perform core operations.",
    paths: &[
        PathHelp::new("audit", &[Read], "List the currently enabled audit backends.").sudo(),
        PathHelp::new("auth", &[Read], "List the currently enabled credential backends."),
        PathHelp::new("auth/{path}/tune", &[Read, Update], "Tune backend configuration parameters for this auth mount.").takes(TUNE),
        PathHelp::new("auth/{path*}", &[Read, Update, Delete], "Enable a new credential backend with a name.").takes(MOUNT).sudo(),
        PathHelp::new("capabilities", &[Update], "Fetches the capabilities of the given token on the given path.").takes(&[text("token", "Token for which capabilities are being queried."), PATHS]),
        PathHelp::new("capabilities-accessor", &[Update], "Fetches the capabilities of the token associated with the given accessor, on the given path.").takes(&[text("accessor", "Accessor of the token for which capabilities are being queried."), PATHS]),
        PathHelp::new("capabilities-self", &[Update], "Fetches the capabilities of the given token on the given path.").takes(&[PATHS]),
        PathHelp::new("config/cors", &[Read, Update, Delete], "Configures or returns the current configuration of CORS settings.").takes(&[texts("allowed_origins", "A comma-separated string or array of strings indicating origins that may make cross-origin requests."), texts("allowed_headers", "A comma-separated string or array of strings indicating headers that are allowed on cross-origin requests."), flag("allow_credentials", "Whether browsers may send credentials along.")]).sudo(),
        PathHelp::new("config/state/sanitized", &[Read], "Return a sanitized version of the Vault server configuration."),
        PathHelp::new("config/ui/headers", &[List], "Return a list of configured UI headers.").sudo(),
        PathHelp::new("config/ui/headers/{header}", &[Read, Update, Delete], "Configures response headers that should be returned from the UI.").takes(&[texts("values", "The values to set the header."), flag("multivalue", "Returns multiple values if true")]).sudo(),
        PathHelp::new("experiments", &[Read], "Returns the available and enabled experiments"),
        PathHelp::new("health", &[Read], "Checks the health status of the Vault.").public(),
        PathHelp::new("host-info", &[Read], "Information about the host instance that this Vault server is running on."),
        PathHelp::new("in-flight-req", &[Read], "reports in-flight requests"),
        PathHelp::new("init", &[Read, Update], "Initializes or returns the initialization status of the Vault.").takes(INIT).public(),
        PathHelp::new("internal/counters/activity", &[Read], "Query the historical count of clients."),
        PathHelp::new("internal/counters/config", &[Read, Update], "Control the collection and reporting of client counts."),
        PathHelp::new("internal/counters/entities", &[Read], "Backwards compatibility is not guaranteed for this API"),
        PathHelp::new("internal/counters/tokens", &[Read], "Backwards compatibility is not guaranteed for this API"),
        PathHelp::new("internal/specs/openapi", &[Read], "Generate an OpenAPI 3 document of all mounted paths.").takes(&[flag("generic_mount_paths", "Use generic mount paths")]).public(),
        PathHelp::new("internal/ui/mounts", &[Read], "Information about mounts returned according to their tuned visibility. Internal API; its location, inputs, and outputs may change.").public(),
        PathHelp::new("internal/ui/mounts/{path*}", &[Read], "Information about mounts returned according to their tuned visibility. Internal API; its location, inputs, and outputs may change.").public(),
        PathHelp::new("internal/ui/namespaces", &[Read], "Information about visible child namespaces. Internal API; its location, inputs, and outputs may change.").public(),
        PathHelp::new("internal/ui/resultant-acl", &[Read], "Information about a token's resultant ACL. Internal API; its location, inputs, and outputs may change."),
        PathHelp::new("key-status", &[Read], "Provides information about the backend encryption key."),
        PathHelp::new("leader", &[Read], "Check the high availability status and current leader of Vault").public(),
        PathHelp::new("loggers", &[Read, Update, Delete], "Modify the log level of all existing loggers.").takes(&[text("level", "Log verbosity level. Supported values (in order of detail) are \"trace\", \"debug\", \"info\", \"warn\", and \"error\".")]),
        PathHelp::new("loggers/{name}", &[Read, Update, Delete], "Modify the log level of a single logger.").takes(&[text("level", "Log verbosity level.")]),
        PathHelp::new("leases", &[Read], "List leases associated with this Vault cluster").takes(IRREVOCABLE).sudo(),
        PathHelp::new("leases/count", &[Read], "Count of leases associated with this Vault cluster").takes(IRREVOCABLE),
        PathHelp::new("leases/lookup", &[Update], "View or list lease metadata.").takes(&[LEASE]),
        PathHelp::new("leases/lookup/{prefix*}", &[List], "View or list lease metadata.").sudo(),
        PathHelp::new("leases/renew", &[Update], "Renew a lease on a secret").takes(&[LEASE, seconds("increment", "The desired increment in seconds to the lease")]),
        PathHelp::new("leases/revoke", &[Update], "Revoke a leased secret immediately").takes(&[LEASE, SYNC]),
        PathHelp::new("leases/revoke-force/{prefix*}", &[Update], "Revoke all secrets generated in a given prefix, ignoring errors.").sudo(),
        PathHelp::new("leases/revoke-prefix/{prefix*}", &[Update], "Revoke all secrets generated in a given prefix").takes(&[SYNC]).sudo(),
        PathHelp::new("leases/tidy", &[Update], "This endpoint performs cleanup tasks that can be run if certain error conditions have occurred."),
        PathHelp::new("metrics", &[Read], "Export the metrics aggregated for telemetry purpose.").takes(&[text("format", "Format to export metrics into. Currently accepts only \"prometheus\".")]),
        PathHelp::new("mounts", &[Read], "List the currently mounted backends."),
        PathHelp::new("mounts/{path}/tune", &[Read, Update], "Tune backend configuration parameters for this mount.").takes(TUNE),
        PathHelp::new("mounts/{path*}", &[Read, Update, Delete], "Mount a new backend at a new path.").takes(MOUNT),
        PathHelp::new("plugins/catalog", &[Read, List], "Lists all the plugins known to Vault"),
        PathHelp::new("plugins/catalog/{type}", &[List], "List the plugins in the catalog.").sudo(),
        PathHelp::new("plugins/catalog/{type}/{name}", &[Read, Update, Delete], "Configures the plugins known to Vault").takes(&[text("sha256", "The SHA256 sum of the executable used in the command field."), text("command", "The command used to start the plugin.")]).sudo(),
        PathHelp::new("plugins/reload/backend", &[Update], "Reload mounted plugin backends.").takes(&[text("plugin", "The name of the plugin to reload, as registered in the plugin catalog."), texts("mounts", "The mount paths of the plugin backends to reload.")]),
        PathHelp::new("policies/acl", &[List], "List the configured access control policies."),
        PathHelp::new("policies/acl/{name}", &[Read, Update, Delete], "Read, Modify, or Delete an access control policy.").takes(&[text("policy", "The rules of the policy.")]),
        PathHelp::new("policies/password", &[List], "Lists the names of the password policies."),
        PathHelp::new("policies/password/{name}/generate", &[Read], "Makes a password that follows a policy."),
        PathHelp::new("policies/password/{name}", &[Read, Update, Delete], "Shows, stores or deletes a password policy.").takes(&[text("policy", "The length and the character sets of passwords, in HCL or JSON.")]),
        PathHelp::new("policy", &[Read, List], "List the configured access control policies."),
        PathHelp::new("policy/{name}", &[Read, Update, Delete], "Read, Modify, or Delete an access control policy.").takes(&[text("policy", "The rules of the policy."), text("rules", "The same, by its older name.")]),
        PathHelp::new("remount", &[Update], "Move the mount point of an already-mounted backend, within or across namespaces").takes(&[text("from", "The previous mount point."), text("to", "The new mount point.")]).sudo(),
        PathHelp::new("remount/status/{migration_id}", &[Read], "Check the status of a mount move operation"),
        PathHelp::new("replication/status", &[Read], "Returns the status of replication.").public(),
        PathHelp::new("rotate", &[Update], "Rotates the backend encryption key used to persist data.").sudo(),
        PathHelp::new("locked-users", &[Read], "Report the locked user count metrics.")
            .takes(&[text("mount_accessor", "The auth mount that is asked about.")]),
        PathHelp::new(
            "locked-users/{mount_accessor}/unlock/{alias_identifier}",
            &[Update],
            "Unlock the user of that alias at that auth mount.",
        ),
        PathHelp::new("seal", &[Update], "Seals the Vault.").sudo(),
        PathHelp::new("seal-status", &[Read], "Returns the seal status of the Vault.").public(),
        PathHelp::new("step-down", &[Update], "This endpoint forces the node to give up active status.").sudo(),
        PathHelp::new("tools/hash", &[Update], "Makes a digest.").takes(HASH),
        PathHelp::new("tools/hash/{urlalgorithm}", &[Update], "Makes a digest.").takes(HASH),
        PathHelp::new("tools/random", &[Update], "Makes random bytes.").takes(RANDOM),
        PathHelp::new("tools/random/{source}", &[Update], "Makes random bytes.").takes(RANDOM),
        PathHelp::new("tools/random/{source}/{urlbytes}", &[Update], "Makes random bytes.").takes(RANDOM),
        PathHelp::new("unseal", &[Update], "Unseals the Vault.").takes(&[text("key", "Specifies a single unseal key share. This is required unless reset is true."), flag("reset", "Specifies if previously-provided unseal keys are discarded and the unseal process is reset."), flag("migrate", "Whether the seal is to be migrated.")]).public(),
        PathHelp::new("version-history", &[List], "List historical version changes sorted by installation time in ascending order."),
        PathHelp::new("wrapping/lookup", &[Read, Update], "Looks up the properties of a response-wrapped token.").takes(WRAPPED).public(),
        PathHelp::new("wrapping/pubkey", &[Read], "Returns pubkeys used in some wrapping formats.").public(),
        PathHelp::new("wrapping/rewrap", &[Update], "Rotates a response-wrapped token.").takes(WRAPPED),
        PathHelp::new("wrapping/unwrap", &[Update], "Unwraps a response-wrapped token.").takes(WRAPPED),
        PathHelp::new("wrapping/wrap", &[Update], "Response-wraps an arbitrary JSON object."),
    ],
};

const LEASE: Field = text("lease_id", "The lease identifier to renew. This is included with a lease.");
const SYNC: Field = flag("sync", "Whether or not to perform the revocation synchronously");
const IRREVOCABLE: &[Field] =
    &[text("type", "Type of leases to get counts for (currently only supporting irrevocable).")];
const WRAPPED: &[Field] = &[text("token", "The wrapping token; the caller's own where none is given.")];

const PATHS: Field = texts("paths", "Paths on which capabilities are being queried.");

const HASH: &[Field] = &[
    text("input", "The data in base64."),
    text("algorithm", "The digest: sha2-224, -256, -384, -512 or sha3-224, -256, -384, -512."),
    text("format", "hex or base64."),
];

const RANDOM: &[Field] = &[int("bytes", "How many; 32 without it."), text("format", "base64 or hex.")];

const INIT: &[Field] = &[
    int("secret_shares", "Specifies the number of shares to split the unseal key into."),
    int("secret_threshold", "Specifies the number of shares required to reconstruct the unseal key."),
    int("recovery_shares", "Specifies the number of shares to split the recovery key into."),
    int("recovery_threshold", "Specifies the number of shares required to reconstruct the recovery key."),
    texts("pgp_keys", "Specifies an array of PGP public keys used to encrypt the output unseal keys."),
    text("root_token_pgp_key", "Specifies a PGP public key used to encrypt the initial root token."),
];

const MOUNT: &[Field] = &[
    text("type", "The type of the backend. Example: \"kv\""),
    text("description", "User-friendly description for this mount."),
    map("config", "Configuration for this mount, such as default_lease_ttl and max_lease_ttl."),
    map("options", "The options to pass into the backend, for example the version of kv."),
    flag(
        "local",
        "Mark the mount as a local mount, which is not replicated and is unaffected by replication.",
    ),
    flag("seal_wrap", "Whether to turn on seal wrapping for the mount."),
    flag("external_entropy_access", "Whether to give the mount access to Vault's external entropy."),
    text("plugin_name", "Name of the plugin to mount based from the name registered in the plugin catalog."),
    text("plugin_version", "The semantic version of the plugin to use."),
];

const TUNE: &[Field] = &[
    seconds("default_lease_ttl", "The default lease TTL for this mount."),
    seconds("max_lease_ttl", "The max lease TTL for this mount."),
    text("description", "User-friendly description for this credential backend."),
    texts(
        "audit_non_hmac_request_keys",
        "The list of keys in the request data object that will not be HMAC'ed by audit devices.",
    ),
    texts(
        "audit_non_hmac_response_keys",
        "The list of keys in the response data object that will not be HMAC'ed by audit devices.",
    ),
    map("options", "The options to pass into the backend."),
    text(
        "listing_visibility",
        "Determines the visibility of the mount in the UI-specific listing endpoint: \"unauth\" or \"hidden\".",
    ),
    texts(
        "passthrough_request_headers",
        "A list of headers to whitelist and pass from the request to the plugin.",
    ),
    texts(
        "allowed_response_headers",
        "A list of headers to whitelist and allow a plugin to set on responses.",
    ),
    text("token_type", "The type of token to issue (service or batch)."),
    texts("allowed_managed_keys", "The names of managed keys that the mount may use."),
    text("plugin_version", "The semantic version of the plugin to use."),
    map("user_lockout_config", "The user lockout configuration to pass into the backend."),
];
