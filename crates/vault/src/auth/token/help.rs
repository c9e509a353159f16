//! What the token method says of its paths.

use crate::help::{Field, Help, PathHelp, flag, int, map, seconds, text, texts};
use crate::request::Operation::{Delete, List, Read, Update};

/// See [`Help`].
pub const HELP: Help = Help {
    overview: "The token credential backend is always enabled and builtin to Vault. Client tokens are used to identify a client and to allow Vault to associate policies and ACLs which are enforced on every request. This backend also allows for generating sub-tokens as well as revocation of tokens. The tokens are renewable if associated with a lease.",
    paths: &[
        PathHelp::new("create", &[Update], "The token create path is used to create new tokens.").takes(CREATE),
        PathHelp::new("create-orphan", &[Update], "The token create path is used to create new orphan tokens.").takes(CREATE).sudo(),
        PathHelp::new("lookup", &[Update], "This endpoint will lookup a token and its properties.").takes(TOKEN),
        PathHelp::new("lookup-self", &[Read, Update], "This endpoint will lookup a token and its properties."),
        PathHelp::new("lookup-accessor", &[Update], "This endpoint will lookup a token associated with the given accessor and its properties. Response will not contain the token ID.").takes(ACCESSOR),
        PathHelp::new("renew", &[Update], "This endpoint will renew the given token and prevent expiration.").takes(&[text("token", "Token to renew (request body)"), INCREMENT]),
        PathHelp::new("renew-self", &[Update], "This endpoint will renew the token used to call it and prevent expiration.").takes(&[INCREMENT]),
        PathHelp::new("renew-accessor", &[Update], "This endpoint will renew a token associated with the given accessor and its properties. Response will not contain the token ID.").takes(&[text("accessor", "Accessor of the token to renew (request body)"), INCREMENT]),
        PathHelp::new("revoke", &[Update], "This endpoint will delete the given token and all of its child tokens.").takes(TOKEN),
        PathHelp::new("revoke-self", &[Update], "This endpoint will delete the token used to call it and all of its child tokens."),
        PathHelp::new("revoke-accessor", &[Update], "This endpoint will delete the token associated with the accessor and all of its child tokens.").takes(ACCESSOR),
        PathHelp::new("revoke-orphan", &[Update], "This endpoint will delete the token and orphan its child tokens.").takes(TOKEN).sudo(),
        PathHelp::new("accessors", &[List], "List token accessors, which can then be be used to iterate and discover their properties or revoke them.").sudo(),
        PathHelp::new("create/{role_name}", &[Update], "This token create path is used to create new tokens adhering to the given role.").takes(CREATE),
        PathHelp::new("roles", &[List], "This endpoint lists configured roles."),
        PathHelp::new("roles/{role_name}", &[Read, Update, Delete], "This endpoint allows creating, reading, and deleting roles.").takes(ROLE),
        PathHelp::new("tidy", &[Update], "This endpoint performs cleanup tasks that can be run if certain error conditions have occurred."),
    ],
};

const TOKEN: &[Field] = &[text("token", "The token (request body)")];
const ACCESSOR: &[Field] = &[text("accessor", "Accessor of the token (request body)")];
const INCREMENT: Field = seconds("increment", "The desired increment in seconds to the token expiration");
const CREATE: &[Field] = &[
    text("id", "Value for the token"),
    texts("policies", "List of policies for the token"),
    map("meta", "Arbitrary key=value metadata to associate with the token"),
    flag("no_parent", "Create the token with no parent"),
    flag("no_default_policy", "Do not include default policy for this token"),
    flag("renewable", "Allow token to be renewed past its initial TTL up to system/mount maximum TTL"),
    seconds("ttl", "Time to live for this token"),
    seconds("explicit_max_ttl", "Explicit Max TTL of this token"),
    seconds("period", "Renew period"),
    text("type", "Token type"),
    text("display_name", "Name to associate with this token"),
    int("num_uses", "Max number of uses for this token"),
    text("entity_alias", "Name of the entity alias to associate with this token"),
];
const ROLE: &[Field] = &[
    texts(
        "allowed_policies",
        "If set, tokens can be created with any subset of the policies in this list, rather than the normal semantics of tokens being a subset of the calling token's policies.",
    ),
    texts("allowed_policies_glob", "The same with globs."),
    texts(
        "disallowed_policies",
        "If set, successful token creation via this role will require that no policies in the given list are requested.",
    ),
    texts("disallowed_policies_glob", "The same with globs."),
    texts("allowed_entity_aliases", "String or JSON list of allowed entity aliases."),
    flag("orphan", "If true, tokens created via this role will be orphan tokens (have no parent)"),
    flag(
        "renewable",
        "Tokens created via this role will be renewable or not according to this value. Defaults to \"true\".",
    ),
    text(
        "path_suffix",
        "If set, tokens created via this role will contain the given suffix as a part of their path.",
    ),
    text("token_type", "The type of token to generate, service or batch"),
    seconds(
        "token_period",
        "If set, tokens created via this role will have no max lifetime; instead, their renewal period will be fixed to this value.",
    ),
    seconds("token_explicit_max_ttl", "If set, tokens created via this role carry an explicit maximum TTL."),
    flag(
        "token_no_default_policy",
        "If true, the 'default' policy will not automatically be added to generated tokens",
    ),
    texts("token_bound_cidrs", "Blocks of IP addresses which are allowed to use the generated tokens."),
    int("token_num_uses", "The maximum number of times a token may be used, a value of zero means unlimited"),
];
