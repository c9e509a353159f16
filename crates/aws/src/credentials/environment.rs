use trustkeep_crypto::SecretString;

use super::{Credentials, Missing, Search};

/// Keys given in the configuration.
pub(crate) fn from_settings(search: &Search<'_>) -> Result<Credentials, Missing> {
    let settings = search.settings;
    pair(
        settings.access_key_id.clone(),
        settings.secret_access_key.as_ref().map(SecretString::duplicate),
        settings.session_token.as_ref().map(SecretString::duplicate),
        "configuration",
        ["access_key", "secret_key"],
    )
}

/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
pub(crate) fn from_environment(search: &Search<'_>) -> Result<Credentials, Missing> {
    let env = &search.context.env;
    pair(
        env.get("AWS_ACCESS_KEY_ID"),
        env.get("AWS_SECRET_ACCESS_KEY").map(SecretString::new),
        env.get("AWS_SESSION_TOKEN").map(SecretString::new),
        "environment",
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
    )
}

/// Half a pair is a mistake, not an absence.
pub(crate) fn pair(
    access_key_id: Option<String>,
    secret_access_key: Option<SecretString>,
    session_token: Option<SecretString>,
    source: &'static str,
    [id_name, secret_name]: [&str; 2],
) -> Result<Credentials, Missing> {
    match (access_key_id, secret_access_key) {
        (Some(access_key_id), Some(secret_access_key)) => {
            Ok(Credentials { access_key_id, secret_access_key, session_token, expires_at: None, source })
        }
        (None, None) => Err(Missing::absent(format!("{id_name} and {secret_name} are not set"))),
        (Some(_), None) => Err(Missing::broken(format!("{id_name} is set but {secret_name} is not"))),
        (None, Some(_)) => Err(Missing::broken(format!("{secret_name} is set but {id_name} is not"))),
    }
}
