//! `vault login`: proves who you are and keeps the token for the commands that follow.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::Request;
use super::error::Error;
use super::secret::Secret;
use super::session::Session;
use super::{data, input, path, token_helper};

/// How to log in, and what to do with the token.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault login                                   asks for a token\n  \
    vault login hvs.CAES…                         (stays in the shell's history)\n  \
    vault login -method=userpass username=ann     asks for the password\n  \
    vault login -method=approle role_id=… secret_id=@secret-id\n  \
    export VAULT_TOKEN=$(vault login -token-only -method=userpass username=ann)")]
pub(crate) struct Args {
    /// Auth method: token, userpass, ldap, approle, cert, jwt or kubernetes
    #[arg(long, value_name = "TYPE", default_value = "token")]
    method: String,
    /// Where the method is enabled, if not at its name
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// Do not store the token
    #[arg(long, conflicts_with = "no_print")]
    no_store: bool,
    /// Do not print the token
    #[arg(long)]
    no_print: bool,
    /// Print the token alone and do not store it
    #[arg(long)]
    token_only: bool,
    /// Token, or what the method needs
    #[arg(value_name = "TOKEN|KEY=VALUE")]
    data: Vec<String>,
}

pub(crate) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    let method = path::clean(&args.method);
    let mount = path::clean(args.path.as_deref().unwrap_or(method));
    let mut words = args.data;
    if let Some(first) = words.first_mut().filter(|word| method == "token" && !word.contains('=')) {
        // `vault login -` reads the token from standard input, as `token=-` does.
        *first = format!("token={first}");
    }
    let mut config = data::parse_text(&words, session.non_interactive)?;
    let answer = match method {
        "token" => with_token(session, &mut config).await,
        "userpass" | "ldap" | "okta" | "radius" => with_password(session, mount, &mut config).await,
        "approle" | "jwt" | "cert" | "kubernetes" => {
            let at = format!("auth/{mount}/login");
            if method == "kubernetes" && !config.contains_key("jwt") {
                config.insert("jwt".to_owned(), service_account()?);
            }
            session.client.secret(Request::new(Method::PUT, &at).token("").body(Value::Object(config))).await
        }
        _ => {
            return Err(Error::Usage(format!(
                "Unknown auth method: {method}. Use \"vault auth list\" to see the complete list of\n\
                 auth methods. Additionally, some auth methods are only available via the HTTP\n\
                 API: `vault write auth/{mount}/login …`"
            )));
        }
    };
    let answer = answer.map_err(|error| error.during("Error authenticating"))?;
    let secret = answer.ok_or_else(|| Error::Nothing("Vault returned an empty secret".to_owned()))?;
    if secret.auth().is_some_and(|auth| auth.get("mfa_requirement").is_some_and(Value::is_object)) {
        session.screen.warn(
            "The login needs a second factor. Validate it by writing mfa_request_id and mfa_payload to \
             sys/mfa/validate.\n",
        );
        return session.screen.secret(&secret);
    }
    let keep = !args.no_store && !args.token_only;
    let secret = match (secret.wrap_info().is_some(), keep) {
        (false, _) => secret,
        (true, true) => opened(session, &secret).await?,
        (true, false) if args.token_only => {
            let token = secret.field("wrapping_token");
            return session.screen.field_value(token.as_ref(), "wrapping_token", "secret");
        }
        (true, false) => return session.screen.secret(&secret),
    };
    let token =
        secret.field("token").and_then(|token| token.as_str().map(str::to_owned)).ok_or_else(|| {
            Error::Nothing(
                "Vault returned a secret, but the secret has no authentication information attached"
                    .to_owned(),
            )
        })?;
    if keep {
        store(session, &token, &secret)?;
    } else if !args.token_only {
        session.screen.warn(
            "The token was not stored in token helper. Set the VAULT_TOKEN environment\n\
             variable or pass the token below with each request to Vault.\n",
        );
    }
    if args.no_print {
        return Ok(ExitCode::SUCCESS);
    }
    if args.token_only {
        return session.screen.field_value(Some(&Value::from(token)), "token", "secret");
    }
    if keep && session.screen.wanted_field().is_none() {
        session.screen.say(
            "Success! You are now authenticated. The token information displayed below\n\
             is already stored in the token helper. You do NOT need to run \"vault login\"\n\
             again. Future Vault requests will automatically use this token.\n",
        )?;
    }
    session.screen.secret(&secret)
}

