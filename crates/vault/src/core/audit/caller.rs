//! Who asks, for the entries of a request and its answer.

use crate::core::TokenEntry;
use crate::policy::Acl;
use crate::request::Operation;

/// Who asks, as far as that is known when the request is logged.
pub(in crate::core) enum Caller<'r> {
    /// The token is missing, unknown or may not be used.
    Unknown,
    /// The path asks for no token.
    Public,
    /// The token, the policies that its entity brings, and whether all of them let it do this.
    Token {
        entry: &'r TokenEntry,
        identity_policies: &'r [String],
        acl: &'r Acl,
        operation: Operation,
        full_path: &'r str,
        allowed: bool,
    },
    /// One of the above, as it was kept.
    Kept(&'r Kept),
}

/// The caller of a request that may enable a device, kept for the device's first entry: that of the answer.
pub(in crate::core) struct Kept {
    pub(super) entry: TokenEntry,
    pub(super) identity_policies: Vec<String>,
    /// The names of the policies that let it do this.
    pub(super) granting: Vec<String>,
    pub(super) allowed: bool,
}

impl Caller<'_> {
    /// `None` for one without a token.
    pub(super) fn kept(&self) -> Option<Kept> {
        let Self::Token { entry, identity_policies, acl, operation, full_path, allowed } = self else {
            return None;
        };
        Some(Kept {
            entry: TokenEntry::clone(entry),
            identity_policies: identity_policies.to_vec(),
            granting: acl.granting(*operation, full_path).into_iter().map(str::to_owned).collect(),
            allowed: *allowed,
        })
    }
}
