//! What a route takes and gives, as data: requests are checked by it and the API's document is written from it.

use super::check::Check;

/// A parameter of a query, or a member of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// Its name.
    pub(super) name: &'static str,
    /// What it may be.
    pub(super) kind: Kind,
    /// What it means.
    pub(super) about: &'static str,
    /// Whether it has to be there.
    pub(super) is_required: bool,
    /// Whether `null` is the same as not being there.
    pub(super) is_nullable: bool,
    /// Whether ACA-Py 0.7.3 does not have it: who gives it speaks to 1.x.
    pub(super) is_new: bool,
}

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A text.
    Text(Check),
    /// True or false.
    Flag,
    /// A number from `least` to `most`.
    Number {
        /// The least.
        least: i64,
        /// The greatest.
        most: i64,
    },
    /// An object with any members.
    Map,
    /// Anything.
    Any,
    /// A list.
    List(&'static Kind),
    /// Whoever is reached: a DID, or an object.
    Service,
    /// An object with these members; others are passed over.
    Object(&'static Shape),
}

/// The members of an object.
#[derive(Debug)]
pub(super) struct Shape {
    /// Its name in the document.
    pub(super) name: &'static str,
    /// Its members.
    pub(super) fields: &'static [Field],
}

impl Field {
    /// A field that may be left out.
    pub(super) const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, about, is_required: false, is_nullable: false, is_new: false }
    }

    /// Any text.
    pub(super) const fn text(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Text(Check::Any), about)
    }

    /// A text of some form.
    pub(super) const fn checked(name: &'static str, check: Check, about: &'static str) -> Self {
        Self::new(name, Kind::Text(check), about)
    }

    /// True or false.
    pub(super) const fn flag(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Flag, about)
    }

    /// The same, and it has to be there.
    pub(super) const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// The same, and it may be `null`.
    pub(super) const fn nullable(self) -> Self {
        Self { is_nullable: true, ..self }
    }

    /// The same, and ACA-Py 0.7.3 does not have it.
    pub(super) const fn new_in_one(self) -> Self {
        Self { is_new: true, ..self }
    }
}

impl Kind {
    /// A list of keys in base58.
    pub(super) const RAW_KEYS: Self = Self::List(&Self::Text(Check::RawKey));
}
