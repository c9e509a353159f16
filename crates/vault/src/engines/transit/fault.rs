//! Why one item of a request fails. In a batch it is a line of the answer, else the answer itself.

use std::borrow::Cow;

use crate::Error;

/// What went wrong with an item, and whose fault it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// The caller's: 400.
    #[error("{0}")]
    User(Cow<'static, str>),
    /// Vault counts it as its own: 500, with the message.
    #[error("{0}")]
    Internal(Cow<'static, str>),
}

impl Fault {
    pub(super) fn user(message: impl Into<Cow<'static, str>>) -> Self {
        Fault::User(message.into())
    }

    pub(super) fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Fault::Internal(message.into())
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::User(message) => Error::Invalid(message.into_owned()),
            Fault::Internal(message) => Error::Failed(message.into_owned()),
        }
    }
}
