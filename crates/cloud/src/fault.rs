//! Why something could not be done, and what the user can do about it.

use std::fmt;
use std::time::Duration;

/// The outcome of an operation.
pub type Result<T> = std::result::Result<T, Fault>;

/// What went wrong. Its text is shown to the user as the `error_message` of a unit or node: it holds the provider's own words (its
/// error code above all) and says what to do; never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which kind it is, for deciding what happens next.
    pub kind: Kind,
    /// For people.
    pub text: String,
}

/// What follows from a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The credentials are wrong or lack a right: only the user can mend it.
    Denied,
    /// The request is one that this provider will never carry out.
    Invalid,
    /// Something else is in the way: an address that is taken, another base container on the server, a disk that is in use.
    Conflict,
    /// There is no capacity, quota or space now.
    Capacity,
    /// Too many calls; try again, not before so long.
    Throttled(Option<Duration>),
    /// No answer, or one that says "later": try again. Whether the operation happened is unknown.
    Unavailable,
    /// The server shows another host key than it did before.
    HostKeyChanged,
    /// This provider has no such operation.
    Unsupported,
}

impl Fault {
    /// A fault of this kind.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// Whether the same operation may succeed by itself a while later.
    pub fn is_temporary(&self) -> bool {
        matches!(self.kind, Kind::Throttled(_) | Kind::Unavailable)
    }

    /// The same with what was being done before it.
    #[must_use]
    pub fn during(mut self, what: impl fmt::Display) -> Self {
        self.text = format!("{what}: {}", self.text);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}
