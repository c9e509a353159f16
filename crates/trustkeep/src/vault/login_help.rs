//! `vault auth help`: what `vault login` needs for each method.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::Value;

use super::client::Request;
use super::error::Error;
use super::path;
use super::session::Session;

/// Shows it for a type of method, or for the method that is enabled at a path.
pub(super) async fn run(session: &Session, asked: &str) -> Result<ExitCode, Error> {
    if let Some(text) = text(asked.trim()) {
        return session.screen.line(text);
    }
    let methods = session.data(Request::new(Method::GET, "sys/auth")).await;
    let methods = methods.map_err(|error| error.during("Error listing auth methods"))?;
    let at = path::mount(asked);
    let Some(method) = methods.get(&at) else {
        return Err(Error::Usage(format!("No auth method available on the server at \"{at}\"")));
    };
    let kind = method.get("type").and_then(Value::as_str).unwrap_or_default();
    match text(kind) {
        Some(text) => session.screen.line(text),
        None => Err(Error::Nothing(format!(
            "No method-specific CLI handler available for auth method \"{asked}\""
        ))),
    }
}

fn text(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "token" => {
            "Usage: vault login TOKEN\n\n  \
             A token is its own proof. Without one on the command line it is asked for, or read from -.\n\n      \
             $ vault login\n      \
             $ vault login - < token-file"
        }
        "userpass" | "ldap" | "okta" | "radius" => {
            "Usage: vault login -method=userpass|ldap|okta|radius [CONFIG K=V...]\n\n      \
             $ vault login -method=userpass username=ann\n      Password (will be hidden):\n\n\
             Configuration:\n\n  \
             username=<string>\n      Name of the user; without it VAULT_LDAP_USERNAME or USER.\n\n  \
             password=<string>\n      Password; without it, it is asked for.\n\n\
             -path=<mount> says where the method is, if not at its name."
        }
        "approle" => {
            "Usage: vault login -method=approle role_id=<string> secret_id=<string>\n\n      \
             $ vault login -method=approle role_id=5b7e… secret_id=@secret-id\n\n\
             -path=<mount> says where the method is, if not at its name."
        }
        "cert" => {
            "Usage: vault login -method=cert -client-cert=FILE -client-key=FILE [name=<role>]\n\n      \
             $ vault login -method=cert -client-cert=cert.pem -client-key=key.pem name=my-cert"
        }
        "jwt" => {
            "Usage: vault login -method=jwt role=<role> jwt=<token>\n\n      \
             $ vault login -method=jwt role=ci jwt=@token"
        }
        "kubernetes" => {
            "Usage: vault login -method=kubernetes role=<role> [jwt=<token>]\n\n  \
             Inside a pod the token of its service account is found by itself.\n\n      \
             $ vault login -method=kubernetes role=app"
        }
        _ => return None,
    })
}
