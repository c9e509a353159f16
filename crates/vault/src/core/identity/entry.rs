//! Entities, aliases and groups as they are stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who somebody is, however they log in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// Names it for ever.
    pub id: String,
    /// Unique whatever its case.
    pub name: String,
    /// What operators say of it.
    pub metadata: BTreeMap<String, String>,
    /// Policies of all its tokens.
    pub policies: Vec<String>,
    /// Whether its tokens and logins are refused.
    pub disabled: bool,
    /// Entities that were merged into it: their tokens are its.
    pub merged_entity_ids: Vec<String>,
    /// Unix nanoseconds.
    pub creation_time: i64,
    /// Unix nanoseconds.
    pub last_update_time: i64,
    /// How auth methods know it: one a mount.
    pub aliases: Vec<EntityAlias>,
}

/// How an auth method knows an entity, or an external group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityAlias {
    /// Names it for ever.
    pub id: String,
    /// The auth mount's.
    pub mount_accessor: String,
    /// Its name at the auth method; unique there whatever its case.
    pub name: String,
    /// What the auth method says of it.
    pub metadata: BTreeMap<String, String>,
    /// What operators say of it.
    pub custom_metadata: BTreeMap<String, String>,
    /// Entities that it belonged to before they were merged.
    pub merged_from_canonical_ids: Vec<String>,
    /// Whether the mount is local.
    pub local: bool,
    /// Unix nanoseconds.
    pub creation_time: i64,
    /// Unix nanoseconds.
    pub last_update_time: i64,
}

/// Entities and groups with policies in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Names it for ever.
    pub id: String,
    /// Unique whatever its case.
    pub name: String,
    /// `internal`: its members are set here; `external`: an auth method says at logins.
    pub kind: GroupKind,
    /// What operators say of it.
    pub metadata: BTreeMap<String, String>,
    /// Policies of all its members' tokens, and of its member groups' members'.
    pub policies: Vec<String>,
    /// Entities in it.
    pub member_entity_ids: Vec<String>,
    /// Groups in it.
    pub member_group_ids: Vec<String>,
    /// How an auth method knows it; external groups only.
    pub alias: Option<EntityAlias>,
    /// Unix nanoseconds.
    pub creation_time: i64,
    /// Unix nanoseconds.
    pub last_update_time: i64,
    /// How often it was changed.
    pub modify_index: u64,
}

impl Group {
    /// Notes a change at `now` (unix nanoseconds).
    pub fn touch(&mut self, now: i64) {
        self.last_update_time = now;
        self.modify_index += 1;
    }
}

/// Who says which members a group has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupKind {
    /// Operators.
    #[default]
    Internal,
    /// An auth method, at each login.
    External,
}

impl GroupKind {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            GroupKind::Internal => "internal",
            GroupKind::External => "external",
        }
    }
}
