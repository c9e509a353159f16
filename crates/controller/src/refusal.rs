//! Why a request is not carried out, in the shape and the words of the original.

use std::fmt;

use trustkeep_store::Error as StoreError;

use crate::book::ChangeError;
use crate::secrets::SecretsError;

/// A request that changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which kind it is.
    pub kind: RefusalKind,
    /// For people; it names the field.
    pub text: String,
}

/// Kinds of refusals: each has a status and the name of an exception, which stands in the message as the original's do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// No token, a wrong one, or one without the right.
    Forbidden,
    /// The caller's token cannot read a secret that a spec refers to.
    VaultRead,
    /// Something is wrong with the request itself.
    Invalid,
    /// There is no such thing, or the caller may not know of it.
    Missing,
    /// It does not go with what is there: a name or a server that is taken, something that is on its way.
    Conflict,
    /// The method is not for this path.
    Method,
    /// The body is larger than any request can be.
    TooLarge,
    /// The store or the vault does not answer; trying again may help.
    Unavailable,
}

impl RefusalKind {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Forbidden | Self::VaultRead => 403,
            Self::Invalid => 400,
            Self::Missing => 404,
            Self::Conflict => 409,
            Self::Method => 405,
            Self::TooLarge => 413,
            Self::Unavailable => 503,
        }
    }

    /// The exception in the message. The first two are the original's; the others are formed like them.
    pub fn exception(self) -> &'static str {
        match self {
            Self::Forbidden => "VCPAuthException",
            Self::VaultRead => "VCPVaultReadException",
            Self::Invalid | Self::Method | Self::TooLarge => "VCPInvalidParameterException",
            Self::Missing => "VCPNotFoundException",
            Self::Conflict => "VCPConflictException",
            Self::Unavailable => "VCPUnavailableException",
        }
    }
}

impl Refusal {
    /// A refusal of this kind.
    pub fn new(kind: RefusalKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::new(RefusalKind::Invalid, text)
    }

    pub(crate) fn missing(text: impl Into<String>) -> Self {
        Self::new(RefusalKind::Missing, text)
    }

    pub(crate) fn conflict(text: impl Into<String>) -> Self {
        Self::new(RefusalKind::Conflict, text)
    }

    pub(crate) fn forbidden(text: impl Into<String>) -> Self {
        Self::new(RefusalKind::Forbidden, text)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}

impl From<ChangeError<Refusal>> for Refusal {
    fn from(error: ChangeError<Refusal>) -> Self {
        match error {
            ChangeError::Refused(refusal) => refusal,
            ChangeError::Store(StoreError::Limit { what, found, max }) => Self::invalid(format!(
                "the request makes {found} {what} at once, and the store takes {max}: ask for fewer nodes at a time"
            )),
            ChangeError::Store(error) => Self::new(RefusalKind::Unavailable, error.to_string()),
        }
    }
}

impl From<SecretsError> for Refusal {
    fn from(error: SecretsError) -> Self {
        match error {
            SecretsError::Denied => Self::forbidden("token lookup is failed: permission denied"),
            error => Self::new(RefusalKind::Unavailable, error.to_string()),
        }
    }
}

impl From<crate::cci::CciErrors> for Refusal {
    fn from(errors: crate::cci::CciErrors) -> Self {
        Self::invalid(errors.to_string())
    }
}

impl From<crate::cci::CciError> for Refusal {
    fn from(error: crate::cci::CciError) -> Self {
        Self::invalid(error.to_string())
    }
}
