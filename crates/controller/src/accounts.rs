//! Users, and who a caller is.

mod users;

pub use users::{AccountError, Accounts, User};

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserRole {
    /// Everything, in privileged mode also with others' unit groups.
    Super,
    /// What is theirs.
    Regular,
}

impl UserRole {
    /// `super` or `regular`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Super => "super",
            Self::Regular => "regular",
        }
    }
}

impl std::str::FromStr for UserRole {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        match text {
            "super" => Ok(Self::Super),
            "regular" => Ok(Self::Regular),
            _ => Err(AccountError::Role(text.to_owned())),
        }
    }
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

impl ApiRole {
    /// `fullaccess` or `readonly`.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullAccess => "fullaccess",
            Self::ReadOnly => "readonly",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::FullAccess, Self::ReadOnly].into_iter().find(|role| role.name() == name)
    }
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

/// The user whose tokens are made for nobody in particular; a regular one, there from the first start on.
pub const DEFAULT_USER: &str = "nobody";
