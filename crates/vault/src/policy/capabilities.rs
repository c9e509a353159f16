use std::fmt;

use crate::request::Operation;

/// What a rule lets its holder do at a path: a set of verbs, or `deny` alone.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(u8);

impl Capabilities {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Refused, whatever other policies grant at the same path text.
    pub const DENY: Self = Self(1);
    /// A write to what does not exist yet.
    pub const CREATE: Self = Self(1 << 1);
    /// A read.
    pub const READ: Self = Self(1 << 2);
    /// A write to what exists.
    pub const UPDATE: Self = Self(1 << 3);
    /// A deletion.
    pub const DELETE: Self = Self(1 << 4);
    /// The names below.
    pub const LIST: Self = Self(1 << 5);
    /// Entry to the paths that are protected beyond the verb.
    pub const SUDO: Self = Self(1 << 6);
    /// A merge into what exists.
    pub const PATCH: Self = Self(1 << 7);

    /// In the order in which Vault names them.
    const NAMED: [(Self, &'static str); 7] = [
        (Self::SUDO, "sudo"),
        (Self::READ, "read"),
        (Self::LIST, "list"),
        (Self::UPDATE, "update"),
        (Self::DELETE, "delete"),
        (Self::CREATE, "create"),
        (Self::PATCH, "patch"),
    ];

    /// The capability of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "deny" => Some(Self::DENY),
            _ => Self::NAMED.iter().find(|(_, known)| *known == name).map(|(capability, _)| *capability),
        }
    }

    /// What the `policy = "…"` of old policies stands for.
    pub fn of_old_policy(name: &str) -> Option<Self> {
        let read = Self::READ.with(Self::LIST);
        let write = read.with(Self::CREATE).with(Self::UPDATE).with(Self::DELETE);
        match name {
            "deny" => Some(Self::DENY),
            "read" => Some(read),
            "write" => Some(write),
            "sudo" => Some(write.with(Self::SUDO)),
            _ => None,
        }
    }

    /// Both together; `deny` swallows all else.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let both = Self(self.0 | other.0);
        if both.is_denied() { Self::DENY } else { both }
    }

    /// Whether all of `other` is in it.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether it is `deny`.
    pub fn is_denied(self) -> bool {
        self.contains(Self::DENY)
    }

    /// Whether it lets anything through.
    pub fn grants_anything(self) -> bool {
        self != Self::NONE && !self.is_denied()
    }

    /// Whether it lets an operation through.
    pub fn allows(self, operation: Operation) -> bool {
        let needed = match operation {
            Operation::Create => Self::CREATE,
            Operation::Read => Self::READ,
            Operation::Update => Self::UPDATE,
            Operation::Patch => Self::PATCH,
            Operation::Delete => Self::DELETE,
            Operation::List => Self::LIST,
            Operation::Help => return true,
        };
        self.contains(needed)
    }

    /// The names in Vault's order; `deny` where there are none.
    pub fn names(self) -> Vec<&'static str> {
        if !self.grants_anything() {
            return vec!["deny"];
        }
        Self::NAMED.iter().filter(|(one, _)| self.contains(*one)).map(|(_, name)| *name).collect()
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
