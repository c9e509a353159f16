//! `-output-policy`: the policy that allows a request.

use reqwest::Method;

/// The rule for one request, as HCL.
pub(super) fn of(method: &Method, path: &str, query: &[(String, String)]) -> String {
    let path = path.trim_start_matches('/');
    let lists = query.iter().any(|(name, value)| name == "list" && value == "true");
    let mut capabilities = match method.as_str() {
        "GET" if lists => vec!["list"],
        "POST" | "PUT" => vec!["create", "update"],
        "PATCH" => vec!["patch"],
        "DELETE" => vec!["delete"],
        _ => vec!["read"],
    };
    if needs_sudo(path) {
        capabilities.push("sudo");
    }
    format!("path \"{path}\" {{\n  capabilities = [\"{}\"]\n}}", capabilities.join("\", \""))
}

/// Whether a path is protected beyond its verb (Vault 1.14, `api/plugin_helpers.go`).
fn needs_sudo(path: &str) -> bool {
    let whole = path.strip_suffix('/').unwrap_or(path);
    WHOLE.contains(&whole)
        || BELOW.iter().any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()))
}

const WHOLE: [&str; 12] = [
    "auth/token/accessors",
    "pki/root",
    "pki/root/sign-self-issued",
    "sys/audit",
    "sys/config/auditing/request-headers",
    "sys/config/cors",
    "sys/config/ui/headers",
    "sys/leases",
    "sys/leases/lookup",
    "sys/raw",
    "sys/remount",
    "sys/rotate",
];

const BELOW: [&str; 12] = [
    "sys/audit/",
    "sys/auth/",
    "sys/config/auditing/request-headers/",
    "sys/config/ui/headers/",
    "sys/internal/inspect/router/",
    "sys/leases/lookup/",
    "sys/leases/revoke-force/",
    "sys/leases/revoke-prefix/",
    "sys/plugins/catalog/",
    "sys/raw/",
    "sys/revoke-force/",
    "sys/revoke-prefix/",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verb_names_the_capabilities_and_protected_paths_need_sudo() {
        let listing = [("list".to_owned(), "true".to_owned())];
        assert_eq!(
            of(&Method::GET, "kv/data/a", &[]),
            "path \"kv/data/a\" {\n  capabilities = [\"read\"]\n}"
        );
        assert!(of(&Method::GET, "kv/metadata", &listing).contains(r#"["list"]"#));
        assert!(of(&Method::PUT, "kv/data/a", &[]).contains(r#"["create", "update"]"#));
        assert!(of(&Method::GET, "auth/token/accessors", &listing).contains(r#"["list", "sudo"]"#));
        assert!(of(&Method::DELETE, "sys/audit/file", &[]).contains(r#"["delete", "sudo"]"#));
        assert!(of(&Method::GET, "sys/audit-hash/file", &[]).contains(r#"["read"]"#));
    }
}