fn store(session: &Session, token: &str, secret: &Secret) -> Result<(), Error> {
    let environment = |name: &str| std::env::var(name).ok();
    if let Err(error) = token_helper::store(token, &environment) {
        session
            .screen
            .warn("Authentication was successful, but the token was not stored. It is shown below.\n");
        session.screen.secret(secret)?;
        return Err(error);
    }
    if std::env::var_os("VAULT_TOKEN").is_some_and(|token| !token.is_empty()) {
        session.screen.warn(
            "WARNING! The VAULT_TOKEN environment variable is set! The value of this\n\
             variable will take precedence; if this is unwanted please unset VAULT_TOKEN or\n\
             update its value accordingly.\n",
        );
    }
    Ok(())
}

/// A token is its own proof: look it up, and show what it is in the form of a login.
async fn with_token(session: &Session, config: &mut Map<String, Value>) -> Result<Option<Secret>, Error> {
    let given = config.remove("token").and_then(|token| token.as_str().map(|token| token.trim().to_owned()));
    let token = match given {
        Some(token) => zeroize::Zeroizing::new(token),
        None => input::hidden("Token", session.non_interactive)?,
    };
    if token.is_empty() {
        return Err(Error::Usage("Error authenticating: a token must be given".to_owned()));
    }
    let request = Request::new(Method::GET, "auth/token/lookup-self").token(&token);
    let found = session.client.secret(request).await;
    let found = found.map_err(|error| error.during("error looking up token"))?;
    let Some(found) = found else { return Ok(None) };
    if found.wrap_info().is_some() {
        return Ok(Some(found));
    }
    let data = found.into_data();
    let field = |name: &str| data.get(name).cloned().unwrap_or(Value::Null);
    let list = |name: &str| data.get(name).filter(|value| value.is_array()).cloned().unwrap_or(json!([]));
    let own = list("policies");
    let mut all: Vec<Value> = own.as_array().cloned().unwrap_or_default();
    for policy in list("identity_policies").as_array().into_iter().flatten() {
        if !all.contains(policy) {
            all.push(policy.clone());
        }
    }
    Ok(Some(Secret::from_auth(json!({
        "client_token": token.as_str(),
        "accessor": field("accessor"),
        "policies": all,
        "token_policies": own,
        "identity_policies": list("identity_policies"),
        "metadata": field("meta"),
        "orphan": field("orphan"),
        "entity_id": field("entity_id"),
        "lease_duration": field("ttl"),
        "renewable": field("renewable"),
    }))))
}

async fn with_password(
    session: &Session,
    mount: &str,
    config: &mut Map<String, Value>,
) -> Result<Option<Secret>, Error> {
    let user = match config.remove("username") {
        Some(Value::String(user)) => user,
        _ => std::env::var("VAULT_LDAP_USERNAME")
            .or_else(|_| std::env::var("USER"))
            .map_err(|_| Error::Usage("the user name is needed: username=NAME".to_owned()))?,
    };
    if !config.contains_key("password") {
        let password = input::hidden("Password", session.non_interactive)?;
        config.insert("password".to_owned(), password.as_str().into());
    }
    let at = format!("auth/{mount}/login/{user}");
    let body = Value::Object(std::mem::take(config));
    session.client.secret(Request::new(Method::PUT, &at).token("").body(body)).await
}

/// Inside a Kubernetes pod the token of its service account lies here.
fn service_account() -> Result<Value, Error> {
    Ok(input::file("/var/run/secrets/kubernetes.io/serviceaccount/token")?.trim().into())
}

/// The login inside a wrapped answer.
async fn opened(session: &Session, wrapped: &Secret) -> Result<Secret, Error> {
    let token = wrapped.field("wrapping_token");
    let token = token.as_ref().and_then(Value::as_str).unwrap_or_default();
    let request = Request::new(Method::PUT, "sys/wrapping/unwrap").token(token).preparatory();
    let opened =
        session.client.secret(request).await.map_err(|error| error.during("Error extracting token"))?;
    opened.ok_or_else(|| Error::Nothing("Vault returned an empty secret".to_owned()))
}
