use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use trustkeep_crypto::SecretString;

use crate::{Call, Client, Context, Credentials, Result};

/// The two operations of the Security Token Service that turn one identity into another (version 2011-06-15).
pub(crate) struct Sts<'a> {
    context: &'a Context,
    http: &'a reqwest::Client,
    region: String,
    endpoint: String,
}

const VERSION: &str = "2011-06-15";

impl<'a> Sts<'a> {
    /// The regional endpoint, or without a region the global one.
    pub(crate) fn new(context: &'a Context, http: &'a reqwest::Client, region: Option<&str>) -> Result<Self> {
        let endpoint = match (context.env.endpoint("sts"), region) {
            (Some(endpoint), _) => endpoint,
            (None, Some(region)) => crate::client::default_endpoint("sts", region),
            (None, None) => "https://sts.amazonaws.com".into(),
        };
        Ok(Self { context, http, region: region.unwrap_or("us-east-1").to_owned(), endpoint })
    }

    /// Exchanges a token of an identity provider. The token itself proves the identity: nothing is signed.
    pub(crate) async fn assume_role_with_web_identity(
        &self,
        role: &str,
        session: &str,
        token: &str,
    ) -> Result<Credentials> {
        let client = self.client().anonymous().build()?;
        let parameters = [("RoleArn", role), ("RoleSessionName", session), ("WebIdentityToken", token)];
        let call = Call::query("AssumeRoleWithWebIdentity", VERSION, parameters).idempotent();
        let reply: WebIdentityResponse = client.send(call).await?.xml()?;
        Ok(reply.result.credentials.into_credentials("web identity"))
    }

    /// Takes on a role with credentials at hand.
    pub(crate) async fn assume_role(
        &self,
        base: Credentials,
        role: &str,
        session: &str,
        external_id: Option<&str>,
    ) -> Result<Credentials> {
        let client = self.client().credentials(Arc::new(Arc::new(base))).build()?;
        let parameters = [("RoleArn", role), ("RoleSessionName", session)].into_iter();
        let parameters = parameters.chain(external_id.map(|id| ("ExternalId", id)));
        let call = Call::query("AssumeRole", VERSION, parameters).idempotent();
        let reply: AssumeRoleResponse = client.send(call).await?.xml()?;
        Ok(reply.result.credentials.into_credentials("assumed role"))
    }

    fn client(&self) -> crate::client::Builder {
        Client::builder("sts", &self.region)
            .endpoint(&self.endpoint)
            .context(self.context.clone())
            .transport(self.http.clone())
    }
}

#[derive(Deserialize)]
struct WebIdentityResponse {
    #[serde(rename = "AssumeRoleWithWebIdentityResult")]
    result: RoleResult,
}

#[derive(Deserialize)]
struct AssumeRoleResponse {
    #[serde(rename = "AssumeRoleResult")]
    result: RoleResult,
}

#[derive(Deserialize)]
struct RoleResult {
    #[serde(rename = "Credentials")]
    credentials: Temporary,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Temporary {
    access_key_id: String,
    secret_access_key: SecretString,
    session_token: SecretString,
    expiration: Timestamp,
}

impl Temporary {
    fn into_credentials(self, source: &'static str) -> Credentials {
        Credentials {
            access_key_id: self.access_key_id,
            secret_access_key: self.secret_access_key,
            session_token: Some(self.session_token),
            expires_at: Some(self.expiration),
            source,
        }
    }
}
