use trustkeep_crypto::SecretString;

use super::{Credentials, Missing, Search};
use crate::sts::Sts;

/// A token of an identity provider (EKS service accounts, OIDC), exchanged at STS for a role's credentials.
///
/// Settings, or `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN` and `AWS_ROLE_SESSION_NAME`.
pub(crate) async fn load(search: &Search<'_>) -> Result<Credentials, Missing> {
    let (env, settings) = (&search.context.env, search.settings);
    let file = settings.web_identity_token_file.as_ref().map(|path| path.display().to_string());
    let Some(file) = file.or_else(|| env.get("AWS_WEB_IDENTITY_TOKEN_FILE")) else {
        return Err(Missing::absent("AWS_WEB_IDENTITY_TOKEN_FILE is not set"));
    };
    let Some(role) = settings.role_arn.clone().or_else(|| env.get("AWS_ROLE_ARN")) else {
        return Err(Missing::broken("AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not"));
    };
    exchange(search, &file, &role, search.region().await.as_deref()).await
}

/// The file is read each time: its content is rotated.
pub(crate) async fn exchange(
    search: &Search<'_>,
    file: &str,
    role: &str,
    region: Option<&str>,
) -> Result<Credentials, Missing> {
    let token = tokio::fs::read_to_string(file).await.map(SecretString::new);
    let token = token.map_err(|error| Missing::broken(format!("web identity token file {file}: {error}")))?;
    let sts = Sts::new(search.context, search.http, region).map_err(Missing::broken)?;
    let session = search.session_name();
    sts.assume_role_with_web_identity(role, &session, token.expose().trim()).await.map_err(Missing::broken)
}
