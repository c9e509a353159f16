//! The policies that are there from the beginning.

/// May do everything.
pub const ROOT: &str = "root";
/// Added to every token that does not ask to go without.
pub const DEFAULT: &str = "default";
/// Of the tokens that stand for a wrapped response.
pub const RESPONSE_WRAPPING: &str = "response-wrapping";
/// Of the tokens that stand for a request that waits for approval.
const CONTROL_GROUP: &str = "control-group";

/// A policy's name as it is stored and compared: without blanks around it, in lower case.
pub fn canonical_name(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Whether nobody can write or delete it: `root`, `response-wrapping`, `control-group`.
pub fn is_immutable(name: &str) -> bool {
    matches!(canonical_name(name).as_str(), ROOT | RESPONSE_WRAPPING | CONTROL_GROUP)
}

/// Whether a token can be given it: all but `response-wrapping` and `control-group`.
/// That `root` goes to nobody but by `root`, and alone, is the token store's matter.
pub fn is_assignable(name: &str) -> bool {
    !matches!(canonical_name(name).as_str(), RESPONSE_WRAPPING | CONTROL_GROUP)
}

/// Whether it can be deleted: all but the immutable ones and `default`, which can be written.
pub fn is_deletable(name: &str) -> bool {
    !is_immutable(name) && canonical_name(name) != DEFAULT
}

/// The text that a new vault gives to a policy of that name: `default` and `response-wrapping`.
pub fn builtin_text(name: &str) -> Option<&'static str> {
    match canonical_name(name).as_str() {
        DEFAULT => Some(DEFAULT_TEXT),
        RESPONSE_WRAPPING => Some(RESPONSE_WRAPPING_TEXT),
        _ => None,
    }
}

const DEFAULT_TEXT: &str = r#"# What every token may do unless it was issued without this policy.

# The token itself: look at it, prolong it, give it up, and ask what it may do.
path "auth/token/lookup-self" {
    capabilities = ["read"]
}
path "auth/token/renew-self" {
    capabilities = ["update"]
}
path "auth/token/revoke-self" {
    capabilities = ["update"]
}
path "sys/capabilities-self" {
    capabilities = ["update"]
}
path "sys/internal/ui/resultant-acl" {
    capabilities = ["read"]
}

# The entity behind the token.
path "identity/entity/id/{{identity.entity.id}}" {
    capabilities = ["read"]
}
path "identity/entity/name/{{identity.entity.name}}" {
    capabilities = ["read"]
}

# Leases whose id is known. Both spellings of the paths are in use.
path "sys/renew" {
    capabilities = ["update"]
}
path "sys/leases/renew" {
    capabilities = ["update"]
}
path "sys/leases/lookup" {
    capabilities = ["update"]
}

# The token's own storage, which nobody else can reach.
path "cubbyhole/*" {
    capabilities = ["create", "read", "update", "delete", "list"]
}

# Wrapped responses.
path "sys/wrapping/wrap" {
    capabilities = ["update"]
}
path "sys/wrapping/lookup" {
    capabilities = ["update"]
}
path "sys/wrapping/unwrap" {
    capabilities = ["update"]
}

# Hashing, which reveals nothing.
path "sys/tools/hash" {
    capabilities = ["update"]
}
path "sys/tools/hash/*" {
    capabilities = ["update"]
}

# The state of a request that waits for approval, if its accessor is known.
path "sys/control-group/request" {
    capabilities = ["update"]
}

# Signing in elsewhere with the identity of this vault.
path "identity/oidc/provider/+/authorize" {
    capabilities = ["read", "update"]
}
"#;

const RESPONSE_WRAPPING_TEXT: &str = r#"# What the token of a wrapped response may do: hand the response over, once.
path "cubbyhole/response" {
    capabilities = ["create", "read"]
}
path "sys/wrapping/unwrap" {
    capabilities = ["update"]
}
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn builtin_texts_parse_without_warnings() {
        for name in [DEFAULT, RESPONSE_WRAPPING] {
            let policy = Policy::parse(name, builtin_text(name).unwrap()).unwrap();
            assert!(policy.warnings().is_empty());
        }
        assert!(builtin_text("Default").is_some() && builtin_text(ROOT).is_none());
    }

    #[test]
    fn names_are_guarded_in_any_case() {
        assert!(is_immutable(" RooT ") && is_immutable("response-wrapping") && is_immutable("control-group"));
        assert!(!is_immutable("default") && !is_deletable("DEFAULT") && is_deletable("team"));
        assert!(
            is_assignable("root") && !is_assignable("Response-Wrapping") && !is_assignable("control-group")
        );
        assert!(Policy::parse("ROOT", "").is_err());
        assert_eq!(Policy::parse(" Team ", "").unwrap().name(), "team");
    }
}
