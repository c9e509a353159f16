//! Users, and who a caller is.

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserRole {
    /// Everything, in privileged mode also with others' unit groups.
    Super,
    /// What is theirs.
    Regular,
}

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiRole {
    /// Everything that its user may.
    FullAccess,
    /// Only what changes nothing.
    ReadOnly,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user's name; `nobody` if the token was made for none.
    pub user: String,
    /// The user's role.
    pub role: UserRole,
    /// The token's role.
    pub api_role: ApiRole,
    /// The token's accessor: what logs may name.
    pub accessor: String,
}
