//! Why a request fails, and how Vault says so.

/// The result of handling a request.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure as Vault's clients know it: an HTTP status and one or several messages
/// (`hashicorp/vault: sdk/logical/response_util.go`).
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The request is wrong: 400 with this message.
    #[error("{0}")]
    Invalid(String),
    /// What was shown at a login is wrong, and counts towards a lockout: 400 with this message.
    #[error("{0}")]
    InvalidCredentials(String),
    /// The token is missing, unknown or expired: 403 `permission denied`.
    #[error("permission denied")]
    BadToken,
    /// The token's policies do not allow it: 403 in Vault's multi-line form.
    #[error("1 error occurred:\n\t* permission denied\n\n")]
    PermissionDenied,
    /// 403 with a message of its own, for example `bad token`.
    #[error("{0}")]
    Forbidden(String),
    /// Nothing is there: 404 without a message.
    #[error("not found")]
    NotFound,
    /// Nothing is there: 404 with this message.
    #[error("{0}")]
    NotFoundBecause(String),
    /// No mount takes the path: 404.
    #[error("no handler for route \"{0}\". route entry not found.")]
    NoHandler(String),
    /// The mount is being moved or removed: 404.
    #[error("no handler for route \"{0}\". route entry is tainted.")]
    Tainted(String),
    /// The mount has no such path: 404.
    #[error("1 error occurred:\n\t* unsupported path\n\n")]
    UnsupportedPath,
    /// The path does not take this operation: 405.
    #[error("1 error occurred:\n\t* unsupported operation\n\n")]
    UnsupportedOperation,
    /// The method is none that Vault knows: 405 without a message.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// PATCH with another media type than `application/merge-patch+json`: 415.
    #[error("PATCH requires Content-Type of application/merge-patch+json, provided {0}")]
    UnsupportedMediaType(String),
    /// More than the server or its store takes: 413.
    #[error("{0}")]
    TooLarge(String),
    /// The caller's address asked too often: 429.
    #[error("request path {0:?}: rate limit quota exceeded")]
    RateLimited(String),
    /// The vault is sealed: 503.
    #[error("Vault is sealed")]
    Sealed,
    /// This node is not the active one; nothing was changed: 503.
    #[error("Vault is in standby mode")]
    Standby,
    /// This node ceased to be the active one in the middle of it; some of it may have been done: 503.
    #[error("this node is no longer the active one: the request may or may not have been carried out")]
    Deposed,
    /// The server was not initialised: 400, or 501 on health.
    #[error("server is not yet initialized")]
    Uninitialized,
    /// This node is not the active one, and no active one is known: 503.
    #[error("{0}")]
    Unavailable(String),
    /// 500 with a message of its own, as it stands.
    #[error("{0}")]
    Unable(String),
    /// Nobody here knows whether the request was carried out: 502.
    #[error("{0}")]
    OutcomeUnknown(String),
    /// Something broke here: 500. The detail goes to the log, this message to the client.
    #[error("internal error")]
    Internal(String),
    /// The engine could not do it: 500 in Vault's multi-line form, with a message that the client is to read.
    #[error("1 error occurred:\n\t* {0}\n\n")]
    Failed(String),
    /// The store's answer: mapped by kind.
    #[error("{0}")]
    Store(trustkeep_store::Error),
}

impl Error {
    /// A 400 with this message.
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::Invalid(message.into())
    }

    /// A 500 whose message stays in the log.
    pub fn internal(detail: impl std::fmt::Display) -> Self {
        Error::Internal(detail.to_string())
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        use trustkeep_store::Error as Store;
        match self {
            Error::Invalid(_) | Error::InvalidCredentials(_) | Error::Uninitialized => 400,
            Error::BadToken | Error::PermissionDenied | Error::Forbidden(_) => 403,
            Error::NotFound
            | Error::NotFoundBecause(_)
            | Error::NoHandler(_)
            | Error::Tainted(_)
            | Error::UnsupportedPath => 404,
            Error::UnsupportedOperation | Error::MethodNotAllowed => 405,
            Error::TooLarge(_) | Error::Store(Store::Limit { .. }) => 413,
            Error::UnsupportedMediaType(_) => 415,
            Error::RateLimited(_) => 429,
            Error::Store(Store::Invalid(_)) => 400,
            Error::Internal(_) | Error::Failed(_) | Error::Unable(_) | Error::Store(_) => 500,
            Error::OutcomeUnknown(_) => 502,
            Error::Sealed | Error::Standby | Error::Deposed | Error::Unavailable(_) => 503,
        }
    }

    /// What the client reads in `errors`.
    pub fn messages(&self) -> Vec<String> {
        match self {
            Error::NotFound | Error::MethodNotAllowed => Vec::new(),
            Error::Store(error) => vec![format!("failed to access storage: {error}")],
            other => vec![other.to_string()],
        }
    }
}

impl From<trustkeep_store::Error> for Error {
    fn from(error: trustkeep_store::Error) -> Self {
        Error::Store(error)
    }
}
