//! What the identity store says of its paths.

use crate::help::{Field, Help, PathHelp, flag, map, text, texts};
use crate::request::Operation::{Delete, List, Read, Update};

/// See [`Help`].
pub const HELP: Help = Help {
    overview: "The identity store keeps the entities behind logins, the aliases by which auth methods know them, and \
               groups of them.",
    paths: &[
        PathHelp::new("entity", &[Update], "Create or update an entity.").takes(ENTITY),
        PathHelp::new("entity/id", &[List], "Lists the ids of all entities."),
        PathHelp::new(
            "entity/id/{id}",
            &[Read, Update, Delete],
            "Read, update or delete an entity by its id.",
        )
        .takes(ENTITY),
        PathHelp::new("entity/name", &[List], "Lists the names of all entities."),
        PathHelp::new(
            "entity/name/{name*}",
            &[Read, Update, Delete],
            "Read, write or delete an entity by its name.",
        )
        .takes(ENTITY),
        PathHelp::new("entity/merge", &[Update], "Merge entities into one.").takes(&[
            texts("from_entity_ids", "Entities that are merged into the other, and go."),
            text("to_entity_id", "The entity that they are merged into."),
            texts("conflicting_alias_ids_to_keep", "Of aliases at one mount, those that stay."),
        ]),
        PathHelp::new("entity/batch-delete", &[Update], "Delete entities.")
            .takes(&[texts("entity_ids", "Their ids.")]),
        PathHelp::new("entity-alias", &[Update], "Create or update an alias of an entity.").takes(ALIAS),
        PathHelp::new("entity-alias/id", &[List], "Lists the ids of all aliases of entities."),
        PathHelp::new(
            "entity-alias/id/{id}",
            &[Read, Update, Delete],
            "Read, update or delete an alias of an entity.",
        )
        .takes(ALIAS),
        PathHelp::new("group", &[Update], "Create or update a group.").takes(GROUP),
        PathHelp::new("group/id", &[List], "Lists the ids of all groups."),
        PathHelp::new("group/id/{id}", &[Read, Update, Delete], "Read, update or delete a group by its id.")
            .takes(GROUP),
        PathHelp::new("group/name", &[List], "Lists the names of all groups."),
        PathHelp::new(
            "group/name/{name*}",
            &[Read, Update, Delete],
            "Read, write or delete a group by its name.",
        )
        .takes(GROUP),
        PathHelp::new("group-alias", &[Update], "Create or update the alias of an external group.")
            .takes(ALIAS),
        PathHelp::new("group-alias/id", &[List], "Lists the ids of all aliases of groups."),
        PathHelp::new(
            "group-alias/id/{id}",
            &[Read, Update, Delete],
            "Read, update or delete the alias of a group.",
        )
        .takes(ALIAS),
        PathHelp::new("lookup/entity", &[Update], "Find an entity by one of its properties.").takes(LOOKUP),
        PathHelp::new("lookup/group", &[Update], "Find a group by one of its properties.").takes(LOOKUP),
    ],
};

const ENTITY: &[Field] = &[
    text("id", "Its id; where it is there, that entity is updated."),
    text("name", "Its name; made up where missing."),
    map("metadata", "What is said of it: pairs of texts."),
    texts("policies", "Policies of all its tokens."),
    flag("disabled", "Whether its tokens and logins are refused."),
];

const ALIAS: &[Field] = &[
    text("id", "Its id; where it is there, that alias is updated."),
    text("name", "Its name at the auth method."),
    text("mount_accessor", "The accessor of the auth method's mount."),
    text("canonical_id", "The entity or group that it belongs to."),
    map("custom_metadata", "What is said of it: pairs of texts."),
];

const GROUP: &[Field] = &[
    text("id", "Its id; where it is there, that group is updated."),
    text("name", "Its name; made up where missing."),
    text("type", "`internal`, or `external` where an auth method says who is in it."),
    map("metadata", "What is said of it: pairs of texts."),
    texts("policies", "Policies of all its members' tokens."),
    texts("member_entity_ids", "Entities in it."),
    texts("member_group_ids", "Groups in it."),
];

const LOOKUP: &[Field] = &[
    text("id", "Its id."),
    text("name", "Its name."),
    text("alias_id", "The id of its alias."),
    text("alias_name", "The name of its alias; with `alias_mount_accessor`."),
    text("alias_mount_accessor", "The mount of its alias; with `alias_name`."),
];
